"""Commands as people give them: read, decide, write, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection

from services.cases.commands import reports
from services.cases.commands.arguments import NOTHING, Named, refuse
from services.cases.commands.decide import decide
from services.cases.commands.groups import close_finished_groups
from services.cases.commands.named import look_up
from services.cases.commands.statements import restated
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext, MemberFacts, Move, Statement
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
