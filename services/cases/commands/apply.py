"""Commands as people give them, and what posted events do to cases: read, decide, write, in the
caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, Engine

from services.cases.commands import reports
from services.cases.commands.arguments import NOTHING, Named, refuse
from services.cases.commands.decide import decide, entered
from services.cases.commands.destination import choose_destination
from services.cases.commands.named import look_up
from services.cases.deadlines import tasks as deadlines
from services.cases.model import states as s
from services.cases.model.case import Case, DecisionContext, MemberFacts, Statement, Step
from services.cases.routing.decision_table import OPENING, current_facts
from services.cases.routing.rule_source import RuleSource, default_rules, member_facts
from services.cases.store import numbers, tables
from services.cases.store.tables import Change
from services.cases.views import queries
from services.kit.clock import Clock
from services.kit.errors import Refused
from services.registry.access import Caller


def apply(  # noqa: PLR0913
    engine: Engine,
    caller: Caller,
    case_id: str,
    command: str,
    seen_state: str | None,
    args: Mapping[str, Any],
    clock: Clock,
    person: str | None = None,
    rule_source: RuleSource | None = None,
) -> dict[str, Any]:
    """Gives ``command`` to a case in one transaction and returns the new case view.

    404 the caller has no part in it, 409 it stands in another state than ``seen_state`` or the move
    is illegal, 403 not this organisation's act, 422 a field is wrong.
    """
    with engine.begin() as tx:
        return apply_within(
            tx, caller, case_id, command, seen_state, args, clock.now(), person, rule_source
        )


def apply_within(  # noqa: PLR0913
    tx: Connection,
    caller: Caller,
    case_id: str,
    command: str,
    seen_state: str | None,
    args: Mapping[str, Any],
    now: datetime,
    person: str | None = None,
    rule_source: RuleSource | None = None,
) -> dict[str, Any]:
    """``give`` within a transaction of the caller's."""
    if caller.role == "sender":
        raise refuse(
            403,
            "role-without-commands",
            "报送密钥不能办理转移。",
            "A sender's key gives no commands.",
        )
    queries.must_see(tx, caller, case_id)
    named = look_up(tx, caller, command, args)
    with queries.as_worker(tx):
        case = tables.load(tx, [case_id])[case_id]
        if seen_state is not None and seen_state != case.state:
            state = s.STATES[case.state]
            raise refuse(
                409,
                "moved-meanwhile",
                f"这件转移已变为「{state[0]}」，请按现在的状态办理。",
                f"The transfer has moved on to '{state[1]}'; act on its present state.",
                state=case.state,
            )
        order = BatchOrder(case, command, caller.own_organisation, args, named)
        answer = apply_all(tx, [order], now, person, rule_source or default_rules())[0]
        if isinstance(answer, Refused):
            raise answer
    return queries.view_within(tx, case_id, now, caller.organisation)


def apply_to_child(  # noqa: PLR0913
    tx: Connection,
    case: Case,
    command: str,
    actor: str,
    args: Mapping[str, Any],
    now: datetime,
    person: str | None,
    rule_source: RuleSource,
) -> Case:
    """Decides and writes one command; ``tx`` acts as the worker."""
    answer = apply_all(tx, [BatchOrder(case, command, actor, args)], now, person, rule_source)[0]
    if isinstance(answer, Refused):
        raise answer
    return answer


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
    known = member_facts(tx, sorted({o.case.member for o in orders if o.case.member}))
    context = rule_source.context(tx, now)
    acted = tables.acted(tx, [o.case.id for o in orders if o.command == "note"])
    reported = reports.of_cases(
        tx, [o.case.id for o in orders if o.command == "triage" and o.args.get("from_report")]
    )
    answers: list[Case | Refused] = []
    changes: list[Change] = []
    stated: list[tuple[UUID, str, Statement, int | None]] = []
    taken_over: list[tuple[reports.Report, BatchOrder]] = []
    for order in orders:
        case = order.case
        facts = known[case.member][0] if case.member in known else MemberFacts()
        try:
            seen = replace(
                context,
                member=facts,
                acted=acted.get(case.id, frozenset()),
                reports=reported.get(case.id, ()),
            )
            move = decide(case, order.command, order.actor, order.args, seen, order.named)
            if order.command == "merge":
                _join_other(tx, case, order, move.case.merged_into, context)
        except Refused as refusal:
            answers.append(refusal)
            continue
        if move.statement:
            stated.append(
                (uuid5(UUID(case.id), f"{order.command}:{case.seq}"), case.id, move.statement, None)
            )
        if move.taken_over:
            taken_over.append((move.taken_over, order))
        changes.append(Change(case, move.case, move.steps))
        answers.append(move.case)
    tables.state_facts(tx, stated)
    changes = numbers.numbered(tx, changes, context)
    written = {case.id: case for case in tables.write(tx, changes, context, person)}
    for report, order in taken_over:
        reports.take_over(tx, report, order.case.id, order.actor, context)
    close_finished_groups(tx, list(written.values()), context)
    return [answer if isinstance(answer, Refused) else written[answer.id] for answer in answers]


