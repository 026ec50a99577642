"""The two lists that find pockets, and the task that asks for a roll to be compared (t17).

Announced and never arrived; arrived and never announced (rules.md §C.0). Both read the cases as
they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid5

from sqlalchemy import Connection, Engine

from schemas.envelope import NAMESPACE_GUIDUI
from services.cases.deadlines.calendar import day_of, midnight, month_end
from services.cases.model import states
from services.cases.routing.rule_source import RuleSource
from services.kit.bus.event_log import Message, record
from services.kit.db.engine import rows
from services.kit.loops import Part
from services.registry.directory import Directory, Organisation
from services.registry.tree import just_after

OPENING, CLOSING = Part("records", "checks_opened"), Part("records", "checks_closed")
KIND, ACT = "reconciliation", "compare"
SEPTEMBER, MARCH = 9, 3
AT_ONCE = 500
LISTS = ("announced", "arrived")

_HOST = "guidui.host.report.v1"
_NOT_ARRIVED = states.in_sql(
    sorted(
        states.BEFORE_ACCEPTED - {states.STAY_APPROVED, states.FLOATING_REGISTERED, states.ARRIVED}
    )
)
_OPEN = states.in_sql(sorted(states.OPEN - {states.BULK_OPEN}))
_UNIT_STATED = f"""EXISTS (SELECT FROM statement a WHERE a.case_id = c.id AND NOT a.withdrawn
    AND a.kind NOT IN ('{_HOST}', 'triage'))"""
_WHERE = {
    # a month after the announcement nobody has recorded an arrival and no place has reported the
    # member
    "announced": f"""c.state IN {_NOT_ARRIVED} AND c.opened_at < :month AND c.reports = '[]'
        AND (c.letters > 0 OR {_UNIT_STATED})
        AND NOT EXISTS (SELECT FROM case_event e WHERE e.case_id = c.id
            AND e.command = 'record_arrival')""",
    # a place has reported the member, and no unit has said a word
    "arrived": f"""c.state IN {_OPEN} AND c.reports <> '[]' AND c.letters = 0
        AND NOT {_UNIT_STATED}""",
}
_SCOPE = """(c.origin_path ~>=~ :lo AND c.origin_path ~<~ :hi
    OR EXISTS (SELECT FROM organisation o WHERE o.code IN (c.poster, c.host) AND o.path ~>=~ :lo
        AND o.path ~<~ :hi))"""
# the list is named by its condition in _WHERE
_LISTED = f"""
SELECT c.id::text AS id, p.name, c.state, c.category, c.origin, c.destination, c.poster,
    c.wait_organisation, c.wait_act, c.wait_due, c.opened_at
