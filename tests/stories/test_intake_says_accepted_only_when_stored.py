"""Promise: an event that intake called accepted is stored, with its row in the log, whatever dies;
one that it could not store it does not call accepted, and a repeat of the post settles the doubt.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import datetime

import pytest

from schemas.departures import SOURCE_PREFIX
from schemas.examples import EXAMPLES, ORGANISATIONS
from services.cluster.postgres import EmbeddedServer
from services.intake.app import build
from services.kit.clock import ZONE, TurnedClock
from services.kit.db.engine import connect, rows
from services.kit.db.migrations import migrate
from services.registry.access import create_key
from tests.intake.served import Sender, served

UNIT = ORGANISATIONS[0]
EVENT = EXAMPLES["guidui.life.attended.v1"][0] | {"source": SOURCE_PREFIX + UNIT}
KILLS = 5


@pytest.fixture
def server(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        migrate(server.owner_url())
        yield server


@pytest.fixture
def sender(server):
    clock = TurnedClock(datetime(2026, 11, 23, 10, 0, tzinfo=ZONE))
    worker, web = (
        connect(server.app_url(), "guidui_worker"),
        connect(server.app_url(), "guidui_web"),
    )
    with worker.begin() as tx:
        tx.exec_driver_sql(
            """INSERT INTO organisation (code, path, name, kind, unit)
                              VALUES (%s, %s, '示例', 'branch', 'organ')""",
            (UNIT, UNIT + "."),
        )
        key = create_key(tx, UNIT, "sender", clock.now())
    with served(build(web, clock, b"secret")) as url, Sender(url, key) as sender:
        yield sender
    worker.dispose()
    web.dispose()


def stored(server) -> set[str]:
    owner = connect(server.owner_url(), None)
    with owner.begin() as tx:
        found = [
            row.ext_id
            for row in rows(
                tx,
                """
            SELECT e.ext_id FROM posted_event e JOIN posted_person p ON p.event_id = e.id
            JOIN event_log l ON l.event_id = e.id AND l.topic = 'departures'""",
            )
        ]
    owner.dispose()
    assert len(found) == len(set(found))
    return set(found)


def test_a_database_that_is_down_is_said_to_be_down_and_intake_resumes_by_itself(server, sender):
    assert sender.one(EVENT).status_code == 202
    os.kill(server.process.pid, signal.SIGQUIT)
    server.process.wait()
    answer = sender.one(EVENT | {"id": "second"})
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    assert answer.json()["type"] == "urn:guidui:problem:store-unavailable"
    assert "accepted" not in answer.text
    assert sender.get("/readyz").status_code == 503 and sender.get("/healthz").status_code == 200
    server.restart()
    assert sender.one(EVENT | {"id": "second"}).json()["events"][0]["status"] == "accepted"
    assert sender.get("/readyz").status_code == 200
    assert stored(server) == {EVENT["id"], "second"}


def test_whatever_was_called_accepted_is_there_after_kill_9(server, sender):
    accepted: list[str] = []
    enough = threading.Event()

    def post(who: int) -> None:
        n = 0
        while not enough.is_set():
            answer = sender.one(EVENT | {"id": f"{who}-{n}"})
            assert answer.status_code in (202, 503), answer.text
            if (
                answer.status_code == 202
            ):  # duplicate: stored, although the answer to the first try was lost
                accepted.append(f"{who}-{n}")
                n += 1

    senders = [threading.Thread(target=post, args=(who,)) for who in range(4)]
    for thread in senders:
        thread.start()
    for _ in range(KILLS):
        before = len(accepted)
        while len(accepted) < before + 40:
            assert all(thread.is_alive() for thread in senders)
            time.sleep(0.01)
        os.kill(server.process.pid, signal.SIGKILL)
        server.restart()
    enough.set()
    for thread in senders:
        thread.join()
    there = stored(server)
    assert there >= set(accepted) and len(accepted) >= 40 * KILLS
    assert len(there - set(accepted)) <= len(senders)
