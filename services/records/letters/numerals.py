"""Capital Chinese numerals (大写), which the form asks for where a stroke must not turn one number
into another.

Rules (rules.md §6.1; the form of 2006): a year digit by digit (贰零贰陆), a month or a count of
days as a number with its leading 壹 written out (拾壹 could be made 贰拾壹, so it is 壹拾壹).
"""

from __future__ import annotations

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")


def digit_by_digit(number: int | str) -> str:
    """Each digit by itself: 2026 → 贰零贰陆."""
    return "".join(_DIGITS[int(digit)] for digit in str(number))


def capital(number: int) -> str:
    """A number from 0 to 9,999: 30 → 叁拾, 105 → 壹佰零伍, 11 → 壹拾壹."""
    if not 0 <= number <= 9999:
        raise ValueError(f"{number} is not between 0 and 9999")
    text = ""
    skipped = False
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if digit == 0:
            skipped = True
            continue
        if skipped and text:
            text += _DIGITS[0]
        text += _DIGITS[digit] + _PLACES[place]
        skipped = False
    return text or _DIGITS[0]


def year_and_month(month: str) -> tuple[str, str]:
    """2026-11 → (贰零贰陆, 壹拾壹)."""
    year, _, number = month.partition("-")
    return digit_by_digit(year), capital(int(number))
