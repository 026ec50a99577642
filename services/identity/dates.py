"""Days as people and spreadsheets write them: the one reader for every door that people use.

Machine doors take `YYYY-MM-DD` alone and do not come here.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from services.identity.names import is_blank

EXCEL_DAY_ZERO = date(1899, 12, 30)
FIRST_YEAR, LAST_YEAR = 1890, 2099
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_THREE = re.compile(
    r"(\d{2}|\d{4})\s*[-./年,\s]+\s*(\d{1,2})\s*[-./月,\s]+\s*(\d{1,2})\s*(?:日|号)?"
)
_LAST_YEAR = re.compile(r"(\d{1,2})[-./\s](\d{1,2})[-./\s](\d{4})")
_TWO = re.compile(r"(\d{4})\s*[-./年,\s]+\s*(\d{1,2})\s*月?")
_TWO_SHORT = re.compile(r"(\d{2})\s*年\s*(\d{1,2})\s*月?")
_YEAR = re.compile(r"(\d{4})\s*年?")
_NO_YEAR = re.compile(r"0\d{3}(?:\D|\d{4}$)")
_ENGLISH = re.compile(
    r"(?:(\d{1,2})[-\s]([A-Z]{3})[A-Z]*|([A-Z]{3})[A-Z]*\.?[-\s](\d{1,2}))(?:ST|ND|RD|TH)?"
    r"[-,\s]+(\d{4}|\d{2})"
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1
    )
}
_TIME = re.compile(
    r"(?:[T\s]+|(?<=[日号]))(?:上午|下午)?\s*\d{1,2}[:时]\d\d(?:[:分]\d\d秒?(?:\.\d+)?|分)?\s*(?:[AP]M)?"
    r"(?:[+-]\d\d:?\d\d|Z)?$"
)
_WEEKDAY = re.compile(r"[\s,(]*(?:星期|周|礼拜)[一二三四五六日天][)\s]*")
_CUT_BY_EXCEL = re.compile(r"(\d{4})\.1")
_SERIAL = re.compile(r"(\d{4,5})(?:\.\d+)?")
_CHINESE_NUMERALS = frozenset("一二三四五六七八九十〇零○")
_NUMERALS = str.maketrans("〇零一二三四五六七八九○", "001234567890")
_YEAR_SHORT_PIVOT = 10


class Reading(NamedTuple):
    """A day and how far it may be relied on.

    `given`: "day", "month" (`value` is its first day), "year" (1 January) or "none" (`value` is
    None). `impossible`: month or day do not exist, so less was taken than was written. `guessed`: a
    choice was made that the writer may not have meant: the century of a year of two figures, or
    which of two figures is the month.
    """

    value: date | None
    given: str
    impossible: bool = False
    guessed: bool = False


NOTHING = Reading(None, "none")


def parse_date(text: object) -> tuple[date | None, str]:
    """A date and how much of it was given: "day", "month" (day is 1), "year" (1 January) or "none"
    with None.

    As `read_day`, without its doubts.
    """
    return _parsed(_cell(text))


@lru_cache(maxsize=65536)
def _parsed(text: str) -> tuple[date | None, str]:
    reading = _read.__wrapped__(text)  # each has a store of its own: one look-up, not two
    return reading.value, reading.given


def read_day(text: object) -> Reading:
    """Reads a cell.

    Takes ISO, `1975.3.2`, `75.3.2`, `19750302`, `197503`, `750302`, `1975年3月2日`, Chinese
    numerals, full width, Excel serials, English months, and dates with a weekday or a time behind
    them. A two-figure year up to 10 is of this century, else of the last: members are adults.
    Nothing raises; before 1890 or after 2099 there is no day.
    """
    return _read(_cell(text))


def _cell(value: object) -> str:
    """What stands in a cell, as text; empty where nothing does."""
    if isinstance(value, str):
        return value
    return "" if value is None else str(value)


@lru_cache(maxsize=65536)
def _read(text: str) -> Reading:
    iso = _ISO.fullmatch(text)
    if iso and iso[1] >= "1000":
        return _made(int(iso[1]), int(iso[2]), int(iso[3]))
    text = text[:60]
    if is_blank(text):
        return NOTHING
    plain = _plain(text)
    if _NO_YEAR.match(plain):
        return NOTHING
    serial = _SERIAL.fullmatch(plain)
    if serial and "." in plain and not _TWO.fullmatch(plain):
        return _serial(serial[1])
    if plain.removesuffix(".0").isdigit() and plain.isascii():
        return _digits(plain.removesuffix(".0"))
    return _written(plain)


def _plain(text: str) -> str:
    """A cell in ordinary characters, without quotes, weekday and time, its numerals as digits."""
    plain = unicodedata.normalize("NFKC", text).strip().strip("'\"`‘’“”").strip().upper()
    plain = _WEEKDAY.sub(" ", _TIME.sub("", plain)).strip()
    plain = _TIME.sub("", plain).removesuffix("生").removesuffix("出")
    if not _CHINESE_NUMERALS.isdisjoint(plain):
        plain = _chinese(plain)
    if not plain.isascii():
        plain = plain.replace("。", ".").replace("、", ".")
    return plain


def _written(plain: str) -> Reading:
    cut = _CUT_BY_EXCEL.fullmatch(plain)
    if cut:  # 1990.10, kept as a figure, comes out as 1990.1: January or October
        return _made(int(cut[1]))._replace(guessed=True)
    for pattern in (_THREE, _TWO, _TWO_SHORT, _YEAR):
        match = pattern.fullmatch(plain.rstrip("."))
        if match:
            return _made(*(int(group) for group in match.groups()))
    last = _LAST_YEAR.fullmatch(plain)
    if last:
        return _year_last(int(last[1]), int(last[2]), int(last[3]))
    english = _ENGLISH.fullmatch(plain)
    if english and (month := _MONTHS.get(english[2] or english[3])):
        return _made(int(english[5]), month, int(english[1] or english[4]))
    return NOTHING


def _year_last(first: int, second: int, year: int) -> Reading:
    """10/3/1990: the month first, as the spreadsheets here write it, unless it cannot be one."""
    if first > 12:
        return _made(year, second, first)
    return _made(year, first, second)._replace(guessed=second <= 12 and first != second)


def _digits(plain: str) -> Reading:
    if len(plain) == 8:
        return _made(int(plain[:4]), int(plain[4:6]), int(plain[6:]))
    if len(plain) == 6:
        if plain[:2] in ("19", "20") and 1 <= int(plain[4:]) <= 12:
            return _made(int(plain[:4]), int(plain[4:]))
        return _made(int(plain[:2]), int(plain[2:4]), int(plain[4:]))
    if len(plain) == 4 and plain[:2] in ("18", "19", "20"):
        return _made(int(plain))
    return _serial(plain) if 4 <= len(plain) <= 5 else NOTHING


def _serial(days: str) -> Reading:
    """The day of an Excel serial: days since 30 December 1899."""
    day = EXCEL_DAY_ZERO + timedelta(days=int(days))
    return _made(day.year, day.month, day.day)


def _made(year: int, month: int = 0, day: int = 0) -> Reading:
    short = year < 100
    if short:
        year += 2000 if year <= _YEAR_SHORT_PIVOT else 1900
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return NOTHING
    if not 1 <= month <= 12:
        return Reading(date(year, 1, 1), "year", month > 12, short)
    if not day:
        return Reading(date(year, month, 1), "month", False, short)
    try:
        return Reading(date(year, month, day), "day", False, short)
    except ValueError:
        return Reading(date(year, month, 1), "month", True, short)


def _chinese(text: str) -> str:
    """一九七五年三月二十一日 to 1975年3月21日; 正月 and 初二 are left to the reader."""

    def count(match: re.Match[str]) -> str:
        tens, _, ones = match[0].partition("十")
        return f"{(tens or '1').translate(_NUMERALS)}{(ones or '0').translate(_NUMERALS)}"

    return re.sub(r"[一二三]?十[一二三四五六七八九]?", count, text).translate(_NUMERALS)
