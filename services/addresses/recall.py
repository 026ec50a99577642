"""What confirmed cases and shared names suggest for the text behind the administrative names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.addresses.county import Counties
from services.addresses.guess import Guess, Reason
from services.addresses.learned import Keys, Learned, Tally, keys
from services.addresses.names import Kind
from services.addresses.passage import Passage
from services.addresses.signs import (
    STREET_SCORE,
    CommunitySign,
    Signs,
    StreetSign,
    agreed_or_disputed,
)
from services.addresses.snapshot import Snapshot

REST_CHARS_MAX = 48
"""How far behind the administrative names compounds and roads are looked for."""

_ROAD_STEM = re.compile(r"[东南西北中]?(?:一|二|三|四|五|六)?(?:大街|大道|路|街|道|巷|胡同|里|弄)$")
_ROAD_CHARS_MIN = 3
_ROAD_STEM_CHARS_MIN = 2

_NAMESAKE_SCORE: dict[CommunitySign, float] = {
    CommunitySign.ROAD_NAMESAKE: 4.0,
    CommunitySign.COMPOUND_NAMESAKE: 4.0,
    CommunitySign.ROAD_BEGINS_NAME: 2.0,
    CommunitySign.ROAD_RESEMBLES: 0.5,
}
_COMPOUND_SCORE: dict[CommunitySign, float] = {
    CommunitySign.COMPOUND: 7.0,
    CommunitySign.COMPOUND_INSIDE: 5.0,
}
_NUMBER_SCORE: dict[CommunitySign, float] = {
    CommunitySign.HOUSE_NUMBER: 8,
    CommunitySign.NEAR_NUMBER: 4,
    CommunitySign.FAR_NUMBER: 3,
}
_SHARE_FLOOR = 0.05
"""Added to a share before its logarithm is taken, so that a small one does not count endlessly."""
_CASES_COUNTED = 4
_CASE_SCORE = 0.5
_CHARACTERS_COUNTED = 6
_CHARACTER_SCORE = 0.2

NEAR_NUMBERS = 12
"""House numbers no further apart are near each other."""
_NUMBERS_TO_HALVE = 8
"""A confirmed number so far away counts half as much."""
_OTHER_SIDE = 0.6
"""Odd and even numbers stand on different sides of the road."""
_SAME_NUMBER_WEIGHT = 3.0
_LEAST_WEIGHT = 1e-9
"""Keeps the votes of very far numbers above nothing."""


@dataclass(slots=True)
class _Votes:
    """What the confirmed numbers of a road say about one of its numbers.

    `weights`: code -> weight of its votes; `nearest`: code -> its number nearest to the one looked
    up; `cases`: how many confirmed cases there are.
    """

    weights: dict[str, float] = field(default_factory=dict)
    nearest: dict[str, int] = field(default_factory=dict)
    cases: int = 0


class Recall:
    """Looks a compound, a house number or a road up in what is known of a county."""

    def __init__(self, snapshot: Snapshot, counties: Counties, learned: Learned) -> None:
        self.snapshot = snapshot
        self.counties = counties
        self.learned = learned

    def read(self, passage: Passage) -> list[Guess]:
        """Communities where confirmed cases of the same compound or the nearest house number lie,
        and those that are called like the road or the compound.
        """
        guesses: list[Guess] = []
        for anchor in dict.fromkeys(passage.anchors):
            rest = passage.text[anchor : anchor + REST_CHARS_MAX]
            behind = keys(rest)
            guesses += self._compounds(passage, anchor, rest, behind)
            if behind.road:
                guesses += self._numbered(passage, anchor, behind)
                guesses += self._road_namesakes(passage, anchor, behind)
            if behind.compounds:
                guesses += self._compound_namesakes(passage, anchor, behind)
        return guesses

    def _compounds(self, passage: Passage, anchor: int, rest: str, behind: Keys) -> list[Guess]:
        """What cases of the compound right behind the anchor say, else those of compounds further
        on.
        """
        known = self.learned.compound(passage.county, behind.compounds)
        if known is not None:
            name, tally = known
            start = anchor + behind.compound_at
            span = (start, start + len(name))
            return self._voted(passage, tally, span, CommunitySign.COMPOUND)
        guesses: list[Guess] = []
        for begin, end, tally in self.learned.inside(passage.county, rest):
            span = (anchor + begin, anchor + end)
            guesses += self._voted(passage, tally, span, CommunitySign.COMPOUND_INSIDE)
        return guesses

    def _voted(
        self, passage: Passage, tally: Tally, span: tuple[int, int], sign: CommunitySign
    ) -> list[Guess]:
        """A guess for each community in which confirmed cases of a compound lie."""
        total = sum(tally.counts.values())
        guesses: list[Guess] = []
        for code, count in tally.counts.items():
            street_sign = passage.street_sign(code)
            if street_sign == StreetSign.OTHER:
                continue
            share = count / total
            score = STREET_SCORE[street_sign] + _COMPOUND_SCORE[sign]
            score += 2 * math.log2(_SHARE_FLOOR + share)
            score += _CASE_SCORE * min(count, _CASES_COUNTED)
            score += _CHARACTER_SCORE * min(span[1] - span[0], _CHARACTERS_COUNTED)
            signs = Signs(passage.county_sign, street_sign, agreed_or_disputed(sign, share))
            reason = self._compound_reason(passage.county, tally, code, total, span)
            guesses.append(Guess(code, score, signs, [reason], weight=count))
        return guesses

    def _compound_reason(
        self, county: str, tally: Tally, code: str, total: int, span: tuple[int, int]
    ) -> Reason:
        facts = (self._county_name(county), tally.counts[code], total, self._place(code))
        if tally.last:
            return Reason("compound_on", *span, (*facts, tally.last))
        return Reason("compound", *span, facts)

    def _numbered(self, passage: Passage, anchor: int, behind: Keys) -> list[Guess]:
        """A guess for each community in which confirmed numbers of the road lie."""
        numbers = self.learned.numbers(passage.county, behind.road)
        votes = _votes(numbers, behind.number)
        total = sum(votes.weights.values())
        start = anchor + behind.road_at
        span = (start, start + len(behind.road))
        guesses: list[Guess] = []
        for code, weight in votes.weights.items():
            street_sign = passage.street_sign(code)
            if street_sign == StreetSign.OTHER:
                continue
            share = weight / total
            sign = _number_sign(abs(votes.nearest[code] - behind.number))
            score = STREET_SCORE[street_sign] + _NUMBER_SCORE[sign]
            score += _share_score(sign, share)
            signs = Signs(passage.county_sign, street_sign, agreed_or_disputed(sign, share))
            reason = self._number_reason(passage.county, votes, code, span)
            guesses.append(Guess(code, score, signs, [reason], weight=share))
        return guesses

    def _number_reason(
        self, county: str, votes: _Votes, code: str, span: tuple[int, int]
    ) -> Reason:
        nearest = votes.nearest[code]
        facts = (self._county_name(county), nearest, self._place(code), votes.cases)
        return Reason("number", *span, facts)

    def _road_namesakes(self, passage: Passage, anchor: int, behind: Keys) -> list[Guess]:
        """Communities called like the road: a weak sign, since roads are long."""
        road = behind.road
        signs = dict.fromkeys(
            self.counties.named(passage.county, road), CommunitySign.ROAD_NAMESAKE
        )
        for index in self._beginning_like(road, passage.county):
            base, kind = self.snapshot.base(index)
            if kind != Kind.RESIDENTS:
                continue
            if base.startswith(road):
                signs.setdefault(index, CommunitySign.ROAD_BEGINS_NAME)
            else:
                signs.setdefault(index, CommunitySign.ROAD_RESEMBLES)
        return self._namesakes(passage, road, anchor + behind.road_at, signs)

    def _beginning_like(self, road: str, county: str) -> Iterable[int]:
        """Indexes of the county's communities whose name begins with the road's, but for its 路 or
        街.
        """
        if len(road) < _ROAD_CHARS_MIN:
            return ()
        stem = _ROAD_STEM.sub("", road)
        if len(stem) < _ROAD_STEM_CHARS_MIN:
            return ()
        low, high = self.snapshot.county_range(county)
        return self.snapshot.starting(low, high, stem)

    def _compound_namesakes(self, passage: Passage, anchor: int, behind: Keys) -> list[Guess]:
        """Communities called like the compound: a weak sign, since names are borrowed."""
        name = behind.compounds[-1]
        signs = dict.fromkeys(
            self.counties.named(passage.county, name), CommunitySign.COMPOUND_NAMESAKE
        )
        return self._namesakes(passage, name, anchor + behind.compound_at, signs)

    def _namesakes(
        self, passage: Passage, name: str, start: int, community_signs: dict[int, CommunitySign]
    ) -> list[Guess]:
        """A guess for each community (index -> sign) that has something of the name."""
        guesses: list[Guess] = []
        for index, sign in community_signs.items():
            code = self.snapshot.code(index)
            street_sign = passage.street_sign(code)
            if street_sign == StreetSign.OTHER:
                continue
            score = STREET_SCORE[street_sign] + _NAMESAKE_SCORE[sign]
            facts = (self.snapshot.community_name(index),)
            reason = Reason("road_name", start, start + len(name), facts)
            signs = Signs(passage.county_sign, street_sign, sign)
            guesses.append(Guess(code, score, signs, [reason]))
        return guesses

    def _county_name(self, county: str) -> str:
        return self.snapshot.upper_names.get(county, county)

    def _place(self, code: str) -> str:
        """Name of the street or community that a case lies in."""
        if len(code) == 12:
            index = self.snapshot.index(code)
            if index is not None:
                return self.snapshot.community_name(index)
        return self.snapshot.upper_names.get(code, code)


def _votes(numbers: dict[int, Tally], number: int) -> _Votes:
    """Weights every confirmed number of a road by its distance from `number`."""
    votes = _Votes()
    for known, tally in numbers.items():
        gap = abs(known - number)
        weight = _weight(gap)
        confirmed = sum(tally.counts.values())
        for code, count in tally.counts.items():
            votes.cases += count
            votes.weights[code] = votes.weights.get(code, 0.0) + weight * count / confirmed
            nearest = votes.nearest.get(code)
            if nearest is None or gap < abs(nearest - number):
                votes.nearest[code] = known
    return votes


def _weight(gap: int) -> float:
    """What a confirmed number counts that lies `gap` numbers away."""
    if gap == 0:
        return 1.0 + _SAME_NUMBER_WEIGHT
    weight = 2.0 ** (-gap / _NUMBERS_TO_HALVE)
    if gap % 2 == 1:
        weight *= _OTHER_SIDE
    return weight + _LEAST_WEIGHT


def _number_sign(gap: int) -> CommunitySign:
    if gap == 0:
        return CommunitySign.HOUSE_NUMBER
    if gap <= NEAR_NUMBERS:
        return CommunitySign.NEAR_NUMBER
    return CommunitySign.FAR_NUMBER


def _share_score(sign: CommunitySign, share: float) -> float:
    """What the share of the votes adds; the same number's counts twice."""
    score = math.log2(_SHARE_FLOOR + share)
    if sign == CommunitySign.HOUSE_NUMBER:
        return 2 * score
    return score
