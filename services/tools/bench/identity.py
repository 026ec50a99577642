"""`guidui bench identity`: speed and hits of the identity engine, with Splink on the same rows in
the same run.

Splink (MIT, development dependency) is the open implementation of Fellegi and Sunter that public
bodies use. It gets the cells as our own reader folded them, is trained in its documented way
(deterministic rules, random sampling for u, EM for m), and its threshold is the one with the best
F1 on these very rows: more than an operator could do.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from services.addresses.file import lines_of, memory_mb
from services.identity.compare import Side, read_member, read_person
from services.identity.file import Register, person_of
from services.identity.model import Model
from services.identity.organisations import Organisations

DATA = Path(__file__).parents[3] / "tests" / "data" / "identity"
Pick = tuple[str | None, float]


@dataclass(frozen=True, slots=True)
class Figures:
    """Rates in rows or members per second on one core, times in microseconds, shares of 1."""

    members: int
    rows: int
    index_rate: float
    rate: float
    p50_us: float
    p99_us: float
    memory_mb: float
    precision: float
    recall: float
    peer: str | None
    peer_s: float | None
    peer_precision: float | None
    peer_recall: float | None


def bench(members: Path, queries: Path, organisations: Path | None = None) -> Figures:
    """Measures on labelled rows (`gold` beside the fields of interface §5)."""
    begun = time.perf_counter()
    register = Register.read(members)
    indexed = time.perf_counter() - begun
    known = Organisations.read(organisations) if organisations else Organisations()
    rows = [json.loads(line) for _, line in lines_of(queries)]
    model, spent, picks = Model.load(), [], []
    for row in rows:
        begun = time.perf_counter()
        person = person_of(row, known)
        answer = model.judge(person, register.find(person), register.frequencies)
        spent.append(time.perf_counter() - begun)
        picks.append(
            (answer.candidates[0].member, 1.0) if answer.decision == "match" else (None, 0.0)
        )
    memory = memory_mb()
    precision, recall = _shares(rows, picks)
    order = sorted(spent)
    peer = _splink(register, rows, known)
    return Figures(
        len(register),
        len(rows),
        len(register) / indexed,
        len(rows) / sum(spent),
        order[len(order) // 2] * 1e6,
        order[len(order) * 99 // 100] * 1e6,
        memory,
        precision,
        recall,
        *peer,
    )


def _shares(rows: list[dict[str, Any]], picks: list[Pick]) -> tuple[float, float]:
    """Precision of the picks, and recall on the rows for which `match` may be defended."""
    good = [{row["gold"]["member"], row["gold"].get("also")} - {None} for row in rows]
    made = [member in right for (member, _), right in zip(picks, good, strict=True) if member]
    able = [
        member in right
        for (member, _), right, row in zip(picks, good, rows, strict=True)
        if right and "match" in row["gold"]["acceptable"]
    ]
    return sum(made) / max(1, len(made)), sum(able) / max(1, len(able))


def _splink(
    register: Register, rows: list[dict[str, Any]], known: Organisations
) -> tuple[str | None, float | None, float | None, float | None]:
    try:
        import pandas as pd
        import splink
    except ImportError:
        return None, None, None, None
    left = pd.DataFrame([{"unique_id": m.member, **_cells(read_member(m))} for m in register.all()])
    right = pd.DataFrame(
        [
            {"unique_id": str(at), **_cells(read_person(person_of(row, known)))}
            for at, row in enumerate(rows)
        ]
    )
    begun = time.perf_counter()
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            pairs = _predicted(left, right)
    finally:
        logging.disable(logging.NOTSET)
    spent = time.perf_counter() - begun
    best: list[Pick] = [(None, 0.0)] * len(rows)
    for member, at, sure in pairs:
        if sure > best[int(at)][1]:
            best[int(at)] = (member, sure)
    chosen = max(
        (_cut(best, threshold / 20) for threshold in range(1, 20)),
        key=lambda picks: _f1(rows, picks),
    )
    return f"splink {splink.__version__}", spent, *_shares(rows, chosen)


def _cells(side: Side) -> dict[str, str | None]:
    return {
        "name": side.name or side.spelled or None,
        "id_number": side.number.text,
        "birth_date": side.born.isoformat() if side.born and side.given == "day" else None,
        "sex": side.sex,
        "phone": side.phone,
        "address": side.address or None,
        "organisation": side.organisation,
    }


def _predicted(left: Any, right: Any) -> list[tuple[str, str, float]]:
    """(member, row, probability) of every pair that Splink's blocking finds."""
    import duckdb
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    settings = SettingsCreator(
        link_type="link_only",
        comparisons=[
            cl.JaroWinklerAtThresholds("name", [0.9, 0.7]).configure(
                term_frequency_adjustments=True
            ),
            cl.DamerauLevenshteinAtThresholds("id_number", [1, 2]),
            cl.DateOfBirthComparison("birth_date", input_is_string=True),
            cl.ExactMatch("sex"),
            cl.ExactMatch("phone"),
            cl.JaroWinklerAtThresholds("address", [0.9, 0.7]),
            cl.ExactMatch("organisation"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("id_number"),
            block_on("name"),
            block_on("phone"),
            block_on("birth_date"),
        ],
    )
    database = duckdb.connect()
    database.execute("SET enable_progress_bar = false")
    linker = Linker(
        [left, right],
        settings,
        db_api=DuckDBAPI(connection=database),
        input_table_aliases=["member", "row"],
    )
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on("id_number"), block_on("name", "birth_date"), block_on("name", "phone")],
        recall=0.8,
    )
    training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    training.estimate_parameters_using_expectation_maximisation(block_on("name"))
    training.estimate_parameters_using_expectation_maximisation(block_on("birth_date"))
    predictions = linker.inference.predict(threshold_match_probability=0.01).as_pandas_dataframe()
    columns = (
        predictions["unique_id_l"],
        predictions["unique_id_r"],
        predictions["match_probability"],
    )
    return list(zip(*columns, strict=True))


