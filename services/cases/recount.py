"""A new calendar: every open deadline is computed again, and what moved is listed."""
from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Connection, Engine

from services.cases import deadlines, tables
from services.cases.clock import READ_MEMBERS, apply_tasks, refresh_members
from services.cases.ground import Ground
from services.cases.states import TERMINAL
from services.cases.tables import task_changes
from services.kit.clock import Clock
from services.kit.db import dumps, rows

BATCH_ROWS_MAX = 2_000
Moved = tuple[str, date | None, date | None]  # case or member, due before, due now


_OPEN_CASES = "SELECT id::text FROM transfer_case WHERE id > %s::uuid AND state <> ALL (%s) ORDER BY id LIMIT %s"
_REMINDED = READ_MEMBERS + """WHERE m.member > :after AND EXISTS (
    SELECT FROM task t WHERE t.member = m.member AND t.case_id IS NULL AND t.closed_at IS NULL)
ORDER BY m.member LIMIT :limit"""


def recount(engine: Engine, clock: Clock, ground: Ground) -> list[Moved]:
    """Computes every open deadline with the calendar in force, of cases and of members; returns those that moved."""
    return _cases(engine, clock, ground) + _members(engine, clock, ground)


def _cases(engine: Engine, clock: Clock, ground: Ground) -> list[Moved]:
    moved, after = [], "00000000-0000-0000-0000-000000000000"
    while True:
        with engine.begin() as tx:
            ids = tx.exec_driver_sql(_OPEN_CASES, (after, sorted(TERMINAL), BATCH_ROWS_MAX)).scalars().all()
            if not ids:
                return moved
            moved += _recount(tx, ids, clock.now(), ground)
            after = ids[-1]


def _members(engine: Engine, clock: Clock, ground: Ground) -> list[Moved]:
    moved, after = [], ""
    while True:
        with engine.begin() as tx:
            found = rows(tx, _REMINDED, {"after": after, "limit": BATCH_ROWS_MAX})
            if not found:
                return moved
            moved += refresh_members(tx, found, ground.world(tx, clock.now()))
            after = found[-1].member


def _recount(tx: Connection, ids: list[str], now: datetime, ground: Ground) -> list[Moved]:
    """Waits and tasks of some cases. The calendar moves due days only: what stands and what wakes a case does not change."""
    world, moved, opened, closed, lines = ground.world(tx, now), [], [], [], []
    standing = tables.standing_tasks(tx, ids)
    for case in tables.load(tx, ids).values():
        again = deadlines.settle(case, world)
        if again.wait_due != case.wait_due:
            moved.append((case.id, case.wait_due, again.wait_due))
            lines.append({"id": case.id, "wait_due": again.wait_due})
        altered, gone = task_changes(case.id, standing.get(case.id, {}), deadlines.tasks(again, world), world, case.seq)
        opened += [row | {"case_id": case.id, "member": None} for row in altered]
        closed += gone
    apply_tasks(tx, opened, closed, now)
    if lines:
        tx.exec_driver_sql("SELECT cases_due(%s::json)", (dumps(lines),))
    return moved
