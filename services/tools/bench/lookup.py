"""`guidui bench lookup`: who is it, one person at a time, over a register of millions in
PostgreSQL: first with the database's files on disk only, then with the files in the machine's
memory, where those of a server in use lie.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from services.cases.routing.rule_source import default_rules
from services.kit.clock import SystemClock
from services.kit.db.engine import connect
from services.kit.garbage import collect_seldom
from services.matcher.announcements import Announcement
from services.matcher.people import People
from services.tools.bench.latency import quantiles
from services.tools.bench.machine import cpu_seconds
from services.tools.bench.pipeline import own_server
from services.tools.bench.register import PART, asked, fill, made

LOOKUPS = 4_000
WANTED_MS = 5.0


def measured(members: int) -> dict[str, Any]:
    """Milliseconds of `People.find` for one person, by kind of row; beside it the member's own row
    by its primary key, and `from_disk` the same for other persons before the files were in memory.
    """
    with (
        tempfile.TemporaryDirectory(prefix="guidui-bench-") as folder,
        own_server(Path(folder)) as server,
    ):
        began = time.perf_counter()
        fill(server.owner_url(), members)
        filled = time.perf_counter() - began
        collect_seldom()  # as every process that serves does
        worker = connect(server.app_url(), "guidui_worker")
        try:
            with worker.connect() as tx:
                size = tx.exec_driver_sql(
                    "SELECT pg_database_size(current_database())"
                ).scalar_one()
                backend = tx.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
                _forget(Path(folder))
                cold = [
                    seconds for kind in _looked_up(tx, members, 11)[0].values() for seconds in kind
                ]
                _read(Path(folder))
                before = cpu_seconds(backend)
                times, beside, decisions, own = _looked_up(tx, members, 12)
                database = cpu_seconds(backend) - before
        finally:
            worker.dispose()
    every = [seconds for kind in times.values() for seconds in kind]
    return {
        "members": members,
        "filled_seconds": round(filled, 1),
        "database_bytes": size,
        "wanted_ms": WANTED_MS,
        "lookups": len(every),
        "ms": quantiles(every),
        "cpu_ms": quantiles(own),
        "database_cpu_ms_each": round(1e3 * database / max(1, len(every)), 2),
        "kinds": {
            kind: quantiles(seconds) | {"lookups": len(seconds), **decisions[kind]}
            for kind, seconds in times.items()
        },
        "from_disk": quantiles(cold) | {"lookups": len(cold)},
        "beside": {"what": "the member's row by its primary key", "ms": quantiles(beside)},
    }


def _files(folder: Path) -> Iterator[Path]:
    yield from (file for base in folder.rglob("base") for file in base.rglob("*") if file.is_file())


def _forget(folder: Path) -> None:
    """Asks the operating system to keep no file of the database in memory; PostgreSQL keeps its 128
    MB.
    """
    if hasattr(os, "posix_fadvise"):
        for path in _files(folder):
            with path.open("rb") as file:
                os.fsync(file.fileno())  # what is not written yet cannot leave the memory
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _read(folder: Path) -> None:
    """Reads every file of the database once."""
    for path in _files(folder):
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


def _looked_up(
    tx: Connection, members: int, seed: int
) -> tuple[dict[str, list[float]], list[float], dict[str, dict[str, int]], list[float]]:
    """Seconds by kind of row, seconds of the bare statement, decisions by kind, and the program's
    own CPU seconds.
    """
    rng = random.Random(seed)
    parts = rng.sample(range(0, members, PART), min(8, -(-members // PART)))
    chosen = [
        m
        for part in parts
        for m in list(made(part, min(PART, members - part)))[
            :: max(1, PART * len(parts) // LOOKUPS)
        ]
    ]
    rng.shuffle(chosen)
    context, people, now = (
        default_rules().context(tx, SystemClock().now()),
        People(),
        SystemClock().now(),
    )
    times: dict[str, list[float]] = defaultdict(list)
    decisions: dict[str, dict[str, int]] = defaultdict(
        lambda: {"match": 0, "review": 0, "not_a_member": 0}
    )
    beside: list[float] = []
    own: list[float] = []
    for at, (member, (kind, person)) in enumerate(zip(chosen, asked(chosen), strict=True)):
        announcement = _announced(person, now)
        began, worked = time.perf_counter(), time.thread_time()
        identification = people.find(tx, [announcement], context)[announcement.event, 0]
        spent, worked = time.perf_counter() - began, time.thread_time() - worked
        began = time.perf_counter()
        tx.exec_driver_sql(
            "SELECT name, id_number, birth_date, phone FROM member WHERE member = %s",
            (member.member,),
        ).one()
        if (
            at >= len(chosen) // 10
        ):  # the first tenth warms connections and statements, not the register
            times[kind].append(spent)
            own.append(worked)
            beside.append(time.perf_counter() - began)
            decisions[kind][identification.decision] += 1
            if identification.decision == "match" and identification.member != member.member:
                decisions[kind]["wrong"] = decisions[kind].get("wrong", 0) + 1
    return times, beside, decisions, own


def _announced(person: dict[str, Any], now: datetime) -> Announcement:
    return Announcement(
        uuid4(),
        0,
        "bench",
        "bench",
        "",
        "",
        "guidui.departure.effective.v1",
        now,
        {},
        {"person": person},
        None,
    )
