"""Finding an organisation by its name or code, for forms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.identity import han
from services.registry.directory import Directory, Organisation

FOUND_MAX = 12


def find(directory: Directory, text: str, on: date) -> Sequence[Organisation]:
    """Living organisations whose name holds every word of the text, or of that code; the closest
    names first.
    """
    words = han.ordinary(text).split()
    if not words or len("".join(words)) < 2:
        return ()
    exact = directory.get(words[0]) if len(words) == 1 else None
    if exact is not None:
        return (exact,)
    hits = [
        organisation
        for organisation in directory
        if all(word in organisation.name or organisation.code.startswith(word) for word in words)
        and not organisation.ended(on)
    ]
    return sorted(
        hits,
        key=lambda organisation: (organisation.depth, len(organisation.name), organisation.code),
    )[:FOUND_MAX]


def chosen_and_found(
    directory: Directory, code: str | None, text: str, on: date
) -> list[Organisation]:
    """What the list of a form offers: the organisation chosen already, then what the text finds."""
    chosen = directory.get(code)
    others = [organisation for organisation in find(directory, text, on) if organisation != chosen]
    return [chosen, *others] if chosen else others


def branches(directory: Directory, committee: str | None, on: date) -> Sequence[Organisation]:
    """Where a committee may place a member: everything at or below it that lives."""
    top = directory.get(committee)
    if top is None:
        return ()
    below = [
        organisation
        for organisation in directory
        if organisation.path.startswith(top.path) and not organisation.ended(on)
    ]
    kinds = {"branch": 0, "general_branch": 1}
    return sorted(
        below, key=lambda organisation: (kinds.get(organisation.kind, 2), organisation.path)
    )
