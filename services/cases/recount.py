"""A new calendar: every open deadline is computed again, and what moved is listed."""
from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Connection, Engine

from services.cases import deadlines, tables
from services.cases.clock import apply_tasks
from services.cases.ground import Ground
from services.cases.states import TERMINAL
from services.cases.tables import task_changes
from services.kit.clock import Clock
from services.kit.db import dumps

BATCH_ROWS_MAX = 2_000


def recount(engine: Engine, clock: Clock, ground: Ground) -> list[tuple[str, date | None, date | None]]:
    """Computes every open deadline with the calendar in force: (case, due before, due now) of those that moved."""
    moved, after = [], "00000000-0000-0000-0000-000000000000"
    while True:
        with engine.begin() as tx:
            ids = tx.exec_driver_sql(
                "SELECT id::text FROM transfer_case WHERE id > %s::uuid AND state <> ALL (%s) ORDER BY id LIMIT %s",
                (after, sorted(TERMINAL), BATCH_ROWS_MAX)).scalars().all()
            if not ids:
                return moved
            moved += _recount(tx, ids, clock.now(), ground)
            after = ids[-1]


def _recount(tx: Connection, ids: list[str], now: datetime, ground: Ground):
    world, moved, opened, closed, lines = ground.world(tx, now), [], [], [], []
    standing = tables.standing_tasks(tx, ids)
    for case in tables.load(tx, ids).values():
        again = deadlines.settle(case, world)
        if again.wait_due != case.wait_due:
            moved.append((case.id, case.wait_due, again.wait_due))
            lines.append({"id": case.id, "wait_due": again.wait_due})
        rows, gone = task_changes(case.id, standing.get(case.id, {}), deadlines.tasks(again, world), world, case.seq)
        opened += [row | {"case_id": case.id, "member": None} for row in rows]
        closed += gone
    apply_tasks(tx, opened, closed, now)
    if lines:
        tx.exec_driver_sql("SELECT cases_due(%s::json)", (dumps(lines),))
    return moved
