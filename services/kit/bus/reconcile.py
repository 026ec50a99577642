"""Nothing lost, whatever Kafka or Faust did: what the log holds and a consumer's inbox lacks is
published again.

Each consumer has a low-water mark in the log up to which everything has its inbox row. Above it, a
row older than T without an inbox row is missing when the consumer has long taken something later,
or has not moved at all for T. A merely slow consumer is left alone; one row is asked for again only
after twice the time before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import Connection, Engine, Row

from services.kit.bus.consumer import Subscription, is_stopped
from services.kit.clock import Clock, SystemClock
from services.kit.db.engine import rows
from services.kit.retry import Stopped, attempt

log = structlog.get_logger()
MISSING_AFTER = timedelta(seconds=60)
LOOK_SECONDS = 15.0
WINDOW_ROWS_MAX = 10_000
ASK_ROWS_MAX = 1_000

_WINDOW = """
SELECT e.xid::text AS at_xid, e.id, e.event_id, i.at
FROM event_log e LEFT JOIN inbox i ON i.consumer = %s AND i.event_id = e.event_id
WHERE (e.xid, e.id) > (%s::xid8, %s) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND e.topic = ANY(%s) AND e.at <= %s
ORDER BY e.xid, e.id LIMIT %s"""
_ASK = """
INSERT INTO resend (event_id, asked_at) SELECT unnest(%s::uuid[]), %s
ON CONFLICT (event_id) DO UPDATE SET asked_at = excluded.asked_at, published_at = NULL
WHERE resend.published_at + %s * power(2, least(resend.times, 10)) < excluded.asked_at
RETURNING event_id"""


_STILL = """
SELECT min(at) FILTER (WHERE taken_at IS NULL) AS oldest, max(taken_at) AS taken_at,
    max(moved_at) AS moved_at FROM (
    SELECT e.at, i.at AS taken_at, s.moved_at
    FROM event_log e LEFT JOIN consumer_state s ON s.consumer = :consumer
    LEFT JOIN inbox i ON i.consumer = :consumer AND i.event_id = e.event_id
    WHERE e.topic = ANY(:topics) AND (e.xid, e.id) > (coalesce(s.mark_xid, '0'),
        coalesce(s.mark_id, 0))
    ORDER BY e.xid, e.id LIMIT :limit) beyond"""


@dataclass(frozen=True, slots=True)
class Mark:
    """The low-water mark, and since when it stands there."""

    xid: str
    id: int
    moved_at: datetime


def look(
    engine: Engine, subscription: Subscription, now: datetime, after: timedelta = MISSING_AFTER
) -> list[UUID]:
    """Moves the consumer's mark and asks the relay for what is missing; returns the ids asked
    for.
    """
    with engine.begin() as tx:
        mark = _mark(tx, subscription.consumer, now)
        window = tx.exec_driver_sql(
            _WINDOW,
            (
                subscription.consumer,
                mark.xid,
                mark.id,
                list(subscription.topics),
                now - after,
                WINDOW_ROWS_MAX,
            ),
        ).all()
        done = next((n for n, row in enumerate(window) if row[3] is None), len(window))
        if done:
            _move(tx, subscription.consumer, window[done - 1], now)
        missing = _missing(
            window[done:], stands=not done and mark.moved_at <= now - after, before=now - after
        )
        asked = tx.exec_driver_sql(_ASK, (missing, now, after)).all() if missing else []
        tx.exec_driver_sql(
            "DELETE FROM resend r USING inbox i WHERE i.event_id = r.event_id AND i.consumer = %s"
            " AND r.published_at IS NOT NULL",
            (subscription.consumer,),
        )
    if asked:
        log.warning("missing", consumer=subscription.consumer, messages=len(asked))
    return [row[0] for row in asked]


def still_for(tx: Connection, consumer: str, topics: Sequence[str], now: datetime) -> float:
    """For how many seconds messages have waited of which a consumer takes none; 0 while it takes
    some, or none waits.
    """
    row = rows(
        tx, _STILL, {"consumer": consumer, "topics": list(topics), "limit": WINDOW_ROWS_MAX}
    )[0]
    if row.oldest is None:
        return 0.0
    last = max(at for at in (row.oldest, row.taken_at, row.moved_at) if at)
    return max((now - last).total_seconds(), 0.0)


class Reconciler:
    """Looks after every consumer from a thread of the relay's process."""

    def __init__(
        self,
        engine: Engine,
        subscriptions: Iterable[Subscription],
        clock: Clock = SystemClock(),
        after: timedelta = MISSING_AFTER,
    ) -> None:
        self.engine, self.subscriptions, self.clock, self.after = (
            engine,
            tuple(subscriptions),
            clock,
            after,
        )
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconcile", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def look(self) -> list[UUID]:
        """One round over all consumers."""
        now = self.clock.now()
        return [
            event
            for subscription in self.subscriptions
            if not is_stopped(self.engine, subscription.consumer)
            for event in look(self.engine, subscription, now, self.after)
        ]

    def _run(self) -> None:
        try:
            while not self.stop.wait(LOOK_SECONDS):
                attempt(self.look, what="reconcile", stop=self.stop, waits=lambda error: True)
        except Stopped:
            pass


def _mark(tx: Connection, consumer: str, now: datetime) -> Mark:
    tx.exec_driver_sql(
        "INSERT INTO consumer_state (consumer, moved_at) VALUES (%s, %s) ON CONFLICT (consumer)"
        " DO UPDATE SET moved_at = coalesce(consumer_state.moved_at, excluded.moved_at)",
        (consumer, now),
    )
    return Mark(
        *tx.exec_driver_sql(
            "SELECT mark_xid::text, mark_id, moved_at FROM consumer_state WHERE consumer = %s FOR "
            "UPDATE",
            (consumer,),
        ).one()
    )


def _move(tx: Connection, consumer: str, to: Row, now: datetime) -> None:
    tx.exec_driver_sql(
        "UPDATE consumer_state SET mark_xid = %s::xid8, mark_id = %s, moved_at = %s"
        " WHERE consumer = %s",
        (to[0], to[1], now, consumer),
    )


def _missing(window: Sequence[Row], stands: bool, before: datetime) -> list[UUID]:
    """Rows without an inbox row that a row taken long ago (`before`) follows; all of them where the
    mark stands.
    """
    last = max(
        (n for n, row in enumerate(window) if row[3] is not None and row[3] <= before), default=-1
    )
    late = window if stands else window[: last + 1]
    return [row[2] for row in late if row[3] is None][:ASK_ROWS_MAX]
