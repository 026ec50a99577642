"""Slips of the pen: how a written name differs from an official one, as a named class or not at
all.

Only differences that people make are named; a different character that neither sounds alike nor is
a numeral stays a suggestion (CHARACTER): ungated it links 富强村 to 坚强村 with confidence.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Slip(StrEnum):
    """How a written name differs from the right one."""

    SAME = "same"
    SOUND = "sound"
    """A character, or two, with the sound of the right one."""
    NUMERAL = "numeral"
    ORDER = "order"
    """Two neighbouring characters stand in the other order."""
    MISSING = "missing"
    EXTRA = "extra"
    NEAR_SOUND = "near"
    CHARACTER = "char"
    """One character differs, and nothing explains it."""


WORDS: dict[str, tuple[str, str]] = {
    Slip.SAME: ("写法相同", "same spelling"),
    Slip.SOUND: ("读音相同", "same sound"),
    Slip.NUMERAL: ("数字写法不同", "numeral written differently"),
    Slip.ORDER: ("相邻两字颠倒", "two neighbouring characters swapped"),
    Slip.MISSING: ("少一字", "one character missing"),
    Slip.EXTRA: ("多一字", "one character more"),
    Slip.NEAR_SOUND: ("读音相近", "nearly the same sound"),
    Slip.CHARACTER: ("一字不同", "one character differs"),
}
"""Slip -> its name in Chinese and in English."""

SLIP_SCORE: dict[str, float] = {
    Slip.SOUND: 6.5,
    Slip.NUMERAL: 6.5,
    Slip.ORDER: 6.0,
    Slip.MISSING: 5.5,
    Slip.EXTRA: 3.5,
    Slip.NEAR_SOUND: 2.5,
    Slip.CHARACTER: 1.0,
}
"""Slip -> what it adds to a score; people make the first ones most."""

_NUMERALS = str.maketrans(
    "0123456789零壹贰叁肆伍陆柒捌玖", "〇一二三四五六七八九〇一二三四五六七八九"
)
_CONFUSED_SOUNDS = (
    (re.compile("^([zcs])h"), r"\1"),
    (re.compile("ng$"), "n"),
    (re.compile("^n"), "l"),
    (re.compile("^h(?=u)"), "f"),
)
"""Sounds that many dialects do not tell apart: zh and z, ng and n, n and l, hu and fu."""


def alike(left: str, right: str, sounds: dict[str, str]) -> bool:
    """True if two characters share a toneless reading."""
    left_readings, right_readings = sounds.get(left), sounds.get(right)
    if left_readings is None or right_readings is None:
        return False
    if left_readings == right_readings:
        return True
    return not set(left_readings.split(" ")).isdisjoint(right_readings.split(" "))


def nearly_alike(left: str, right: str, sounds: dict[str, str]) -> bool:
    """True if a dialect may give two characters the same toneless reading."""
    return not _blurred(left, sounds).isdisjoint(_blurred(right, sounds))


def _blurred(char: str, sounds: dict[str, str]) -> set[str]:
    """The readings of a character without what dialects do not tell apart."""
    blurred = set()
    for reading in sounds.get(char, "").split():
        for pattern, replacement in _CONFUSED_SOUNDS:
            reading = pattern.sub(replacement, reading)
        blurred.add(reading)
    return blurred


def slip(written: str, right: str, sounds: dict[str, str]) -> Slip | None:
    """The class of the difference, None if the two are further apart."""
    if written == right:
        return Slip.SAME
    gap = len(right) - len(written)
    if gap == 0:
        return _replaced(written, right, sounds)
    if gap == 1 and len(written) >= 2 and _without_one(right, written):
        return Slip.MISSING
    if gap == -1 and len(right) >= 2 and _without_one(written, right):
        return Slip.EXTRA
    return None


def _replaced(written: str, right: str, sounds: dict[str, str]) -> Slip | None:
    """The slip between two names of one length."""
    pairs = [(wrong, true) for wrong, true in zip(written, right, strict=True) if wrong != true]
    if all(wrong.translate(_NUMERALS) == true.translate(_NUMERALS) for wrong, true in pairs):
        return Slip.NUMERAL
    if len(pairs) == 1:
        return _one_replaced(*pairs[0], sounds, is_long=len(written) >= 3)
    if len(pairs) == 2:
        return _two_replaced(written, right, sounds)
    return None


def _one_replaced(wrong: str, true: str, sounds: dict[str, str], *, is_long: bool) -> Slip | None:
    """The slip of one character for another; one that nothing explains only in a long name."""
    if alike(wrong, true, sounds):
        return Slip.SOUND
    if nearly_alike(wrong, true, sounds):
        return Slip.NEAR_SOUND
    if is_long:
        return Slip.CHARACTER
    return None


def _two_replaced(written: str, right: str, sounds: dict[str, str]) -> Slip | None:
    """The slip of two characters for two others."""
    first, second = (at for at, char in enumerate(written) if char != right[at])
    is_swapped = written[first] == right[second] and written[second] == right[first]
    if second == first + 1 and is_swapped:
        return Slip.ORDER
    if len(written) <= 2:
        return None
    if not alike(written[first], right[first], sounds):
        return None
    if not alike(written[second], right[second], sounds):
        return None
    return Slip.SOUND


def _without_one(longer: str, shorter: str) -> bool:
    """True if dropping one character of `longer` gives `shorter`."""
    at = 0
    while at < len(shorter) and longer[at] == shorter[at]:
        at += 1
    return longer[at + 1 :] == shorter[at:]
