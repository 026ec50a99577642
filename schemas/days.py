"""The one reader of days, months and moments for machine doors: events, commands, calls, forms,
settings files.

A day is ``YYYY-MM-DD`` and nothing else: no ISO week (``2026-W50-1``), no run of digits
(``20261001``), no time behind it. It lies between 1900 and 2100, so that no sum of days, months or
years that the law knows can leave the calendar. ``stored_day`` and ``stored_moment`` read back what
this program itself has written.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

FIRST, LAST = date(1900, 1, 1), date(2100, 12, 31)
DUES_MONTHS_AHEAD_MAX = 12
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T "
    r"][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
)


class NoDay(ValueError):
    """What stands there is no day that can be taken; `zh` and `en` end a sentence that begins with
    the field's name.

    `bound` is ``early`` or ``late`` where it is a day, but beyond the bounds.
    """

    def __init__(self, zh: str, en: str, bound: str | None = None) -> None:
        super().__init__(en)
        self.zh, self.en, self.bound = zh, en, bound


def read_day(text: object) -> date:
    """The day that `text` is; raises NoDay for any other form, for a day that is none, and beyond
    FIRST and LAST.
    """
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        raise _no_day()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise _no_day() from None
    return within(day)


def within(day: date) -> date:
    """The day itself; raises NoDay where it lies before 1900 or after 2100."""
    if day < FIRST:
        raise NoDay("不能早于 1900 年", "must not be before 1900", "early")
    if day > LAST:
        raise NoDay("不能晚于 2100 年", "must not be after 2100", "late")
    return day


def read_month(text: object) -> str:
    """The month that `text` is, ``YYYY-MM``; raises NoDay for anything else and beyond 1900 and
    2100.
    """
    match = _MONTH.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise NoDay("应当是 2026-11 这样的年月", "must be a month such as 2026-11")
    within(date(max(int(match[1]), 1), int(match[2]), 1))
    return match[0]


def read_moment(text: object) -> datetime:
    """The moment that `text` is, with its zone where it has one; raises NoDay for anything else and
    beyond 1900 and 2100.
    """
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        raise _no_moment()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _no_moment() from None
    within(moment.date())
    return moment


def stored_day(text: str) -> date:
    """A day that this program wrote itself."""
    return date.fromisoformat(text)


def stored_moment(text: str) -> datetime:
    """A moment that this program wrote itself."""
    return datetime.fromisoformat(text)


def tomorrow(now: datetime) -> date:
    """The last day that what has happened may be said of: clocks and zones of senders differ by up
    to a day.
    """
    return now.date() + timedelta(days=1)


def dues_month_last(now: datetime) -> str:
    """The last month to which dues may be paid ahead, ``YYYY-MM``."""
    count = now.year * 12 + now.month - 1 + DUES_MONTHS_AHEAD_MAX
    return f"{count // 12:04}-{count % 12 + 1:02}"


def _no_day() -> NoDay:
    return NoDay("应当是 2026-11-23 这样的日期", "must be a day such as 2026-11-23")


def _no_moment() -> NoDay:
    return NoDay(
        "应当是 2026-11-23T10:00:00+08:00 这样的时间",
        "must be a time such as 2026-11-23T10:00:00+08:00",
    )