FROM transfer_case c LEFT JOIN case_person p ON p.case_id = c.id
WHERE {{where}} AND {_SCOPE}
ORDER BY c.opened_at, c.id LIMIT :limit OFFSET :offset"""
_COUNTED = f"SELECT count(*) AS number FROM transfer_case c WHERE {{where}} AND {_SCOPE}"
_DUE = """
SELECT due_on FROM task
WHERE kind = :kind AND organisation = :own AND closed_at IS NULL"""
_KNOWN = "SELECT id::text FROM task WHERE kind = %s AND opened_at >= %s"
_CLOSE_OLDER = """
UPDATE task SET closed_at = %s
WHERE kind = %s AND closed_at IS NULL AND organisation = ANY (%s) RETURNING id"""
_OPEN_TASK = """
INSERT INTO task (id, kind, act, organisation, path, due_on, opened_at)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING"""


@dataclass(frozen=True, slots=True)
class PocketList:
    """One of the two lists (`LISTS`), of an organisation and all below it, as it stands now."""

    name: str
    organisation: str
    now: datetime
    rule_source: RuleSource

    def parameters(self, tx: Connection) -> dict[str, Any]:
        """The paths of those organisations, and since when a case is in the list."""
        path = Directory.of(tx).path(self.organisation)
        early = self.rule_source.counting(tx, day_of(self.now)).pocket_early_days
        month = self.now - timedelta(days=early)
        return {"lo": path, "hi": just_after(path), "month": month}


def unreconciled(
    tx: Connection, pockets: PocketList, *, limit: int = 100, offset: int = 0
) -> list[dict[str, Any]]:
    """The cases of one list, the oldest first; what this transaction sees."""
    asked = {**pockets.parameters(tx), "limit": limit, "offset": offset}
    cases = rows(tx, _LISTED.format(where=_WHERE[pockets.name]), asked)
    return [dict(case) for case in cases]


def unreconciled_count(tx: Connection, pockets: PocketList) -> int:
    """How long that list is."""
    counted = rows(tx, _COUNTED.format(where=_WHERE[pockets.name]), pockets.parameters(tx))
    return counted[0].number


def period(organisation: Organisation, today: date) -> date | None:
    """The day on which the organisation's present check of its roll began: 1 September for all, 1
    March for schools.
    """
    months = (SEPTEMBER, MARCH) if organisation.unit == "school" else (SEPTEMBER,)
    return today.replace(day=1) if today.month in months else None


def check_due(tx: Connection, organisation: str) -> date | None:
    """The day by which an organisation is asked to compare its roll, if it is."""
    tasks = rows(tx, _DUE, {"kind": KIND, "own": organisation})
    return tasks[0].due_on if tasks else None


def open_checks(engine: Engine, now: datetime) -> int:
    """Opens t17 at every committee whose check has begun, closes it where a roll was compared
    since, or where the committee has ended; returns how many.
    """
    today = day_of(now)
    with engine.begin() as tx:
        closed = _close_done(tx, now, today)
        without = _known(tx, today) | set(tx.exec_driver_sql(_ASIDE).scalars())
        begun = list(checks_begun(Directory.of(tx), today))
    opening = [check for check in begun if check["id"] not in without]
    opened = len(opening)
    for start in range(0, len(opening), AT_ONCE):
        with engine.begin() as tx:
            done = OPENING.each_by_itself(
                tx,
                opening[start : start + AT_ONCE],
                lambda part: _open(tx, part, now),
                now,
                key=lambda check: check["id"],
                organisation=lambda check: check["organisation"],
            )
        opened -= done.left_out
    return closed + opened


def _known(tx: Connection, today: date) -> set[str]:
    """The checks of this month that were opened already."""
    month = midnight(today.replace(day=1))
    return set(tx.exec_driver_sql(_KNOWN, (KIND, month)).scalars())


def checks_begun(organisations: Iterable[Organisation], today: date) -> Iterator[dict[str, Any]]:
    """The task of every committee whose check has begun. Pure."""
    for organisation in organisations:
        day = period(organisation, today)
        if day and _keeps_roll(organisation, today):
            yield {
                "id": str(uuid5(NAMESPACE_GUIDUI, f"{KIND}:{organisation.code}:{day}")),
                "organisation": organisation.code,
                "path": organisation.path,
                "opened_at": midnight(day),
                "due_on": month_end(f"{day:%Y-%m}"),
            }


def _keeps_roll(organisation: Organisation, today: date) -> bool:
    if organisation.kind != "basic_committee" or organisation.outside:
        return False
    return not organisation.ended(today)


def _open(tx: Connection, checks: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Opens the tasks; each takes the place of an older one at the same organisation."""
    organisations = [check["organisation"] for check in checks]
    older = tx.exec_driver_sql(_CLOSE_OLDER, (now, KIND, organisations)).scalars()
    closed = [str(task) for task in older]
    opened: list[dict[str, Any]] = []
    for check in checks:
        organisation = check["organisation"]
        due_on = check["due_on"]
        tx.exec_driver_sql(
            _OPEN_TASK,
            (check["id"], KIND, ACT, organisation, check["path"], due_on, check["opened_at"]),
        )
        task = {
            "id": check["id"],
            "kind": KIND,
            "act": ACT,
            "organisation": organisation,
            "due_on": due_on,
        }
        opened.append(task)
    _tell(tx, opened, closed, now)


_OVER = f"""
SELECT t.id::text AS id, t.organisation FROM task t WHERE t.kind = :kind AND t.closed_at IS NULL
    AND {CLOSING.not_aside("t.id::text")} AND (EXISTS (
        SELECT FROM comparison c WHERE c.organisation = t.organisation AND c.made_at >= t.opened_at)
        OR EXISTS (SELECT FROM organisation o WHERE o.code = t.organisation
            AND o.effective_to < :today))"""
_ASIDE = (
    f"SELECT key FROM dead_letter WHERE topic = 'loop' AND consumer = '{OPENING.loop}' AND type = "
    f"'{OPENING.name}' AND state IN ('open', 'skipped')"
)


def _close_done(tx: Connection, now: datetime, today: date) -> int:
    over = rows(tx, _OVER, {"kind": KIND, "today": today})
    done = CLOSING.each_by_itself(
        tx,
        over,
        lambda part: _close(tx, [row.id for row in part], now),
        now,
        key=lambda row: row.id,
        organisation=lambda row: row.organisation,
    )
    return len(over) - done.left_out


def _close(tx: Connection, ids: list[str], now: datetime) -> None:
    tx.exec_driver_sql("UPDATE task SET closed_at = %s WHERE id = ANY (%s::uuid[])", (now, ids))
    _tell(tx, [], ids, now)


def _tell(tx: Connection, opened: list[dict[str, Any]], closed: list[str], now: datetime) -> None:
    """Tells the notifier of tasks that open and close outside the history of a case."""
    ids = [task["id"] for task in opened]
    body = {
        "case": None,
        "member": None,
        "at": now,
        "tasks_opened": opened,
        "tasks_closed": closed,
    }
    message = Message(
        uuid5(NAMESPACE_GUIDUI, f"tasks:{KIND}:{ids}:{closed}"),
        "tasks",
        "guidui.task.opened.v1",
        KIND,
        now,
        body,
    )
    record(tx, [message])
