"""Reading and writing cases: rows to values and back, and the one statement that makes history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import md5
from typing import Any
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from services.cases import deadlines
from services.cases.arguments import refuse
from services.cases.deadlines import ALERT_ONLY
from services.cases.model import Case, DecisionContext, Statement, Step, Task
from services.cases.states import BEFORE_ACCEPTED, TERMINAL, in_sql
from services.kit.db.engine import dumps, rows
from services.kit.loops import Part

COLUMNS = tuple(f.name for f in fields(Case))
_UUIDS = {"id", "parent", "merged_into"}
_READ = f"SELECT {', '.join(COLUMNS)} FROM transfer_case"
MOVED_MEANWHILE, NO_PART = "GD409", "GD403"
_OUTSIDE = frozenset({"id", "state", "seq"})  # what the history row itself says


@dataclass(frozen=True, slots=True)
class Change:
    """A case before and after, with the history rows that led there; ``before`` None opens it."""

    before: Case | None
    after: Case
    steps: Sequence[Step]


def case_of(row: Mapping[str, Any]) -> Case:
    """A case from its row."""
    values: dict[str, Any] = {
        name: str(row[name]) if name in _UUIDS and row[name] is not None else row[name]
        for name in COLUMNS
    }
    return Case(**values)


def load(tx: Connection, ids: Sequence[str | UUID]) -> dict[str, Case]:
    """Cases by id."""
    if not ids:
        return {}
    found = rows(
        tx, _READ + " WHERE id = ANY (CAST(:ids AS uuid[]))", {"ids": [str(i) for i in ids]}
    )
    return {case.id: case for case in map(case_of, found)}


BEFORE_ALL_CASES = "00000000-0000-0000-0000-000000000000"


def open_cases(tx: Connection, part: Part, after: str, limit: int) -> Sequence[Any]:
    """The next open cases by their ids behind ``after``, without those that stand aside from a part
    of a loop: id, owner.
    """
    return rows(
        tx,
        f"""SELECT id::text AS id, owner FROM transfer_case c
        WHERE id > CAST(:after AS uuid) AND state NOT IN {in_sql(sorted(TERMINAL))}
            AND {part.not_aside("c.id::text")}
        ORDER BY id
        LIMIT :limit""",
        {"after": after, "limit": limit},
    )


def acted(tx: Connection, ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """Case -> the organisations that once acted on it."""
    if not ids:
        return {}
    return {
        row.id: frozenset(row.by)
        for row in rows(
            tx,
            """SELECT case_id::text AS id, array_agg(DISTINCT by_organisation) AS by FROM case_event
            WHERE case_id = ANY (CAST(:ids AS uuid[])) AND by_organisation IS NOT NULL
            GROUP BY 1""",
            {"ids": list(ids)},
        )
    }


def open_of_members(tx: Connection, members: Sequence[str]) -> dict[str, Case]:
    """Member -> the member's case that stands before its acceptance."""
    if not members:
        return {}
    found = rows(
        tx,
        _READ + f" WHERE member = ANY (:members) AND state IN {in_sql(sorted(BEFORE_ACCEPTED))}",
        {"members": list(members)},
    )
    return {case.member: case for case in map(case_of, found) if case.member}


_TASKS = """
SELECT id, case_id, kind, act, organisation, due_on, opened_at FROM task
WHERE case_id = ANY (CAST(:ids AS uuid[])) AND closed_at IS NULL"""


def standing_tasks(tx: Connection, ids: Sequence[str]) -> dict[str, dict[str, Task]]:
    """Case -> task id -> the task rows that stand."""
    found: dict[str, dict[str, Task]] = {}
    for row in rows(tx, _TASKS, {"ids": list(ids)}) if ids else ():
        task = Task(row.kind, row.act, row.organisation, row.opened_at, row.due_on)
        found.setdefault(str(row.case_id), {})[str(row.id)] = task
    return found


def task_key(task: Task) -> tuple:
    """What makes a task the same one: alerts by kind and organisation, tasks also by when they
    opened.
    """
    return (task.kind, task.organisation, None if task.kind in ALERT_ONLY else task.opened_at)


