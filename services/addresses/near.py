"""Inside a stated street: a community's bare name, and names that differ from its communities by
one slip.
"""

from __future__ import annotations

import re

from services.addresses.guess import (
    STREET_SCORE,
    CommunitySign,
    Guess,
    Reason,
    Signs,
    Stated,
    slip_sign,
    street_reason,
)
from services.addresses.names import MENTION, clean, mention_base, mention_kind, street_stem
from services.addresses.slips import SLIP_SCORE, WORDS, slip
from services.addresses.snapshot import Snapshot
from services.addresses.walk import BASE_CHARS_MAX, harmless

_BOUND = re.compile(r"[0-9]|$|[一二三四五六七八九十]+[组社队]|自然村")
_ROAD_END = re.compile(r"(?:[路街巷弄]|大道|胡同)$")
_BORROWED = re.compile(
    r"[东南西北中新老]?(?:家园|花园|苑|园|城|大厦|广场|公寓|小区|[东南西北中新老]区)"
)
_ROAD_NEXT = re.compile(
    r"[东南西北中新老]?[一二三四五六七八九十]?(?:[路街道巷弄里桥]|大道|大街|胡同|横街|支路)"
)
_WORD_GOES_ON = re.compile(
    r"[东南西北中]?[一二三四五六七八九十]?(?:[路街道巷弄里村桥站园苑城庄]|大道|大街|胡同)"
    r"|社区|小区|新村|花园|家园|公寓|大厦"
)


class Near:
    """Readings that only the stated street makes likely."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def stem(self, text: str, county: str, start: int) -> Stated | None:
        """The street whose name without 街道 or 镇 begins the text, unless it goes on as a road or
        estate.
        """
        codes: dict[str, str] = {}
        longest = 2
        for code in self.snapshot.streets_of.get(county, ()):
            stem = street_stem(clean(self.snapshot.upper_names[code]))[0]
            end = start + len(stem)
            if (
                len(stem) >= longest
                and text.startswith(stem, start)
                and _WORD_GOES_ON.match(text, end) is None
            ):
                codes = codes if len(stem) == longest else {}
                codes[code], longest = "n", len(stem)
        return Stated(codes, start, start + longest) if codes else None

    def bare(self, text: str, stated: Stated, sign: str) -> list[Guess]:
        """A base of the stated street right after it, without 社区 or 村."""
        end = stated.end
        for street in stated.codes:
            low, high = self.snapshot.ranges[street]
            alike = (
                self.snapshot.starting(low, high, text[end : end + 2])
                if len(text) > end + 1
                else ()
            )
            bases = ((index, self.snapshot.base(index)[0]) for index in alike)
            fits = [(len(base), index) for index, base in bases if text.startswith(base, end)]
            if fits:
                longest = max(fits)[0]
                return [
                    self._bare_guess(text, i, end + n, stated, sign)
                    for n, i in fits
                    if n == longest
                ]
        return []

    def _bare_guess(self, text: str, index: int, end: int, stated: Stated, sign: str) -> Guess:
        code, base = self.snapshot.code(index), text[stated.end : end]
        road = _ROAD_NEXT.match(text, end) is not None or _ROAD_END.search(base) is not None
        borrowed = _BORROWED.match(text, end) is not None or (
            len(base) == 2 and _BOUND.match(text, end) is None
        )
        own = text.startswith(base, stated.start)
        if road:
            word, doubt = CommunitySign.BARE_ROAD, 6
        elif own:
            word, doubt = CommunitySign.BARE_STREET_NAME, 3
        elif borrowed:
            word, doubt = CommunitySign.BARE_BEFORE_COMPOUND, 3
        else:
            word, doubt = CommunitySign.BARE, 0
        score = 11 + 0.2 * len(base) - doubt
        reason = Reason("community_bare", stated.end, end, (self.snapshot.community_name(index),))
        return Guess(code, score, Signs(sign, stated.codes[code[:9]], word), [reason])

    def slipped(self, text: str, start: int, stated: Stated, sign: str) -> list[Guess]:
        """Communities of the stated street that the first mention differs from by one slip."""
        mentions = [
            m
            for m in MENTION.finditer(text, start, start + BASE_CHARS_MAX + 6)
            if m.start() > start
        ][:2]
        out = []
        for m in mentions:
            kind = mention_kind(m.group())
            base, _ = mention_base(text, start, m)
            if (
                len(base) < 2
                or not harmless(text, m.end(), kind)
                or text.startswith(base, stated.start)
            ):
                # 桂园街道桂园社区 is no slip for 桂木园社区: the street's own name is no accident
                continue
            for street, how in stated.codes.items():
                low, high = self.snapshot.ranges[street]
                for index in range(low, high):
                    right, right_kind = self.snapshot.base(index)
                    if abs(len(right) - len(base)) > 1:
                        continue
                    slipped_by = slip(base, right, self.snapshot.sounds)
                    if slipped_by is None or slipped_by == "same":
                        continue
                    score = (
                        STREET_SCORE[how]
                        + 1
                        + SLIP_SCORE[slipped_by]
                        - (0 if right_kind == kind else 2)
                    )
                    word = slip_sign(slipped_by, base, same_kind=right_kind == kind)
                    name = self.snapshot.community_name(index)
                    reasons = [
                        street_reason(self.snapshot, street, stated),
                        Reason("community_like", start, m.end(), (name, *WORDS[slipped_by])),
                    ]
                    out.append(
                        Guess(self.snapshot.code(index), score, Signs(sign, how, word), reasons)
                    )
        return out
