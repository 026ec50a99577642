"""What every page needs: engines, clock, and what intake and the matcher lend the portal."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Connection, Engine

from services.cases.commands.apply import Acting
from services.cases.deadlines.calendar import Calendar
from services.cases.routing.rule_source import RuleSource, default_rules, stored_calendar
from services.cases.views.queries import look_at_cases
from services.kit.bus.consumer import Subscription
from services.kit.clock import Clock
from services.registry.access import Caller, Keys

Post = Callable[[Caller, Sequence[Any]], Sequence[Any]]
Reviews = Callable[..., Sequence[Mapping[str, Any]]]
DecideReview = Callable[[Connection, Caller, str, Mapping[str, Any], str | None], Mapping[str, Any]]
HowFar = Callable[[Connection, Any, str], Mapping[str, Any] | None]
Opened = Callable[[Connection, UUID, str, datetime], None]
Compare = Callable[..., UUID]


class Places(Protocol):
    """The matcher's desk of confirmed addresses."""

    def listed(
        self,
        tx: Connection,
        caller: Caller,
        words: str = "",
        *,
        withdrawn: bool = False,
        limit: int = 50,
        offset: int = 0,
    ) -> Sequence[dict[str, Any]]: ...

    def withdraw(
        self, tx: Connection, caller: Caller, source: str, reason: str, person: str | None = None
    ) -> None: ...

    def differing(
        self, tx: Connection, caller: Caller, limit: int = 200
    ) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Portal:
    """One process's portal.

    ``web`` acts as guidui_web, ``worker`` as guidui_worker; ``acts`` begins as the first and
    becomes the second within its transaction: for what people do, where ``web`` is for what they
    read. ``post(caller, events)`` stores CloudEvents and returns for each "accepted", "duplicate",
    or an object with ``faults`` and ``words()``. ``reviews(tx, caller, limit, cursor)``,
    ``reviews_waiting(tx, caller)`` and ``decide_review(tx, caller, id, body, person)`` are the
    matcher's desk; ``how_far(tx, event id, language)`` is intake's answer;
    ``opened(tx, case, organisation, now)`` tells the notifier that a card was opened.
    ``compare(organisation, roll, by=, person=, file=)`` compares a roll with the register.
    ``places`` is the matcher's desk of confirmed addresses (``listed``, ``withdraw``,
    ``differing``). ``subscriptions`` are what the desk of failed messages can try again.
    ``secure``: cookies only over HTTPS. ``url``: where printed links lead; ``fonts``: a folder of
    more fonts.
    """

    web: Engine
    acts: Engine
    worker: Engine
    clock: Clock
    secret: bytes
    post: Post
    reviews: Reviews
    reviews_waiting: Callable[[Connection, Caller], int]
    decide_review: DecideReview
    how_far: HowFar
    opened: Opened
    explained: Callable[[Connection, Caller, str], Sequence[Mapping[str, Any]] | None]
    compare: Compare
    places: Places
    subscriptions: Sequence[Subscription] = ()
    rule_source: RuleSource = field(default_factory=default_rules)
    secure: bool = False
    url: str = ""
    fonts: Path | None = None

    @cached_property
    def keys(self) -> Keys:
        """The keys of callers, each remembered for half a second."""
        return Keys(self.web)

    @property
    def today(self) -> date:
        """The day of the clock."""
        return self.clock.now().date()

    def acting(self, caller: Caller, person: str | None) -> Acting:
        """Who gives a command now, by the rules in force."""
        return Acting(caller, self.clock.now(), self.rule_source, person)

    @contextmanager
    def read_as(self, caller: Caller) -> Generator[Connection]:
        """A transaction that reads, and sees the cases of the caller and of all below it."""
        with self.web.begin() as tx:
            look_at_cases(tx, caller)
            yield tx

    def calendar(self, tx: Connection) -> Calendar:
        """The working days in force."""
        return self.rule_source.calendar or stored_calendar(tx)
