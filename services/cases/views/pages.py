"""What pages show of many cases: work lists, the department's lists and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from services.cases.deadlines.calendar import day_of
from services.cases.model import states
from services.cases.routing.rule_source import RuleSource, default_rules
from services.cases.views import queries
from services.cases.views.queries import as_worker
from services.kit.db.engine import Record, rows
from services.registry.directory import Directory
from services.registry.tree import just_after

TABS = ("waiting", "below", "on_the_way", "expected", "moved")
# An open task of the organisation that is no arrival: those have a tab of their own.
_OWN_TASK = "t.organisation = :own AND t.closed_at IS NULL AND t.kind <> 'expected'"
_CASES = f"""
SELECT c.id, c.opened_at, 0 AS candidates,
       (SELECT min(t.due_on) FROM task t WHERE t.case_id = c.id AND {_OWN_TASK}) AS my_due
FROM transfer_case c """


def _waiting(bound: str = "") -> str:
    """The cases whose move is the organisation's: those with a task of its own, and those that
    wait for it without one.

    Left out are arrivals (the tab "expected") and reviews whose day has not come. In two parts,
    because each has an index and a condition of both has none. `candidates`: of how many cases
    with a task those within `bound` were taken.
    """
    return f"""
        SELECT c.id, c.opened_at, own_tasks.candidates, own_tasks.due_on AS my_due
        FROM (SELECT t.case_id, min(t.due_on) AS due_on, count(*) OVER () AS candidates
            FROM task t WHERE {_OWN_TASK} GROUP BY t.case_id {bound}) AS own_tasks
            JOIN transfer_case c ON c.id = own_tasks.case_id
        UNION ALL
        SELECT c.id, c.opened_at, 0, NULL FROM transfer_case c
        WHERE c.wait_organisation = :own AND c.wait_act NOT IN ('record_arrival', 'reopen',
            'strike_off')
            AND NOT EXISTS (SELECT FROM task t WHERE t.case_id = c.id AND {_OWN_TASK})"""


# Those due first and all that are due on the last of these days: whoever has thousands of tasks
# reads a page of them without looking at each case.
_SOONEST = _waiting("ORDER BY min(t.due_on) FETCH FIRST :most ROWS WITH TIES")
# For each tab the cases in it: id, opened_at, candidates, my_due.
_TAB = {
    "waiting": _waiting(),
    # row-level security leaves the tasks of the organisation's own tree
    "below": _CASES
    + """JOIN (SELECT DISTINCT t.case_id FROM task t WHERE t.organisation <> :own
        AND t.closed_at IS NULL AND t.kind <> 'expected') AS below ON below.case_id = c.id""",
    "expected": _CASES
    + """WHERE c.id IN (SELECT t.case_id FROM task t WHERE t.organisation = :own
        AND t.closed_at IS NULL AND t.kind = 'expected')""",
    "on_the_way": _CASES
    + f"""WHERE c.state NOT IN {states.in_sql((*states.ENDED, states.BULK_CLOSED))}
        AND :own IN (c.origin, c.origin_committee, c.destination, c.receiving_committee,
            c.header, c.receiver, c.branch, c.owner)""",
    "moved": _CASES
    + """WHERE c.state = 'moved'
        AND :own IN
            (c.destination, c.receiving_committee, c.branch, c.origin, c.origin_committee)""",
}
_PAGE = """
WITH page AS MATERIALIZED (
    SELECT * FROM ({tab}) AS tab ORDER BY my_due NULLS LAST, opened_at DESC, id
        LIMIT :limit OFFSET :offset)
SELECT c.id::text AS id, c.state, c.category, c.rule, c.origin, c.destination, c.wait_organisation,
    c.wait_act, c.wait_due, c.entered_at, c.opened_at, c.letter_expires_on, c.seq, p.name,
       page.my_due, page.candidates,
       CASE WHEN c.state IN ('bulk_open', 'bulk_closed')
            THEN (SELECT count(*) FROM transfer_case k WHERE k.parent = c.id) END AS members,
       (SELECT array_agg(t.act ORDER BY t.due_on NULLS LAST, t.id) FROM task t
           WHERE t.case_id = c.id
          AND t.organisation = :own AND t.closed_at IS NULL AND t.kind <> 'expected') AS my_acts
