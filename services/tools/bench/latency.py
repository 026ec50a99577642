"""`guidui bench latency`: an open loop of single departures, until their alerts and notices are
committed.

Each event has its moment to be sent, whatever became of those before it, and every time counts from
that moment. The moments of the commits are PostgreSQL's own (`track_commit_timestamp`), on the same
machine's clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from math import ceil
from typing import Any

import orjson
import uvloop

from services.tools.bench.loads import departure
from services.tools.bench.sockets import EVENT, open_loop, request
from services.tools.bench.town import Town, running_cluster, running_embedded

RATES = (20, 300)  # events a second
# events before the first that counts: connections, plans and caches as in a service that runs
WARM = 60
SETTLE_SECONDS_MAX = 60
TARGETS_MS = {"embedded": 50, "over Kafka": 150}  # p99 to the committed alert
SERVICES: dict[str, Callable[[int], AbstractContextManager[Town]]] = {
    "embedded": running_embedded,
    "over Kafka": running_cluster,
}

# xmin is the transaction that wrote the row: tasks and notices of a case nobody has touched since
_COMMITTED = """
SELECT s.ext_id, max(extract(epoch FROM pg_xact_commit_timestamp(t.xmin)))::float8,
       max(extract(epoch FROM pg_xact_commit_timestamp(n.xmin)))::float8
FROM statement s JOIN task t ON t.case_id = s.case_id AND t.kind IN ('expected', 'triage')
JOIN notice n ON n.task = t.id
WHERE starts_with(s.ext_id, %s) GROUP BY s.ext_id"""


def measured(seconds: float) -> dict[str, Any]:
    """Service -> rate -> quantiles in milliseconds, each rate held for ``seconds``."""
    counts = {rate: max(20, int(rate * seconds)) for rate in RATES}
    figures: dict[str, Any] = {}
    for name, running in SERVICES.items():
        with running(WARM + sum(counts.values())) as town:
            _play(town, "warm-", 0, WARM, RATES[0])
            begin, figures[name] = WARM, {}
            for rate, count in counts.items():
                figures[name][str(rate)] = _play(town, f"at{rate}-", begin, count, rate) | {
                    "target_ms": TARGETS_MS[name]
                }
                begin += count
    return figures


def _play(town: Town, prefix: str, begin: int, count: int, rate: int) -> dict[str, Any]:
    bodies = [
        request(town.key, orjson.dumps(departure(begin + n, f"{prefix}{n}")), EVENT)
        for n in range(count)
    ]
    times = uvloop.run(open_loop(town.port, bodies, rate))
    committed = _committed(town, prefix, count)
    due = [sample[0] for sample in times]
    alerts, notices = (
        [committed[f"{prefix}{n}"][which] - due[n] for n in range(count)] for which in (0, 1)
    )
    return {
        "events": count,
        "post": quantiles([answered - at for at, answered in times]),
        "alert": quantiles(alerts),
        "notice": quantiles(notices),
    }


def _committed(town: Town, prefix: str, count: int) -> dict[str, tuple[float, float]]:
    limit = time.monotonic() + SETTLE_SECONDS_MAX
    with town.database() as tx:
        while True:
            rows = tx.execute(_COMMITTED, (prefix,)).fetchall()
            if len(rows) == count:
                return {row[0]: (row[1], row[2]) for row in rows}
            if time.monotonic() > limit:
                raise RuntimeError(f"{count - len(rows)} of {count} departures have no notice")
            time.sleep(0.5)


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99 (nearest rank) and the largest, in milliseconds."""
    ordered = sorted(seconds)
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {
        name: round(1e3 * ordered[ceil(len(ordered) * share) - 1], 1) for name, share in at.items()
    }
