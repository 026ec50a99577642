"""Score and signs of the best guess -> probability that it is right, and the decision that follows.

A logistic model over the signs (how county, street and community were found), the margin to the next guess and
the weight of learned evidence. Its coefficients are data, fitted by `tests/score/address_fit.py` on confirmed
addresses and kept in `data/address_confidence.json`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from services.matcher.address_guess import Guess

ROUTE_AT = 0.97
"""At and above this confidence an answer of street or community depth may go on without a person."""

MODEL = Path(__file__).with_name("data") / "address_confidence.json"


def features(guess: Guess, rivals: Sequence[Guess]) -> list[str]:
    """Names of the indicators that hold for a guess among its rivals (other codes, best first)."""
    county, street, community = guess.signs
    out = [f"county:{county}", f"street:{street}", f"community:{community}", f"both:{street}{community}"]
    other = [r for r in rivals if not r.code.startswith(guess.code) and not guess.code.startswith(r.code)]
    margin = guess.score - other[0].score if other else 9.0
    out.append("margin:" + ("0" if margin < 0.5 else "1" if margin < 2 else "2" if margin < 4 else "far"))
    if guess.also:
        out.append("also")
    if community[0] in "ci":
        out.append("cases:" + ("1" if guess.weight <= 1 else "2" if guess.weight <= 3 else "many"))
    if community[0] == "v":
        out.append(f"vote:{min(int(guess.weight * 5), 4)}")
    return out


@cache
def model() -> dict[str, float]:
    """Indicator -> coefficient; `bias` is the constant."""
    return json.loads(MODEL.read_text("utf-8"))["coefficients"] if MODEL.exists() else {}


def confidence(found: list[str]) -> float:
    """Probability for a list of indicators."""
    weights = model()
    total = weights.get("bias", 0.0) + sum(weights.get(f, 0.0) for f in found)
    return 1.0 / (1.0 + math.exp(-max(-20.0, min(20.0, total))))
