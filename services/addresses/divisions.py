"""Codes of divisions: their names, from the province down, and what became of those of earlier
editions.
"""

from __future__ import annotations

from services.addresses.answer import LEVELS
from services.addresses.names import is_dummy
from services.addresses.snapshot import Snapshot

STREET_DIGITS = 9
COMMUNITY_DIGITS = 12
HEIRS_MAX = 3
"""A community whose name lives on in more places than this has no heir."""


class Divisions:
    """Looks codes of any level up in one compiled table."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def name(self, code: str) -> str | None:
        """Official name of a code; of an old one above the communities its last name."""
        upper = self.snapshot.upper_names.get(code)
        if upper is not None:
            return upper
        if not _is_of_a_community(code):
            return self.snapshot.old_names.get(code)
        index = self.snapshot.index(code)
        if index is None:
            return None
        return self.snapshot.community_name(index)

    def names(self, code: str) -> list[str]:
        """Official names from the province down to `code`; the table's place-holder cities are left
        out.
        """
        names = []
        for digits in LEVELS:
            if digits > len(code):
                break
            name = self.name(code[:digits])
            if name and not is_dummy(name):
                names.append(name)
        return names

    def full_name(self, code: str) -> str:
        """All official names down to `code`, as an address begins with them."""
        return "".join(self.names(code))

    def current(self, code: str) -> list[str]:
        """Today's codes for a code: itself if it still stands, its successors if not, none if
        unknown.
        """
        if code in self.snapshot.upper_names:
            return [code]
        if len(code) == COMMUNITY_DIGITS and self.snapshot.index(code) is not None:
            return [code]
        if _is_of_a_community(code):
            return self._heirs(code)
        return [heir for heir in self.snapshot.moved.get(code, "").split(",") if heir]

    def _heirs(self, code: str) -> list[str]:
        """Where a community code of an earlier edition stands today: the same name in its street's,
        else its county's heirs.
        """
        old = self.snapshot.old_base(code)
        if old is None:
            return []
        base, kind = old
        indexes = self._in_streets(code[:9], base, kind) or self._in_counties(code[:6], base, kind)
        if len(indexes) > HEIRS_MAX:
            return []
        return [self.snapshot.code(index) for index in indexes]

    def _in_streets(self, street: str, base: str, kind: str) -> list[int]:
        """Indexes of the communities of this base and kind in the heirs of a street."""
        indexes = []
        for heir in self.snapshot.moved.get(street, street).split(","):
            if heir not in self.snapshot.ranges:
                continue
            index = self.snapshot.find(heir, base, kind)
            if index is not None:
                indexes.append(index)
        return indexes

    def _in_counties(self, county: str, base: str, kind: str) -> list[int]:
        """Indexes of the communities of this base and kind in the heirs of a county."""
        indexes = []
        for heir in self.snapshot.moved.get(county, county).split(","):
            for index in self.snapshot.find_all(heir, base):
                if self.snapshot.kinds[index] == kind:
                    indexes.append(index)
        return indexes


def _is_of_a_community(code: str) -> bool:
    return len(code) == COMMUNITY_DIGITS and code.isdigit()
