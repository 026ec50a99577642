"""What confirmed cases teach: which community a compound or a road number lies in, county by
county.

Evidence is counts with their sources and last day, never a bare answer, and can be withdrawn source
by source. Compound keys drop what varies inside a compound (building, unit, phase, group):
海昌天澜一期6栋 -> 海昌天澜.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple, TypeVar

_Key = TypeVar("_Key", str, int)

KEY_CHARS_MIN = 2
KEY_CHARS_MAX = 16
COMPOUND_CHARS_MAX = 24
"""So much of a text is looked at for one compound's name."""
HEAD_CHARS = 3
"""Characters by which compounds are found inside longer text."""
INSIDE_CHARS_MAX = 32
"""So much of a text is searched for known compounds."""

_CUT = re.compile(
    r"[0-9A-Z]|[一二三四五六七八九十]+(?:期|号|栋|幢|座|单元|组团|组|队|社|段|排|门|层|村民)|[甲乙丙丁]栋"
    r"|(?:独栋|栋|幢|单元|号楼|组团|所在网格|全路段|楼栋)|[附之]"
)
_PART = re.compile(r"(?:[一二三四五六七八九十]+[区院]|[东南西北中][区院座]|[东南西北])$")
_TAIL = re.compile(r"(?:住宅小区|小区|住宅区|自建房区域|自建房|平房区)$")
_ROAD = re.compile(
    r"(?P<road>[\u4e00-\u9fff]{1,14}?(?:路|大街|街|大道|道|巷|胡同|弄|里|条|段|横|湾|坊|坪|沟))(?:[甲乙丙附])?"
    r"(?P<number>[0-9]{1,5})(?:-[0-9]+)?号?(?:附[0-9]+号)?(?:大?院)?"
)
_ROADLIKE = re.compile(r"(?:路|大街|街|大道|道|巷|胡同|弄|里|条|段|横)$")
_GENERIC = re.compile(
    r".?(?:小区|家属院|家属区|家属楼|家属|宿舍|宿舍楼|居民区|居民楼|自建房|平房|围合区|单体楼|安置房|安置|商铺|门面|大院|院内?|住宅楼|住宅"
    r"|街道|市场|小学|中学|学校|医院|辖区|沿街|商业街|公寓|酒店|宾馆)|整个.*"
)
_GROUP = re.compile(
    r"(?:第?[0-9一二三四五六七八九十]{1,3}(?:组|社|队|村民小组|村民组|屯|委)|自然村|附近|旁|内)+"
)


class Keys(NamedTuple):
    """What is looked up for the text after the administrative names.

    `compounds` from fine (with its part: 三里河二区) to coarse (三里河), `compound_at` where they
    start; `road` and its `number` (-1 if there is none), `road_at` where it starts.
    """

    compounds: tuple[str, ...]
    compound_at: int
    road: str
    number: int
    road_at: int


def keys(rest: str) -> Keys:
    """Compound keys, and road with number, of the text that follows the administrative names."""
    start = 0
    group = _GROUP.match(rest)
    if group is not None:
        start = group.end()
    road = _ROAD.match(rest, start)
    if road is None:
        return Keys(_compounds(rest, start), start, "", -1, 0)
    end = road.end()
    return Keys(_compounds(rest, end), end, road["road"], int(road["number"]), start)


def _compounds(rest: str, start: int) -> tuple[str, ...]:
    """The keys of the compound that begins at `start`, from fine to coarse."""
    tail = rest[start : start + COMPOUND_CHARS_MAX]
    cut = _CUT.search(tail)
    name = tail
    if cut is not None:
        name = tail[: cut.start()]
        if cut.group().isdigit() and _ROADLIKE.search(name):
            return ()  # a road with its number, but none as _ROAD knows them
    fine = _TAIL.sub("", name[:KEY_CHARS_MAX])
    coarse = _TAIL.sub("", _PART.sub("", fine))
    return tuple(key for key in dict.fromkeys((fine, coarse)) if _names_a_compound(key))


def _names_a_compound(key: str) -> bool:
    return len(key) >= KEY_CHARS_MIN and not _GENERIC.fullmatch(key)


class Statement(NamedTuple):
    """What a source says of a key: the code it lies in, and the day it was confirmed."""

    code: str
    on: date | None


