"""One county's dictionaries, built from the snapshot when a county is first met and kept while it
is used.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from services.addresses.snapshot import Snapshot

BASES_MAX = 100_000
COUNTIES_MAX = 3_000


class Streets:
    """Written forms of a county's streets: `strong` form -> code, `weak` and `old` form -> codes;
    longest first.
    """

    __slots__ = ("strong", "weak", "old", "lengths", "weak_lengths", "old_lengths")

    def __init__(self, snapshot: Snapshot, county: str) -> None:
        self.strong, self.weak, self.old = snapshot.street_forms(county)
        self.lengths = tuple(sorted(set(map(len, self.strong)), reverse=True))
        self.weak_lengths = tuple(sorted(set(map(len, self.weak)), reverse=True))
        self.old_lengths = tuple(sorted(set(map(len, self.old)), reverse=True))


class Communities:
    """Bases of a county's communities -> their indexes; most bases are borne by one."""

    __slots__ = ("_one", "_many")

    longest = 16

    def __init__(self, snapshot: Snapshot, county: str) -> None:
        streets = snapshot.streets_of.get(county, ())
        low, high = (
            (snapshot.ranges[streets[0]][0], snapshot.ranges[streets[-1]][1]) if streets else (0, 0)
        )
        bases = (
            snapshot.bases[snapshot.places[low] + 1 : snapshot.places[high]].split("\n")
            if high > low
            else []
        )
        self._one = dict(zip(bases, range(low, high), strict=True))
        self._many: dict[str, tuple[int, ...]] = {}
        if len(self._one) < len(bases):
            last = self._one
            for index, base in enumerate(bases, low):
                if last[base] != index:
                    self._many[base] = (*self._many.get(base, ()), index)
            for base, earlier in self._many.items():
                self._many[base] = (*earlier, last[base])

    def get(self, base: str) -> tuple[int, ...]:
        """Indexes of the communities with this base; empty if there is none."""
        index = self._one.get(base)
        return () if index is None else self._many.get(base) or (index,)

    def __len__(self) -> int:
        return len(self._one)


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
        return (
            communities.get(base)
            if communities is not None
            else self.snapshot.find_all(county, base)
        )

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
