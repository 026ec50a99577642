"""A backend of each kind on a database of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from services.cluster.postgres import EmbeddedServer
from services.kit.bus.kafka_clients import Kafka
from tests.contracts.backends import Embedded, OverKafka
from tests.kit.conftest import engine, own_server

Make = Callable[..., Embedded]


@pytest.fixture
def topics(kafka_bootstrap) -> Kafka:
    """Topics and groups of this test's own on the shared broker."""
    return Kafka(kafka_bootstrap, f"t{uuid4().hex[:8]}-")


@pytest.fixture(params=[Embedded, OverKafka], ids=["embedded", "kafka"])
def backend(request, database, engine) -> Iterator[Make]:
    """Makes the backend under test; its processes end with the test."""
    made: list[Embedded] = []
    kafka = request.getfixturevalue("topics") if request.param is OverKafka else None

    def make(
        factory: str = "plain", server: EmbeddedServer | None = None, its_engine=None
    ) -> Embedded:
        url = server.app_url() if server else database.app_url
        made.append(
            request.param(url, its_engine or engine, f"tests.contracts.toys:{factory}", kafka)
        )
        return made[-1]

    yield make
    for one in made:
        one.end()
