"""A guess: one division an address may mean, with the signs that speak for it and a score to order
guesses by.

The values of the signs are names of coefficients in `data/address_confidence.json`, and the score
of `tests/score` groups its rows by them: they stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from services.addresses.slips import WORDS, Slip
from services.addresses.snapshot import Snapshot


class CountySign(StrEnum):
    """How the county was found."""

    PREFIX = "P"
    """The text begins with its names from the top down."""
    FULL_NAME = "S"
    """Its full name stands somewhere in the text."""
    SHORT_NAME = "W"
    """A short or an old name of it stands there."""
    HINT = "H"
    """It was given beside the address."""
    IMPLIED = "N"
    """Only a street of it is named."""
    CITY = "C"
    """The text names the city it lies in."""
    CONTRADICTED = "X"
    """It is named beside a province or city in which it does not lie."""


class StreetSign(StrEnum):
    """How the street was found, or how it differs from the street that the text states."""

    EXACT = "="
    OTHER_FORM = "w"
    OLD_NAME = "o"
    SLIP = "L"
    STEM = "n"
    """Named without its 街道 or 镇."""
    UNSTATED = "-"
    UNKNOWN = "u"
    """The text states a street that the county does not list."""
    OTHER = "x"
    """The text states another street."""
    LEFT = "m"
    """The text states another street, which the community left."""
    PROBABLY_LEFT = "M"
    PERHAPS_LEFT = "d"
    """The same, for a community of a common name."""


class CommunitySign(StrEnum):
    """How the community was found, or why the guess ends above it.

    The sign of a slip may go on with OTHER_KIND and TWO_CHARACTERS, that of confirmed cases with
    DISPUTED.
    """

    EXACT = "e"
    INSIDE = "f"
    """Exact, inside longer text."""
    INSIDE_NAME = "F"
    """Exact, in the middle of what may be another name."""
    KIND_DIFFERS = "k"
    """A village where a community is written, or the other way round."""
    VILLAGE_NAME_KEPT = "K"
    """A residents' committee that kept the village's name."""
    ROAD_OR_SCHOOL = "t"
    """Exact, but what follows makes a road or a school of it."""

    BARE = "b"
    """Named without 社区 or 村."""
    BARE_BEFORE_COMPOUND = "B"
    """Bare, and it begins the name of a compound."""
    BARE_STREET_NAME = "D"
    """Bare, and it is the street's name."""
    BARE_ROAD = "q"
    """Bare, and it is a road or begins one."""

    SOUND = "sou"
    NUMERAL = "num"
    ORDER = "ord"
    MISSING = "mis"
    EXTRA = "ext"
    NEAR_SOUND = "nea"
    CHARACTER = "cha"

    COMPOUND = "c"
    COMPOUND_INSIDE = "i"
    """A compound inside longer text."""
    COMPOUND_NAMESAKE = "h"
    """A compound has the community's name."""
    HOUSE_NUMBER = "n"
    NEAR_NUMBER = "v"
    FAR_NUMBER = "V"
    ROAD_NAMESAKE = "r"
    ROAD_BEGINS_NAME = "a"
    """The community's name begins with the whole name of the road."""
    ROAD_RESEMBLES = "A"
    """The community's name begins with the road's, but for its 路 or 街."""

    CODE_HEIR = "g"
    """Heir of the code of a community that is gone."""
    GONE = "z"
    """The community is gone: the guess ends at its street."""
    STREET_ONLY = "s"
    ONE_OF_TWO_STREETS = "p"
    STREET_FIRST = "S"
    """Ends at the street although a community is suggested."""
    COUNTY_ONLY = "y"


OTHER_KIND = "k"
"""Follows the sign of a slip whose community is of another kind."""
TWO_CHARACTERS = "2"
"""Follows the sign of a slip in a name of two characters."""
DISPUTED = "%"
"""Follows the sign of confirmed cases that do not all agree."""

_SLIP_SIGNS: dict[Slip, CommunitySign] = {
    "sound": CommunitySign.SOUND,
    "numeral": CommunitySign.NUMERAL,
    "order": CommunitySign.ORDER,
    "missing": CommunitySign.MISSING,
    "extra": CommunitySign.EXTRA,
    "near": CommunitySign.NEAR_SOUND,
    "char": CommunitySign.CHARACTER,
}

