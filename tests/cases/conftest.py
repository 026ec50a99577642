"""A register of a test's own for cases: the cast's organisations, two members, engines for both
roles.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from services.addresses.gazetteer import Gazetteer
from services.kit.cache import cache_folder
from services.kit.clock import TurnedClock
from services.kit.db.engine import connect
from services.registry.load import load_rows
from tests.cases.cast import BRANCH, NOW, ORGANISATIONS


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock(NOW)


@pytest.fixture
def worker(database, clock) -> Iterator[Engine]:
    engine = connect(database.app_url, "guidui_worker", connections_max=12)
    assert load_rows(engine, "organisations", ORGANISATIONS, clock).bad == 0
    assert (
        load_rows(
            engine,
            "members",
            [
                {
                    "member": f"m{n}",
                    "name": name,
                    "sex": "male",
                    "birth_date": birth,
                    "status": "full",
                    "standing": "normal",
                    "organisation": BRANCH,
                }
                for n, name, birth in ((1, "沈育文", "1966-03-20"), (2, "葛春林", "1979-08-14"))
            ],
            clock,
        ).bad
        == 0
    )
    yield engine
    engine.dispose()


@pytest.fixture
def web(database) -> Iterator[Engine]:
    engine = connect(database.app_url, "guidui_web")
    yield engine
    engine.dispose()


@pytest.fixture
def owner(database) -> Iterator[Engine]:
    engine = connect(database.owner_url, None)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def gazetteer() -> Gazetteer:
    """The address engine, opened once for all that confirm no address."""
    return Gazetteer.open(cache_folder())
