"""What pages show of cases beyond the views: names, phones, the rule in words, what may be done
now, work lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from services.cases.commands import batches, reports, rights
from services.cases.deadlines import tasks as deadlines
from services.cases.deadlines.calendar import day_of
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext
from services.cases.routing.decision_table import table
from services.cases.routing.rule_source import RuleSource, default_rules
from services.cases.store import tables
from services.cases.views import queries
from services.cases.views.queries import as_worker
from services.kit.db.engine import Record, rows
from services.registry.announcement_rights import in_line
from services.registry.directory import Directory
from services.registry.queries import reachable
from services.registry.tree import just_after


def masked_phone(phone: str | None) -> str | None:
    """139 **** 0421: enough to recognise, not to pass on."""
    digits = "".join(c for c in phone or "" if c.isdigit())
    return f"{digits[:3]} **** {digits[-4:]}" if len(digits) >= 8 else None


def card(
    tx: Connection,
    case_id: str,
    now: datetime,
    actor: str,
    rule_source: RuleSource | None = None,
) -> dict[str, Any] | None:
    """Everything a case card shows to ``actor``; None where this transaction does not see the
    case.
    """
    view = queries.case_view(tx, case_id, now, viewer=actor)
    if view is None:
        return None
    rule_source = rule_source or default_rules()
    history = view["history"]
    with as_worker(tx):
        case = tables.load(tx, [view["id"]])[view["id"]]
        acted = frozenset(line["by"] for line in history if line["by"])
        context = replace(rule_source.context(tx, now), acted=acted)
        person = _person_row(tx, case)
        standing = _standing_of(tx, case)
        codes = _organisations_of(case, history)
        contacts = reachable(tx, context.directory, codes, day_of(now))
        grid = queries.grids(tx, [case.id], actor).get(case.id)
        statements = _beside(tx, case, actor, context)
        if _at_origin(case, actor, context):
            _tell_all(tx, case.id, history)
    return (
        view
        | _person_box(person, standing, close=_close(case, actor, context))
        | _rule_box(case, context)
        | _case_box(case)
        | statements
        | {
            "organisations": {
                code: _organisation(code, context.directory, contacts) for code in codes
            },
            "parties": rights.parties(case, context),
            "grid": grid,
            "allowed": list(rights.allowed(case, actor, context)),
            "stay": _stay(case, history, context),
            "floating": _floats(case),
            "reissue_until": None,
            "batch": _batch(tx, case),
        }
    )


def _person_row(tx: Connection, case: Case) -> Any | None:
    """What the case keeps of its person: name, sex, phone, address, evidence."""
    persons = rows(
        tx,
        "SELECT name, sex, phone, address, evidence FROM case_person WHERE case_id = CAST(:id "
        "AS uuid)",
        {"id": case.id},
    )
    return persons[0] if persons else None


def _standing_of(tx: Connection, case: Case) -> str | None:
    """The member's standing in the register; None where the register has no such member."""
    members = rows(tx, "SELECT standing FROM member WHERE member = :m", {"m": case.member})
    return members[0].standing if members else None


def _organisations_of(case: Case, history: Sequence[Mapping[str, Any]]) -> set[str]:
    """The codes of all organisations that the card names."""
    codes = {
        case.origin,
        case.origin_committee,
        case.destination,
        case.header,
        case.receiver,
        case.receiving_committee,
        case.branch,
        case.ruling,
        case.owner,
        case.poster,
        case.wait_organisation,
        case.host,
    }
    codes.update(line["by"] for line in history)
    return {code for code in codes if code}


def _at_origin(case: Case, actor: str, context: DecisionContext) -> bool:
    """Whether the actor stands at the origin's side: above it, its committee, or who posted."""
    if case.origin and context.directory.within(case.origin, actor):
        return True
    return actor in (case.poster, case.origin_committee, context.acting(case.origin))


def _person_box(person: Any | None, standing: str | None, close: bool) -> dict[str, Any]:
    """The person; phone and standing in full only where the actor is ``close``."""
    if person is None:
        shown = dict.fromkeys(("name", "sex", "phone_masked", "phone", "address"))
        evidence = []
    else:
        shown = {
            "name": person.name,
            "sex": person.sex,
            "phone_masked": masked_phone(person.phone),
            "phone": person.phone if close else None,
            "address": person.address,
        }
        evidence = person.evidence or []
    shown["standing"] = standing if close else None
    return {"person": shown, "evidence": evidence}


def _rule_box(case: Case, context: DecisionContext) -> dict[str, Any]:
    """The row that applies in words, the override that was used, and the policy that counts."""
    undecided = case.state == states.TRIAGED and case.destination is None
    return {
        "rule_words": _rule_words(case),
        "override": _override_used(case, context),
        "policy": case.policy,
        "policy_now": context.policy_now(case),
        "lost": undecided and table().looks_for(case.rule, case.facts),
    }


def _rule_words(case: Case) -> dict[str, Any] | None:
    row = table().rows.get(case.rule or "")
    if not row:
        return None
    return {"zh": row.zh, "en": row.en, "source": row.source, "source_en": row.source_en}


