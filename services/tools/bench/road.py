"""The whole road over a real cluster: departures a second, and whose CPU time they took."""

from __future__ import annotations

import time
from typing import Any, LiteralString

import orjson
import uvloop

from services.tools.bench.loads import BATCH as EVENTS_PER_POST
from services.tools.bench.loads import departure
from services.tools.bench.machine import cpu_seconds
from services.tools.bench.sockets import BATCH, one_after_another, request
from services.tools.bench.town import Town, running_cluster

LOOK_SECONDS = 0.5
SETTLE_SECONDS_MAX = 300
_TOLD = """
SELECT count(DISTINCT n.case_id), max(extract(epoch FROM pg_xact_commit_timestamp(n.xmin)))::float8
FROM notice n JOIN statement s ON s.case_id = n.case_id WHERE starts_with(s.ext_id, 'road-')"""
_WARM = "SELECT count(DISTINCT case_id) FROM notice"


def end_to_end(count: int, workers: int) -> dict[str, Any]:
    """Posts ``count`` departures over HTTP in batches of 500, until the last case has its
    notices.
    """
    with running_cluster(count + EVENTS_PER_POST, workers) as town:
        _post(town, "warm-", count, EVENTS_PER_POST)
        _wait(town, EVENTS_PER_POST, _WARM)
        before = _cpu(town)
        began = time.time()
        _post(town, "road-", 0, count)
        posted = time.time() - began
        ended = _wait(town, count, _TOLD)
        after = _cpu(town)
    spent = {part: 1e3 * (after[part] - before.get(part, 0.0)) / count for part in after}
    whole = sum(spent.values())
    return {
        "workers": workers,
        "departures": count,
        "seconds": round(ended - began, 2),
        "per_second": round(count / (ended - began)),
        "posted_per_second": round(count / posted),
        "cpu_seconds_per_1000": round(whole, 2),
        "parts": {
            part: {"cpu_seconds_per_1000": round(seconds, 2), "share": round(seconds / whole, 3)}
            for part, seconds in sorted(spent.items(), key=lambda part: -part[1])
        },
    }


def _post(town: Town, prefix: str, begin: int, count: int) -> None:
    bodies = []
    for start in range(0, count, EVENTS_PER_POST):
        events = [
            departure(begin + n, f"{prefix}{n}")
            for n in range(start, min(start + EVENTS_PER_POST, count))
        ]
        bodies.append(request(town.key, orjson.dumps(events), BATCH))
    uvloop.run(one_after_another(town.port, bodies))


def _wait(town: Town, count: int, sql: LiteralString) -> float:
    limit = time.monotonic() + SETTLE_SECONDS_MAX
    with town.database() as tx:
        while True:
            plan = tx.execute(sql).fetchone()
            if plan and plan[0] == count:
                return plan[-1]
            if time.monotonic() > limit:
                raise RuntimeError(f"{plan and plan[0]} of {count} departures have notices")
            time.sleep(LOOK_SECONDS)


def _cpu(town: Town) -> dict[str, float]:
    """CPU seconds by part; the workers of a kind are one part."""
    parts: dict[str, float] = {}
    for role, pid in town.pids().items():
        name = "broker" if role.startswith("kafka") else role.partition("-")[0]
        parts[name] = parts.get(name, 0.0) + cpu_seconds(pid)
    return parts
