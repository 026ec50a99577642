"""A guess: one division an address may mean, with the signs that speak for it and a score to order
guesses by.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from services.addresses.slips import WORDS
from services.addresses.snapshot import Snapshot

STREET_SCORE = {
    "=": 6.0,
    "w": 5.0,
    "o": 4.5,
    "L": 4.0,
    "n": 3.0,
    "m": 4.5,
    "M": 4.0,
    "d": 0.0,
    "-": 2.0,
    "u": 1.0,
    "x": -5.0,
}
"""Street sign -> what it adds to a score."""


class Reason(NamedTuple):
    """An evidence not yet put in words: rule, span in the normalised text (-1: not from the text),
    facts.
    """

    rule: str
    start: int
    end: int
    facts: tuple[object, ...] = ()


@dataclass(slots=True)
class Guess:
    """`signs` are (county, street, community): one short word each for how the level was found.

    county     P prefix; S scanned full name; W short or old name; H given apart; N only implied;
               C in a city named; X named beside a province or city in which it does not lie
    street     = exact; w other form; o old name; L slip; n without its suffix; - none stated;
               u unknown one stated; x another one stated; m another one stated that the community
               left (M less surely, d perhaps: a common name)
    community  e exact; f exact inside longer text, F the same in the middle of what may be another
               name; k other kind; K a village's name kept by residents;
               t exact but followed by what makes it a road or school;
               b no suffix; B and it begins a compound's name; D and it is the street's name;
               q but it is or begins a road;
               sou num ord mis ext nea cha a slip (2: of a name of two characters, k: of another
               kind);
               c compound; i compound inside longer text; h compound named like it;
               n house number; v near number; V far one (%: not all cases agree);
               r road of its name; a A road of a similar name;
               g heir of the code of one that is gone; z gone: stops at the street;
               s stops at the street; p at one of two streets named;
               S though a community is suggested; y at the county
    """

    code: str
    score: float
    signs: tuple[str, str, str]
    reasons: list[Reason] = field(default_factory=list)
    also: frozenset[str] = frozenset()
    weight: float = 0.0


@dataclass(slots=True)
class Stated:
    """The street a text names: code -> sign, and where it stands; `detail` names slips; `two`: one
    behind another.
    """

    codes: dict[str, str]
    start: int
    end: int
    detail: dict[str, str] = field(default_factory=dict)
    two: bool = False


def street_sign(code: str, stated: Stated | None) -> str:
    """Street sign of a code the text does not name; learned and borrowed names never outvote a
    stated street.
    """
    return "-" if stated is None else "u" if not stated.codes else stated.codes.get(code[:9], "x")


def street_reason(snapshot: Snapshot, code: str, stated: Stated) -> Reason:
    """Why the text is taken to state this street."""
    how, name = stated.codes.get(code, "="), snapshot.upper_names[code]
    if how == "L":
        return Reason("street_like", stated.start, stated.end, (name, *WORDS[stated.detail[code]]))
    return Reason(
        {"=": "street", "w": "street_form", "o": "street_old", "n": "street_stem"}[how],
        stated.start,
        stated.end,
        (name,),
    )


def merged(guesses: list[Guess]) -> list[Guess]:
    """One guess per code, best first; independent signs for the same code add to its score."""
    best: dict[str, Guess] = {}
    for guess in sorted(guesses, key=lambda g: -g.score):
        first = best.setdefault(guess.code, guess)
        if first is not guess and guess.signs[2] != first.signs[2]:
            first.score += 1.5
            first.also |= {guess.signs[2]}
            first.reasons += [r for r in guess.reasons if r not in first.reasons]
    return sorted(best.values(), key=lambda g: -g.score)


BORROWED = frozenset("hraABKkqtvV") | {
    "ext",
    "extk",
    "ext2",
    "extk2",
    "cha",
    "chak",
    "nea",
    "neak",
    "misk",
    "misk2",
}
"""Community signs too weak to go deeper than a street the text states: left out one by one, such
readings of confirmed addresses were right in 40 to 88 of 100 cases (docs/accuracy.md).
"""


def depth_first(guesses: list[Guess]) -> list[Guess]:
    """Puts a stated street before a community that only a borrowed name or a far number suggests.

    Not where the text names two communities of that street: then a person chooses between them.
    """
    best = guesses[0]
    street = best.code[:9]
    if (
        best.signs[2].rstrip("%") not in BORROWED
        or best.signs[1] not in "=wo"
        or best.also & {"c", "i", "n", "b"}
    ):
        return guesses
    if any(
        g.code[:9] == street and g.signs[2] in ("e", "f", "F", "k", "K", "b") for g in guesses[1:]
    ):
        return guesses
    for at, guess in enumerate(guesses):
        if guess.code == street and guess.signs[2] == "s":
            first = Guess(street, best.score, (*guess.signs[:2], "S"), guess.reasons)
            return [first, *guesses[:at], *guesses[at + 1 :]]
    return guesses
