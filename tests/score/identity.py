"""Scores the identity engine: `python -m tests.score.identity [MEMBERS QUERIES] [--prior P]`.

A match is right if its first candidate is the row's member or that member's second record.
Precision: right matches among all matches. Recall: right matches among the rows for which `match`
may be defended from what was given. Acceptable: the decision is one of those that may be defended
and, if match, right. Lost: a member answered not_a_member where that may not be defended. Wilson
intervals at 95 %; calibration error (ECE) over ten equal bins of the first candidate's probability.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from services.addresses.file import lines_of
from services.identity.file import identify_files
from services.identity.id_numbers import parse_id_number
from tests.score.address import wilson

DATA = Path(__file__).parents[1] / "data" / "identity"
MEMBERS, QUERIES = DATA / "members.csv.xz", DATA / "queries.jsonl.xz"


@dataclass(frozen=True, slots=True)
class Row:
    """One row's answer beside its labels."""

    decision: str
    right: bool
    probability: float | None
    member: bool
    acceptable: tuple[str, ...]
    numbered: bool
    kind: str
    channels: tuple[str, ...]

    @property
    def matched(self) -> bool:
        return self.decision == "match"

    @property
    def fine(self) -> bool:
        return self.decision in self.acceptable and (not self.matched or self.right)

    @property
    def lost(self) -> bool:
        return (
            self.member and self.decision == "not_a_member" and self.decision not in self.acceptable
        )


@dataclass(frozen=True, slots=True)
class Share:
    """`right` of `count`."""

    right: int
    count: int

    @property
    def value(self) -> float:
        return self.right / self.count if self.count else 1.0

    def __str__(self) -> str:
        low, high = wilson(self.right, self.count)
        return (
            f"{100 * self.value:.2f} % ({100 * low:.2f}–{100 * high:.2f}), {self.right} of "
            f"{self.count}"
        )


def answered(members: Path, queries: Path, prior: float | None = None) -> list[Row]:
    """Runs `identify_files`, as an operator would, and reads its answers beside the labels."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "answers.jsonl"
        if identify_files(members, queries, out, prior=prior) != 0:
            raise SystemExit("the input has bad lines")
        answers = [json.loads(line) for _, line in lines_of(out)]
    labelled = [json.loads(line) for _, line in lines_of(queries)]
    return [_row(query, answer) for query, answer in zip(labelled, answers, strict=True)]


def _row(query: dict[str, Any], answer: dict[str, Any]) -> Row:
    gold, first = query["gold"], next(iter(answer["candidates"]), None)
    number = parse_id_number(query.get("id_number"))
    return Row(
        decision=answer["decision"],
        right=first is not None and first["member"] in {gold["member"], gold.get("also")} - {None},
        probability=first["probability"] if first else None,
        member=gold["member"] is not None,
        acceptable=tuple(gold["acceptable"]),
        numbered=number.text is not None or bool(number.known),
        kind=gold["labels"]["kind"],
        channels=tuple(gold["labels"]["channel"]),
    )


def precision(rows: Iterable[Row]) -> Share:
    """Right matches among matches."""
    matched = [row for row in rows if row.matched]
    return Share(sum(row.right for row in matched), len(matched))


def recall(rows: Iterable[Row]) -> Share:
    """Right matches among rows that can be matched."""
    able = [row for row in rows if row.member and "match" in row.acceptable]
    return Share(sum(row.matched and row.right for row in able), len(able))


def acceptable(rows: Iterable[Row]) -> Share:
    """Decisions that may be defended."""
    rows = list(rows)
    return Share(sum(row.fine for row in rows), len(rows))


def lost(rows: Iterable[Row]) -> Share:
    """Members answered not_a_member."""
    members = [row for row in rows if row.member]
    return Share(sum(row.lost for row in members), len(members))


def calibration_error(rows: Iterable[Row]) -> float:
    """Expected calibration error of the first candidate's probability."""
    bins: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        if row.probability is not None:
            bins[min(9, int(row.probability * 10))].append(row.probability - row.right)
    return sum(abs(sum(one)) for one in bins.values()) / max(1, sum(map(len, bins.values())))


def report(rows: list[Row]) -> str:
    """All figures in Markdown."""
    numbered, bare = [r for r in rows if r.numbered], [r for r in rows if not r.numbered]
    review = Share(sum(r.decision == "review" for r in rows), len(rows))
    lines = [
        "| measure | reach | measured (95 % interval) |",
        "|---|---|---|",
        f"| precision of `match` | ≥ 99.5 % | {precision(rows)} |",
        f"| with an ID number | ≥ 99.8 % | {precision(numbered)} |",
        f"| without | ≥ 99 % | {precision(bare)} |",
        f"| recall on matchable rows, with an ID number | ≥ 97 % | {recall(numbered)} |",
        f"| without | ≥ 95 % | {recall(bare)} |",
        f"| decisions that may be defended | ≥ 97 % | {acceptable(rows)} |",
        f"| members lost as `not_a_member` | ≤ 1.5 % | {lost(rows)} |",
        f"| calibration error (ECE) | ≤ 0.03 | {calibration_error(rows):.4f} |",
        f"| left to a person (`review`) | – | {review} |",
        "",
        *_table("kind", rows, lambda row: (row.kind,)),
        "",
        *_table("channel", rows, lambda row: row.channels),
    ]
    return "\n".join(lines) + "\n"


def _table(title: str, rows: list[Row], names: Callable[[Row], tuple[str, ...]]) -> list[str]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        for name in names(row):
            groups[name].append(row)
    lines = [
        f"| {title} | rows | matches | wrong | recall % | may be defended % |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, group in sorted(groups.items()):
        made, found = precision(group), recall(group)
        share = f"{100 * found.value:.1f}" if found.count else "–"
        lines.append(
            f"| {name} | {len(group)} | {made.count} | {made.count - made.right} | {share} | "
            f"{100 * acceptable(group).value:.1f} |"
        )
    return lines


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("members", type=Path, nargs="?", default=MEMBERS)
    parser.add_argument("queries", type=Path, nargs="?", default=QUERIES)
    parser.add_argument("--prior", type=float)
    args = parser.parse_args()
    print(report(answered(args.members, args.queries, args.prior)))


if __name__ == "__main__":
    main()