def _join_other(
    tx: Connection, case: Case, order: BatchOrder, into: str | None, context: DecisionContext
) -> None:
    """Moves what was stated about a merged case to the surviving one, whose history says which
    facts that changed.

    The survivor is as the rights of the actor were judged on: if it moved meanwhile, nothing is
    written.
    """
    survivor = order.named.cases[into or ""]
    tx.exec_driver_sql(
        "UPDATE statement SET case_id = %s::uuid WHERE case_id = %s::uuid", (survivor.id, case.id)
    )
    change = restated(tx, survivor, context, "join", "merged", order.actor)
    before, after = survivor.facts, change.after.facts
    changed = sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )
    joined = replace(change.steps[0], detail={"merged": case.id, "facts_changed": changed})
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
    opening = sorted(
        (x for x in stated if x.kind in OPENING and not x.withdrawn), key=lambda x: x.order
    )
    reports = [
        {"organisation": x.source.rpartition(":")[2], "at": x.time.isoformat()}
        for x in opening
        if x.kind == "guidui.host.report.v1"
    ]
    after = case.replace(
        facts=current_facts(stated),
        reports=reports,
        touched_at=context.now,
        poster=opening[0].source.rpartition(":")[2] if opening else case.poster,
        triaged_by_person=case.triaged_by_person or any(x.kind == "triage" for x in stated),
    )
    steps = [Step(command, case.state, case.state, by, reason)]
    if case.state in (s.ANNOUNCED, s.TRIAGED) and not case.inflow:
        after = choose_destination(after, context)
        moved = (after.state, after.rule, after.destination) != (
            case.state,
            case.rule,
            case.destination,
        )
        if moved and (case.state, after.state) != (s.ANNOUNCED, s.ANNOUNCED):
            name = "match" if case.state == s.ANNOUNCED else "state_facts"
            steps.append(Step(name, case.state, after.state, None, after.rule))
        if after.state != case.state:
            after = entered(case, after, context)
    return Change(case, deadlines.settle(after, context), steps)


def open_case(
    case_id: str,
    member: str | None,
    origin: str | None,
    stated: Sequence[Statement],
    context: DecisionContext,
    **more: Any,
) -> Change:
    """A new case from its statements: announced, and at once triaged where a row applies."""
    opening = sorted(
        (x for x in stated if x.kind in OPENING and not x.withdrawn), key=lambda x: x.order
    )
    poster = opening[0].source.rpartition(":")[2]
    reports = [
        {"organisation": x.source.rpartition(":")[2], "at": x.time.isoformat()}
        for x in opening
        if x.kind == "guidui.host.report.v1"
    ]
    case = Case(
        id=case_id,
        member=member,
        origin=origin,
        poster=poster,
        facts=current_facts(stated),
        reports=reports,
        opened_at=context.now,
        entered_at=context.now,
        touched_at=context.now,
        counted_from=context.today,
        **more,
    )
    steps = [Step("open", None, s.ANNOUNCED, poster)]
    if not case.inflow:
        case = choose_destination(case, context)
        if case.state == s.TRIAGED:
            steps.append(Step("match", s.ANNOUNCED, s.TRIAGED, None, case.rule))
    return Change(None, deadlines.settle(case, context), steps)


def withdraw(tx: Connection, case: Case, context: DecisionContext, by: str) -> Change:
    """What is left of a case once a statement of it was withdrawn: closed where nothing else opened
    it.
    """
    stated = tables.statements(tx, [case.id]).get(case.id, [])
    rest = [x for x in stated if x.kind in OPENING and not x.withdrawn]
    if rest or case.state not in (s.ANNOUNCED, s.TRIAGED):
        return change_from_statements(case, stated, context, "join", "withdrawn", by)
    after = entered(case, case.replace(state=s.CLOSED, touched_at=context.now), context)
    return Change(
        case,
        deadlines.settle(after, context),
        [Step("withdraw", case.state, s.CLOSED, by, "event_withdrawn")],
    )


def record_contact(case: Case, context: DecisionContext, day: date | None, by: str) -> Change:
    """A contact that reached the member stops the contact clock (t18)."""
    after = deadlines.settle(
        case.replace(
            contacted_on=max(d for d in (case.contacted_on, day) if d), touched_at=context.now
        ),
        context,
    )
    return Change(case, after, [Step("contact", case.state, case.state, by)])


def close_finished_groups(tx: Connection, moved: Sequence[Case], context: DecisionContext) -> None:
    """Closes the bulk parents of which every child has ended."""
    close_groups(tx, {c.parent for c in moved if c.parent and c.state in s.TERMINAL}, context)


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
                WHERE c.parent = p.id AND c.state NOT IN {s.in_sql(s.ENDED)})""",
            (sorted(parents),),
        )
        .scalars()
        .all()
    )
    changes = []
    for case in tables.load(tx, done).values():
        after = entered(case, case.replace(state=s.BULK_CLOSED, touched_at=context.now), context)
        changes.append(
            Change(
                case,
                deadlines.settle(after, context),
                [Step("close_bulk", case.state, s.BULK_CLOSED, None)],
            )
        )
    tables.write(tx, changes, context)


def rewrite_paths(tx: Connection, old_prefix: str, new_prefix: str) -> int:
    """Lets cases follow a part of the tree that moved; returns how many. Parts are derived anew by
    the next settle.
    """
    return (
        0
        if old_prefix == new_prefix
        else len(
            tx.exec_driver_sql("SELECT case_paths_follow(%s, %s)", (old_prefix, new_prefix)).all()
        )
    )
