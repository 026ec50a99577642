"""What others read of cases: the views of interface.md §6, lists, alerts, counts. Row-level
security decides who sees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection

from services.cases.commands.arguments import refuse
from services.cases.commands.reports import REPORT
from services.cases.deadlines import tasks as deadlines
from services.cases.deadlines.calendar import day_of
from services.cases.deadlines.tasks import ALERT_ONLY
from services.cases.model import states as s
from services.cases.model.case import Case
from services.cases.policy.values import Policy
from services.cases.routing.rule_source import RuleSource, default_rules
from services.cases.store import tables
from services.kit.clock import ZONE
from services.kit.db import paging
from services.kit.db.engine import lends, lent, rows, still_good
from services.kit.errors import Refused, Text
from services.registry.access import Caller, look_at_tree
from services.registry.announcement_rights import in_line
from services.registry.directory import Directory
from services.registry.queries import grids_for, reachable
from services.registry.tree import just_after

NO_CASE = Text(
    "没有这件转移，或本组织不是其中一方。",
    "There is no such case, or this organisation has no part in it.",
)
_PARTY = """(:own IN (origin, origin_committee, destination, header, receiver, receiving_committee,
        ruling, branch, poster, host, owner, wait_organisation)
    OR EXISTS (SELECT FROM case_party p WHERE p.case_id = c.id AND p.organisation = :own)
    OR EXISTS (SELECT FROM case_event e WHERE e.case_id = c.id AND e.by_organisation = :own))"""


@contextmanager
def as_worker(tx: Connection) -> Generator[None]:
    """Acts as the worker for a while: who looks was settled before.

    A login that may become guidui_worker does so within its transaction. The login of pages never
    may: what is read or noted then runs on a connection of the workers, and is committed when the
    block ends (services.kit.db.engine.lent).
    """
    if lends(tx):
        with lent(tx):
            yield
        return
    role = tx.exec_driver_sql("SELECT current_setting('role')").scalar_one()
    tx.exec_driver_sql("SET LOCAL ROLE guidui_worker")
    try:
        yield
    finally:
        if role != "guidui_worker" and still_good(tx):
            tx.exec_driver_sql("SET LOCAL ROLE guidui_web")


def look_at_cases(tx: Connection, caller: Caller) -> None:
    """Lets ``tx`` see the cases of the caller and of all below it: a committee acts for its
    branches.
    """
    look_at_tree(tx, caller)


def must_see(tx: Connection, caller: Caller, case_id: str) -> None:
    """Raises Refused 404 unless the caller, or an organisation below it, has a part in the case."""
    look_at_cases(tx, caller)
    ident = _uuid(case_id)
    if ident is None or not rows(
        tx, "SELECT 1 FROM transfer_case WHERE id = CAST(:id AS uuid)", {"id": ident}
    ):
        raise Refused(404, "no-such-case", NO_CASE)


def _uuid(text: str | UUID) -> str | None:
    try:
        return str(UUID(str(text)))
    except ValueError:
        return None


def case_view(
    tx: Connection, case_id: str, now: datetime, own: str | None = None, viewer: str | None = None
) -> dict[str, Any] | None:
    """The case view of interface.md §6; None where this transaction does not see the case.

    ``own`` narrows it to cases in which that organisation itself has a part (a receiver's key).
    ``viewer`` is the organisation that looks: one in the member's line sees what others reported.
    """
    ident = _uuid(case_id)
    where = "id = CAST(:id AS uuid)" + (f" AND {_PARTY}" if own else "")
    if ident is None or not rows(
        tx, f"SELECT 1 FROM transfer_case c WHERE {where}", {"id": ident, "own": own}
    ):
        return None
    return view_within(tx, ident, now, viewer or own)


def view_within(
    tx: Connection, case_id: str, now: datetime, viewer: str | None = None
) -> dict[str, Any]:
    """The case view; that ``viewer`` may see the case is settled."""
    return views(tx, [case_id], now, viewer=viewer)[0]


_HISTORY = """
SELECT case_id, at, by_organisation, by_person, command, from_state, to_state, reason, detail
    FROM case_event
WHERE case_id = ANY (CAST(:ids AS uuid[])) ORDER BY case_id, seq"""
_TASKS = """
SELECT case_id, member, kind, organisation, due_on FROM task
WHERE closed_at IS NULL AND (case_id = ANY (CAST(:ids AS uuid[])) OR member = ANY (:members))
    ORDER BY opened_at, id"""


_HOMES = "SELECT member, organisation FROM member WHERE member = ANY (:members)"


EVERYBODY = "*"
"""As a viewer: whoever may see all of a case, such as a simulation that plays every part."""


def views(
    tx: Connection,
    ids: Sequence[str | UUID],
    now: datetime,
    rule_source: RuleSource | None = None,
    viewer: str | None = None,
) -> list[dict[str, Any]]:
    """Case views in the order of ``ids``, as the organisation ``viewer`` may see them."""
    rule_source = rule_source or default_rules()
    today = day_of(now)
    with as_worker(tx):
        cases = tables.load(tx, ids)
        beside = _beside_cases(tx, list(cases.values()), today)
        counting = rule_source.counting(tx, today)
        directory = Directory.of(tx)
    listed = []
    for ident in map(str, ids):
        case = cases.get(ident)
        if case is None:
            continue
        of_the_line = viewer == EVERYBODY or in_line(viewer, case.origin, directory, today)
        listed.append(_view(case, beside, _Looking(today, counting, of_the_line)))
    return listed


@dataclass(frozen=True, slots=True)
class _BesideCases:
    """What stands beside cases: members' organisations by member, rows of history by case, tasks
    by case and by member, and who is to be reached at organisations.
    """

    homes: Mapping[str, str]
    history: Mapping[str, Sequence[Any]]
    tasks_of_cases: Mapping[str, Sequence[Any]]
    tasks_of_members: Mapping[str, Sequence[Any]]
    people: Mapping[str, Any]

    def person(self, code: str | None) -> str | None:
        """The name of who is to be reached at an organisation."""
        people = self.people.get(code) if code else None
        return people[0].name if people else None

    def tasks(self, case: Case) -> list[Any]:
        """The tasks of a case; while it is open, those of its member beside them."""
        tasks = list(self.tasks_of_cases.get(case.id, ()))
        if case.state in s.OPEN and case.member:
            tasks += self.tasks_of_members.get(case.member, ())
        return tasks


@dataclass(frozen=True, slots=True)
class _Looking:
    """On which day a view is made, by which numbers its flags are raised, and whether it is made
    for the member's line.
    """

    today: date
    policy: Policy
    of_the_line: bool


def _beside_cases(tx: Connection, cases: Sequence[Case], today: date) -> _BesideCases:
    ids = [case.id for case in cases]
    members = sorted({case.member for case in cases if case.member})
    homes = {}
    if members:
        registered = rows(tx, _HOMES, {"members": members})
        homes = {row.member: row.organisation for row in registered}
    history: dict[str, list[Any]] = {}
    for row in rows(tx, _HISTORY, {"ids": ids}):
        history.setdefault(str(row.case_id), []).append(row)
    tasks_of_cases: dict[str, list[Any]] = {}
    tasks_of_members: dict[str, list[Any]] = {}
    for row in rows(tx, _TASKS, {"ids": ids, "members": members}):
        if row.case_id:
            tasks_of_cases.setdefault(str(row.case_id), []).append(row)
        else:
            tasks_of_members.setdefault(row.member, []).append(row)
    moving = {case.owner for case in cases} | {case.wait_organisation for case in cases}
    people = reachable(tx, Directory.of(tx), {code for code in moving if code}, today)
    return _BesideCases(homes, history, tasks_of_cases, tasks_of_members, people)


def _view(case: Case, beside: _BesideCases, looking: _Looking) -> dict[str, Any]:
    """One case as interface.md §6 has it."""
    policy, today = looking.policy, looking.today
    affiliation = beside.homes.get(case.member or "")
    if case.member is None and case.accepted_on:
        affiliation = case.destination
    history = beside.history.get(case.id, ())
    return {
        "id": case.id,
        "member": case.member,
        "category": case.category,
        "rule": case.rule,
        "state": case.state,
        "owner": case.owner,
        "owner_person": beside.person(case.owner),
        "origin": case.origin,
        "destination": {
            "organisation": case.destination,
            "header": case.header,
            "area": case.area,
            "source": case.destination_source,
        },
        "affiliation": affiliation,
        "letter": {
            "number": case.letter_number,
            "issued_on": _iso(case.letter_issued_on),
            "expires_on": _iso(case.letter_expires_on),
            "channel": case.letter_channel,
            "status": case.letter_status,
        },
        "receipt": {
            "due_on": _iso(case.receipt_due_on),
            "sent_on": _iso(case.receipt_sent_on),
            "recorded_on": _iso(case.receipt_recorded_on),
        },
        "waiting_on": {
            "organisation": case.wait_organisation,
            "act": case.wait_act,
            "due_on": _iso(case.wait_due),
            "person": beside.person(case.wait_organisation),
        },
        "tasks": [_task(task, today) for task in beside.tasks(case) if task.kind not in ALERT_ONLY],
        "flags": deadlines.flags(case, today, policy.pocket_early_days, policy.silent_days),
        "obstacle": case.obstacle,
        "parent": case.parent,
        "history": [_history_row(row, looking.of_the_line) for row in history],
    }


def _task(row: Any, today: date) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "organisation": row.organisation,
        "due_on": _iso(row.due_on),
        "overdue": bool(row.due_on and today > row.due_on),
    }


def _history_row(row: Any, of_the_line: bool) -> dict[str, Any]:
    """One step as everybody with a part sees it; who reported something, and what, is for the
    member's line.
    """
    by, detail = row.by_organisation, row.detail if row.command in s.SHARED else None
    if row.command == REPORT and of_the_line:
        by, detail = row.detail["organisation"], row.detail
    return {
        "at": row.at.astimezone(ZONE).isoformat(),
        "by": by,
        "command": row.command,
        "from": row.from_state,
        "to": row.to_state,
        "reason": row.reason,
        "detail": detail,
    }


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases of those that may be seen: in a state; with a part of an organisation, its own or
    through one below it; with a part of the organisation ``own`` itself.
    """

    state: str | None = None
    organisation: str | None = None
    own: str | None = None


def cases(
    tx: Connection, now: datetime, page: paging.Page, chosen: CaseFilter, viewer: str
) -> paging.Part[dict[str, Any]]:
    """Cases that this transaction sees, newest first, open and closed, as ``viewer`` may see
    them.
    """
    if chosen.state is not None and chosen.state not in s.STATES:
        raise refuse(
            422,
            "unknown-state",
            f"没有「{chosen.state}」这种状态。",
            f"There is no state {chosen.state!r}.",
            states=sorted(s.STATES),
        )
    after = page.after(paging.moment, paging.ident)
    params: dict[str, Any] = {
        "state": chosen.state,
        "own": chosen.own,
        "limit": page.one_more,
        "organisation": chosen.organisation,
    }
    where = ["TRUE"]
    if chosen.state:
        where.append("c.state = :state")
    if chosen.own:
        where.append(_PARTY)
    if chosen.organisation:
        path = _path(tx, chosen.organisation)
        params |= {"lo": path, "hi": just_after(path) if path else ""}
        where.append("""(:organisation IN (c.origin, c.origin_committee, c.destination,
                c.header, c.receiver, c.receiving_committee, c.ruling, c.branch, c.owner, c.poster)
            OR c.origin_path ~>=~ :lo AND c.origin_path ~<~ :hi
            OR c.destination_path ~>=~ :lo AND c.destination_path ~<~ :hi)""")
    if after:
        where.append("(c.opened_at, c.id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))")
        params |= {"at": after[0], "id": after[1]}
    case_rows = rows(
        tx,
        f"SELECT c.id, c.opened_at FROM transfer_case c WHERE {' AND '.join(where)} "
        "ORDER BY c.opened_at DESC, c.id DESC LIMIT :limit",
        params,
    )
    part = page.placed(case_rows, lambda row: (row.opened_at, str(row.id)))
    ids = [str(row.id) for row in part.items]
    return paging.Part(views(tx, ids, now, viewer=viewer), part.next)


def _path(tx: Connection, organisation: str) -> str:
    """Where an organisation stands in the tree; empty for one that there is not."""
    with as_worker(tx):
        directory = Directory.of(tx)
        return directory.path(organisation) if directory.get(organisation) else ""


def grids(tx: Connection, case_ids: Sequence[str], organisation: str) -> dict[str, dict[str, Any]]:
    """Case -> who knocks at the door the member moves to: ``{"grid", "name", "contact", "phone"}``.

    Only of cases whose destination side the organisation is on; the address itself is not told.
    """
    if not case_ids:
        return {}
    with as_worker(tx):
        case_rows = rows(
            tx,
            """
            SELECT c.id::text AS id, CASE WHEN length(c.area) = 12 THEN c.area
                ELSE o.area END AS community, p.address
            FROM transfer_case c LEFT JOIN case_person p ON p.case_id = c.id
            LEFT JOIN organisation o ON o.code = c.destination AND o.serves_area
            WHERE c.id = ANY (CAST(:ids AS uuid[]))
              AND :own IN (c.destination, c.header, c.receiver, c.receiving_committee, c.branch)""",
            {"ids": list(case_ids), "own": organisation},
        )
        near = grids_for(
            tx, {r.id: (r.community, r.address) for r in case_rows if len(r.community or "") == 12}
        )
    return {
        case: {
            "grid": near_row.grid,
            "name": near_row.name,
            "contact": near_row.contact,
            "phone": near_row.phone,
        }
        for case, near_row in near.items()
    }


# letters of one age make one group, not one a day
_COUNTED = """
SELECT state, category, obstacle, facts ->> 'rehired_by' AS rehired_by,
       CASE WHEN letter_issued_on <= :early THEN CAST(:early AS date) END AS letter_issued_on,
       CASE WHEN wait_due < :today THEN CAST(:today AS date) - 1 END AS wait_due, count(*) AS n
FROM transfer_case
WHERE origin_path ~>=~ :lo AND origin_path ~<~ :hi AND state NOT IN ('bulk_open', 'bulk_closed')
GROUP BY 1, 2, 3, 4, 5, 6"""


FORECAST_DAYS = (7, 14, 30)
_EXPIRING = (
    "SELECT "
    + ", ".join(
        f"count(*) FILTER (WHERE letter_expires_on - CAST(:today AS date) <= {days}) AS d{days}"
        for days in FORECAST_DAYS
    )
    + """
FROM transfer_case
WHERE state IN ('letter_issued', 'in_transit')
    AND origin_path ~>=~ :lo AND origin_path ~<~ :hi
    AND letter_expires_on >= :today"""
)


def audit(
    tx: Connection, now: datetime, organisation: str, rule_source: RuleSource | None = None
) -> dict[str, Any]:
    """The audit view of an organisation and all below it (interface.md §6, §7.4). The caller's
    right is settled.

    Beside it ``expiring``: days from today -> letters that are out and good for no longer.
    """
    today, rule_source = day_of(now), rule_source or default_rules()
    with as_worker(tx):
        path = Directory.of(tx).path(organisation)
        bounds = {"lo": path, "hi": just_after(path)}
        members = rows(
            tx,
            "SELECT count(*) AS n FROM member WHERE path ~>=~ :lo AND path ~<~ :hi "
            "AND standing <> 'ended'",
            bounds,
        )[0].n
        early = rule_source.counting(tx, today).pocket_early_days
        counted = rows(
            tx, _COUNTED, bounds | {"today": today, "early": today - timedelta(days=early)}
        )
        overdue = rows(
            tx,
            "SELECT kind, count(*) AS n FROM task WHERE closed_at IS NULL AND due_on < :today "
            "AND path ~>=~ :lo AND path ~<~ :hi GROUP BY kind",
            bounds | {"today": today},
        )
        expiring = rows(tx, _EXPIRING, bounds | {"today": today})[0]
    return {
        "as_of": now.isoformat(),
        **figures(counted, members, {r.kind: r.n for r in overdue}, today, early),
        "expiring": {str(days): expiring[f"d{days}"] for days in FORECAST_DAYS},
    }


def figures(
    counted: Iterable[Any],
    members: int,
    overdue: Mapping[str, int],
    today: date,
    pocket_early_days: int,
) -> dict[str, Any]:
    """The audit figures of counted cases (state, category, obstacle, rehired_by, letter_issued_on,
    wait_due, n) on a day.
    """
    by_flag: Counter[str] = Counter()
    by_state: Counter[str] = Counter()
    by_category: Counter[str] = Counter()
    by_floating_class: Counter[int | None] = Counter()
    by_obstacle: Counter[str] = Counter()
    for row in counted:
        by_state[row.state] += row.n
        for flag in _audit_flags(row, today, timedelta(days=pocket_early_days)):
            by_flag[flag] += row.n
        if row.state in s.OPEN:
            by_category[row.category] += row.n
            by_floating_class[floating_class(row.category, row.rehired_by)] += row.n
            by_obstacle[row.obstacle] += row.n
    return {
        "members": members,
        "pocket": by_flag["pocket"],
        "pocket_early": by_flag["pocket_early"],
        "at_risk": by_flag["at_risk"],
        "by_state": _by_name(by_state),
        "overdue_by_task": dict(overdue),
        "by_category": _by_name(by_category),
        "by_floating_class": _by_name(by_floating_class),
        "by_obstacle": _by_name(by_obstacle),
    }


def _audit_flags(row: Any, today: date, early: timedelta) -> Iterator[str]:
    """The words of rules.md §C.3 that are counted in the audit and hold of a group of cases."""
    letter_expired = row.state == s.LETTER_EXPIRED
    if letter_expired:
        yield "pocket"
    issued = row.letter_issued_on if row.state in s.LETTER_OUT else None
    if issued and today >= issued + early:
        yield "pocket_early"
    overdue = row.wait_due is not None and today > row.wait_due
    if letter_expired or (row.state in s.RISK and overdue):
        yield "at_risk"


def _by_name(counter: Mapping[Any, int]) -> dict[str, int]:
    """Counts in the order of their names, without what has none."""
    named = {str(name): count for name, count in counter.items() if name is not None}
    return dict(sorted(named.items()))


def floating_class(category: str | None, rehired_by: str | None) -> int | None:
    """Which of the six classes of floating members a case belongs to (interface.md §7.4)."""
    if category == "retirement":
        return 3 if rehired_by == "other" else None
    return s.FLOATING_CLASS.get(category or "")


def member_view(tx: Connection, member: str) -> dict[str, Any] | None:
    """The member view of interface.md §6: affiliation, standing, the last case, and who looked."""
    with as_worker(tx):
        count_rows = rows(
            tx, "SELECT member, organisation, standing FROM member WHERE member = :m", {"m": member}
        )
        if not count_rows:
            return None
        last = rows(
            tx,
            f"""SELECT id FROM transfer_case WHERE member = :m
            ORDER BY state IN {s.in_sql(s.ENDED)}, opened_at DESC
            LIMIT 1""",
            {"m": member},
        )
        seen = rows(
            tx,
            """SELECT at, organisation, purpose FROM case_look WHERE member = :m
                           UNION ALL SELECT at, organisation, purpose FROM member_look
                               WHERE member = :m
                           ORDER BY at DESC LIMIT 200""",
            {"m": member},
        )
    return {
        "member": member,
        "affiliation": count_rows[0].organisation,
        "standing": count_rows[0].standing,
        "case": str(last[0].id) if last else None,
        "seen_by": [
            {
                "at": r.at.astimezone(ZONE).isoformat(),
                "organisation": r.organisation,
                "purpose": r.purpose,
            }
            for r in seen
        ],
    }


def record_look(
    tx: Connection, case_id: str, organisation: str, person: str | None, purpose: str, now: datetime
) -> None:
    """Keeps that somebody opened a case, for the member to see."""
    with as_worker(tx):
        tx.exec_driver_sql(
            """INSERT INTO case_look (id, case_id, member, organisation, person, purpose, at)
               SELECT %s, id, member, %s, %s, %s, %s FROM transfer_case WHERE id = %s::uuid""",
            (uuid4(), organisation, person, purpose, now, case_id),
        )


def looks(tx: Connection, case_id: str) -> Sequence[Any]:
    """Who opened a case that this transaction sees, newest first: organisation, purpose, at."""
    return rows(
        tx,
        "SELECT organisation, purpose, at FROM case_look WHERE case_id = CAST(:id AS uuid) "
        "ORDER BY at DESC LIMIT 500",
        {"id": _uuid(case_id)},
    )


def progress_of_cases(tx: Connection, case_ids: Sequence[Any]) -> dict[Any, dict[str, datetime]]:
    """Case -> state -> when the case first entered it; told to whoever posted the event."""
    if not case_ids:
        return {}
    with as_worker(tx):
        progress_rows = rows(
            tx,
            """SELECT case_id, to_state, min(at) AS at FROM case_event
                            WHERE case_id = ANY (CAST(:ids AS uuid[])) GROUP BY 1, 2""",
            {"ids": [str(i) for i in case_ids]},
        )
    progress: dict[Any, dict[str, datetime]] = {}
    for row in progress_rows:
        progress.setdefault(row.case_id, {})[row.to_state] = row.at
    return progress
