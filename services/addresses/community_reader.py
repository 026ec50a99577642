"""Which communities of a county a passage names: names closed by 社区, 村 and the like, exactly as
the table has them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from services.addresses.county import Counties
from services.addresses.guess import Guess, Reason
from services.addresses.names import Kind
from services.addresses.passage import Mention, Passage, Stated, mentions
from services.addresses.signs import (
    STREET_LEFT,
    STREET_NOT_OPPOSED,
    STREET_NOT_TOLD,
    STREET_SCORE,
    STREET_STATED,
    CommunitySign,
    Signs,
    StreetSign,
)
from services.addresses.snapshot import OldCommunity, Snapshot
from services.addresses.street_reader import NAME_ENDS
from services.addresses.walk import BASE_CHARS_MAX

MENTIONS_MAX = 4

_NAME_SCORE = 10
_CHARACTER_SCORE = 0.2
"""What each character of the name adds: longer names are rarer."""
_LATER_MENTION_COSTS = 1.5
_INSIDE_COSTS = 3
"""The name begins in the middle of the text."""
_OTHER_KIND_COSTS = 2
_ROAD_OR_SCHOOL_COSTS = 6
_VILLAGE_NAME_COSTS = 5
_GONE_SCORE = 11.0
_HEIR_SCORE = 7.0


def settled(guesses: Iterable[Guess]) -> bool:
    """True if an exact reading needs no other sign: one community alone, not against the stated
    street.
    """
    codes = set()
    exact = CommunitySign.EXACT
    for guess in guesses:
        if guess.signs.community == exact and guess.signs.street in STREET_NOT_OPPOSED:
            codes.add(guess.code)
    return len(codes) == 1


def tells_of_gone(guesses: Iterable[Guess]) -> bool:
    """True if a guess is for a community that no list has any more."""
    gone = CommunitySign.GONE
    return any(guess.signs.community == gone for guess in guesses)


class _Left(NamedTuple):
    """The street to which a community belonged in an earlier edition, and the last year it did."""

    street: str
    year: int


@dataclass(slots=True)
class _Reading:
    """A community of the table whose name stands in the text.

    `base` and `own_kind` are the table's; `kind` is what the text announces. `character_before` is
    what stands in front of a name that begins at no anchor, None at an anchor. `namesakes`: how
    many communities of the county bear the name.
    """

    index: int
    code: str
    base: str
    own_kind: str
    kind: str
    street_sign: str
    start: int
    end: int
    number: int
    is_harmless: bool
    character_before: str | None
    namesakes: int

    @property
    def is_of_its_kind(self) -> bool:
        """True unless a village is written as a community, or the other way round."""
        return self.own_kind in (self.kind, Kind.OTHER)


def score_of(reading: _Reading) -> float:
    """How much speaks for a reading."""
    score = STREET_SCORE[reading.street_sign] + _NAME_SCORE
    score += _CHARACTER_SCORE * len(reading.base)
    score -= _LATER_MENTION_COSTS * reading.number
    doubts = 0
    if reading.character_before is not None:
        doubts += _INSIDE_COSTS
    if not reading.is_of_its_kind:
        doubts += _OTHER_KIND_COSTS
    if not reading.is_harmless:
        doubts += _ROAD_OR_SCHOOL_COSTS
    return score - doubts


def sign_of(reading: _Reading) -> CommunitySign:
    """How the community was found."""
    if not reading.is_harmless:
        return CommunitySign.ROAD_OR_SCHOOL
    if not reading.is_of_its_kind:
        return CommunitySign.KIND_DIFFERS
    if reading.character_before is None:
        return CommunitySign.EXACT
    if reading.street_sign not in STREET_NOT_TOLD or reading.character_before in NAME_ENDS:
        return CommunitySign.INSIDE
    return CommunitySign.INSIDE_NAME


class CommunityReader:
    """Reads the names of communities that a text closes with 社区, 村 and the like."""

    def __init__(self, snapshot: Snapshot, counties: Counties) -> None:
        self.snapshot = snapshot
        self.counties = counties

    def read(self, passage: Passage) -> list[Guess]:
        """The communities of the first few names; names that begin at no anchor only where no other
        settles it.
        """
        named = mentions(passage.text, passage.anchors[0], MENTIONS_MAX)
        guesses: list[Guess] = []
        for mention in named:
            guesses += self._at_anchors(passage, mention)
            if settled(guesses):
                return guesses
        if tells_of_gone(guesses):
            return guesses
        for mention in named:
            guesses += self._between_anchors(passage, mention)
        return guesses

    def _at_anchors(self, passage: Passage, mention: Mention) -> list[Guess]:
        """The communities whose name begins at an anchor and ends where the mention does."""
        guesses: list[Guess] = []
        for anchor in passage.anchors:
            base, _ = mention.base(anchor)
            if len(base) <= BASE_CHARS_MAX:
                indexes = self.counties.named(passage.county, base)
                for index in indexes:
                    reading = self._reading_of(index, anchor, mention, passage, len(indexes))
                    guesses.append(self._guess_of(reading, passage))
            if mention.kind == Kind.VILLAGERS and passage.text[mention.start] == "村":
                guesses += self._village_name_kept(passage, anchor, mention)
        if passage.stated is not None and passage.stated.signs:
            guesses += self._gone(passage, passage.stated, mention)
        return guesses

    def _between_anchors(self, passage: Passage, mention: Mention) -> list[Guess]:
        """The communities of the longest name that ends where the mention does and begins at no
        anchor.
        """
        communities = self.counties.communities(passage.county)
        text, first_anchor = passage.text, passage.anchors[0]
        _, close = mention.base(first_anchor)
        for begin in range(max(first_anchor, close - BASE_CHARS_MAX), close - 1):
            indexes = communities.get(text[begin:close])
            if not indexes or begin in passage.anchors:
                continue
            guesses = []
            for index in indexes:
                reading = self._reading_of(index, begin, mention, passage, len(indexes))
                reading.character_before = text[begin - 1]
                guesses.append(self._guess_of(reading, passage))
            return guesses
        return []

    def _village_name_kept(self, passage: Passage, anchor: int, mention: Mention) -> list[Guess]:
        """杨渡村 for 杨渡村社区: the residents' committee that kept the village's name."""
        name = passage.text[anchor : mention.start + 1]
        guesses = []
        for index in self.counties.named(passage.county, name):
            reading = self._reading_of(index, anchor, mention, passage, namesakes=1)
            reading.kind = Kind.RESIDENTS
            reading.is_harmless = True
            guess = self._guess_of(reading, passage)
            guess.score -= _VILLAGE_NAME_COSTS
            guess.signs = guess.signs._replace(community=CommunitySign.VILLAGE_NAME_KEPT)
            guesses.append(guess)
        return guesses

    def _reading_of(
        self, index: int, start: int, mention: Mention, passage: Passage, namesakes: int
    ) -> _Reading:
        """The reading of a community's name from `start` to the end of the mention."""
        code = self.snapshot.code(index)
        base, own_kind = self.snapshot.base(index)
        return _Reading(
            index=index,
            code=code,
            base=base,
            own_kind=own_kind,
            kind=mention.kind,
            street_sign=self._street_sign(code, base, own_kind, passage),
            start=start,
            end=mention.end,
            number=mention.number,
            is_harmless=mention.is_harmless,
            character_before=None,
            namesakes=namesakes,
        )

    def _guess_of(self, reading: _Reading, passage: Passage) -> Guess:
        signs = Signs(passage.county_sign, reading.street_sign, sign_of(reading))
        reasons = self.reasons_of(reading, passage.stated)
        return Guess(reading.code, score_of(reading), signs, reasons)

    def reasons_of(self, reading: _Reading, stated: Stated | None) -> list[Reason]:
        """Why the community may be meant: for or against the stated street first, then its name."""
        name = self.snapshot.community_name(reading.index)
        by_name = self._name_reason(reading, name)
        if stated is None:
            return [by_name]
        return [self._street_reason(reading, name, stated), by_name]

    def _name_reason(self, reading: _Reading, name: str) -> Reason:
        span = (reading.start, reading.end)
        if not reading.is_of_its_kind:
            return Reason("community_kind", *span, (name,))
        if reading.street_sign not in STREET_NOT_TOLD:
            return Reason("community", *span, (name,))
        county = self.snapshot.upper_names[reading.code[:6]]
        if reading.namesakes == 1:
            return Reason("community_alone", *span, (name, county))
        street = self.snapshot.upper_names[reading.code[:9]]
        return Reason("community_many", *span, (street + name, county, reading.namesakes))

    def _street_reason(self, reading: _Reading, name: str, stated: Stated) -> Reason:
        street = reading.code[:9]
        if reading.street_sign in STREET_STATED:
            return stated.reason(self.snapshot, street)
        if reading.street_sign in STREET_LEFT:
            left = self._left(reading.code, reading.base, reading.own_kind, stated)
            assert left is not None, "the sign says that it was left"
            earlier = self.snapshot.upper_names.get(left.street)
            if not earlier:
                earlier = self.snapshot.old_names.get(left.street, "")
            return Reason("community_moved", reading.start, reading.end, (name, earlier, left.year))
        official = self.snapshot.upper_names[street]
        return Reason("street_other", stated.start, stated.end, (official,))

    def _street_sign(self, code: str, base: str, kind: str, passage: Passage) -> str:
        """How the community's street differs from the street that the text states."""
        sign = passage.street_sign(code)
        if sign != StreetSign.OTHER or passage.stated is None:
            return sign
        left = self._left(code, base, kind, passage.stated)
        if left is None:
            return sign
        took_several = code[:9] in self.snapshot.shed.get(left.street, "")
        is_rare = f"{base}{kind}" not in self.snapshot.common
        if took_several and is_rare:
            return StreetSign.LEFT
        if took_several or is_rare:
            return StreetSign.PROBABLY_LEFT
        return StreetSign.PERHAPS_LEFT

    def _left(self, code: str, base: str, kind: str, stated: Stated) -> _Left | None:
        """The stated street, or the street it came from, if it held a community of this base in an
        earlier edition.
        """
        for old in self.snapshot.old(code[:6], base):
            if old.kind != kind:
                continue
            heirs = self.snapshot.moved.get(old.street, "").split(",")
            if old.street in stated.signs or not stated.signs.keys().isdisjoint(heirs):
                return _Left(old.street, old.last_year)
        return None

    def _gone(self, passage: Passage, stated: Stated, mention: Mention) -> list[Guess]:
        """A community its street listed in an earlier edition only: the street is the answer, said
        with the year.
        """
        start = passage.anchors[-1]
        base, _ = mention.base(start)
        if not base or len(base) > BASE_CHARS_MAX:
            return []
        guesses: list[Guess] = []
        for old in self.snapshot.old(passage.county, base):
            if old.kind != mention.kind:
                continue
            heirs = self.snapshot.moved.get(old.street, old.street).split(",")
            for street in stated.signs:
                if street == old.street or street in heirs:
                    reasons = [
                        stated.reason(self.snapshot, street),
                        self._gone_reason(old, street, start, mention.end),
                    ]
                    guesses += self._gone_guesses(old, street, reasons, passage)
        return guesses

    def _gone_reason(self, old: OldCommunity, street: str, start: int, end: int) -> Reason:
        name = self.snapshot.upper_names[street]
        return Reason("community_gone", start, end, (name, old.last_year))

    def _gone_guesses(
        self, old: OldCommunity, street: str, reasons: list[Reason], passage: Passage
    ) -> list[Guess]:
        """The street, and the community that bears the code of the one that is gone."""
        street_sign = passage.street_sign(street)
        gone = Signs(passage.county_sign, street_sign, CommunitySign.GONE)
        guesses = [Guess(street, _GONE_SCORE, gone, reasons)]
        index = self.snapshot.index(old.code)
        if index is not None:
            name = self.snapshot.community_name(index)
            by_name = reasons[-1]
            by_code = Reason("community_code", by_name.start, by_name.end, (name,))
            heir = Signs(passage.county_sign, street_sign, CommunitySign.CODE_HEIR)
            guesses.append(Guess(old.code, _HEIR_SCORE, heir, [*reasons, by_code]))
        return guesses
