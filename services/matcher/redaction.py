"""Texts and words that must not tell who was posted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.matcher.announcements import Announcement

MASK = "○○"
PARTICULARS = (
    "name",
    "id_number",
    "birth_date",
    "phone",
    "address",
    "military_card",
    "id_token",
)


def unnamed(text: str, announcement: Announcement) -> str:
    """A text without what was posted of the person, should somebody have written it there."""
    for value in _longest_first(announcement.stated_values.values()):
        text = text.replace(value, MASK)
    return text


def particulars(announcement: Announcement, without: Iterable[Any] = ()) -> list[str]:
    """What was posted of a person that could name them, longest first, ``without`` what is another
    person's as well.
    """
    values = announcement.stated_values
    posted = {values.get(name) for name in PARTICULARS}
    return _longest_first(posted.difference(without))


def _longest_first(values: Iterable[Any]) -> list[str]:
    """The texts among values: the longest first, lest a part of one be replaced before the whole. A
    single character stands for too much.
    """
    texts = [value for value in values if isinstance(value, str) and len(value) > 1]
    return sorted(texts, key=len, reverse=True)
