"""Fits the identity model to what people decided: a new version from the one in force, never a
change of it.

The weights of the version in force are the starting point and hold firm: the new ones maximise the
conditional likelihood of the decisions ("this candidate, or none of them") less a penalty on the
square of what changed (MAP with a Gaussian prior around the old weights). m and u are counted on,
the old shares standing for as many pairs as they were counted from. Five-fold cross-validation says
whether decisions that were not looked at are foretold better.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.identity.model import RARITY, group_of, signs
from services.kit.errors import Refused, Text
from services.matcher.reviewed import Group

FIRMNESS = 4.0
"""Penalty: a weight moves by one unit only if some four decisions pull it all the way."""
LEAST = 50
FOLDS = 5
ROUNDS = 60
HALVINGS = 12
GAIN_MIN = 1e-4
"""A step that gains less, in log-likelihood, is the last."""
_FEW = Text(
    "人工核对的结论还不足 {n} 条，不足以重新估计；再积累一些。",
    "There are fewer than {n} decisions; that is too few to estimate from.",
)
_WORSE = Text(
    "用没看过的结论检验，新估计并不更准，所以没有写出新版本。",
    "On decisions it had not seen the new estimate foretells no better, so no new version was "
    "written.",
)

Weights = dict[str, float]
"""Sign -> what it adds to the logarithm of the odds."""
Values = dict[str, float]
"""Sign -> how much of it one candidate shows."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision: the values of each candidate, and which of them is the person, if any is."""

    candidates: list[Values]
    right: int | None


def refitted(
    base: Mapping[str, Any], groups: Sequence[Group], version: str
) -> tuple[dict[str, Any], dict[str, float]]:
    """The file of a new version, and what it is worth: mean log-likelihood of unseen decisions,
    ``before`` and ``after``.

    Raises Refused where there are too few decisions, or they make nothing better.
    """
    if len(groups) < LEAST:
        few = Text(_FEW.zh.format(n=LEAST), _FEW.en.format(n=LEAST))
        raise Refused(409, "too-few-decisions", few)
    start = _weights(base)
    decisions = [_decided(group) for group in groups]
    before = sum(_likelihood(start, decision) for decision in decisions) / len(decisions)
    after = _likelihood_unseen(start, decisions)
    if after <= before:
        raise Refused(409, "no-better", _WORSE)
    fitted = _file(base, groups, _fit(start, decisions), version)
    worth = {
        "decisions": len(decisions),
        "before": round(before, 4),
        "after": round(after, 4),
    }
    return fitted, worth


def _likelihood_unseen(start: Weights, decisions: Sequence[Decided]) -> float:
    """The mean log-likelihood of decisions by weights that were fitted without them."""
    fits: list[Weights] = []
    for fold in range(FOLDS):
        others = [decision for at, decision in enumerate(decisions) if at % FOLDS != fold]
        fits.append(_fit(start, others))
    total = sum(_likelihood(fits[at % FOLDS], decision) for at, decision in enumerate(decisions))
    return total / len(decisions)


def _weights(base: Mapping[str, Any]) -> Weights:
    weights = {sign: shares["weight"] for sign, shares in base["signs"].items()}
    for level, weight in base["rarity"].items():
        weights[RARITY + level] = weight
    return weights


def _decided(group: Group) -> Decided:
    """A group of candidates as signs with values."""
    candidates: list[Values] = []
    right = None
    for at, (levels, rareness, is_person) in enumerate(group):
        number, name, *_ = levels
        values = dict.fromkeys(signs(levels), 1.0)
        if rareness and group_of(number) == "free":
            values[RARITY + name] = rareness
        candidates.append(values)
        if is_person and right is None:
            right = at
    return Decided(candidates, right)


def _shares(weights: Weights, candidates: Sequence[Values]) -> list[float]:
    """The probability of each candidate; what is missing to one is "none of them"."""
    scores = [_score(weights, values) for values in candidates]
    top = max(0.0, *scores)
    odds = [math.exp(score - top) for score in scores]
    total = math.exp(-top) + sum(odds)
    return [odd / total for odd in odds]


def _score(weights: Weights, values: Values) -> float:
    return sum(weights.get(sign, 0.0) * value for sign, value in values.items())


def _likelihood(weights: Weights, decision: Decided) -> float:
    """The logarithm of the probability that was given to what was decided."""
    shares = _shares(weights, decision.candidates)
    share = 1 - sum(shares) if decision.right is None else shares[decision.right]
    return math.log(max(1e-12, share))


