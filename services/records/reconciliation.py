"""The two lists that find pockets, and the task that asks for a roll to be compared (t17).

Announced and never arrived; arrived and never announced (rules.md §C.0). Both read the cases as
they stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid5

from sqlalchemy import Connection, Engine

from schemas.envelope import NAMESPACE_GUIDUI
from services.cases.deadlines.calendar import day_of, midnight, month_end
from services.cases.model import states as s
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
_BEFORE = ", ".join(
    f"'{x}'"
    for x in sorted(s.BEFORE_ACCEPTED - {s.STAY_APPROVED, s.FLOATING_REGISTERED, s.ARRIVED})
)
_OPEN = s.in_sql(sorted(s.OPEN - {s.BULK_OPEN}))
_UNIT_SAID = f"""EXISTS (SELECT FROM statement a WHERE a.case_id = c.id AND NOT a.withdrawn
    AND a.kind NOT IN ('{_HOST}', 'triage'))"""
_WHERE = {
    # a month after the announcement nobody has recorded an arrival and no place has reported the
    # member
    "announced": f"""c.state IN ({_BEFORE}) AND c.opened_at < :month AND c.reports = '[]'
        AND (c.letters > 0 OR {_UNIT_SAID})
        AND NOT EXISTS (SELECT FROM case_event e WHERE e.case_id = c.id
            AND e.command = 'record_arrival')""",
    # a place has reported the member, and no unit has said a word
    "arrived": f"""c.state IN {_OPEN} AND c.reports <> '[]' AND c.letters = 0
        AND NOT {_UNIT_SAID}""",
}
_SCOPE = """(c.origin_path ~>=~ :lo AND c.origin_path ~<~ :hi
    OR EXISTS (SELECT FROM organisation o WHERE o.code IN (c.poster, c.host) AND o.path ~>=~ :lo
        AND o.path ~<~ :hi))"""


def unreconciled(  # noqa: PLR0913
    tx: Connection,
    now: datetime,
    organisation: str,
    which: str,
    rule_source: RuleSource,
    *,
    limit: int = 100,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """The cases of one list, of an organisation and all below it, the oldest first; what this
    transaction sees.
    """
    case_rows = rows(
        tx,
        f"""SELECT c.id::text AS id, p.name, c.state, c.category, c.origin, c.destination, c.poster,
        c.wait_organisation, c.wait_act, c.wait_due, c.opened_at
        FROM transfer_case c LEFT JOIN case_person p ON p.case_id = c.id WHERE {_WHERE[which]}
            AND {_SCOPE}
        ORDER BY c.opened_at, c.id LIMIT :limit OFFSET :offset""",
        _params(tx, now, organisation, rule_source) | {"limit": limit, "offset": offset},
    )
    return [dict(row) for row in case_rows]


def unreconciled_count(
    tx: Connection, now: datetime, organisation: str, which: str, rule_source: RuleSource
) -> int:
    """How long that list is."""
    return rows(
        tx,
        f"SELECT count(*) AS n FROM transfer_case c WHERE {_WHERE[which]} AND {_SCOPE}",
        _params(tx, now, organisation, rule_source),
    )[0].n


def _params(
    tx: Connection, now: datetime, organisation: str, rule_source: RuleSource
) -> dict[str, Any]:
    path = Directory.of(tx).path(organisation)
    early = rule_source.counting(tx, day_of(now)).pocket_early_days
    return {"lo": path, "hi": just_after(path), "month": now - timedelta(days=early)}


def period(organisation: Organisation, today: date) -> date | None:
    """The day on which the organisation's present check of its roll began: 1 September for all, 1
    March for schools.
    """
    months = (SEPTEMBER, MARCH) if organisation.unit == "school" else (SEPTEMBER,)
    return today.replace(day=1) if today.month in months else None


def check_due(tx: Connection, organisation: str) -> date | None:
    """The day by which an organisation is asked to compare its roll, if it is."""
    lines = rows(
        tx,
        "SELECT due_on FROM task WHERE kind = :kind AND organisation = :own AND closed_at IS NULL",
        {"kind": KIND, "own": organisation},
    )
    return lines[0].due_on if lines else None


def open_checks(engine: Engine, now: datetime) -> int:
    """Opens t17 at every committee whose check has begun, closes it where a roll was compared
    since, or where the committee has ended; returns how many.
    """
    today = day_of(now)
    with engine.begin() as tx:
        closed = _close_done(tx, now, today)
        aside = set(tx.exec_driver_sql(_ASIDE).scalars())
        known = set(
            tx.exec_driver_sql(
                "SELECT id::text FROM task WHERE kind = %s AND opened_at >= %s",
                (KIND, midnight(today.replace(day=1))),
            ).scalars()
        )
        wanted = [
            line for line in _wanted(Directory.of(tx), today) if line["id"] not in known | aside
        ]
    opened = len(wanted)
    for start in range(0, len(wanted), AT_ONCE):
        with engine.begin() as tx:
            done = OPENING.each_by_itself(
                tx,
                wanted[start : start + AT_ONCE],
                lambda part: _open(tx, part, now),
                now,
                key=lambda line: line["id"],
                organisation=lambda line: line["organisation"],
            )
        opened -= done.left_out
    return closed + opened


def _wanted(directory: Directory, today: date) -> Iterator[dict[str, Any]]:
    for organisation in directory:
        if (
            organisation.kind == "basic_committee"
            and not organisation.outside
            and not organisation.ended(today)
            and (day := period(organisation, today))
        ):
            yield {
                "id": str(uuid5(NAMESPACE_GUIDUI, f"{KIND}:{organisation.code}:{day}")),
                "organisation": organisation.code,
                "path": organisation.path,
                "opened_at": midnight(day),
                "due_on": month_end(f"{day:%Y-%m}"),
            }


def _open(tx: Connection, lines: Sequence[dict[str, Any]], now: datetime) -> None:
    """Opens the tasks; each takes the place of an older one at the same organisation."""
    older = [
        str(i)
        for i in tx.exec_driver_sql(
            "UPDATE task SET closed_at = %s WHERE kind = %s AND closed_at IS NULL AND "
            "organisation = ANY (%s) RETURNING id",
            (now, KIND, [line["organisation"] for line in lines]),
        ).scalars()
    ]
    for line in lines:
        tx.exec_driver_sql(
            "INSERT INTO task (id, kind, act, organisation, path, due_on, opened_at) VALUES (%s, "
            "%s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (id) DO NOTHING",
            (
                line["id"],
                KIND,
                ACT,
                line["organisation"],
                line["path"],
                line["due_on"],
                line["opened_at"],
            ),
        )
    _tell(
        tx,
        [
            {
                "id": line["id"],
                "kind": KIND,
                "act": ACT,
                "organisation": line["organisation"],
                "due_on": line["due_on"],
            }
            for line in lines
        ],
        older,
        now,
    )


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
    ident = uuid5(NAMESPACE_GUIDUI, f"tasks:{KIND}:{[t['id'] for t in opened]}:{closed}")
    record(
        tx,
        [
            Message(
                ident,
                "tasks",
                "guidui.task.opened.v1",
                KIND,
                now,
                {
                    "case": None,
                    "member": None,
                    "at": now,
                    "tasks_opened": opened,
                    "tasks_closed": closed,
                },
            )
        ],
    )
