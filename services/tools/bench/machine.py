"""The machine a benchmark ran on, and the CPU time of process trees, from /proc."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")


def machine() -> dict[str, Any]:
    """Cores, processor, Python, and the load average of the last minute."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its living descendants, and those of them that ended."""
    parents = {
        int(p.name): s
        for p in Path("/proc").iterdir()
        if p.name.isdigit() and (s := _stat(int(p.name)))
    }
    tree, added = {pid}, 1
    while added:
        more = {child for child, stat in parents.items() if stat[0] in tree} - tree
        tree, added = tree | more, len(more)
    return sum(parents[process][1] for process in tree if process in parents) / _TICKS


def _stat(pid: int) -> tuple[int, int] | None:
    """(parent, clock ticks with those of ended children) of a process; None once it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]), sum(map(int, fields[11:15]))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )
