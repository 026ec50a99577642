"""Where no prefix is exact: every name of levels 1-4 anywhere in the text, and the counties they
support.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from services.addresses.guess import CountySign
from services.addresses.names import PROVINCE_LETTERS
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

_POINTS = {2: 1.0, 4: 2.0, 6: 5.0, 9: 4.0}
_NAMED = frozenset((CountySign.FULL_NAME, CountySign.SHORT_NAME))
_LEFT_OUT = ""
"""Sign of a county that lies outside what the head of the text names."""
_KIND = {"F": 1.0, "O": 0.7, "W": 0.55}


class Hit(NamedTuple):
    """One name in the text: where, and (kind, code) of what it may mean."""

    start: int
    end: int
    means: tuple[tuple[str, str], ...]


class Support(NamedTuple):
    """How strongly the text speaks for one county, from where its streets are read, and how it was
    found.
    """

    county: str
    points: float
    start: int
    sign: str


def _names_a_road(text: str, hit: Hit) -> bool:
    """A road that bears the short name of a province, city or county lies somewhere else."""
    return (
        all(kind == "W" and len(code) <= 6 for kind, code in hit.means)
        and ROAD_BEHIND.match(text, hit.end) is not None
    )


def _in_named_city(county: str, above: list[tuple[Hit, str, str]]) -> bool:
    return any(len(code) == 4 and county.startswith(code) for _, _, code in above)


class Scan:
    """Finds the longest known name at every place of a text."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._letters = {
            letter: code
            for name, letter in PROVINCE_LETTERS.items()
            for code, other in snapshot.upper_names.items()
            if other == name and len(code) == 2
        }

    def hits(self, text: str, start: int) -> list[Hit]:
        """The longest name at every place, left to right; a one-letter province only at the very
        start.

        A name that begins inside another counts only if it is the longer one: 友好南路街道 is no
        南路街道, 贵州遵义县 no 义县, but 浙江山市 is 江山市.
        """
        longest = self.snapshot.forms.longest
        out: list[Hit] = []
        reach = size = 0
        letter = self._letters.get(text[start : start + 1])
        for i in range(start, min(len(text) - 1, start + SCAN_CHARS_MAX)):
            form = longest(text[i : i + FORM_CHARS_MAX])
            if form is not None and (i == start or text[i : i + form[0]] not in START_ONLY):
                if i < reach and (form[0] <= size or i + form[0] <= reach):
                    continue
                hit = Hit(i, i + form[0], tuple((e[0], e[1:]) for e in form[1].split(",")))
                if _names_a_road(text, hit):
                    continue
                reach, size = i + form[0], form[0]
                out.append(hit)
        if letter and not (out and out[0].start == start):
            out.insert(0, Hit(start, start + 1, (("W", letter),)))
        return out

    def supports(self, hits: list[Hit], hints: frozenset[str] = frozenset()) -> list[Support]:
        """Counties named or implied by the hits, best first.

        One that lies outside a province or city at the head of the text is left out, or, where the
        county itself is named, marked X: one of the two is wrong, and nobody knows which.
        """
        by_county: dict[str, list[tuple[Hit, str, str]]] = {}
        above: list[tuple[Hit, str, str]] = []
        for hit in hits:
            for kind, code in hit.means:
                if len(code) >= 6:
                    by_county.setdefault(code[:6], []).append((hit, kind, code))
                else:
                    above.append((hit, kind, code))
        for hint in sorted(hints):
            by_county.setdefault(hint, [])
        head = self.head(hits)
        out = [
            self._support(county, own, above, head, county in hints)
            for county, own in by_county.items()
        ]
        out.sort(key=lambda s: -s.points)
        return [s for s in out if s.sign]

    def _support(
        self,
        county: str,
        own: list[tuple[Hit, str, str]],
        above: list[tuple[Hit, str, str]],
        head: list[tuple[str, ...]],
        hinted: bool,
    ) -> Support:
        chain = [h for h in above if county.startswith(h[2])] + own
        chain.sort(key=lambda h: (h[0].start, len(h[2])))
        points = 0.0
        level = at = 0
        start: int | None = None
        sign: str = CountySign.IMPLIED
        for hit, kind, code in chain:
            if len(code) <= level or hit.start < at:
                continue
            level, at = len(code), hit.end
            points += _POINTS[level] * _KIND[kind] * (0.5 if hit.start > 24 else 1.0)
            if level == 9:
                start = hit.start
                break
            start = hit.end
            if level == 6:
                sign = CountySign.FULL_NAME if kind == "F" else CountySign.SHORT_NAME
        if sign == CountySign.IMPLIED and _in_named_city(county, above):
            sign = CountySign.CITY
        if hinted:
            points += 4.0
            sign = sign if sign in _NAMED else CountySign.HINT
        if any(not county.startswith(codes) for codes in head):
            points -= 3.0
            sign = CountySign.CONTRADICTED if sign in _NAMED else _LEFT_OUT
        return Support(county, points, start or 0, sign)

    def head(self, hits: list[Hit]) -> list[tuple[str, ...]]:
        """What may be meant by each name of a province or city that the text begins with, from the
        top.

        Full names among the first characters; short ones only right beside another name, since
        roads and companies bear them too (南京路).
        """
        out: list[tuple[str, ...]] = []
        end = -1
        for hit, behind in zip(hits, [*(h.start for h in hits), 0][1:], strict=True):
            codes = tuple(code for _, code in hit.means if len(code) <= 6)
            full = any(kind == "F" and len(code) <= 4 for kind, code in hit.means)
            beside = end == hit.start or behind == hit.end
            if (
                hit.start >= HEAD_CHARS_MAX
                or not (full or beside)
                or min(map(len, codes), default=9) > 4
            ):
                break
            out.append(codes)
            end = hit.end
        return out

    def place(self, hits: list[Hit]) -> tuple[Hit, str] | None:
        """The one city or province that the head of a text names, with where it stands."""
        head = self.head(hits)
        codes = {code for code in head[-1] if len(code) <= 4} if head else set()
        remaining = [c for c in codes if all(c.startswith(above) for above in head[:-1])]
        return (hits[len(head) - 1], remaining[0]) if len(remaining) == 1 else None

    def cities(self, hits: list[Hit]) -> list[tuple[str, int]]:
        """(code, end) of prefectures named fully or shortly."""
        return [(code, h.end) for h in hits for _, code in h.means if len(code) == 4]
