"""What posted events state of a case: how it opens, what a statement changes, and what is left
where one is taken back. The changes are built here and written by whoever asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection

from services.cases.commands.decide import entered
from services.cases.commands.destination import choose_destination
from services.cases.deadlines import tasks as deadlines
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext, Statement, Step
from services.cases.routing.decision_table import OPENING, current_facts
from services.cases.store import tables
from services.cases.store.tables import Change


def open_case(
    case_id: str,
    member: str | None,
    origin: str | None,
    stated: Sequence[Statement],
    context: DecisionContext,
    **more: Any,
) -> Change:
    """A new case from its statements: announced, and at once triaged where a row applies."""
    opening = _opening(stated)
    poster = _poster(opening[0])
    case = Case(
        id=case_id,
        member=member,
        origin=origin,
        poster=poster,
        facts=current_facts(stated),
        reports=_reports(opening),
        opened_at=context.now,
        entered_at=context.now,
        touched_at=context.now,
        counted_from=context.today,
        **more,
    )
    steps = [Step("open", None, states.ANNOUNCED, poster)]
    if not case.inflow:
        case = choose_destination(case, context)
        if case.state == states.TRIAGED:
            steps.append(Step("match", states.ANNOUNCED, states.TRIAGED, None, case.rule))
    return Change(None, deadlines.settle(case, context), steps)


def restated(
    tx: Connection,
    case: Case,
    context: DecisionContext,
    command: str,
    reason: str | None = None,
    by: str | None = None,
) -> Change:
    """The change that a case's present statements make: facts, claim, poster; the row where it is
    still open to it.
    """
    return change_from_statements(
        case, tables.statements(tx, [case.id]).get(case.id, []), context, command, reason, by
    )


def change_from_statements(
    case: Case,
    stated: Sequence[Statement],
    context: DecisionContext,
    command: str,
    reason: str | None = None,
    by: str | None = None,
) -> Change:
    """``restated`` from given statements."""
    opening = _opening(stated)
    by_a_person = any(statement.kind == "triage" for statement in stated)
    after = case.replace(
        facts=current_facts(stated),
        reports=_reports(opening),
        touched_at=context.now,
        poster=_poster(opening[0]) if opening else case.poster,
        triaged_by_person=case.triaged_by_person or by_a_person,
    )
    steps = [Step(command, case.state, case.state, by, reason)]
    if case.state in (states.ANNOUNCED, states.TRIAGED) and not case.inflow:
        after = choose_destination(after, context)
        steps += _step_of_choice(case, after)
        if after.state != case.state:
            after = entered(case, after, context)
    return Change(case, deadlines.settle(after, context), steps)


def after_withdrawal(tx: Connection, case: Case, context: DecisionContext, by: str) -> Change:
    """What is left of a case once a statement of it was withdrawn: closed where nothing else opened
    it.
    """
    stated = tables.statements(tx, [case.id]).get(case.id, [])
    if _opening(stated) or case.state not in (states.ANNOUNCED, states.TRIAGED):
        return change_from_statements(case, stated, context, "join", "withdrawn", by)
    after = entered(case, case.replace(state=states.CLOSED, touched_at=context.now), context)
    return Change(
        case,
        deadlines.settle(after, context),
        [Step("withdraw", case.state, states.CLOSED, by, "event_withdrawn")],
    )


def record_contact(case: Case, context: DecisionContext, day: date | None, by: str) -> Change:
    """A contact that reached the member stops the contact clock (t18)."""
    days = [known for known in (case.contacted_on, day) if known]
    after = case.replace(contacted_on=max(days), touched_at=context.now)
    after = deadlines.settle(after, context)
    return Change(case, after, [Step("contact", case.state, case.state, by)])


def _step_of_choice(case: Case, after: Case) -> list[Step]:
    """The row of history for a destination chosen anew; none where nothing came of it."""
    still_announced = case.state == after.state == states.ANNOUNCED
    same = (
        case.state == after.state
        and case.rule == after.rule
        and case.destination == after.destination
    )
    if still_announced or same:
        return []
    command = "match" if case.state == states.ANNOUNCED else "state_facts"
    return [Step(command, case.state, after.state, None, after.rule)]


def _opening(stated: Sequence[Statement]) -> list[Statement]:
    """The statements that stand and could have opened the case, in their order."""
    opening = [
        statement for statement in stated if statement.kind in OPENING and not statement.withdrawn
    ]
    return sorted(opening, key=lambda statement: statement.order)


def _poster(statement: Statement) -> str:
    """The code of the organisation that a statement comes from."""
    return statement.source.rpartition(":")[2]


def _reports(opening: Sequence[Statement]) -> list[dict[str, str]]:
    """Who has reported the member at a host, and when."""
    return [
        {"organisation": _poster(statement), "at": statement.time.isoformat()}
        for statement in opening
        if statement.kind == "guidui.host.report.v1"
    ]
