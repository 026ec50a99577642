"""Tier 2: one county's text read for a street and a community, exact first, then learned, then
slips.
"""

from __future__ import annotations

from dataclasses import replace

from services.addresses.community_reader import CommunityReader, settled, tells_of_gone
from services.addresses.county import Counties
from services.addresses.guess import Guess, Reason
from services.addresses.learned import Learned
from services.addresses.names import MENTION, mention_kind
from services.addresses.near import Near
from services.addresses.passage import Passage, Stated
from services.addresses.recall import Recall
from services.addresses.signs import (
    EXACT_ALONE,
    EXACT_ANYWHERE,
    STREET_SCORE,
    CommunitySign,
    Signs,
    StreetSign,
)
from services.addresses.snapshot import Snapshot
from services.addresses.street_reader import StreetReader
from services.addresses.walk import BASE_CHARS_MAX, harmless

_DOUBTED = frozenset((StreetSign.OTHER, StreetSign.PERHAPS_LEFT))
_SURE_WITHOUT_STREET = frozenset(
    (
        CommunitySign.EXACT,
        CommunitySign.INSIDE,
        CommunitySign.KIND_DIFFERS,
        CommunitySign.COMPOUND,
        CommunitySign.HOUSE_NUMBER,
    )
)
"""Community signs beside which no street is looked for that is named without its 街道 or 镇."""
_IN_A_NAME_COSTS = 8.0
"""What a name in the middle of another loses where the text seems to name another street."""
_SAME_END_SCORE = 1.0
"""The street is written with the last character of its official name."""


class Reader:
    """Reads the part of an address below the county."""

    def __init__(self, snapshot: Snapshot, counties: Counties, learned: Learned) -> None:
        self.snapshot = snapshot
        self.streets = StreetReader(snapshot, counties)
        self.communities = CommunityReader(snapshot, counties)
        self.recall = Recall(snapshot, counties, learned)
        self.near = Near(snapshot, counties)

    def read(self, text: str, county: str, start: int, county_sign: str) -> list[Guess]:
        """Guesses in one county for the text from `start`; `county_sign` says how the county was
        found.
        """
        stated = self.streets.stated(text, county, start)
        anchors = _anchors(text, start, stated)
        passage = Passage(text, county, county_sign, start, stated, anchors)
        guesses = self.communities.read(passage)
        if not settled(guesses):
            guesses += self.recall.read(passage)
            if stated is not None and stated.signs:
                guesses += self._near(passage, stated, guesses)
        if stated is not None:
            return guesses + self._street_guesses(passage, stated, guesses)
        if any(guess.signs.community in _SURE_WITHOUT_STREET for guess in guesses):
            return guesses
        return guesses + self._by_stem(passage, guesses)

    def _near(self, passage: Passage, stated: Stated, guesses: list[Guess]) -> list[Guess]:
        """What only the stated street makes likely, as far as the other guesses leave room."""
        near: list[Guess] = []
        if not any(_is_exact_in_the_street(guess) for guess in guesses):
            near += self.near.bare(passage, stated)
        if tells_of_gone(guesses):
            return near
        if not any(_stands_right_behind(guess, stated) for guess in guesses):
            near += self.near.slipped(passage, stated)
        return near

    def _by_stem(self, passage: Passage, guesses: list[Guess]) -> list[Guess]:
        """What lies in a street named without its 街道 or 镇 (闵行七宝…), for a person to choose
        from; lowers what seems to lie elsewhere.
        """
        stated = self.near.stem(passage)
        if stated is None:
            return []
        for guess in guesses:
            is_elsewhere = guess.street not in stated.signs
            if is_elsewhere and guess.signs.community == CommunitySign.INSIDE_NAME:
                guess.score -= _IN_A_NAME_COSTS
        behind = replace(passage, stated=stated, anchors=[stated.end])
        readings = self.communities.read(behind)
        readings += self.near.bare(behind, stated)
        readings += self.near.slipped(behind, stated)
        inside = [guess for guess in readings if guess.street in stated.signs]
        return inside + self._street_guesses(behind, stated, inside)

    def _street_guesses(self, passage: Passage, stated: Stated, deeper: list[Guess]) -> list[Guess]:
        """The stated streets themselves, saying so where a community is named behind them that no
        list has.
        """
        if not stated.signs:
            return []
        unknown: list[Reason] = []
        if not any(_tells_a_community(guess) for guess in deeper):
            unknown = self._unknown(passage.text, stated)
        community_sign = CommunitySign.STREET_ONLY
        if stated.one_of_two:
            community_sign = CommunitySign.ONE_OF_TWO_STREETS
        guesses = []
        for code, street_sign in stated.signs.items():
            score = STREET_SCORE[street_sign]
            if self.snapshot.upper_names[code][-1] == passage.text[stated.end - 1]:
                score += _SAME_END_SCORE
            signs = Signs(passage.county_sign, street_sign, community_sign)
            reasons = [stated.reason(self.snapshot, code), *unknown]
            guesses.append(Guess(code, score, signs, reasons))
        return guesses

    def _unknown(self, text: str, stated: Stated) -> list[Reason]:
        """That the street lists no community of the name behind it, if there is one."""
        mention = MENTION.search(text, stated.end + 1, stated.end + BASE_CHARS_MAX)
        if mention is None or not harmless(text, mention.end(), mention_kind(mention.group())):
            return []
        first_code = next(iter(stated.signs))
        street = self.snapshot.upper_names[first_code]
        return [Reason("community_unknown", stated.end, mention.end(), (street,))]


def _anchors(text: str, start: int, stated: Stated | None) -> list[int]:
    """Where the name of a community may begin: behind the stated street, or where it begins, if it
    may be no street at all; behind it again where it is written twice.
    """
    if stated is None:
        return [start]
    anchors = [stated.end]
    if any(sign != StreetSign.EXACT for sign in stated.signs.values()) or not stated.signs:
        anchors.insert(0, start)
    written = text[start : stated.end]
    if text.startswith(written, stated.end):
        anchors.append(stated.end + len(written))
    return anchors


def _is_exact_in_the_street(guess: Guess) -> bool:
    """By its own name, and the stated street does not speak against it."""
    return guess.signs.community in EXACT_ANYWHERE and guess.signs.street not in _DOUBTED


def _stands_right_behind(guess: Guess, stated: Stated) -> bool:
    """By its own name, which begins where the stated street ends."""
    return guess.signs.community in EXACT_ALONE and guess.reasons[-1].start == stated.end


def _tells_a_community(guess: Guess) -> bool:
    return len(guess.code) == 12 or guess.signs.community == CommunitySign.GONE
