"""The machine the city's service runs on: processes that start, die at any moment, and start
again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random

from sqlalchemy import URL

from services.addresses.gazetteer import Gazetteer
from services.app import HANDLERS, App, tree_loop
from services.cases.deadlines import calendar
from services.cases.deadlines import clock as case_clock
from services.cases.policy import values as policy
from services.cases.routing.rule_source import RuleSource
from services.cases.store import case_ids
from services.kit.bus.consumer import Subscription
from services.kit.bus.tailer import Tailers
from services.kit.cache import cache_folder
from services.tools.city.faults import Killed, Mortal, MortalClock, deliver_again

SECRET = b"city"
# how often a step is done by a process that dies, gets messages again, wakes on a clock that was
# set back
DIES, AGAIN, STEPS_BACK = 0.06, 0.03, 0.02
LOOKS_MAX, AGAIN_MAX, BACK = 6, 60, timedelta(minutes=50)


class Machine:
    """The clock, the app of the process that lives now, and its consumers."""

    def __init__(self, url: str | URL, start: datetime, random: Random, counts: Counter) -> None:
        self.clock, self.calendar = MortalClock(start), calendar.official()
        self.rule_source = RuleSource(policy.default(), self.calendar)
        self._url, self._random, self._counts = url, random, counts
        self._start()
        with self.app.worker.begin() as tx:
            case_ids.fix(tx, SECRET)

    def _start(self) -> None:
        """A process starts: new engines, new consumers; what it knew is in the database."""
        self.app = App.at(self._url, SECRET, cache_folder(), self.clock, self.rule_source)
        self.app._gazetteer = _gazetteer().unlearned()
        self.subscriptions: list[Subscription] = [make(self.app) for make in HANDLERS.values()]
        self._handlers = [Mortal(subscription.handler) for subscription in self.subscriptions]
        self._tailers = Tailers(
            self.app.worker,
            [
                replace(subscription, handler=mortal)
                for subscription, mortal in zip(self.subscriptions, self._handlers, strict=True)
            ],
            self.clock,
        ).tailers

    def close(self) -> None:
        """Ends the process that lives."""
        self.app.close()

    def do(self, work: Callable[[], object]) -> None:
        """Does ``work``, which can be begun again, and everything that follows from it; processes
        may die of it.
        """
        if self._random.random() < DIES:
            if self._random.random() < 0.5:
                self.clock.kill_at(self._random.randrange(LOOKS_MAX))
            else:
                self._random.choice(self._handlers).dies = True
        if self._random.random() < AGAIN:
            consumer = self._random.choice(self.subscriptions).consumer
            deliver_again(self.app.worker, consumer, self._random.randrange(1, AGAIN_MAX))
        self._until_done(work)
        if work != self.settle:
            self._until_done(self.settle)
        self.clock.kill_at(None)

    def _until_done(self, work: Callable[[], object]) -> None:
        while True:
            try:
                work()
                return
            except Killed:
                self._counts["processes killed"] += 1
                self.close()
                self._start()

    def settle(self) -> None:
        """Lets everything happen that would happen now."""
        self._drain()
        while case_clock.tick(self.app.worker, self.clock, self.rule_source) or tree_loop(self.app):
            self._drain()

    def _drain(self) -> None:
        while sum(
            tailer.step() for tailer in self._tailers
        ):  # nobody else writes: no row is hidden from them
            pass

    def turn_to(self, moment: datetime) -> None:
        """Turns the clock; now and then it is first set back, and nothing may come of that."""
        if self._random.random() < STEPS_BACK:
            self.clock.advance_to(self.clock.now() - BACK, back=True)
            self.settle()
            self._counts["clock stepped back"] += 1
        self.clock.advance_to(moment)


@lru_cache
def _gazetteer() -> Gazetteer:
    return Gazetteer.open(cache_folder())
