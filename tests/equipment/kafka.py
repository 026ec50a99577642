"""One real Apache Kafka for the whole run, started when the first test asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from services.cluster.broker import Broker, free_ports, wait_ready


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory) -> Iterator[str]:
    """`host:port` of a broker all tests share, each with topics of its own: `KAFKA_BOOTSTRAP`'s,
    else one of our own.
    """
    if told := os.environ.get("KAFKA_BOOTSTRAP"):
        yield told
        return
    broker = Broker(tmp_path_factory.mktemp("kafka"), 1, free_ports(1))
    broker.start()
    try:
        wait_ready([broker])
        yield broker.bootstrap
    finally:
        broker.stop()


@pytest.fixture
def broker(tmp_path) -> Iterator[Broker]:
    """A broker of this test's own, to be killed."""
    broker = Broker(tmp_path, 1, free_ports(1))
    broker.start()
    try:
        wait_ready([broker])
        yield broker
    finally:
        broker.stop()
