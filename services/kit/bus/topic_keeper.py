"""Makes topics that are missing, with their settings: they may be deleted under us, and brokers may
be built anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from kafka.errors import KafkaError

from services.kit.bus.kafka_clients import Kafka
from services.kit.errors import Text
from services.kit.log import where

log = structlog.get_logger()
LOOK_SECONDS = 10.0
NOT_MADE = Text(
    "缺少的消息主题建立不了，请检查权限，或用有权限的账号运行 guidui migrate。",
    "A missing topic cannot be made: look at the rights, or run guidui migrate with a login that "
    "may.",
)


class TopicKeeper:
    """A thread beside the relay. `create_topics` makes what is missing and leaves alone what is
    there.
    """

    def __init__(self, kafka: Kafka, create_topics: Callable[[Kafka], None]) -> None:
        self.kafka, self.create_topics = kafka, create_topics
        self.stop = threading.Event()
        self._unready: Text | None = None
        self._thread = threading.Thread(target=self._run, name="topics", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def unready(self) -> Text | None:
        """Why a topic that is missing could not be made; None where all are there."""
        return self._unready

    def look(self) -> None:
        """Makes what is missing now."""
        try:
            self.create_topics(self.kafka)
            self._unready = None
        except (KafkaError, OSError) as error:
            log.error("topics_not_made", **where(error))
            self._unready = NOT_MADE

    def _run(self) -> None:
        while not self.stop.wait(LOOK_SECONDS):
            self.look()