class Tally:
    """Counts of one key per code, with the last day and the sources behind them."""

    __slots__ = ("counts", "last", "sources")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.last: date | None = None
        self.sources: dict[str, list[Statement]] = {}

    def add(self, code: str, source: str, on: date | None) -> None:
        """One more confirmed case; a source speaks once for a code."""
        statements = self.sources.get(source, [])
        if any(statement.code == code for statement in statements):
            return
        self.sources[source] = [*statements, Statement(code, on)]
        self.counts = {**self.counts, code: self.counts.get(code, 0) + 1}
        if on and (self.last is None or on > self.last):
            self.last = on

    def drop(self, source: str) -> None:
        """Takes back everything a source said."""
        counts = dict(self.counts)
        for statement in self.sources.pop(source, ()):
            counts[statement.code] -= 1
            if not counts[statement.code]:
                del counts[statement.code]
        self.counts = counts
        self.last = max(self._days(), default=None)

    def _days(self) -> Iterator[date]:
        """The days of all statements that have one."""
        for statements in self.sources.values():
            for statement in statements:
                if statement.on:
                    yield statement.on


class _Mark(NamedTuple):
    """Where a source left evidence: a compound of a county, or a road's number."""

    county: str
    key: str
    number: int | None


class Learned:
    """The learned gazetteer: one writer, many readers; every change replaces a value, so readers
    need no lock.
    """

    def __init__(self) -> None:
        self._compounds: dict[str, dict[str, Tally]] = {}
        self._heads: dict[str, dict[str, int]] = {}
        self._roads: dict[str, dict[str, dict[int, Tally]]] = {}
        self._by_source: dict[str, list[_Mark]] = {}
        self._places_by_source: dict[str, set[str]] = {}
        self.places: Counter[str] = Counter()  # code -> confirmed cases

    def add(self, county: str, rest: str, code: str, source: str, on: date | None) -> None:
        """Learns one confirmed case from the text after its administrative names."""
        self._count_place(code, source)
        behind = keys(rest)
        marks = self._by_source.setdefault(source, [])
        for name in behind.compounds:
            self._compound_tally(county, name).add(code, source, on)
            marks.append(_Mark(county, name, None))
        if behind.road:
            numbers = self._roads.setdefault(county, {}).setdefault(behind.road, {})
            numbers.setdefault(behind.number, Tally()).add(code, source, on)
            marks.append(_Mark(county, behind.road, behind.number))

    def _count_place(self, code: str, source: str) -> None:
        """Counts a source once for a code."""
        counted = self._places_by_source.setdefault(source, set())
        if code not in counted:
            self.places[code] += 1
            counted.add(code)

    def _compound_tally(self, county: str, name: str) -> Tally:
        """The tally of a compound, which is found by its head from now on."""
        if len(name) >= HEAD_CHARS:
            heads, head = self._heads.setdefault(county, {}), name[:HEAD_CHARS]
            heads[head] = max(heads.get(head, 0), len(name))
        return self._compounds.setdefault(county, {}).setdefault(name, Tally())

    def withdraw(self, source: str) -> None:
        """Forgets one source; its keys vanish when nobody else speaks for them."""
        self.places.subtract(self._places_by_source.pop(source, ()))
        for county, key, number in self._by_source.pop(source, ()):
            if number is None:
                _drop(self._compounds.get(county, {}), key, source)
            else:
                _drop(self._roads.get(county, {}).get(key, {}), number, source)

    def compound(self, county: str, names: tuple[str, ...]) -> tuple[str, Tally] | None:
        """The finest known key of a compound in a county, with its tally."""
        tallies = self._compounds.get(county)
        if not tallies:
            return None
        for name in names:
            tally = tallies.get(name)
            if tally is not None and tally.counts:
                return name, tally
        return None

    def inside(self, county: str, text: str) -> Iterator[tuple[int, int, Tally]]:
        """(start, end, tally) of learned compounds that occur somewhere in `text`, longest first at
        each start.
        """
        tallies = self._compounds.get(county)
        if not tallies:
            return
        # a walk over every character of most addresses that are not told at once: kept dense
        heads = self._heads.get(county, {})
        start, size = 0, min(len(text), INSIDE_CHARS_MAX)
        while start <= size - HEAD_CHARS:
            longest = heads.get(text[start : start + HEAD_CHARS], 0)
            for end in range(min(size, start + longest), start + HEAD_CHARS - 1, -1):
                tally = tallies.get(text[start:end])
                if tally is not None and tally.counts:
                    yield start, end, tally
                    start = end - 1
                    break
            start += 1

    def numbers(self, county: str, road: str) -> dict[int, Tally]:
        """House number -> tally for one road in a county."""
        return dict(self._roads.get(county, {}).get(road, {}))


def _drop(shelf: dict[_Key, Tally], key: _Key, source: str) -> None:
    """Takes one source out of a tally; the tally vanishes when nobody else speaks for it."""
    tally = shelf.get(key)
    if tally is None:
        return
    tally.drop(source)
    if not tally.counts:
        del shelf[key]
