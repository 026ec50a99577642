"""Score and signs of the best guess -> probability that it is right, and the decision that follows.

A logistic model over the signs (how county, street and community were found), the margin to the
next guess and the weight of learned evidence. Its coefficients are data, fitted by
`tests/score/address_fit.py` on confirmed addresses and kept in `data/address_confidence.json`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

from services.addresses.guess import Guess
from services.addresses.signs import DISPUTED, CommunitySign, CountySign, StreetSign

TIE = 0.5
"""Guesses closer in score than this are equally good."""

ROUTE_AT = 0.96
"""At and above this confidence an answer of street or community depth may go on without a
person.
"""

ASKED: frozenset[str] = frozenset(
    (
        CommunitySign.BARE_STREET_NAME,
        CommunitySign.BARE_ROAD,
        CommunitySign.INSIDE_NAME,
        CommunitySign.ONE_OF_TWO_STREETS,
        CommunitySign.NEAR_NUMBER,
        CommunitySign.NEAR_NUMBER + DISPUTED,
        CommunitySign.FAR_NUMBER,
        CommunitySign.FAR_NUMBER + DISPUTED,
        CommunitySign.ROAD_NAMESAKE,
        CommunitySign.ROAD_BEGINS_NAME,
        CommunitySign.ROAD_RESEMBLES,
    )
)
ASK_MAX = 0.95
"""Signs that never route alone, however well they did so far: a street's own name, a name in the
middle of what may be another, one of two streets, a house number some way off; nor does anything
inexact beside a street the county does not know.
"""

STEM_MAX = 0.8
"""In a street that only a name without its suffix points to."""

AGAINST_MAX = 0.5
"""Where the province or city that the text names is not that of its county."""

MODEL = Path(__file__).with_name("data") / "address_confidence.json"

_NO_RIVAL_MARGIN = 9.0
_TIES_COUNTED = 3
_VOTE_STEPS = 5
"""The share of the votes is told apart in so many steps."""
_PULL_SCALE = 1.5
"""Scores so far apart differ e-fold in what they share of the confidence that is left."""
_EXPONENT_MAX = 20.0

_OF_CASES = (CommunitySign.COMPOUND.value, CommunitySign.COMPOUND_INSIDE.value)
"""First letters of the signs told apart by their cases. That of a slip of one character begins with
the same letter: the coefficients are fitted with it.
"""
_OF_VOTES = (CommunitySign.NEAR_NUMBER.value, CommunitySign.FAR_NUMBER.value)


def features(guess: Guess, rivals: Sequence[Guess]) -> tuple[str, ...]:
    """Names of the indicators that hold for a guess among its rivals (best first)."""
    county, street, community = guess.signs
    names = [
        f"county:{county}",
        f"street:{street}",
        f"community:{community}",
        f"both:{street}{community}",
        _margin_feature(guess, rivals),
    ]
    if guess.also:
        names.append("also")
    if community.startswith(_OF_CASES):
        names.append(_cases_feature(guess.weight))
    if community.startswith(_OF_VOTES):
        step = min(int(guess.weight * _VOTE_STEPS), _VOTE_STEPS - 1)
        names.append(f"vote:{step}")
    return tuple(names)


def _margin_feature(guess: Guess, rivals: Sequence[Guess]) -> str:
    """How far the next guess is behind, or how many are as good."""
    gaps = [guess.score - rival.score for rival in others(guess, rivals)]
    margin = gaps[0] if gaps else _NO_RIVAL_MARGIN
    ties = sum(gap < TIE for gap in gaps)
    if ties:
        return f"ties:{min(ties, _TIES_COUNTED)}"
    if margin < 2:
        return "margin:1"
    if margin < 4:
        return "margin:2"
    return "margin:far"


def _cases_feature(cases: float) -> str:
    """How many confirmed cases speak for a guess."""
    if cases <= 1:
        return "cases:1"
    if cases <= 3:
        return "cases:2"
    return "cases:many"


def others(guess: Guess, rivals: Sequence[Guess]) -> list[Guess]:
    """Rivals that contradict a guess: neither above nor below it in the table."""
    code = guess.code
    return [
        rival
        for rival in rivals
        if not rival.code.startswith(code) and not code.startswith(rival.code)
    ]


def shares(guesses: Sequence[Guess]) -> list[float]:
    """Confidence of every guess, best first.

    The best has the model's; ties have the same; one that lies within the best, the model's for
    itself; the others share what is left by their scores. None is surer than the one before it.
    """
    best = guesses[0]
    ties = [_ties_with(best, guess) for guess in guesses]
    tie_count = sum(ties)
    of_best = confidence(features(best, guesses[1:]))
    sure = min(of_best, 1.0 / tie_count, _most(best))
    left = max(0.0, 1.0 - sure * tie_count)
    pulls = [math.exp((guess.score - best.score) / _PULL_SCALE) for guess in guesses]
    total = max(1.0, sum(pull for pull, tie in zip(pulls, ties, strict=True) if not tie))
    confidences: list[float] = []
    most = sure
    for place, guess in enumerate(guesses):
        if ties[place]:
            own = sure
        elif _lies_within(guess, best):
            own = confidence(features(guess, guesses[place + 1 :]))
        else:
            own = left * pulls[place] / total
        most = min(most, own)
        confidences.append(most)
    return confidences


def _ties_with(best: Guess, guess: Guess) -> bool:
    """True for the best itself and for each as good that lies elsewhere."""
    if guess is best:
        return True
    if best.score - guess.score >= TIE:
        return False
    return not guess.code.startswith(best.code) and not best.code.startswith(guess.code)


def _lies_within(guess: Guess, best: Guess) -> bool:
    """True for a part of the division that the best guess names."""
    return len(guess.code) > len(best.code) and guess.code.startswith(best.code)


def _most(guess: Guess) -> float:
    """The highest confidence that the signs of a guess allow."""
    if guess.signs.county == CountySign.CONTRADICTED:
        return AGAINST_MAX
    if guess.signs.street == StreetSign.STEM:
        return STEM_MAX
    if guess.signs.community in ASKED:
        return ASK_MAX
    unknown_street = guess.signs.street == StreetSign.UNKNOWN
    if unknown_street and guess.signs.community != CommunitySign.EXACT:
        return ASK_MAX
    return 1.0


@cache
def model() -> dict[str, float]:
    """Indicator -> coefficient; `bias` is the constant."""
    if not MODEL.exists():
        return {}
    return json.loads(MODEL.read_text("utf-8"))["coefficients"]


@lru_cache(maxsize=4096)
def confidence(indicators: tuple[str, ...]) -> float:
    """Probability for the indicators that hold."""
    weights = model()
    total = weights.get("bias", 0.0) + sum(weights.get(name, 0.0) for name in indicators)
    exponent = max(-_EXPONENT_MAX, min(_EXPONENT_MAX, total))
    return 1.0 / (1.0 + math.exp(-exponent))
