"""One PostgreSQL for all tests that share one, and a database with the newest schema for each
test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from uuid import uuid4

import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG

from services.cluster.postgres import EmbeddedServer
from services.kit.db.migrations import migrate
from tests.equipment.browser import axe_script, browser
from tests.equipment.kafka import broker, kafka_bootstrap

# A test waits for its answer: httpx's own five seconds fail on a machine that is busy with others.
DEFAULT_TIMEOUT_CONFIG.connect = DEFAULT_TIMEOUT_CONFIG.read = 60.0
DEFAULT_TIMEOUT_CONFIG.write = DEFAULT_TIMEOUT_CONFIG.pool = 60.0

MARKS_OF_FIXTURES = {
    "postgres": "database",
    "kafka_bootstrap": "kafka",
    "broker": "kafka",
    "browser": "browser",
}
FOLDERS_WITH_PROCESSES = {"attack", "bench", "chaos", "city", "equipment", "stories"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test by what it needs, so that `make check` can leave out what takes long."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        for fixture, mark in MARKS_OF_FIXTURES.items():
            if fixture in fixtures:
                item.add_marker(mark)
        if item.path.parent.name in FOLDERS_WITH_PROCESSES:
            item.add_marker("processes")


class Database(NamedTuple):
    """Addresses of one database: the application's login, the owner's and that of pages."""

    app_url: str
    owner_url: str
    web_url: str


@pytest.fixture(scope="session")
def postgres(tmp_path_factory) -> Iterator[EmbeddedServer]:
    """A running server whose database `guidui` has the newest schema and nothing in it: the
    template of all others.
    """
    with EmbeddedServer(tmp_path_factory.mktemp("postgres")) as server:
        migrate(server.owner_url())
        yield server


@pytest.fixture
def database(postgres: EmbeddedServer) -> Iterator[Database]:
    """An empty database of this test's own."""
    name = f"test_{uuid4().hex[:12]}"
    postgres.create_database(name, template="guidui")
    yield Database(postgres.app_url(name), postgres.owner_url(name), postgres.web_url(name))
    postgres.drop_database(name)
