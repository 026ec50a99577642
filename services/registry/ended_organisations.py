"""Organisations whose last day is over, whoever said so: what was theirs follows on the day after,
by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Engine

from services.kit.clock import Clock
from services.registry.upsert import alone

log = structlog.get_logger()

_OVER = """
SELECT count(*) FROM organisation o, registry_version v
WHERE v.part = 'organisation' AND o.effective_to < %s
    AND o.effective_to >= coalesce(v.followed_to, '-infinity')"""
_FOLLOWED = (
    "UPDATE registry_version SET followed_to = greatest(followed_to, %s) WHERE part = "
    "'organisation'"
)


def follow(engine: Engine, clock: Clock, then: Callable[[], Any]) -> int:
    """Calls `then` once where organisations have ended since it was last called; returns how many.

    A process that dies before the end does it again; a service that was off for a week does it
    once.
    """
    today = clock.now().date()
    if not _over(engine, today):
        return 0
    with alone(engine):
        ended = _over(engine, today)
        if ended:
            then()
            with engine.begin() as tx:
                tx.exec_driver_sql(_FOLLOWED, (today,))
            log.info("organisations_ended", organisations=ended)
    return ended


def next_day(tx: Connection, after: date) -> date | None:
    """The next day after one on which what was an organisation's follows."""
    last = tx.exec_driver_sql(
        "SELECT min(effective_to) FROM organisation WHERE effective_to >= %s", (after,)
    ).scalar_one()
    return last + timedelta(days=1) if last else None


def _over(engine: Engine, today: date) -> int:
    with engine.connect() as tx:
        return tx.exec_driver_sql(_OVER, (today,)).scalar_one()
