"""What /metrics tells of the seam, computed from the tables when it is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from services.kit import rounds
from services.kit.bus.consumer import Subscription
from services.kit.bus.event_log import RELAY
from services.kit.clock import Clock, SystemClock
from services.kit.db.engine import rows

GAP_ROWS_MAX = 100_000  # a count beyond this says no more than "a lot"

_OLDEST_BEYOND = """
SELECT e.at FROM event_log e LEFT JOIN cursors c ON c.consumer = :consumer
WHERE (e.xid, e.id) > (coalesce(c.xid, '0'), coalesce(c.id, 0)) ORDER BY e.xid, e.id LIMIT 1"""
_GAP = """
SELECT count(*) AS rows, min(at) AS oldest FROM (
    SELECT e.at FROM event_log e
    LEFT JOIN consumer_state s ON s.consumer = :consumer
    LEFT JOIN inbox i ON i.consumer = :consumer AND i.event_id = e.event_id
    WHERE e.topic = ANY(:topics) AND i.event_id IS NULL
      AND (e.xid, e.id) > (coalesce(s.mark_xid, '0'), coalesce(s.mark_id, 0))
    LIMIT :rows_max) AS gap"""


@dataclass(frozen=True, slots=True)
class Figures:
    """One consumer as it stands."""

    untaken: int  # rows of its topics without an inbox row
    oldest_seconds: float  # age of the oldest of them, 0 when there is none
    dead_letters: int
    parked: int
    stopped: bool


def of_consumer(tx: Connection, subscription: Subscription, clock: Clock) -> Figures:
    """The figures of one consumer, from the tables alone."""
    labels = {"consumer": subscription.consumer}
    gap = rows(tx, _GAP, labels | {"topics": list(subscription.topics), "rows_max": GAP_ROWS_MAX})[
        0
    ]
    desk = rows(
        tx,
        """
        SELECT (SELECT count(*) FROM dead_letter WHERE consumer = :consumer
            AND state = 'open') AS letters,
               (SELECT count(*) FROM parked WHERE consumer = :consumer) AS parked,
               EXISTS (SELECT FROM consumer_state WHERE consumer = :consumer
                   AND stopped_at IS NOT NULL) AS stopped
        """,
        labels,
    )[0]
    age = (clock.now() - gap["oldest"]).total_seconds() if gap["oldest"] else 0.0
    return Figures(gap["rows"], max(age, 0.0), desk["letters"], desk["parked"], desk["stopped"])


def relay_age_seconds(tx: Connection, clock: Clock) -> float:
    """How long the oldest row that is not in Kafka has been waiting; 0 when all are."""
    oldest = rows(tx, _OLDEST_BEYOND, {"consumer": RELAY})
    return max((clock.now() - oldest[0]["at"]).total_seconds(), 0.0) if oldest else 0.0


class Seam(Collector):
    """Gauges of every consumer, and of the relay where there is one."""

    def __init__(
        self,
        engine: Engine,
        subscriptions: Iterable[Subscription],
        clock: Clock = SystemClock(),
        relay: bool = False,
    ) -> None:
        self.engine, self.subscriptions, self.clock, self.relay = (
            engine,
            tuple(subscriptions),
            clock,
            relay,
        )

    def collect(self) -> Iterable[GaugeMetricFamily]:
        up = GaugeMetricFamily("guidui_database_up", "1 when the database answered this scrape")
        try:
            with self.engine.connect() as tx:
                families = list(self._families(tx))
        except SQLAlchemyError:
            families = []
        up.add_metric([], 1 if families else 0)
        return [up, *families]

    def _families(self, tx: Connection) -> Iterable[GaugeMetricFamily]:
        gauges = {
            "untaken": "messages not taken yet",
            "oldest_seconds": "age of the oldest message not taken yet",
            "dead_letters": "open dead letters",
            "parked": "messages parked behind a dead letter",
            "stopped": "1 when stopped for too much poison",
        }
        figures = [(s.consumer, of_consumer(tx, s, self.clock)) for s in self.subscriptions]
        for name, words in gauges.items():
            family = GaugeMetricFamily(f"guidui_consumer_{name}", words, labels=["consumer"])
            for consumer, figure in figures:
                family.add_metric([consumer], float(getattr(figure, name)))
            yield family
        if self.relay:
            yield GaugeMetricFamily(
                "guidui_relay_age_seconds",
                "age of the oldest row not in Kafka yet",
                value=relay_age_seconds(tx, self.clock),
            )


class LoopGauges(Collector):
    """Gauges of every loop, wherever it runs: when a round last succeeded, whether the last one
    failed, what stands aside.
    """

    def __init__(self, engine: Engine, loops: Mapping[str, rounds.Loop]) -> None:
        self.engine, self.loops = engine, loops

    def collect(self) -> Iterable[GaugeMetricFamily]:
        succeeded = GaugeMetricFamily(
            "guidui_loop_succeeded_timestamp_seconds",
            "when a round of the loop last succeeded; 0: never",
            labels=["loop"],
        )
        failing = GaugeMetricFamily(
            "guidui_loop_failing", "1 when the last round of the loop failed", labels=["loop"]
        )
        aside = GaugeMetricFamily(
            "guidui_loop_set_aside",
            "rows of the loop that wait on the dead-letter desk",
            labels=["loop"],
        )
        pause = GaugeMetricFamily(
            "guidui_loop_pause_seconds", "seconds between two rounds", labels=["loop"]
        )
        try:
            figures = rounds.figures(self.engine)
        except SQLAlchemyError:
            return
        for name, loop in self.loops.items():
            at, failed, waiting = figures.get(name, (0.0, False, 0))
            succeeded.add_metric([name], at)
            failing.add_metric([name], float(failed))
            aside.add_metric([name], float(waiting))
            pause.add_metric([name], loop.pause)
        yield from (succeeded, failing, aside, pause)


def expose(collector: Collector) -> None:
    """Adds gauges to this process's /metrics."""
    REGISTRY.register(collector)
