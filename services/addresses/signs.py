"""The signs by which a guess was found: an alphabet of one letter for each way to find a county, a
street and a community.

Their values are names of coefficients in `data/address_confidence.json`, and the score of
`tests/score` groups its rows by them: they stay as they are.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from services.addresses.slips import Slip


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

AGREED = 0.99
"""Above this share, confirmed cases agree."""

_SLIP_SIGNS: dict[Slip, CommunitySign] = {
    Slip.SOUND: CommunitySign.SOUND,
    Slip.NUMERAL: CommunitySign.NUMERAL,
    Slip.ORDER: CommunitySign.ORDER,
    Slip.MISSING: CommunitySign.MISSING,
    Slip.EXTRA: CommunitySign.EXTRA,
    Slip.NEAR_SOUND: CommunitySign.NEAR_SOUND,
    Slip.CHARACTER: CommunitySign.CHARACTER,
}

STREET_WRITTEN = frozenset((StreetSign.EXACT, StreetSign.OTHER_FORM, StreetSign.OLD_NAME))
"""The text states the street by a name it has or had."""
STREET_STATED = STREET_WRITTEN | {StreetSign.SLIP}
"""The text states the street, perhaps with a slip."""
STREET_NOT_TOLD = frozenset((StreetSign.UNSTATED, StreetSign.UNKNOWN))
"""The text does not say which of the county's streets it means."""
STREET_NOT_OPPOSED = STREET_STATED | {StreetSign.UNSTATED}
"""The text states this street, or none."""
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


class Signs(NamedTuple):
    """How each level of a guess was found: values of CountySign, StreetSign and CommunitySign."""

    county: str
    street: str
    community: str


def slip_sign(slip: Slip, base: str, *, same_kind: bool) -> str:
    """Community sign of a base that was written with a slip; `same_kind`: village and community are
    told apart rightly.
    """
    sign: str = _SLIP_SIGNS[slip]
    if not same_kind:
        sign += OTHER_KIND
    if len(base) <= 2:
        sign += TWO_CHARACTERS
    return sign


def agreed_or_disputed(sign: CommunitySign, share: float) -> str:
    """The sign of confirmed cases, marked where not nearly all of them (`share`) agree."""
    if share > AGREED:
        return sign
    return sign + DISPUTED
