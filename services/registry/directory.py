"""The directory of organisations in memory: immutable, for the matcher and the case commands.

``Directory.of(tx)`` costs one row read while the register has not changed. What the methods answer
is fixed by docs/interface.md §7.3 and §7.4; "above" and "at or above" follow ``parent``.
"""

from __future__ import annotations

import threading
import unicodedata
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from schemas.days import stored_day
from services.identity import han
from services.registry.tree import codes_of, paths

CACHED_MAX = 4
NAME_LETTERS_MIN = 2


class Organisation(NamedTuple):
    """One party organisation; the fields are the columns of organisations.csv
    (docs/data-formats.md).
    """

    code: str
    path: str
    name: str
    kind: str
    unit: str
    parent: str | None = None
    area: str | None = None
    serves_area: bool = False
    authority: bool = False
    address: str | None = None
    effective_from: date | None = None
    effective_to: date | None = None
    successor: str | None = None
    outside: bool = False

    @property
    def depth(self) -> int:
        """How many organisations stand above."""
        return self.path.count(".") - 1

    def begun(self, on: date | None) -> bool:
        """Whether it exists by that day (None: any day)."""
        return on is None or self.effective_from is None or self.effective_from <= on

    def ended(self, on: date | None) -> bool:
        """Whether the day lies past its ``effective_to``, which is its last day."""
        return on is not None and self.effective_to is not None and self.effective_to < on


class Directory:
    """All organisations by code, place and name. Where a day ``on`` is asked for, None means that
    dates do not count.
    """

    def __init__(self, organisations: Iterable[Organisation]) -> None:
        self._all = {organisation.code: organisation for organisation in organisations}
        self._by_area: dict[str, list[Organisation]] = {}
        self._lines: dict[str | None, tuple[Organisation, ...]] = {}
        self._talent: dict[str, list[Organisation]] = {}
        units = []
        for organisation in sorted(self._all.values(), key=_highest_first):
            if organisation.serves_area:
                if organisation.area:
                    self._by_area.setdefault(organisation.area, []).append(organisation)
            else:
                units.append(organisation)
                if organisation.unit == "talent_service" and organisation.area:
                    self._talent.setdefault(organisation.area, []).append(organisation)
        self._units = _Names(units)
        self._past: tuple[Organisation, ...] = tuple(
            organisation for organisation in self._all.values() if organisation.effective_to
        )

    @classmethod
    def build(cls, rows: Iterable[Mapping[str, Any]]) -> Directory:
        """From plain rows with the columns of organisations.csv, without a database.

        Dates may be text, truths ``yes``. Rows whose line of superiors is broken stand at the top
        of a tree of their own.
        """
        rows = list(rows)
        path = paths({row["code"]: row.get("parent") for row in rows})
        return cls(_from_row(row, path.get(row["code"], row["code"] + ".")) for row in rows)

    @classmethod
    def of(cls, tx: Connection) -> Directory:
        """The register as ``tx`` sees it; read anew only when it changed. Any role may ask; safe
        between threads.
        """
        mark = tx.exec_driver_sql(
            "SELECT mark FROM registry_version WHERE part = 'organisation'"
        ).scalar_one()
        with _lock:
            if mark in _cached:
                _cached.move_to_end(mark)
                return _cached[mark]
            fresh = cls(map(Organisation._make, tx.exec_driver_sql(_READ)))
            _cached[mark] = fresh
            if len(_cached) > CACHED_MAX:
                _cached.popitem(last=False)
            return fresh

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Organisation]:
        return iter(self._all.values())

    def __contains__(self, code: str | None) -> bool:
        return code in self._all

    def get(self, code: str | None) -> Organisation | None:
        """The organisation of that code, ended ones too; None if there is none."""
        return self._all.get(code) if code else None

    def __getitem__(self, code: str) -> Organisation:
        """The organisation of that code, ended ones too; KeyError if there is none."""
        return self._all[code]

    def path(self, code: str) -> str:
        """Its path; KeyError if there is no such organisation."""
        return self._all[code].path

    def superiors(self, code: str | None) -> tuple[Organisation, ...]:
        """Itself and all above it, upwards; empty if there is no such organisation."""
        known = self._lines.get(code or "")
        if known is None:
            organisation = self.get(code)
            known = (
                tuple(
                    self._all[above]
                    for above in reversed(codes_of(organisation.path))
                    if above in self._all
                )
                if organisation
                else ()
            )
            if organisation:
                self._lines[organisation.code] = known
        return known

    def committee(self, code: str | None) -> Organisation | None:
        """Its committee (§6): the nearest ``basic_committee`` at or above, else the nearest with
        authority.
        """
        for organisation in self.superiors(code):
            if organisation.kind == "basic_committee":
                return organisation
        return self.with_authority(code)

    def with_authority(self, code: str | None) -> Organisation | None:
        """Itself if it has authority to send and receive, else its nearest superior that has."""
        return next(
            (organisation for organisation in self.superiors(code) if organisation.authority), None
        )

    def department_above(self, code: str | None) -> Organisation | None:
        """The nearest ``organisation_department`` at or above."""
        return next(filter(_is_department, self.superiors(code)), None)

    def common_department(self, a: str | None, b: str | None) -> Organisation | None:
        """The lowest ``organisation_department`` in the lines of superiors of both."""
        line = {organisation.code for organisation in self.superiors(b)}
        return next(
            (
                organisation
                for organisation in self.superiors(a)
                if organisation.code in line and _is_department(organisation)
            ),
            None,
        )

    def within(self, code: str | None, ancestor: str | None) -> bool:
        """Whether the organisation is ``ancestor`` or lies below it; False if either is unknown."""
        organisation, top = self.get(code), self.get(ancestor)
        return (
            organisation is not None and top is not None and organisation.path.startswith(top.path)
        )

    def successor(self, code: str | None, on: date | None) -> Organisation | None:
        """Who stands for that code on the day: itself, or the end of its chain of successors past
        ``effective_to``.

        None if there is no such organisation, or it ended and nobody succeeds it.
        """
        seen = set()
        while (organisation := self.get(code)) is not None and organisation.ended(on):
            seen.add(organisation.code)
            code = organisation.successor
            if code in seen:
                return None
        return organisation

    def acting_for(self, code: str | None, on: date | None) -> Organisation | None:
        """Who does what is that organisation's to do on the day: itself; past its last day its
        successor, and where it has none its superior, and so on up; None if there is no such
        organisation.
        """
        organisation = self.get(code)
        if organisation is None or organisation.effective_to is None:
            return organisation
        at: Organisation | None = organisation
        seen: set[str | None] = set()
        while at is not None and at.ended(on):
            seen.add(at.code)
            at = next(
                (n for c in (at.successor, at.parent) if c not in seen and (n := self.get(c))), None
            )
        return at or organisation

    def desk_of(self, code: str | None, on: date | None) -> Organisation | None:
        """Who looks on the day at what that organisation posted: itself, past its last day its
        nearest superior that stands, and not its successor, whose line does not hold what was
        posted; None if there is nobody.
        """
        return next(
            (organisation for organisation in self.superiors(code) if not organisation.ended(on)),
            None,
        )

    def left_to(self, codes: Collection[str], on: date | None) -> dict[str, str]:
        """The organisations that have ended by the day and whose desk (`desk_of`) is one of
        ``codes``, each with it.
        """
        over = (
            (organisation.code, self.desk_of(organisation.code, on))
            for organisation in self._past
            if organisation.ended(on)
        )
        return {code: desk.code for code, desk in over if desk is not None and desk.code in codes}

    def serving(self, area: str | None, on: date | None = None) -> Organisation | None:
        """Who serves exactly that division code on the day; of several the highest, then the
        smallest code.
        """
        return self._first(self._by_area.get(area or "", ()), on)

    def unit_named(self, text: str | None, on: date | None = None) -> Organisation | None:
        """The unit (not ``serves_area``) of that code, or whose name contains the text; of several
        the highest.

        Width, blanks and brackets do not matter. A text shorter than two letters names nobody.
        """
        organisation = self.get((text or "").strip())
        if organisation is not None and not organisation.serves_area:
            return self._first((organisation,), on)
        return self._first(self._units.containing(text or ""), on)

    def talent_service_for(
        self, division_code: str | None, on: date | None = None
    ) -> Organisation | None:
        """The ``talent_service`` with the longest ``area`` that begins the division code."""
        code = division_code or ""
        for length in range(len(code), 0, -1):
            organisation = self._first(self._talent.get(code[:length], ()), on)
            if organisation is not None:
                return organisation
        return None

    def _first(self, candidates: Iterable[Organisation], on: date | None) -> Organisation | None:
        for organisation in candidates:
            if (
                organisation.begun(on)
                and (standing := self.successor(organisation.code, on)) is not None
            ):
                return standing
        return None