def _override_used(case: Case, context: DecisionContext) -> dict[str, Any] | None:
    for override in context.overrides:
        if override.id == case.override:
            return {
                "source": override.source,
                "organisation": override.organisation,
                "from": override.begins.isoformat(),
            }
    return None


def _case_box(case: Case) -> dict[str, Any]:
    """What the card says of the case itself beyond its view."""
    claims = dict.fromkeys(report["organisation"] for report in case.reports)
    return {
        "seq": case.seq,
        "returned_for": case.returned_for,
        "branch": case.branch,
        "claims": list(claims),
        "receiver": case.receiver,
        "receiving_committee": case.receiving_committee,
        "asks": list(case.asks),
    }


def _beside(tx: Connection, case: Case, actor: str, context: DecisionContext) -> dict[str, Any]:
    """What stands beside the case: every phone and address with who said it, and for the member's
    line what other organisations reported.
    """
    of_line = in_line(actor, case.origin, context.directory, context.today)
    reported = reports.of_cases(tx, [case.id]).get(case.id, []) if of_line else []
    contacts = [
        {
            "name": _name(contact["organisation"], context.directory),
            "of_line": contact["of_line"],
            "at": contact["time"],
            "phone_masked": masked_phone(contact["phone"]),
            "address": contact["address"],
        }
        for contact in tables.contacts(tx, case.id)
    ]
    return {
        "contacts": contacts if len(contacts) > 1 else [],
        "reports": [_report_line(report, context.directory) for report in reported],
    }


def _report_line(report: reports.Report, directory: Directory) -> dict[str, Any]:
    return reports.shown(report) | {
        "name": _name(report.organisation, directory),
        "phone_masked": masked_phone(report.phone),
    }


def _name(code: str, directory: Directory) -> str:
    organisation = directory.get(code)
    return organisation.name if organisation else code


def _tell_all(tx: Connection, case_id: str, history: Sequence[dict[str, Any]]) -> None:
    """At the origin side the card tells what was written in every command of people."""
    written = tx.exec_driver_sql(
        "SELECT command, detail FROM case_event WHERE case_id = %s::uuid ORDER BY seq", (case_id,)
    )
    for line, row in zip(history, written, strict=True):
        if row.command != reports.REPORT:  # the view has told of that one already
            line["detail"] = row.detail if row.command in states.COMMANDS else None


def _stay(
    case: Case, history: Sequence[Mapping[str, Any]], context: DecisionContext
) -> dict[str, Any] | None:
    """Why the member stays, until when that stands, and how often they are contacted."""
    if case.state != states.STAY_APPROVED:
        return None
    reasons = [line["reason"] for line in history if line["command"] in ("approve_stay", "rule")]
    return {
        "reason": reasons[-1] if reasons else None,
        "review_on": case.review_on,
        "interval": deadlines.contact_interval(case, context),
        "contacted_on": case.contacted_on,
    }


def _floats(case: Case) -> dict[str, Any] | None:
    """The permit of a floating member, who the host is and whether it has acknowledged."""
    if case.state != states.FLOATING_REGISTERED:
        return None
    return {
        "permit_no": case.permit_no,
        "host": case.host,
        "acknowledged_on": case.acknowledged_on,
        "contacted_on": case.contacted_on,
    }


def _close(case: Case, actor: str, context: DecisionContext) -> bool:
    """Whether the actor is at one of the two ends, who must be able to call the member."""
    ends = {
        case.origin,
        case.origin_committee,
        case.destination,
        case.header,
        case.receiver,
        case.receiving_committee,
        case.branch,
        case.wait_organisation,
    }
    return actor in ends


def _organisation(code: str, directory: Directory, contacts: Mapping[str, Any]) -> dict[str, Any]:
    """An organisation by name, with the contact that answers for it or for one above it."""
    organisation = directory.get(code)
    contact, contact_code = contacts.get(code) or (None, code)
    above = directory.get(contact_code) if contact_code != code else None
    return {
        "code": code,
        "name": organisation.name if organisation else code,
        "outside": bool(organisation and organisation.outside),
        "contact": contact.name if contact else None,
        "phone": contact.phone if contact else None,
        "contact_of": above.name if above else None,
        "address": organisation.address if organisation else None,
    }


def _batch(tx: Connection, case: Case) -> dict[str, Any] | None:
    """What a card shows of a batch: how many stand where, what was given to all, who refused to fit
    the last order.
    """
    if case.state not in (states.BULK_OPEN, states.BULK_CLOSED):
        return None
    orders = batches.orders(tx, case.id)
    latest = orders[0]["seq"] if orders else None
    refused = []
    if latest:
        refused = batches.children(tx, case.id, seq=latest, refused=True, limit=CHILDREN_MAX)
    return {
        "by_state": batches.by_state(tx, case.id),
        "orders": orders,
        "paused": case.paused,
        "refused": refused,
        "members": batches.children(tx, case.id, seq=latest, limit=CHILDREN_MAX),
    }


CHILDREN_MAX = 500
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
