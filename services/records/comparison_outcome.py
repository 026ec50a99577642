"""What comes of a roll beside the register, row by row. Nothing here reads or writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.identity.names import fold_name
from services.registry.directory import Directory, Organisation
from services.registry.rosters import BadRow, Roll, RollRow

NOT_HERE, NOT_IN_ROLL, REVIEW, BAD = "not_here", "not_in_roll", "review", "bad"
LISTS = (NOT_HERE, NOT_IN_ROLL, REVIEW, BAD)
ELSEWHERE = "elsewhere"
"""In the place of an organisation: one outside the tree of who compares, and no more is said of
it.
"""


class Identified(Protocol):
    """What the matcher says of one row."""

    @property
    def decision(self) -> str: ...

    @property
    def member(self) -> str | None: ...

    @property
    def organisation(self) -> str | None: ...

    @property
    def candidates(self) -> Sequence[Mapping[str, Any]]: ...


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


@dataclass(frozen=True, slots=True)
class RegisteredMember:
    """A member of the organisation that is compared, or of one below it."""

    name: str
    organisation: str


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A member's transfer that is under way."""

    id: str
    destination: str | None


@dataclass(frozen=True, slots=True)
class Beside:
    """What a roll of ``organisation`` is compared with.

    ``by``: who compares. ``members``: who belongs to the organisation or below it, by reference.
    ``cases``: the open case of each member.
    """

    organisation: Organisation
    by: str
    members: Mapping[str, RegisteredMember]
    cases: Mapping[str, OpenCase]
    directory: Directory


def outcome(roll: Roll, persons: Sequence[Identified], beside: Beside) -> tuple[int, list[Line]]:
    """(how many rows stand here, the lines of the four lists), as whoever compares may know them.
    ``persons``: who each row is.

    A member whom a bad or a doubtful row may mean is not called missing from the roll.
    """
    comparing = _Comparing(beside, bad=list(roll.bad))
    for row, person in zip(roll.rows, persons, strict=True):
        comparing.take(row, person)
    missing = _missing_from_roll(beside, comparing)
    bad = [_bad_line(row) for row in comparing.bad]
    return comparing.matched, [*comparing.lines, *missing, *bad]


@dataclass(slots=True)
class _Comparing:
    """A roll that is gone through row by row.

    ``rows_of``: the first row of each member. ``maybe``: members whom doubtful rows may mean.
    """

    beside: Beside
    bad: list[BadRow]
    lines: list[Line] = field(default_factory=list)
    matched: int = 0
    rows_of: dict[str, int] = field(default_factory=dict)
    maybe: set[str] = field(default_factory=set)

    def take(self, row: RollRow, person: Identified) -> None:
        """Lets a row stand in one of the lists, or counts it among those that stand here."""
        member = person.member
        if member and member in self.rows_of:
            self.bad.append(_twice(row, self.rows_of[member]))
        elif member in self.beside.members:
            self.matched += 1
        elif person.decision == "match":
            self.lines.append(elsewhere(row, person, self.beside))
        elif person.decision == "not_a_member":
            self.lines.append(Line(NOT_HERE, "host_report", row.number, person=row.cells()))
        else:
            self._doubt(row, person)
        if member:
            self.rows_of.setdefault(member, row.number)

    def _doubt(self, row: RollRow, person: Identified) -> None:
        """A row that may be several: of those outside the organisation nothing is shown."""
        self.maybe.update(candidate["member"] for candidate in person.candidates)
        own = [c for c in person.candidates if c["member"] in self.beside.members]
        line = Line(REVIEW, "look", row.number, person=row.cells(), candidates=own or None)
        self.lines.append(line)

    def unclear_names(self) -> set[str]:
        """The names, folded, of rows that are bad or doubtful: they may be anybody of that name."""
        unclear = [row.cells.get("name") for row in self.bad]
        for line in self.lines:
            if line.list == REVIEW and line.person:
                unclear.append(line.person.get("name"))
        return {fold_name(name) for name in unclear if name}


def _twice(row: RollRow, first: int) -> BadRow:
    reason = f"与第 {first} 行是同一名党员"
    return BadRow(row.number, "姓名", reason, "请删去其中一行", row.cells())


def _missing_from_roll(beside: Beside, comparing: _Comparing) -> list[Line]:
    """Members who stand here and whom no row can be."""
    names = comparing.unclear_names()
    listed: Collection[str] = comparing.rows_of.keys() | comparing.maybe
    lines: list[Line] = []
    for member, registered in beside.members.items():
        if member in listed or fold_name(registered.name) in names:
            continue
        case = beside.cases.get(member)
        line = Line(
            NOT_IN_ROLL,
            "case" if case else "announce_departure",
            member=member,
            belongs_to=registered.organisation,
            case_id=case.id if case else None,
        )
        lines.append(line)
    return lines


def _bad_line(row: BadRow) -> Line:
    faults = {"column": row.column, "reason": row.reason, "fix": row.fix}
    return Line(BAD, "mend", row.number, person=row.cells, faults=faults)


def elsewhere(row: RollRow, person: Identified, beside: Beside) -> Line:
    """A member of another organisation: reported as being here, unless the move hither is under
    way.

    Who compares learns where the member belongs, and of a case, only within the own tree; the move
    hither is its own.
    """
    directory = beside.directory
    case = beside.cases.get(person.member or "")
    if case and _comes_hither(case, beside):
        return Line(
            NOT_HERE,
            "case",
            row.number,
            belongs_to=ELSEWHERE,
            case_id=case.id,
            person=row.cells(),
        )
    if directory.within(person.organisation, beside.by):
        return Line(
            NOT_HERE,
            "host_report",
            row.number,
            member=person.member,
            belongs_to=person.organisation,
            case_id=case.id if case else None,
            person=row.cells(),
        )
    return Line(NOT_HERE, "host_report", row.number, belongs_to=ELSEWHERE, person=row.cells())


def _comes_hither(case: OpenCase, beside: Beside) -> bool:
    if case.destination is None:
        return False
    return beside.directory.within(case.destination, beside.organisation.code)


def for_reader(
    lines: Sequence[Mapping[str, Any]], reader: str, directory: Directory
) -> list[dict[str, Any]]:
    """Rows as ``reader`` may see them, where an organisation above it compared: what lies beyond
    its tree is elsewhere.
    """
    hidden = {"belongs_to": ELSEWHERE, "member": None, "case_id": None}
    shown: list[dict[str, Any]] = []
    for line in lines:
        if _may_know(line, reader, directory):
            shown.append(dict(line))
        else:
            shown.append({**line, **hidden})
    return shown


def _may_know(line: Mapping[str, Any], reader: str, directory: Directory) -> bool:
    """Whether a reader may know where the member of a row belongs."""
    belongs_to = line["belongs_to"]
    if line["list"] != NOT_HERE or belongs_to in (None, ELSEWHERE):
        return True
    return directory.within(belongs_to, reader)
