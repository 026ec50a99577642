"""Tier 1: an address written from the top down, read in one pass of dictionary look-ups.

Ends at the community only if every step was exact and what follows is harmless; everything else is
tier 2's.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from services.addresses.county import Counties
from services.addresses.names import KIND_OF, MENTION, OUTSIDE_BASE, Kind, mention_base
from services.addresses.normalise import made
from services.addresses.snapshot import Snapshot

LABEL = re.compile(
    r"(?:(?:现|家庭|户籍|居住|通讯|联系|详细|收货|常住|新|原)?(?:住址|地址|住所|居住地|户籍地|现住)(?:为|是|在)?|中华人民共和国|中国)+"
)
"""What stands before an address in forms: 家庭住址, 现住址为."""
BASE_CHARS_MAX = 14
"""No base of a community is longer."""
MENTION_REACH = BASE_CHARS_MAX + 8
"""How far behind a street the word ends that closes the name of its community."""
PREFIX_CHARS_MAX = 48

AFTER_VILLAGE = re.compile(
    r"[路街道巷弄里坊小新社居委桥站]|大道|胡同|中学|学校|医院|卫生|市场|工业|公园|生活区|公寓|家园|花园|广场|山庄|度假"
)
AFTER_COMMUNITY = re.compile(r"卫生|医院|医疗|服务|诊所|小学|中学|学校|幼儿|市场|路|街道|大道")

_AFTER: dict[str, re.Pattern[str]] = {
    Kind.RESIDENTS: AFTER_COMMUNITY,
    Kind.VILLAGERS: AFTER_VILLAGE,
    Kind.OTHER: AFTER_VILLAGE,
}
"""Kind of a community -> what must not follow its suffix."""


def harmless(text: str, end: int, kind: str) -> bool:
    """False if what follows a suffix makes the whole a road, a school, a clinic … instead of a
    community.
    """
    return _AFTER[kind].match(text, end) is None


class Step(NamedTuple):
    """How far the walk came: county and street codes, community index, and where each ends in the
    text.
    """

    start: int
    county: str | None
    county_end: int
    street: str | None = None
    street_end: int = 0
    community: int | None = None
    base_start: int = 0
    community_end: int = 0


class Walk:
    """Reads the top-down form of addresses against one snapshot."""

    def __init__(self, snapshot: Snapshot, counties: Counties) -> None:
        self.snapshot = snapshot
        self.counties = counties
        self._longest, self._streets = snapshot.prefixes.longest, counties.streets

    def county(self, text: str, start: int) -> tuple[str | None, int]:
        """(county code, end) of the longest known prefix at `start`."""
        form = self.snapshot.prefixes.longest(text[start : start + PREFIX_CHARS_MAX])
        if form is None:
            return None, start
        length, county = form
        return county, start + length

    def street(self, text: str, county: str, start: int) -> tuple[str | None, int]:
        """(street code, end) of the longest strong form at `start`."""
        streets = self.counties.streets(county)
        strong = streets.strong
        for length in streets.lengths:
            code = strong.get(text[start : start + length])
            if code is not None:
                return code, min(start + length, len(text))
        return None, start

    def community(self, text: str, street: str, start: int) -> tuple[int | None, int]:
        """(community index, end) of the first exact mention of a community of the street right at
        `start`.
        """
        find, last = self.snapshot.find, start + MENTION_REACH
        for mention in MENTION.finditer(text, start + 1, last):
            begin, end = mention.span()
            first = text[begin]
            kind = KIND_OF[first]
            base = text[start:begin]
            if first not in OUTSIDE_BASE:
                base, _ = mention_base(text, start, mention)
            index = find(street, base, kind)
            if index is not None and (end == len(text) or harmless(text, end, kind)):
                return index, end
        return None, start

    def read(self, text: str) -> Step:
        """The furthest step of the walk."""
        # the whole way of a full address in one function: calls are a quarter of its time
        form = self._longest(text[:PREFIX_CHARS_MAX])
        if form is not None:
            at, county = form
            streets = self._streets(county)
            strong = streets.strong
            for length in streets.lengths:
                street = strong.get(text[at : at + length])
                if street is not None:
                    end = min(at + length, len(text))
                    index, last = self.community(text, street, end)
                    return made(Step, (0, county, at, street, end, index, end, last))
        return self._slowly(text)

    def _slowly(self, text: str) -> Step:
        """The same where a label comes first or a prefix is said twice."""
        start = 0
        county, at = self.county(text, start)
        if county is None:
            start = _label_end(text)
            if start > 0:
                county, at = self.county(text, start)
        if county is None:
            return Step(start, None, start)
        street, end = self.street(text, county, at)
        while street is None:
            again = self._again(text, county, at)
            if again is None:
                return Step(start, county, at)
            at = again
            street, end = self.street(text, county, at)
        index, last = self.community(text, street, end)
        return Step(start, county, at, street, end, index, end, last)

    def _again(self, text: str, county: str, at: int) -> int | None:
        """Where the county ends that is said once more at `at`; None if it is not."""
        prefix, end = self.county(text, at)
        if prefix == county:
            return end
        name = self.snapshot.upper_names[county]
        if text.startswith(name, at):
            return at + len(name)
        return None


def _label_end(text: str) -> int:
    """Where a label such as 家庭住址 ends; 0 without one."""
    label = LABEL.match(text)
    return 0 if label is None else label.end()
