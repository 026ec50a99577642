"""The broker we start is a real Kafka that keeps what it acknowledged when it is killed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from services.cluster import kafka_install
from services.cluster.broker import Broker, wait_ready
from services.cluster.kafka_install import ROOTS, KafkaUnavailable, locked
from services.kit.bus.kafka_clients import Kafka, ensure_topics

HERE = Path(kafka_install.__file__).parent


def test_acknowledged_records_outlive_a_kill_and_the_parent_of_the_broker(broker):
    ensure_topics(Kafka(broker.bootstrap), {"kept": 24}, partitions=3)
    with KafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        sent = [producer.send("kept", key=str(n).encode(), value=b"1") for n in range(300)]
        producer.flush(30)
        assert all(future.get(5) for future in sent)
    broker.kill()
    broker.start()
    wait_ready([broker])
    # A second program with the same folder, as after a kill of the supervisor: it ends the first
    # one's broker.
    heir = Broker(broker.data, 1, broker.ports)
    heir.start()
    try:
        wait_ready([heir])
        assert not broker.alive()
        with KafkaConsumer(bootstrap_servers=heir.bootstrap) as consumer:
            ends = consumer.end_offsets(
                [TopicPartition("kept", partition) for partition in range(3)]
            )
        assert sum(ends.values()) == 300
    finally:
        heir.stop()


def test_the_pom_and_the_lock_name_the_same_roots():
    pom = (HERE.parent.parent / "deploy" / "kafka" / "pom.xml").read_text()
    found = re.findall(
        r"<dependency><groupId>(.+?)</groupId><artifactId>(.+?)</artifactId><version>(.+?)</version>",
        pom,
    )
    assert tuple(":".join(one) for one in found) == ROOTS
    coordinates = {coordinate for coordinate, _ in locked((HERE / "kafka_jars.lock").read_text())}
    assert set(ROOTS) <= coordinates


def test_a_jar_that_is_not_the_locked_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDUI_CACHE", str(tmp_path))
    with pytest.raises(KafkaUnavailable, match="not what the lock says"):
        kafka_install._fetch_jars(f"org.jspecify:jspecify:1.0.0 {'0' * 64}\n", tmp_path)
