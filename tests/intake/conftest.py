"""A unit, a school, a community and a street; a key of the unit; and intake served over a real
socket.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import Engine

from schemas.examples import ORGANISATIONS
from services.intake.app import build
from services.kit.clock import ZONE, TurnedClock
from services.kit.db.engine import connect
from services.registry.access import create_key
from tests.intake.served import Sender, served

SECRET = b"a secret of the tests"
UNIT, SCHOOL = ORGANISATIONS[:2]


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock(datetime(2026, 11, 23, 10, 0, tzinfo=ZONE))


@pytest.fixture
def worker(database) -> Iterator[Engine]:
    engine = connect(database.app_url, "guidui_worker")
    with engine.begin() as tx:
        for code in ORGANISATIONS:
            tx.exec_driver_sql(
                """INSERT INTO organisation (code, path, name, kind, unit)
                                  VALUES (%s, %s, %s, 'branch', 'organ')""",
                (code, code + ".", "示例" + code),
            )
    yield engine
    engine.dispose()


@pytest.fixture
def web(database, worker) -> Iterator[Engine]:
    engine = connect(database.app_url, "guidui_web")
    yield engine
    engine.dispose()


@pytest.fixture
def key(worker, clock) -> str:
    with worker.begin() as tx:
        return create_key(tx, UNIT, "sender", clock.now())


@pytest.fixture
def url(web, clock) -> Iterator[str]:
    with served(build(web, clock, SECRET)) as url:
        yield url


@pytest.fixture
def sender(url, key) -> Iterator[Sender]:
    with Sender(url, key) as sender:
        yield sender