FROM page JOIN transfer_case c ON c.id = page.id LEFT JOIN case_person p ON p.case_id = c.id
ORDER BY page.my_due NULLS LAST, c.opened_at DESC, c.id"""


def work_list(
    tx: Connection,
    now: datetime,
    organisation: str,
    *,
    tab: str = "waiting",
    limit: int = 100,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """The rows of one tab of an organisation's list, what is due first on top."""
    directory = Directory.of(tx)
    window = {"own": organisation, "limit": limit, "offset": offset, "most": offset + limit}
    page = rows(tx, _PAGE.format(tab=_SOONEST if tab == "waiting" else _TAB[tab]), window)
    if tab == "waiting" and len(page) < limit and _some_left_out(tx, page, window):
        page = rows(tx, _PAGE.format(tab=_TAB[tab]), window)
    return [_named(dict(row), directory, day_of(now)) for row in page]


def _some_left_out(tx: Connection, page: Sequence[Record], window: Mapping[str, Any]) -> bool:
    """Whether a page is short because cases due first are no longer to be seen, and not because
    there are no more.
    """
    if page:
        return max(row.candidates for row in page) > window["most"]
    own_tasks = f"SELECT FROM task t WHERE {_OWN_TASK}"
    return rows(tx, f"SELECT EXISTS ({own_tasks}) AS any", window)[0].any


def counts(
    tx: Connection, now: datetime, organisation: str, tabs: Sequence[str] = TABS
) -> dict[str, int]:
    """How many rows each tab has."""
    numbers = {}
    for tab in tabs:
        statement = f"SELECT count(*) AS n FROM ({_TAB[tab]}) AS tab"
        numbers[tab] = rows(tx, statement, {"own": organisation})[0].n
    return numbers


def desk(tx: Connection, organisation: str) -> list[dict[str, Any]]:
    """What waits for an organisation on the review desk: kind (`identify`, `question`), persons,
    due_on.
    """
    return [
        dict(r)
        for r in rows(
            tx,
            """SELECT kind, persons, due_on FROM task WHERE organisation = :own
        AND closed_at IS NULL AND kind IN ('identify', 'question') ORDER BY kind DESC""",
            {"own": organisation},
        )
    ]


def _named(row: dict[str, Any], directory: Directory, today: date) -> dict[str, Any]:
    for end in ("origin", "destination", "wait_organisation"):
        organisation = directory.get(row[end])
        row[f"{end}_name"] = organisation.name if organisation else None
    due = row.get("my_due") or row["wait_due"]
    return row | {
        "due": due,
        "overdue": bool(due and today > due),
        "days": (today - day_of(row["opened_at"])).days,
    }


AGES = ((3, "3"), (8, "8"), (30, "30"), (91, "91"), (182, "182"), (10**6, "more"))
_UNAFFILIATED = f"c.state IN {states.in_sql(sorted(states.UNSETTLED))}"
FILTERS = {
    "all": _UNAFFILIATED,
    "pocket": "c.state = 'letter_expired'",
    "pocket_early": "c.state IN ('letter_issued', 'in_transit') AND c.letter_issued_on <= :early",
    "at_risk": "(c.state = 'letter_expired' "
    f"OR c.state IN {states.in_sql(sorted(states.RISK))} AND c.wait_due < :today)",
    "open": f"c.state IN {states.in_sql(sorted(states.OPEN))}",
} | {
    f"expiring{days}": "c.state IN ('letter_issued', 'in_transit') "
    f"AND c.letter_expires_on - CAST(:today AS date) BETWEEN 0 AND {days}"
    for days in queries.FORECAST_DAYS
}


