"""Where no prefix is exact: every name of levels 1-4 anywhere in the text, and the counties they
support.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.addresses.forms import FormKind
from services.addresses.names import PROVINCE_LETTERS
from services.addresses.signs import CountySign
from services.addresses.snapshot import Snapshot

SCAN_CHARS_MAX = 64
FORM_CHARS_MAX = 24
START_ONLY = frozenset(("东区", "西区", "郊区", "矿区", "城区"))
"""Counties whose names are ordinary words inside an address (恒大名都西区)."""
ROAD_BEHIND = re.compile(
    r"[东南西北中]?[一二三四五六七八九十]{0,2}(?:支路|环路|路|大街|街(?!道)|大道|道(?!县)|巷|胡同|弄|高速|广场|大厦|大学|医院|饭店|宾馆)"
)
"""What makes a road or a house of the short name of a province, city or county: 北京路, 四川北路,
重庆道, 上海大厦.
"""
COUNTIES_MAX = 8
HEAD_CHARS_MAX = 8

_CITY_DIGITS, _COUNTY_DIGITS, _STREET_DIGITS = 4, 6, 9
_POINTS = {2: 1.0, 4: 2.0, 6: 5.0, 9: 4.0}
"""Digits of a code -> what a name of that level speaks for a county."""
_KIND_WEIGHT: dict[str, float] = {FormKind.FULL: 1.0, FormKind.OLD: 0.7, FormKind.SHORT: 0.55}
_LATE_AT = 24
"""A name that stands further on counts half."""
_LATE_WEIGHT = 0.5
_HINT_POINTS = 4.0
_CONTRADICTION_COSTS = 3.0
_NAMED = frozenset((CountySign.FULL_NAME, CountySign.SHORT_NAME))
_LEFT_OUT = ""
"""Sign of a county that lies outside what the head of the text names."""


class Meaning(NamedTuple):
    """A division that a name may mean: kind of the form (FormKind) and code."""

    kind: str
    code: str


class Hit(NamedTuple):
    """One name in the text: where it stands, and what it may mean."""

    start: int
    end: int
    means: tuple[Meaning, ...]


class NamedDivision(NamedTuple):
    """One meaning of a name, with the name."""

    hit: Hit
    kind: str
    code: str


class Support(NamedTuple):
    """How strongly the text speaks for one county, from where its streets are read, and how it was
    found.
    """

    county: str
    points: float
    start: int
    sign: str


class Scan:
    """Finds the longest known name at every place of a text."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._letters = _province_letters(snapshot)

    def hits(self, text: str, start: int) -> list[Hit]:
        """The longest name at every place, left to right; a one-letter province only at the very
        start.

        A name that begins inside another counts only if it is the longer one: 友好南路街道 is no
        南路街道, 贵州遵义县 no 义县, but 浙江山市 is 江山市.
        """
        hits: list[Hit] = []
        last_end = last_length = 0
        for at in range(start, min(len(text) - 1, start + SCAN_CHARS_MAX)):
            form = self.snapshot.forms.longest(text[at : at + FORM_CHARS_MAX])
            if form is None:
                continue
            length, entry = form
            end = at + length
            if at != start and text[at:end] in START_ONLY:
                continue
            begins_inside = at < last_end
            if begins_inside and (length <= last_length or end <= last_end):
                continue
            hit = Hit(at, end, _meanings(entry))
            if _names_a_road(text, hit):
                continue
            last_end, last_length = end, length
            hits.append(hit)
        return self._province_letter(text, start, hits) + hits

    def _province_letter(self, text: str, start: int, hits: list[Hit]) -> list[Hit]:
        """The province that the first character stands for, where no longer name begins there."""
        code = self._letters.get(text[start : start + 1])
        if code is None or (hits and hits[0].start == start):
            return []
        return [Hit(start, start + 1, (Meaning(FormKind.SHORT, code),))]

    def supports(self, hits: list[Hit], hints: frozenset[str] = frozenset()) -> list[Support]:
        """Counties named or implied by the hits, best first.

        One that lies outside a province or city at the head of the text is left out, or, where the
        county itself is named, marked CONTRADICTED: one of the two is wrong, and nobody knows
        which.
        """
        above, in_county = _by_county(hits)
        for hint in sorted(hints):
            in_county.setdefault(hint, [])
        head = self.head(hits)
        supports: list[Support] = []
        for county, below in in_county.items():
            support = _support(county, below, above)
            if county in hints:
                support = _hinted(support)
            if _lies_outside(county, head):
                support = _contradicted(support)
            if support.sign != _LEFT_OUT:
                supports.append(support)
        return sorted(supports, key=lambda support: -support.points)

    def head(self, hits: list[Hit]) -> list[tuple[str, ...]]:
        """What may be meant by each name of a province or city that the text begins with, from the
        top.

        Full names among the first characters; short ones only right beside another name, since
        roads and companies bear them too (南京路).
        """
        head: list[tuple[str, ...]] = []
        previous_end = -1
        for place, hit in enumerate(hits):
            next_start = hits[place + 1].start if place + 1 < len(hits) else 0
            is_beside_another = previous_end == hit.start or next_start == hit.end
            codes = tuple(code for _, code in hit.means if len(code) <= _COUNTY_DIGITS)
            if hit.start >= HEAD_CHARS_MAX or not any(map(_is_above_counties, codes)):
                break
            if not is_beside_another and not _is_full_name_above_counties(hit):
                break
            head.append(codes)
            previous_end = hit.end
        return head

    def place(self, hits: list[Hit]) -> tuple[Hit, str] | None:
        """The one city or province that the head of a text names, with where it stands."""
        head = self.head(hits)
        if not head:
            return None
        *above, last = head
        codes = {code for code in last if _is_above_counties(code)}
        possible = [code for code in codes if all(map(code.startswith, above))]
        if len(possible) != 1:
            return None
        return hits[len(head) - 1], possible[0]

    def counties_called(self, name: str) -> frozenset[str]:
        """Codes of the counties that a name may mean, all of it."""
        form = self.snapshot.forms.longest(name)
        if form is None:
            return frozenset()
        length, entry = form
        if length != len(name):
            return frozenset()
        meanings = _meanings(entry)
        return frozenset(code for _, code in meanings if len(code) == _COUNTY_DIGITS)

    def cities(self, hits: list[Hit]) -> list[tuple[str, int]]:
        """(code, end) of prefectures named fully or shortly."""
        cities = []
        for hit in hits:
            for _, code in hit.means:
                if len(code) == _CITY_DIGITS:
                    cities.append((code, hit.end))
        return cities


