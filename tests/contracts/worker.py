"""One process of a backend: `python -m tests.contracts.worker` with what to run as JSON on stdin."""
from __future__ import annotations

import signal
import sys
import threading
from importlib import import_module

import orjson

from services.kit import health
from services.kit.db import connect
from services.kit.kafka_clients import Kafka
from services.kit.log import configure
from services.kit.processes import run_consumer, run_relay
from services.kit.tailer import Tailers


def main() -> None:
    told = orjson.loads(sys.stdin.buffer.read())
    configure()
    engine = connect(told["database"], "guidui_worker")
    module, _, function = told["factory"].partition(":")
    subscription = getattr(import_module(module), function)()
    if told["kind"] == "faust":
        run_consumer(engine, subscription, Kafka(**told["kafka"]), instance="toy-1", health_port=told["port"])
    elif told["kind"] == "relay":
        run_relay(engine, Kafka(**told["kafka"]), (subscription,), health_port=told["port"])
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
