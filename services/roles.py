"""The roles of the cluster, one process each: DATABASE_URL and KAFKA_BOOTSTRAP from the environment."""
from __future__ import annotations

import sys

from services.embedded import application, own_house, serve
from services.intake.ingress import subscription as ingress
from services.kit import processes
from services.kit.consumer import Consumer
from services.kit.kafka_clients import Kafka
from services.kit.settings import Settings
from services.wiring import HANDLERS, Loops, check_glyphs


def intake(settings: Settings, port: int, host: str) -> None:
    """Events over HTTP; the consumer of topic ``ingress`` is a child of this process."""
    with own_house(settings, patient=True) as house, processes.beside("ingress", settings):
        serve(application(house, portal=False), port, settings, lambda: None, host)


def portal(settings: Settings, port: int, host: str) -> None:
    """Pages, and the calls of receivers and departments."""
    with own_house(settings, patient=True) as house:
        check_glyphs(house)
        serve(application(house), port, settings, lambda: None, host)


def consumer(settings: Settings, name: str) -> None:
    """A Faust worker of one consumer, with the loops of its role beside it."""
    with own_house(settings, patient=True) as house:
        Loops(house, (name,)).start()
        processes.consume(Consumer(house.worker, HANDLERS[name](house), house.clock), Kafka.of(settings), settings)


def relay(settings: Settings) -> None:
    """The event log to Kafka, and the reconciler."""
    with own_house(settings, patient=True) as house:
        processes.relay(house.worker, [make(house) for make in HANDLERS.values()], settings, house.clock)


def ingress_consumer(settings: Settings) -> None:
    """The Faust worker of topic ``ingress``."""
    with own_house(settings, patient=True) as house:
        processes.consume(Consumer(house.worker, ingress(house.clock, house.secret), house.clock),
                          Kafka.of(settings), settings)


if __name__ == "__main__":
    from services.kit import log

    own = Settings()
    log.configure(own.log_level)
    {"ingress": ingress_consumer}[sys.argv[1]](own)
