"""Addresses as dirty as real lists, with what is right for each:
`python -m tests.score.dirty_addresses [ROWS] [SEED]`.

Made from the division table: counties by their usual short forms, text copied from a PDF, roads
that bear another province's name, streets behind a county that no table has, full width and blanks.
A wrong `route` is one whose code is neither the right one nor above it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

from services.addresses.gazetteer import Gazetteer
from services.addresses.names import clean, is_dummy, province_forms, usual_county_forms
from services.identity import han
from tests.score.address import CACHE

ROWS, SEED = 600, 20261130
_RADICAL_OF = {plain: radical for radical, plain in han.radicals().items()}
_ROADS = ("路", "东路", "北路", "中路", "大街", "大道")


def made(gazetteer: Gazetteer, count: int = ROWS, seed: int = SEED) -> list[tuple[str, str, str]]:
    """(kind, address, code); an empty code: nothing may be routed."""
    rng = random.Random(seed)
    names = gazetteer.snapshot.upper_names
    streets = sorted(code for code in names if len(code) == 9)
    makers = (_short_county, _copied_from_a_pdf, _road, _unknown_county, _full_width)
    rows: list[tuple[str, str, str]] = []
    while len(rows) < count:
        rows += makers[len(rows) % len(makers)](names, rng.choice(streets), rng)
    return rows


Row = Iterator[tuple[str, str, str]]


def _whole(names: dict[str, str], street: str) -> str:
    above = [names[street[:size]] for size in (2, 4, 6)]
    return "".join(name for name in above if not is_dummy(name)) + names[street]


def _short_county(names: dict[str, str], street: str, rng: random.Random) -> Row:
    """兰坪县金顶街道: of another county than the street drawn, one that has such a form."""
    counties = sorted(
        code for code in names if len(code) == 6 and usual_county_forms(clean(names[code]))
    )
    county = rng.choice(counties)
    below = sorted(code for code in names if len(code) == 9 and code.startswith(county))
    if below:
        chosen = rng.choice(below)
        yield (
            "short county",
            rng.choice(usual_county_forms(clean(names[county]))) + names[chosen],
            chosen,
        )


def _copied_from_a_pdf(names: dict[str, str], street: str, rng: random.Random) -> Row:
    yield "radicals", "".join(_RADICAL_OF.get(c, c) for c in _whole(names, street)), street


def _road(names: dict[str, str], street: str, rng: random.Random) -> Row:
    city = street[:4]
    if is_dummy(names[city]):
        city = street[:2]
    other = rng.choice([code for code in names if len(code) == 2 and code != street[:2]])
    road = province_forms(names[other])[1] + rng.choice(_ROADS)
    yield "road of another province", f"{names[city]}{road}{rng.randrange(1, 300)}号", city


def _unknown_county(names: dict[str, str], street: str, rng: random.Random) -> Row:
    yield (
        "unknown county",
        f"{rng.choice('新永安平宁')}{rng.choice('丰昌泰福乐')}{rng.choice('坪湾岭')}县{names[street]}",
        "",
    )


def _full_width(names: dict[str, str], street: str, rng: random.Random) -> Row:
    yield (
        "blanks and width",
        "　".join(_whole(names, street))
        + f"{rng.randrange(1, 99)}".translate({ord(d): ord(d) + 0xFEE0 for d in "0123456789"})
        + "号",
        street,
    )


def tally(gazetteer: Gazetteer, rows: list[tuple[str, str, str]]) -> dict[str, list[int]]:
    """Kind -> [rows, right first, routed, routed wrongly]."""
    found: dict[str, list[int]] = {}
    for kind, address, code in rows:
        answer = gazetteer.resolve(address)
        first = answer.candidates[0].code if answer.candidates else ""
        counts = found.setdefault(kind, [0, 0, 0, 0])
        routed = answer.decision == "route"
        right = bool(code) and first.startswith(code)
        counts[0] += 1
        counts[1] += right if code else not routed
        counts[2] += routed
        counts[3] += routed and not right
    return found


def run(count: int = ROWS, seed: int = SEED) -> str:
    """The report on so many addresses, in Markdown."""
    gazetteer = Gazetteer.open(CACHE)
    lines = ["| kind | rows | right % | routed | routed wrongly |", "|---|---:|---:|---:|---:|"]
    for kind, (rows, right, routed, wrong) in tally(
        gazetteer, made(gazetteer, count, seed)
    ).items():
        lines.append(f"| {kind} | {rows} | {100 * right / rows:.1f} | {routed} | {wrong} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    print(run(*map(int, sys.argv[1:3])))


if __name__ == "__main__":
    main()
