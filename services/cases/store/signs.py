"""Signs of organisational life, each kept with the event that says it, so that one can be taken
back.

What a member's row says is the latest of what the register's files said and of the signs that are
left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from schemas.days import stored_day
from services.cases.commands.statements import record_contact
from services.cases.deadlines import tasks as deadlines
from services.cases.model import states as s
from services.cases.model.case import Case, DecisionContext, Step
from services.cases.store import tables
from services.cases.store.tables import Change
from services.kit.db.engine import dumps, rows

_OF_CASE = """
UPDATE member_sign g SET case_id = s.case_id, seq = s.seq
FROM json_to_recordset(%s::json) s(event uuid, position int, case_id uuid, seq int)
WHERE g.event_id = s.event AND g.position = s.position"""
# a stay or a registration begins the count of contacts anew
_LEFT = """
SELECT max(g.reached) AS day FROM member_sign g WHERE g.case_id = CAST(:case AS uuid)
    AND g.seq > coalesce(
    (SELECT max(e.seq) FROM case_event e WHERE e.case_id = g.case_id
     AND e.command IN ('approve_stay', 'register_floating')), 0)"""


@dataclass(frozen=True, slots=True)
class Sign:
    """What one event says of a member: a day of organisational life, dues paid to a month (said on
    day ``sign``), a day on which ``by`` reached them.
    """

    event: UUID
    position: int
    member: str
    by: str
    life: str | None = None
    sign: date | None = None
    dues: str | None = None
    reached: str | None = None


def keep(tx: Connection, signs: Sequence[Sign], context: DecisionContext) -> None:
    """Keeps signs; a contact stops the contact clock of the member's case, if one stands."""
    if not signs:
        return
    tx.exec_driver_sql("SELECT member_signs(%s::json)", (dumps([asdict(sign) for sign in signs]),))
    contacts = _newest_contacts(signs)
    changes = []
    for member, case in tables.open_of_members(tx, sorted(contacts)).items():
        contact = contacts[member]
        day = stored_day(str(contact.reached))
        changes.append(record_contact(case, context, day, contact.by))
    written = tables.write(tx, changes, context)
    if written:
        _name_cases(tx, signs, {case.member: case for case in written})


def _newest_contacts(signs: Sequence[Sign]) -> dict[str, Sign]:
    """Member -> the sign of the latest day on which somebody reached them."""
    contacts: dict[str, Sign] = {}
    for sign in signs:
        if not sign.reached:
            continue
        known = contacts.get(sign.member)
        if known is None or sign.reached > (known.reached or ""):
            contacts[sign.member] = sign
    return contacts


def _name_cases(tx: Connection, signs: Sequence[Sign], case_of: Mapping[str | None, Case]) -> None:
    """Notes of each contact which row of a case's history it made."""
    lines = []
    for sign in signs:
        case = case_of.get(sign.member)
        if not sign.reached or case is None:
            continue
        lines.append(
            {
                "event": sign.event,
                "position": sign.position,
                "case_id": case.id,
                "seq": case.seq,
            }
        )
    tx.exec_driver_sql(_OF_CASE, (dumps(lines),))


def take_back(  # noqa: PLR0913
    tx: Connection,
    event: UUID,
    position: int | None,
    context: DecisionContext,
    command: str,
    reason: str,
    by: str,
    person: str | None = None,
) -> int:
    """Takes back what an event said of one person (None: of all): as if it had never been told;
    returns of how many.

    The clock finds the members again at once. A case that it touched gets a history row
    ``command``.
    """
    gone = rows(tx, "SELECT * FROM member_unsigned(:e, :p)", {"e": event, "p": position})
    told_by_case = {str(r.case_id): r.seq for r in gone if r.case_id}
    for case in tables.load(tx, sorted(told_by_case)).values():
        if (case.state, command) in s.TRANSITIONS:
            _uncontacted(
                tx,
                case,
                told_by_case[case.id],
                context,
                Step(command, case.state, case.state, by, reason),
                person,
            )
    return len(gone)


def _uncontacted(
    tx: Connection, case: Case, seq: int, context: DecisionContext, step: Step, person: str | None
) -> None:
    day: Any = rows(tx, _LEFT, {"case": case.id})[0].day
    after = deadlines.settle(case.replace(contacted_on=day, touched_at=context.now), context)
    tables.write(tx, [Change(case, after, [step])], context, person)
    tx.exec_driver_sql(
        "SELECT case_forgets(%s::uuid, '{contacted_on}', %s, '{}', false)", (case.id, [seq])
    )
