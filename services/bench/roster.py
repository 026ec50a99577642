"""`guidui bench roster`: a roster of 30,000 rows, some with slips and some without a number, to its members."""
from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from services.bench.pipeline import own_server
from services.bench.register import PART, asked, fill, made
from services.cases.ground import usual
from services.kit.clock import SystemClock
from services.kit.db import connect
from services.matcher.announcements import Announcement
from services.matcher.people import People
from services.registry.id_numbers import parse_id_number

MEMBERS_EACH = 5  # members in the register for each row
ROWS_OF_AN_EVENT = 5_000
WANTED_SECONDS = 10
_BARE = "SELECT m.member, m.name, m.id_number, m.birth_date, m.phone FROM member_key k JOIN member m ON m.member = k.member WHERE k.key = ANY (%s)"


def measured(rows: int) -> dict[str, Any]:
    """Seconds from rows to decisions with their reasons; beside it one statement per event that fetches the members
    of the numbers and judges nothing."""
    with tempfile.TemporaryDirectory(prefix="guidui-bench-") as folder, own_server(Path(folder)) as server:
        fill(server.owner_url(), max(PART, rows * MEMBERS_EACH))
        worker = connect(server.app_url(), "guidui_worker")
        try:
            with worker.connect() as tx:
                return _figures(tx, rows)
        finally:
            worker.dispose()


def _figures(tx: Connection, rows: int) -> dict[str, Any]:
    members = list(made(0, PART)) if rows <= PART else [m for at in range(0, rows, PART) for m in made(at, PART)]
    chosen = members[:rows]
    now, event = SystemClock().now(), uuid4()
    told = [Announcement(event, at, "bench", "bench", "", "", "guidui.departure.effective.v1", now, {"group": True},
                         {"person": person}, None) for at, (_, person) in enumerate(asked(chosen))]
    world, people = usual().world(tx, now), People()
    found: dict[Any, Any] = {}
    began = time.perf_counter()
    for start in range(0, rows, ROWS_OF_AN_EVENT):
        found |= people.find(tx, told[start:start + ROWS_OF_AN_EVENT], world)
    spent = time.perf_counter() - began
    began = time.perf_counter()
    for start in range(0, rows, ROWS_OF_AN_EVENT):
        keys = [f"id:{parse_id_number(one.person.id_number).text}" for one in told[start:start + ROWS_OF_AN_EVENT]]
        tx.exec_driver_sql(_BARE, (keys,)).all()
    bare = time.perf_counter() - began
    decisions = [found[one.event, one.position] for one in told]
    return {"rows": rows, "members": max(PART, rows * MEMBERS_EACH), "events": -(-rows // ROWS_OF_AN_EVENT),
            "seconds": round(spent, 2), "per_second": round(rows / spent), "wanted_seconds": WANTED_SECONDS,
            "decisions": {name: sum(d.decision == name for d in decisions) for name in ("match", "review", "not_a_member")},
            "wrong": sum(d.decision == "match" and d.member != m.member for d, m in zip(decisions, chosen)),
            "beside": {"what": "bare database step (members by number, nothing judged)", "seconds": round(bare, 2),
                       "ratio": round(bare / spent, 3)}}
