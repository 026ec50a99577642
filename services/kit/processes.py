"""The processes without pages: the relay, and one consumer. Each runs until SIGTERM and tells its health."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import Engine

from services.kit import health, metrics
from services.kit.clock import Clock, SystemClock
from services.kit.consumer import Consumer, Subscription
from services.kit.errors import Words
from services.kit.faust_shell import FaustShell
from services.kit.kafka_clients import Kafka
from services.kit.reconcile import Reconciler
from services.kit.relay import Relay
from services.kit.settings import Settings

log = structlog.get_logger()
BESIDE = "GUIDUI_BESIDE"  # a pipe that closes when the process beside which one runs is gone
RESTART_SECONDS = 1.0


def relay(engine: Engine, subscriptions: Iterable[Subscription], settings: Settings,
          clock: Clock = SystemClock()) -> None:
    """`guidui relay`: the log to Kafka, and the reconciler that looks after what the consumers took.

    `subscriptions` are those fed from the event log; `ingress` is not among them.
    """
    subscriptions = tuple(subscriptions)
    sender = Relay(engine, Kafka.of(settings), clock)
    reconciler = Reconciler(engine, subscriptions, clock)

    def end(*_: object) -> None:
        sender.stop.set()
        reconciler.stop.set()

    def unready() -> dict[str, Words]:
        words = sender.unready()
        return {"relay": words} if words else {}

    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, end)
    metrics.expose(metrics.Seam(engine, subscriptions, clock, relay=True))
    health.serve(settings.health_port, unready)
    reconciler.start()
    # signals reach only the main thread, and not while it is inside the driver
    worker = threading.Thread(target=sender.run, name="relay")
    worker.start()
    while worker.is_alive():
        worker.join(0.2)


def consume(consumer: Consumer, kafka: Kafka, settings: Settings) -> None:
    """`guidui matcher`, `guidui notifier`, and intake's consumer of `ingress`. Ends the process."""
    if BESIDE in os.environ:
        threading.Thread(target=_end_with, args=(int(os.environ[BESIDE]),), name="beside", daemon=True).start()
    metrics.expose(metrics.Seam(consumer.engine, (consumer.subscription,), consumer.clock))
    FaustShell(consumer, kafka, settings.instance, settings.health_port).run()


@contextmanager
def beside(name: str, settings: Settings) -> Iterator[None]:
    """Keeps `python -m services.roles NAME` running as a child, started again when it dies; nothing without Kafka.

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
    told = {BESIDE: str(theirs), "GUIDUI_HEALTH_PORT": "0"}
    if settings.instance:
        told["GUIDUI_INSTANCE"] = f"{settings.instance}-{name}"
    command = [sys.executable, "-m", "services.roles", name]
    while not ended.is_set():
        with subprocess.Popen(command, env=os.environ | told, pass_fds=(theirs,)) as child:
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
