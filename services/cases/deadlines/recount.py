"""A new calendar: every open deadline is computed again, and what moved is listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine

from services.cases.deadlines import tasks as deadlines
from services.cases.deadlines.clock import READ_MEMBERS, apply_tasks, refresh_members
from services.cases.model.case import DecisionContext
from services.cases.routing.rule_source import RuleSource
from services.cases.store import tables
from services.cases.store.tables import task_changes
from services.kit.clock import Clock
from services.kit.db.engine import dumps, rows
from services.kit.loops import Part

BATCH_ROWS_MAX = 2_000
Moved = tuple[str, date | None, date | None]  # case or member, due before, due now


CASES, MEMBERS = Part("tree", "recounted_cases"), Part("tree", "recounted_members")

_REMINDED = (
    READ_MEMBERS
    + f"""WHERE m.member > :after AND EXISTS (
    SELECT FROM task t WHERE t.member = m.member AND t.case_id IS NULL AND t.closed_at IS NULL)
AND {MEMBERS.not_aside("m.member")} ORDER BY m.member LIMIT :limit"""
)


def recompute_deadlines(engine: Engine, clock: Clock, rule_source: RuleSource) -> list[Moved]:
    """Computes every open deadline with the calendar in force, of cases and of members; returns
    those that moved.
    """
    return _cases(engine, clock, rule_source) + _members(engine, clock, rule_source)


def _cases(engine: Engine, clock: Clock, rule_source: RuleSource) -> list[Moved]:
    moved, after = [], tables.BEFORE_ALL_CASES
    while True:
        with engine.begin() as tx:
            case_rows = tables.open_cases(tx, CASES, after, BATCH_ROWS_MAX)
            if not case_rows:
                return moved
            moved += _recount_each(tx, case_rows, clock.now(), rule_source)
            after = case_rows[-1].id


def _members(engine: Engine, clock: Clock, rule_source: RuleSource) -> list[Moved]:
    moved, after = [], ""
    while True:
        with engine.begin() as tx:
            member_rows = rows(tx, _REMINDED, {"after": after, "limit": BATCH_ROWS_MAX})
            if not member_rows:
                return moved
            moved += _refresh_each(tx, member_rows, rule_source.context(tx, clock.now()))
            after = member_rows[-1].member


def recount_again(
    tx: Connection, keys: Sequence[str], now: datetime, rule_source: RuleSource
) -> None:
    """Computes the deadlines of cases and members that stood aside, once more."""
    _recount_each(
        tx,
        rows(
            tx,
            "SELECT id::text AS id, owner FROM transfer_case WHERE id::text = ANY (:keys)",
            {"keys": list(keys)},
        ),
        now,
        rule_source,
    )
    _refresh_each(
        tx,
        rows(tx, READ_MEMBERS + "WHERE m.member = ANY (:keys)", {"keys": list(keys)}),
        rule_source.context(tx, now),
    )


def _recount_each(
    tx: Connection, member_rows: Sequence[Any], now: datetime, rule_source: RuleSource
) -> list[Moved]:
    done = CASES.each_by_itself(
        tx,
        member_rows,
        lambda some: _recount(tx, [row.id for row in some], now, rule_source),
        now,
        key=lambda row: row.id,
        organisation=lambda row: row.owner,
    )
    return [line for moved in done.results for line in moved]


def _refresh_each(
    tx: Connection, member_rows: Sequence[Any], context: DecisionContext
) -> list[Moved]:
    done = MEMBERS.each_by_itself(
        tx,
        member_rows,
        lambda some: refresh_members(tx, some, context),
        context.now,
        key=lambda row: row.member,
        organisation=lambda row: row.organisation,
    )
    return [line for moved in done.results for line in moved]


def _recount(tx: Connection, ids: list[str], now: datetime, rule_source: RuleSource) -> list[Moved]:
    """Waits and tasks of some cases. The calendar moves due days only: what stands and what wakes a
    case does not change.
    """
    context, moved, opened, closed, lines = rule_source.context(tx, now), [], [], [], []
    standing = tables.standing_tasks(tx, ids)
    for case in tables.load(tx, ids).values():
        again = deadlines.settle(case, context)
        if again.wait_due != case.wait_due:
            moved.append((case.id, case.wait_due, again.wait_due))
            lines.append({"id": case.id, "wait_due": again.wait_due})
        altered, gone = task_changes(
            case.id, standing.get(case.id, {}), deadlines.tasks(again, context), context, case.seq
        )
        opened += [row | {"case_id": case.id, "member": None} for row in altered]
        closed += gone
    apply_tasks(tx, opened, closed, now)
    if lines:
        tx.exec_driver_sql("SELECT cases_due(%s::json)", (dumps(lines),))
    return moved
