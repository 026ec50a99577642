"""Fits the confidence model: `python -m tests.score.address_fit PUBLIC CONFIRMED`.

Three kinds of rows: the public set (weight 1); confirmed addresses left out one by one with their community's name
struck from the text, which shows what learned evidence is worth in the field (weight 0.1); made-up national cases
(weight 0.05). Logistic regression with an L2 penalty; also fits on each half of the public set and reports the other.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

import numpy as np

from services.matcher.address_confidence import MODEL, features
from services.matcher.gazetteer import Gazetteer
from services.matcher.normalise import normalise
from tests.score.address_made import cases

Row = tuple[list[str], bool, float, int]
WEIGHTS = {"public": 1.0, "left_out": 0.1, "made": 0.05}


def read(path: str) -> list[dict]:
    """JSON Lines."""
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def row(gazetteer: Gazetteer, text: str, code: str | None, weight: float, half: int) -> Row | None:
    """(indicators, right, weight, half) of the best guess; None where the walk answers or nothing does."""
    step = gazetteer.walk.read(text)
    guesses = gazetteer.guesses(text, step) if step.community is None else []
    if not guesses:
        return None
    best = guesses[0]
    return features(best, guesses[1:]), bool(code) and best.code.startswith(str(code)), weight, half


def collected(gazetteer: Gazetteer, public: list[dict], confirmed: list[dict]) -> list[Row]:
    """All rows of the three kinds."""
    rng = random.Random(4)
    rows: list[Row | None] = []
    for case in public:
        code = case["labels"].get("was") or case["expected"]["code"]
        rows.append(row(gazetteer, normalise(case["address"]).text, code, WEIGHTS["public"], rng.randrange(2)))
    for case in confirmed:
        text = normalise(case["address"]).text
        step = gazetteer.walk.read(text)
        if step.community is None or step.community_end == len(text):
            continue
        gazetteer.withdraw(case["id"])
        for end in (step.street_end, step.county_end):
            left = text[:end] + text[step.community_end :]
            found = row(gazetteer, left, case["code"], WEIGHTS["left_out"], 2)
            if found and not set(found[0]) & {"community:s", "community:y", "community:z"}:
                rows.append(found)
        gazetteer.learn(case["address"], case["code"], source=case["id"])
    for kind, address, code in cases(gazetteer, 4000, 11):
        found = row(gazetteer, normalise(address).text, code, WEIGHTS["made"], 2)
        if found and not (kind.startswith("slip") and "community:s" in found[0]):
            rows.append(found)
    return [r for r in rows if r is not None]


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
        sure = [1 / (1 + np.exp(-(weights["bias"] + sum(weights.get(f, 0.0) for f in r[0])))) for r in held]
        right = [r[1] for r in held]
        bins = [min(int(s * 10), 9) for s in sure]
        error = sum(
            abs(sum(s - r for s, r, b in zip(sure, right, bins, strict=True) if b == n)) for n in range(10)
        ) / len(held)
        routed = [r for s, r in zip(sure, right, strict=True) if s >= 0.97]
        print(f"half {half}: n {len(held)}, ECE {error:.4f}, at 0.97 share {len(routed) / len(held):.3f}, wrong {routed.count(False)}")


def main(public: str, confirmed: str) -> None:
    """Fits, checks, writes the model into the package."""
    with tempfile.TemporaryDirectory() as folder:
        gazetteer = Gazetteer.open(Path(folder))
        known = read(confirmed)
        for case in known:
            gazetteer.learn(case["address"], case["code"], source=case["id"])
        rows = collected(gazetteer, read(public), known)
    checked(rows)
    model = {
        "fitted_on": {"public": "national notices of 2022", "rows": len(rows), "weights": WEIGHTS},
        "coefficients": fit(rows),
    }
    MODEL.write_text(json.dumps(model, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:3])
