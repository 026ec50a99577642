"""Departures are posted while processes are killed; then what was accepted is compared with what
took effect.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx

from services.cluster.postgres import EmbeddedServer
from services.kit.clock import ZONE
from services.kit.db.engine import connect
from tests.chaos import county
from tests.chaos.cluster import Cluster
from tests.chaos.ledger import Balance, balance

DRAIN_SECONDS_MAX = 180
BATCH_EVENTS = 20


@dataclass
class Report:
    """What happened, for the test and for docs/chaos.md."""

    accepted: int = 0
    repeats: int = 0
    kills: Counter = field(default_factory=Counter)
    siege_seconds: float = 0.0
    drain_seconds: float = 0.0
    balance: Balance | None = None


class Sender:
    """Posts departures, each again and again until it is answered; keeps the ledger of what was
    accepted.
    """

    def __init__(self, url: str, key: str, events: int) -> None:
        self.url, self.events = url, events
        self.accepted: set[int] = set()
        self.repeats = 0
        self.failure: Exception | None = None
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/cloudevents-batch+json",
        }
        self._released = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def release(self, batches: int) -> None:
        """Lets so many more batches go out."""
        self._released.release(batches)

    def finish(self) -> None:
        self._thread.join()
        if self.failure:
            raise self.failure

    def _run(self) -> None:
        try:
            with httpx.Client(base_url=self.url, headers=self._headers, timeout=10) as client:
                for start in range(0, self.events, BATCH_EVENTS):
                    self._released.acquire()
                    self._post(client, range(start, min(start + BATCH_EVENTS, self.events)))
        except Exception as error:
            self.failure = error

    def _post(self, client: httpx.Client, numbers: range) -> None:
        events = [
            county.departure(n, datetime.now(ZONE).isoformat(timespec="seconds")) for n in numbers
        ]
        while True:
            try:
                answer = client.post("/v1/events", json=events)
                if answer.status_code == 202:
                    break
                assert answer.status_code >= 500, (
                    answer.text
                )  # a refusal would be a fault of this test
            except httpx.HTTPError:
                pass
            self.repeats += 1
            time.sleep(0.1)
        found = {int(e["id"].removeprefix("chaos-")): e["status"] for e in answer.json()["events"]}
        refused = {
            n: status for n, status in found.items() if status not in ("accepted", "duplicate")
        }
        assert not refused and set(found) == set(numbers), answer.text
        self.accepted |= set(found)


def schedule(kills: int, roles: list[str], chance: random.Random) -> list[str]:
    """Whom to kill, in which order: a seventh each for the brokers and PostgreSQL (three at least),
    the rest evenly.
    """
    brokers = [role for role in roles if role.startswith("kafka")]
    few = max(3, kills // 7)
    victims = [brokers[n % len(brokers)] for n in range(few)] + ["postgres"] * few
    others = sorted(
        role
        for role in roles
        if role.startswith(("relay", "intake", "portal", "matcher", "notifier"))
    )
    victims += [others[n % len(others)] for n in range(kills - len(victims))]
    chance.shuffle(victims)
    return victims


def run(  # noqa: PLR0913
    data: Path,
    events: int,
    kills: int,
    seed: int = 1,
    workers: int = 2,
    brokers: int = 1,
    say=print,
) -> Report:
    """One siege on a cluster of its own in `data`; the same seed kills in the same order."""
    chance, report = random.Random(seed), Report()
    with Cluster(data, workers, brokers) as cluster:
        key = _prepare(cluster, data, events)
        victims = schedule(kills, list(cluster.pids()), chance)
        sender = Sender(cluster.status()["http"], key, events)
        sender.start()
        began, batches = time.monotonic(), -(-events // BATCH_EVENTS)
        for n, role in enumerate(victims):
            sender.release(batches * (n + 1) // (kills + 1) - batches * n // (kills + 1))
            time.sleep(chance.uniform(0.1, 2.0))
            if not cluster.kill(role):
                time.sleep(1)
                cluster.kill(role)
            report.kills[role] += 1
            say(f"{n + 1}/{kills} killed {role}; {len(sender.accepted)} accepted")
        sender.release(batches)
        sender.finish()
        report.siege_seconds = time.monotonic() - began
        report.accepted, report.repeats = len(sender.accepted), sender.repeats
        began = time.monotonic()
        report.balance = _settle(cluster, data, sender.accepted)
        report.drain_seconds = time.monotonic() - began
    return report


def _prepare(cluster: Cluster, data: Path, members: int) -> str:
    """Loads the county; returns the enterprise's key."""
    data.mkdir(parents=True, exist_ok=True)
    organisations, people = county.write(data, members)
    cluster.guidui("load", "organisations", str(organisations))
    cluster.guidui("load", "members", str(people))
    return cluster.guidui(
        "key", "create", "--organisation", county.ENTERPRISE, "--role", "sender"
    ).strip()


def _settle(cluster: Cluster, data: Path, accepted: set[int]) -> Balance:
    """Waits until the books balance, or for as long as they may take."""
    cluster.wait_ready()
    engine = connect(EmbeddedServer(data).app_url(), "guidui_worker")
    limit = time.monotonic() + DRAIN_SECONDS_MAX
    try:
        while (found := balance(engine, accepted)).wrong() and time.monotonic() < limit:
            time.sleep(1)
        return found
    finally:
        engine.dispose()
