"""Which policy counts for a case on a day: the shipped one, and stored versions of a city, a route
or a category over it.

A version counts from its ``effective_from`` for whatever happens from that day on: a deadline is
counted by the policy of the day on which its state was entered, so a dated change never moves what
runs already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from services.cases.policy.values import Policy


@dataclass(frozen=True, slots=True)
class Version:
    """One stored version. Its scope: ``city`` (four digits), ``route``, ``category``; None stands
    for all of them.
    """

    version: str
    effective_from: date
    document: str
    source: str
    values: Mapping[str, Any]
    city: str | None = None
    route: str | None = None
    category: str | None = None

    @property
    def scope(self) -> int:
        """How many of city, route and category narrow it."""
        return sum(scope is not None for scope in (self.city, self.route, self.category))

    @property
    def order(self) -> tuple[int, date, str]:
        """What is said of fewer cases counts over what is said of more; of equals the later."""
        return self.scope, self.effective_from, self.version

    def covers(self, day: date, city: str | None, route: str | None, category: str | None) -> bool:
        """Whether it is in force on ``day`` for such a case."""
        return (
            self.effective_from <= day
            and self.city in (None, city)
            and self.route in (None, route)
            and self.category in (None, category)
        )


@dataclass(frozen=True)
class Book:
    """A base policy and the versions over it, in the order in which they count."""

    base: Policy
    versions: tuple[Version, ...] = ()
    _found: dict[tuple, Policy] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, base: Policy, versions: Any = ()) -> Book:
        """A book of a base policy and versions in any order."""
        return cls(base, tuple(sorted(versions, key=lambda version: version.order)))

    def at(
        self,
        day: date,
        city: str | None = None,
        route: str | None = None,
        category: str | None = None,
    ) -> Policy:
        """The policy for such a case on a day; its ``version`` names all that made it."""
        if not self.versions:
            return self.base
        covering = tuple(
            version for version in self.versions if version.covers(day, city, route, category)
        )
        names = tuple(version.version for version in covering)
        if names not in self._found:
            policy = self.base
            for version in covering:
                policy = policy.override(version.values)
            self._found[names] = policy.override(
                {"version": "+".join((self.base.version, *names))} if names else None
            )
        return self._found[names]
