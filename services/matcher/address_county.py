"""One county's dictionaries, built from the snapshot when a county is first met and kept while it is used."""

from __future__ import annotations

from collections import OrderedDict

from services.matcher.address_compile import clean
from services.matcher.address_names import street_forms
from services.matcher.address_snapshot import Snapshot


class Streets:
    """Written forms of a county's streets: `strong` form -> code, `weak` form -> codes, `lengths` of strong ones."""

    __slots__ = ("strong", "weak", "lengths", "weak_lengths")

    def __init__(self, snapshot: Snapshot, county: str) -> None:
        strong: dict[str, str] = {}
        shared: set[str] = set()
        weak: dict[str, tuple[str, ...]] = {}
        names = {code: clean(snapshot.upper_names[code]) for code in snapshot.streets_of.get(county, ())}
        official = {name: code for code, name in names.items()}
        for code, name in names.items():
            full, crossed = street_forms(name)
            for form in full:
                if strong.setdefault(form, code) != code:
                    shared.add(form)
            for form in crossed:
                weak[form] = (*weak.get(form, ()), code)
        for form in shared:
            code = strong.pop(form)
            weak[form] = (*weak.get(form, ()), *(c for c, n in names.items() if form in street_forms(n)[0]))
        strong |= official
        self.strong = strong
        self.weak = {form: tuple(dict.fromkeys(codes)) for form, codes in weak.items() if form not in strong}
        self.lengths = tuple(sorted({len(f) for f in strong}, reverse=True))
        self.weak_lengths = tuple(sorted({len(f) for f in self.weak}, reverse=True))


class Communities:
    """Bases of a county's communities -> their indexes."""

    __slots__ = ("of", "longest")

    def __init__(self, snapshot: Snapshot, county: str) -> None:
        streets = snapshot.streets_of.get(county, ())
        found: dict[str, tuple[int, ...]] = {}
        if streets:
            low, high = snapshot.ranges[streets[0]][0], snapshot.ranges[streets[-1]][1]
            lines = snapshot.bases[snapshot.places[low] + 1 : snapshot.places[high]].split("\n") if high > low else ()
            for index, line in enumerate(lines, low):
                base = line[:-1]
                found[base] = (*found[base], index) if base in found else (index,)
        self.of = found
        self.longest = min(max(map(len, found), default=0), 16)

    def __len__(self) -> int:
        return len(self.of)


class Counties:
    """Least recently used counties go first once `bases_max` bases are held (about 170 bytes each)."""

    def __init__(self, snapshot: Snapshot, bases_max: int = 250_000) -> None:
        self.snapshot = snapshot
        self.bases_max = bases_max
        self._streets: dict[str, Streets] = {}
        self._communities: OrderedDict[str, Communities] = OrderedDict()
        self._held = 0

    def streets(self, county: str) -> Streets:
        """The street forms of a county."""
        found = self._streets.get(county)
        if found is None:
            found = self._streets[county] = Streets(self.snapshot, county)
        return found

    def communities(self, county: str) -> Communities:
        """The community bases of a county."""
        found = self._communities.get(county)
        if found is None:
            found = Communities(self.snapshot, county)
            self._held += len(found)
            self._communities[county] = found
            while self._held > self.bases_max and len(self._communities) > 1:
                try:
                    _, gone = self._communities.popitem(last=False)
                except KeyError:  # another thread emptied it
                    break
                self._held -= len(gone)
        return found
