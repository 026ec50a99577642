"""Commands for trying and measuring: send events, play a history or a made-up city, benchmarks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.cli.shell import fail, read_settings


def post(file: str) -> None:
    """Send CloudEvents to GUIDUI_URL with GUIDUI_KEY; one answer line per event.

    FILE: JSON Lines; - reads standard input.
    """
    from services.tools.post import post_lines

    raise typer.Exit(post_lines(file, read_settings()))


def simulate(
    scenario: Annotated[
        Path | None, typer.Option(help="one history, as JSON (docs/interface.md §6)")
    ] = None,
    city: Annotated[int | None, typer.Option(help="members of a made-up city", min=20)] = None,
    years: Annotated[float, typer.Option(min=0.05, max=20)] = 1.0,
    seed: Annotated[int, typer.Option(help="the same seed and commit give the same history")] = 1,
) -> None:
    """Play one history, or a made-up city with its faults.

    Both turn their own clock, in a throw-away database.
    """
    from services.kit import log

    log.configure("error")
    if (scenario is None) == (city is None):
        fail("give either --scenario F or --city N")
    if city is not None:
        _play_city(city, years, seed)
    else:
        assert scenario is not None
        _play_scenario(scenario)


def _play_scenario(file: Path) -> None:
    from services.tools.simulate import NotAScenario, play_file

    try:
        answer, all_as_expected = play_file(file)
    except NotAScenario as error:
        fail(str(error))
    print(json.dumps(answer, ensure_ascii=False))
    for step in answer["steps"]:
        if not step["ok"]:
            reason = step.get("refused", {}).get("reason") or "differs from what was expected"
            print(f"step {step['index']}: {reason}", file=sys.stderr)
    raise typer.Exit(0 if all_as_expected else 1)


def _play_city(members: int, years: float, seed: int) -> None:
    from services.tools.city.report import commit
    from services.tools.city.run import simulate as play_city

    print(f"seed {seed}\ncommit {commit()}\nmembers {members}\nyears {years:g}", flush=True)
    report = play_city(members, years, seed, lambda line: print(line, file=sys.stderr, flush=True))
    for name, count in sorted(report.counts.items()):
        print(f"{name} {count}")
    print(f"broken invariants {len(report.broken)}")
    print(f"history {report.digest}")
    print(f"seconds {report.seconds:.0f}")
    for broken in report.broken:
        print(f"broken: {broken.check}: {broken.about}: {broken.seen}", file=sys.stderr)
    raise typer.Exit(0 if report.ok else 1)


def bench(
    name: str,
    as_json: Annotated[bool, typer.Option("--json")] = False,
    scale: Annotated[float, typer.Option(min=0.001, max=100, help="size: 1 as documented")] = 1.0,
) -> None:
    """Measure NAME beside something comparable in the same run.

    NAME: address, identity, pipeline, embedded, latency and others (docs/interface.md §1).
    """
    from services.tools.bench import run_bench

    raise typer.Exit(run_bench(name, as_json, read_settings(), scale))
