"""How much of a consumer's speed the seam costs: beside a bare Faust no-op, and beside the bare
database step.

A subscription is named by a factory, "module:function", which takes (engine, clock) and returns the
Subscription: the process that drains it builds its own.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import import_module
from uuid import uuid4

import orjson
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from schemas.envelope import Message
from services.kit.bus.consumer import Subscription
from services.kit.bus.event_log import record
from services.kit.bus.inbox import Handler
from services.kit.bus.kafka_clients import Kafka, ensure_topics
from services.kit.bus.relay import Publisher
from services.kit.bus.tailer import BATCH_ROWS_MAX, Tailers
from services.kit.clock import Clock, SystemClock
from services.kit.db.engine import connect, dumps
from services.kit.log import configure

TOPIC = "bench"
CHILD_SECONDS_MAX = 600
EFFECT_TABLE = """
CREATE TABLE IF NOT EXISTS bench_effect (event_id uuid, key text, n int);
GRANT SELECT, INSERT ON bench_effect TO guidui_worker"""


@dataclass(frozen=True, slots=True)
class Rate:
    """One drain: messages, seconds from the first batch to the last commit, CPU seconds of the
    draining process.
    """

    what: str
    messages: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.messages / self.seconds


@dataclass(frozen=True, slots=True)
class Ratio:
    """What was measured, and beside what."""

    measured: Rate
    beside: Rate

    @property
    def value(self) -> float:
        return self.measured.per_second / self.beside.per_second

    def report(self) -> dict:
        return {
            "measured": asdict(self.measured) | {"per_second": round(self.measured.per_second)},
            "beside": asdict(self.beside) | {"per_second": round(self.beside.per_second)},
            "ratio": round(self.value, 3),
        }


def trivial(engine: Engine, clock: Clock) -> Subscription:
    """The smallest effect: one row per message, one statement per batch."""
    return Subscription("bench", (TOPIC,), write_effects)


def subscription_of(factory: str, engine: Engine, clock: Clock) -> Subscription:
    """What the factory named "module:function" makes."""
    module, _, function = factory.partition(":")
    return getattr(import_module(module), function)(engine, clock)


def write_effects(tx: Connection, messages: Sequence[Message]) -> None:
    """One row of bench_effect per message."""
    tx.exec_driver_sql(
        "INSERT INTO bench_effect (event_id, key, n) SELECT id, key, n"
        " FROM json_to_recordset(%s::json) AS m(id uuid, key text, n int)",
        (dumps([{"id": m.id, "key": m.key, "n": m.body["n"]} for m in messages]),),
    )


def made_up(count: int, at: datetime, keys: int = 5_000) -> list[Message]:
    """Messages of about 650 bytes on the wire, as the measurements of
    docs/delivery-guarantees.md.
    """
    return [
        Message(
            uuid4(),
            TOPIC,
            "guidui.bench.v1",
            f"{n % keys:064d}",
            at,
            {"n": n, "filling": "x" * 270},
        )
        for n in range(count)
    ]


def fill_topic(kafka: Kafka, messages: Sequence[Message], topics: Sequence[str]) -> None:
    """Creates the topics of a subscription (a consumer waits for all of them) and lays the messages
    in them.
    """
    ensure_topics(kafka, {topic: 24 for topic in topics})
    publisher = Publisher(kafka)
    for start in range(0, len(messages), BATCH_ROWS_MAX):
        publisher.publish(messages[start : start + BATCH_ROWS_MAX])
    publisher.close()


def drain_over_kafka(kafka: Kafka, database: str | URL, factory: str, count: int) -> Rate:
    """The rate of one Faust process with the seam and this subscription's handler, draining `count`
    messages.
    """
    return _child("seam", kafka, database, factory, count)


def drain_noop(kafka: Kafka, database: str | URL, factory: str, count: int) -> Rate:
    """The rate of one Faust process that takes the same topics in the same batches and does nothing
    with them.
    """
    return _child("noop", kafka, database, factory, count)


def tailer_beside_bare(
    engine: Engine,
    subscription: Subscription,
    messages: Sequence[Message],
    again: Sequence[Message],
    clock: Clock = SystemClock(),
) -> Ratio:
    """The tailer draining `messages` from the log, beside the handler alone called with batches of
    `again`.

    Both sequences must ask the same work of the handler. The bare step is one transaction per batch
    of 500.
    """
    with engine.begin() as tx:
        for start in range(0, len(messages), 5_000):
            record(tx, messages[start : start + 5_000])
    tailers = Tailers(engine, [subscription], clock)
    measured = _timed("tailer", len(messages), tailers.drain)
    beside = _timed(
        "bare database step", len(again), lambda: _bare(engine, subscription.handler, again)
    )
    return Ratio(measured, beside)


def _bare(engine: Engine, handler: Handler, messages: Sequence[Message]) -> None:
    for start in range(0, len(messages), BATCH_ROWS_MAX):
        with engine.begin() as tx:
            handler(tx, messages[start : start + BATCH_ROWS_MAX])


def _timed(what: str, count: int, work) -> Rate:
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return Rate(what, count, time.perf_counter() - began, time.process_time() - cpu)


def summed(rates: Sequence[Rate]) -> Rate:
    """Several drains as one."""
    return Rate(
        rates[0].what,
        sum(r.messages for r in rates),
        sum(r.seconds for r in rates),
        sum(r.cpu_seconds for r in rates),
    )


def _child(kind: str, kafka: Kafka, database: str | URL, factory: str, count: int) -> Rate:
    """Runs this module as a process of its own; it prints its Rate once it has drained `count`
    messages.
    """
    url = database if isinstance(database, str) else database.render_as_string(hide_password=False)
    arguments = orjson.dumps(
        {
            "kind": kind,
            "factory": factory,
            "count": count,
            "database": url,
            "group": uuid4().hex[:8],
            "kafka": {
                "bootstrap": kafka.bootstrap,
                "prefix": kafka.prefix,
                "username": kafka.username,
                "password": kafka.password,
                "ca": kafka.ca and str(kafka.ca),
            },
        }
    )
    done = subprocess.run(
        [sys.executable, "-m", "services.tools.bench.seam"],
        input=arguments,
        capture_output=True,
        timeout=CHILD_SECONDS_MAX,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the {kind} drain failed: {done.stderr.decode()[-2000:]}")
    return Rate(**orjson.loads(done.stdout))


def _drain(arguments: dict) -> None:
    from services.kit.bus.consumer import Consumer
    from services.tools.bench.timed_shell import NoopShell, TimedShell

    engine, clock = connect(arguments["database"], "guidui_worker"), SystemClock()
    subscription = subscription_of(arguments["factory"], engine, clock)
    shell = NoopShell if arguments["kind"] == "noop" else TimedShell
    shell(
        Consumer(engine, subscription, clock),
        Kafka(**arguments["kafka"]),
        group=arguments["group"],
        expected=arguments["count"],
    ).run()


if __name__ == "__main__":
    configure("error")
    _drain(orjson.loads(sys.stdin.buffer.read()))
