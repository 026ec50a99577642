"""A roll beside the register: who stands in the roll but not here, who here but not in the roll
(名册比对).

What was uploaded of persons is erased within a day; the outcome stays, with its date and who made
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, text

from services.cases.commands.arguments import refuse
from services.cases.model.case import DecisionContext
from services.cases.model.states import ENDED, in_sql
from services.cases.routing.rule_source import RuleSource
from services.cases.views import case_access
from services.identity.names import fold_name
from services.kit.db.engine import dumps, rows
from services.kit.loops import Part
from services.registry import rosters
from services.registry.directory import Directory, Organisation
from services.registry.rosters import BadRow, Roll, RollRow
from services.registry.tree import just_after

ERASING = Part("records", "comparisons")
KEPT = timedelta(hours=23)
AT_ONCE = 2_000
MEMBERS_MAX = 100_000
NOT_HERE, NOT_IN_ROLL, REVIEW, BAD = "not_here", "not_in_roll", "review", "bad"
LISTS = (NOT_HERE, NOT_IN_ROLL, REVIEW, BAD)
ELSEWHERE = "elsewhere"
"""In the place of an organisation: one outside the tree of who compares, and no more is said of
it.
"""
LOOK = "comparison"


class Who(Protocol):
    """What the matcher says of one row."""

    @property
    def decision(self) -> str: ...

    @property
    def member(self) -> str | None: ...

    @property
    def organisation(self) -> str | None: ...

    @property
    def candidates(self) -> Sequence[Mapping[str, Any]]: ...


Identify = Callable[[Connection, Sequence[RollRow], DecisionContext], Sequence[Who]]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the outcome; ``next`` is what may be done about it (docs/data-formats.md)."""

    list: str
    next: str
    row_number: int | None = None
    member: str | None = None
    belongs_to: str | None = None
    case_id: str | None = None
    person: Mapping[str, Any] | None = None
    candidates: Sequence[Mapping[str, Any]] | None = None
    faults: Mapping[str, str] | None = None


def compare(  # noqa: PLR0913
    engine: Engine,
    identify: Identify,
    rule_source: RuleSource,
    organisation: Organisation,
    roll: Roll,
    now: datetime,
    *,
    by: str,
    person: str | None = None,
    file: str | None = None,
) -> UUID:
    """Compares and keeps the outcome; returns its id. ``engine`` acts as the worker; the caller's
    right is settled.

    Of a person outside the tree of ``by``, who compares, it says that they belong elsewhere and no
    more. Refused 429 where ``by`` has compared as many rows today as policy allows.

    Reads first, then writes in a short transaction, so that a long roll holds nobody up.
    """
    number = len(roll.rows) + len(roll.bad)
    with engine.connect() as tx:
        context = rule_source.context(tx, now)
    case_access.count(
        engine,
        by,
        context.today,
        case_access.COMPARED_ROWS,
        number,
        context.policy_at(by).compared_rows_most,
    )
    with engine.connect() as tx:
        persons = identify(tx, roll.rows, context)
        here = _members_below(tx, organisation)
        cases = _open_cases(tx, {*here, *(f.member for f in persons if f.member)})
    matched, lines = outcome(organisation, roll, persons, here, cases, context.directory, by)
    ident = uuid4()
    with engine.begin() as tx:
        _keep(
            tx,
            ident,
            organisation,
            lines,
            now,
            {
                "by_organisation": by,
                "by_person": person,
                "file": (file or "")[:200] or None,
                "rows": number,
                "matched": matched,
                "notes": _notes(roll),
            },
        )
        case_access.record(tx, _of_others(tx, persons), by, person, LOOK, context)
    return ident


def _notes(roll: Roll) -> str | None:
    return dumps([note._asdict() for note in roll.notes]) if roll.notes else None


def _of_others(tx: Connection, persons: Sequence[Who]) -> list[tuple[str, str]]:
    """The members whom rows were matched with, each with the path of the organisation they belong
    to.
    """
    members = sorted({person.member for person in persons if person.member})
    return [
        (row[0], row[1])
        for row in tx.exec_driver_sql(
            "SELECT member, path FROM member WHERE member = ANY (%s)", (members,)
        )
    ]


def _members_below(tx: Connection, organisation: Organisation) -> dict[str, tuple[str, str]]:
    """Member -> (name, organisation) of everybody who belongs to the organisation or below it."""
    known = tx.exec_driver_sql(
        "SELECT member, name, organisation FROM member WHERE path ~>=~ %s AND path ~<~ %s AND "
        "standing <> 'ended' "
        "ORDER BY organisation, member LIMIT %s",
        (organisation.path, just_after(organisation.path), MEMBERS_MAX + 1),
    ).all()
    if len(known) > MEMBERS_MAX:
        raise refuse(
            422,
            "too-many-members",
            "这个组织的党员太多，请按下级组织分别比对。",
            "This organisation has too many members; compare the organisations below it one by "
            "one.",
        )
    return {row[0]: (row[1], row[2]) for row in known}


def _open_cases(tx: Connection, members: set[str]) -> dict[str, tuple[str, str | None]]:
    """Member -> (open case, its destination)."""
    lines = rows(
        tx,
        f"""SELECT member, id::text AS id, destination FROM transfer_case WHERE member = ANY (:m)
        AND state NOT IN {in_sql(ENDED)}
        ORDER BY opened_at""",
        {"m": sorted(members)},
    )
    return {row.member: (row.id, row.destination) for row in lines}


