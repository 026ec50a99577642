"""deliver(): an effect happens once, whatever the bus repeats."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from uuid import UUID

import structlog
from sqlalchemy import Connection, Engine

from schemas.envelope import Message
from services.kit.bus import dead_letters
from services.kit.bus.dead_letters import Handler
from services.kit.clock import Clock, SystemClock
from services.kit.db.engine import dumps
from services.kit.log import where
from services.kit.retry import is_infrastructure

log = structlog.get_logger()

CONSECUTIVE_POISON_MAX = 50
POISON_MAX, WINDOW = 100, 500  # of the last 500 messages

_FIRST_TIME = """
WITH batch AS MATERIALIZED (
    SELECT id, key FROM json_to_recordset(%(batch)s::json) AS m(id uuid, key text)),
fresh AS (
    INSERT INTO inbox (consumer, event_id, at) SELECT %(consumer)s, id, %(at)s FROM batch
        ORDER BY id
    ON CONFLICT DO NOTHING RETURNING event_id),
shut AS (
    SELECT key FROM dead_letter
    WHERE consumer = %(consumer)s AND state = 'open' AND key IN (SELECT key FROM batch) FOR SHARE)
SELECT event_id, NULL AS key FROM fresh UNION ALL SELECT NULL, key FROM shut"""


class TooMuchPoison(Exception):
    """So many messages fail that the fault is hardly theirs; the consumer stops instead of emptying
    its topic.
    """


class Superseded(Exception):
    """Raised by `also`: somebody else read on for this consumer, and the batch is theirs."""


class Limits:
    """How much of what one consumer saw lately was poison."""

    def __init__(self) -> None:
        self._failed: deque[bool] = deque(maxlen=WINDOW)

    def add(self, outcomes: Sequence[bool]) -> None:
        """Remembers what was committed: True for each message that failed."""
        self._failed.extend(outcomes)

    def exceeded_by(self, outcomes: Sequence[bool]) -> bool:
        """Whether committing these as well would be too much."""
        recent = [*self._failed, *outcomes][-WINDOW:]
        return sum(recent) > POISON_MAX or (
            len(recent) > CONSECUTIVE_POISON_MAX and all(recent[-CONSECUTIVE_POISON_MAX - 1 :])
        )


def nothing(tx: Connection) -> None:
    """No further statement in the transaction."""


def deliver(  # noqa: PLR0913
    engine: Engine,
    consumer: str,
    messages: Sequence[Message],
    handler: Handler,
    *,
    clock: Clock = SystemClock(),
    limits: Limits | None = None,
    keeps_body: bool = True,
    also: Callable[[Connection], None] = nothing,
) -> None:
    """Lets `handler` take effect of those messages that `consumer` has not seen, in one
    transaction.

    Where it fails for a reason other than the database being away, the batch is done again with a
    savepoint for each message: the one that fails alone goes to the dead-letter desk, later ones of
    its key wait behind it. `also` runs last in the same transaction (a tailer's cursor). Raises
    TooMuchPoison, with nothing committed, when the limits are exceeded; errors of the
    infrastructure pass through.
    """
    batch = list({message.id: message for message in messages}.values())
    limits = limits or Limits()
    try:
        with engine.begin() as tx:
            fresh = _first_time(tx, consumer, batch, clock)
            if fresh:
                handler(tx, fresh)
            also(tx)
        limits.add([False] * len(fresh))
    except Exception as error:
        if is_infrastructure(error) or isinstance(error, Superseded):
            raise
        log.warning("batch_failed", consumer=consumer, messages=len(batch), **where(error))
        _one_by_one(engine, consumer, batch, handler, clock, limits, keeps_body, also)


def _one_by_one(  # noqa: PLR0913
    engine: Engine,
    consumer: str,
    batch: Sequence[Message],
    handler: Handler,
    clock: Clock,
    limits: Limits,
    keeps_body: bool,
    also: Callable[[Connection], None],
) -> None:
    failed: list[bool] = []
    with engine.begin() as tx:
        shut: set[str] = set()
        for message in _first_time(tx, consumer, batch, clock):
            if message.key in shut:
                dead_letters.park(tx, consumer, [message], clock.now())
                continue
            words = dead_letters.failure(tx, message, handler)
            failed.append(words is not None)
            if words is not None:
                if limits.exceeded_by(failed):
                    raise TooMuchPoison(consumer)
                dead_letters.put(tx, consumer, message, words, clock.now(), keeps_body=keeps_body)
                if keeps_body:
                    shut.add(message.key)
        also(tx)
    limits.add(failed)


def _first_time(
    tx: Connection, consumer: str, batch: Sequence[Message], clock: Clock
) -> list[Message]:
    """The messages whose inbox row is new and whose key is not shut; those of a shut key are
    parked.
    """
    if not batch:
        return []
    outcomes = tx.exec_driver_sql(
        _FIRST_TIME,
        {
            "batch": dumps([{"id": m.id, "key": m.key} for m in batch]),
            "consumer": consumer,
            "at": clock.now(),
        },
    ).all()
    new: set[UUID] = {row[0] for row in outcomes if row[0] is not None}
    shut: set[str] = {row[1] for row in outcomes if row[0] is None}
    fresh = list(batch) if len(new) == len(batch) else [m for m in batch if m.id in new]
    if shut:
        dead_letters.park(tx, consumer, [m for m in fresh if m.key in shut], clock.now())
        fresh = [m for m in fresh if m.key not in shut]
    return fresh
