"""A roll beside the register: who stands in the roll but not here, who here but not in the roll
(名册比对).

What was uploaded of persons is erased within a day; the outcome stays, with its date and who made
it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, text

from services.cases.commands.arguments import refuse
from services.cases.model.case import DecisionContext
from services.cases.model.states import ENDED, in_sql
from services.cases.routing.rule_source import RuleSource
from services.cases.views import case_access
from services.kit.db.engine import dumps, rows
from services.kit.loops import Part
from services.records.comparison_outcome import (
    LISTS,
    Beside,
    Identified,
    Line,
    OpenCase,
    RegisteredMember,
    for_reader,
    outcome,
)
from services.registry import rosters
from services.registry.directory import Organisation
from services.registry.rosters import Roll, RollRow
from services.registry.tree import just_after

__all__ = [
    "Upload",
    "compare",
    "done",
    "erase",
    "for_reader",
    "lines_of",
    "made",
    "report_of",
]
ERASING = Part("records", "comparisons")
KEPT = timedelta(hours=23)
AT_ONCE = 2_000
MEMBERS_MAX = 100_000
FILE_LETTERS_MAX = 200
LOOK = "comparison"
POSTED = ("name", "id_number", "birth_date", "sex", "phone")
"""What a row says of a person that a report to us may say."""
_MEMBERS = """
SELECT member, name, organisation FROM member
WHERE path ~>=~ %s AND path ~<~ %s AND standing <> 'ended'
ORDER BY organisation, member LIMIT %s"""
_CASES = f"""
SELECT member, id::text AS id, destination FROM transfer_case
WHERE member = ANY (:members) AND state NOT IN {in_sql(ENDED)}
ORDER BY opened_at"""
_DUE = f"""
SELECT id, organisation FROM comparison
WHERE erase_at <= :now AND {ERASING.not_aside("id::text")}"""

Identify = Callable[[Connection, Sequence[RollRow], DecisionContext], Sequence[Identified]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A roll that somebody compares: the organisation it is of, who compares (``by``), the person
    who signed in, and the name of the file.
    """

    organisation: Organisation
    roll: Roll
    by: str
    person: str | None = None
    file: str | None = None

    @property
    def rows(self) -> int:
        """How many rows it has, bad ones too."""
        return len(self.roll.rows) + len(self.roll.bad)


def compare(
    engine: Engine, identify: Identify, rule_source: RuleSource, upload: Upload, now: datetime
) -> UUID:
    """Compares and keeps the outcome; returns its id. ``engine`` acts as the worker; the caller's
    right is settled.

    Of a person outside the tree of who compares, it says that they belong elsewhere and no more.
    Refused 429 where who compares has compared as many rows today as policy allows.

    Reads first, then writes in a short transaction, so that a long roll holds nobody up.
    """
    with engine.connect() as tx:
        context = rule_source.context(tx, now)
    rows_most = context.policy_at(upload.by).compared_rows_most
    case_access.count(
        engine, upload.by, context.today, case_access.COMPARED_ROWS, upload.rows, rows_most
    )
    with engine.connect() as tx:
        persons = identify(tx, upload.roll.rows, context)
        beside = _beside(tx, upload, persons, context)
    matched, lines = outcome(upload.roll, persons, beside)
    comparison = uuid4()
    with engine.begin() as tx:
        _keep(tx, comparison, upload, matched, lines, now)
        _keep_rows(tx, comparison, upload.organisation, lines)
        looked_at = _with_paths(tx, _members_of(persons))
        case_access.record(tx, looked_at, upload.by, upload.person, LOOK, context)
    return comparison


def _members_of(persons: Iterable[Identified]) -> set[str]:
    return {person.member for person in persons if person.member}


def _beside(
    tx: Connection, upload: Upload, persons: Sequence[Identified], context: DecisionContext
) -> Beside:
    members = _members_below(tx, upload.organisation)
    return Beside(
        organisation=upload.organisation,
        by=upload.by,
        members=members,
        cases=_open_cases(tx, members.keys() | _members_of(persons)),
        directory=context.directory,
    )


