"""The pocket of the past: counterfoils that nobody answered become open cases with their true
dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

from sqlalchemy import Connection

from schemas.envelope import NAMESPACE_GUIDUI
from services.cases.commands.decide import expire
from services.cases.deadlines import tasks as deadlines
from services.cases.deadlines.calendar import midnight
from services.cases.model import states as s
from services.cases.model.case import Case, DecisionContext, Step
from services.cases.routing.rule_source import RuleSource, member_facts
from services.cases.store import case_ids, numbers, tables
from services.cases.store.tables import Change
from services.kit.errors import Text


def open_letters(
    tx: Connection, letters: Sequence[Mapping[str, Any]], now: datetime, rule_source: RuleSource
) -> list[str | Text]:
    """Opens one case per counterfoil: ``new``, ``unchanged`` (it stands already), or why not, in
    order.

    A letter that ran out long ago is expired at once, so that its member shows as a pocket member
    on the first day.
    """
    context = rule_source.context(tx, now)
    homes = member_facts(tx, [letter["member"] for letter in letters])
    numbered = [letter["number"] for letter in letters]
    plain = {number: uuid5(NAMESPACE_GUIDUI, f"letter:{number}") for number in numbered}
    given = case_ids.read(tx, plain.values())
    ids = {number: given.of(plain_id) for number, plain_id in plain.items()}
    known = tables.load(tx, list(ids.values()))
    busy = tables.open_of_members(tx, list(homes))
    answers: list[str | Text] = []
    changes: list[Change] = []
    for letter in letters:
        ident = ids[letter["number"]]
        if ident in known:
            answers.append("unchanged")
        elif letter["member"] in busy:
            answers.append(
                Text("该党员已有一件未办结的转移", "the member has an open case already")
            )
        else:
            case = _case(ident, letter, homes[letter["member"]][1], context)
            steps = [
                Step(
                    "open_backlog",
                    None,
                    s.LETTER_ISSUED,
                    letter["from"],
                    "counterfoil",
                    _written_on(letter),
                )
            ]
            if deadlines.expired(case, context):
                move = expire(case, context)
                case, steps = move.case, [*steps, *move.steps]
            changes.append(Change(None, case, steps))
            busy[letter["member"]] = case
            answers.append("new")
    tables.write(tx, changes, context)
    numbers.keep(tx, [c.after for c in changes], context)
    tables.show_person(tx, _people(tx, changes))
    return answers


def _case(ident: str, letter: Mapping[str, Any], home: str, context: DecisionContext) -> Case:
    issued, days = (
        letter["issued_on"],
        int(letter.get("validity_days") or context.policy.validity_days_max),
    )
    case = Case(
        id=ident,
        state=s.LETTER_ISSUED,
        member=letter["member"],
        origin=letter.get("from") or home,
        poster=letter.get("from") or home,
        destination=letter.get("to") or letter.get("header"),
        destination_source="stated",
        letter_number=letter["number"],
        letter_issued_on=issued,
        letter_expires_on=issued + timedelta(days=days),
        letter_channel=letter.get("channel") or "paper",
        letter_status="valid",
        letters=1,
        first_issued_on=issued,
        opened_at=midnight(issued),
        entered_at=midnight(issued),
        counted_from=issued,
        touched_at=midnight(issued),
        policy=context.policy.version,
    )
    settled = deadlines.settle(case, context)
    return settled.replace(header=letter.get("header") or settled.header)


def _written_on(letter: Mapping[str, Any]) -> dict[str, str]:
    """What the counterfoil says besides the case: the month that dues were paid to when the letter
    was issued.
    """
    dues_paid_to = letter.get("dues_paid_to")
    if not dues_paid_to:
        return {}
    return {"dues_paid_to": dues_paid_to}


def _people(tx: Connection, changes: Sequence[Change]) -> list[dict[str, Any]]:
    cases = {c.after.member: c.after for c in changes}
    known = (
        tx.exec_driver_sql(
            "SELECT member, name, sex, birth_date::text, phone, address FROM member "
            "WHERE member = ANY (%s)",
            (list(cases),),
        ).all()
        if cases
        else []
    )
    return [registered(cases[row[0]], row) for row in known]


def registered(case: Case, row: Any) -> dict[str, Any]:
    """The person of a case as the register has them; ``row`` holds name, sex, birth date, phone and
    address after the member.
    """
    return {
        "case_id": case.id,
        "event_id": case.id,
        "position": -1,
        "organisation": case.origin or "",
        "of_line": True,
        "time": case.opened_at,
        "name": row[1],
        "sex": row[2],
        "birth_date": row[3],
        "phone": row[4],
        "address": row[5],
        "evidence": None,
    }
