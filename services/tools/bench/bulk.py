"""`guidui bench bulk`: one batch of people, posted as several events of one `data.batch`, until
every child has its case.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from schemas.departures import SOURCE_PREFIX
from services.cases.commands.apply import BatchOrder, apply_all
from services.cases.commands.batches import WAVE_CASES_MAX, wave
from services.cases.routing.rule_source import default_rules
from services.cases.store import tables
from services.intake.parse import parse
from services.intake.store import accept
from services.kit.bus.tailer import Tailers
from services.kit.clock import SystemClock
from services.matcher import announcements
from services.matcher.handlers import Matcher
from services.registry.access import Caller
from services.registry.directory import Directory
from services.tools.bench.loads import (
    SECRET,
    UNIT,
    batch_person,
    departures_of,
    load_world,
    matcher_of,
    notifier_of,
)
from services.tools.bench.pipeline import fresh_database, own_server

PERSONS_OF_AN_EVENT = 1_000  # of the 5,000 allowed
WANTED_SECONDS = 600


def measured(count: int) -> dict[str, Any]:
    """Seconds for intake, matcher, notifier and one act for all, and for the matcher's own step
    (who is it, where do they live) alone.
    """
    with (
        tempfile.TemporaryDirectory(prefix="guidui-bench-") as folder,
        own_server(Path(folder)) as server,
        fresh_database(server) as (_, worker, _owner),
    ):
        clock = SystemClock()
        load_world(worker, count, 0)
        seconds = {"intake": _timed(lambda: _post(worker, count, clock.now()))}
        seconds["matcher"] = _timed(
            lambda: Tailers(worker, [matcher_of(worker, clock)], clock).drain()
        )
        seconds["notifier"] = _timed(
            lambda: Tailers(worker, [notifier_of(worker, clock)], clock).drain()
        )
        seconds["one act for all"] = _timed(lambda: _act_for_all(worker, clock))
        with worker.connect() as tx:
            counted = tx.exec_driver_sql(
                "SELECT count(*) FILTER (WHERE parent IS NOT NULL), count(*) FILTER (WHERE "
                "state = 'bulk_open'), "
                "count(*) FILTER (WHERE parent IS NOT NULL AND state = "
                "'destination_confirmed') FROM transfer_case"
            ).one()
            if counted[0] != count:
                raise RuntimeError(
                    f"{counted[0]} of {count} people have a case: see the dead letters"
                )
            bare = _timed(lambda: _bare(tx, departures_of(clock)))
            tx.rollback()
    whole = sum(seconds.values())
    return {
        "people": count,
        "events": -(-count // PERSONS_OF_AN_EVENT),
        "batches": counted[1],
        "children": counted[0],
        "confirmed": counted[2],
        "seconds": {k: round(v, 2) for k, v in seconds.items()},
        "seconds_in_all": round(whole, 1),
        "per_second": round(count / whole),
        "wanted_seconds": WANTED_SECONDS,
        "beside": {
            "what": "bare matcher step",
            "seconds": round(bare, 2),
            "per_second": round(count / bare),
            "ratio": round(bare / seconds["matcher"], 2),
        },
    }


def _act_for_all(worker: Engine, clock: SystemClock) -> None:
    """Confirms the destination of everybody with one command, carried out wave by wave."""
    with worker.begin() as tx:
        parent: str = tx.exec_driver_sql(
            "SELECT id::text FROM transfer_case WHERE state = 'bulk_open'"
        ).scalar_one()
        order = BatchOrder(
            tables.load(tx, [parent])[parent],
            "give_to_all",
            UNIT,
            {"order": "confirm_destination", "with": {"member_informed": True}},
        )
        apply_all(tx, [order], clock.now(), None, default_rules())
    done = WAVE_CASES_MAX
    while done == WAVE_CASES_MAX:
        with worker.begin() as tx:
            done = wave(tx, clock.now(), default_rules())


def _timed(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _post(worker: Engine, count: int, at: datetime) -> None:
    with worker.connect() as tx:
        caller = Caller(UNIT, Directory.of(tx).path(UNIT), "sender")
    for start in range(0, count, PERSONS_OF_AN_EVENT):
        event = parse(_event(range(start, min(start + PERSONS_OF_AN_EVENT, count))), SECRET, at)
        with worker.begin() as tx:
            assert accept(tx, caller, [event], at) == ["accepted"]


def _event(numbers: range) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": "guidui.labour_relation.ended.v1",
        "source": SOURCE_PREFIX + UNIT,
        "id": f"bulk-{numbers.start}",
        "data": {
            "batch": "closed-2026",
            "effective_on": "2026-06-30",
            "circumstances": {
                "labour_relation": "ended",
                "handover": "collective",
                "place_fixed": True,
            },
            "persons": [batch_person(number) for number in numbers],
        },
    }


def _bare(tx: Connection, handler: Matcher) -> None:
    """Reads the same events, finds every person and resolves every address; opens and keeps
    nothing.
    """
    context = default_rules().context(tx, SystemClock().now())
    for events in _events(tx):
        opening = [
            announcement for announcement in announcements.read(tx, events) if announcement.opens
        ]
        handler.people.find(tx, opening, context)
        for announcement in opening:
            handler.addresses.resolve(announcement.posted_person["to"]["address"])


def _events(tx: Connection) -> Sequence[Sequence[Any]]:
    return [
        [event]
        for event in tx.exec_driver_sql("SELECT id FROM posted_event ORDER BY ext_id").scalars()
    ]
