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
HEAD_CHARS = 3
"""Characters by which compounds are found inside longer text."""

_CUT = re.compile(
    r"[0-9A-Z]|[一二三四五六七八九十]+(?:期|号|栋|幢|座|单元|组团|组|队|社|段|排|门|层|村民)|[甲乙丙丁]栋"
    r"|(?:独栋|栋|幢|单元|号楼|组团|所在网格|全路段|楼栋)|[附之]"
)
_PART = re.compile(r"(?:[一二三四五六七八九十]+[区院]|[东南西北中][区院座]|[东南西北])$")
_TAIL = re.compile(r"(?:住宅小区|小区|住宅区|自建房区域|自建房|平房区)$")
_ROAD = re.compile(
    r"([\u4e00-\u9fff]{1,14}?(?:路|大街|街|大道|道|巷|胡同|弄|里|条|段|横|湾|坊|坪|沟))(?:[甲乙丙附])?"
    r"([0-9]{1,5})(?:-[0-9]+)?号?(?:附[0-9]+号)?(?:大?院)?"
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
    road, number, road_at, at = "", -1, 0, 0
    group = _GROUP.match(rest)
    if group:
        at = group.end()
    m = _ROAD.match(rest, at)
    if m:
        road, number, road_at = m.group(1), int(m.group(2)), at
        at = m.end()
    tail = rest[at : at + 24]
    cut = _CUT.search(tail)
    head = tail[: cut.start()] if cut else tail
    if _ROADLIKE.search(head) and cut and cut.group().isdigit():
        head = ""
    fine = head[:KEY_CHARS_MAX]
    coarse = _TAIL.sub("", _PART.sub("", _TAIL.sub("", fine)))
    tallies = tuple(
        k
        for k in dict.fromkeys((_TAIL.sub("", fine), coarse))
        if len(k) >= KEY_CHARS_MIN and not _GENERIC.fullmatch(k)
    )
    return Keys(tallies, at, road, number, road_at)


class Tally:
    """Counts of one key per code, with the last day and the sources behind them."""

    __slots__ = ("counts", "last", "sources")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.last: date | None = None
        self.sources: dict[str, list[tuple[str, date | None]]] = {}

    def add(self, code: str, source: str, on: date | None) -> None:
        """One more confirmed case; a source speaks once for a code."""
        spoken = self.sources.get(source, [])
        if any(code == spoken_code for spoken_code, _ in spoken):
            return
        self.sources[source] = [*spoken, (code, on)]
        self.counts = {**self.counts, code: self.counts.get(code, 0) + 1}
        if on and (self.last is None or on > self.last):
            self.last = on

    def drop(self, source: str) -> None:
        """Takes back everything a source said."""
        counts = dict(self.counts)
        for code, _ in self.sources.pop(source, ()):
            counts[code] -= 1
            if not counts[code]:
                del counts[code]
        self.counts = counts
        self.last = max(
            (on for source in self.sources.values() for _, on in source if on), default=None
        )


class Learned:
    """The learned gazetteer: one writer, many readers; every change replaces a value, so readers
    need no lock.
    """

    def __init__(self) -> None:
        self._compounds: dict[str, dict[str, Tally]] = {}
        self._heads: dict[str, dict[str, int]] = {}
        self._roads: dict[str, dict[str, dict[int, Tally]]] = {}
        self._by_source: dict[str, list[tuple[str, str, int | None]]] = {}
        self._places_by_source: dict[str, set[str]] = {}
        self.places: Counter[str] = Counter()  # code -> confirmed cases

    def add(self, county: str, rest: str, code: str, source: str, on: date | None) -> None:
        """Learns one confirmed case from the text after its administrative names."""
        rest_keys = keys(rest)
        marks = self._by_source.setdefault(source, [])
        spoken = self._places_by_source.setdefault(source, set())
        self.places[code] += code not in spoken
        spoken.add(code)
        for compound in rest_keys.compounds:
            of = self._compounds.setdefault(county, {})
            of.setdefault(compound, Tally()).add(code, source, on)
            marks.append((county, compound, None))
            if len(compound) >= HEAD_CHARS:
                heads, head = self._heads.setdefault(county, {}), compound[:HEAD_CHARS]
                heads[head] = max(heads.get(head, 0), len(compound))
        if rest_keys.road:
            numbers = self._roads.setdefault(county, {}).setdefault(rest_keys.road, {})
            numbers.setdefault(rest_keys.number, Tally()).add(code, source, on)
            marks.append((county, rest_keys.road, rest_keys.number))

    def withdraw(self, source: str) -> None:
        """Forgets one source; its keys vanish when nobody else speaks for them."""
        self.places.subtract(self._places_by_source.pop(source, ()))
        for county, key, number in self._by_source.pop(source, ()):
            if number is None:
                _drop(self._compounds.get(county, {}), key, source)
            else:
                _drop(self._roads.get(county, {}).get(key, {}), number, source)

    def compound(self, county: str, keys: tuple[str, ...]) -> tuple[str, Tally] | None:
        """The finest known key of a compound in a county, with its tally."""
        of = self._compounds.get(county)
        if of:
            for key in keys:
                tally = of.get(key)
                if tally is not None and tally.counts:
                    return key, tally
        return None

    def inside(self, county: str, text: str) -> Iterator[tuple[int, int, Tally]]:
        """(start, end, tally) of learned compounds that occur somewhere in `text`, longest first at
        each start.
        """
        of = self._compounds.get(county)
        if not of:
            return
        heads = self._heads.get(county, {})
        start, size = 0, min(len(text), 32)
        while start <= size - HEAD_CHARS:
            longest = heads.get(text[start : start + HEAD_CHARS], 0)
            for end in range(min(size, start + longest), start + HEAD_CHARS - 1, -1):
                tally = of.get(text[start:end])
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
