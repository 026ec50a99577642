"""Reading and writing cases: rows to values and back, and the one statement that makes history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import md5
from typing import Any
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from services.cases.commands.arguments import refuse
from services.cases.deadlines import tasks as deadlines
from services.cases.deadlines.tasks import ALERT_ONLY
from services.cases.model.case import Case, DecisionContext, Statement, Step, Task
from services.cases.model.states import BEFORE_ACCEPTED, TERMINAL, in_sql
from services.kit.db.engine import dumps, rows
from services.kit.errors import Refused
from services.kit.loops import Part

COLUMNS = tuple(f.name for f in fields(Case))
_UUIDS = {"id", "parent", "merged_into"}
_READ = f"SELECT {', '.join(COLUMNS)} FROM transfer_case"
# SQLSTATEs: two of the trigger's own, and that of PostgreSQL for a row that is there already
MOVED_MEANWHILE = "GD409"
NO_PART = "GD403"
DUPLICATE_ROW = "23505"
_OUTSIDE = frozenset({"id", "state", "seq"})  # what the history row itself says


@dataclass(frozen=True, slots=True)
class Change:
    """A case before and after, with the history rows that led there; ``before`` None opens it."""

    before: Case | None
    after: Case
    steps: Sequence[Step]

    def numbered(self) -> Case:
        """The case afterwards, its number counted on by one a step."""
        first = self.before.seq if self.before else 0
        return self.after.replace(seq=first + len(self.steps))


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
    case_rows = rows(
        tx, _READ + " WHERE id = ANY (CAST(:ids AS uuid[]))", {"ids": [str(i) for i in ids]}
    )
    return {case.id: case for case in map(case_of, case_rows)}


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
    task_rows = rows(
        tx,
        _READ + f" WHERE member = ANY (:members) AND state IN {in_sql(sorted(BEFORE_ACCEPTED))}",
        {"members": list(members)},
    )
    return {case.member: case for case in map(case_of, task_rows) if case.member}


_TASKS = """
SELECT id, case_id, kind, act, organisation, due_on, opened_at FROM task
WHERE case_id = ANY (CAST(:ids AS uuid[])) AND closed_at IS NULL"""


def standing_tasks(tx: Connection, ids: Sequence[str]) -> dict[str, dict[str, Task]]:
    """Case -> task id -> the task rows that stand."""
    if not ids:
        return {}
    by_case: dict[str, dict[str, Task]] = {}
    for row in rows(tx, _TASKS, {"ids": list(ids)}):
        task = Task(row.kind, row.act, row.organisation, row.opened_at, row.due_on)
        by_case.setdefault(str(row.case_id), {})[str(row.id)] = task
    return by_case


def task_key(task: Task) -> tuple:
    """What makes a task the same one: alerts by kind and organisation, tasks also by when they
    opened.
    """
    return (task.kind, task.organisation, None if task.kind in ALERT_ONLY else task.opened_at)


def _new_task_id(about: str, task: Task, seq: int) -> str:
    """An id that comes out the same whenever the same history is written."""
    mark = str(seq) if task.kind in ALERT_ONLY else task.opened_at.isoformat()
    named = f"{about}:{task.kind}:{task.organisation}:{mark}"
    return md5(named.encode(), usedforsecurity=False).hexdigest()


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
    opened: list[dict[str, Any]] = []
    kept: set[str] = set()
    for task in wanted:
        key = task_key(task)
        ident, before = known.get(key, (None, None))
        if ident is None:
            ident = _new_task_id(about, task, seq)
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
    written: list[Case] = []
    history: list[dict[str, Any]] = []
    for change in changes:
        after = change.numbered()
        tasks = standing.get(after.id, {})
        history += history_rows(change, after, tasks, context, person)
        written.append(after)
    try:
        tx.exec_driver_sql(_INSERT, (dumps(history),))
    except DBAPIError as error:
        refusal = _refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error
    return written


def history_rows(
    change: Change,
    after: Case,
    standing: Mapping[str, Task],
    context: DecisionContext,
    person: str | None,
) -> list[dict[str, Any]]:
    """The rows of history that a change makes, one a step, ``after`` with its new number.

    The last row carries what moves: the fields that differ, tasks to open and to close (by
    ``standing``, those that stand), and who has a part. ``person`` signs what organisations do.
    """
    wanted = deadlines.tasks(after, context)
    opened, closed = task_changes(after.id, standing, wanted, context, after.seq)
    first = after.seq - len(change.steps)
    history: list[dict[str, Any]] = [
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
            "change": None,
            "opened": None,
            "closed": None,
            "parties": None,
        }
        for number, step in enumerate(change.steps, start=1)
    ]
    if history:
        history[-1] |= {
            "change": _difference(change.before, after),
            "opened": opened or None,
            "closed": closed or None,
            "parties": off_both_lines(after, change.steps[-1].by, context) or None,
        }
    return history


def _refusal_of(error: DBAPIError) -> Refused | None:
    """What the database's refusal of history means to whoever acts; None for any other error."""
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate in (MOVED_MEANWHILE, DUPLICATE_ROW):
        return refuse(
            409,
            "moved-meanwhile",
            "有人先一步办理了这件转移，请刷新后再看。",
            "Somebody was faster; look again.",
        )
    if sqlstate == NO_PART:  # the tree has changed between what was read and what is written
        return refuse(
            403,
            "no-part-any-more",
            "组织关系刚有调整，本组织已不是这件转移的一方，请刷新后再看。",
            "The tree of organisations has just changed; yours no longer has a part in this "
            "transfer.",
        )
    return None


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
        *(question["to"] for question in case.asks),
        *(report["organisation"] for report in case.reports),
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
    both_lines = (case.origin_path or "", case.destination_path or "")
    parties = []
    for code in codes:
        organisation = context.directory.get(code)
        if organisation is None:
            continue
        if not any(line.startswith(organisation.path) for line in both_lines):
            parties.append({"organisation": organisation.code, "path": organisation.path})
    return parties


