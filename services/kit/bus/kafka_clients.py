"""How every part reaches the brokers, and what is asked of them besides messages: topics, rights,
lag.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from kafka import KafkaAdminClient
from kafka.admin import MemberToRemove
from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from services.kit.errors import Text
from services.kit.settings import Settings

log = structlog.get_logger()
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
        return Kafka(
            settings.kafka_bootstrap,
            settings.kafka_prefix,
            settings.kafka_username,
            password.get_secret_value() if password else None,
            settings.kafka_ca,
        )

    def topic(self, name: str) -> str:
        return self.prefix + name

    def group(self, consumer: str) -> str:
        return self.prefix + consumer

    def tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=str(self.ca)) if self.ca else None

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of every kafka-python client."""
        secured: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap.split(","),
            "bootstrap_timeout_ms": BOOTSTRAP_SECONDS_MAX * 1000,
            "security_protocol": ("SASL_" if self.username else "")
            + ("SSL" if self.ca else "PLAINTEXT"),
        }
        if self.ca:
            secured["ssl_context"] = self.tls()
        if self.username:
            secured |= {
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return secured

    def admin(self) -> KafkaAdminClient:
        """Raises KafkaTimeoutError when no broker lets us in."""
        return KafkaAdminClient(**self.arguments())


def retention(hours: int) -> dict[str, str]:
    """Topic settings under which no record is older than ``hours``.

    A record goes with its segment, and the broker looks every five minutes: segments are short, and
    both times are taken off.
    """
    segment = max(1, hours // 24) * HOUR_MS
    return {"retention.ms": str(hours * HOUR_MS - segment - LOOKS_MS), "segment.ms": str(segment)}


def ensure_topics(
    kafka: Kafka, hours: dict[str, int], partitions: int = PARTITIONS, replication: int = 1
) -> None:
    """Creates the topics that are missing, each kept for its number of hours, and returns when all
    have leaders.
    """
    admin = kafka.admin()
    try:
        missing = _missing(admin, [kafka.topic(name) for name in hours])
        for name, kept in hours.items():
            if kafka.topic(name) not in missing:
                continue
            wanted = {
                "num_partitions": partitions,
                "replication_factor": replication,
                "configs": {
                    **retention(kept),
                    "min.insync.replicas": str(2 if replication > 2 else 1),
                },
            }
            try:
                admin.create_topics({kafka.topic(name): wanted})
                log.warning("topic_made", topic=name)
            except TopicAlreadyExistsError:
                pass
        limit = time.monotonic() + LEADERS_SECONDS_MAX
        while not _all_led(admin, [kafka.topic(name) for name in hours]):
            if time.monotonic() > limit:
                raise TimeoutError("the topics have no leaders")
            time.sleep(0.1)
    finally:
        admin.close()


def why_deaf(kafka: Kafka, group: str, topics: Iterable[str]) -> Text | None:
    """Asks with our own credentials whether the topics may be read in this group; None when they
    may.

    A Faust worker without these rights stays up and hears nothing, so somebody has to ask. Raises
    KafkaError when no broker answers.
    """
    admin = kafka.admin()
    try:
        for topic in topics:
            if not _readable(admin, kafka.topic(topic)):
                return no_topic(topic)
        admin.list_group_offsets(group)
        return None
    finally:
        admin.close()


def no_topic(topic: str) -> Text:
    """Why nothing is heard of a topic, and what to do."""
    return Text(
        f"消息主题 {topic} 不存在或无权读取；relay 会重新建立，也可以运行 guidui migrate。",
        f"The topic {topic} does not exist or may not be read; the relay makes it again, and so "
        f"does guidui migrate.",
    )


def topic_ids(kafka: Kafka, topics: Iterable[str]) -> dict[str, str | None]:
    """Topic -> the id that the brokers gave it when it was made, None where it is missing.

    Raises KafkaError, also where a topic has no leader at the moment.
    """
    names = {kafka.topic(topic): topic for topic in topics}
    admin = kafka.admin()
    try:
        described = admin.describe_topics(list(names))
    finally:
        admin.close()
    ids: dict[str, str | None] = dict.fromkeys(names.values())
    for group in described:
        if group["error_code"] == UnknownTopicOrPartitionError.errno:
            continue
        if group["error_code"]:
            raise for_code(group["error_code"])
        ids[names[group["name"]]] = str(group.get("topic_id"))
    return ids


def leave_group(kafka: Kafka, consumer: str, instance: str) -> None:
    """Takes a static member out of its group: when it joins again, partitions are dealt out anew.
    Raises KafkaError.
    """
    admin = kafka.admin()
    try:
        admin.remove_group_members(
            kafka.group(consumer), [MemberToRemove(group_instance_id=instance)]
        )
    finally:
        admin.close()


def is_idle(kafka: Kafka, consumer: str, instance: str) -> bool:
    """Whether a static member has no partition, though there are enough for all: what it was dealt
    is of topics that are gone, and a static member that comes back is dealt nothing new. Raises
    KafkaError.
    """
    admin = kafka.admin()
    try:
        group = admin.describe_groups([kafka.group(consumer)])[kafka.group(consumer)]
    finally:
        admin.close()
    own = [member for member in group["members"] if member["group_instance_id"] == instance]
    if group["group_state"] != "Stable" or not own or len(group["members"]) > PARTITIONS:
        return False
    return not (own[0]["member_assignment"] or {}).get("assigned_partitions")


def _missing(admin: KafkaAdminClient, topics: list[str]) -> set[str]:
    return {
        description["name"]
        for description in admin.describe_topics(topics)
        if description["error_code"] == UnknownTopicOrPartitionError.errno
    }


def _all_led(admin: KafkaAdminClient, topics: list[str]) -> bool:
    return all(
        not topic["error_code"]
        and topic["partitions"]
        and all(partition["leader_id"] >= 0 for partition in topic["partitions"])
        for topic in admin.describe_topics(topics)
    )


def _readable(admin: KafkaAdminClient, topic: str) -> bool:
    descriptions = admin.describe_topics([topic])
    return (
        bool(descriptions)
        and not descriptions[0]["error_code"]
        and "READ" in descriptions[0]["authorized_operations"]
    )
