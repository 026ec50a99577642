"""How long a topic keeps what stands in it."""

from __future__ import annotations

import pytest

from schemas.topics import TOPICS
from services.kit.bus.kafka_clients import HOUR_MS, LOOKS_MS, retention


@pytest.mark.parametrize("hours", sorted({topic.hours for topic in TOPICS}))
def test_no_record_outlives_the_hours_of_its_topic(hours: int):
    """The oldest record of a segment goes when the newest is past its time, at the broker's next
    look.
    """
    settings = {name: int(value) for name, value in retention(hours).items()}
    assert 0 < settings["segment.ms"] <= settings["retention.ms"]
    assert settings["segment.ms"] + settings["retention.ms"] + LOOKS_MS <= hours * HOUR_MS