def _with_paths(tx: Connection, members: Iterable[str]) -> list[tuple[str, str]]:
    """Members, each with the path of the organisation they belong to."""
    registered = tx.exec_driver_sql(
        "SELECT member, path FROM member WHERE member = ANY (%s)", (sorted(members),)
    )
    return [(member, path) for member, path in registered]


def _members_below(tx: Connection, organisation: Organisation) -> dict[str, RegisteredMember]:
    """Everybody who belongs to the organisation or below it, by reference."""
    path = organisation.path
    registered = tx.exec_driver_sql(_MEMBERS, (path, just_after(path), MEMBERS_MAX + 1)).all()
    if len(registered) > MEMBERS_MAX:
        raise refuse(
            422,
            "too-many-members",
            "这个组织的党员太多，请按下级组织分别比对。",
            "This organisation has too many members; compare the organisations below it one by "
            "one.",
        )
    return {row.member: RegisteredMember(row.name, row.organisation) for row in registered}


def _open_cases(tx: Connection, members: Iterable[str]) -> dict[str, OpenCase]:
    """The open case of each member who has one."""
    cases = rows(tx, _CASES, {"members": sorted(members)})
    return {row.member: OpenCase(row.id, row.destination) for row in cases}


_KEEP = """
INSERT INTO comparison (id, organisation, path, made_at, by_organisation, by_person, file, rows,
    matched, not_here,
    not_in_roll, in_review, bad, erase_at, notes)
VALUES (:id, :organisation, :path, :now, :by_organisation, :by_person, :file, :rows, :matched,
    :not_here, :not_in_roll,
    :review, :bad, :erase_at, CAST(:notes AS jsonb))"""
_KEEP_ROWS = """
INSERT INTO comparison_row (comparison, position, path, list, row_number, member, belongs_to,
    case_id, person, candidates,
    faults, next)
SELECT %s, position, %s, list, row_number, member, belongs_to, case_id, person, candidates, faults,
    next
FROM json_to_recordset(%s::json) AS l(position int, list text, row_number int, member text,
    belongs_to text,
    case_id uuid, person json, candidates jsonb, faults jsonb, next text)"""

_COLUMNS = tuple(column.name for column in fields(Line))


def _keep(
    tx: Connection,
    comparison: UUID,
    upload: Upload,
    matched: int,
    lines: Sequence[Line],
    now: datetime,
) -> None:
    """Keeps how many rows stand in each list, and when what is of persons shall be erased."""
    number_of = Counter(line.list for line in lines)
    holds_persons = any(line.person for line in lines)
    notes = [note._asdict() for note in upload.roll.notes]
    tx.execute(
        text(_KEEP),
        {
            "id": comparison,
            "organisation": upload.organisation.code,
            "path": upload.organisation.path,
            "now": now,
            "by_organisation": upload.by,
            "by_person": upload.person,
            "file": (upload.file or "")[:FILE_LETTERS_MAX] or None,
            "rows": upload.rows,
            "matched": matched,
            "erase_at": now + KEPT if holds_persons else None,
            "notes": dumps(notes) if notes else None,
            **{name: number_of[name] for name in LISTS},
        },
    )


def _keep_rows(
    tx: Connection, comparison: UUID, organisation: Organisation, lines: Sequence[Line]
) -> None:
    kept: list[dict[str, Any]] = []
    for position, line in enumerate(lines):
        columns = {column: getattr(line, column) for column in _COLUMNS}
        kept.append({"position": position, **columns})
    for start in range(0, len(kept), AT_ONCE):
        part = dumps(kept[start : start + AT_ONCE])
        tx.exec_driver_sql(_KEEP_ROWS, (comparison, organisation.path, part))


