"""`guidui bench pipeline` and `bench embedded`: each consumer alone, draining its backlog.

A `Load` says which consumer, and prepares its backlog in a fresh database; whoever knows the real
consumers adds theirs beside `trivial_load`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine

from schemas.envelope import Message
from services.cluster.broker import Broker, free_ports, wait_ready
from services.cluster.postgres import EmbeddedServer
from services.kit.bus.kafka_clients import Kafka
from services.kit.clock import SystemClock
from services.kit.db.engine import connect
from services.kit.db.migrations import migrate
from services.tools.bench.seam import (
    EFFECT_TABLE,
    Ratio,
    drain_noop,
    drain_over_kafka,
    fill_topic,
    made_up,
    subscription_of,
    summed,
    tailer_beside_bare,
)


@dataclass(frozen=True, slots=True)
class Load:
    """One consumer's backlog.

    `factory` is "module:function" of its subscription; `prepare(worker, owner, part)` brings a
    fresh database to where the backlog can be handled and returns it, as messages that are in no
    log yet. The parts (0, 1) ask the same work of the handler and have no message in common.
    """

    name: str
    factory: str
    prepare: Callable[[Engine, Engine, int], Sequence[Message]]
    wanted: float


def trivial_load(count: int) -> Load:
    """The seam with the smallest effect."""

    def prepare(worker: Engine, owner: Engine, part: int) -> Sequence[Message]:
        with owner.begin() as tx:
            tx.exec_driver_sql(EFFECT_TABLE)
        return made_up(count, SystemClock().now())

    return Load(
        "seam with a trivial effect", "services.tools.bench.seam:trivial", prepare, wanted=0.8
    )


def over_kafka(loads: Iterable[Load], rounds: int = 3) -> dict[str, dict]:
    """Each load's consumer beside a bare Faust no-op over the same topic, alternating, on a real
    broker.
    """
    with _grounds() as (server, bootstrap):
        return {
            load.name: _over_kafka(server, bootstrap, load, rounds).report()
            | {"wanted": load.wanted}
            for load in loads
        }


def embedded(loads: Iterable[Load]) -> dict[str, dict]:
    """Each load's handler from the tailer, beside the same handler called with batches in
    memory.
    """
    with (
        tempfile.TemporaryDirectory(prefix="guidui-bench-") as folder,
        own_server(Path(folder)) as server,
    ):
        return {load.name: _embedded(server, load).report() | {"wanted": 0.5} for load in loads}


def _over_kafka(server: EmbeddedServer, bootstrap: str, load: Load, rounds: int) -> Ratio:
    noop, seam = [], []
    for _ in range(rounds):
        with fresh_database(server) as (name, worker, owner):
            messages = load.prepare(worker, owner, 0)
            kafka = Kafka(bootstrap, f"b{uuid4().hex[:8]}-")
            topics = subscription_of(load.factory, worker, SystemClock()).topics
            fill_topic(kafka, messages, topics)
            noop.append(drain_noop(kafka, server.app_url(name), load.factory, len(messages)))
            seam.append(drain_over_kafka(kafka, server.app_url(name), load.factory, len(messages)))
    return Ratio(summed(seam), summed(noop))


def _embedded(server: EmbeddedServer, load: Load) -> Ratio:
    with fresh_database(server) as (_, worker, owner):
        subscription = subscription_of(load.factory, worker, SystemClock())
        messages, again = load.prepare(worker, owner, 0), load.prepare(worker, owner, 1)
        return tailer_beside_bare(worker, subscription, messages, again)


@contextmanager
def _grounds() -> Generator[tuple[EmbeddedServer, str]]:
    with (
        tempfile.TemporaryDirectory(prefix="guidui-bench-") as folder,
        own_server(Path(folder)) as server,
    ):
        broker = Broker(Path(folder), 1, free_ports(1))
        broker.start()
        try:
            wait_ready([broker])
            yield server, broker.bootstrap
        finally:
            broker.stop()


@contextmanager
def own_server(folder: Path) -> Generator[EmbeddedServer]:
    """A server in ``folder`` whose database ``guidui`` has the newest schema."""
    with EmbeddedServer(folder) as server:
        migrate(server.owner_url())
        yield server


@contextmanager
def fresh_database(server: EmbeddedServer) -> Generator[tuple[str, Engine, Engine]]:
    """Name, worker's and owner's engine of an empty database."""
    name = f"bench_{uuid4().hex[:8]}"
    server.create_database(name, template="guidui")
    worker = connect(server.app_url(name), "guidui_worker")
    owner = connect(server.owner_url(name), None, connections_max=1)
    try:
        yield name, worker, owner
    finally:
        worker.dispose()
        owner.dispose()
        server.drop_database(name)
