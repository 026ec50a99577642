"""Scores the address engine: `python -m tests.score.address [PUBLIC CONFIRMED]`.

Right = the first candidate's code starts with the expected one. Wilson intervals at 95 %.
Calibration error (ECE) over ten bins of the first candidate's confidence; rows without a candidate
do not count in it. For `ambiguous` rows the expected answer is to ask; for calibration the
community the row was made from.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.addresses.answer import Resolution
from services.addresses.file import lines_of
from services.addresses.gazetteer import Gazetteer
from services.addresses.normalise import normalise
from services.addresses.signs import DISPUTED, CommunitySign
from services.kit.cache import cache_folder
from services.tools.bench.address_made import cases

DATA = Path(__file__).parents[1] / "data" / "address"
PUBLIC, CONFIRMED = DATA / "public.jsonl.xz", DATA / "confirmed.jsonl.xz"
CACHE = cache_folder()
NOT_TO_ROUTE = ("ambiguous", "insufficient")


def read(path: Path) -> list[dict[str, Any]]:
    """JSON Lines, `.xz` allowed."""
    return [json.loads(line) for _, line in lines_of(path)]


def wilson(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Confidence interval of a share (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    p, denominator = right / count, 1 + z * z / count
    middle = (p + z * z / (2 * count)) / denominator
    half = z * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count)) / denominator
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass
class Tally:
    """Counts of one category."""

    rows: int = 0
    first: int = 0
    three: int = 0
    routed: int = 0
    routed_wrong: int = 0
    sure_wrong_community: int = 0
    sure: list[tuple[float, bool]] = field(default_factory=list)

    def add(self, case: dict[str, Any], answer: Resolution) -> None:
        """Takes one answered row in."""
        category, code = case["labels"]["category"], case["expected"]["code"]
        codes = [c.code for c in answer.candidates]
        hits = [bool(code) and c.startswith(code) for c in codes] if code else []
        right = bool(hits[:1]) and hits[0] if code else not codes
        if category in NOT_TO_ROUTE:
            right = answer.decision != "route"
        self.rows += 1
        self.first += right
        self.three += right or any(hits[:3])
        self.routed += answer.decision == "route"
        self.routed_wrong += answer.decision == "route" and not right
        if codes:
            best = answer.candidates[0]
            truth = case["labels"].get("was") or code
            true = bool(truth) and best.code.startswith(truth)
            self.sure.append((best.confidence, true))
            self.sure_wrong_community += (
                len(best.code) == 12 and best.confidence > 0.9 and best.code != truth
            )


def ece(sure: Iterable[tuple[float, bool]], bins: int = 10) -> float:
    """Expected calibration error: mean over rows of |confidence - share right| in equal bins."""
    found: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for pair in sure:
        found[min(int(pair[0] * bins), bins - 1)].append(pair)
    count = sum(map(len, found.values())) or 1
    return sum(abs(sum(s - t for s, t in pairs)) for pairs in found.values()) / count


def scored(gazetteer: Gazetteer, cases: list[dict[str, Any]]) -> dict[str, Tally]:
    """Category -> tally."""
    out: dict[str, Tally] = defaultdict(Tally)
    for case in cases:
        out[case["labels"]["category"]].add(
            case, gazetteer.resolve(case["address"], case.get("county"))
        )
    return dict(sorted(out.items()))


def report(tallies: dict[str, Tally], learned: int) -> str:
    """The table and the sums as Markdown."""
    lines = [
        "| category | rows | first right % (95 % interval) | in first three % | routed % | routed "
        "wrongly |",
        "|---|---:|---|---:|---:|---:|",
    ]
    for name, t in tallies.items():
        low, high = wilson(t.first, t.rows)
        lines.append(
            f"| {name} | {t.rows} | {100 * t.first / t.rows:.1f} "
            f"({100 * low:.1f}–{100 * high:.1f}) "
            f"| {100 * t.three / t.rows:.1f} | {100 * t.routed / t.rows:.1f} | {t.routed_wrong} |"
        )
    all_rows, routed = (
        sum(t.rows for t in tallies.values()),
        sum(t.routed for t in tallies.values()),
    )
    wrong = sum(t.routed_wrong for t in tallies.values())
    answerable = sum(t.rows for n, t in tallies.items() if n not in NOT_TO_ROUTE)
    low, high = wilson(routed - wrong, routed)
    sure = [pair for t in tallies.values() for pair in t.sure]
    brier = sum((s - r) ** 2 for s, r in sure) / max(len(sure), 1)
    gone = tallies.get("dissolved-community", Tally())
    lines += [
        "",
        f"- {all_rows} rows after learning {learned} confirmed cases.",
        f"- Routed: {100 * routed / all_rows:.1f} % of all rows, "
        f"{100 * routed / answerable:.1f} % of those that can be routed.",
        f"- Precision of `route`: {100 * (routed - wrong) / max(routed, 1):.2f} % "
        f"({100 * low:.2f}–{100 * high:.2f}).",
        f"- Calibration error (ECE, ten bins): {ece(sure):.4f}; Brier {brier:.4f}.",
        f"- Dissolved: a wrong community with confidence above 0.9 in {gone.sure_wrong_community} "
        f"of "
        f"{gone.rows} "
        f"({100 * gone.sure_wrong_community / max(gone.rows, 1):.1f} %).",
    ]
    return "\n".join(lines) + "\n"


SIGNS: dict[str, str] = {
    CommunitySign.COMPOUND: "compound, all cases agree",
    CommunitySign.COMPOUND + DISPUTED: "compound, cases disagree",
    CommunitySign.COMPOUND_INSIDE: "compound inside longer text",
    CommunitySign.HOUSE_NUMBER: "the same house number",
    CommunitySign.NEAR_NUMBER: "a house number at most 12 away",
    CommunitySign.FAR_NUMBER: "a house number further away",
    CommunitySign.BARE: "bare name of a community",
    CommunitySign.BARE_BEFORE_COMPOUND: "bare name that begins a compound's",
    CommunitySign.COMPOUND_NAMESAKE: "compound named like a community",
    CommunitySign.ROAD_NAMESAKE: "road named like a community",
}
"""Community sign -> what the report calls it."""


def left_out(gazetteer: Gazetteer, known: list[dict[str, Any]]) -> str:
    """What each sign is worth in the field: confirmed rows left out one by one, their community
    struck from the text.

    Unlike the linked rows of the public set these are not chosen for agreement.
    """
    tallies: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for case in known:
        text = normalise(case["address"]).text
        step = gazetteer.walk.read(text)
        if step.community is None or step.community_end == len(text):
            continue
        gazetteer.withdraw(case["id"])
        struck = text[: step.street_end] + text[step.community_end :]
        guesses = gazetteer.guesses(struck, gazetteer.walk.read(struck))
        gazetteer.learn(case["address"], case["code"], source=case["id"])
        sign = guesses[0].signs.community if guesses else ""
        if sign in SIGNS:
            name = SIGNS[sign]
            if sign == CommunitySign.COMPOUND:
                name += f" ({min(int(guesses[0].weight), 4)})"
            tallies[name][0] += 1
            tallies[name][1] += guesses[0].code == case["code"]
    lines = [
        "| sign (number of confirmed cases; 4: four or more) | rows | right % (95 % interval) |",
        "|---|---:|---|",
    ]
    for name, (rows, right) in sorted(tallies.items()):
        low, high = wilson(right, rows)
        lines.append(
            f"| {name} | {rows} | {100 * right / rows:.1f} ({100 * low:.1f}–{100 * high:.1f}) |"
        )
    return "\n".join(lines) + "\n"


def made(gazetteer: Gazetteer, count: int = 3000, seed: int = 1) -> str:
    """Made-up addresses of random communities of the whole country."""
    tallies: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for kind, address, code in cases(gazetteer, count, seed):
        found = gazetteer.resolve(address).candidates
        tallies[kind][0] += 1
        tallies[kind][1] += bool(found) and found[0].code == code
    lines = ["| made-up | rows | right % (95 % interval) |", "|---|---:|---|"]
    for kind, (rows, right) in tallies.items():
        low, high = wilson(right, rows)
        lines.append(
            f"| {kind} | {rows} | {100 * right / rows:.1f} ({100 * low:.1f}–{100 * high:.1f}) |"
        )
    return "\n".join(lines) + "\n"


def run(public: Path = PUBLIC, confirmed: Path = CONFIRMED, cache: Path = CACHE) -> str:
    """Scores one set, then says what the signs are worth elsewhere; returns the report."""
    gazetteer, known = Gazetteer.open(cache), read(confirmed)
    national = made(gazetteer)
    for case in known:
        gazetteer.learn(case["address"], case["code"], source=case["id"])
    return (
        report(scored(gazetteer, read(public)), len(known))
        + "\n### The same signs in confirmed rows left out one by one\n\n"
        + "The community's name was struck from the text; rows are not chosen for agreement, as "
        "the linked rows above are.\n\n"
        + left_out(gazetteer, known)
        + "\n### Made-up addresses of the whole country, nothing learned\n\n"
        + national
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("public", type=Path, nargs="?", default=PUBLIC)
    parser.add_argument("confirmed", type=Path, nargs="?", default=CONFIRMED)
    options = parser.parse_args()
    print(run(options.public, options.confirmed))


if __name__ == "__main__":
    main()
