"""The clock's loops: letters that run out, tasks that open, members' own clocks. Each asks once for
what stands now.

A row is found by ``wake_at`` and changed by compare-and-set, so a service that was away for a week
catches up in one pass, and two of them, or a clock that steps back, do nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import uuid5

from sqlalchemy import Connection, Engine

from schemas.envelope import NAMESPACE_GUIDUI
from services.cases.commands import receiving
from services.cases.commands.batches import wave
from services.cases.commands.decide import expire, fall_back
from services.cases.deadlines import tasks as deadlines
from services.cases.model.case import Case, DecisionContext, Task
from services.cases.routing.rule_source import RuleSource, facts_of
from services.cases.store import tables
from services.cases.store.tables import Change, task_changes
from services.kit.bus.event_log import Message, record
from services.kit.clock import Clock
from services.kit.db.engine import dumps, rows
from services.kit.loops import Part

BATCH_ROWS_MAX = 500
CASES, MEMBERS = Part("clock", "cases"), Part("clock", "members")

_DUE_CASES = f"""SELECT id::text AS id, owner FROM transfer_case c
WHERE wake_at <= :now AND {CASES.not_aside("c.id::text")} ORDER BY wake_at LIMIT :limit"""
READ_MEMBERS = """
SELECT m.member, m.organisation, m.standing, m.last_life_on, m.last_sign_on, m.dues_paid_to,
       (SELECT max(c.accepted_on) FROM transfer_case c WHERE c.member = m.member) AS accepted_on,
       EXISTS (SELECT FROM transfer_case c WHERE c.member = m.member
           AND c.state = 'lost_contact') AS lost
FROM member m """
# said twice, so that the index over the finite ones serves whatever :now is
_DUE_MEMBERS = (
    READ_MEMBERS
    + f"""WHERE m.wake_at <= :now AND m.wake_at < 'infinity' AND {MEMBERS.not_aside("m.member")}
