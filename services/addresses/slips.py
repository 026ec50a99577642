"""Slips of the pen: how a written name differs from an official one, as a named class or not at
all.

Only differences that people make are named; a different character that neither sounds alike nor is
a numeral stays a suggestion ("char"): ungated it links 富强村 to 坚强村 with confidence.
"""

from __future__ import annotations

import re
from typing import Literal

Slip = Literal["same", "sound", "numeral", "order", "missing", "extra", "near", "char"]

WORDS: dict[str, tuple[str, str]] = {
    "same": ("写法相同", "same spelling"),
    "sound": ("读音相同", "same sound"),
    "numeral": ("数字写法不同", "numeral written differently"),
    "order": ("相邻两字颠倒", "two neighbouring characters swapped"),
    "missing": ("少一字", "one character missing"),
    "extra": ("多一字", "one character more"),
    "near": ("读音相近", "nearly the same sound"),
    "char": ("一字不同", "one character differs"),
}
SLIP_SCORE = {
    "sound": 6.5,
    "numeral": 6.5,
    "order": 6.0,
    "missing": 5.5,
    "extra": 3.5,
    "near": 2.5,
    "char": 1.0,
}
"""Slip -> what it adds to a score; people make the first ones most."""

_NUMERALS = str.maketrans(
    "0123456789零壹贰叁肆伍陆柒捌玖", "〇一二三四五六七八九〇一二三四五六七八九"
)
_NEAR = (
    (re.compile("^([zcs])h"), r"\1"),
    (re.compile("ng$"), "n"),
    (re.compile("^n"), "l"),
    (re.compile("^h(?=u)"), "f"),
)


def alike(a: str, b: str, sounds: dict[str, str]) -> bool:
    """True if two characters share a toneless reading."""
    left, right = sounds.get(a), sounds.get(b)
    if left is None or right is None:
        return False
    return left == right or not set(left.split(" ")).isdisjoint(right.split(" "))


def _blurred(char: str, sounds: dict[str, str]) -> set[str]:
    out = set()
    for reading in sounds.get(char, "").split():
        for pattern, to in _NEAR:
            reading = pattern.sub(to, reading)
        out.add(reading)
    return out


def slip(written: str, right: str, sounds: dict[str, str]) -> Slip | None:
    """The class of the difference, None if the two are further apart."""
    if written == right:
        return "same"
    gap = len(right) - len(written)
    if gap == 0:
        return _replaced(written, right, sounds)
    if gap == 1 and len(written) >= 2 and _without_one(right, written):
        return "missing"
    if gap == -1 and len(right) >= 2 and _without_one(written, right):
        return "extra"
    return None


def _replaced(written: str, right: str, sounds: dict[str, str]) -> Slip | None:
    at = [i for i, a in enumerate(written) if a != right[i]]
    if all(written[i].translate(_NUMERALS) == right[i].translate(_NUMERALS) for i in at):
        return "numeral"
    if len(at) > 2:
        return None
    if len(at) == 1:
        a, b = written[at[0]], right[at[0]]
        if alike(a, b, sounds):
            return "sound"
        if _blurred(a, sounds) & _blurred(b, sounds):
            return "near"
        return "char" if len(written) >= 3 else None
    i, k = at
    if k == i + 1 and written[i] == right[k] and written[k] == right[i]:
        return "order"
    if (
        len(written) > 2
        and alike(written[i], right[i], sounds)
        and alike(written[k], right[k], sounds)
    ):
        return "sound"
    return None


def _without_one(longer: str, shorter: str) -> bool:
    """True if dropping one character of `longer` gives `shorter`."""
    i = 0
    while i < len(shorter) and longer[i] == shorter[i]:
        i += 1
    return longer[i + 1 :] == shorter[i:]
