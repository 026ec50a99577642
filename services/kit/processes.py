"""The processes without pages: the relay, and one consumer. Each runs until SIGTERM and tells its health."""
from __future__ import annotations

import signal
import threading
from collections.abc import Iterable

from sqlalchemy import Engine

from services.kit import health, metrics
from services.kit.clock import Clock, SystemClock
from services.kit.consumer import Consumer, Subscription
from services.kit.errors import Words
from services.kit.faust_shell import FaustShell
from services.kit.kafka_clients import Kafka
from services.kit.reconcile import Reconciler
from services.kit.relay import Relay


def run_relay(engine: Engine, kafka: Kafka, subscriptions: Iterable[Subscription], clock: Clock = SystemClock(),
              health_port: int = 0) -> None:
    """`guidui relay`: the log to Kafka, and the reconciler that looks after what the consumers took.

    `subscriptions` are those fed from the event log; `ingress` is not among them.
    """
    subscriptions = tuple(subscriptions)
    relay = Relay(engine, kafka, clock)
    reconciler = Reconciler(engine, subscriptions, clock)

    def end(*_: object) -> None:
        relay.stop.set()
        reconciler.stop.set()

    def unready() -> dict[str, Words]:
        words = relay.unready()
        return {"relay": words} if words else {}

    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, end)
    metrics.expose(metrics.Seam(engine, subscriptions, clock, relay=True))
    health.serve(health_port, unready)
    reconciler.start()
    # signals reach only the main thread, and not while it is inside the driver
    worker = threading.Thread(target=relay.run, name="relay")
    worker.start()
    while worker.is_alive():
        worker.join(0.2)


def run_consumer(engine: Engine, subscription: Subscription, kafka: Kafka, clock: Clock = SystemClock(),
                 instance: str | None = None, health_port: int = 0) -> None:
    """`guidui matcher`, `guidui notifier`, and intake's consumer of `ingress`. Ends the process."""
    metrics.expose(metrics.Seam(engine, (subscription,), clock))
    FaustShell(Consumer(engine, subscription, clock), kafka, instance, health_port).run()
