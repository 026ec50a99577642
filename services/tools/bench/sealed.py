"""`guidui bench sealed`: what it costs that the database seals who looks, over a million cases, in
the same run with the same rows once sealed and once as if anybody might say his own bounds.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Connection, Engine

from services.cases.views.pages import work_list
from services.cluster.postgres import EmbeddedServer
from services.kit.clock import SystemClock
from services.kit.db.engine import connect
from services.kit.db.migrations import migrate
from services.registry.access import Caller, caller_within, create_key, look_at_tree
from services.tools.bench.latency import quantiles
from services.tools.bench.pipeline import own_server
from services.tools.bench.province import fill

# rounds change between sealed and not, so that a busy machine slows both
ROUNDS, ASKED, WARM = 4, 100, 20
DRAWN = 20_000  # cases that are made one by one; the others are copies of them with other ids
LEVELS = {"street": 3, "community": 4, "branch": 5}
NEWEST = "SELECT c.id FROM transfer_case c ORDER BY c.opened_at DESC, c.id DESC LIMIT 50"
WANTED_MS, WANTED_TIMES = 5.0, 1.2

_COPIES = """
INSERT INTO transfer_case SELECT r.* FROM generate_series(1, %(copies)s) AS n, transfer_case c,
    LATERAL jsonb_populate_record(c, jsonb_build_object('id', md5(c.id::text || n)::uuid, 'member',
        NULL,
        'opened_at', c.opened_at - n * interval '1 minute')) AS r;
INSERT INTO task (id, case_id, kind, act, organisation, path, due_on, opened_at)
SELECT md5(t.id::text || n)::uuid, md5(t.case_id::text || n)::uuid, t.kind, t.act, t.organisation,
    t.path, t.due_on, t.opened_at
FROM generate_series(1, %(copies)s) AS n, task t WHERE t.case_id IS NOT NULL"""
_SEALED = "SELECT polrelid::regclass::text FROM pg_policy WHERE polname = 'sealed'"
_BOUNDS = (
    "SELECT set_config('guidui.lo', %s, true), set_config('guidui.hi', %s, true), "
    "set_config('guidui.own', %s, true)"
)


def measured(branches: int, cases: int) -> dict[str, Any]:
    """Milliseconds of one look with its list, for each level of the tree, `sealed` and
    `unsealed`.
    """
    now = SystemClock().now()
    with (
        tempfile.TemporaryDirectory(prefix="guidui-bench-") as folder,
        own_server(Path(folder)) as server,
    ):
        province = fill(server, branches, min(cases, DRAWN), now)
        owner = connect(server.owner_url(), None, connections_max=1)
        web = connect(server.web_url(), "guidui_web", connections_max=1)
        try:
            count = _copied(owner, max(0, cases // max(1, province.cases) - 1))
            callers = {
                level: _caller(server, web, province.line[place], now)
                for level, place in LEVELS.items()
            }
            times = _compared(server, owner, web, callers, now)
        finally:
            web.dispose()
            owner.dispose()
    return {
        "organisations": province.organisations,
        "cases": count,
        "wanted_ms": WANTED_MS,
        "wanted_times": WANTED_TIMES,
        "lists": {name: _told(both) for name, both in times.items()},
    }


def _copied(owner: Engine, copies: int) -> int:
    with owner.begin() as tx:
        for table in ("transfer_case", "task"):
            tx.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in _COPIES.split(";"):
            tx.exec_driver_sql(statement, {"copies": copies})
        for table in ("transfer_case", "task"):
            tx.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
        tx.exec_driver_sql("VACUUM (ANALYZE) transfer_case, task")
        return tx.exec_driver_sql("SELECT count(*) FROM transfer_case").scalar_one()


def _caller(server: EmbeddedServer, web: Engine, organisation: str, now: datetime) -> Caller:
    worker = connect(server.app_url(), "guidui_worker", connections_max=1)
    with worker.begin() as tx:
        key = create_key(tx, organisation, "receiver", now)
    worker.dispose()
    with web.begin() as tx:
        caller = caller_within(tx, key)
    assert caller is not None
    return caller


def _compared(
    server: EmbeddedServer, owner: Engine, web: Engine, callers: dict[str, Caller], now: datetime
) -> dict[str, dict[str, list[float]]]:
    lists: dict[str, Callable[[Connection, Caller], Any]] = {
        "newest 50": lambda tx, caller: tx.exec_driver_sql(NEWEST).all(),
        "work list": lambda tx, caller: work_list(tx, now, caller.organisation or "", limit=50),
    }
    times: dict[str, dict[str, list[float]]] = {
        f"{level}: {name}": {"sealed": [], "unsealed": []} for level in callers for name in lists
    }
    for turn in range(2 * ROUNDS):
        sealed = turn % 2 == 0
        if sealed:
            migrate(server.owner_url())
        else:
            _unseal(owner)
        for level, caller in callers.items():
            for name, read in lists.items():
                spent = [_once(web, caller, sealed, read) for _ in range(ASKED)]
                times[f"{level}: {name}"]["sealed" if sealed else "unsealed"] += spent[
                    WARM:
                ]  # statements are prepared by then
    return times


def _unseal(owner: Engine) -> None:
    with owner.begin() as tx:
        for table in tx.exec_driver_sql(_SEALED).scalars().all():
            tx.exec_driver_sql(f"DROP POLICY sealed ON {table}")


def _once(
    web: Engine, caller: Caller, sealed: bool, read: Callable[[Connection, Caller], Any]
) -> float:
    began = time.perf_counter()
    with web.begin() as tx:
        if sealed:
            look_at_tree(tx, caller)
        else:
            tx.exec_driver_sql(_BOUNDS, (caller.path, caller.path[:-1] + "/", caller.organisation))
        read(tx, caller)
    return time.perf_counter() - began


def _told(both: dict[str, list[float]]) -> dict[str, Any]:
    sealed, unsealed = median(both["sealed"]), median(both["unsealed"])
    return {
        "sealed": quantiles(both["sealed"]) | {"p50": round(1e3 * sealed, 3)},
        "unsealed": quantiles(both["unsealed"]) | {"p50": round(1e3 * unsealed, 3)},
        "times": round(sealed / unsealed, 2),
    }