STREET_WRITTEN = frozenset((StreetSign.EXACT, StreetSign.OTHER_FORM, StreetSign.OLD_NAME))
"""The text states the street by a name it has or had."""
STREET_STATED = STREET_WRITTEN | {StreetSign.SLIP}
"""The text states the street, perhaps with a slip."""
STREET_NOT_TOLD = frozenset((StreetSign.UNSTATED, StreetSign.UNKNOWN))
"""The text does not say which of the county's streets it means."""
STREET_LEFT = frozenset((StreetSign.LEFT, StreetSign.PROBABLY_LEFT, StreetSign.PERHAPS_LEFT))
"""The text states the street to which the community belonged."""

EXACT_ALONE = frozenset((CommunitySign.EXACT, CommunitySign.KIND_DIFFERS))
"""The community's name stands right behind the names above it."""
EXACT_ANYWHERE = EXACT_ALONE | {CommunitySign.INSIDE}
"""The community's name stands in the text, and nothing makes another name of it."""
BY_NAME = EXACT_ANYWHERE | {
    CommunitySign.INSIDE_NAME,
    CommunitySign.VILLAGE_NAME_KEPT,
    CommunitySign.BARE,
}
"""The community's own name speaks for it."""

STREET_SCORE: dict[str, float] = {
    StreetSign.EXACT: 6.0,
    StreetSign.OTHER_FORM: 5.0,
    StreetSign.OLD_NAME: 4.5,
    StreetSign.SLIP: 4.0,
    StreetSign.STEM: 3.0,
    StreetSign.LEFT: 4.5,
    StreetSign.PROBABLY_LEFT: 4.0,
    StreetSign.PERHAPS_LEFT: 0.0,
    StreetSign.UNSTATED: 2.0,
    StreetSign.UNKNOWN: 1.0,
    StreetSign.OTHER: -5.0,
}
"""Street sign -> what it adds to a score."""

_STREET_RULES: dict[str, str] = {
    StreetSign.EXACT: "street",
    StreetSign.OTHER_FORM: "street_form",
    StreetSign.OLD_NAME: "street_old",
    StreetSign.STEM: "street_stem",
}
"""Street sign -> rule of the reason that says so."""

_SECOND_SIGN_SCORE = 1.5
"""What each further sign for the same code adds to a score."""


class Reason(NamedTuple):
    """An evidence not yet put in words: rule, span in the normalised text (-1: not from the text),
    facts.
    """

    rule: str
    start: int
    end: int
    facts: tuple[object, ...] = ()


class Signs(NamedTuple):
    """How each level of a guess was found: values of CountySign, StreetSign and CommunitySign."""

    county: str
    street: str
    community: str


@dataclass(slots=True)
class Guess:
    """One division: `also` are further community signs for it, `weight` the number of confirmed
    cases, or the share of votes of a house number.
    """

    code: str
    score: float
    signs: Signs
    reasons: list[Reason] = field(default_factory=list)
    also: frozenset[str] = frozenset()
    weight: float = 0.0

    @property
    def street(self) -> str:
        """The street's part of the code."""
        return self.code[:9]


@dataclass(slots=True)
class Stated:
    """The street a text names: code -> sign, and where it stands; `detail` names slips; `two`: one
    behind another.
    """

    codes: dict[str, str]
    start: int
    end: int
    detail: dict[str, Slip] = field(default_factory=dict)
    two: bool = False


def street_sign(code: str, stated: Stated | None) -> str:
    """Street sign of a code the text does not name; learned and borrowed names never outvote a
    stated street.
    """
    if stated is None:
        return StreetSign.UNSTATED
    if not stated.codes:
        return StreetSign.UNKNOWN
    return stated.codes.get(code[:9], StreetSign.OTHER)


def slip_sign(difference: Slip, base: str, *, same_kind: bool) -> str:
    """Community sign of a base that was written with a slip; `same_kind`: village and community are
    told apart rightly.
    """
    sign: str = _SLIP_SIGNS[difference]
    if not same_kind:
        sign += OTHER_KIND
    if len(base) <= 2:
        sign += TWO_CHARACTERS
    return sign


