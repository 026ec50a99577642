"""Prompts climb: an overdue task is told again to its organisation, and to the one level above it. Clocks only ask."""
from __future__ import annotations

from dataclasses import replace
from functools import cache

import structlog
from sqlalchemy import Engine

from services.kit.clock import Clock
from services.notifier import queries, tables
from services.notifier.channels import Channels
from services.notifier.handlers import row, whom_to_tell
from services.notifier.policy import Policy, default_policy

log = structlog.get_logger()


def climb_overdue(
    engine: Engine, clock: Clock, channels: Channels, limit: int = 500, *, policy: Policy | None = None
) -> int:
    """Writes the overdue notices of at most `limit` tasks and returns of how many; 0: all are written.

    Overdue is from 00:00 of the day after `due_on`. Each task climbs once, one level, however long the process was off;
    before that, notices whose task was closed meanwhile are settled.
    """
    rules, now = policy or default_policy(), clock.now()
    with engine.begin() as tx:
        tables.settle(tx)
        tasks = queries.overdue_unannounced(tx, now.date(), rules.climbs, limit)
        if not tasks:
            return 0
        own = whom_to_tell(tx, {t["organisation"] for t in tasks}, clock, channels, rules)
        parents = {code: above(own(code)[0].path) for code in {t["organisation"] for t in tasks}}
        superior = whom_to_tell(tx, set(filter(None, parents.values())), clock, channels, rules)

        @cache
        def told(code: str) -> list:
            parent = parents[code]
            higher = [replace(r, because="overdue") for r in superior(parent)] if parent else []
            return list({r.contact or r.organisation: r for r in (*own(code), *higher)}.values())

        tables.write_notices(tx, [row(t, t["case_id"], now, recipient, rules, "overdue")
                                  for t in tasks for recipient in told(t["organisation"])], now)
    log.info("overdue_told", tasks=len(tasks))
    return len(tasks)


def above(path: str) -> str | None:
    """The code of the organisation one level up, None at the top."""
    codes = path.split(".")[:-1]
    return codes[-2] if len(codes) > 1 else None
