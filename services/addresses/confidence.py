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

from services.addresses.guess import CommunitySign, CountySign, Guess, StreetSign

TIE = 0.5
"""Guesses closer in score than this are equally good."""

ROUTE_AT = 0.96
"""At and above this confidence an answer of street or community depth may go on without a
person.
"""

ASKED = frozenset(("D", "F", "p", "v", "V", "v%", "V%", "q", "r", "a", "A"))
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


def features(guess: Guess, rivals: Sequence[Guess]) -> tuple[str, ...]:
    """Names of the indicators that hold for a guess among its rivals (best first)."""
    county, street, community = guess.signs
    out = [
        f"county:{county}",
        f"street:{street}",
        f"community:{community}",
        f"both:{street}{community}",
    ]
    gaps = [guess.score - r.score for r in others(guess, rivals)]
    ties = sum(gap < TIE for gap in gaps)
    margin = gaps[0] if gaps else 9.0
    out.append(
        f"ties:{min(ties, 3)}"
        if ties
        else "margin:" + ("1" if margin < 2 else "2" if margin < 4 else "far")
    )
    if guess.also:
        out.append("also")
    if community[0] in "ci":
        out.append("cases:" + ("1" if guess.weight <= 1 else "2" if guess.weight <= 3 else "many"))
    if community[0] in "vV":
        out.append(f"vote:{min(int(guess.weight * 5), 4)}")
    return tuple(out)


def others(guess: Guess, rivals: Sequence[Guess]) -> list[Guess]:
    """Rivals that contradict a guess: neither above nor below it in the table."""
    return [
        r for r in rivals if not r.code.startswith(guess.code) and not guess.code.startswith(r.code)
    ]


def shares(guesses: Sequence[Guess]) -> list[float]:
    """Confidence of every guess, best first.

    The best has the model's; ties have the same; one that lies within the best, the model's for
    itself; the others share what is left by their scores.
    """
    best = guesses[0]
    against = others(best, guesses)
    tied = [g is best or (best.score - g.score < TIE and g in against) for g in guesses]
    sure = min(confidence(features(best, guesses[1:])), 1.0 / sum(tied), _most(best))
    left = max(0.0, 1.0 - sure * sum(tied))
    pulls = [math.exp((g.score - best.score) / 1.5) for g in guesses]
    total = max(1.0, sum(p for p, t in zip(pulls, tied, strict=True) if not t))
    out = []
    for place, (guess, pull, tie) in enumerate(zip(guesses, pulls, tied, strict=True)):
        own = left * pull / total
        if (
            len(guess.code) > len(best.code)
            and guess.code.startswith(best.code)
            and guess not in against
        ):
            own = confidence(features(guess, guesses[place + 1 :]))
        out.append(sure if tie else min(sure, own))
    return out


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
    return json.loads(MODEL.read_text("utf-8"))["coefficients"] if MODEL.exists() else {}


@lru_cache(maxsize=4096)
def confidence(signs: tuple[str, ...]) -> float:
    """Probability for the indicators that hold."""
    weights = model()
    total = weights.get("bias", 0.0) + sum(weights.get(f, 0.0) for f in signs)
    return 1.0 / (1.0 + math.exp(-max(-20.0, min(20.0, total))))
