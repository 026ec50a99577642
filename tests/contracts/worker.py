"""One process of a backend: `python -m tests.contracts.worker` with what to run as JSON on stdin."""
from __future__ import annotations

import signal
import sys
import threading
from importlib import import_module

import orjson

from services.kit import health
from services.kit.consumer import Consumer
from services.kit.db import connect
from services.kit.kafka_clients import Kafka
from services.kit.log import configure


def main() -> None:
    told = orjson.loads(sys.stdin.buffer.read())
    configure()
    engine = connect(told["database"], "guidui_worker")
    module, _, function = told["factory"].partition(":")
    subscription = getattr(import_module(module), function)()
    if told["kind"] == "faust":
        from services.kit.faust_shell import FaustShell

        FaustShell(Consumer(engine, subscription), Kafka(**told["kafka"]), "toy-1", told["port"]).run()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    if told["kind"] == "relay":
        from services.kit.relay import Relay

        relay = Relay(engine, Kafka(**told["kafka"]))
        health.serve(told["port"], lambda: {"relay": words} if (words := relay.unready()) else {})
        threading.Thread(target=relay.run).start()
        ended.wait()
        relay.stop.set()
    else:
        from services.kit.tailer import Tailers

        tailers = Tailers(engine, [subscription])
        health.serve(told["port"], tailers.unready)
        tailers.start()
        ended.wait()
        tailers.stop()


if __name__ == "__main__":
    main()