def task_changes(
    about: str,
    standing: Mapping[str, Task],
    wanted: Sequence[Task],
    context: DecisionContext,
    seq: int,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Tasks to open (or to alter) as rows, and the ids of those to close, so that exactly
    ``wanted`` stand.
    """
    known = {task_key(task): (ident, task) for ident, task in standing.items()}
    opened, kept = [], set()
    for task in wanted:
        key = task_key(task)
        ident, before = known.get(key, (None, None))
        if ident is None:
            mark = str(seq) if task.kind in ALERT_ONLY else task.opened_at.isoformat()
            ident = md5(
                f"{about}:{task.kind}:{task.organisation}:{mark}".encode(), usedforsecurity=False
            ).hexdigest()
        kept.add(ident)
        if before is None or (before.due_on, before.act) != (task.due_on, task.act):
            opened.append(
                {
                    "id": ident,
                    "kind": task.kind,
                    "act": task.act,
                    "organisation": task.organisation,
                    "path": context.directory.path(task.organisation),
                    "due_on": task.due_on,
                    "opened_at": before.opened_at if before else task.opened_at,
                }
            )
    return opened, sorted(standing.keys() - kept)


_INSERT = """
INSERT INTO case_event (case_id, seq, at, by_organisation, by_person, command, from_state, to_state,
    reason, detail,
                        change, opened, closed, parties)
SELECT case_id, seq, at, by_organisation, by_person, command, from_state, to_state, reason, detail,
    change, opened,
       closed, parties
FROM json_to_recordset(%s::json) AS e(case_id uuid, seq int, at timestamptz, by_organisation text,
    by_person text,
    command text, from_state text, to_state text, reason text, detail jsonb, change jsonb,
        opened jsonb,
    closed jsonb, parties jsonb)"""


def write(
    tx: Connection,
    changes: Sequence[Change],
    context: DecisionContext,
    person: str | None = None,
    standing: Mapping[str, dict[str, Task]] | None = None,
) -> list[Case]:
    """Makes history: one statement inserts the rows, its trigger moves the cases and their tasks.

    Returns the cases as they are now. Raises Refused 409 if one of them moved meanwhile.
    ``standing`` are the tasks of the cases, where somebody has read them already.
    """
    if not changes:
        return []
    if standing is None:
        standing = standing_tasks(tx, [c.after.id for c in changes if c.before is not None])
    written, history = [], []
    for change in changes:
        first = change.before.seq if change.before else 0
        after = change.after.replace(seq=first + len(change.steps))
        opened, closed = task_changes(
            after.id,
            standing.get(after.id, {}),
            deadlines.tasks(after, context),
            context,
            after.seq,
        )
        for number, step in enumerate(change.steps, start=1):
            last = number == len(change.steps)
            history.append(
                {
                    "case_id": after.id,
                    "seq": first + number,
                    "at": context.now,
                    "by_organisation": step.by,
                    "by_person": person if step.by else None,
                    "command": step.command,
                    "from_state": step.from_state,
                    "to_state": step.to_state,
                    "reason": step.reason,
                    "detail": step.detail or None,
                    "change": _difference(change.before, after) if last else None,
                    "opened": opened or None if last else None,
                    "closed": closed or None if last else None,
                    "parties": off_both_lines(after, step.by, context) or None if last else None,
                }
            )
        written.append(after)
    try:
        tx.exec_driver_sql(_INSERT, (dumps(history),))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in (MOVED_MEANWHILE, "23505"):
            raise refuse(
                409,
                "moved-meanwhile",
                "有人先一步办理了这件转移，请刷新后再看。",
                "Somebody was faster; look again.",
            ) from error
        if getattr(error.orig, "sqlstate", None) == NO_PART:
            # the tree has changed between what was read and what is written
            raise refuse(
                403,
                "no-part-any-more",
                "组织关系刚有调整，本组织已不是这件转移的一方，请刷新后再看。",
                "The tree of organisations has just changed; yours no longer has a part in this "
                "transfer.",
            ) from error
        raise
    return written


def off_both_lines(case: Case, by: str | None, context: DecisionContext) -> list[dict[str, str]]:
    """Who has a part in the case without standing above, or being, one of its two ends: row
    security needs their path.

    Whoever acts for one of them that has ended is one too.
    """
    codes = {
        case.poster,
        case.receiver,
        case.branch,
        case.host,
        by,
        deadlines.double_reports_at(case, context),
        *(a["to"] for a in case.asks),
        *(r["organisation"] for r in case.reports),
    }
    ends = (
        case.origin,
        case.origin_committee,
        case.destination,
        case.header,
        case.receiving_committee,
        case.ruling,
    )
    codes |= {context.acting(code) for code in (*codes, *ends)}
    lines = case.origin_path or "", case.destination_path or ""
    found = [one for code in codes if (one := context.directory.get(code))]
    return [
        {"organisation": one.code, "path": one.path}
        for one in found
        if not any(line.startswith(one.path) for line in lines)
    ]


def _difference(before: Case | None, after: Case) -> dict[str, Any]:
    now, was = vars(after), vars(before) if before else None
    if was is None:  # a new row: what is not said is null
        return {
            name: value for name, value in now.items() if value is not None and name not in _OUTSIDE
        }
    return {
        name: value for name, value in now.items() if was[name] != value and name not in _OUTSIDE
    }


_STATEMENTS = """
INSERT INTO statement (id, case_id, event, position, source, ext_id, time, kind, facts, withdrawn)
SELECT id, case_id, event, position, source, ext_id, time, kind, facts, withdrawn
FROM json_to_recordset(%s::json) AS s(id uuid, case_id uuid, event uuid, position int, source text,
    ext_id text,
    time timestamptz, kind text, facts jsonb, withdrawn boolean)
ON CONFLICT (id) DO NOTHING"""


def state_facts(tx: Connection, lines: Sequence[tuple[UUID, str, Statement, int | None]]) -> None:
    """Keeps statements: (id, case, statement, position of the person in its event)."""
    if lines:
        tx.exec_driver_sql(
            _STATEMENTS,
            (
                dumps(
                    [
                        {
                            "id": ident,
                            "case_id": case,
                            "position": position,
                            "event": one.event,
                            "source": one.source,
                            "ext_id": one.ext_id,
                            "time": one.time,
                            "kind": one.kind,
                            "facts": one.facts,
                            "withdrawn": one.withdrawn,
                        }
                        for ident, case, one, position in lines
                    ]
                ),
            ),
        )


def statements(tx: Connection, cases: Sequence[str]) -> dict[str, list[Statement]]:
    """Case -> everything stated about it."""
    found: dict[str, list[Statement]] = {}
    for row in (
        rows(
            tx,
            """SELECT case_id, event, source, ext_id, time, kind, facts, withdrawn FROM statement
                           WHERE case_id = ANY (CAST(:ids AS uuid[]))""",
            {"ids": list(cases)},
        )
        if cases
        else ()
    ):
        found.setdefault(str(row.case_id), []).append(
            Statement(
                str(row.event) if row.event else None,
                row.source,
                row.ext_id,
                row.time,
                row.kind,
                row.facts,
                row.withdrawn,
            )
        )
    return found


# One statement: what was stated is kept beside all that was stated before, and of all of it the
# newest of the line is shown.
_PERSONS = """
WITH given AS (
    SELECT * FROM json_to_recordset(%s::json) AS p(case_id uuid, event_id uuid, position int,
        organisation text,
        of_line boolean, time timestamptz, name text, sex text, birth_date text, phone text,
            address text,
        evidence jsonb)
), kept AS (
    INSERT INTO case_contact (case_id, event_id, position, organisation, of_line, time, phone,
        address, evidence)
    SELECT case_id, event_id, position, organisation, of_line, time, phone, address, evidence
        FROM given
    WHERE phone IS NOT NULL OR address IS NOT NULL
    ON CONFLICT (case_id, event_id, position) DO UPDATE SET organisation = excluded.organisation,
        of_line = excluded.of_line, time = excluded.time, phone = excluded.phone,
            address = excluded.address,
        evidence = excluded.evidence
), stated AS (
    SELECT case_id, of_line, time, organisation, phone, address, evidence FROM given
    UNION ALL
    SELECT k.case_id, k.of_line, k.time, k.organisation, k.phone, k.address, k.evidence
        FROM case_contact k
    WHERE k.case_id IN (SELECT case_id FROM given) AND NOT EXISTS (
        SELECT FROM given g WHERE (g.case_id, g.event_id, g.position) = (k.case_id, k.event_id,
            k.position))
), shown AS (
    SELECT case_id,
        (array_agg(phone ORDER BY of_line DESC, time DESC,
            organisation DESC) FILTER (WHERE phone IS NOT NULL))[1]
            AS phone,
        (array_agg(address ORDER BY of_line DESC, time DESC,
            organisation DESC) FILTER (WHERE address IS NOT NULL))[1]
            AS address,
        (array_agg(evidence ORDER BY of_line DESC, time DESC,
            organisation DESC) FILTER (WHERE address IS NOT NULL))[1]
            AS evidence
    FROM stated GROUP BY case_id
), person AS (
    SELECT DISTINCT ON (case_id) case_id, name, sex, birth_date FROM given
    ORDER BY case_id, of_line DESC, time DESC, organisation DESC
)
INSERT INTO case_person (case_id, name, sex, birth_date, phone, address, evidence)
SELECT case_id, name, sex, birth_date, phone, address, evidence FROM person JOIN shown
    USING (case_id)
ON CONFLICT (case_id) DO UPDATE SET phone = excluded.phone, address = excluded.address,
    evidence = excluded.evidence"""


def show_person(tx: Connection, lines: Sequence[Mapping[str, Any]]) -> None:
    """Keeps what was stated of the person of a case: case_id, event_id, position, organisation (who
    says it), of_line (whether that one is of the member's line), time, name, sex, birth_date,
    phone, address, evidence.

    Nobody's phone or address replaces another's: all are kept, the newest of the line is shown
    (interface.md §7.5).
    """
    if lines:
        tx.exec_driver_sql(_PERSONS, (dumps(list(lines)),))


_CONTACTS = """
SELECT organisation, of_line, time, phone, address FROM case_contact
    WHERE case_id = CAST(:case AS uuid)
ORDER BY of_line DESC, time DESC, organisation DESC"""


def contacts(tx: Connection, case_id: str) -> list[dict[str, Any]]:
    """Every phone and address that was stated of the person of a case, the newest of the line
    first.
    """
    return [dict(row) for row in rows(tx, _CONTACTS, {"case": case_id})]


def person_of(tx: Connection, case_id: str) -> dict[str, Any]:
    """Name, sex and birth date as a case shows them."""
    found = rows(
        tx,
        "SELECT name, sex, birth_date FROM case_person WHERE case_id = CAST(:case AS uuid)",
        {"case": case_id},
    )
    return dict(found[0]) if found else {"name": None, "sex": None, "birth_date": None}
