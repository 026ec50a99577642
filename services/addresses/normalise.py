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

_DASHES = "-‐‑‒–—―−~～〜、,，/\\／"
_DROP = ""


@cache
def _simplified() -> dict[str, str]:
    """Traditional character -> simplified (MediaWiki's table as packaged by zhconv), single
    characters only.
    """
    table = json.loads(files("zhconv").joinpath("zhcdict.json").read_bytes())["zh2Hans"]
    return {k: v for k, v in table.items() if len(k) == len(v) == 1 and k != v}


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
    if unicodedata.category(char)[0] in "LN" or unicodedata.category(char) == "Co":
        char = _simplified().get(char, char)
        return char if char <= "\uffff" else chr(0xE000 + ord(char) % 0x1900)
    return _DROP


def _mapped(char: str) -> str:
    """The fixed point of NFKC, upper case and simplification for one character of any kind."""
    text = han.ordinary(char)
    for _ in range(6):
        if text and "\ud800" <= text[0] <= "\udfff":
            return _DROP
        wide = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).upper())
        done = "".join(_kept(c) for c in wide)
        if done == text:
            break
        text = done
    return text


class _Mapping(dict[int, str]):
    def __missing__(self, code: int) -> str:
        self[code] = out = _mapped(chr(code))
        return out


_mapping = _Mapping()
_STRAY_DASH = re.compile(r"(?<![0-9A-Z])-|-(?![0-9A-Z])")


@cache
def _plain() -> re.Pattern[str]:
    """Matches the characters the mapping leaves alone; a text of nothing else is normal already."""
    moved = sorted(ord(c) for c in _simplified() if "\u4e00" <= c <= "\u9fff")
    bounds = [0x4DFF, *moved, 0xA000]
    ranges = (f"{chr(a + 1)}-{chr(b - 1)}" for a, b in pairwise(bounds) if b - a > 1)
    return re.compile(f"[0-9A-Z{''.join(ranges)}]*")


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
    pairs = [(out, i) for i, c in enumerate(raw) for out in _mapping[ord(c)]]
    text = "".join(out for out, _ in pairs)
    stray = {m.start() for m in _STRAY_DASH.finditer(text)} if "-" in text else ()
    if stray:
        pairs = [pair for i, pair in enumerate(pairs) if i not in stray]
        text = "".join(out for out, _ in pairs)
    return Normal(text[:TEXT_CHARS_MAX], tuple(i for _, i in pairs[:TEXT_CHARS_MAX]))


_PART = re.compile(r"(?<=[\u4e00-\u9fff])[0-9]{1,2}(?=[村区里坊]|社区|居委|街坊)")
_DIGITS = "〇一二三四五六七八九"


def spelled(normal: Normal) -> Normal | None:
    """The text with the numbers inside names in characters (田林12村 -> 田林十二村); None if it has
    none.
    """
    text, out, last = normal.text, [], 0
    for m in _PART.finditer(text):
        out += [(c, i) for i, c in enumerate(text[last : m.start()], last)]
        tens, ones = divmod(int(m.group()), 10)
        word = (
            (_DIGITS[tens] if tens > 1 else "")
            + ("十" if tens else "")
            + (_DIGITS[ones] if ones or not tens else "")
        )
        out += [(c, min(m.start() + i, m.end() - 1)) for i, c in enumerate(word)]
        last = m.end()
    if not out:
        return None
    out += [(c, i) for i, c in enumerate(text[last:], last)]
    origin = normal.origin
    return Normal(
        "".join(c for c, _ in out), tuple(i if origin is None else origin[i] for _, i in out)
    )


def key(raw: str) -> str:
    """The normalised text alone."""
    return normalise(raw).text
