"""Birth dates as rosters write them."""
from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
from functools import lru_cache

from services.registry.names import is_blank

EXCEL_DAY_ZERO = date(1899, 12, 30)
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_THREE = re.compile(r"(\d{2}|\d{4})[-./年,\s]+(\d{1,2})[-./月,\s]+(\d{1,2})(?:日|号)?")
_LAST_YEAR = re.compile(r"(\d{1,2})[-./\s](\d{1,2})[-./\s](\d{4})")
_TWO = re.compile(r"(\d{4})[-./年,\s]+(\d{1,2})月?")
_TWO_SHORT = re.compile(r"(\d{2})年(\d{1,2})月?")
_YEAR = re.compile(r"(\d{4})年?")
_NO_YEAR = re.compile(r"0\d{3}(?:\D|\d{4}$)")
_TIME = re.compile(r"[T\s]+\d{1,2}:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:?\d\d|Z)?$")
_NUMERALS = str.maketrans("〇零一二三四五六七八九○", "001234567890")
_YEAR_SHORT_PIVOT = 10


def parse_date(text: object) -> tuple[date | None, str]:
    """A date and how much of it was given: "day", "month" (day is 1), "year" (1 January) or "none" with None.

    Takes ISO, `1975.3.2`, `75.3.2`, `19750302`, `197503`, `750302`, `1975年3月2日`, Chinese numerals, Excel
    serials and dates with a time. A two-figure year up to 10 is of this century, else of the last: members are adults.
    Nothing raises; a date before 1890 or after 2099 is none.
    """
    return _parse("" if text is None else text if isinstance(text, str) else str(text))


@lru_cache(maxsize=65536)
def _parse(text: str) -> tuple[date | None, str]:
    iso = _ISO.fullmatch(text)
    if iso and iso[1] >= "1000":
        return _made(int(iso[1]), int(iso[2]), int(iso[3]))
    text = text[:60]
    if is_blank(text):
        return None, "none"
    plain = unicodedata.normalize("NFKC", text).strip().strip("'\"`").strip()
    plain = _TIME.sub("", plain).removesuffix("生").removesuffix("出")
    if any(numeral in plain for numeral in "一二三四五六七八九〇零○"):
        plain = _chinese(plain)
    if not plain.isascii():
        plain = plain.replace("。", ".").replace("、", ".")
    if plain.endswith(".0") and plain[:-2].isdigit():
        plain = plain[:-2]
    if _NO_YEAR.match(plain):
        return None, "none"
    if plain.isascii() and plain.isdigit():
        return _digits(plain)
    return _written(plain)


def _written(plain: str) -> tuple[date | None, str]:
    for pattern in (_THREE, _TWO, _TWO_SHORT, _YEAR):
        found = pattern.fullmatch(plain.rstrip("."))
        if found:
            return _made(*(int(group) for group in found.groups()))
    last = _LAST_YEAR.fullmatch(plain)
    if last:
        one, two, year = int(last[1]), int(last[2]), int(last[3])
        return _made(year, one, two) if one <= 12 else _made(year, two, one)
    return None, "none"


def _digits(plain: str) -> tuple[date | None, str]:
    if len(plain) == 8:
        return _made(int(plain[:4]), int(plain[4:6]), int(plain[6:]))
    if len(plain) == 6:
        if plain[:2] in ("19", "20") and 1 <= int(plain[4:]) <= 12:
            return _made(int(plain[:4]), int(plain[4:]))
        return _made(int(plain[:2]), int(plain[2:4]), int(plain[4:]))
    if len(plain) == 4 and plain[:2] in ("18", "19", "20"):
        return _made(int(plain))
    if 4 <= len(plain) <= 5:
        day = EXCEL_DAY_ZERO + timedelta(days=int(plain))
        return _made(day.year, day.month, day.day)
    return None, "none"


def _made(year: int, month: int = 0, day: int = 0) -> tuple[date | None, str]:
    if year < 100:
        year += 2000 if year <= _YEAR_SHORT_PIVOT else 1900
    if not 1890 <= year <= 2099:
        return None, "none"
    if not 1 <= month <= 12:
        return date(year, 1, 1), "year"
    try:
        return (date(year, month, day), "day") if day else (date(year, month, 1), "month")
    except ValueError:
        return date(year, month, 1), "month"


def _chinese(text: str) -> str:
    """一九七五年三月二十一日 to 1975年3月21日; 正月 and 初二 are left to the reader."""
    def count(match: re.Match[str]) -> str:
        tens, _, ones = match[0].partition("十")
        return f"{(tens or '1').translate(_NUMERALS)}{(ones or '0').translate(_NUMERALS)}"

    return re.sub(r"[一二三]?十[一二三四五六七八九]?", count, text).translate(_NUMERALS)
