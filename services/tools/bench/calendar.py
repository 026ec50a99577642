"""`guidui bench calendar`: a new year's list of rest days over many open deadlines, as
`guidui load calendar` takes it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from services.cases.deadlines import tasks as deadlines
from services.cases.deadlines.recount import recompute_deadlines
from services.cases.model import states as s
from services.cases.model.case import Case, DecisionContext
from services.cases.routing.rule_source import default_rules
from services.kit.clock import ZONE, TurnedClock
from services.kit.db.engine import dumps
from services.registry.load import load_rows
from services.tools.bench.loads import BRANCH, UNIT, load_world
from services.tools.bench.pipeline import fresh_database, own_server

WANTED_SECONDS = 60
TODAY = datetime(2026, 12, 31, 12, 0, tzinfo=ZONE)
DAYS = 12  # the cases entered their state on the last twelve days of the year
STATES = (s.ANNOUNCED, s.TRIAGED, s.DESTINATION_CONFIRMED, s.OUT_APPROVAL, s.ARRIVED, s.ACCEPTED)
# a list such as the State Council's: New Year, Spring Festival, and the week-ends made up for
NEW_YEAR = [
    (date(2027, 1, 1), "holiday"),
    (date(2027, 1, 4), "holiday"),
    (date(2027, 1, 9), "workday"),
] + [(date(2027, 2, 5) + timedelta(days=n), "holiday") for n in range(6)]

_CASES = """
INSERT INTO transfer_case SELECT r.* FROM json_array_elements(%s::json) WITH ORDINALITY AS t (line,
    place),
    generate_series(1, %s) AS copy (number),
    LATERAL jsonb_populate_record(NULL::transfer_case, t.line::jsonb || jsonb_build_object(
        'id', md5('case' || t.place || ':' || copy.number))) AS r"""
_TASKS = """
INSERT INTO task (id, case_id, kind, act, organisation, path, due_on, opened_at)
SELECT md5('task' || k.kind || k.organisation || t.place || ':' || copy.number)::uuid,
    md5('case' || t.place || ':' || copy.number)::uuid,
       k.kind, k.act, k.organisation, k.path, k.due_on, k.opened_at
FROM json_array_elements(%s::json) WITH ORDINALITY AS t (lines, place),
    generate_series(1, %s) AS copy (number),
    LATERAL json_to_recordset(t.lines) AS k (kind text, act text, organisation text, path text,
        due_on date,
        opened_at timestamptz)"""


def measured(count: int) -> dict[str, Any]:
    """Seconds from the new list until every open deadline stands by it; beside it one plain UPDATE
    of the same rows.
    """
    with (
        tempfile.TemporaryDirectory(prefix="guidui-bench-") as folder,
        own_server(Path(folder)) as server,
        fresh_database(server) as (_, worker, owner),
    ):
        clock = TurnedClock(TODAY)
        load_world(worker, 1, 0)
        made = _open_cases(owner, default_rules().context, count)
        load_rows(
            worker,
            "calendar",
            [{"day": day.isoformat(), "kind": kind} for day, kind in NEW_YEAR],
            clock,
        )
        began = time.perf_counter()
        moved = recompute_deadlines(worker, clock, default_rules())
        seconds = time.perf_counter() - began
        again = recompute_deadlines(worker, clock, default_rules())
        plain = _plain_update(owner)
    return {
        "open_deadlines": made,
        "moved": len(moved),
        "moved_by_the_same_list_again": len(again),
        "seconds": round(seconds, 2),
        "per_second": round(made / seconds),
        "wanted_seconds": WANTED_SECONDS,
        "beside": {
            "what": "one plain UPDATE of the same rows and their tasks",
            "seconds": round(plain, 2),
            "ratio": round(plain / seconds, 3),
        },
    }


def _open_cases(owner: Engine, world_at: Any, count: int) -> int:
    with owner.begin() as tx:
        context = world_at(tx, TODAY)
        cases = list(_templates(context))
        copies = -(-count // len(cases))
        tx.exec_driver_sql(_CASES, (dumps([vars(case) for case in cases]), copies))
        tx.exec_driver_sql(_TASKS, (dumps([_tasks(case, context) for case in cases]), copies))
        _analyse(tx)
    return copies * len(cases)


def _templates(context: DecisionContext) -> Iterator[Case]:
    community = next(
        o for o in context.directory if o.unit == "community" and o.kind == "general_branch"
    )
    for state in STATES:
        for days in range(DAYS):
            at = TODAY - timedelta(days=days)
            day = at.date()
            yield deadlines.settle(
                Case(
                    id="11111111-1111-4111-8111-111111111111",
                    state=state,
                    seq=1,
                    category="layoff",
                    rule="B15",
                    facts={"category": "layoff"},
                    poster=UNIT,
                    origin=BRANCH,
                    destination=community.code,
                    destination_source="address",
                    area=community.area,
                    receiver=community.code,
                    opened_at=at,
                    entered_at=at,
                    counted_from=day,
                    touched_at=at,
                    accepted_on=day if state == s.ACCEPTED else None,
                    receipt_due_on=day if state == s.ACCEPTED else None,
                    policy=context.policy.version,
                ),
                context,
            )


def _tasks(case: Case, context: DecisionContext) -> list[dict[str, Any]]:
    return [
        {
            "kind": t.kind,
            "act": t.act,
            "organisation": t.organisation,
            "due_on": t.due_on,
            "opened_at": t.opened_at,
            "path": context.directory.path(t.organisation),
        }
        for t in deadlines.tasks(case, context)
    ]


def _analyse(tx: Connection) -> None:
    tx.exec_driver_sql("ANALYZE transfer_case")
    tx.exec_driver_sql("ANALYZE task")


def _plain_update(owner: Engine) -> float:
    began = time.perf_counter()
    with owner.begin() as tx:
        tx.exec_driver_sql("UPDATE transfer_case SET wait_due = wait_due + 1")
        tx.exec_driver_sql("UPDATE task SET due_on = due_on + 1")
    return time.perf_counter() - began