ORDER BY m.wake_at LIMIT :limit"""
)
_MEMBER_TASKS = """
SELECT id, member, kind, act, organisation, due_on, opened_at FROM task
WHERE member = ANY (:members) AND case_id IS NULL AND closed_at IS NULL"""

Pass = Callable[[Connection, datetime, RuleSource], int]


def tick(engine: Engine, clock: Clock, rule_source: RuleSource) -> int:
    """Does everything that is due now; returns how many cases and members were looked at."""
    return sum(catch_up(part, engine, clock, rule_source) for part in PARTS.values())


def catch_up(part: Pass, engine: Engine, clock: Clock, rule_source: RuleSource) -> int:
    """Lets one part of the clock do all that is due now, batch by batch; returns how many rows it
    looked at.
    """
    total = 0
    while True:
        with engine.begin() as tx:
            seen = part(tx, clock.now(), rule_source)
        total += seen
        if seen < BATCH_ROWS_MAX:
            return total


def next_at(tx: Connection, now: datetime) -> datetime | None:
    """The next moment after ``now`` at which something is due."""
    return tx.exec_driver_sql(
        "SELECT least((SELECT min(wake_at) FROM transfer_case WHERE wake_at > %s), "
        "(SELECT min(wake_at) FROM member WHERE wake_at > %s AND wake_at < 'infinity'), "
        "(SELECT min((e.detail ->> 'start_on')::timestamp AT TIME ZONE 'Asia/Shanghai') FROM "
        "transfer_case p "
        "JOIN case_event e ON e.case_id = p.id AND e.command = 'give_to_all' "
        "WHERE p.state = 'bulk_open' AND (e.detail ->> 'start_on')::timestamp AT TIME ZONE "
        "'Asia/Shanghai' > %s), "
        "(SELECT min(start_on::timestamp AT TIME ZONE 'Asia/Shanghai') FROM batch_order "
        "WHERE done_at IS NULL AND start_on::timestamp AT TIME ZONE 'Asia/Shanghai' > %s))",
        (now, now, now, now),
    ).scalar_one()


def _cases(tx: Connection, now: datetime, rule_source: RuleSource) -> int:
    due = rows(tx, _DUE_CASES, {"now": now, "limit": BATCH_ROWS_MAX})
    if due:
        context = rule_source.context(tx, now)
        CASES.each_by_itself(
            tx,
            due,
            lambda some: _tell_time(tx, [row.id for row in some], context),
            now,
            key=lambda row: row.id,
            organisation=lambda row: row.owner,
        )
    return len(due)


def _tell_time(tx: Connection, ids: list[str], context: DecisionContext) -> None:
    """Moves the cases whose letter has run out or stalls; of the others the tasks are as the time
    says.
    """
    cases = tables.load(tx, ids)
    moves, still = [], []
    for case in cases.values():
        if deadlines.expired(case, context):
            moves.append((case, expire(case, context)))
        elif deadlines.falls_back(case, context):
            moves.append((case, fall_back(case, context)))
        else:
            still.append(case)
    tables.write(tx, [Change(case, move.case, move.steps) for case, move in moves], context)
    _refresh(tx, still, context)


def _refresh(tx: Connection, cases: list[Case], context: DecisionContext) -> None:
    """Opens and closes what the clock says of cases that do not move."""
    standing = tables.standing_tasks(tx, [c.id for c in cases])
    messages, opened_rows, closed_ids = [], [], []
    for case in cases:
        opened, closed = task_changes(
            case.id, standing.get(case.id, {}), deadlines.tasks(case, context), context, case.seq
        )
        opened_rows += [row | {"case_id": case.id, "member": None} for row in opened]
        closed_ids += closed
        if opened or closed:
            messages.append(task_message(case.id, case.id, None, opened, closed, context))
    apply_tasks(tx, opened_rows, closed_ids, context.now)
    wakes = [{"id": c.id, "wake_at": deadlines.wake_at(c, context)} for c in cases]
    tx.exec_driver_sql("SELECT cases_wake(%s::json)", (dumps(wakes),))
    record(tx, messages)


def apply_tasks(tx: Connection, opened: list[dict], closed: list[str], now: datetime) -> None:
    """Writes task rows that open and closes others, outside the history of a case."""
    if opened:
        tx.exec_driver_sql(
            """
            INSERT INTO task (id, case_id, member, kind, act, organisation, path, due_on, opened_at,
                persons)
            SELECT id, case_id, member, kind, act, organisation, path, due_on, opened_at, persons
            FROM json_to_recordset(%s::json) AS t(id uuid, case_id uuid, member text, kind text,
                act text,
                organisation text, path text, due_on date, opened_at timestamptz, persons int)
            ON CONFLICT (id) DO UPDATE SET closed_at = NULL, due_on = excluded.due_on,
                act = excluded.act,
                persons = excluded.persons""",
            (dumps(opened),),
        )
    if closed:
        tx.exec_driver_sql(
            "UPDATE task SET closed_at = %s WHERE id = ANY (%s::uuid[]) AND closed_at IS NULL",
            (now, closed),
        )


def task_message(
    key: str,
    case: str | None,
    member: str | None,
    opened: list[dict],
    closed: list[str],
    context: DecisionContext,
) -> Message:
    """What the notifier is told of tasks that open and close outside the history of a case."""
    thin = [{k: row[k] for k in ("id", "kind", "act", "organisation", "due_on")} for row in opened]
    ident = uuid5(
        NAMESPACE_GUIDUI,
        f"tasks:{key}:{[t['id'] for t in thin]}:{closed}:{context.now.isoformat()}",
    )
    return Message(
        ident,
        "tasks",
        "guidui.task.opened.v1",
        key,
        context.now,
        {
            "case": case,
            "member": member,
            "at": context.now,
            "tasks_opened": thin,
            "tasks_closed": closed,
        },
    )


def _members(tx: Connection, now: datetime, rule_source: RuleSource) -> int:
    due = rows(tx, _DUE_MEMBERS, {"now": now, "limit": BATCH_ROWS_MAX})
    if due:
        context = rule_source.context(tx, now)
        MEMBERS.each_by_itself(
            tx,
            due,
            lambda some: refresh_members(tx, some, context),
            now,
            key=lambda row: row.member,
            organisation=lambda row: row.organisation,
        )
    return len(due)


PARTS: dict[str, Pass] = {
    "cases": _cases,
    "members": _members,
    "orders": wave,
    "orders_received": receiving.wave,
}


def refresh_members(
    tx: Connection, member_rows: Sequence[Any], context: DecisionContext
) -> list[tuple[str, date | None, date | None]]:
    """Opens and closes what the clocks of members (rows of READ_MEMBERS) say; (member, due before,
    now) of what moved.
    """
    standing: dict[str, dict[str, Task]] = {}
    for row in rows(tx, _MEMBER_TASKS, {"members": [m.member for m in member_rows]}):
        standing.setdefault(row.member, {})[str(row.id)] = Task(
            row.kind, row.act, row.organisation, row.opened_at, row.due_on
        )
    opened_rows, closed_ids, messages, wakes, moved = [], [], [], [], []
    for row in member_rows:
        facts, before = facts_of(row), standing.get(row.member, {})
        off = row.lost or facts.standing != "normal"
        wanted = deadlines.life_tasks(row.organisation, facts.last_seen_on, off, context)
        about = str(uuid5(NAMESPACE_GUIDUI, f"member:{row.member}"))
        opened, closed = task_changes(about, before, wanted, context, 0)
        opened_rows += [line | {"case_id": None, "member": row.member} for line in opened]
        closed_ids += closed
        moved += [
            (row.member, before[line["id"]].due_on, line["due_on"])
            for line in opened
            if line["id"] in before
        ]
        if opened or closed:
            messages.append(task_message(row.member, None, row.member, opened, closed, context))
        wakes.append(
            {
                "member": row.member,
                "wake_at": deadlines.life_wake_at(
                    row.organisation, facts.last_seen_on, off, context
                ),
            }
        )
    apply_tasks(tx, opened_rows, closed_ids, context.now)
    tx.exec_driver_sql("SELECT member_wakes(%s::json)", (dumps(wakes),))
    record(tx, messages)
    return moved
