"""The portal's town with addresses of its own: what one test confirms no other hears."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.addresses.gazetteer import Gazetteer
from services.app import App
from services.kit.cache import cache_folder
from tests.portal.conftest import clock, reader, url
from tests.portal.town import Town


@pytest.fixture(scope="session")
def table() -> Gazetteer:
    """The compiled division table, opened once."""
    return Gazetteer.open(cache_folder())


@pytest.fixture
def town(database, clock, table, tmp_path) -> Iterator[Town]:
    app = App.at(
        database.app_url,
        b"a secret of the tests",
        tmp_path / "cache",
        clock,
        web_url=database.web_url,
    )
    app._gazetteer = Gazetteer(table.snapshot)
    yield Town(app, clock)
    app.close()
