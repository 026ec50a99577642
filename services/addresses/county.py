"""One county's dictionaries, built from the snapshot when a county is first met and kept while it
is used.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import NamedTuple

from services.addresses.names import clean, street_stem
from services.addresses.snapshot import Snapshot

BASES_MAX = 100_000
"""Community bases held at once, about 200 bytes each."""
COUNTIES_MAX = 3_000


class StreetStem(NamedTuple):
    """A street's official name: what comes before its 街道, 镇 or 乡, and this tail."""

    code: str
    stem: str
    tail: str


class Streets:
    """Written forms of a county's streets: `strong` form -> code, `weak` and `old` form -> codes;
    longest first.
    """

    __slots__ = (
        "strong",
        "weak",
        "old",
        "lengths",
        "weak_lengths",
        "old_lengths",
        "_names",
        "_stems",
    )

    def __init__(self, snapshot: Snapshot, county: str) -> None:
        self.strong, self.weak, self.old = snapshot.street_forms(county)
        self.lengths = _lengths(self.strong)
        self.weak_lengths = _lengths(self.weak)
        self.old_lengths = _lengths(self.old)
        codes = snapshot.streets_of.get(county, ())
        self._names = [(code, snapshot.upper_names[code]) for code in codes]
        self._stems: list[StreetStem] | None = None

    def stems(self) -> list[StreetStem]:
        """Stem and tail of every street's name, made when they are first asked for."""
        if self._stems is None:
            self._stems = [
                StreetStem(code, *street_stem(clean(name))) for code, name in self._names
            ]
        return self._stems


def _lengths(forms: Iterable[str]) -> tuple[int, ...]:
    """The different lengths of some forms, longest first."""
    return tuple(sorted({len(form) for form in forms}, reverse=True))


class Communities:
    """Bases of a county's communities -> their indexes; most bases are borne by one."""

    __slots__ = ("_last", "_many")

    def __init__(self, snapshot: Snapshot, county: str) -> None:
        low, high = snapshot.county_range(county)
        bases = snapshot.bases_between(low, high)
        self._last = dict(zip(bases, range(low, high), strict=True))
        self._many: dict[str, tuple[int, ...]] = {}
        if len(self._last) < len(bases):
            self._collect_namesakes(bases, low)

    def _collect_namesakes(self, bases: list[str], low: int) -> None:
        """Remembers all indexes of the bases that several communities bear."""
        for index, base in enumerate(bases, low):
            if self._last[base] != index:
                self._many[base] = (*self._many.get(base, ()), index)
        for base, earlier in self._many.items():
            self._many[base] = (*earlier, self._last[base])

    def get(self, base: str) -> tuple[int, ...]:
        """Indexes of the communities with this base; empty if there is none."""
        index = self._last.get(base)
        if index is None:
            return ()
        return self._many.get(base) or (index,)

    def __len__(self) -> int:
        return len(self._last)


class Counties:
    """Keeps the counties met last: at most `bases_max` community bases (about 200 bytes each) and
    COUNTIES_MAX.
    """

    def __init__(self, snapshot: Snapshot, bases_max: int = BASES_MAX) -> None:
        self.snapshot = snapshot
        self.bases_max = bases_max
        self._streets: OrderedDict[str, Streets] = OrderedDict()
        self._communities: OrderedDict[str, Communities] = OrderedDict()
        self._held = 0
        self._lock = Lock()

    def streets(self, county: str) -> Streets:
        """The street forms of a county."""
        streets = self._streets.get(county)
        if streets is None:
            streets = Streets(self.snapshot, county)
            with self._lock:
                self._streets[county] = streets
                if len(self._streets) > COUNTIES_MAX:
                    self._streets.popitem(last=False)
        return streets

    def named(self, county: str, base: str) -> tuple[int, ...]:
        """Indexes of a county's communities with this base, without building its dictionary for one
        look-up.
        """
        communities = self._communities.get(county)
        if communities is None:
            return self.snapshot.find_all(county, base)
        return communities.get(base)

    def communities(self, county: str) -> Communities:
        """The community bases of a county."""
        communities = self._communities.get(county)
        if communities is None:
            communities = Communities(self.snapshot, county)
            with self._lock:
                if county not in self._communities:
                    self._communities[county] = communities
                    self._held += len(communities)
                while self._held > self.bases_max and len(self._communities) > 1:
                    self._held -= len(self._communities.popitem(last=False)[1])
        return communities
