"""What people wrote when they acted: questions and answers, defects, evidence, decisions, in the
words of the form's fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.portal.pages.fields import FIELDS, Field
from services.portal.pages.sentences import Speaker
from services.registry.directory import Directory

_LEFT_OUT = frozenset(
    {"reason", "circumstances", "member_informed", "handed_to", "branch", "into", "obstacle"}
)


def details_of(
    command: str, detail: Mapping[str, Any] | None, s: Speaker, directory: Directory
) -> Iterator[tuple[str, str]]:
    """(label, what was written) of a row of history, in the order of the form; a command without a
    form tells nothing.
    """
    for field in FIELDS.get(command, ()):
        value = (detail or {}).get(field.name)
        if field.name in _LEFT_OUT or value in (None, "", [], False):
            continue
        yield s.gettext(field.label), _text(field, value, s, directory)


def _text(field: Field, value: Any, s: Speaker, directory: Directory) -> str:
    if field.kind == "organisation":
        organisation = directory.get(value)
        return s.short(organisation.name) if organisation else str(value)
    if field.kind == "day":
        return s.day(value)
    if field.kind == "yes":
        return s.gettext("是")
    if field.kind == "choice":
        words = dict(field.choices).get(value, value)
        return s.gettext(words) if isinstance(words, str) else s.reason(str(value))
    return "；".join(map(_line, value)) if isinstance(value, list) else str(value)


def _line(row: Any) -> str:
    """One of several lines; systems may send objects."""
    return " ".join(str(v) for v in row.values() if v) if isinstance(row, Mapping) else str(row)
