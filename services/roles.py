"""The roles of the cluster, one process each: DATABASE_URL and KAFKA_BOOTSTRAP from the
environment.
"""

from __future__ import annotations

import sys

from sqlalchemy import Connection

from schemas.topics import TOPICS
from services.cluster import create_topics
from services.embedded import application, own_house, serve
from services.intake.app import database_away
from services.intake.ingress import subscription as ingress
from services.kit import beats, metrics, processes
from services.kit.consumer import Consumer
from services.kit.errors import Words
from services.kit.kafka_clients import Kafka
from services.kit.ports import refuse_taken
from services.kit.reconcile import still_for
from services.kit.settings import Settings
from services.wiring import HANDLERS, LOOPS, House, check_glyphs, loops_of, loops_unready

STILL_SECONDS_MAX = 20.0
ROLES = ("relay", "intake", "ingress", "portal", *HANDLERS)


def intake(settings: Settings, port: int, host: str) -> None:
    """Events over HTTP; the consumer of topic ``ingress`` is a child of this process."""
    refuse_taken(port, host)
    with (
        own_house(settings, patient=True) as house,
        processes.beside("ingress", settings),
        processes.beating(house.worker, "intake", settings, house.clock),
    ):
        serve(
            application(house, lambda: cluster_unready(house), portal=False),
            port,
            settings,
            lambda: None,
            host,
        )


def portal(settings: Settings, port: int, host: str) -> None:
    """Pages, and the calls of receivers and departments."""
    refuse_taken(port, host)
    with (
        own_house(settings, patient=True) as house,
        processes.beating(house.worker, "portal", settings, house.clock),
    ):
        check_glyphs(house)
        app = application(house, lambda: cluster_unready(house), address=f"http://{host}:{port}")
        serve(app, port, settings, lambda: None, host)


def consumer(settings: Settings, name: str) -> None:
    """A Faust worker of one consumer, with the loops of its role beside it."""
    with own_house(settings, patient=True, pseudonyms=False) as house:
        loops_of(house, (name,)).start()
        metrics.expose(metrics.LoopGauges(house.worker, LOOPS))
        processes.consume(
            Consumer(house.worker, HANDLERS[name](house), house.clock),
            Kafka.of(settings),
            settings,
            name,
            lambda: loops_unready(house, name),
        )


def relay(settings: Settings) -> None:
    """The event log to Kafka, and the reconciler."""
    with own_house(settings, patient=True, pseudonyms=False) as house:
        processes.relay(
            house.worker,
            [make(house) for make in HANDLERS.values()],
            settings,
            house.clock,
            create_topics,
        )


def ingress_consumer(settings: Settings) -> None:
    """The Faust worker of topic ``ingress``."""
    with own_house(settings, patient=True) as house:
        processes.consume(
            Consumer(house.worker, ingress(house.clock, house.secret), house.clock),
            Kafka.of(settings),
            settings,
            "ingress",
        )


def cluster_unready(house: House) -> dict[str, Words]:
    """What does not do its work, in whatever process of the cluster: for the address that users and
    probes ask.
    """
    away = database_away(house.web)
    if away:
        return away
    with house.worker.connect() as tx:
        return (
            _standing_still(tx, house)
            | beats.unready(tx, ROLES, house.clock)
            | loops_unready(house)
        )


def _standing_still(tx: Connection, house: House) -> dict[str, Words]:
    """Consumer -> since when it takes nothing of what waits for it, whatever its process says of
    itself.
    """
    told = {}
    for consumer in HANDLERS:
        topics = [topic.name for topic in TOPICS if consumer in topic.consumers]
        seconds = still_for(tx, consumer, topics, house.clock.now())
        if seconds > STILL_SECONDS_MAX:
            told[consumer] = Words(
                f"已有 {seconds:.0f} 秒没有取走等着它的消息。",
                f"It has taken nothing of what waits for it for {seconds:.0f} seconds.",
            )
    return told


if __name__ == "__main__":
    from services.kit import log

    own = Settings()
    log.configure(own.log_level)
    {"ingress": ingress_consumer}[sys.argv[1]](own)
