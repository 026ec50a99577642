"""What of a text is being read: the passage below its county, the street it states, and a
community's name in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

from services.addresses.guess import Reason
from services.addresses.names import MENTION, Kind, mention_base, mention_kind
from services.addresses.signs import StreetSign
from services.addresses.slips import WORDS, Slip
from services.addresses.snapshot import Snapshot
from services.addresses.walk import harmless

_STREET_RULES: dict[str, str] = {
    StreetSign.EXACT: "street",
    StreetSign.OTHER_FORM: "street_form",
    StreetSign.OLD_NAME: "street_old",
    StreetSign.STEM: "street_stem",
}
"""Street sign -> rule of the reason that says so."""


@dataclass(slots=True)
class Stated:
    """The street that a text names, and where it stands there.

    `signs`: code -> StreetSign of each street that may be meant, none if the county lists no such
    street; `slips` names the slip of those written with one; `one_of_two`: two streets stand there,
    one behind the other.
    """

    signs: dict[str, str]
    start: int
    end: int
    slips: dict[str, Slip] = field(default_factory=dict)
    one_of_two: bool = False

    def reason(self, snapshot: Snapshot, code: str) -> Reason:
        """Why the text is taken to state this street."""
        sign = self.signs.get(code, StreetSign.EXACT)
        name = snapshot.upper_names[code]
        if sign == StreetSign.SLIP:
            difference = WORDS[self.slips[code]]
            return Reason("street_like", self.start, self.end, (name, *difference))
        return Reason(_STREET_RULES[sign], self.start, self.end, (name,))


@dataclass(slots=True)
class Passage:
    """The part of a text that is read for one county.

    `county_sign`: how the county was found; `start`: where its name ends; `stated`: the street that
    the text states, None if it states none; `anchors`: where the name of a community may begin.
    """

    text: str
    county: str
    county_sign: str
    start: int
    stated: Stated | None
    anchors: list[int]

    def street_sign(self, code: str) -> str:
        """Street sign of a code that is not read from the text; learned and borrowed names never
        outvote a stated street.
        """
        stated = self.stated
        if stated is None:
            return StreetSign.UNSTATED
        if not stated.signs:
            return StreetSign.UNKNOWN
        return stated.signs.get(code[:9], StreetSign.OTHER)


@dataclass(slots=True)
class Mention:
    """A word in a text that closes the name of a community: 社区, 村委会, 生产队.

    `number`: how many such words stand before it; `kind`: the kind of community it announces.
    """

    match: re.Match[str]
    number: int
    kind: Kind

    @property
    def start(self) -> int:
        """Where the closing word begins."""
        return self.match.start()

    @property
    def end(self) -> int:
        """Where the closing word ends."""
        return self.match.end()

    @property
    def is_harmless(self) -> bool:
        """False if what follows makes a road, a school or a clinic of the whole."""
        return harmless(self.match.string, self.match.end(), self.kind)

    def base(self, start: int) -> tuple[str, int]:
        """(base, its end) of the name that begins at `start` and is closed here."""
        return mention_base(self.match.string, start, self.match)


def mentions(text: str, start: int, count: int) -> list[Mention]:
    """The first mentions from `start` on, at most `count`."""
    matches = islice(MENTION.finditer(text, start), count)
    return [
        Mention(match, number, mention_kind(match.group())) for number, match in enumerate(matches)
    ]
