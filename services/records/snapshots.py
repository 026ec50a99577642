"""The audit figures at the end of a month, written once and never altered; and the same figures of
any past day, from history.

Both come of one function, ``rebuilt``: the cases as their history had left them, the tasks that
stood, the members where they belonged. So a service that was off on the last of a month writes the
snapshot later, with the same figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from services.cases.deadlines.calendar import day_of, midnight
from services.cases.routing.rule_source import RuleSource
from services.cases.views.queries import figures
from services.kit.db import locks
from services.kit.db.engine import dumps, rows
from services.kit.db.locks import Lock
from services.kit.loops import Part
from services.registry.directory import Directory
from services.registry.organisation_history import paths_at
from services.registry.tree import codes_of

DAYS = Part("records", "snapshots")
MONTHS_MAX = 24
SEPTEMBER = 9
FIGURES = ("members", "pocket", "pocket_early", "at_risk")
TALLIES = ("by_state", "overdue_by_task", "by_category", "by_floating_class", "by_obstacle")

# A case that nothing happened to since stands as it stood; of the others the history up to then is
# folded, later over earlier. Its rows hold what changed (table case_event, docs/architecture.md).
_CASES = """
WITH later AS MATERIALIZED (SELECT DISTINCT case_id FROM case_event WHERE at >= :until),
state AS (
    SELECT DISTINCT ON (e.case_id) e.case_id, e.to_state FROM case_event e JOIN later
        USING (case_id)
    WHERE e.at < :until ORDER BY e.case_id, e.seq DESC),
folded AS (
    SELECT e.case_id, jsonb_object_agg(k.key, k.value ORDER BY e.seq) AS change
    FROM case_event e JOIN later USING (case_id), LATERAL jsonb_each(e.change) k
    WHERE e.at < :until AND e.change IS NOT NULL GROUP BY e.case_id),
stood AS (
    SELECT c.origin, c.state, c.category, c.obstacle, c.facts, c.letter_issued_on, c.wait_due
        FROM transfer_case c
    WHERE NOT EXISTS (SELECT FROM later l WHERE l.case_id = c.id)
    UNION ALL
    SELECT r.origin, s.to_state, r.category, r.obstacle, r.facts, r.letter_issued_on, r.wait_due
    FROM state s JOIN folded f USING (case_id),
        LATERAL jsonb_populate_record(NULL::transfer_case, f.change) r)
SELECT origin, state, category, obstacle, facts ->> 'rehired_by' AS rehired_by, letter_issued_on,
    wait_due, count(*) AS n
FROM stood WHERE state NOT IN ('bulk_open', 'bulk_closed') AND origin IS NOT NULL
GROUP BY 1, 2, 3, 4, 5, 6, 7"""
_TASKS = """
SELECT organisation, kind, count(*) AS n FROM task
WHERE opened_at < :until AND (closed_at IS NULL OR closed_at >= :until) AND due_on < :day
    GROUP BY 1, 2"""
# where members belonged: acceptances since are taken back, and so are endings of membership
_MEMBERS = """
WITH back AS (
    SELECT DISTINCT ON (c.member) c.member, c.origin FROM case_event e JOIN transfer_case c
        ON c.id = e.case_id
    WHERE e.at >= :until AND e.command IN ('accept', 'record_paper_receipt')
        AND c.member IS NOT NULL
    ORDER BY c.member, e.at, e.seq),
ended AS (
    SELECT DISTINCT c.member FROM case_event e JOIN transfer_case c ON c.id = e.case_id
    WHERE e.at >= :until AND (e.command = 'strike_off' OR e.command = 'close'
        AND e.reason IN ('deceased', 'left_the_party')))