class _Names:
    """Finds text within names: one search through all names joined, which stand in the order of
    preference.
    """

    def __init__(self, units: list[Organisation]) -> None:
        self._units = units
        names = [_plain(organisation.name) for organisation in units]
        self._joined = "\n".join(names)
        self._starts = []
        start = 0
        for name in names:
            self._starts.append(start)
            start += len(name) + 1

    def containing(self, text: str) -> Iterator[Organisation]:
        text = _plain(text)
        if len(text) < NAME_LETTERS_MIN:
            return
        at = self._joined.find(text)
        while at >= 0:
            index = bisect_right(self._starts, at) - 1
            yield self._units[index]
            if index + 1 == len(self._starts):
                return
            at = self._joined.find(text, self._starts[index + 1])


_READ = f"SELECT {', '.join(Organisation._fields)} FROM organisation_directory()"
_lock = threading.Lock()
_cached: OrderedDict[UUID, Directory] = OrderedDict()


def _highest_first(organisation: Organisation) -> tuple[int, str]:
    return organisation.depth, organisation.code


def _is_department(organisation: Organisation) -> bool:
    return organisation.kind == "organisation_department"


def _plain(text: str) -> str:
    """Full width and radicals made plain and blanks dropped: （集团） and (集团) are one name."""
    return "".join(unicodedata.normalize("NFKC", han.ordinary(text)).split())


def _from_row(row: Mapping[str, Any], path: str) -> Organisation:
    value: dict[str, Any] = {name: row.get(name) or None for name in Organisation._fields}
    value |= {
        name: row.get(name) in (True, "yes") for name in ("serves_area", "authority", "outside")
    }
    value |= {name: _stored_or_none(row.get(name)) for name in ("effective_from", "effective_to")}
    return Organisation(**value | {"path": path})


def _stored_or_none(value: date | str | None) -> date | None:
    return stored_day(value) if isinstance(value, str) and value else value or None
