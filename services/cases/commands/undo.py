"""Taking an event back out of a case that it never belonged to: it was about somebody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases.commands.decide import entered
from services.cases.commands.destination import choose_destination
from services.cases.commands.statements import change_from_statements
from services.cases.deadlines import tasks as deadlines
from services.cases.model import states as s
from services.cases.model.case import Case, DecisionContext, Statement, Step
from services.cases.routing.decision_table import OPENING
from services.cases.store import tables
from services.cases.store.backlog import registered
from services.cases.store.tables import Change
from services.kit.db.engine import rows

UNDO, REASON = "undo_match", "identification_undone"
# what an event states of a case; with `whole`, when nothing of the case is the member's
_STATED = (
    "facts",
    "reports",
    "category",
    "rule",
    "override",
    "area",
    "destination_source",
    "parent",
    "position",
)
_WHOLE = (
    "facts",
    "reports",
    "area",
    "asks",
    "member",
    "obstacle",
    "permit_no",
    "host",
    "parent",
    "position",
)
# whatever the case was opened for, people have acted on the member by it
_ACTED = """
SELECT EXISTS (SELECT FROM case_event WHERE case_id = %s::uuid
    AND (command IN ('accept', 'record_paper_receipt', 'suspend', 'restore', 'strike_off')
         OR command = 'close' AND reason IN ('deceased', 'left_the_party')))"""


@dataclass(frozen=True, slots=True)
class Taken:
    """The case that an event was taken out of; ``stays``: it remains the member's, since people
    moved them by it. ``parent`` is the bulk case that it no longer belongs to.
    """

    case: str | None = None
    stays: bool = False
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Stranger:
    """What is taken out: one person of an event, who does it, and what was posted of the person
    (``words``) that nobody shall find in the case, whoever wrote it there. ``right``: the member
    whom it is about, where that is known.
    """

    event: UUID
    position: int
    by: str
    person: str | None
    words: Sequence[str] = ()
    parent: str | None = None
    right: str | None = None


def take_out(tx: Connection, stranger: Stranger, context: DecisionContext) -> Taken:
    """Takes what an event stated of a person out of the case it opened or joined.

    Nothing of the event stays in the case, its history or what is shown of the person. A case that
    nothing else opened is closed, its letter void, and is no longer the member's; else it goes on
    by what is left. Where people have moved the member by it, or changed their standing, the case,
    its acts and the affiliation stay as they are, without what the stranger's event stated. ``tx``
    acts as the worker.
    """
    stated_of = tx.exec_driver_sql(
        "SELECT DISTINCT case_id::text FROM statement WHERE event = %s AND position = %s",
        (stranger.event, stranger.position),
    )
    ids = stated_of.scalars().all()
    taken = Taken()
    for case in tables.load(tx, ids).values():
        tx.exec_driver_sql(
            "SELECT case_unsays(%s::uuid, %s, %s)", (case.id, stranger.event, stranger.position)
        )
        taken = _without(tx, case, stranger, context)
    return taken


def _without(tx: Connection, case: Case, stranger: Stranger, context: DecisionContext) -> Taken:
    rest = tables.statements(tx, [case.id]).get(case.id, [])
    left = any(statement.kind in OPENING and not statement.withdrawn for statement in rest)
    stays = not left and tx.exec_driver_sql(_ACTED, (case.id,)).scalar_one()
    whole = not left and not stays
    if whole or (stays and case.state in s.BEFORE_ACCEPTED - {s.SUSPENDED}):
        change = _closed(case, stranger, context, stays)
    else:
        change = _goes_on(case, rest, stranger, context)
    tx.exec_driver_sql("DELETE FROM case_person WHERE case_id = %s::uuid", (case.id,))
    tx.exec_driver_sql(
        "DELETE FROM case_contact WHERE case_id = %s::uuid AND (%s OR (event_id, position) = (%s, "
        "%s))",
        (case.id, not left, stranger.event, stranger.position),
    )
    tables.write(tx, [change], context, stranger.person)
    tx.exec_driver_sql(
        "SELECT case_forgets(%s::uuid, %s, NULL, %s, %s)",
        (case.id, list(_WHOLE if whole else _STATED), list(stranger.words), whole),
    )
    if not left:
        tx.exec_driver_sql(
            "SELECT registration_of_another(%s::uuid, %s, %s)",
            (case.id, stranger.right, context.now),
        )
    if stays:
        _show_member(tx, case)
    elif left:
        _show_again(tx, case)
    leaves_group = whole or change.after.parent != case.parent
    return Taken(case.id, stays, case.parent if leaves_group else None)


def _closed(case: Case, stranger: Stranger, context: DecisionContext, stays: bool) -> Change:
    """The case ended where it stands; what it was opened for never was."""
    ended_already = case.state in s.TERMINAL
    closed = case.state if ended_already else s.CLOSED
    step = Step(UNDO, case.state, closed, stranger.by, REASON)
    after = case.replace(
        state=step.to_state, touched_at=context.now, facts={}, reports=[], asks=[], receiver=None
    )
    if case.letter_number and not ended_already:
        after = after.replace(letter_status="void")
    if stays:
        after = after.replace(
            category=None,
            rule=None,
            override=None,
            area=None,
            destination_source=None,
            parent=None,
            position=None,
        )
    return Change(case, deadlines.settle(entered(case, after, context), context), [step])


def _goes_on(
    case: Case, rest: Sequence[Statement], stranger: Stranger, context: DecisionContext
) -> Change:
    """The case by what is left. Its row is that of the facts left; where it goes is as people have
    confirmed it.
    """
    change = change_from_statements(case, rest, context, UNDO, REASON, stranger.by)
    after = change.after
    if after.facts != case.facts and case.state not in (s.ANNOUNCED, s.TRIAGED):
        again = choose_destination(after, context)
        receiver = context.directory.get(after.destination) if after.destination else None
        confirmed_by_people = after.destination and again.destination != after.destination
        after = after.replace(
            category=again.category,
            rule=again.rule,
            override=again.override,
            area=receiver.area if receiver else again.area,
            destination_source="stated" if confirmed_by_people else again.destination_source,
        )
    if not any(_keeps_in_group(statement, case, stranger) for statement in rest):
        after = after.replace(parent=None, position=None)
    return Change(case, deadlines.settle(after, context), change.steps)


def _keeps_in_group(statement: Statement, case: Case, stranger: Stranger) -> bool:
    """Whether a statement that is left is why the case belongs to its group."""
    of_another_group = case.parent != stranger.parent
    same_event = statement.event == str(stranger.event)
    return statement.kind in OPENING and (same_event or of_another_group)


def _show_member(tx: Connection, case: Case) -> None:
    """What is shown is what the register says of the member; where they live is not for this case
    to say.
    """
    known = tx.exec_driver_sql(
        "SELECT member, name, sex, birth_date::text, phone, NULL FROM member WHERE member = %s",
        (case.member,),
    ).all()
    tables.show_person(tx, [registered(case, statement) for statement in known])


def _show_again(tx: Connection, case: Case) -> None:
    """Who the person is comes from the latest event that is left."""
    left = rows(
        tx,
        """SELECT p.body, x.event, x.position, x.time, x.source,
            coalesce(k.of_line, false) AS of_line
        FROM statement x JOIN posted_person p ON p.event_id = x.event
            AND p.position = x.position
        LEFT JOIN case_contact k
            ON (k.case_id, k.event_id, k.position) = (x.case_id, x.event, x.position)
        WHERE x.case_id = CAST(:id AS uuid) AND NOT x.withdrawn
            AND p.body IS NOT NULL
        ORDER BY x.time DESC, x.source DESC, x.ext_id DESC LIMIT 1""",
        {"id": case.id},
    )
    for row in left:
        posted_person: Mapping[str, Any] = row.body.get("person") or {}
        tables.show_person(
            tx,
            [
                {
                    "case_id": case.id,
                    "event_id": row.event,
                    "position": row.position,
                    "of_line": row.of_line,
                    "organisation": row.source.rpartition(":")[2],
                    "time": row.time,
                    **{k: posted_person.get(k) for k in ("name", "sex", "birth_date", "phone")},
                    "address": (row.body.get("to") or {}).get("address"),
                    "evidence": None,
                }
            ],
        )
