"""The clock that everything asks: the system's, or one that stories and simulations turn."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Tells the time as an aware datetime in Asia/Shanghai."""

    def now(self) -> datetime: ...


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(ZONE)


class TurnedClock:
    """A clock that stands still until it is turned."""

    def __init__(self, start: datetime) -> None:
        self._now = _in_zone(start)

    def now(self) -> datetime:
        return self._now

    def advance_to(self, time: datetime, *, back: bool = False) -> None:
        """Turns the clock to `time`; backwards only where `back` says so."""
        time = _in_zone(time)
        if time < self._now and not back:
            raise ValueError(f"the clock would go back from {self._now} to {time}")
        self._now = time


def _in_zone(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    return time.astimezone(ZONE)
