"""The roles of the cluster, one process each: DATABASE_URL and KAFKA_BOOTSTRAP from the environment."""
from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from services.embedded import application, own_house, serve
from services.intake.ingress import subscription as ingress
from services.kit.kafka_clients import Kafka
from services.kit.processes import run_consumer, run_relay
from services.kit.settings import Settings
from services.wiring import HANDLERS, Loops

AGAIN_SECONDS_MAX = 15.0


def intake(settings: Settings, port: int) -> None:
    """Events over HTTP; the consumer of topic ``ingress`` is a child of this process."""
    with own_house(settings) as house, _child("ingress"):
        serve(application(house, portal=False), port, settings, lambda: None)


def portal(settings: Settings, port: int) -> None:
    """Pages, and the calls of receivers and departments."""
    with own_house(settings) as house:
        serve(application(house), port, settings, lambda: None)


def consumer(settings: Settings, name: str) -> None:
    """A Faust worker of one consumer, with the loops of its role beside it."""
    with own_house(settings) as house:
        Loops(house, (name,)).start()
        run_consumer(house.worker, HANDLERS[name](house), Kafka.of(settings), house.clock, settings.instance,
                     settings.health_port)


def relay(settings: Settings) -> None:
    """The event log to Kafka, and the reconciler."""
    with own_house(settings) as house:
        run_relay(house.worker, Kafka.of(settings), [make(house) for make in HANDLERS.values()], house.clock,
                  settings.health_port)


def ingress_consumer(settings: Settings) -> None:
    """The Faust worker of topic ``ingress``; ends with the process that started it."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    with own_house(settings) as house:
        run_consumer(house.worker, ingress(house.clock, house.secret), Kafka.of(settings), house.clock,
                     f"{settings.instance}-ingress" if settings.instance else None)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


@contextmanager
def _child(name: str) -> Iterator[None]:
    """Keeps a consumer running beside this process: started again, with growing pauses, whenever it ends."""
    ending = threading.Event()
    running: list[subprocess.Popen] = []

    def keep() -> None:
        pause = 0.5
        while not ending.is_set():
            begun = time.monotonic()
            running[:] = [subprocess.Popen([sys.executable, "-m", "services.roles", name])]
            running[0].wait()
            pause = 0.5 if time.monotonic() - begun > 60 else min(pause * 2, AGAIN_SECONDS_MAX)
            ending.wait(pause)

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        for process in running:
            process.terminate()
        thread.join(5)


if __name__ == "__main__":
    from services.kit import log

    settings = Settings()
    log.configure(settings.log_level)
    {"ingress": ingress_consumer}[sys.argv[1]](settings)
