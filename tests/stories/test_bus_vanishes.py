"""Topics deleted, brokers built anew, a worker that stands still: everything accepted arrives, and
whoever asks is told.
"""

from __future__ import annotations

import json
import os
import shutil
import signal

import httpx

from schemas.topics import TOPICS
from services.kit.bus.kafka_clients import Kafka, topic_ids
from tests.stories import county_service
from tests.stories.county_service import cluster, eventually

SILENT_SECONDS_MAX = 30
ALL_TAKEN_SECONDS_MAX = 240
NAMES = [topic.name for topic in TOPICS]


def noted(running) -> dict:
    return json.loads((running.data / "cluster.json").read_text())


def pid(running, role: str) -> int:
    return next(one["pid"] for one in noted(running)["processes"] if one["role"] == role)


def readyz(running) -> dict:
    """What the address of users says; parts that do not work, and why."""
    try:
        return httpx.get(
            f"{running.url}/readyz", headers={"Accept-Language": "en"}, timeout=10
        ).json()
    except httpx.HTTPError:
        return {"ready": False, "unready": {}}


def leave(running, numbers: range) -> None:
    """Members leave; each event is accepted."""
    for number in numbers:
        [answer] = running.post(county_service.event(number, f"left-{number}"))
        assert answer["status"] == "accepted"


def arrived(running, numbers: range) -> bool:
    """Whether every event of those has its case."""
    for number in numbers:
        event = county_service.event(number, f"left-{number}")
        code = event["source"].rpartition(":")[2]
        answer = running.call(
            "GET", f"/v1/events/left-{number}?source={event['source']}", code, "sender"
        )
        if not answer.json().get("cases"):
            return False
    return True


def everything_arrives(running, numbers: range) -> None:
    eventually(lambda: arrived(running, numbers), ALL_TAKEN_SECONDS_MAX, f"cases of {numbers}")
    eventually(lambda: readyz(running)["ready"], 120, "readiness")


def test_whatever_becomes_of_the_bus_all_that_was_accepted_arrives(tmp_path):
    with cluster(tmp_path, members=40) as running:
        assert readyz(running) == {"ready": True, "unready": {}}
        leave(running, range(3))
        everything_arrives(running, range(3))

        a_worker_that_stands_still_is_told(running)
        topics_that_are_deleted_are_made_again(running)
        brokers_that_are_built_anew_are_filled_again(running)


def a_worker_that_stands_still_is_told(running) -> None:
    stopped = pid(running, "matcher-1")
    os.kill(stopped, signal.SIGSTOP)
    try:
        leave(running, range(4, 7))
        told = eventually(
            lambda: readyz(running)["unready"].get("matcher-1"),
            SILENT_SECONDS_MAX,
            "word of matcher-1",
        )
        assert "stands still" in told
    finally:
        os.kill(stopped, signal.SIGCONT)
    everything_arrives(running, range(4, 7))


def topics_that_are_deleted_are_made_again(running) -> None:
    kafka = Kafka(noted(running)["bootstrap"])
    before = topic_ids(kafka, NAMES)
    admin = kafka.admin()
    admin.delete_topics(NAMES)
    admin.close()
    leave(running, range(8, 14))
    eventually(
        lambda: {"matcher", "matcher-1"} & set(readyz(running)["unready"]),
        SILENT_SECONDS_MAX,
        "word of the matcher",
    )
    eventually(lambda: all(topic_ids(kafka, NAMES).values()), SILENT_SECONDS_MAX, "topics")
    assert not set(before.values()) & set(topic_ids(kafka, NAMES).values())
    everything_arrives(running, range(8, 14))


def brokers_that_are_built_anew_are_filled_again(running) -> None:
    folder = next(running.data.rglob("formatted")).parent
    broker = pid(running, "kafka-1")
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (running.data / "kafka.cluster").unlink()
    os.kill(broker, signal.SIGKILL)
    leave(running, range(16, 20))
    eventually(lambda: not readyz(running)["ready"], SILENT_SECONDS_MAX, "word of the bus")
    everything_arrives(running, range(16, 20))
