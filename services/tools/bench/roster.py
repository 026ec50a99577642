"""`guidui bench roster`: a roster of 30,000 rows, some with slips and some without a number, to its
members and cases.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine

from schemas.departures import SOURCE_PREFIX
from schemas.envelope import Message
from services.cases.routing.rule_source import default_rules
from services.identity.id_numbers import parse_id_number
from services.identity.persons import MemberRecord
from services.intake.parse import parse
from services.intake.store import accept
from services.kit.clock import SystemClock
from services.kit.db.engine import connect
from services.kit.garbage import collect_seldom
from services.matcher.announcements import Announcement
from services.matcher.people import People
from services.registry.access import Caller
from services.registry.directory import Directory
from services.tools.bench.loads import SECRET, batch_person, matcher_of
from services.tools.bench.machine import cpu_seconds
from services.tools.bench.pipeline import own_server
from services.tools.bench.register import ORGANISATION, PART, asked, fill, made

MEMBERS_EACH = 5  # members in the register for each row
ROWS_OF_AN_EVENT = 5_000
WANTED_SECONDS = 10
_BARE = (
    "SELECT m.member, m.name, m.id_number, m.birth_date, m.phone FROM member_key k JOIN member m "
    "ON m.member = k.member WHERE k.key = ANY (%s)"
)


def measured(rows: int) -> dict[str, Any]:
    """Seconds from rows to decisions with their reasons; beside it one statement per event that
    fetches the members of the numbers and judges nothing.
    """
    with (
        tempfile.TemporaryDirectory(prefix="guidui-bench-") as folder,
        own_server(Path(folder)) as server,
    ):
        fill(server.owner_url(), max(PART, rows * MEMBERS_EACH))
        collect_seldom()  # as every process that serves does
        worker = connect(server.app_url(), "guidui_worker")
        try:
            chosen = _members(rows)
            with worker.connect() as tx:
                figures = _identified(tx, chosen)
            return figures | {
                "members": max(PART, rows * MEMBERS_EACH),
                "whole": _whole(worker, chosen),
            }
        finally:
            worker.dispose()


def _members(rows: int) -> list[MemberRecord]:
    return [m for at in range(0, rows, PART) for m in made(at, PART)][:rows]


def _identified(tx: Connection, chosen: list[MemberRecord]) -> dict[str, Any]:
    """Who is it, nothing more."""
    rows = len(chosen)
    now, event = SystemClock().now(), uuid4()
    announcements_made = [
        Announcement(
            event,
            at,
            "bench",
            "bench",
            "",
            "",
            "guidui.departure.effective.v1",
            now,
            {"group": True},
            {"person": person},
            None,
        )
        for at, (_, person) in enumerate(asked(chosen))
    ]
    context, people = default_rules().context(tx, now), People()
    identified: dict[Any, Any] = {}
    backend = tx.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    database, own = cpu_seconds(backend), time.thread_time()
    began = time.perf_counter()
    for start in range(0, rows, ROWS_OF_AN_EVENT):
        identified |= people.find(tx, announcements_made[start : start + ROWS_OF_AN_EVENT], context)
    spent = time.perf_counter() - began
    cpu = {
        "program": round(time.thread_time() - own, 2),
        "database": round(cpu_seconds(backend) - database, 2),
    }
    began = time.perf_counter()
    for start in range(0, rows, ROWS_OF_AN_EVENT):
        keys = [
            f"id:{parse_id_number(announcement.person.id_number).text}"
            for announcement in announcements_made[start : start + ROWS_OF_AN_EVENT]
        ]
        tx.exec_driver_sql(_BARE, (keys,)).all()
    bare = time.perf_counter() - began
    decisions = [
        identified[announcement.event, announcement.position] for announcement in announcements_made
    ]
    return {
        "rows": rows,
        "events": -(-rows // ROWS_OF_AN_EVENT),
        "seconds": round(spent, 2),
        "per_second": round(rows / spent),
        "wanted_seconds": WANTED_SECONDS,
        "cpu_seconds": cpu,
        "decisions": {
            name: sum(d.decision == name for d in decisions)
            for name in ("match", "review", "not_a_member")
        },
        "wrong": sum(
            d.decision == "match" and d.member != m.member
            for d, m in zip(decisions, chosen, strict=True)
        ),
        "beside": {
            "what": "bare database step (members by number, nothing judged)",
            "seconds": round(bare, 2),
            "ratio": round(bare / spent, 3),
        },
    }


def _whole(worker: Engine, chosen: list[MemberRecord]) -> dict[str, Any]:
    """The matcher as the service runs it on the same people, from posted events to cases and tasks;
    intake refuses numbers with a slip, so those rows come with name and birth date.
    """
    clock = SystemClock()
    messages, at = [], clock.now()
    with worker.connect() as tx:
        caller = Caller(ORGANISATION, Directory.of(tx).path(ORGANISATION), "sender")
    people = [
        person if kind != "number with a slip" else {"name": m.name, "birth_date": m.birth_date}
        for m, (kind, person) in zip(chosen, asked(chosen), strict=True)
    ]
    for start in range(0, len(people), ROWS_OF_AN_EVENT):
        persons = [
            {"person": person, "to": batch_person(start + n)["to"]}
            for n, person in enumerate(people[start : start + ROWS_OF_AN_EVENT])
        ]
        event = parse(
            {
                "specversion": "1.0",
                "type": "guidui.labour_relation.ended.v1",
                "id": f"roster-{start}",
                "source": SOURCE_PREFIX + ORGANISATION,
                "data": {
                    "batch": "roster",
                    "circumstances": {"labour_relation": "ended", "handover": "collective"},
                    "persons": persons,
                },
            },
            SECRET,
            at,
        )
        with worker.begin() as tx:
            accept(tx, caller, [event], at)
        messages.append(
            Message(
                event.id,
                "departures",
                "guidui.event.posted.v1",
                event.key,
                at,
                {"event": str(event.id)},
            )
        )
    handler = matcher_of(worker, clock).handler
    collect_seldom()
    began, own = time.perf_counter(), time.thread_time()
    for message in messages:
        with worker.begin() as tx:
            handler(tx, [message])
    spent, own = time.perf_counter() - began, time.thread_time() - own
    with worker.connect() as tx:
        cases = tx.exec_driver_sql(
            "SELECT count(*) FROM transfer_case WHERE parent IS NOT NULL"
        ).scalar_one()
    return {
        "seconds": round(spent, 2),
        "per_second": round(len(people) / spent),
        "cases": cases,
        "cpu_seconds": round(own, 2),
    }
