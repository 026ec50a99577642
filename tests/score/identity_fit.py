"""Fits the identity model: `python -m tests.score.identity_fit MEMBERS QUERIES [--write]`.

For each row the keys give its candidates; the labels say which of them, if any, is the person. m
and u of a sign are counted over true pairs and over other candidates. The weights start at nought
and are fitted together by the conditional likelihood of "this candidate, or none", with a penalty
on their squares, so that fields that say the same thing twice are not counted twice. Five-fold
cross-validated answers show what another set may expect.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from services.identity.compare import compare, read_member, read_person
from services.identity.file import Register, person_of, to_json
from services.identity.model import LATEST, Model, group_of, rareness, signs
from services.identity.names import fold_name
from services.identity.organisations import Organisations

RARE = ("same", "lost", "sound", "pinyin", "part", "shape")
USUAL_RATE = 1e-4
THRESHOLDS = {"match_at": 0.75, "review_at": 0.1}
FOLDS = 5
Row = tuple[list[tuple[tuple[str, ...], dict[str, float]]], list[bool]]


def pairs(register: Register, query: dict[str, Any], known: Organisations) -> Row:
    """A row's candidates as signs with values, and which of them are the person."""
    person = person_of(query, known)
    ours, gold = read_person(person), {query["gold"]["member"], query["gold"].get("also")} - {None}
    found, right = [], []
    for member in register.find(person):
        levels = compare(ours, read_member(member))
        values = dict.fromkeys(signs(levels), 1.0)
        if levels[1] in RARE and group_of(levels[0]) == "free":
            values[f"rarity={levels[1]}"] = rareness(
                fold_name(member.name), register.frequencies, USUAL_RATE
            )
        found.append((levels, values))
        right.append(member.member in gold)
    return found, right


def fit(rows: Sequence[Row], penalty: float) -> dict[str, float]:
    """Weights by Newton's method on the conditional likelihood; "none of them" has weight
    nought.
    """
    names = sorted({sign for found, _ in rows for _, values in found for sign in values})
    at = {sign: i for i, sign in enumerate(names)}
    matrices = []
    for found, right in rows:
        if found:
            x = np.zeros((len(found) + 1, len(names)))
            for i, (_, values) in enumerate(found):
                for sign, value in values.items():
                    x[i, at[sign]] = value
            good = np.array([*right, not any(right)], dtype=float)
            matrices.append((x, good))
    weights = np.zeros(len(names))
    for _ in range(40):
        gradient, hessian = -penalty * weights, np.eye(len(names)) * penalty
        for x, good in matrices:
            score = np.exp(x @ weights - (x @ weights).max())
            share, wanted = score / score.sum(), good * score
            wanted /= wanted.sum()
            gradient += (wanted - share) @ x
            hessian += (x * share[:, None]).T @ x - np.outer(share @ x, share @ x)
        step = np.linalg.solve(hessian, gradient)
        weights += np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-6:
            break
    return dict(zip(names, weights.tolist(), strict=True))


def counted(rows: Sequence[Row]) -> tuple[Counter[str], Counter[str], int, int]:
    """How many true pairs and how many other candidates show each sign."""
    true: Counter[str] = Counter()
    other: Counter[str] = Counter()
    total = [0, 0]
    for found, right in rows:
        for (_, values), good in zip(found, right, strict=True):
            (true if good else other).update(
                sign for sign in values if not sign.startswith("rarity=")
            )
            total[not good] += 1
    return true, other, total[0], total[1]


def model_of(rows: Sequence[Row], penalty: float, version: str = LATEST) -> dict[str, Any]:
    """The model's file: m, u and weight of every sign, the rarity weights, prior and thresholds."""
    weights = fit(rows, penalty)
    true, other, trues, others = counted(rows)
    table = {
        sign: {
            "m": round((true[sign] + 0.5) / (trues + 1), 6),
            "u": round((other[sign] + 0.5) / (others + 1), 6),
            "weight": round(weight, 4),
        }
        for sign, weight in weights.items()
        if not sign.startswith("rarity=")
    }
    rarity = {
        sign[7:]: round(weight, 4) for sign, weight in weights.items() if sign.startswith("rarity=")
    }
    return {
        "version": version,
        "prior": 0.4,
        **THRESHOLDS,
        "usual_rate": USUAL_RATE,
        "penalty": penalty,
        "rows": len(rows),
        "rarity": rarity,
        "signs": table,
    }


def folds(count: int) -> list[int]:
    """A fixed fold for every row."""
    rng = random.Random(4)
    return [rng.randrange(FOLDS) for _ in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("members", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--organisations", type=Path)
    parser.add_argument("--penalty", type=float, default=0.3)
    parser.add_argument("--model", type=Path, help="where to write the model")
    parser.add_argument("--answers", type=Path, help="where to write cross-validated answers")
    args = parser.parse_args()
    register = Register.read(args.members)
    queries = [json.loads(line) for line in args.queries.read_text("utf-8").splitlines()]
    lists = [
        Organisations(),
        *([Organisations.read(args.organisations)] if args.organisations else []),
    ]
    rows = [pairs(register, query, known) for known in lists for query in queries]
    if args.model:
        whole = model_of(rows, args.penalty)
        args.model.write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", "utf-8")
    if args.answers:
        cross_validate(register, lists, queries, rows, args.penalty, args.answers)


def cross_validate(
    register: Register,
    lists: list[Organisations],
    queries: list[dict[str, Any]],
    rows: list[Row],
    penalty: float,
    answers: Path,
) -> None:
    """Answers every row by a model that has not seen it: `answers`.0 by codes only, `answers`.1
    with the list.
    """
    fold = folds(len(queries))
    models = [
        Model(model_of([row for at, row in enumerate(rows) if fold[at % len(fold)] != k], penalty))
        for k in range(FOLDS)
    ]
    for number, known in enumerate(lists):
        with answers.with_name(f"{answers.name}.{number}").open("w", encoding="utf-8") as out:
            for query, k in zip(queries, fold, strict=True):
                person = person_of(query, known)
                said = models[k].judge(person, register.find(person), register.frequencies)
                out.write(
                    json.dumps({"id": query["id"], **to_json(said)}, ensure_ascii=False) + "\n"
                )


if __name__ == "__main__":
    main()
