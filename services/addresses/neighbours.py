"""Communities beside those that a road suggests: what a person may choose where too few candidates
were found.

Codes of a street's communities are given along the map more often than not, and a place with many
confirmed cases is larger or asked for more. Of 440 confirmed rows cut down to road and number and
left out one by one, the truth was among the first three in 302, with neighbours in the free places
in 329.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.addresses.learned import Learned
from services.addresses.signs import CommunitySign
from services.addresses.snapshot import Snapshot

ROAD_SIGNS: frozenset[str] = frozenset(
    (
        CommunitySign.HOUSE_NUMBER,
        CommunitySign.NEAR_NUMBER,
        CommunitySign.FAR_NUMBER,
        CommunitySign.ROAD_NAMESAKE,
        CommunitySign.ROAD_BEGINS_NAME,
        CommunitySign.ROAD_RESEMBLES,
    )
)
"""Signs by which a road with its number, or a name like the road's, told the
community.
"""

REACH = 40
"""Rows of the table looked at on either side; a street seldom has more communities."""

SHARE_MAX = 0.05


class Neighbour(NamedTuple):
    """A community, beside which candidate it lies, and how many confirmed cases lie in it."""

    code: str
    beside: str
    cases: int


def neighbours(
    snapshot: Snapshot, learned: Learned, codes: Sequence[str], count: int
) -> list[Neighbour]:
    """At most ``count`` communities of the streets of ``codes`` (candidates, best first).

    Ordered by confirmed cases over the distance in the table; a neighbour of a later candidate
    counts half as much.
    """
    pulls: dict[str, float] = {}
    best: dict[str, Neighbour] = {}
    for place, code in enumerate(codes):
        at = snapshot.index(code)
        assert at is not None, f"{code} is no community of the table"
        for index in _around(snapshot, code, at):
            other = snapshot.code(index)
            if other in codes:
                continue
            cases = learned.places.get(other, 0)
            pull = (cases + 0.5) / abs(index - at) * 0.5**place
            if other not in pulls or pull > pulls[other]:
                pulls[other] = pull
                best[other] = Neighbour(other, code, cases)
    order = sorted(best, key=lambda other: (-pulls[other], other))
    return [best[other] for other in order[:count]]


def _around(snapshot: Snapshot, code: str, at: int) -> range:
    """Indexes of the communities of the same street within REACH."""
    first, last = snapshot.ranges[code[:9]]
    return range(max(first, at - REACH), min(last, at + REACH + 1))