def street_reason(snapshot: Snapshot, code: str, stated: Stated) -> Reason:
    """Why the text is taken to state this street."""
    sign = stated.codes.get(code, StreetSign.EXACT)
    name = snapshot.upper_names[code]
    if sign == StreetSign.SLIP:
        difference = WORDS[stated.detail[code]]
        return Reason("street_like", stated.start, stated.end, (name, *difference))
    return Reason(_STREET_RULES[sign], stated.start, stated.end, (name,))


def merged(guesses: list[Guess]) -> list[Guess]:
    """One guess per code, best first; independent signs for the same code add to its score."""
    best: dict[str, Guess] = {}
    for guess in _by_score(guesses):
        first = best.setdefault(guess.code, guess)
        if first is guess or guess.signs.community == first.signs.community:
            continue
        first.score += _SECOND_SIGN_SCORE
        first.also |= {guess.signs.community}
        first.reasons += [reason for reason in guess.reasons if reason not in first.reasons]
    return _by_score(best.values())


def _by_score(guesses: Iterable[Guess]) -> list[Guess]:
    return sorted(guesses, key=lambda guess: -guess.score)


BORROWED: frozenset[str] = frozenset(
    (
        CommunitySign.COMPOUND_NAMESAKE,
        CommunitySign.ROAD_NAMESAKE,
        CommunitySign.ROAD_BEGINS_NAME,
        CommunitySign.ROAD_RESEMBLES,
        CommunitySign.BARE_BEFORE_COMPOUND,
        CommunitySign.VILLAGE_NAME_KEPT,
        CommunitySign.KIND_DIFFERS,
        CommunitySign.BARE_ROAD,
        CommunitySign.ROAD_OR_SCHOOL,
        CommunitySign.NEAR_NUMBER,
        CommunitySign.FAR_NUMBER,
        CommunitySign.EXTRA,
        CommunitySign.EXTRA + OTHER_KIND,
        CommunitySign.EXTRA + TWO_CHARACTERS,
        CommunitySign.EXTRA + OTHER_KIND + TWO_CHARACTERS,
        CommunitySign.CHARACTER,
        CommunitySign.CHARACTER + OTHER_KIND,
        CommunitySign.NEAR_SOUND,
        CommunitySign.NEAR_SOUND + OTHER_KIND,
        CommunitySign.MISSING + OTHER_KIND,
        CommunitySign.MISSING + OTHER_KIND + TWO_CHARACTERS,
    )
)
"""Community signs too weak to go deeper than a street the text states: left out one by one, such
readings of confirmed addresses were right in 40 to 88 of 100 cases (docs/accuracy.md).
"""

_SUPPORTING = frozenset(
    (
        CommunitySign.COMPOUND,
        CommunitySign.COMPOUND_INSIDE,
        CommunitySign.HOUSE_NUMBER,
        CommunitySign.BARE,
    )
)
"""Further signs beside which a borrowed name is believed."""


def depth_first(guesses: list[Guess]) -> list[Guess]:
    """Puts a stated street before a community that only a borrowed name or a far number suggests.

    Not where the text names two communities of that street: then a person chooses between them.
    """
    best, *others = guesses
    if not _goes_too_deep(best) or _names_another_of_the_street(best, others):
        return guesses
    for place, guess in enumerate(guesses):
        if guess.code == best.street and guess.signs.community == CommunitySign.STREET_ONLY:
            signs = guess.signs._replace(community=CommunitySign.STREET_FIRST)
            street = Guess(guess.code, best.score, signs, guess.reasons)
            return [street, *guesses[:place], *guesses[place + 1 :]]
    return guesses


def _goes_too_deep(guess: Guess) -> bool:
    """The text states the street; of the community only a borrowed name tells."""
    if guess.signs.street not in STREET_WRITTEN:
        return False
    if guess.signs.community.rstrip(DISPUTED) not in BORROWED:
        return False
    return guess.also.isdisjoint(_SUPPORTING)


def _names_another_of_the_street(best: Guess, others: list[Guess]) -> bool:
    return any(guess.street == best.street and guess.signs.community in BY_NAME for guess in others)
