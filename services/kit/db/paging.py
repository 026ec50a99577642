"""One form of list for every call: ``{"items": […], "next": cursor or null}``, ``limit`` ≤ 1,000,
``cursor``. A call asks for a ``Page``, a list answers with a ``Part``.

A cursor is the place after the last row of a page: that row's values as a JSON list, in URL-safe
base64 without padding. It carries no right: what a page shows is decided by who asks, whatever the
cursor says. Whatever is no cursor of that list is refused (422): another count of values, another
kind, another spelling, values out of range.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson

from schemas.days import read_moment
from services.kit.errors import Refused, Text

LIMIT_MAX = 1_000
CURSOR_LETTERS_MAX = 400
WHOLE_MAX = 2**62  # fits a bigint, and a sum of two does
START_MAX = 10_000_000
YEARS = range(1900, 2201)

Kind = Callable[[Any], Any]
_Item = TypeVar("_Item")
_Told = TypeVar("_Told")

_BAD_CURSOR = Text(
    "cursor 不是本接口给出的值，请从头翻页。",
    "The cursor is not one that this interface gave; start again.",
)


def moment(value: Any) -> datetime:
    """A kind of value in a cursor: a time with its zone, as ``datetime.isoformat`` writes it."""
    time = read_moment(value)
    if time.isoformat() != value or time.tzinfo is None or time.year not in YEARS:
        raise ValueError("no time that a row can have")
    return time


def ident(value: Any) -> str:
    """A kind of value in a cursor: the canonical text of a UUID."""
    if str(UUID(value)) != value:
        raise ValueError("not the canonical spelling")
    return value


def whole(value: Any) -> int:
    """A kind of value in a cursor: a whole number, 0 to 2**62."""
    if type(value) is not int or not 0 <= value <= WHOLE_MAX:
        raise ValueError("no number that a row can have")
    return value


def word(value: Any) -> str:
    """A kind of value in a cursor: a text without control characters."""
    if not isinstance(value, str) or not (value.isprintable() or value == ""):
        raise ValueError("no text that a row can have")
    return value


def encode(*values: Any) -> str:
    """The cursor of a page whose last row has these values (times as `datetime` or ISO text)."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(orjson.dumps(plain, default=str)).rstrip(b"=").decode()


def decode(cursor: str | None, *kinds: Kind) -> tuple[Any, ...] | None:
    """The values in a cursor, each checked by its kind; None for no cursor. Raises Refused 422 for
    any other text.
    """
    if not cursor:
        return None
    try:
        return _values(cursor, kinds)
    except Exception:  # whatever a crafted text makes a parser raise
        raise refused() from None


def _values(cursor: str, kinds: Sequence[Kind]) -> tuple[Any, ...]:
    if len(cursor) > CURSOR_LETTERS_MAX:
        raise ValueError("too long")
    padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
    given = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    if not isinstance(given, list) or encode(*given) != cursor.rstrip("="):
        raise ValueError("not as it was written")
    return tuple(kind(value) for kind, value in zip(kinds, given, strict=True))


def refused() -> Refused:
    """What a cursor that nobody gave is answered with."""
    return Refused(422, "bad-cursor", _BAD_CURSOR, field="cursor")


@dataclass(frozen=True, slots=True)
class Part(Generic[_Item]):
    """The rows of one page of a list, and the cursor of the page after it; None: there is none."""

    items: Sequence[_Item]
    next: str | None

    def reshaped(self, shape: Callable[[_Item], _Told]) -> Part[_Told]:
        """The same part with each row in another shape."""
        return Part([shape(item) for item in self.items], self.next)


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for: up to ``limit`` rows, from where ``cursor`` says.

    ``offset`` counts rows off where there is no cursor: how three older lists were leafed through.
    A list reads ``one_more`` rows from its beginning, and one of ``counted``, ``keyed`` and
    ``placed`` makes the part of them, by what tells the place of a row in that list.
    """

    limit: int = 100
    cursor: str | None = None
    offset: int = 0

    @property
    def one_more(self) -> int:
        """How many rows to read: the one beyond the page says that there are more."""
        return self.limit + 1

    @property
    def start(self) -> int:
        """How many rows the pages before had, for a list that is counted off (`OFFSET`)."""
        place = decode(self.cursor, whole)
        if place is None:
            return self.offset
        return min(place[0], START_MAX) or self.offset

    def after(self, *kinds: Kind) -> tuple[Any, ...] | None:
        """The values of the last row of the page before, for a list that is ``placed``."""
        return decode(self.cursor, *kinds)

    def counted(self, rows: Sequence[_Item]) -> Part[_Item]:
        """The part of rows that were read from row ``start`` on."""
        more = len(rows) > self.limit
        following = encode(self.start + self.limit) if more else None
        return Part(list(rows[: self.limit]), following)

    def placed(self, rows: Sequence[_Item], place: Callable[[_Item], tuple]) -> Part[_Item]:
        """The part of rows that were read from behind the values that ``after`` gave.

        ``place`` gives those values of a row, by which the list is ordered.
        """
        items = list(rows[: self.limit])
        more = len(rows) > self.limit
        return Part(items, encode(*place(items[-1])) if more else None)

    def keyed(self, rows: Sequence[_Item], key: Callable[[_Item], str | UUID]) -> Part[_Item]:
        """The part of a list that is whole in memory.

        The cursor names the last row of the page before, so that rows that came or went meanwhile
        do not shift the next page; where that row itself is gone, the page begins at its place.
        """
        start = 0
        place = decode(self.cursor, whole, word)
        if place is not None:
            start, last_key = place
            for number, row in enumerate(rows):
                if str(key(row)) == last_key:
                    start = number + 1
                    break
        end = start + self.limit
        items = rows[start:end]
        if end >= len(rows):
            return Part(items, None)
        return Part(items, encode(end, str(key(items[-1]))))