def _cut(best: list[Pick], threshold: float) -> list[Pick]:
    return [(member, sure) if sure >= threshold else (None, sure) for member, sure in best]


def _f1(rows: list[dict[str, Any]], picks: list[Pick]) -> float:
    precision, recall = _shares(rows, picks)
    return 2 * precision * recall / max(precision + recall, 1e-9)


def words(figures: Figures) -> str:
    """The figures for people."""
    f = figures
    lines = [
        f"index {f.members} members    {f.index_rate:10,.0f} /s",
        f"rows of a hard roster    {f.rate:10,.0f} /s",
        f"one row                  {f.p50_us:10,.0f} us median, {f.p99_us:,.0f} us at the 99th "
        f"percentile",
        f"memory                   {f.memory_mb:10,.0f} MB",
        f"the same {f.rows} rows:",
        f"  guidui                 {100 * f.precision:6.2f} % of matches right, "
        f"{100 * f.recall:6.2f} % of the matchable found",
    ]
    if f.peer is None or f.peer_s is None or f.peer_precision is None or f.peer_recall is None:
        lines.append("  Splink is not installed (pip install 'splink<5'): nothing to compare with")
    else:
        lines.append(
            f"  {f.peer:22} {100 * f.peer_precision:6.2f} % of matches right, "
            f"{100 * f.peer_recall:6.2f} % of the "
            f"matchable found; {f.peer_s:.1f} s to train and predict ({f.rows / f.peer_s:,.0f} "
            f"rows/s)"
        )
    return "\n".join(lines)


def run(
    cache: Path | None = None,
    as_json: bool = False,
    members: Path | None = None,
    queries: Path | None = None,
) -> str:
    """Text or JSON of one run; without files, on those of tests/data/identity, which a checkout
    has.
    """
    folder = members.parent if members else DATA
    members, queries = members or DATA / "members.csv.xz", queries or DATA / "queries.jsonl.xz"
    listed = folder / "organisations.csv.xz"
    figures = bench(members, queries, listed if listed.is_file() else None)
    return json.dumps(asdict(figures)) if as_json else words(figures)
