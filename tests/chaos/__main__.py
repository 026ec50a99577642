"""`make chaos`: the long siege, written down in docs/chaos.md."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from services.kit.clock import ZONE
from tests.chaos.siege import Report, run

PAGE = Path(__file__).parents[2] / "docs" / "chaos.md"


def page(report: Report, seed: int, brokers: int, workers: int) -> str:
    """The result as a page."""
    kills = "\n".join(f"| {role} | {count} |" for role, count in sorted(report.kills.items()))
    books = "\n".join(
        f"| {name.replace('_', ' ')} | {count} |" for name, count in asdict(report.balance).items()
    )
    verdict = (
        "Nothing was lost, nothing doubled."
        if not report.balance.wrong()
        else "**The books do not balance.**"
    )
    return f"""# The long kill test

{verdict} `make chaos` wrote this page on {datetime.now(ZONE):%Y-%m-%d}; what is promised is in
[delivery guarantees](delivery-guarantees.md).

{report.accepted:,} departures were posted over HTTP to
`guidui cluster up --brokers {brokers} --workers {workers}` while {sum(report.kills.values())}
processes were killed with `kill -9` (seed {seed}). Posting took {report.siege_seconds:,.0f} s, of
which many were spent repeating: {report.repeats:,} batches had no answer and were sent again.
{report.drain_seconds:,.0f} s after the last answer every effect was there.

| killed | times |
|---|---|
{kills}

| after the siege | count |
|---|---|
{books}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos ARGS=", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--brokers", type=int, default=1, choices=(1, 3))
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = run(
            Path(folder) / "data", told.events, told.kills, told.seed, told.workers, told.brokers
        )
    PAGE.write_text(page(report, told.seed, told.brokers, told.workers), "utf-8")
    print(PAGE.read_text("utf-8"))
    raise SystemExit(1 if report.balance.wrong() else 0)


if __name__ == "__main__":
    main()
