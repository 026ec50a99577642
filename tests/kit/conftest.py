"""A database with the seam's tables and the toy's, a new one for each test."""
from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from services.kit.db import connect
from services.kit.migrations import migrate
from services.kit.postgres import EmbeddedServer
from tests.kit.toy import TABLE


def prepare(server: EmbeddedServer) -> None:
    migrate(server.owner_url())
    owner = connect(server.owner_url(), None)
    with owner.begin() as tx:
        tx.exec_driver_sql(TABLE)
    owner.dispose()


@pytest.fixture(scope="session")
def kit_server(tmp_path_factory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("kit")) as server:
        prepare(server)
        yield server


@pytest.fixture
def own_server(tmp_path) -> Iterator[EmbeddedServer]:
    """A server of this test's own, to be killed."""
    with EmbeddedServer(tmp_path) as server:
        prepare(server)
        yield server


@pytest.fixture
def kit_database(kit_server) -> Iterator[str]:
    name = f"kit_{uuid4().hex[:12]}"
    kit_server.create_database(name, template="guidui")
    yield name
    kit_server.drop_database(name)


@pytest.fixture
def engine(kit_server, kit_database) -> Iterator[Engine]:
    engine = connect(kit_server.app_url(kit_database), "guidui_worker")
    yield engine
    engine.dispose()
