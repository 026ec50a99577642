"""A guess: one division an address may mean, with the signs that speak for it and a score to order guesses by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Reason(NamedTuple):
    """An evidence not yet put in words: rule, span in the normalised text (-1: not from the text), facts."""

    rule: str
    start: int
    end: int
    facts: tuple[object, ...] = ()


@dataclass(slots=True)
class Guess:
    """`signs` are (county, street, community): one short word each for how the level was found.

    county     P prefix, S scanned full name, W short or old name, H given apart, N only implied
    street     = exact, w other form, o old name, L slip, - none stated, u unknown one stated, x another one
               stated, m another one stated that the community left
               (M less surely, d perhaps: a common name)
    community  e exact, f exact inside longer text, k other kind, K a village's name kept by residents, b no suffix, L slip, c compound, n number, v near number, V far one,
               r road's name, g code of a community that is gone, s none: stops at the street, y: at the county
    """

    code: str
    score: float
    signs: tuple[str, str, str]
    reasons: list[Reason] = field(default_factory=list)
    also: frozenset[str] = frozenset()
    weight: float = 0.0


@dataclass(slots=True)
class Stated:
    """The street a text names: code -> sign, and where it stands. `gone`: the name itself is only an old one."""

    codes: dict[str, str]
    start: int
    end: int
    detail: dict[str, str] = field(default_factory=dict)


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