SELECT coalesce(b.origin, m.organisation) AS organisation, count(*) AS n
FROM member m LEFT JOIN back b USING (member)
WHERE m.standing <> 'ended' OR m.member IN (SELECT member FROM ended) GROUP BY 1"""


def rebuilt(tx: Connection, day: date, rule_source: RuleSource) -> dict[str, dict[str, Any]]:
    """Organisation -> the audit figures of it and all below at the end of a day; only those that
    have any.

    The tree of organisations is that of then, as this register had it. ``tx`` acts as the worker.
    """
    params = {"until": midnight(day + timedelta(days=1)), "day": day}
    paths = paths_at(tx, params["until"])

    def above(code: str) -> list[str]:
        return codes_of(paths.get(code, ""))

    cases: dict[str, list[Any]] = defaultdict(list)
    overdue: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    members: dict[str, int] = defaultdict(int)
    for row in rows(tx, _CASES, params):
        for code in above(row.origin):
            cases[code].append(row)
    for row in rows(tx, _TASKS, params):
        for code in above(row.organisation):
            overdue[code][row.kind] += row.n
    for row in rows(tx, _MEMBERS, params):
        for code in above(row.organisation):
            members[code] += row.n
    early = rule_source.counting(tx, day).pocket_early_days
    return {
        code: figures(cases[code], members[code], dict(sorted(overdue[code].items())), day, early)
        for code in sorted({*cases, *overdue, *members})
    }


_KEEP = """
INSERT INTO snapshot (day, organisation, path, figures, taken_at)
SELECT %s, organisation, path, figures, %s FROM json_to_recordset(%s::json) AS f(organisation text,
    path text, figures jsonb)
ON CONFLICT (day, organisation) DO NOTHING"""


def take_due(engine: Engine, now: datetime, rule_source: RuleSource) -> int:
    """Writes the snapshots of month ends that have passed and have none; returns how many days."""
    taken = 0
    for day in _due(engine, day_of(now)):
        with engine.begin() as tx:
            locks.hold(tx, Lock.SNAPSHOT)
            done = DAYS.each_by_itself(
                tx, [day], lambda days: _take(tx, days[0], now, rule_source), now
            )
        taken += sum(done.results)
    return taken


def _take(tx: Connection, day: date, now: datetime, rule_source: RuleSource) -> int:
    """Writes the figures of a day, unless it has them; returns 1 where it did."""
    if rows(tx, "SELECT 1 FROM snapshot WHERE day = :day LIMIT 1", {"day": day}):
        return 0
    directory = Directory.of(tx)
    tx.exec_driver_sql(
        _KEEP,
        (
            day,
            now,
            dumps(
                [
                    {"organisation": code, "path": directory.path(code), "figures": counts}
                    for code, counts in rebuilt(tx, day, rule_source).items()
                ]
            ),
        ),
    )
    return 1


def _due(engine: Engine, today: date) -> list[date]:
    """Month ends, oldest first, since the first case, that have no snapshot."""
    with engine.connect() as tx:
        first = tx.exec_driver_sql("SELECT min(at) FROM case_event").scalar_one()
        ends = _month_ends(day_of(first), today) if first else []
        due = rows(
            tx,
            f"""SELECT day FROM unnest(CAST(:ends AS date[])) AS d (day)
            WHERE NOT EXISTS (SELECT FROM snapshot s WHERE s.day = d.day)
                AND {DAYS.not_aside("d.day::text")} ORDER BY day""",
            {"ends": ends},
        )
    return [row.day for row in due]


def _month_ends(first: date, today: date) -> list[date]:
    """The last days of months since the first case, of the past two years."""
    ends, end = [], today.replace(day=1) - timedelta(days=1)
    while end >= first and len(ends) < MONTHS_MAX:
        ends.append(end)
        end = end.replace(day=1) - timedelta(days=1)
    return ends


def days_taken(tx: Connection, organisation: str) -> list[date]:
    """The days of which an organisation has a snapshot that this transaction sees, newest first."""
    return [
        row.day
        for row in rows(
            tx,
            "SELECT day FROM snapshot WHERE organisation = :o ORDER BY day DESC",
            {"o": organisation},
        )
    ]


def taken(
    tx: Connection, organisation: str, day: date | None = None, limit: int = 100, offset: int = 0
) -> list[dict[str, Any]]:
    """Snapshots of an organisation, newest first; or that of one day."""
    return [
        {
            "day": row.day,
            "taken_at": row.taken_at,
            "kind": "september" if row.day.month == SEPTEMBER else "month_end",
            "figures": row.figures,
        }
        for row in rows(
            tx,
            """SELECT day, taken_at, figures FROM snapshot
        WHERE organisation = :o AND (CAST(:day AS date) IS NULL OR day = :day) ORDER BY day DESC
            LIMIT :limit OFFSET :offset""",
            {"o": organisation, "day": day, "limit": limit, "offset": offset},
        )
    ]


def beside(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, int, int]]:
    """Two snapshots line by line: (what is counted, of which kind, then, now)."""
    lines = [("", name, before[name], after[name]) for name in FIGURES]
    for tally in TALLIES:
        for kind in sorted({*before[tally], *after[tally]}):
            lines.append((tally, kind, before[tally].get(kind, 0), after[tally].get(kind, 0)))
    return lines
