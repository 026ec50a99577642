"""Fits the confidence model: `python -m tests.score.address_fit [PUBLIC CONFIRMED]`.

Three kinds of rows: the public set (weight 1); confirmed addresses left out one by one with their
community's name struck from the text, which shows what learned evidence is worth in the field
(weight 0.1); made-up national cases (weight 0.05). Logistic regression with an L2 penalty; also
fits on each half of the public set and reports the other.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import numpy as np

from services.addresses.confidence import MODEL, ROUTE_AT, features
from services.addresses.gazetteer import Gazetteer
from services.addresses.guess import depth_first
from services.addresses.normalise import normalise
from services.tools.bench.address_made import cases
from tests.score.address import CACHE, CONFIRMED, PUBLIC, read

Row = tuple[tuple[str, ...], bool, float, int]
WEIGHTS = {"public": 1.0, "left_out": 0.1, "made": 0.05}


def rows_of(gazetteer: Gazetteer, text: str, code: str | None, kind: str, half: int) -> list[Row]:
    """(indicators, right, weight, half) of the best guess, and of its street where that is answered
    first.

    A community answered where only the street is known says nothing about the community and is left
    out.
    """
    step = gazetteer.walk.read(text)
    guesses = gazetteer.guesses(text, step) if step.community is None else []
    if not guesses:
        return []
    out = []
    for order in (guesses, depth_first(guesses)):
        best, right = order[0], bool(code) and order[0].code.startswith(str(code))
        if kind != "public":
            right = right or (bool(code) and str(code).startswith(best.code))
        unknown = right and len(best.code) > len(str(code))
        if not unknown and not (out and best is guesses[0]):
            out.append((features(best, order[1:]), right, WEIGHTS[kind], half))
    return out


def collected(gazetteer: Gazetteer, public: list[dict], confirmed: list[dict]) -> list[Row]:
    """All rows of the three kinds."""
    rng = random.Random(4)
    rows: list[Row] = []
    for case in public:
        code = case["labels"].get("was") or case["expected"]["code"]
        rows += rows_of(
            gazetteer, normalise(case["address"]).text, code, "public", rng.randrange(2)
        )
    for case in confirmed:
        text = normalise(case["address"]).text
        step = gazetteer.walk.read(text)
        if step.community is None or step.community_end == len(text):
            continue
        gazetteer.withdraw(case["id"])
        for end in (step.street_end, step.county_end):
            left = text[:end] + text[step.community_end :]
            rows += rows_of(gazetteer, left, case["code"], "left_out", 2)
        gazetteer.learn(case["address"], case["code"], source=case["id"])
    for _, address, code in cases(gazetteer, 4000, 11):
        rows += rows_of(gazetteer, normalise(address).text, code, "made", 2)
    return rows


def fit(rows: list[Row], penalty: float = 0.1, rounds: int = 60) -> dict[str, float]:
    """Coefficients by Newton's method; the bias is not penalised."""
    names = sorted({f for r in rows for f in r[0]})
    at = {name: i for i, name in enumerate(names)}
    x = np.zeros((len(rows), len(names) + 1))
    x[:, -1] = 1.0
    for i, (found, *_) in enumerate(rows):
        for name in found:
            x[i, at[name]] = 1.0
    y, w = np.array([r[1] for r in rows], float), np.array([r[2] for r in rows])
    ridge = np.diag([penalty] * len(names) + [1e-6])
    beta = np.zeros(len(names) + 1)
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -20, 20)))
        gradient = x.T @ (w * (y - p)) - ridge @ beta
        hessian = (x.T * (w * np.clip(p * (1 - p), 1e-6, None))) @ x + ridge
        step = np.linalg.solve(hessian, gradient)
        beta += np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-6:
            break
    return {"bias": round(float(beta[-1]), 4)} | {n: round(float(beta[at[n]]), 4) for n in names}


def checked(rows: list[Row]) -> None:
    """Prints calibration on each public half when fitted without it."""
    for half in (0, 1):
        weights = fit([r for r in rows if r[3] != half])
        held = [r for r in rows if r[3] == half]
        sure = [
            1 / (1 + np.exp(-(weights["bias"] + sum(weights.get(f, 0.0) for f in r[0]))))
            for r in held
        ]
        right = [r[1] for r in held]
        bins = [min(int(s * 10), 9) for s in sure]
        error = sum(
            abs(sum(s - r for s, r, b in zip(sure, right, bins, strict=True) if b == n))
            for n in range(10)
        ) / len(held)
        routed = [r for s, r in zip(sure, right, strict=True) if s >= ROUTE_AT]
        share = len(routed) / len(held)
        print(
            f"half {half}: {len(held)} rows, ECE {error:.4f}; at {ROUTE_AT} {share:.3f}, "
            f"{routed.count(False)} wrong"
        )


def main(public: Path = PUBLIC, confirmed: Path = CONFIRMED) -> None:
    """Fits, checks, writes the model into the package."""
    gazetteer, known = Gazetteer.open(CACHE), read(confirmed)
    for case in known:
        gazetteer.learn(case["address"], case["code"], source=case["id"])
    rows = collected(gazetteer, read(public), known)
    checked(rows)
    fitted_on = {
        "rows": len(rows),
        "weights": WEIGHTS,
        "source": "notices of 2022, tests/data/address",
    }
    model = {"fitted_on": fitted_on, "coefficients": fit(rows)}
    MODEL.write_text(
        json.dumps(model, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8"
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
