"""Which street of a county a text states: by its name, another form or an earlier name of it, or
with a slip.
"""

from __future__ import annotations

import re

from services.addresses.county import Counties, Streets, StreetStem
from services.addresses.names import MENTION, street_stem
from services.addresses.passage import Stated
from services.addresses.signs import StreetSign
from services.addresses.slips import SLIP_SCORE, Slip, slip
from services.addresses.snapshot import Snapshot

STREETISH = re.compile(
    r"[\u4e00-\u9fff]{1,9}?(?:街道办事处|街道办|街道|街办|办事处|地区|片区|镇|乡|苏木|农场|林场)(?![\u4e00-\u9fff]?[路巷])"
)
"""What looks like the name of a street, whether or not any county lists it."""
NAME_ENDS = frozenset("0123456789号路街道巷弄镇乡区村里组队院栋幢楼室层单元座办会社厂场园苑城辖-")
"""Characters behind which a new name may begin: 七宝航|华一村 is no 华一村."""

_COUNTY_TAILS = ("县", "市", "区")
_ROAD_NUMBER = re.compile(r"街[0-9]")
_FORMERLY = "原现旧曾"
"""What stands behind a street is in brackets: its earlier or later name."""
_SUBDISTRICT_TAILS = frozenset(("街道", "街办", "办事"))
"""The first two characters of the ways to write 街道办事处."""
_SHORT_STREET_CHARS = 4
"""A street's name of so many characters may be the beginning of a longer one."""
_SAME_STEM_SCORE = 5.0
_OTHER_TAIL_COSTS = 1.5
_EQUALLY_LIKELY = 1.0
"""Streets whose scores differ by no more may each be meant."""


class StreetReader:
    """Reads the street at a place in a text."""

    def __init__(self, snapshot: Snapshot, counties: Counties) -> None:
        self.snapshot = snapshot
        self.counties = counties

    def stated(self, text: str, county: str, start: int) -> Stated | None:
        """The street named at `start`: exactly, by an old or crossed name, or with a slip; no signs
        if the county lists no such street, None if no street is named.
        """
        stated = self._named_or_slipped(text, county, start)
        if stated is None:
            return None
        if not stated.signs:
            return self._behind_a_road(text, county, stated) or stated
        if STREETISH.match(text, stated.end):
            return self._with_another(text, county, stated)
        return stated

    def county_end(self, text: str, county: str, end: int) -> int:
        """Where a county's name ends that was another kind of county before: 大丰|市, 双流|县."""
        if text[end : end + 1] not in _COUNTY_TAILS or text[end - 1] in _COUNTY_TAILS:
            return end
        if self._named(text, county, end) is not None:
            return end
        behind_tail = end + 1
        stated = self.stated(text, county, behind_tail)
        names_a_street = stated is not None and bool(stated.signs)
        if names_a_street or behind_tail == len(text):
            return behind_tail
        return end

    def _named_or_slipped(self, text: str, county: str, start: int) -> Stated | None:
        return self._named(text, county, start) or self._slipped(text, county, start)

    def _with_another(self, text: str, county: str, first: Stated) -> Stated:
        """良乡地区西潞街道: two streets, one behind the other; the community says which, else a
        person.
        """
        if text[first.end] in _FORMERLY:
            return first
        second = self._named_or_slipped(text, county, first.end)
        if second is None or not second.signs or second.signs.keys() <= first.signs.keys():
            return first
        return Stated(
            second.signs | first.signs,
            first.start,
            second.end,
            slips=second.slips | first.slips,
            one_of_two=True,
        )

    def _behind_a_road(self, text: str, county: str, unknown: Stated) -> Stated | None:
        """The street at the end of what looked like one longer name: 德外大街|德胜街道."""
        for at in range(unknown.start + 2, unknown.end - 2):
            if text[at - 1] not in NAME_ENDS:
                continue
            if MENTION.search(text, unknown.start, at) is not None:
                continue
            stated = self._named(text, county, at)
            if stated is not None and stated.end == unknown.end:
                return stated
        return None

    def _named(self, text: str, county: str, start: int) -> Stated | None:
        """The street at `start` by its name, another way to write it, or its name in an earlier
        edition.
        """
        streets = self.counties.streets(county)
        for length in streets.lengths:
            code = streets.strong.get(text[start : start + length])
            if code is not None and len(text) >= start + length:
                return Stated({code: StreetSign.EXACT}, start, start + length)
        return _by_other_form(streets, text, start)

    def _slipped(self, text: str, county: str, start: int) -> Stated | None:
        """The street that what looks like a street's name differs from by one slip."""
        match = STREETISH.match(text, start)
        if match is None:
            return None
        for end in _ends(text, start, match.end()):
            likely = self._likely_slips(text[start:end], county)
            if likely:
                signs: dict[str, str] = dict.fromkeys(likely, StreetSign.SLIP)
                return Stated(signs, start, end, slips=likely)
        return Stated({}, start, match.end())

    def _likely_slips(self, written: str, county: str) -> dict[str, Slip]:
        """Street code -> slip for the streets that `written` differs least from."""
        stem, tail = street_stem(written)
        if not tail or not stem:
            return {}
        slips: dict[str, Slip] = {}
        scores: dict[str, float] = {}
        for street in self.counties.streets(county).stems():
            if not street.tail:
                continue
            difference = slip(stem, street.stem, self.snapshot.sounds)
            if difference is None or difference == Slip.CHARACTER:
                continue
            slips[street.code] = difference
            scores[street.code] = _slip_score(difference, tail, street)
        if not slips:
            return {}
        floor = max(scores.values()) - _EQUALLY_LIKELY
        return {code: difference for code, difference in slips.items() if scores[code] >= floor}


