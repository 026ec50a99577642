"""Working days and months, counted as the interface page says (§6, "Dates").

Saturday and Sunday rest unless a make-up day says otherwise; the State Council's list of each year
is data (``policy/calendar.json`` and the table ``calendar_day``). A year without a list is
*provisional*: its week-ends rest, its holidays are not known yet, and nothing crashes.
"""

from __future__ import annotations

import calendar as _months
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files

from schemas.days import read_day
from services.kit.clock import ZONE

COUNTED_MAX = 10_000


@dataclass(frozen=True)
class Calendar:
    """Which days are worked. ``years`` are those whose official list is known."""

    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()
    years: frozenset[int] = field(default=frozenset())
    _counted: dict[tuple[date, int], date] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, holidays: Iterable[str | date], workdays: Iterable[str | date]) -> Calendar:
        """A calendar from ISO dates of weekdays off and week-end days worked."""
        off, on = frozenset(map(_as_day, holidays)), frozenset(map(_as_day, workdays))
        return cls(off, on, frozenset(d.year for d in off | on))

    def is_workday(self, day: date) -> bool:
        """Whether offices work on ``day``."""
        return day in self.workdays or (day.weekday() < 5 and day not in self.holidays)

    def provisional(self, day: date) -> bool:
        """Whether the official list of that year is not known."""
        return day.year not in self.years

    def add_workdays(self, start: date, count: int) -> date:
        """The ``count``-th working day after ``start``; ``start`` itself does not count."""
        known = self._counted.get((start, count))
        if known is None:
            known, left = start, count
            while left > 0:
                known += timedelta(days=1)
                left -= self.is_workday(known)
            if len(self._counted) < COUNTED_MAX:
                self._counted[start, count] = known
        return known

    def workdays_until(self, start: date, end: date) -> int:
        """Working days after ``start`` up to and with ``end``; negative when ``end`` lies
        before.
        """
        if end < start:
            return -self.workdays_until(end, start)
        days = (start + timedelta(days=n) for n in range(1, (end - start).days + 1))
        return sum(map(self.is_workday, days))


def _as_day(value: str | date) -> date:
    return value if isinstance(value, date) else read_day(value)


def add_months(start: date, months: int) -> date:
    """The same day ``months`` later, or that month's last day."""
    index = start.year * 12 + start.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(start.day, _months.monthrange(year, month + 1)[1]))


def month_end(month: str) -> date:
    """The last day of a month written ``YYYY-MM``."""
    year, number = int(month[:4]), int(month[5:7])
    return date(year, number, _months.monthrange(year, number)[1])


def day_of(at: datetime) -> date:
    """The calendar day of a moment, in Asia/Shanghai."""
    return at.astimezone(ZONE).date()


def midnight(day: date) -> datetime:
    """00:00 of ``day``, in Asia/Shanghai: when a day task opens and when an overdue one begins to
    be so.
    """
    return datetime.combine(day, time(), ZONE)


@lru_cache
def official() -> Calendar:
    """The calendar that ships with guidui: the State Council's lists (source in the file)."""
    years = json.loads(files("services.cases").joinpath("policy/calendar.json").read_text("utf-8"))[
        "years"
    ]
    return Calendar.of(
        [d for year in years.values() for d in year["holidays"]],
        [d for year in years.values() for d in year["workdays"]],
    )
