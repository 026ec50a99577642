"""How every part reaches the brokers, and what is asked of them besides messages: topics, rights, lag."""
from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError

from services.kit.errors import Words
from services.kit.settings import Settings

PARTITIONS = 12  # fixed at creation: another number would break the order of every key
BOOTSTRAP_SECONDS_MAX = 5
LEADERS_SECONDS_MAX = 30
HOUR_MS = 3_600_000
LOOKS_MS = 300_000  # log.retention.check.interval.ms of a broker


@dataclass(frozen=True, slots=True)
class Kafka:
    """Where the brokers are, who we are to them, and the prefix of our topics and groups."""

    bootstrap: str
    prefix: str = ""
    username: str | None = None
    password: str | None = None
    ca: Path | None = None

    @staticmethod
    def of(settings: Settings) -> Kafka:
        if not settings.kafka_bootstrap:
            raise ValueError("KAFKA_BOOTSTRAP is not set")
        password = settings.kafka_password
        return Kafka(settings.kafka_bootstrap, settings.kafka_prefix, settings.kafka_username,
                     password.get_secret_value() if password else None, settings.kafka_ca)

    def topic(self, name: str) -> str:
        return self.prefix + name

    def group(self, consumer: str) -> str:
        return self.prefix + consumer

    def tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=str(self.ca)) if self.ca else None

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of every kafka-python client."""
        secured: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap.split(","), "bootstrap_timeout_ms": BOOTSTRAP_SECONDS_MAX * 1000,
            "security_protocol": f"{'SASL_' if self.username else ''}{'SSL' if self.ca else 'PLAINTEXT'}"}
        if self.ca:
            secured["ssl_context"] = self.tls()
        if self.username:
            secured |= {"sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": self.username,
                        "sasl_plain_password": self.password}
        return secured

    def admin(self) -> KafkaAdminClient:
        """Raises KafkaTimeoutError when no broker lets us in."""
        return KafkaAdminClient(**self.arguments())


def retention(hours: int) -> dict[str, str]:
    """Topic settings under which no record is older than ``hours``.

    A record goes with its segment, and the broker looks every five minutes: segments are short, and both times are
    taken off.
    """
    segment = max(1, hours // 24) * HOUR_MS
    return {"retention.ms": str(hours * HOUR_MS - segment - LOOKS_MS), "segment.ms": str(segment)}


def ensure_topics(kafka: Kafka, hours: dict[str, int], partitions: int = PARTITIONS, replication: int = 1) -> None:
    """Creates the topics that are missing, each kept for its number of hours, and returns when all have leaders."""
    admin = kafka.admin()
    try:
        for name, kept in hours.items():
            configs = {**retention(kept), "min.insync.replicas": str(2 if replication > 2 else 1)}
            try:
                admin.create_topics([NewTopic(kafka.topic(name), partitions, replication, topic_configs=configs)])
            except TopicAlreadyExistsError:
                pass
        limit = time.monotonic() + LEADERS_SECONDS_MAX
        while not _all_led(admin, [kafka.topic(name) for name in hours]):
            if time.monotonic() > limit:
                raise TimeoutError("the topics have no leaders")
            time.sleep(0.1)
    finally:
        admin.close()


def why_deaf(kafka: Kafka, group: str, topics: Iterable[str]) -> Words | None:
    """Asks with our own credentials whether the topics may be read in this group; None when they may.

    A Faust worker without these rights stays up and hears nothing, so somebody has to ask. Raises KafkaError when no
    broker answers.
    """
    admin = kafka.admin()
    try:
        for topic in topics:
            if not _readable(admin, kafka.topic(topic)):
                return Words(f"消息主题 {topic} 不存在或无权读取。",
                             f"The topic {topic} does not exist or may not be read.")
        admin.list_group_offsets(group)
        return None
    finally:
        admin.close()


def lag(kafka: Kafka, consumer: str, topics: Iterable[str]) -> int:
    """How many records of the topics the group has yet to commit; one that never committed lags by all there are."""
    admin = kafka.admin()
    reader = KafkaConsumer(**kafka.arguments(), enable_auto_commit=False)
    try:
        group = kafka.group(consumer)
        committed = {(p.topic, p.partition): at.offset
                     for p, at in admin.list_group_offsets(group).get(group, {}).items()}
        partitions = [TopicPartition(kafka.topic(t), p) for t in topics
                      for p in reader.partitions_for_topic(kafka.topic(t)) or ()]
        first, end = reader.beginning_offsets(partitions), reader.end_offsets(partitions)
        return sum(end[p] - max(committed.get((p.topic, p.partition), 0), first[p]) for p in partitions)
    finally:
        reader.close()
        admin.close()


def _all_led(admin: KafkaAdminClient, topics: list[str]) -> bool:
    return all(not topic["error_code"] and topic["partitions"]
               and all(partition["leader_id"] >= 0 for partition in topic["partitions"])
               for topic in admin.describe_topics(topics))


def _readable(admin: KafkaAdminClient, topic: str) -> bool:
    found = admin.describe_topics([topic])
    return bool(found) and not found[0]["error_code"] and "READ" in found[0]["authorized_operations"]
