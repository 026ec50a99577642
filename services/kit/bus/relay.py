"""The event log to Kafka: at least once, in the log's order, by one relay at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

import psycopg
import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError
from sqlalchemy import Connection, Engine, Row

from schemas.envelope import Message, to_wire
from services.kit.bus.event_log import RELAY
from services.kit.bus.event_log_listener import EventLogListener, Wakeup
from services.kit.bus.kafka_clients import Kafka
from services.kit.clock import Clock, SystemClock
from services.kit.db import locks
from services.kit.db.locks import Lock
from services.kit.errors import Text
from services.kit.retry import Stopped, attempt, is_infrastructure

log = structlog.get_logger()
BATCH_ROWS_MAX = 500
FLUSH_SECONDS_MAX = 20
RESEND_SECONDS = 5.0
LOCK_SECONDS = 1.0

WAITING = Text("消息总线或数据库暂时不可用，正在等待。", "Waiting for the brokers or the database.")
SECOND = Text("另一个 relay 正在工作，本进程待命。", "Another relay is at work; standing by.")

_READ = """
SELECT e.xid::text AS at_xid, e.id, e.topic, e.key, e.event_id, e.type, e.body, e.time, e.cause
FROM event_log e
WHERE (e.xid, e.id) > (%s::xid8, %s) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY e.xid, e.id LIMIT %s"""
_MISSED = """
SELECT e.xid::text AS at_xid, e.id, e.topic, e.key, e.event_id, e.type, e.body, e.time, e.cause
FROM event_log e JOIN resend r ON r.event_id = e.event_id
WHERE r.published_at IS NULL ORDER BY e.xid, e.id LIMIT %s"""


class Unpublished(Exception):
    """The brokers did not confirm every record; the cursor stays where it is."""


class Publisher:
    """An idempotent producer that is made anew after every failure: an old one may never
    recover.
    """

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._producer: KafkaProducer | None = None

    def publish(self, messages: Sequence[Message]) -> None:
        """Returns when every record is confirmed by all in-sync replicas, else raises
        Unpublished.
        """
        try:
            producer = self._connected()
            futures = [
                producer.send(
                    self._kafka.topic(m.topic),
                    key=m.key.encode(),
                    value=to_wire(m),
                    headers=[("ce_id", str(m.id).encode())],
                )
                for m in messages
            ]
            producer.flush(FLUSH_SECONDS_MAX)
            for future in futures:
                future.get(timeout=1)
        except (KafkaError, OSError) as error:
            self.close()
            raise Unpublished(type(error).__name__) from error

    def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=0)

    def _connected(self) -> KafkaProducer:
        if self._producer is None:
            self._producer = KafkaProducer(
                **self._kafka.arguments(),
                enable_idempotence=True,
                acks="all",
                linger_ms=2,
                max_block_ms=10_000,
                request_timeout_ms=10_000,
                delivery_timeout_ms=15_000,
            )
        return self._producer


class Position(NamedTuple):
    xid: str
    id: int


class Relay:
    """Reads below the log's horizon, publishes, then moves its cursor; a crash in between is a
    repeat.
    """

    def __init__(
        self,
        engine: Engine,
        kafka: Kafka,
        clock: Clock = SystemClock(),
        batch_rows_max: int = BATCH_ROWS_MAX,
    ) -> None:
        self.engine, self.clock, self.batch_rows_max = engine, clock, batch_rows_max
        self.stop = threading.Event()
        self._reader = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._publisher = Publisher(kafka)
        self._unready: Text | None = SECOND

    def run(self) -> None:
        """Relays until `stop` is set, waiting out whatever is down."""
        bell = EventLogListener(self.engine)
        sleeper = bell.sleeper()
        bell.start()
        try:
            while not self.stop.is_set():
                attempt(
                    lambda: self._lead(sleeper),
                    what="relay",
                    stop=self.stop,
                    waits=_passes,
                    waiting=self._wait,
                )
        except Stopped:
            pass
        finally:
            bell.stop()
            self.close()

    def step(self) -> int:
        """Publishes the next batch; returns how many messages it held."""
        with self._reader.connect() as tx:
            position = self._position(tx)
            entries = tx.exec_driver_sql(_READ, (*position, self.batch_rows_max)).all()
        if entries:
            self._publisher.publish([_message(row) for row in entries])
            with self.engine.begin() as tx:
                tx.exec_driver_sql(
                    "UPDATE cursors SET xid = %s::xid8, id = %s WHERE consumer = %s",
                    (entries[-1][0], entries[-1][1], RELAY),
                )
        return len(entries)

    def resend(self) -> int:
        """Publishes again what the reconciler found missing; returns how many."""
        with self._reader.connect() as tx:
            entries = tx.exec_driver_sql(_MISSED, (self.batch_rows_max,)).all()
        if entries:
            self._publisher.publish([_message(row) for row in entries])
            with self.engine.begin() as tx:
                tx.exec_driver_sql(
                    "UPDATE resend SET published_at = %s, times = times + 1 WHERE event_id = "
                    "ANY(%s)",
                    (self.clock.now(), [row[4] for row in entries]),
                )
            log.warning("resent", messages=len(entries))
        return len(entries)

    def close(self) -> None:
        """Lets go of the brokers; `run` does so itself."""
        self._publisher.close()

    def unready(self) -> Text | None:
        """Why nothing is relayed now; None while this relay leads and both sides answer."""
        return self._unready

    def _lead(self, sleeper: Wakeup) -> None:
        """Relays while the session that holds the advisory lock lives: a second relay waits."""
        dsn = self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with closing(psycopg.connect(dsn, autocommit=True, connect_timeout=5)) as session:
            while not locks.try_alone(session, Lock.RELAY):
                self._unready = SECOND
                if self.stop.wait(LOCK_SECONDS):
                    return
            self._unready = None
            looked = time.monotonic()
            while not self.stop.is_set():
                if self.step():
                    sleeper.awake()
                else:
                    sleeper.sleep()
                if time.monotonic() - looked > RESEND_SECONDS:
                    session.execute("SELECT 1")
                    self.resend()
                    looked = time.monotonic()

    def _position(self, tx: Connection) -> Position:
        row = tx.exec_driver_sql(
            "SELECT xid::text, id FROM cursors WHERE consumer = %s", (RELAY,)
        ).first()
        if row is None:
            tx.exec_driver_sql(
                "INSERT INTO cursors (consumer, xid, id) VALUES (%s, '0', 0) ON CONFLICT DO "
                "NOTHING",
                (RELAY,),
            )
        return Position(*row) if row else Position("0", 0)

    def _wait(self, waiting: bool) -> None:
        self._unready = WAITING if waiting else None


def _passes(error: BaseException) -> bool:
    return isinstance(error, Unpublished) or is_infrastructure(error)


def _message(row: Row) -> Message:
    return Message(row[4], row[2], row[5], row[3], row[7], row[6], row[8])
