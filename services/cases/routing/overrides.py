"""Where a department decides otherwise than the decision table: for a city or for its own leavers,
from a day on.

An override names who receives instead of whom the table would propose. What the sender stated goes
before it. It counts for moves that begin while it is in force, so no case that is open already
changes by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import Connection

from schemas.days import NoDay, read_day
from services.cases.commands.arguments import bounded, refuse
from services.cases.deadlines.calendar import day_of
from services.cases.routing.decision_table import DecisionTable, Proposal, table
from services.kit.db.engine import rows
from services.kit.errors import Refused

if TYPE_CHECKING:
    from services.cases.model.case import Case
    from services.registry.directory import Directory

COLUMNS = ("row", "area", "under", "destination", "from", "until", "source")
NEEDED = ("destination", "from", "source")
SOURCE_MAX = 300


@dataclass(frozen=True, slots=True)
class Override:
    """One rule of a department. ``row`` None: every row that looks for a destination; ``area``: the
    beginning of the new address's division code; ``under``: the organisation whose tree the member
    leaves; days are inclusive.
    """

    id: str
    organisation: str
    row: str | None
    area: str | None
    under: str | None
    destination: str
    begins: date
    until: date | None
    source: str
    set_at: datetime
    ended_at: datetime | None = None

    def covers(self, case: Case, row: str | None, directory: Directory) -> bool:
        """Whether the case is one of those it speaks of (whenever it began)."""
        area = case.facts.get("to.area") or ""
        return (
            self.row in (None, row)
            and (self.area is None or area.startswith(self.area))
            and (self.under is None or directory.within(case.origin, self.under))
        )

    def in_force(self, opened_at: datetime) -> bool:
        """Whether it counted when a move began."""
        day = day_of(opened_at)
        return (
            self.begins <= day
            and (self.until is None or day <= self.until)
            and self.set_at <= opened_at
            and (self.ended_at is None or opened_at < self.ended_at)
        )

    @property
    def narrowness(self) -> tuple[int, bool, bool, datetime]:
        """Of several the one for the smaller area counts, then the one for a row, for leavers of a
        tree, the newer.
        """
        return len(self.area or ""), self.row is not None, self.under is not None, self.set_at


@dataclass(frozen=True, slots=True)
class Judgement:
    """What table and overrides make of a case: its row, the proposal, and the override that
    decided, if one did.
    """

    row: str | None
    proposal: Proposal
    override: Override | None = None


def judge(
    case: Case,
    rules: DecisionTable,
    overrides: Iterable[Override],
    directory: Directory,
    today: date,
    opened_at: datetime,
) -> Judgement:
    """The row of a case and whom it proposes. ``opened_at``: when the move began; overrides count
    by it.
    """
    row = _row_of(case, rules, directory)
    claim = case.reports[-1]["organisation"] if case.reports else None
    proposal = rules.propose(row, case.facts, claim, directory, today)
    if row is None or proposal.source == "stated":
        return Judgement(row, proposal)
    row_looks = rules.looks_for(row, case.facts)
    fitting = []
    for override in overrides:
        for_this_row = row_looks or override.row == row
        in_force = override.in_force(opened_at)
        if in_force and for_this_row and override.covers(case, row, directory):
            fitting.append(override)
    for override in sorted(fitting, key=_narrowness, reverse=True):
        standing = directory.successor(override.destination, today)
        if standing is not None:
            area = case.facts.get("to.area") or standing.area
            return Judgement(row, Proposal(standing.code, "rule", area), override)
    return Judgement(row, proposal)


def _row_of(case: Case, rules: DecisionTable, directory: Directory) -> str | None:
    """The row that the facts choose; B35 where a person triaged and no row fits, so that somebody
    decides.
    """
    origin = directory.get(case.origin) if case.origin else None
    row = rules.choose(case.facts, origin.unit if origin else None)
    if row is None and case.triaged_by_person and case.facts.get("category") != "death":
        return "B35"
    return row


def _narrowness(override: Override) -> tuple[int, bool, bool, datetime]:
    return override.narrowness


_READ = """
SELECT id::text AS id, organisation, row, area, under, destination, "from" AS begins, until, source,
    set_at, ended_at