def unaffiliated(
    tx: Connection,
    now: datetime,
    organisation: str,
    *,
    limit: int = 50,
    offset: int = 0,
    **chosen: Any,
) -> Sequence[dict[str, Any]]:
    """Who is not settled, longest first, of cases whose origin lies in the organisation's tree.

    ``chosen`` narrows it: ``only`` (a name of FILTERS), ``state``, ``category``, ``age``,
    ``obstacle``, ``floating`` (class 1 to 6), ``under`` (an organisation below), by the policy of
    ``rule_source``.
    """
    where, params = _where(tx, now, organisation, **chosen)
    directory = Directory.of(tx)
    case_rows = rows(
        tx,
        f"""SELECT c.id::text AS id, p.name, c.state, c.category, c.origin, c.destination, c.area,
        c.wait_organisation, c.wait_act, c.wait_due, c.opened_at
        FROM transfer_case c LEFT JOIN case_person p ON p.case_id = c.id WHERE {where}
        ORDER BY c.opened_at, c.id LIMIT :limit OFFSET :offset""",
        params | {"limit": limit, "offset": offset},
    )
    return [_named(dict(r), directory, day_of(now)) for r in case_rows]


def unaffiliated_count(tx: Connection, now: datetime, organisation: str, **chosen: Any) -> int:
    """How many rows ``unaffiliated`` has with the same choice."""
    where, params = _where(tx, now, organisation, **chosen)
    return rows(tx, f"SELECT count(*) AS n FROM transfer_case c WHERE {where}", params)[0].n


def overdue_tasks(
    tx: Connection,
    now: datetime,
    organisation: str,
    kind: str,
    *,
    limit: int = 50,
    offset: int = 0,
) -> Sequence[dict[str, Any]]:
    """The open tasks of a kind, of an organisation's tree, that are overdue; the longest first."""
    directory, today = Directory.of(tx), day_of(now)
    path = directory.path(organisation)
    task_rows = rows(
        tx,
        """SELECT t.case_id::text AS id, coalesce(p.name, m.name) AS name,
            c.state, c.category, c.origin, c.destination,
            t.organisation AS wait_organisation, t.act AS wait_act, t.due_on AS wait_due,
            t.opened_at
        FROM task t
        LEFT JOIN transfer_case c ON c.id = t.case_id
        LEFT JOIN case_person p ON p.case_id = t.case_id
        LEFT JOIN member m ON m.member = t.member
        WHERE t.closed_at IS NULL AND t.kind = :kind AND t.due_on < :today
            AND t.path ~>=~ :lo AND t.path ~<~ :hi
        ORDER BY t.due_on, t.id LIMIT :limit OFFSET :offset""",
        {
            "kind": kind,
            "today": today,
            "lo": path,
            "hi": just_after(path),
            "limit": limit,
            "offset": offset,
        },
    )
    return [_named(dict(r), directory, today) for r in task_rows]


def _where(  # noqa: PLR0913
    tx: Connection,
    now: datetime,
    organisation: str,
    *,
    only: str = "all",
    state: str | None = None,
    category: str | None = None,
    under: str | None = None,
    age: str | None = None,
    obstacle: str | None = None,
    floating: int | None = None,
    rule_source: RuleSource | None = None,
) -> tuple[str, dict[str, Any]]:
    path = Directory.of(tx).path(under or organisation)
    params: dict[str, Any] = _filter_parameters(tx, now, rule_source) | {
        "lo": path,
        "hi": just_after(path),
        "state": state,
        "category": category,
        "obstacle": obstacle,
    }
    where = [
        "c.origin_path ~>=~ :lo AND c.origin_path ~<~ :hi",
        "c.state NOT IN ('bulk_open', 'bulk_closed')",
    ]
    where.append("c.state = :state" if state else FILTERS.get(only, _UNAFFILIATED))
    if category:
        where.append("c.category = :category")
    if obstacle:
        where.append("c.obstacle = :obstacle")
    if floating == 3:
        where.append("c.category = 'retirement' AND c.facts ->> 'rehired_by' = 'other'")
    elif floating:
        where.append("c.category = ANY (:categories)")
        params["categories"] = [
            name for name, number in states.FLOATING_CLASS.items() if number == floating
        ]
    if age:
        ages, days = _ages(now)
        where.append(ages[age])
        params |= days
    return " AND ".join(where), params


