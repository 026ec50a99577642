"""The two ways a message reaches its handler, each in processes that can be killed."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import httpx
import orjson
from sqlalchemy import Engine

from schemas.envelope import Message
from services.kit.bus.event_log import record
from services.kit.bus.kafka_clients import Kafka, ensure_topics

SECONDS_MAX = 60.0


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def eventually(what: Callable[[], object], seconds: float = SECONDS_MAX) -> None:
    """Waits until `what` holds; its failures (a database that is away) count as not yet."""
    limit = time.monotonic() + seconds
    while True:
        try:
            if what():
                return
            late: Exception | None = None
        except Exception as error:
            late = error
        if time.monotonic() > limit:
            raise AssertionError("it did not come to pass") from late
        time.sleep(0.02)


class Embedded:
    """The log's tailer in one process."""

    kinds: Sequence[str] = ("tailer",)

    def __init__(
        self, database: str, engine: Engine, factory: str, kafka: Kafka | None = None
    ) -> None:
        self.database, self.engine, self.factory, self.kafka = database, engine, factory, kafka
        self.port, self.relay_port = free_port(), free_port()
        self.processes: dict[str, subprocess.Popen] = {}

    def record(self, messages: Sequence[Message]) -> None:
        with self.engine.begin() as tx:
            record(tx, messages)

    def start(self) -> None:
        for kind in self.kinds:
            self.launch(kind)

    def launch(self, kind: str) -> None:
        told = {
            "kind": kind,
            "database": self.database,
            "factory": self.factory,
            "port": self.relay_port if kind == "relay" else self.port,
            "kafka": self.kafka
            and {"bootstrap": self.kafka.bootstrap, "prefix": self.kafka.prefix},
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.contracts.worker"], stdin=subprocess.PIPE
        )
        process.stdin.write(orjson.dumps(told))
        process.stdin.close()
        self.processes[kind] = process

    def kill(self, kind: str) -> None:
        """kill -9, and the start that a supervisor would make."""
        self.processes[kind].kill()
        self.processes[kind].wait()
        self.launch(kind)

    def terminate(self) -> list[int]:
        """SIGTERM to all; their exit codes."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        return [process.wait(30) for process in self.processes.values()]

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    def unready(self, port: int | None = None) -> dict[str, str]:
        """What the consumer's process (or the one at `port`) says of itself, in English."""
        answer = httpx.get(
            f"http://127.0.0.1:{port or self.port}/readyz", headers={"Accept-Language": "en"}
        )
        assert (answer.status_code == 200) == answer.json()["ready"]
        return answer.json()["unready"]

    def ready(self) -> bool:
        return not self.unready()


class OverKafka(Embedded):
    """Relay, a real Kafka, and the Faust shell."""

    kinds = ("relay", "faust")

    def start(self) -> None:
        self.make_topics()
        super().start()

    def make_topics(self) -> None:
        ensure_topics(self.kafka, {"toys": 24, "games": 24})
