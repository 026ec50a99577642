"""What `guidui bench` measures; every figure stands beside what it is compared with, from the same
run.
"""

from __future__ import annotations

from services.kit.settings import Settings


def run_bench(name: str, as_json: bool, settings: Settings, scale: float = 1.0) -> int:
    """Runs the benchmark of that name and prints its figures; 2 for a name there is none of, else
    0.

    `scale` shortens the backlogs and the time measured (1: as documented in docs/benchmarks.md).
    """
    from services.tools.bench.command import (
        run,
    )  # what a benchmark needs is heavy, and only a benchmark needs it

    return run(name, as_json, settings, scale)
