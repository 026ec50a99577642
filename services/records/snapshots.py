"""The audit figures at the end of a month, written once and never altered; and the same figures of
any past day, from history.

Both come of one function, ``rebuilt``: the cases as their history had left them, the tasks that
stood, the members where they belonged. So a service that was off on the last of a month writes the
snapshot later, with the same figures.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    asked = {"until": midnight(day + timedelta(days=1)), "day": day}
    tallies = _Tallies(paths_at(tx, asked["until"]))
    for row in rows(tx, _CASES, asked):
        tallies.add_cases(row)
    for row in rows(tx, _TASKS, asked):
        tallies.add_tasks(row)
    for row in rows(tx, _MEMBERS, asked):
        tallies.add_members(row)
    return tallies.figures(day, rule_source.counting(tx, day).pocket_early_days)


@dataclass(slots=True)
class _Tallies:
    """What is counted at each organisation, of it and all below. ``paths``: of organisations."""

    paths: Mapping[str, str]
    cases: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    overdue: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    members: Counter[str] = field(default_factory=Counter)

    def add_cases(self, row: Any) -> None:
        """Counts cases that are alike, at their origin and above."""
        for code in self._above(row.origin):
            self.cases[code].append(row)

    def add_tasks(self, row: Any) -> None:
        """Counts overdue tasks of one kind."""
        for code in self._above(row.organisation):
            self.overdue[code][row.kind] += row.n

    def add_members(self, row: Any) -> None:
        """Counts the members of an organisation."""
        for code in self._above(row.organisation):
            self.members[code] += row.n

    def _above(self, code: str) -> list[str]:
        """An organisation, and all above it."""
        return codes_of(self.paths.get(code, ""))

    def figures(self, day: date, early: int) -> dict[str, dict[str, Any]]:
        """The figures of each organisation that has any; ``early``: days until a case is in an
        early pocket.
        """
        figures_of: dict[str, dict[str, Any]] = {}
        for code in sorted(self.cases.keys() | self.overdue.keys() | self.members.keys()):
            overdue = dict(sorted(self.overdue[code].items()))
            figures_of[code] = figures(self.cases[code], self.members[code], overdue, day, early)
        return figures_of


_KEEP = """
INSERT INTO snapshot (day, organisation, path, figures, taken_at)
SELECT %s, organisation, path, figures, %s FROM json_to_recordset(%s::json) AS f(organisation text,
    path text, figures jsonb)
ON CONFLICT (day, organisation) DO NOTHING"""
_DUE = f"""
SELECT day FROM unnest(CAST(:ends AS date[])) AS d (day)
WHERE NOT EXISTS (SELECT FROM snapshot s WHERE s.day = d.day)
    AND {DAYS.not_aside("d.day::text")} ORDER BY day"""
_DAYS_TAKEN = "SELECT day FROM snapshot WHERE organisation = :own ORDER BY day DESC"
_TAKEN = """
SELECT day, taken_at, figures FROM snapshot
WHERE organisation = :own AND (CAST(:day AS date) IS NULL OR day = :day) ORDER BY day DESC
LIMIT :limit OFFSET :offset"""


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
    lines: list[dict[str, Any]] = []
    for code, counts in rebuilt(tx, day, rule_source).items():
        lines.append({"organisation": code, "path": directory.path(code), "figures": counts})
    tx.exec_driver_sql(_KEEP, (day, now, dumps(lines)))
    return 1


def _due(engine: Engine, today: date) -> list[date]:
    """Month ends, oldest first, since the first case, that have no snapshot."""
    with engine.connect() as tx:
        first = tx.exec_driver_sql("SELECT min(at) FROM case_event").scalar_one()
        if not first:
            return []
        due = rows(tx, _DUE, {"ends": month_ends(day_of(first), today)})
    return [row.day for row in due]


def month_ends(first: date, today: date) -> list[date]:
    """The last days of months that are over, back to the first case or two years ago, the latest
    first.
    """
    ends: list[date] = []
    end = _end_of_month_before(today)
    while end >= first and len(ends) < MONTHS_MAX:
        ends.append(end)
        end = _end_of_month_before(end)
    return ends


def _end_of_month_before(day: date) -> date:
    return day.replace(day=1) - timedelta(days=1)


def days_taken(tx: Connection, organisation: str) -> list[date]:
    """The days of which an organisation has a snapshot that this transaction sees, newest first."""
    return [row.day for row in rows(tx, _DAYS_TAKEN, {"own": organisation})]


def taken(
    tx: Connection, organisation: str, day: date | None = None, limit: int = 100, offset: int = 0
) -> list[dict[str, Any]]:
    """Snapshots of an organisation, newest first; or that of one day."""
    asked = {"own": organisation, "day": day, "limit": limit, "offset": offset}
    return [_shown(row) for row in rows(tx, _TAKEN, asked)]


def _shown(snapshot: Any) -> dict[str, Any]:
    return {
        "day": snapshot.day,
        "taken_at": snapshot.taken_at,
        "kind": "september" if snapshot.day.month == SEPTEMBER else "month_end",
        "figures": snapshot.figures,
    }


def beside(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, int, int]]:
    """Two snapshots line by line: (what is counted, of which kind, then, now)."""
    lines = [("", name, before[name], after[name]) for name in FIGURES]
    for tally in TALLIES:
        for kind in sorted({*before[tally], *after[tally]}):
            lines.append((tally, kind, before[tally].get(kind, 0), after[tally].get(kind, 0)))
    return lines
