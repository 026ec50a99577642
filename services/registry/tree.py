"""The tree of organisations as text: a path names an organisation's superiors from the top and ends with itself."""
from __future__ import annotations

from collections.abc import Mapping


def path_of(codes: list[str]) -> str:
    """The path of the last of ``codes``, which lead down to it from the top: ``A.B.C.``."""
    return "".join(code + "." for code in codes)


def codes_of(path: str) -> list[str]:
    """The codes a path names, from the top down."""
    return path.split(".")[:-1]


def just_after(path: str) -> str:
    """The upper end of the range [path, end) that holds the organisation and all below it ('/' follows '.')."""
    return path[:-1] + "/"


def paths(parents: Mapping[str, str | None]) -> dict[str, str]:
    """The path of every code whose line of superiors reaches a top (an empty parent).

    Codes in a circle, with an unknown parent, or below either are left out.
    """
    done: dict[str, str] = {}
    for code in parents:
        line: list[str] = []
        on_line: set[str] = set()
        at: str | None = code
        while at and at not in done and at in parents and at not in on_line:
            line.append(at)
            on_line.add(at)
            at = parents[at] or None
        if at is None or at in done:
            above = done[at] if at else ""
            for below in reversed(line):
                above = done[below] = f"{above}{below}."
    return done
