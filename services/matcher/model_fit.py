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
from typing import Any

from services.identity.model import RARITY, group_of, signs
from services.kit.errors import Refused, Words
from services.matcher.reviewed import Group

FIRMNESS = 4.0
"""Penalty: a weight moves by one unit only if some four decisions pull it all the way."""
LEAST = 50
FOLDS = 5
ROUNDS = 60
HALVINGS = 12
_FEW = Words(
    "人工核对的结论还不足 {n} 条，不足以重新估计；再积累一些。",
    "There are fewer than {n} decisions; that is too few to estimate from.",
)
_WORSE = Words(
    "用没看过的结论检验，新估计并不更准，所以没有写出新版本。",
    "On decisions it had not seen the new estimate foretells no better, so no new version was "
    "written.",
)

Weights = dict[str, float]
Row = tuple[list[dict[str, float]], int | None]


def refitted(
    base: Mapping[str, Any], groups: Sequence[Group], version: str
) -> tuple[dict[str, Any], dict[str, float]]:
    """The file of a new version, and what it is worth: mean log-likelihood of unseen decisions,
    ``before`` and ``after``.

    Raises Refused where there are too few decisions, or they make nothing better.
    """
    if len(groups) < LEAST:
        raise Refused(
            409, "too-few-decisions", Words(_FEW.zh.format(n=LEAST), _FEW.en.format(n=LEAST))
        )
    start = _weights(base)
    rows = [_row(group) for group in groups]
    fits = [
        _fit(start, [row for at, row in enumerate(rows) if at % FOLDS != fold])
        for fold in range(FOLDS)
    ]
    after = sum(_likelihood(fits[at % FOLDS], row) for at, row in enumerate(rows)) / len(rows)
    before = sum(_likelihood(start, row) for row in rows) / len(rows)
    if after <= before:
        raise Refused(409, "no-better", _WORSE)
    return _file(base, groups, _fit(start, rows), version), {
        "decisions": len(rows),
        "before": round(before, 4),
        "after": round(after, 4),
    }


def _weights(base: Mapping[str, Any]) -> Weights:
    return {sign: row["weight"] for sign, row in base["signs"].items()} | {
        RARITY + level: weight for level, weight in base["rarity"].items()
    }


def _row(group: Group) -> Row:
    """The candidates as signs with values, and the place of the one that is the person."""
    found = []
    for levels, rareness, _ in group:
        values = dict.fromkeys(signs(levels), 1.0)
        if rareness and group_of(levels[0]) == "free":
            values[RARITY + levels[1]] = rareness
        found.append(values)
    return found, next((at for at, (_, _, same) in enumerate(group) if same), None)


def _shares(weights: Weights, found: Sequence[Mapping[str, float]]) -> list[float]:
    """The probability of each candidate; what is missing to one is "none of them"."""
    scores = [
        sum(weights.get(sign, 0.0) * value for sign, value in values.items()) for values in found
    ]
    top = max(0.0, *scores)
    odds = [math.exp(score - top) for score in scores]
    total = math.exp(-top) + sum(odds)
    return [odd / total for odd in odds]


def _likelihood(weights: Weights, row: Row) -> float:
    found, right = row
    shares = _shares(weights, found)
    return math.log(max(1e-12, shares[right] if right is not None else 1 - sum(shares)))


def _fit(start: Weights, rows: Sequence[Row]) -> Weights:
    """Steps along the gradient, each halved until it climbs; the likelihood is concave, so they end
    at its one top.
    """
    weights, height = dict(start), _height(start, start, rows)
    for _ in range(ROUNDS):
        step = _step(start, weights, rows)
        for _ in range(HALVINGS):
            tried = {**weights, **{sign: weights.get(sign, 0.0) + by for sign, by in step.items()}}
            climbed = _height(start, tried, rows)
            if climbed > height:
                break
            step = {sign: by / 2 for sign, by in step.items()}
        else:
            return weights
        gained, weights, height = climbed - height, tried, climbed
        if gained < 1e-4:
            break
    return weights


def _height(start: Weights, weights: Weights, rows: Sequence[Row]) -> float:
    moved = sum((weight - start.get(sign, 0.0)) ** 2 for sign, weight in weights.items())
    return sum(_likelihood(weights, row) for row in rows) - FIRMNESS / 2 * moved


def _step(start: Weights, weights: Weights, rows: Sequence[Row]) -> Weights:
    slope: defaultdict[str, float] = defaultdict(float)
    bend: defaultdict[str, float] = defaultdict(float)
    for found, right in rows:
        shares = _shares(weights, found)
        none = 1 - sum(shares)
        for at, (values, share) in enumerate(zip(found, shares, strict=True)):
            pull = (at == right) - share if right is not None else -share
            for sign, value in values.items():
                slope[sign] += value * pull
                bend[sign] += (
                    value * value * max(share * (1 - share), share * none, 0.01) * len(values)
                )
    return {
        sign: (pull - FIRMNESS * (weights.get(sign, 0.0) - start.get(sign, 0.0)))
        / (FIRMNESS + bend[sign])
        for sign, pull in slope.items()
    }


def _file(
    base: Mapping[str, Any], groups: Sequence[Group], weights: Weights, version: str
) -> dict[str, Any]:
    true: Counter[str] = Counter()
    other: Counter[str] = Counter()
    pairs = [0, 0]
    for group in groups:
        for levels, _, same in group:
            pairs[not same] += 1
            (true if same else other).update(signs(levels))
    trues = base.get("true_pairs", base["rows"] * base["prior"])
    others = base.get("other_pairs", base["rows"])
    table = {}
    for sign in sorted({*base["signs"], *true, *other}):
        old = base["signs"].get(sign, {"m": 0.0, "u": 0.0})
        table[sign] = {
            "m": round((old["m"] * trues + true[sign]) / (trues + pairs[0]), 6),
            "u": round((old["u"] * others + other[sign]) / (others + pairs[1]), 6),
            "weight": round(weights.get(sign, 0.0), 4),
        }
    rarity = {
        sign.removeprefix(RARITY): round(weight, 4)
        for sign, weight in weights.items()
        if sign.startswith(RARITY)
    }
    return {
        **base,
        "version": version,
        "from": base["version"],
        "rows": base["rows"] + len(groups),
        "true_pairs": trues + pairs[0],
        "other_pairs": others + pairs[1],
        "rarity": rarity,
        "signs": table,
    }
