"""The Kafka topic `ingress` over a real broker: nothing lost, nothing doubled, bad events on the
desk.
"""

from __future__ import annotations

import json
from uuid import uuid4

from kafka import KafkaProducer

from schemas.examples import EXAMPLES
from services.kit.bus.kafka_clients import Kafka, ensure_topics
from services.kit.db.engine import rows
from tests.contracts.backends import OverKafka, eventually
from tests.intake.served import stored

EVENT = EXAMPLES["guidui.departure.effective.v1"][0]
EVENTS, REPEATS = 300, 3


class Ingress(OverKafka):
    """Intake's consumer alone."""

    kinds = ("faust",)

    def make_topics(self) -> None:
        ensure_topics(self.kafka, {"ingress": 24})


def send(kafka: Kafka, values: list[bytes]) -> None:
    producer = KafkaProducer(**kafka.arguments())
    futures = [producer.send(kafka.topic("ingress"), value=value) for value in values]
    producer.flush(30)
    for future in futures:
        future.get(0)
    producer.close()


def test_events_from_outside_are_stored_once_whoever_dies(kafka_bootstrap, database, worker, key):
    kafka = Kafka(kafka_bootstrap, f"t{uuid4().hex[:8]}-")
    good = [json.dumps(EVENT | {"id": f"k{n}", "guiduikey": key}).encode() for n in range(EVENTS)]
    bad = [
        b"{",
        json.dumps(EVENT | {"id": "keyless"}).encode(),
        json.dumps(EVENT | {"id": "bad", "data": {}, "guiduikey": key}).encode(),
    ]
    intake = Ingress(database.app_url, worker, "tests.intake.ingress_worker:ingress", kafka)
    try:
        intake.start()
        send(kafka, good[:100] + bad)
        eventually(lambda: stored(worker)["posted_event"] > 0)
        intake.kill("faust")
        send(kafka, good * REPEATS)
        eventually(
            lambda: stored(worker)["posted_event"] == EVENTS and len(desk(worker)) == len(bad)
        )
        eventually(intake.ready)
        assert intake.terminate() == [0]
    finally:
        intake.end()
    assert stored(worker) == {"posted_event": EVENTS, "posted_person": EVENTS, "event_log": EVENTS}
    assert all(letter.body is None for letter in desk(worker))


def desk(worker) -> list:
    with worker.begin() as tx:
        return rows(tx, "SELECT * FROM dead_letter")
