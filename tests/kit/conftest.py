"""A database with the seam's tables and the toy's, a new one for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from services.cluster.postgres import EmbeddedServer
from services.kit.db.engine import connect
from services.kit.db.migrations import migrate
from tests.kit.toy import add_table


@pytest.fixture
def engine(database) -> Iterator[Engine]:
    """The worker's engine on a database of this test's own."""
    add_table(database.owner_url)
    engine = connect(database.app_url, "guidui_worker")
    yield engine
    engine.dispose()


@pytest.fixture
def own_server(tmp_path) -> Iterator[EmbeddedServer]:
    """A server of this test's own, to be killed."""
    with EmbeddedServer(tmp_path) as server:
        migrate(server.owner_url())
        add_table(server.owner_url())
        yield server
