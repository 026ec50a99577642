"""The processes without pages: the relay, and one consumer. Each runs until SIGTERM and tells its
health.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager

import structlog
from sqlalchemy import Engine

from services.kit import health, metrics
from services.kit.beats import Beat
from services.kit.bus.consumer import Consumer, Subscription
from services.kit.bus.faust_shell import FaustShell
from services.kit.bus.kafka_clients import Kafka
from services.kit.bus.reconcile import Reconciler
from services.kit.bus.relay import SECOND, Relay
from services.kit.bus.topic_keeper import TopicKeeper
from services.kit.clock import Clock, SystemClock
from services.kit.errors import Text
from services.kit.loops import set_aside
from services.kit.settings import Settings

log = structlog.get_logger()
BESIDE = "GUIDUI_BESIDE"  # a pipe that closes when the process beside which one runs is gone
RESTART_SECONDS = 1.0


def relay(
    engine: Engine,
    subscriptions: Iterable[Subscription],
    settings: Settings,
    clock: Clock = SystemClock(),
    create_topics: Callable[[Kafka], None] = lambda _: None,
) -> None:
    """`guidui relay`: the log to Kafka, and the reconciler that looks after what the consumers
    took.

    `subscriptions` are those fed from the event log; `ingress` is not among them. `create_topics`
    makes whatever topic is missing; it is called again and again, for topics may be deleted and
    brokers built anew.
    """
    subscriptions = tuple(subscriptions)
    sender = Relay(engine, Kafka.of(settings), clock)
    keeper = TopicKeeper(Kafka.of(settings), create_topics)
    reconciler = Reconciler(engine, subscriptions, clock)

    def end(*_: object) -> None:
        sender.stop.set()
        reconciler.stop.set()
        keeper.stop.set()

    def unready() -> dict[str, Text]:
        words = keeper.unready() or sender.unready()
        return {"relay": words} if words else {}

    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, end)
    metrics.expose(metrics.Seam(engine, subscriptions, clock, relay=True))
    health.serve(
        settings.health_port, health.Readiness(unready, set_aside=lambda: set_aside(engine))
    )
    reconciler.start()
    keeper.start()
    # signals reach only the main thread, and not while it is inside the driver
    worker = threading.Thread(target=sender.run, name="relay")
    worker.start()
    # one that stands by while another leads does what it should
    with beating(
        engine,
        "relay",
        settings,
        clock,
        lambda: {k: v for k, v in unready().items() if v != SECOND},
    ):
        while worker.is_alive():
            worker.join(0.2)


@contextmanager
def beating(
    engine: Engine,
    role: str,
    settings: Settings,
    clock: Clock,
    unready: Callable[[], Mapping[str, Text]] = dict,
) -> Generator[None]:
    """Inside, this process says every few seconds that it is there, or why it does nothing."""
    beat = Beat(engine, role, settings.instance, clock, unready)
    beat.start()
    try:
        yield
    finally:
        beat.stop()


def consume(
    consumer: Consumer,
    kafka: Kafka,
    settings: Settings,
    role: str | None = None,
    also_unready: Callable[[], Mapping[str, Text]] = dict,
) -> None:
    """`guidui matcher`, `guidui notifier`, and intake's consumer of `ingress`. Ends the process.

    `also_unready` is told at this process's /readyz beside the consumer's own reasons.
    """
    if BESIDE in os.environ:
        threading.Thread(
            target=_end_with, args=(int(os.environ[BESIDE]),), name="beside", daemon=True
        ).start()
    metrics.expose(metrics.Seam(consumer.engine, (consumer.subscription,), consumer.clock))
    shell = FaustShell(
        consumer, kafka, settings.instance, settings.health_port, also_unready=also_unready
    )
    with beating(consumer.engine, role or consumer.name, settings, consumer.clock, shell.unready):
        shell.run()


@contextmanager
def beside(name: str, settings: Settings) -> Generator[None]:
    """Keeps `python -m services.cluster.roles NAME` running as a child, started again when it dies;
    nothing without Kafka.

    The child ends with this process, also when this one is killed.
    """
    if not settings.kafka_bootstrap:
        yield
        return
    ended = threading.Event()
    keeper = threading.Thread(target=_keep, args=(name, settings, ended), name=f"beside-{name}")
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()


def _keep(name: str, settings: Settings, ended: threading.Event) -> None:
    theirs, ours = os.pipe()
    environment = {BESIDE: str(theirs), "GUIDUI_HEALTH_PORT": "0"}
    if settings.instance:
        environment["GUIDUI_INSTANCE"] = f"{settings.instance}-{name}"
    command = [sys.executable, "-m", "services.cluster.roles", name]
    while not ended.is_set():
        with subprocess.Popen(command, env=os.environ | environment, pass_fds=(theirs,)) as child:
            while not ended.wait(0.2) and child.poll() is None:
                pass
            child.terminate()
        if not ended.is_set():
            log.warning("process_died", role=name, returncode=child.returncode)
            ended.wait(RESTART_SECONDS)
    os.close(theirs)
    os.close(ours)


def _end_with(pipe: int) -> None:
    os.read(pipe, 1)
    os._exit(0)