def _fit(start: Weights, decisions: Sequence[Decided]) -> Weights:
    """Steps along the gradient, each halved until it climbs; the likelihood is concave, so they end
    at its one top.
    """
    weights = dict(start)
    height = _height(start, start, decisions)
    for _ in range(ROUNDS):
        step = _step(start, weights, decisions)
        for _ in range(HALVINGS):
            tried = _moved(weights, step)
            climbed = _height(start, tried, decisions)
            if climbed > height:
                break
            step = {sign: by / 2 for sign, by in step.items()}
        else:
            return weights
        gained = climbed - height
        weights = tried
        height = climbed
        if gained < GAIN_MIN:
            break
    return weights


def _moved(weights: Weights, step: Weights) -> Weights:
    moved = dict(weights)
    for sign, by in step.items():
        moved[sign] = weights.get(sign, 0.0) + by
    return moved


def _height(start: Weights, weights: Weights, decisions: Sequence[Decided]) -> float:
    """What is maximised: the likelihood of the decisions, less the penalty on what changed."""
    likelihood = sum(_likelihood(weights, decision) for decision in decisions)
    changed = sum((weight - start.get(sign, 0.0)) ** 2 for sign, weight in weights.items())
    return likelihood - FIRMNESS / 2 * changed


def _step(start: Weights, weights: Weights, decisions: Sequence[Decided]) -> Weights:
    """The step of each weight: the slope of the height over (a bound of) how it bends."""
    slope: defaultdict[str, float] = defaultdict(float)
    bend: defaultdict[str, float] = defaultdict(float)
    for decision in decisions:
        shares = _shares(weights, decision.candidates)
        none = 1 - sum(shares)
        for at, share in enumerate(shares):
            values = decision.candidates[at]
            pull = (at == decision.right) - share
            curve = max(share * (1 - share), share * none, 0.01)
            for sign, value in values.items():
                slope[sign] += value * pull
                bend[sign] += value * value * curve * len(values)
    steps: Weights = {}
    for sign, pull in slope.items():
        changed = weights.get(sign, 0.0) - start.get(sign, 0.0)
        steps[sign] = (pull - FIRMNESS * changed) / (FIRMNESS + bend[sign])
    return steps


@dataclass(slots=True)
class _Pairs:
    """Decided pairs, counted: how many there are, and how many show each sign."""

    number: int = 0
    showing: Counter[str] = field(default_factory=Counter)

    def add(self, levels: tuple[str, ...]) -> None:
        """Counts one pair."""
        self.number += 1
        self.showing.update(signs(levels))

    def share(self, sign: str, share_before: float, pairs_before: float) -> float:
        """The share of pairs that show a sign, these counted with those before."""
        showing = share_before * pairs_before + self.showing[sign]
        return round(showing / (pairs_before + self.number), 6)


def _file(
    base: Mapping[str, Any], groups: Sequence[Group], weights: Weights, version: str
) -> dict[str, Any]:
    """The file of a version: the base's, its shares counted on by what was decided."""
    true, other = _counted(groups)
    true_before = base.get("true_pairs", base["rows"] * base["prior"])
    other_before = base.get("other_pairs", base["rows"])
    table: dict[str, dict[str, float]] = {}
    for sign in sorted({*base["signs"], *true.showing, *other.showing}):
        old = base["signs"].get(sign, {"m": 0.0, "u": 0.0})
        table[sign] = {
            "m": true.share(sign, old["m"], true_before),
            "u": other.share(sign, old["u"], other_before),
            "weight": round(weights.get(sign, 0.0), 4),
        }
    return {
        **base,
        "version": version,
        "from": base["version"],
        "rows": base["rows"] + len(groups),
        "true_pairs": true_before + true.number,
        "other_pairs": other_before + other.number,
        "rarity": _rarity(weights),
        "signs": table,
    }


def _counted(groups: Sequence[Group]) -> tuple[_Pairs, _Pairs]:
    """The pairs of the person with themselves, and those with others."""
    true = _Pairs()
    other = _Pairs()
    for group in groups:
        for levels, _, is_person in group:
            pairs = true if is_person else other
            pairs.add(levels)
    return true, other


def _rarity(weights: Weights) -> Weights:
    """The weights of rare names, by the level of the name."""
    return {
        sign.removeprefix(RARITY): round(weight, 4)
        for sign, weight in weights.items()
        if sign.startswith(RARITY)
    }
