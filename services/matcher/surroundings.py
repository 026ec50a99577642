"""What the acts at the review desk need of the process that they run in."""

from __future__ import annotations

from typing import Protocol

from services.cases.routing.rule_source import RuleSource
from services.kit.clock import Clock
from services.matcher.live_gazetteer import Addresses


class Surroundings(Protocol):
    """The clock, the policy and calendar in force, and the address engine of a process."""

    @property
    def clock(self) -> Clock: ...

    @property
    def rule_source(self) -> RuleSource: ...

    @property
    def addresses(self) -> Addresses: ...
