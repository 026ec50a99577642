"""A guess: one division an address may mean, with the signs that speak for it and a score to order
guesses by.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from services.addresses.signs import (
    BY_NAME,
    DISPUTED,
    OTHER_KIND,
    STREET_WRITTEN,
    TWO_CHARACTERS,
    CommunitySign,
    Signs,
)

_SECOND_SIGN_SCORE = 1.5
"""What each further sign for the same code adds to a score."""


class Reason(NamedTuple):
    """An evidence not yet put in words: rule, span in the normalised text (-1: not from the text),
    facts.
    """

    rule: str
    start: int
    end: int
    facts: tuple[object, ...] = ()


@dataclass(slots=True)
class Guess:
    """One division: `also` are further community signs for it, `weight` the number of confirmed
    cases, or the share of votes of a house number.
    """

    code: str
    score: float
    signs: Signs
    reasons: list[Reason] = field(default_factory=list)
    also: frozenset[str] = frozenset()
    weight: float = 0.0

    @property
    def street(self) -> str:
        """The street's part of the code."""
        return self.code[:9]


def merged(guesses: list[Guess]) -> list[Guess]:
    """One guess per code, best first; independent signs for the same code add to its score."""
    best: dict[str, Guess] = {}
    for guess in _by_score(guesses):
        first = best.setdefault(guess.code, guess)
        if first is guess or guess.signs.community == first.signs.community:
            continue
        first.score += _SECOND_SIGN_SCORE
        first.also |= {guess.signs.community}
        first.reasons += [reason for reason in guess.reasons if reason not in first.reasons]
    return _by_score(best.values())


def _by_score(guesses: Iterable[Guess]) -> list[Guess]:
    return sorted(guesses, key=lambda guess: -guess.score)


BORROWED: frozenset[str] = frozenset(
    (
        CommunitySign.COMPOUND_NAMESAKE,
        CommunitySign.ROAD_NAMESAKE,
        CommunitySign.ROAD_BEGINS_NAME,
        CommunitySign.ROAD_RESEMBLES,
        CommunitySign.BARE_BEFORE_COMPOUND,
        CommunitySign.VILLAGE_NAME_KEPT,
        CommunitySign.KIND_DIFFERS,
        CommunitySign.BARE_ROAD,
        CommunitySign.ROAD_OR_SCHOOL,
        CommunitySign.NEAR_NUMBER,
        CommunitySign.FAR_NUMBER,
        CommunitySign.EXTRA,
        CommunitySign.EXTRA + OTHER_KIND,
        CommunitySign.EXTRA + TWO_CHARACTERS,
        CommunitySign.EXTRA + OTHER_KIND + TWO_CHARACTERS,
        CommunitySign.CHARACTER,
        CommunitySign.CHARACTER + OTHER_KIND,
        CommunitySign.NEAR_SOUND,
        CommunitySign.NEAR_SOUND + OTHER_KIND,
        CommunitySign.MISSING + OTHER_KIND,
        CommunitySign.MISSING + OTHER_KIND + TWO_CHARACTERS,
    )
)
"""Community signs too weak to go deeper than a street the text states: left out one by one, such
readings of confirmed addresses were right in 40 to 88 of 100 cases (docs/accuracy.md).
"""

_SUPPORTING = frozenset(
    (
        CommunitySign.COMPOUND,
        CommunitySign.COMPOUND_INSIDE,
        CommunitySign.HOUSE_NUMBER,
        CommunitySign.BARE,
    )
)
"""Further signs beside which a borrowed name is believed."""


def depth_first(guesses: list[Guess]) -> list[Guess]:
    """Puts a stated street before a community that only a borrowed name or a far number suggests.

    Not where the text names two communities of that street: then a person chooses between them.
    """
    best, *others = guesses
    if not _goes_too_deep(best) or _names_another_of_the_street(best, others):
        return guesses
    for place, guess in enumerate(guesses):
        if guess.code == best.street and guess.signs.community == CommunitySign.STREET_ONLY:
            signs = guess.signs._replace(community=CommunitySign.STREET_FIRST)
            street = Guess(guess.code, best.score, signs, guess.reasons)
            return [street, *guesses[:place], *guesses[place + 1 :]]
    return guesses


def _goes_too_deep(guess: Guess) -> bool:
    """The text states the street; of the community only a borrowed name tells."""
    if guess.signs.street not in STREET_WRITTEN:
        return False
    if guess.signs.community.rstrip(DISPUTED) not in BORROWED:
        return False
    return guess.also.isdisjoint(_SUPPORTING)


def _names_another_of_the_street(best: Guess, others: list[Guess]) -> bool:
    return any(guess.street == best.street and guess.signs.community in BY_NAME for guess in others)