def _difference(before: Case | None, after: Case) -> dict[str, Any]:
    now = vars(after)
    was = vars(before) if before else {}  # of a new row, what is not said is null
    return {
        name: value
        for name, value in now.items()
        if value != was.get(name) and name not in _OUTSIDE
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
    if not lines:
        return
    records = [
        {
            "id": ident,
            "case_id": case,
            "position": position,
            "event": statement.event,
            "source": statement.source,
            "ext_id": statement.ext_id,
            "time": statement.time,
            "kind": statement.kind,
            "facts": statement.facts,
            "withdrawn": statement.withdrawn,
        }
        for ident, case, statement, position in lines
    ]
    tx.exec_driver_sql(_STATEMENTS, (dumps(records),))


_STATED = """
SELECT case_id, event, source, ext_id, time, kind, facts, withdrawn FROM statement
WHERE case_id = ANY (CAST(:ids AS uuid[]))"""


def statements(tx: Connection, cases: Sequence[str]) -> dict[str, list[Statement]]:
    """Case -> everything stated about it."""
    if not cases:
        return {}
    by_case: dict[str, list[Statement]] = {}
    for row in rows(tx, _STATED, {"ids": list(cases)}):
        statement = Statement(
            event=str(row.event) if row.event else None,
            source=row.source,
            ext_id=row.ext_id,
            time=row.time,
            kind=row.kind,
            facts=row.facts,
            withdrawn=row.withdrawn,
        )
        by_case.setdefault(str(row.case_id), []).append(statement)
    return by_case


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
    statement_rows = rows(
        tx,
        "SELECT name, sex, birth_date FROM case_person WHERE case_id = CAST(:case AS uuid)",
        {"case": case_id},
    )
    return (
        dict(statement_rows[0])
        if statement_rows
        else {"name": None, "sex": None, "birth_date": None}
    )
