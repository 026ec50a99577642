"""Commands as people give them, and what posted events do to cases: read, decide, write, in the
caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection

from services.cases.commands import reports
from services.cases.commands.arguments import NOTHING, Named, refuse
from services.cases.commands.decide import decide, entered
from services.cases.commands.destination import choose_destination
from services.cases.commands.named import look_up
from services.cases.deadlines import tasks as deadlines
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext, MemberFacts, Move, Statement, Step
from services.cases.routing.decision_table import OPENING, current_facts
from services.cases.routing.rule_source import RuleSource, member_facts
from services.cases.store import numbers, tables
from services.cases.store.tables import Change
from services.cases.views import queries
from services.kit.errors import Refused
from services.registry.access import Caller


@dataclass(frozen=True, slots=True)
class Acting:
    """Who gives commands, when, and by which rules; ``person``: who it is at that organisation."""

    caller: Caller
    now: datetime
    rule_source: RuleSource
    person: str | None = None


@dataclass(frozen=True, slots=True)
class GivenCommand:
    """A command to one case; ``seen_state``: the state in which whoever gives it saw the case,
    None where they did not say.
    """

    case_id: str
    command: str
    args: Mapping[str, Any]
    seen_state: str | None = None


def apply(tx: Connection, acting: Acting, given: GivenCommand) -> dict[str, Any]:
    """Gives a command in a transaction of the caller's; returns the new view of the case.

    Raises Refused, and has written nothing: 404 the caller has no part in the case, 409 the case
    stands in another state than the one seen or the move is illegal, 403 it is not this
    organisation's act, 422 a field is wrong.
    """
    caller = acting.caller
    if caller.role == "sender":
        raise refuse(
            403,
            "role-without-commands",
            "报送密钥不能办理转移。",
            "A sender's key gives no commands.",
        )
    queries.must_see(tx, caller, given.case_id)
    named = look_up(tx, caller, given.command, given.args)
    with queries.as_worker(tx):
        case = tables.load(tx, [given.case_id])[given.case_id]
        _refuse_moved(case, given.seen_state)
        order = BatchOrder(case, given.command, caller.own_organisation, given.args, named)
        answer = apply_all(tx, [order], acting.now, acting.person, acting.rule_source)[0]
    if isinstance(answer, Refused):
        raise answer
    return queries.view_within(tx, given.case_id, acting.now, caller.organisation)


def _refuse_moved(case: Case, seen_state: str | None) -> None:
    """Refuses a command to a case that has moved since it was looked at."""
    if seen_state is None or seen_state == case.state:
        return
    state = states.STATES[case.state]
    raise refuse(
        409,
        "moved-meanwhile",
        f"这件转移已变为「{state[0]}」，请按现在的状态办理。",
        f"The transfer has moved on to '{state[1]}'; act on its present state.",
        state=case.state,
    )


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """One command to one case, given by organisation ``actor``; ``named`` is what its arguments
    name, as the actor sees it: nothing of anybody's where nobody looked.
    """

    case: Case
    command: str
    actor: str
    args: Mapping[str, Any]
    named: Named = NOTHING


def apply_all(
    tx: Connection,
    orders: Sequence[BatchOrder],
    now: datetime,
    person: str | None,
    rule_source: RuleSource,
) -> list[Case | Refused]:
    """Decides and writes commands to different cases together; ``tx`` acts as the worker.

    Answers in order: the case afterwards, or why not. One that is refused does not hold up the
    others.
    """
    context = rule_source.context(tx, now)
    contexts = _contexts_of(tx, orders, context)
    decisions = [_decision(tx, order, seen) for order, seen in zip(orders, contexts, strict=True)]
    moves = [
        (order, decision)
        for order, decision in zip(orders, decisions, strict=True)
        if isinstance(decision, Move)
    ]
    tables.state_facts(tx, _stated(moves))
    changes = [Change(order.case, move.case, move.steps) for order, move in moves]
    written = tables.write(tx, numbers.numbered(tx, changes, context), context, person)
    for order, move in moves:
        if move.taken_over:
            reports.take_over(tx, move.taken_over, order.case.id, order.actor, context)
    close_finished_groups(tx, written, context)
    after = {case.id: case for case in written}
    return [
        after[decision.case.id] if isinstance(decision, Move) else decision
        for decision in decisions
    ]


def _contexts_of(
    tx: Connection, orders: Sequence[BatchOrder], context: DecisionContext
) -> list[DecisionContext]:
    """What each order is decided on: the context with what is known of its member and its case."""
    members = {order.case.member for order in orders if order.case.member}
    known = member_facts(tx, sorted(members))
    noted = [order.case.id for order in orders if order.command == "note"]
    acted = tables.acted(tx, noted)
    taking_over = [
        order.case.id
        for order in orders
        if order.command == "triage" and order.args.get("from_report")
    ]
    reported = reports.of_cases(tx, taking_over)
    contexts = []
    for order in orders:
        case = order.case
        member = known[case.member][0] if case.member in known else MemberFacts()
        contexts.append(
            replace(
                context,
                member=member,
                acted=acted.get(case.id, frozenset()),
                reports=reported.get(case.id, ()),
            )
        )
    return contexts


def _decision(tx: Connection, order: BatchOrder, context: DecisionContext) -> Move | Refused:
    """The move that an order makes, or why it is refused."""
    try:
        move = decide(order.case, order.command, order.actor, order.args, context, order.named)
        if order.command == "merge":
            _join_other(tx, order, move.case.merged_into, context)
    except Refused as refusal:
        return refusal
    return move


def _stated(
    moves: Sequence[tuple[BatchOrder, Move]],
) -> list[tuple[UUID, str, Statement, int | None]]:
    """What the orders state of their cases: id, case, statement; no place in a posted event."""
    stated: list[tuple[UUID, str, Statement, int | None]] = []
    for order, move in moves:
        if move.statement:
            case = order.case
            ident = uuid5(UUID(case.id), f"{order.command}:{case.seq}")
            stated.append((ident, case.id, move.statement, None))
    return stated


def _join_other(
    tx: Connection, order: BatchOrder, into: str | None, context: DecisionContext
) -> None:
    """Moves what was stated about a merged case to the surviving one, whose history says which
    facts that changed.

    The survivor is as the rights of the actor were judged on: if it moved meanwhile, nothing is
    written.
    """
    merged = order.case
    survivor = order.named.cases[into or ""]
    tx.exec_driver_sql(
        "UPDATE statement SET case_id = %s::uuid WHERE case_id = %s::uuid",
        (survivor.id, merged.id),
    )
    change = restated(tx, survivor, context, "join", "merged", order.actor)
    before, after = survivor.facts, change.after.facts
    changed = sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )
    joined = replace(change.steps[0], detail={"merged": merged.id, "facts_changed": changed})
    tables.write(tx, [replace(change, steps=[joined, *change.steps[1:]])], context)


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


def withdraw(tx: Connection, case: Case, context: DecisionContext, by: str) -> Change:
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


def close_finished_groups(tx: Connection, moved: Sequence[Case], context: DecisionContext) -> None:
    """Closes the bulk parents of which every child has ended."""
    parents = {case.parent for case in moved if case.parent and case.state in states.TERMINAL}
    close_groups(tx, parents, context)


def close_groups(tx: Connection, parents: Collection[str], context: DecisionContext) -> None:
    """Closes those of the bulk cases of which every child has ended."""
    if not parents:
        return
    done = (
        tx.exec_driver_sql(
            f"""SELECT p.id::text
            FROM transfer_case p
            WHERE p.id = ANY (%s::uuid[]) AND p.state = 'bulk_open'
            AND NOT EXISTS (SELECT FROM transfer_case c
                WHERE c.parent = p.id AND c.state NOT IN {states.in_sql(states.ENDED)})""",
            (sorted(parents),),
        )
        .scalars()
        .all()
    )
    changes = []
    for case in tables.load(tx, done).values():
        closed = case.replace(state=states.BULK_CLOSED, touched_at=context.now)
        after = deadlines.settle(entered(case, closed, context), context)
        step = Step("close_bulk", case.state, states.BULK_CLOSED, None)
        changes.append(Change(case, after, [step]))
    tables.write(tx, changes, context)


def rewrite_paths(tx: Connection, old_prefix: str, new_prefix: str) -> int:
    """Lets cases follow a part of the tree that moved; returns how many. Parts are derived anew by
    the next settle.
    """
    if old_prefix == new_prefix:
        return 0
    followed = tx.exec_driver_sql("SELECT case_paths_follow(%s, %s)", (old_prefix, new_prefix))
    return len(followed.all())
