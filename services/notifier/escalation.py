"""Prompts climb: an overdue task is told again to its organisation and one level up. Clocks only
ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection, Engine

from services.kit.clock import Clock
from services.notifier import queries, tables
from services.notifier.channels import Channels
from services.notifier.handlers import whom_to_tell
from services.notifier.policy import Policy, default_policy
from services.notifier.recipients import Recipient

log = structlog.get_logger()
SETTLE_ROWS_MAX = 1_000


def climb_overdue(
    engine: Engine,
    clock: Clock,
    channels: Channels,
    limit: int = 500,
    *,
    policy: Policy | None = None,
) -> int:
    """Writes the overdue notices of at most `limit` tasks and returns of how many; 0: all are
    written.

    Overdue is from 00:00 of the day after `due_on`. Each task climbs once, one level, however long
    the process was off.
    """
    rules = policy or default_policy()
    now = clock.now()
    with engine.begin() as tx:
        tasks = queries.overdue_unannounced(tx, now.date(), rules.climbs, limit)
        if not tasks:
            return 0
        done = queries.CLIMBING.each_by_itself(
            tx,
            tasks,
            lambda tasks_due: _tell_above(tx, tasks_due, clock, channels, rules),
            now,
            key=lambda task: str(task["id"]),
            organisation=lambda task: task["organisation"],
        )
    log.info("overdue_told", tasks=len(tasks) - done.left_out)
    return len(tasks)


def _tell_above(
    tx: Connection,
    tasks: Sequence[Mapping[str, Any]],
    clock: Clock,
    channels: Channels,
    policy: Policy,
) -> None:
    """Writes the overdue notices of some tasks, to their organisation and to the level above."""
    late = {task["organisation"] for task in tasks}
    own = whom_to_tell(tx, late, clock, channels, policy)
    parent_of = {code: above(own[code][0].path) for code in late}
    parents = {parent for parent in parent_of.values() if parent}
    higher = whom_to_tell(tx, parents, clock, channels, policy)
    whom: dict[str, Sequence[Recipient]] = {}
    for code in late:
        of_parent = higher.get(parent_of[code] or "", ())
        whom[code] = [*own[code], *_once(own[code], of_parent)]
    now = clock.now()
    rows = [{"case": task["case_id"], "at": now, **task} for task in tasks]
    tables.write_notices(tx, rows, whom, now, policy.urgent, "overdue")


def settle_closed(engine: Engine, clock: Clock) -> int:
    """Ends notices of closed tasks whose closing was heard while they were being written; returns
    how many.

    Nobody is written to because of them (delivery looks at the task), so once a day is enough.
    """
    total = 0
    while True:
        with engine.begin() as tx:
            notices = queries.unsettled(tx, SETTLE_ROWS_MAX)
            queries.SETTLING.each_by_itself(
                tx, notices, lambda notices_settled: tables.settle(tx, notices_settled), clock.now()
            )
        total += len(notices)
        if len(notices) < SETTLE_ROWS_MAX:
            return total


def _once(notified: Sequence[Recipient], higher: Sequence[Recipient]) -> list[Recipient]:
    """Those of the level above who are not told already."""
    known = {(recipient.organisation, recipient.contact) for recipient in notified}
    return [
        replace(recipient, because="overdue")
        for recipient in higher
        if (recipient.organisation, recipient.contact) not in known
    ]


def above(path: str) -> str | None:
    """The code of the organisation one level up, None at the top."""
    codes = path.split(".")[:-1]
    return codes[-2] if len(codes) > 1 else None
