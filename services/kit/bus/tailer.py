"""The embedded shell: threads that read the event log below its horizon and hand batches to
deliver().
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import structlog
from sqlalchemy import Connection, Engine

from schemas.envelope import Message
from services.kit.bus.consumer import Consumer, Subscription
from services.kit.bus.event_log_listener import EventLogListener, Wakeup
from services.kit.bus.inbox import Superseded, TooMuchPoison
from services.kit.clock import Clock, SystemClock
from services.kit.errors import Text
from services.kit.retry import Stopped

log = structlog.get_logger()
BATCH_ROWS_MAX = 500
STOPPED_POLL_SECONDS = 2.0
HIDDEN_SECONDS_MAX = 60.0

_OF_ONE_TOPIC = """(
SELECT e.xid::text AS at_xid, e.id AS at_id, e.topic, e.key, e.event_id, e.type, e.body, e.time,
    e.cause, e.xid
FROM event_log e
WHERE e.topic = %s AND (e.xid, e.id) > (%s::xid8, %s)
    AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY e.xid, e.id LIMIT %s)"""
_BEYOND = (
    "SELECT EXISTS (SELECT FROM event_log e WHERE e.topic = ANY(%s) AND (e.xid, e.id) > "
    "(%s::xid8, %s))"
)
_MOVE = """
UPDATE cursors SET xid = %s::xid8, id = %s WHERE consumer = %s AND xid = %s::xid8 AND id = %s
    RETURNING 1"""
Position = tuple[str, int]


class Tailer:
    """One consumer's reader. Its cursor moves in the transaction of the effects."""

    def __init__(
        self,
        consumer: Consumer,
        sleeper: Wakeup | None = None,
        batch_rows_max: int = BATCH_ROWS_MAX,
    ) -> None:
        self.consumer, self.batch_rows_max = consumer, batch_rows_max
        self._sleeper = sleeper or Wakeup()
        self._reader = consumer.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._topics = consumer.subscription.topics
        branches = " UNION ALL ".join([_OF_ONE_TOPIC] * len(self._topics))
        self._read = f"SELECT * FROM ({branches}) AS log ORDER BY xid, at_id LIMIT %s"
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"tail-{consumer.name}", daemon=True)

    def step(self) -> int:
        """Takes the next batch; returns how many messages it held."""
        with self._turn:
            with self._reader.connect() as tx:
                position = self._position(tx)
                entries = tx.exec_driver_sql(self._read, self._read_params(position)).all()
            if not entries:
                return 0
            messages = [Message(r[4], r[2], r[5], r[3], r[7], r[6], r[8]) for r in entries]
            to = (entries[-1][0], entries[-1][1])
            try:
                self.consumer.take(messages, also=lambda tx: self._move(tx, position, to))
            except Superseded:
                return 0
            return len(messages)

    def drain(self) -> int:
        """Takes everything there is; waits for rows that another open transaction still hides."""
        taken, since = 0, time.monotonic()
        while True:
            count = self.step()
            if count:
                taken, since = taken + count, time.monotonic()
            elif not self._hidden():
                return taken
            elif time.monotonic() - since > HIDDEN_SECONDS_MAX:
                raise TimeoutError(
                    f"{self.consumer.name}: an open transaction hides newer messages"
                )
            else:
                time.sleep(0.002)

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float) -> None:
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        while not self.consumer.stop.is_set():
            try:
                if not self.consumer.may_run():
                    self.consumer.stop.wait(STOPPED_POLL_SECONDS)
                    continue
                self._follow()
            except Stopped:
                return
            except TooMuchPoison:
                continue

    def _follow(self) -> None:
        while not self.consumer.stop.is_set():
            # a reader that cannot read is loud and unready, and goes on trying
            taken = self.consumer.patiently(
                self.step, waits=lambda e: not isinstance(e, (TooMuchPoison, Stopped))
            )
            if taken:
                self._sleeper.awake()
            else:
                self._sleeper.sleep()

    def _position(self, tx: Connection) -> Position:
        row = tx.exec_driver_sql(
            "SELECT xid::text, id FROM cursors WHERE consumer = %s", (self.consumer.name,)
        ).first()
        if row is None:
            tx.exec_driver_sql(
                "INSERT INTO cursors (consumer, xid, id) VALUES (%s, '0', 0) ON CONFLICT DO "
                "NOTHING",
                (self.consumer.name,),
            )
            return ("0", 0)
        return (row[0], row[1])

    def _read_params(self, position: Position) -> tuple:
        each = tuple((topic, *position, self.batch_rows_max) for topic in self._topics)
        return (*(value for params in each for value in params), self.batch_rows_max)

    def _move(self, tx: Connection, position: Position, to: Position) -> None:
        moved = tx.exec_driver_sql(_MOVE, (*to, self.consumer.name, *position)).first()
        if moved is None:
            raise Superseded(self.consumer.name)

    def _hidden(self) -> bool:
        with self._reader.connect() as tx:
            return tx.exec_driver_sql(
                _BEYOND, (list(self._topics), *self._position(tx))
            ).scalar_one()


class Tailers:
    """Every consumer of one process on its own thread, woken by one bell."""

    def __init__(
        self,
        engine: Engine,
        subscriptions: Iterable[Subscription],
        clock: Clock = SystemClock(),
        batch_rows_max: int = BATCH_ROWS_MAX,
    ) -> None:
        self._stop = threading.Event()
        self._bell = EventLogListener(engine)
        self.tailers = [
            Tailer(
                Consumer(engine, subscription, clock, self._stop),
                self._bell.sleeper(),
                batch_rows_max,
            )
            for subscription in subscriptions
        ]

    def start(self) -> None:
        """Starts the threads; they end with `stop`."""
        self._bell.start()
        for tailer in self.tailers:
            tailer.start()

    def stop(self, seconds_max: float = 10.0) -> None:
        """Ends every thread after the batch it is at."""
        self._stop.set()
        self._bell.stop()
        for tailer in self.tailers:
            tailer.join(seconds_max)

    def drain(self) -> int:
        """Runs every consumer in the calling thread, in their order, until nothing is left; returns
        how many messages were taken. For tests and simulations.
        """
        total = 0
        while taken := sum(tailer.drain() for tailer in self.tailers):
            total += taken
        return total

    def unready(self) -> dict[str, Text]:
        """Consumer -> why it does not take messages now; empty when all do."""
        return {t.consumer.name: words for t in self.tailers if (words := t.consumer.unready())}
