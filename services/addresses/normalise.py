"""Address text, normalised with the way back kept.

Characters are mapped one by one (NFKC, upper case, traditional to simplified, separators away), so
the offset of every kept character in the original text is known and an explanation can quote the
original. The same mapping is applied to the names of the division table, which makes both sides
meet.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from services.identity import han

TEXT_CHARS_MAX = 512

_ROUNDS_MAX = 6
"""Rounds of mapping after which every character is known to stand still."""
_LAST_OF_TWO_BYTES = "\uffff"
_PRIVATE_USE, _PRIVATE_USE_SIZE = 0xE000, 0x1900
_BEFORE_HAN, _BEHIND_HAN = 0x4DFF, 0xA000

_DASHES = "-‐‑‒–—―−~～〜、,，/\\／"
_DROP = ""


@cache
def _simplified() -> dict[str, str]:
    """Traditional character -> simplified (MediaWiki's table as packaged by zhconv), single
    characters only.
    """
    table = json.loads(files("zhconv").joinpath("zhcdict.json").read_bytes())["zh2Hans"]
    singles = {}
    for traditional, simplified in table.items():
        if len(traditional) == len(simplified) == 1 and traditional != simplified:
            singles[traditional] = simplified
    return singles


def _kept(char: str) -> str:
    """What one character of NFKC text becomes: itself simplified, a dash, or nothing.

    Characters beyond U+FFFF get a stand-in from the private use area: one such character would
    double the memory of every text it is joined to.
    """
    if char in _DASHES:
        return "-"
    if char == "#":
        return "号"
    if char in "○◯":
        return "〇"
    if not _is_written(char):
        return _DROP
    char = _simplified().get(char, char)
    if char <= _LAST_OF_TWO_BYTES:
        return char
    return chr(_PRIVATE_USE + ord(char) % _PRIVATE_USE_SIZE)


def _is_written(char: str) -> bool:
    """A letter, a number, or a character of the private use area; no mark, blank or sign."""
    category = unicodedata.category(char)
    return category[0] in "LN" or category == "Co"


def _mapped(char: str) -> str:
    """The fixed point of NFKC, upper case and simplification for one character of any kind."""
    text = han.ordinary(char)
    for _ in range(_ROUNDS_MAX):
        if text and "\ud800" <= text[0] <= "\udfff":
            return _DROP  # half a surrogate
        upper = unicodedata.normalize("NFKC", text).upper()
        composed = unicodedata.normalize("NFKC", upper)
        mapped = "".join(map(_kept, composed))
        if mapped == text:
            break
        text = mapped
    return text


class _Mapping(dict[int, str]):
    """Code point -> what it becomes, worked out when a character is first met."""

    def __missing__(self, code: int) -> str:
        text = _mapped(chr(code))
        self[code] = text
        return text


_mapping = _Mapping()
_STRAY_DASH = re.compile(r"(?<![0-9A-Z])-|-(?![0-9A-Z])")


@cache
def _plain() -> re.Pattern[str]:
    """Matches the characters the mapping leaves alone; a text of nothing else is normal already."""
    moved = sorted(ord(char) for char in _simplified() if "\u4e00" <= char <= "\u9fff")
    ranges = ""
    for before, behind in pairwise([_BEFORE_HAN, *moved, _BEHIND_HAN]):
        if behind - before > 1:
            ranges += f"{chr(before + 1)}-{chr(behind - 1)}"
    return re.compile(f"[0-9A-Z{ranges}]*")


_Fields = TypeVar("_Fields", bound=tuple[Any, ...])


class _Make(Protocol):
    def __call__(self, kind: type[_Fields], fields: tuple[Any, ...], /) -> _Fields: ...


made = cast(_Make, tuple.__new__)  # declared for `tuple` alone, not for the classes made of it
"""Makes a named tuple of its fields in half the time; for the few made at every address."""


class Normal(NamedTuple):
    """`text` normalised; `origin[i]` is the index in the original of `text[i]`, or None where both
    are equal.
    """

    text: str
    origin: tuple[int, ...] | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The half-open span of the original text that normalised [start, end) came from."""
        if self.origin is None or start >= end:
            return start, end
        return self.origin[start], self.origin[end - 1] + 1


def normalise(raw: str) -> Normal:
    """Any Unicode in, never an error; idempotent; at most TEXT_CHARS_MAX characters are looked
    at.
    """
    raw = raw[:TEXT_CHARS_MAX]
    if _plain().fullmatch(raw):
        return made(Normal, (raw, None))
    chars: list[str] = []
    origin: list[int] = []
    for place, char in enumerate(raw):
        for kept in _mapping[ord(char)]:
            chars.append(kept)
            origin.append(place)
    text = "".join(chars)
    if "-" in text:
        stray = [match.start() for match in _STRAY_DASH.finditer(text)]
        for place in reversed(stray):
            del chars[place], origin[place]
        text = "".join(chars)
    return Normal(text[:TEXT_CHARS_MAX], tuple(origin[:TEXT_CHARS_MAX]))


_NUMBER_IN_NAME = re.compile(r"(?<=[\u4e00-\u9fff])[0-9]{1,2}(?=[村区里坊]|社区|居委|街坊)")
_DIGITS = "〇一二三四五六七八九"


def spelled(normal: Normal) -> Normal | None:
    """The text with the numbers inside names in characters (田林12村 -> 田林十二村); None if it has
    none.
    """
    text = ""
    origin: list[int] = []
    last = 0
    for match in _NUMBER_IN_NAME.finditer(normal.text):
        start, end = match.span()
        number = in_characters(int(match.group()))
        text += normal.text[last:start] + number
        origin += range(last, start)
        origin += [min(start + offset, end - 1) for offset in range(len(number))]
        last = end
    if not text:
        return None
    text += normal.text[last:]
    origin += range(last, len(normal.text))
    if normal.origin is not None:
        origin = [normal.origin[place] for place in origin]
    return Normal(text, tuple(origin))


def in_characters(number: int) -> str:
    """A number below 100 in Chinese characters: 十二."""
    tens, ones = divmod(number, 10)
    if tens == 0:
        return _DIGITS[ones]
    text = "十"
    if tens > 1:
        text = _DIGITS[tens] + text
    if ones > 0:
        text += _DIGITS[ones]
    return text


def key(raw: str) -> str:
    """The normalised text alone."""
    return normalise(raw).text
