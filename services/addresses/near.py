"""Inside a stated street: a community's bare name, and names that differ from its communities by
one slip.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.addresses.county import Counties
from services.addresses.guess import Guess, Reason
from services.addresses.names import MENTION, Kind, mention_base, mention_kind
from services.addresses.passage import Passage, Stated
from services.addresses.signs import STREET_SCORE, CommunitySign, Signs, StreetSign, slip_sign
from services.addresses.slips import SLIP_SCORE, WORDS, Slip, slip
from services.addresses.snapshot import Snapshot
from services.addresses.walk import BASE_CHARS_MAX, harmless

STEM_CHARS_MIN = 2
SLIPPED_MENTIONS_MAX = 2
MENTION_CHARS_MAX = 6

_BOUND = re.compile(r"[0-9]|$|[一二三四五六七八九十]+[组社队]|自然村")
"""What may stand behind a name of two characters that is no part of a longer one."""
_ROAD_END = re.compile(r"(?:[路街巷弄]|大道|胡同)$")
_COMPOUND_NEXT = re.compile(
    r"[东南西北中新老]?(?:家园|花园|苑|园|城|大厦|广场|公寓|小区|[东南西北中新老]区)"
)
_ROAD_NEXT = re.compile(
    r"[东南西北中新老]?[一二三四五六七八九十]?(?:[路街道巷弄里桥]|大道|大街|胡同|横街|支路)"
)
_WORD_GOES_ON = re.compile(
    r"[东南西北中]?[一二三四五六七八九十]?(?:[路街道巷弄里村桥站园苑城庄]|大道|大街|胡同)"
    r"|社区|小区|新村|花园|家园|公寓|大厦"
)
_BARE_SCORE = 11
_BARE_COSTS: dict[CommunitySign, int] = {
    CommunitySign.BARE: 0,
    CommunitySign.BARE_BEFORE_COMPOUND: 3,
    CommunitySign.BARE_STREET_NAME: 3,
    CommunitySign.BARE_ROAD: 6,
}
_CHARACTER_SCORE = 0.2
_SLIPPED_SCORE = 1
_OTHER_KIND_COSTS = 2


class Near:
    """Readings that only the stated street makes likely."""

    def __init__(self, snapshot: Snapshot, counties: Counties) -> None:
        self.snapshot = snapshot
        self.counties = counties

    def stem(self, passage: Passage) -> Stated | None:
        """The street whose name without 街道 or 镇 begins the passage, unless it goes on as a road
        or estate.
        """
        text, start = passage.text, passage.start
        signs: dict[str, str] = {}
        longest = STEM_CHARS_MIN
        for street in self.counties.streets(passage.county).stems():
            length = len(street.stem)
            if length < longest or not text.startswith(street.stem, start):
                continue
            if _WORD_GOES_ON.match(text, start + length) is not None:
                continue
            if length > longest:
                signs = {}
                longest = length
            signs[street.code] = StreetSign.STEM
        if not signs:
            return None
        return Stated(signs, start, start + longest)

    def bare(self, passage: Passage, stated: Stated) -> list[Guess]:
        """The communities of the longest base that follows the stated street without 社区 or 村."""
        for street in stated.signs:
            indexes = self._longest_bases(street, passage.text, stated.end)
            if indexes:
                return [self._bare_guess(index, passage, stated) for index in indexes]
        return []

    def _longest_bases(self, street: str, text: str, start: int) -> list[int]:
        """Indexes of a street's communities with the longest base that stands at `start`."""
        if len(text) <= start + 1:
            return []
        low, high = self.snapshot.ranges[street]
        longest = 0
        indexes: list[int] = []
        for index in self.snapshot.starting(low, high, text[start : start + 2]):
            base, _ = self.snapshot.base(index)
            if len(base) < longest or not text.startswith(base, start):
                continue
            if len(base) > longest:
                longest = len(base)
                indexes = []
            indexes.append(index)
        return indexes

    def _bare_guess(self, index: int, passage: Passage, stated: Stated) -> Guess:
        code = self.snapshot.code(index)
        base, _ = self.snapshot.base(index)
        sign = _bare_sign(base, passage.text, stated)
        score = _BARE_SCORE + _CHARACTER_SCORE * len(base) - _BARE_COSTS[sign]
        name = self.snapshot.community_name(index)
        reason = Reason("community_bare", stated.end, stated.end + len(base), (name,))
        signs = Signs(passage.county_sign, passage.street_sign(code), sign)
        return Guess(code, score, signs, [reason])

    def slipped(self, passage: Passage, stated: Stated) -> list[Guess]:
        """Communities of the stated street that the first mentions differ from by one slip."""
        guesses: list[Guess] = []
        for mention in _first_mentions(passage.text, stated.end):
            kind = mention_kind(mention.group())
            base, _ = mention_base(passage.text, stated.end, mention)
            if len(base) < 2 or not harmless(passage.text, mention.end(), kind):
                continue
            if passage.text.startswith(base, stated.start):
                # 桂园街道桂园社区 is no slip for 桂木园社区: the street's own name is no accident
                continue
            for street in stated.signs:
                for index, difference in self._slips_of(street, base):
                    guess = self._slip_guess(index, base, kind, difference, passage)
                    by_name = self._slip_reason(index, difference, stated.end, mention.end())
                    guess.reasons = [stated.reason(self.snapshot, street), by_name]
                    guesses.append(guess)
        return guesses

    def _slips_of(self, street: str, base: str) -> Iterator[tuple[int, Slip]]:
        """(index, slip) of the street's communities that `base` may be a slip for."""
        low, high = self.snapshot.ranges[street]
        for index in range(low, high):
            right, _ = self.snapshot.base(index)
            if abs(len(right) - len(base)) > 1:
                continue
            difference = slip(base, right, self.snapshot.sounds)
            if difference is not None and difference != Slip.SAME:
                yield index, difference

    def _slip_guess(
        self, index: int, base: str, kind: Kind, difference: Slip, passage: Passage
    ) -> Guess:
        code = self.snapshot.code(index)
        street_sign = passage.street_sign(code)
        same_kind = self.snapshot.kinds[index] == kind
        score = STREET_SCORE[street_sign] + _SLIPPED_SCORE + SLIP_SCORE[difference]
        if not same_kind:
            score -= _OTHER_KIND_COSTS
        sign = slip_sign(difference, base, same_kind=same_kind)
        return Guess(code, score, Signs(passage.county_sign, street_sign, sign))

    def _slip_reason(self, index: int, difference: Slip, start: int, end: int) -> Reason:
        name = self.snapshot.community_name(index)
        return Reason("community_like", start, end, (name, *WORDS[difference]))


def _bare_sign(base: str, text: str, stated: Stated) -> CommunitySign:
    """How far a bare name right behind the street can be trusted."""
    end = stated.end + len(base)
    if _ROAD_NEXT.match(text, end) or _ROAD_END.search(base):
        return CommunitySign.BARE_ROAD
    if text.startswith(base, stated.start):
        return CommunitySign.BARE_STREET_NAME
    if _COMPOUND_NEXT.match(text, end):
        return CommunitySign.BARE_BEFORE_COMPOUND
    if len(base) == 2 and not _BOUND.match(text, end):
        return CommunitySign.BARE_BEFORE_COMPOUND
    return CommunitySign.BARE


def _first_mentions(text: str, start: int) -> list[re.Match[str]]:
    """The first names behind a street that are closed by 社区, 村 and the like."""
    matches = MENTION.finditer(text, start, start + BASE_CHARS_MAX + MENTION_CHARS_MAX)
    behind_a_name = [match for match in matches if match.start() > start]
    return behind_a_name[:SLIPPED_MENTIONS_MAX]
