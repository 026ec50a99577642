"""One consumer of topics: its subscription, and the care around deliver() that tailer and Faust
shell share.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, Engine

from schemas.envelope import Message, from_wire
from services.kit.bus import dead_letters
from services.kit.bus.dead_letters import Handler
from services.kit.bus.inbox import Limits, TooMuchPoison, deliver, nothing
from services.kit.clock import Clock, SystemClock
from services.kit.db.engine import Record, rows
from services.kit.errors import Text
from services.kit.retry import attempt

log = structlog.get_logger()

UNREADABLE = Text("读不懂这条记录。", "The record cannot be read.")
STOPPED = Text(
    "失败的消息太多，已停下等人处理。", "Too many messages fail; stopped until somebody looks."
)
WAITING = Text("数据库暂时不可用，正在等待。", "Waiting for the database.")


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which handler takes effect of which topics, under which consumer's name (also its Kafka
    group).

    `decode(topic, value)` reads a Kafka record's value, and raises Undecodable. With
    `keeps_body=False` (messages from outside that hold persons) nothing of a message is kept on the
    dead-letter desk and no key is parked.
    """

    consumer: str
    topics: tuple[str, ...]
    handler: Handler
    decode: Callable[[str, bytes | None], Message] = from_wire
    keeps_body: bool = True


class Consumer:
    """Hands batches to deliver(): waits out a broken database, stops loudly on too much poison."""

    def __init__(
        self,
        engine: Engine,
        subscription: Subscription,
        clock: Clock = SystemClock(),
        stop: threading.Event | None = None,
    ) -> None:
        self.engine, self.subscription, self.clock = engine, subscription, clock
        self.name = subscription.consumer
        self.stop = stop or threading.Event()
        self._limits = Limits()
        self._waiting = self._stopped = False

    def take(
        self,
        messages: Sequence[Message],
        also: Callable[[Connection], None] = nothing,
        unreadable: Sequence[Message] = (),
    ) -> None:
        """Returns once the effects of these messages are committed. Raises TooMuchPoison or
        Stopped.

        `unreadable` are placeholders for records that could not be decoded: straight to the desk.
        """

        def finish(tx: Connection) -> None:
            for record in unreadable:
                dead_letters.put(
                    tx, self.name, record, UNREADABLE, self.clock.now(), keeps_body=False
                )
            also(tx)

        try:
            self.patiently(
                lambda: deliver(
                    self.engine,
                    self.name,
                    messages,
                    self.subscription.handler,
                    clock=self.clock,
                    limits=self._limits,
                    keeps_body=self.subscription.keeps_body,
                    also=finish,
                )
            )
        except TooMuchPoison:
            log.error("too_much_poison", consumer=self.name)
            self.patiently(lambda: _stop(self.engine, self.name, self.clock))
            self._stopped = True
            raise

    def patiently(self, work: Callable[[], object], **how) -> object:
        """`attempt`, with readiness told."""
        return attempt(work, what=self.name, stop=self.stop, waiting=self._wait, **how)

    def may_run(self) -> bool:
        """Whether the consumer is not stopped for too much poison (`resume` lets it go on)."""
        self._stopped = bool(self.patiently(lambda: is_stopped(self.engine, self.name)))
        return not self._stopped

    def unready(self) -> Text | None:
        """Why this consumer does not take messages now; None when it does."""
        return STOPPED if self._stopped else WAITING if self._waiting else None

    def _wait(self, waiting: bool) -> None:
        self._waiting = waiting


def is_stopped(engine: Engine, consumer: str) -> bool:
    """Whether too much poison has stopped this consumer."""
    with engine.connect() as tx:
        return bool(
            rows(
                tx,
                "SELECT 1 FROM consumer_state WHERE consumer = :consumer AND stopped_at IS NOT "
                "NULL",
                {"consumer": consumer},
            )
        )


def stopped(tx: Connection) -> Sequence[Record]:
    """The consumers that too much poison has stopped: consumer, stopped_at."""
    return rows(
        tx,
        "SELECT consumer, stopped_at FROM consumer_state WHERE stopped_at IS NOT NULL ORDER BY "
        "consumer",
    )


def resume(engine: Engine, consumer: str) -> None:
    """Lets a stopped consumer go on; its process or thread notices within seconds."""
    with engine.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE consumer_state SET stopped_at = NULL, stopped_zh = NULL, stopped_en = NULL"
            " WHERE consumer = %s",
            (consumer,),
        )


def _stop(engine: Engine, consumer: str, clock: Clock) -> None:
    with engine.begin() as tx:
        tx.exec_driver_sql(
            """
            INSERT INTO consumer_state (consumer, stopped_at, stopped_zh, stopped_en)
                VALUES (%s, %s, %s, %s)
            ON CONFLICT (consumer) DO UPDATE SET stopped_at = excluded.stopped_at,
                stopped_zh = excluded.stopped_zh, stopped_en = excluded.stopped_en""",
            (consumer, clock.now(), STOPPED.zh, STOPPED.en),
        )
