"""The cluster's shell: the only file that knows Faust, in the one shape that loses nothing.

`noack_take`, one database transaction, synchronous `ack()` after its commit, at most one batch in
flight, `concurrency=1`, and the process ends on whatever the attempt could not wait out. Faust's
own acking acknowledges a message when its agent fails; its tables, producer, timers and web server
are not used (docs/decisions).
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid5

import structlog
from kafka.errors import KafkaError

from schemas.envelope import NAMESPACE_GUIDUI, Message, Undecodable
from services.kit import health
from services.kit.bus.consumer import STOPPED, Consumer
from services.kit.bus.kafka_clients import (
    Kafka,
    is_idle,
    leave_group,
    no_topic,
    topic_ids,
    why_deaf,
)
from services.kit.errors import Text
from services.kit.garbage import collect_seldom
from services.kit.log import where
from services.kit.loops import set_aside
from services.kit.retry import Stopped, attempt

if TYPE_CHECKING:
    import faust

try:
    import uvloop
except ImportError:  # it does not exist on Windows
    uvloop = None

log = structlog.get_logger()
BATCH_ROWS_MAX = 500
WAITING_ROWS_MAX = 2_000  # Faust goes on reading while the database is slow for a moment
WITHIN_SECONDS = 0.03
ASSIGNED_SECONDS_MAX = 60
LOOK_SECONDS = 1.0
TOPICS_SECONDS = 5.0
IDLE_LOOKS_MAX = 3
FAILED = 70  # EX_SOFTWARE: the supervisor starts the process again

NO_BROKER = Text("消息总线暂时不可用，正在等待。", "Waiting for the brokers.")
UNASSIGNED = Text("还没有分到消息分区。", "No partitions have been assigned yet.")


class FaustShell:
    """Runs one consumer on its topics until SIGTERM or SIGINT."""

    def __init__(
        self,
        consumer: Consumer,
        kafka: Kafka,
        instance: str | None = None,
        health_port: int = 0,
        within: float = WITHIN_SECONDS,
        also_unready: Callable[[], Mapping[str, Text]] = dict,
    ) -> None:
        self.consumer, self.kafka, self.instance, self.within = consumer, kafka, instance, within
        self.group = kafka.group(consumer.name)
        self._health_port, self._also_unready = health_port, also_unready
        self._reason: Text | None = NO_BROKER
        self._deaf: Text | None = None
        self._assigned = threading.Event()
        self._waiting: list[Any] = []  # Faust events, in their order
        self._work: asyncio.Task | None = None

    def run(self) -> None:
        """Waits for database, brokers and rights, then consumes. Ends the process: 0 after a
        signal, else 70.
        """
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: self.consumer.stop.set())
        health.serve(
            self._health_port,
            health.Readiness(
                lambda: {**self.unready(), **self._also_unready()},
                set_aside=lambda: set_aside(self.consumer.engine),
            ),
        )
        try:
            self._await_leave()
            self._await_rights()
        except Stopped:
            raise SystemExit(0) from None
        self._reason = UNASSIGNED
        self._consume()

    def unready(self) -> dict[str, Text]:
        """Why this consumer hears nothing or does nothing now."""
        words = self.consumer.unready() or self._deaf or self._reason
        return {self.consumer.name: words} if words else {}

    def _await_leave(self) -> None:
        while not self.consumer.may_run():
            log.error("consumer_stopped", consumer=self.consumer.name, reason=STOPPED.en)
            if self.consumer.stop.wait(LOOK_SECONDS * 5):
                raise Stopped(self.consumer.name)

    def _await_rights(self) -> None:
        while deaf := attempt(
            self._why_deaf,
            what="brokers",
            stop=self.consumer.stop,
            waits=lambda error: isinstance(error, (KafkaError, OSError)),
        ):
            self._reason = deaf
            log.error("deaf", consumer=self.consumer.name, reason=deaf.en)
            if self.consumer.stop.wait(LOOK_SECONDS * 5):
                raise Stopped(self.consumer.name)

    def _why_deaf(self) -> Text | None:
        return why_deaf(self.kafka, self.group, self.consumer.subscription.topics)

    def _consume(self) -> None:
        import faust

        loop = self._loop()
        asyncio.set_event_loop(loop)
        app = self._app(faust, loop)
        threading.Thread(target=self._watch, args=(app,), name="watch", daemon=True).start()
        self._spare_collections()
        _worker(app, loop, self.consumer.stop).execute_from_commandline()

    def _loop(self) -> asyncio.AbstractEventLoop:
        """Faust spends most of its time per message in the event loop, and uvloop's is twice as
        fast.
        """
        return uvloop.new_event_loop() if uvloop else asyncio.new_event_loop()

    def _spare_collections(self) -> None:
        collect_seldom()

    def _app(self, faust, loop: asyncio.AbstractEventLoop) -> Any:
        class App(faust.App):
            def _create_directories(self) -> None:
                """Nothing of Faust's is kept on disk."""

        app = App(
            self.group,
            version=1,
            loop=loop,
            broker=";".join(f"kafka://{host}" for host in self.kafka.bootstrap.split(",")),
            **self._credentials(faust),
            agent_supervisor="mode.CrashingSupervisor",
            broker_commit_interval=1.0,
            broker_session_timeout=15,
            broker_heartbeat_interval=3,
            broker_request_timeout=40,
            broker_rebalance_timeout=30,
            broker_max_poll_records=BATCH_ROWS_MAX,
            consumer_group_instance_id=self.instance,
            topic_allow_declare=False,
            topic_disable_leader=True,
            store="memory://",
            web_enabled=False,
            stream_wait_empty=True,
            worker_redirect_stdouts=False,
        )
        names = [self.kafka.topic(name) for name in self.consumer.subscription.topics]
        topic = app.topic(*names, key_serializer="raw", value_serializer="raw")
        app.agent(topic, name=self.consumer.name, concurrency=1)(self._take)
        app.on_partitions_assigned.connect(self._on_assigned)
        return app

    def _credentials(self, faust) -> dict[str, Any]:
        if self.kafka.username:
            return {
                "broker_credentials": faust.SASLCredentials(
                    username=self.kafka.username,
                    password=self.kafka.password,
                    mechanism="SCRAM-SHA-512",
                    ssl_context=self.kafka.tls(),
                )
            }
        return (
            {"broker_credentials": faust.SSLCredentials(self.kafka.tls())} if self.kafka.ca else {}
        )

    async def _take(self, stream) -> None:
        """Collects while a batch is at work: small batches when little comes, full ones when much
        does.
        """
        async for events in stream.noack_take(BATCH_ROWS_MAX, within=self.within):
            self._waiting += events
            if self._work is None or self._work.done():
                self._work = asyncio.create_task(self._work_off())
            elif len(self._waiting) >= WAITING_ROWS_MAX:
                await self._work

    async def _work_off(self) -> None:
        while self._waiting:
            events, self._waiting = self._waiting[:BATCH_ROWS_MAX], self._waiting[BATCH_ROWS_MAX:]
            await self._run(events)

    async def _run(self, events) -> None:
        try:
            await asyncio.to_thread(self._handle, events)
            for event in events:
                event.ack()
        except Stopped:
            os._exit(
                0
            )  # told to end while the database is away: nothing is acknowledged, so nothing is lost
        except BaseException as error:  # a task's exception would not reach Faust's supervisor
            log.critical("consumer_failed", consumer=self.consumer.name, **where(error))
            os._exit(FAILED)

    def _handle(self, events) -> None:
        messages, unreadable = [], []
        for event in events:
            record = event.message
            topic = record.topic.removeprefix(self.kafka.prefix)
            try:
                messages.append(self.consumer.subscription.decode(topic, event.value))
            except Undecodable:
                unreadable.append(self._placeholder(topic, record.partition, record.offset))
        self.consumer.take(messages, unreadable=unreadable)

    def _placeholder(self, topic: str, partition: int, offset: int) -> Message:
        """Stands for a record nobody can read: its place is all that may be said of it."""
        place = f"{topic}/{partition}/{offset}"
        return Message(
            uuid5(NAMESPACE_GUIDUI, place),
            topic,
            f"unreadable {place}",
            "",
            self.consumer.clock.now(),
            {},
        )

    async def _on_assigned(self, *_: object, **__: object) -> None:
        self._reason = None
        self._assigned.set()

    def _watch(self, app) -> None:
        """Ends the process when Faust never joins its group, has crashed and still looks alive, or
        when its topics are others than those it joined: it would not find them again.
        """
        threading.Thread(target=self._watch_topics, name="topics", daemon=True).start()
        limit = time.monotonic() + ASSIGNED_SECONDS_MAX
        while not self.consumer.stop.wait(LOOK_SECONDS):
            if app.crashed or (not self._assigned.is_set() and time.monotonic() > limit):
                log.critical(
                    "faust_crashed" if app.crashed else "faust_unassigned",
                    consumer=self.consumer.name,
                )
                os._exit(FAILED)

    def _watch_topics(self) -> None:
        joined, gone, idle = None, False, 0
        while not self.consumer.stop.wait(TOPICS_SECONDS):
            try:
                present = topic_ids(self.kafka, self.consumer.subscription.topics)
                idle = idle + 1 if self._is_idle() else 0
            except (KafkaError, OSError):
                self._deaf = NO_BROKER
                continue
            missing = [topic for topic, ident in present.items() if ident is None]
            if missing:
                self._deaf = no_topic(missing[0])
                gone = True
                log.error("deaf", consumer=self.consumer.name, reason=self._deaf.en)
                continue
            self._deaf = None
            if joined is not None and (gone or present != joined) or idle >= IDLE_LOOKS_MAX:
                log.critical("topics_made_again", consumer=self.consumer.name)
                self._leave()
                os._exit(FAILED)
            joined, gone = present, False

    def _is_idle(self) -> bool:
        return (
            bool(self.instance)
            and self._assigned.is_set()
            and is_idle(self.kafka, self.consumer.name, self.instance)
        )

    def _leave(self) -> None:
        """A static member that only restarts would be dealt the partitions of the topics that are
        gone.
        """
        if not self.instance:
            return
        try:
            leave_group(self.kafka, self.consumer.name, self.instance)
        except (KafkaError, OSError) as error:
            log.warning("group_not_left", consumer=self.consumer.name, **where(error))


def _worker(app: faust.App, loop: asyncio.AbstractEventLoop, stop: threading.Event):
    import faust

    class Worker(faust.Worker):
        """Faust's worker, which also ends a wait for the database when told to stop."""

        def _schedule_shutdown(self, signal: signal.Signals) -> None:
            stop.set()
            super()._schedule_shutdown(signal)

    worker = Worker(app, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
    worker.spinner = None  # it would write to the terminal
    return worker