def _province_letters(snapshot: Snapshot) -> dict[str, str]:
    """Letter of a province (京, 沪) -> its code."""
    letters = {}
    for code, name in snapshot.upper_names.items():
        if len(code) == 2 and name in PROVINCE_LETTERS:
            letters[PROVINCE_LETTERS[name]] = code
    return letters


def _meanings(entry: str) -> tuple[Meaning, ...]:
    """Of an entry of the forms: "F330602,W3306"."""
    return tuple(Meaning(part[0], part[1:]) for part in entry.split(","))


def _by_county(hits: list[Hit]) -> tuple[list[NamedDivision], dict[str, list[NamedDivision]]]:
    """(named provinces and cities, county code -> what is named of it)."""
    above: list[NamedDivision] = []
    in_county: dict[str, list[NamedDivision]] = {}
    for hit in hits:
        for kind, code in hit.means:
            named = NamedDivision(hit, kind, code)
            if len(code) < _COUNTY_DIGITS:
                above.append(named)
            else:
                in_county.setdefault(code[:_COUNTY_DIGITS], []).append(named)
    return above, in_county


def _is_above_counties(code: str) -> bool:
    return len(code) <= _CITY_DIGITS


def _is_full_name_above_counties(hit: Hit) -> bool:
    return any(kind == FormKind.FULL and _is_above_counties(code) for kind, code in hit.means)


def _names_a_road(text: str, hit: Hit) -> bool:
    """A road that bears the short name of a province, city or county lies somewhere else."""
    for kind, code in hit.means:
        if kind != FormKind.SHORT or len(code) > _COUNTY_DIGITS:
            return False
    return ROAD_BEHIND.match(text, hit.end) is not None


def _support(county: str, below: list[NamedDivision], above: list[NamedDivision]) -> Support:
    """What the names above a county and those in it say for it, read from the top down."""
    chain = [named for named in above if county.startswith(named.code)] + below
    chain.sort(key=lambda named: (named.hit.start, len(named.code)))
    points = 0.0
    level = end = start = 0
    sign = CountySign.IMPLIED
    for named in chain:
        if len(named.code) <= level or named.hit.start < end:
            continue
        level, end = len(named.code), named.hit.end
        points += _points(named)
        if level == _STREET_DIGITS:
            start = named.hit.start
            break
        start = end
        if level == _COUNTY_DIGITS:
            sign = _sign_of_name(named.kind)
    if sign == CountySign.IMPLIED and _in_named_city(county, above):
        sign = CountySign.CITY
    return Support(county, points, start, sign)


def _points(named: NamedDivision) -> float:
    points = _POINTS[len(named.code)] * _KIND_WEIGHT[named.kind]
    if named.hit.start > _LATE_AT:
        return points * _LATE_WEIGHT
    return points


def _sign_of_name(kind: str) -> CountySign:
    if kind == FormKind.FULL:
        return CountySign.FULL_NAME
    return CountySign.SHORT_NAME


def _in_named_city(county: str, above: Iterable[NamedDivision]) -> bool:
    return any(len(named.code) == _CITY_DIGITS and county.startswith(named.code) for named in above)


def _hinted(support: Support) -> Support:
    """The county was given beside the address."""
    sign = support.sign if support.sign in _NAMED else CountySign.HINT
    return support._replace(points=support.points + _HINT_POINTS, sign=sign)


def _lies_outside(county: str, head: Sequence[tuple[str, ...]]) -> bool:
    """True if a name at the head of the text means no division that the county lies in."""
    return any(not county.startswith(codes) for codes in head)


def _contradicted(support: Support) -> Support:
    """The county lies outside what the head of the text names."""
    sign = CountySign.CONTRADICTED if support.sign in _NAMED else _LEFT_OUT
    return support._replace(points=support.points - _CONTRADICTION_COSTS, sign=sign)