def erase(engine: Engine, now: datetime) -> int:
    """Erases what was uploaded of persons a day ago; returns of how many comparisons. Outcome, date
    and who stay.
    """
    with engine.begin() as tx:
        due = rows(
            tx,
            _DUE,
            {"now": now},
        )
        done = ERASING.each_by_itself(
            tx,
            due,
            lambda part: _erase(tx, [row.id for row in part]),
            now,
            key=lambda row: str(row.id),
            organisation=lambda row: row.organisation,
        )
    return len(due) - done.left_out


def _erase(tx: Connection, due: Sequence[UUID]) -> None:
    tx.exec_driver_sql("UPDATE comparison SET erase_at = NULL WHERE id = ANY (%s)", (list(due),))
    tx.exec_driver_sql(
        "UPDATE comparison_row SET person = NULL, candidates = NULL WHERE comparison = ANY (%s)",
        (list(due),),
    )


_MADE = """
SELECT id::text AS id, organisation, made_at, by_organisation, by_person, file, rows, matched,
    not_here, not_in_roll,
       in_review, bad, erase_at, notes
FROM comparison WHERE CAST(:id AS uuid) IS NULL OR id = CAST(:id AS uuid) ORDER BY made_at DESC, id
LIMIT :limit OFFSET :offset"""


def made(
    tx: Connection, ident: UUID | None = None, limit: int = 100, offset: int = 0
) -> list[dict[str, Any]]:
    """The comparisons that this transaction sees, newest first; or the one of that id."""
    return [dict(row) for row in rows(tx, _MADE, {"id": ident, "limit": limit, "offset": offset})]


_LINES = """
SELECT r.position, r.list, r.next, r.row_number, r.member, r.belongs_to, r.case_id::text AS case_id,
    r.person,
       r.candidates, r.faults, r.event_id::text AS event_id, r.done_at, m.name AS member_name
FROM comparison_row r LEFT JOIN member m ON m.member = r.member
WHERE r.comparison = :id AND (CAST(:list AS text) IS NULL OR r.list = :list) AND r.position > :after
ORDER BY r.position LIMIT :limit"""


def lines_of(
    tx: Connection,
    ident: UUID,
    list_: str | None = None,
    after: int = -1,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Rows of one comparison in order; ``member_name`` only of members whom this transaction
    sees.
    """
    asked = {"id": ident, "list": list_, "after": after, "limit": limit}
    return [dict(row) for row in rows(tx, _LINES, asked)]


def done(tx: Connection, ident: UUID, position: int, event: UUID, by: str, now: datetime) -> None:
    """Notes that a row was reported; ``tx`` acts as the worker."""
    tx.exec_driver_sql(
        "UPDATE comparison_row SET event_id = %s, done_at = %s, done_by = %s "
        "WHERE comparison = %s AND position = %s",
        (event, now, by, ident, position),
    )


def report_of(line: Mapping[str, Any], comparison: UUID, source: str) -> dict[str, Any]:
    """The host.report that a row of ``not_here`` becomes; the same one however often it is
    pressed.
    """
    uploaded = line["person"] or {}
    person = _posted_person(uploaded)
    if line["member"]:
        person["member"] = line["member"]
    if not person:
        raise refuse(
            409,
            "erased",
            "名册上传已满一天，个人信息已清除，请重新上传名册再报。",
            "The roll is more than a day old and its persons are erased; upload it again.",
        )
    data: dict[str, Any] = {"person": person}
    if uploaded.get("address"):
        data["to"] = {"address": uploaded["address"]}
    return {
        "specversion": "1.0",
        "type": "guidui.host.report.v1",
        "source": source,
        "id": f"comparison-{comparison}-{line['position']}",
        "datacontenttype": "application/json",
        "data": data,
    }


def _posted_person(uploaded: Mapping[str, Any]) -> dict[str, Any]:
    """What a row says of a person, as far as intake would take it."""
    return {
        name: value
        for name, value in uploaded.items()
        if name in POSTED and rosters.may_be_posted(name, value)
    }
