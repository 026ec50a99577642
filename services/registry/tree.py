"""The tree of organisations as text: a path names an organisation's superiors from the top and ends
with itself.
"""

from __future__ import annotations

from collections.abc import Mapping

LEVELS_MAX = 30


def codes_of(path: str) -> list[str]:
    """The codes a path names, from the top down."""
    return path.split(".")[:-1]


def just_after(path: str) -> str:
    """The upper end of the range [path, end) that holds the organisation and all below it ('/'
    follows '.').
    """
    return path[:-1] + "/"


def paths(parents: Mapping[str, str | None]) -> dict[str, str]:
    """The path of every code whose line of superiors reaches a top (an empty parent) within 30
    levels.

    Codes in a circle, with an unknown parent, too deep, or below one of these are left out.
    """
    done: dict[str, str] = {}
    for code in parents:
        line: list[str] = []
        at: str | None = code
        while at and at not in done and at in parents and len(line) <= LEVELS_MAX:
            line.append(at)
            at = parents[at] or None
        above = done.get(at, "") if at else ""
        if at and not above:
            continue
        for below in reversed(line):
            if above.count(".") == LEVELS_MAX:
                break
            above = done[below] = f"{above}{below}."
    return done