def _by_other_form(streets: Streets, text: str, start: int) -> Stated | None:
    """The street by a way to write it that may be another's too, or by an earlier name; the longer
    of the two.
    """
    old_codes, old_end = _earlier_name(streets, text, start)
    for length in streets.weak_lengths:
        end = start + length
        if end < old_end:
            break
        codes = streets.weak.get(text[start:end])
        if codes is None or end > len(text) or _ROAD_NUMBER.match(text, end - 1):
            continue
        signs: dict[str, str] = dict.fromkeys(codes, StreetSign.OTHER_FORM)
        if end == old_end:
            for code in old_codes:
                signs.setdefault(code, StreetSign.OLD_NAME)
        return Stated(signs, start, end)
    if old_codes:
        return Stated(dict.fromkeys(old_codes, StreetSign.OLD_NAME), start, old_end)
    return None


def _earlier_name(streets: Streets, text: str, start: int) -> tuple[tuple[str, ...], int]:
    """(today's codes, end) of the longest name that an earlier edition gave a street; no codes and
    0 if there is none.
    """
    for length in streets.old_lengths:
        codes = streets.old.get(text[start : start + length])
        if codes:
            return codes, min(start + length, len(text))
    return (), 0


def _ends(text: str, start: int, end: int) -> tuple[int, ...]:
    """Where the name of a street may end: 八镇|里街道 goes on behind what looks like its end."""
    if end - start > _SHORT_STREET_CHARS:
        return (end,)
    longer = STREETISH.match(text, end)
    if longer is None:
        return (end,)
    return end, longer.end()


def _slip_score(difference: Slip, tail: str, street: StreetStem) -> float:
    """How likely a street is meant that was written with this slip and this tail."""
    score = SLIP_SCORE.get(difference, _SAME_STEM_SCORE)
    if _same_tail(tail, street.tail):
        return score
    return score - _OTHER_TAIL_COSTS


def _same_tail(written: str, right: str) -> bool:
    """镇 for 镇, 街道 for 街道办事处."""
    if written[-1] == right[-1]:
        return True
    return written[:2] in _SUBDISTRICT_TAILS and right[:2] in _SUBDISTRICT_TAILS
