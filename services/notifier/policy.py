"""When and how often people are written to: policy.yaml, and the pure functions of time that read
it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from services.registry.queries import BOUNCES_MAX

Rests = Callable[[date], bool]
REST_DAYS_MAX = 60


@dataclass(frozen=True)
class Policy:
    """The rows of policy.yaml, in its words and units; `bounces_max` is the register's."""

    retry_delays: tuple[float, ...]
    retry_jitter: float
    lease: timedelta
    quiet_begins: time
    quiet_ends: time
    urgent: frozenset[str]
    gather: timedelta
    lines_max: int
    caps: dict[str, list[dict[str, int]]]
    climbs: frozenset[str]
    bounces_max: int = BOUNCES_MAX


@cache
def default_policy() -> Policy:
    """The policy that comes with the package."""
    return read_policy(
        yaml.safe_load((files("services.notifier") / "policy.yaml").read_text("utf-8"))
    )


def read_policy(data: dict[str, Any]) -> Policy:
    """A policy from the mapping of policy.yaml."""
    return Policy(
        retry_delays=tuple(data["retry_delays"]),
        retry_jitter=data["retry_jitter"],
        lease=timedelta(seconds=data["lease"]),
        quiet_begins=time.fromisoformat(data["quiet"]["begins"]),
        quiet_ends=time.fromisoformat(data["quiet"]["ends"]),
        urgent=frozenset(data["urgent"]),
        gather=timedelta(seconds=data["gather"]),
        lines_max=data["lines_max"],
        caps=data["caps"],
        climbs=frozenset(data["climbs"]),
    )


def weekend(day: date) -> bool:
    """Saturday and Sunday rest: the calendar of whoever passes none."""
    return day.weekday() >= 5


def next_send_time(now: datetime, rests: Rests, policy: Policy) -> datetime:
    """The earliest instant from `now` on at which a person may be written to; `now` itself outside
    quiet hours.

    A calendar that rests for more than 60 days on end is not believed: the 61st day opens.
    """
    day = now.date()
    if now.time() >= policy.quiet_begins:
        day += timedelta(days=1)
    for _ in range(REST_DAYS_MAX):
        if not rests(day):
            break
        day += timedelta(days=1)
    return max(now, datetime.combine(day, policy.quiet_ends, now.tzinfo))


def retry_delay(seed: str, attempts: int, policy: Policy) -> timedelta | None:
    """How long to wait after `attempts` failed ones; None when no attempt is left. The same seed
    gives the same delay.
    """
    if attempts >= len(policy.retry_delays):
        return None
    spread = random.Random(f"{seed}:{attempts}").uniform(
        1 - policy.retry_jitter, 1 + policy.retry_jitter
    )
    return timedelta(seconds=policy.retry_delays[attempts] * spread)
