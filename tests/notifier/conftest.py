"""A small town: a district committee, its street, two communities under it, and a unit; and a clock
to turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import Engine

from services.kit.clock import ZONE, TurnedClock
from services.kit.db.engine import connect
from tests.notifier.town import Town


@pytest.fixture
def engine(database) -> Iterator[Engine]:
    engine = connect(database.app_url, "guidui_worker")
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock(datetime(2026, 11, 23, 10, 0, tzinfo=ZONE))  # a Monday


@pytest.fixture
def town(engine: Engine, clock: TurnedClock) -> Town:
    town = Town(engine, clock)
    town.build()
    return town