def _filter_parameters(
    tx: Connection, now: datetime, rule_source: RuleSource | None
) -> dict[str, Any]:
    """The parameters of FILTERS."""
    today = day_of(now)
    early = (rule_source or default_rules()).counting(tx, today).pocket_early_days
    return {"today": today, "early": today - timedelta(days=early)}


def _ages(now: datetime) -> tuple[dict[str, str], dict[str, datetime]]:
    """Name of an age -> its condition, and the parameters of all: up to 3, 8, 30 days, three
    months, half a year, longer.
    """
    conditions: dict[str, str] = {}
    params: dict[str, datetime] = {}
    first_day = 0
    for last_day, name in AGES:
        conditions[name] = f"c.opened_at <= :from_{name} AND c.opened_at > :until_{name}"
        params[f"from_{name}"] = now - timedelta(days=first_day)
        # a day that far back is still one that PostgreSQL and Python know
        params[f"until_{name}"] = now - timedelta(days=min(last_day, 40_000) + 1)
        first_day = last_day + 1
    return conditions, params


@dataclass(frozen=True, slots=True)
class Overview:
    """A department's cases, counted: by the names of FILTERS, by how long they last, and per
    organisation directly below.
    """

    figures: dict[str, int]
    ages: list[tuple[str, int]]
    below: list[dict[str, Any]]


_LINE = {"unsettled": "all", "pocket": "pocket"}


def overview(
    tx: Connection, now: datetime, organisation: str, rule_source: RuleSource | None = None
) -> Overview:
    """Counts the cases whose origin lies in the tree of an organisation, which the caller oversees,
    in one pass.

    ``below``: code, name, unsettled, pocket, the most unsettled first; organisations without any
    are left out.
    """
    directory = Directory.of(tx)
    path = directory.path(organisation)
    ages, params = _ages(now)
    conditions = {f"f_{name}": where for name, where in FILTERS.items()}
    for name, where in ages.items():
        conditions[f"a_{name}"] = f"{_UNAFFILIATED} AND {where}"
    figures = ", ".join(
        f"count(*) FILTER (WHERE {where}) AS {name}" for name, where in conditions.items()
    )
    with as_worker(tx):
        counted = rows(
            tx,
            f"""SELECT split_part(substr(c.origin_path, length(:lo) + 1), '.', 1) AS below,
                {figures}
            FROM transfer_case c WHERE c.origin_path ~>=~ :lo AND c.origin_path ~<~ :hi
                AND c.state NOT IN ('bulk_open', 'bulk_closed') GROUP BY 1""",
            _filter_parameters(tx, now, rule_source)
            | params
            | {"lo": path, "hi": just_after(path)},
        )
    return Overview(
        {name: sum(row[f"f_{name}"] for row in counted) for name in FILTERS},
        [(name, sum(row[f"a_{name}"] for row in counted)) for _, name in AGES],
        _below(counted, directory),
    )


def _below(counted: Sequence[Any], directory: Directory) -> list[dict[str, Any]]:
    """The organisations directly below that have any of the cases, the most unsettled first."""
    lines = []
    for row in counted:
        organisation = directory.get(row.below)
        if organisation is None:
            continue
        figures = {name: row[f"f_{filter_name}"] for name, filter_name in _LINE.items()}
        if any(figures.values()):
            lines.append({"code": row.below, "name": organisation.name, **figures})
    return sorted(lines, key=lambda line: (-line["unsettled"], line["code"]))