FROM destination_override ORDER BY set_at, id"""


def stored(tx: Connection) -> tuple[Override, ...]:
    """Every override that this transaction sees, ended ones too: cases that began under them keep
    them.
    """
    return tuple(Override(**row) for row in rows(tx, _READ))


def read(
    given: Mapping[str, Any], department: str, directory: Directory, now: datetime
) -> Override:
    """An override from its fields (``COLUMNS``), as ``department`` may set it; Refused 422 or 403
    says what is wrong.
    """
    cells = {name: str(given.get(name) or "").strip() or None for name in COLUMNS}
    _refuse_missing(cells)
    _refuse_row(cells["row"])
    _refuse_area(cells)
    _known("destination", cells, directory)
    begins, until = _period(cells)
    _may(directory, department, cells)
    _known("under", cells, directory)  # only then: strangers are not told whether there is one
    return Override(
        str(uuid4()),
        department,
        cells["row"],
        cells["area"],
        cells["under"],
        cells["destination"] or "",
        begins,
        until,
        bounded(cells["source"], SOURCE_MAX, _called("source")),
        now,
    )


def _refuse_missing(cells: Mapping[str, str | None]) -> None:
    for name in NEEDED:
        if cells[name] is None:
            raise refuse(
                422,
                "field-missing",
                f"缺少{_called(name)}，请补上。",
                f"{name} is missing.",
                field=name,
            )


def _refuse_row(row: str | None) -> None:
    """A row may be left out; one that is named must be a row that decides by itself."""
    if row is None:
        return
    if row not in table().rows:
        raise _wrong("row", f"：没有规则 {row}", f"the table has no row {row}")
    if row not in table().counting:
        raise _wrong(
            "row",
            f"：{row} 只指向各情形自己的规则，本身不定去向，请选那一条",
            f": {row} only passes on to the row of the category; name that one",
        )


def _refuse_area(cells: Mapping[str, str | None]) -> None:
    """Either the area of the new address must be there, or the organisation that is left."""
    area = cells["area"]
    if area is None:
        if cells["under"]:
            return
        raise _wrong(
            "area",
            f"和{_called('under')}至少填一项",
            "or under must be given: where the new address lies, or whose members leave",
        )
    is_code = area.isascii() and area.isdigit() and 2 <= len(area) <= 12
    if not is_code:
        raise _wrong(
            "area", "应当是 2 到 12 位区划代码", "must be a division code of 2 to 12 digits"
        )


def _period(cells: Mapping[str, str | None]) -> tuple[date, date | None]:
    """From which day on an override counts, and its last day where it has one."""
    begins = _day_said(cells, "from")
    if not cells["until"]:
        return begins, None
    until = _day_said(cells, "until")
    if until < begins:
        raise _wrong("until", f"早于{_called('from')}", "lies before from")
    return begins, until


def _known(name: str, cells: Mapping[str, str | None], directory: Directory) -> None:
    if cells[name] and directory.get(cells[name]) is None:
        code = cells[name]
        raise _wrong(
            name, f"：没有代码为 {code} 的党组织", f": no organisation has the code {code}"
        )


def _may(directory: Directory, department: str, cells: Mapping[str, str | None]) -> None:
    """A department speaks of its own leavers, or of addresses in its own area that organisations
    below it receive.
    """
    me = directory.get(department)
    own_leavers = cells["under"] and directory.within(cells["under"], department)
    within_own_area = me and me.area and cells["area"] and cells["area"].startswith(me.area)
    own_area = within_own_area and directory.within(cells["destination"], department)
    if me is None or not (own_leavers or own_area):
        raise refuse(
            403,
            "not-yours-to-decide",
            "只能为本部门所属党组织的党员，或为本地区的住址定本地的接收党组织。",
            "A department decides about members of its own organisations, or about addresses in "
            "its own area "
            "that its own organisations receive.",
        )


def _day_said(cells: Mapping[str, str | None], name: str) -> date:
    try:
        return read_day(cells[name])
    except NoDay as fault:
        raise _wrong(name, fault.zh, fault.en) from None


_CALLED = {
    "row": "规则",
    "area": "新住址的区划代码",
    "under": "离开的党组织",
    "destination": "接收的党组织",
    "from": "自何日起",
    "until": "至何日止",
    "source": "依据的文件",
}


def _called(name: str) -> str:
    """A field as the page and as the file call it."""
    return f"“{_CALLED[name]}”（{name}）"


def _wrong(name: str, zh: str, en: str) -> Refused:
    return refuse(422, "field-wrong", f"{_called(name)}{zh}。", f"{name} {en}.", field=name)


def keep(
    tx: Connection, overrides: Sequence[Override], directory: Directory, person: str | None = None
) -> None:
    """Puts overrides in force; ``tx`` acts as the worker."""
    for override in overrides:
        tx.exec_driver_sql(
            "INSERT INTO destination_override (id, organisation, path, row, area, under, "
            'destination, "from", until, '
            "source, set_at, set_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                override.id,
                override.organisation,
                directory.path(override.organisation),
                override.row,
                override.area,
                override.under,
                override.destination,
                override.begins,
                override.until,
                override.source,
                override.set_at,
                person,
            ),
        )


def end(tx: Connection, ident: str, now: datetime, person: str | None = None) -> bool:
    """Ends one for moves that begin from now on; False where it does not stand. ``tx`` acts as the
    worker.
    """
    try:
        known = str(UUID(ident))
    except ValueError:
        return False
    ended = tx.exec_driver_sql(
        "UPDATE destination_override SET ended_at = %s, ended_by = %s WHERE id = %s "
        "AND ended_at IS NULL RETURNING 1",
        (now, person, known),
    )
    return ended.first() is not None