def outcome(  # noqa: PLR0913
    organisation: Organisation,
    roll: Roll,
    persons: Sequence[Who],
    here: Mapping[str, tuple[str, str]],
    cases: Mapping[str, tuple[str, str | None]],
    directory: Directory,
    by: str | None = None,
) -> tuple[int, list[Line]]:
    """(how many rows stand here, the lines of the four lists), as ``by``, who compares, may know
    them. Pure.

    A member whom a bad or a doubtful row may mean is not called missing from the roll.
    """
    bad, first, maybe = list(roll.bad), {}, set()
    lines: list[Line] = []
    matched = 0
    for row, person in zip(roll.rows, persons, strict=True):
        if person.member and person.member in first:
            bad.append(
                BadRow(
                    row.number,
                    "姓名",
                    f"与第 {first[person.member]} 行是同一名党员",
                    "请删去其中一行",
                    row.cells(),
                )
            )
        elif person.member in here:
            matched += 1
        elif person.decision == "match":
            lines.append(
                _elsewhere(organisation, row, person, cases, directory, by or organisation.code)
            )
        elif person.decision == "not_a_member":
            lines.append(Line(NOT_HERE, "host_report", row.number, person=row.cells()))
        else:
            maybe |= {c["member"] for c in person.candidates}
            own = [c for c in person.candidates if c["member"] in here]
            lines.append(
                Line(REVIEW, "look", row.number, person=row.cells(), candidates=own or None)
            )
        if person.member:
            first.setdefault(person.member, row.number)
    names = {fold_name(b.cells.get("name")) for b in bad if b.cells.get("name")}
    names |= {
        fold_name(line.person["name"]) for line in lines if line.list == REVIEW and line.person
    }
    for member, (name, belongs_to) in here.items():
        if member not in first and member not in maybe and fold_name(name) not in names:
            case = cases.get(member)
            lines.append(
                Line(
                    NOT_IN_ROLL,
                    "case" if case else "announce_departure",
                    None,
                    member,
                    belongs_to,
                    case[0] if case else None,
                )
            )
    lines += [
        Line(
            BAD,
            "mend",
            b.number,
            person=b.cells,
            faults={"column": b.column, "reason": b.reason, "fix": b.fix},
        )
        for b in bad
    ]
    return matched, lines


def _elsewhere(
    organisation: Organisation,
    row: RollRow,
    person: Who,
    cases: Mapping[str, tuple[str, str | None]],
    directory: Directory,
    by: str,
) -> Line:
    """A member of another organisation: reported as being here, unless the move hither is under
    way.

    Who compares learns where the member belongs, and of a case, only within the own tree; the move
    hither is its own.
    """
    case, destination = cases.get(person.member or "", (None, None))
    if destination is not None and directory.within(destination, organisation.code):
        return Line(NOT_HERE, "case", row.number, None, ELSEWHERE, case, row.cells())
    if directory.within(person.organisation, by):
        return Line(
            NOT_HERE,
            "host_report",
            row.number,
            person.member,
            person.organisation,
            case,
            row.cells(),
        )
    return Line(NOT_HERE, "host_report", row.number, None, ELSEWHERE, None, row.cells())


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
_COLUMNS = tuple(f.name for f in fields(Line))


def _keep(
    tx: Connection,
    ident: UUID,
    organisation: Organisation,
    lines: Sequence[Line],
    now: datetime,
    more: Mapping[str, Any],
) -> None:
    counts = {name: sum(1 for line in lines if line.list == name) for name in LISTS}
    kept = [
        {"position": position, **{k: getattr(line, k) for k in _COLUMNS}}
        for position, line in enumerate(lines)
    ]
    tx.execute(
        text(_KEEP),
        {
            "id": ident,
            "organisation": organisation.code,
            "path": organisation.path,
            "now": now,
            "erase_at": now + KEPT if any(line.person for line in lines) else None,
            **counts,
            **more,
        },
    )
    for start in range(0, len(kept), AT_ONCE):
        tx.exec_driver_sql(
            _KEEP_ROWS, (ident, organisation.path, dumps(kept[start : start + AT_ONCE]))
        )


def erase(engine: Engine, now: datetime) -> int:
    """Erases what was uploaded of persons a day ago; returns of how many comparisons. Outcome, date
    and who stay.
    """
    with engine.begin() as tx:
        due = rows(
            tx,
            f"SELECT id, organisation FROM comparison WHERE erase_at <= :now AND "
            f"{ERASING.not_aside('id::text')}",
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
    return [
        dict(row)
        for row in rows(tx, _LINES, {"id": ident, "list": list_, "after": after, "limit": limit})
    ]


def for_reader(
    lines: Sequence[Mapping[str, Any]], reader: str, directory: Directory
) -> list[dict[str, Any]]:
    """Rows as ``reader`` may see them, where an organisation above it compared: what lies beyond
    its tree is elsewhere.
    """
    shown = []
    for line in lines:
        known = (
            line["list"] != NOT_HERE
            or line["belongs_to"] in (None, ELSEWHERE)
            or directory.within(line["belongs_to"], reader)
        )
        shown.append(
            dict(line)
            if known
            else {**line, "belongs_to": ELSEWHERE, "member": None, "case_id": None}
        )
    return shown


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
    person = {
        k: v
        for k, v in (line["person"] or {}).items()
        if k in ("name", "id_number", "birth_date", "sex", "phone") and rosters.may_be_posted(k, v)
    } | ({"member": line["member"]} if line["member"] else {})
    if not person:
        raise refuse(
            409,
            "erased",
            "名册上传已满一天，个人信息已清除，请重新上传名册再报。",
            "The roll is more than a day old and its persons are erased; upload it again.",
        )
    address = (line["person"] or {}).get("address")
    return {
        "specversion": "1.0",
        "type": "guidui.host.report.v1",
        "source": source,
        "id": f"comparison-{comparison}-{line['position']}",
        "datacontenttype": "application/json",
        "data": {"person": person, **({"to": {"address": address}} if address else {})},
    }
