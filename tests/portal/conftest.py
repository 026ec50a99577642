"""The town, served over a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime

import pytest

from services.addresses.gazetteer import Gazetteer
from services.app import App
from services.cluster.one_process import application
from services.kit.cache import cache_folder
from services.kit.clock import ZONE, TurnedClock
from tests.intake.served import served
from tests.portal.described import Described
from tests.portal.town import Reader, Town


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock(datetime(2026, 11, 23, 9, 30, tzinfo=ZONE))  # a Monday


@pytest.fixture(scope="session")
def gazetteer() -> Gazetteer:
    return Gazetteer.open(cache_folder())


@pytest.fixture
def town(database, clock, gazetteer) -> Iterator[Town]:
    app = App.at(
        database.app_url, b"a secret of the tests", cache_folder(), clock, web_url=database.web_url
    )
    app._gazetteer = gazetteer
    yield Town(app, clock)
    app.close()


@pytest.fixture
def url(town) -> Iterator[str]:
    app = Described(application(town.app))
    with served(app) as url:
        yield url
    assert not app.wrong, "\n".join(app.wrong[:20])


@pytest.fixture
def reader(url) -> Iterator[Callable[..., Reader]]:
    """Opens a browser without scripts for one of the cast (or for nobody yet)."""
    with ExitStack() as open_ones:
        yield lambda who=None, language="zh": open_ones.enter_context(
            closing(Reader(url, who, language))
        )
