"""The roles of the cluster, one process each: DATABASE_URL and KAFKA_BOOTSTRAP from the
environment.
"""

from __future__ import annotations

import sys

from sqlalchemy import Connection

from schemas.topics import TOPICS
from services.app import HANDLERS, LOOPS, App, check_glyphs, loops_of, loops_unready
from services.cluster import processes
from services.cluster.one_process import application, own_app, serve
from services.cluster.supervised import create_topics
from services.intake.app import database_away
from services.intake.ingress import subscription as ingress
from services.kit import beats, metrics
from services.kit.bus.consumer import Consumer
from services.kit.bus.kafka_clients import Kafka
from services.kit.bus.reconcile import still_for
from services.kit.errors import Text
from services.kit.ports import refuse_taken
from services.kit.settings import Settings

STILL_SECONDS_MAX = 20.0
ROLES = ("relay", "intake", "ingress", "portal", *HANDLERS)


def intake(settings: Settings, port: int, host: str) -> None:
    """Events over HTTP; the consumer of topic ``ingress`` is a child of this process."""
    refuse_taken(port, host)
    with (
        own_app(settings, patient=True) as app,
        processes.beside("ingress", settings),
        processes.beating(app.worker, "intake", settings, app.clock),
    ):
        serve(
            application(app, lambda: cluster_unready(app), portal=False),
            port,
            settings,
            lambda: None,
            host,
        )


def portal(settings: Settings, port: int, host: str) -> None:
    """Pages and all calls, those for events too: what stands at the public address of a cluster."""
    refuse_taken(port, host)
    with (
        own_app(settings, patient=True) as app,
        processes.beating(app.worker, "portal", settings, app.clock),
    ):
        check_glyphs(app)
        web = application(app, lambda: cluster_unready(app), address=f"http://{host}:{port}")
        serve(web, port, settings, lambda: None, host)


def consumer(settings: Settings, name: str) -> None:
    """A Faust worker of one consumer, with the loops of its role beside it."""
    with own_app(settings, patient=True, pseudonyms=False) as app:
        loops_of(app, (name,)).start()
        metrics.expose(metrics.LoopGauges(app.worker, LOOPS))
        processes.consume(
            Consumer(app.worker, HANDLERS[name](app), app.clock),
            Kafka.of(settings),
            settings,
            name,
            lambda: loops_unready(app, name),
        )


def relay(settings: Settings) -> None:
    """The event log to Kafka, and the reconciler."""
    with own_app(settings, patient=True, pseudonyms=False) as app:
        processes.relay(
            app.worker,
            [make(app) for make in HANDLERS.values()],
            settings,
            app.clock,
            create_topics,
        )


def ingress_consumer(settings: Settings) -> None:
    """The Faust worker of topic ``ingress``."""
    with own_app(settings, patient=True) as app:
        processes.consume(
            Consumer(app.worker, ingress(app.clock, app.secret), app.clock),
            Kafka.of(settings),
            settings,
            "ingress",
        )


def cluster_unready(app: App) -> dict[str, Text]:
    """What does not do its work, in whatever process of the cluster: for the address that users and
    probes ask.
    """
    away = database_away(app.web)
    if away:
        return away
    with app.worker.connect() as tx:
        return _standing_still(tx, app) | beats.unready(tx, ROLES, app.clock) | loops_unready(app)


def _standing_still(tx: Connection, app: App) -> dict[str, Text]:
    """Consumer -> since when it takes nothing of what waits for it, whatever its process says of
    itself.
    """
    reasons = {}
    for consumer in HANDLERS:
        topics = [topic.name for topic in TOPICS if consumer in topic.consumers]
        seconds = still_for(tx, consumer, topics, app.clock.now())
        if seconds > STILL_SECONDS_MAX:
            reasons[consumer] = Text(
                f"已有 {seconds:.0f} 秒没有取走等着它的消息。",
                f"It has taken nothing of what waits for it for {seconds:.0f} seconds.",
            )
    return reasons


if __name__ == "__main__":
    from services.kit import log

    own = Settings()
    log.configure(own.log_level)
    {"ingress": ingress_consumer}[sys.argv[1]](own)
