"""One process of a backend: `python -m tests.contracts.worker` with what to run as JSON on
stdin.
"""

from __future__ import annotations

import signal
import sys
import threading
from importlib import import_module

import orjson

from services.cluster.processes import consume, relay
from services.kit import health
from services.kit.bus.consumer import Consumer
from services.kit.bus.kafka_clients import Kafka
from services.kit.bus.tailer import Tailers
from services.kit.db.engine import connect
from services.kit.log import configure
from services.kit.settings import Settings


def main() -> None:
    told = orjson.loads(sys.stdin.buffer.read())
    configure()
    engine = connect(told["database"], "guidui_worker")
    module, _, function = told["factory"].partition(":")
    subscription = getattr(import_module(module), function)()
    settings = Settings(instance="toy-1", health_port=told["port"])
    if told["kafka"]:
        settings = settings.model_copy(
            update={
                "kafka_bootstrap": told["kafka"]["bootstrap"],
                "kafka_prefix": told["kafka"]["prefix"],
            }
        )
    if told["kind"] == "faust":
        consume(Consumer(engine, subscription), Kafka.of(settings), settings)
    elif told["kind"] == "relay":
        relay(engine, (subscription,), settings)
    else:
        run_tailer(Tailers(engine, [subscription]), told["port"])


def run_tailer(tailers: Tailers, port: int) -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    health.serve(port, tailers.unready)
    tailers.start()
    ended.wait()
    tailers.stop()


if __name__ == "__main__":
    main()
