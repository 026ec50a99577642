"""Guesses -> the answer: candidates with their confidence and their reasons in words, and the
decision that follows.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.addresses.answer import LEVELS, NOTHING, Candidate, Evidence, Resolution
from services.addresses.confidence import shares
from services.addresses.divisions import STREET_DIGITS, Divisions
from services.addresses.guess import Guess, Reason, depth_first
from services.addresses.learned import Learned
from services.addresses.neighbours import ROAD_SIGNS, SHARE_MAX, neighbours
from services.addresses.normalise import Normal
from services.addresses.signs import DISPUTED

CANDIDATES_MAX = 5
CANDIDATES_READ = 12
"""Guesses from which the candidates are taken."""


class Candidates:
    """Puts guesses into words."""

    def __init__(self, divisions: Divisions, learned: Learned) -> None:
        self.divisions = divisions
        self.learned = learned

    def answer(
        self, address: str, normal: Normal, guesses: list[Guess], route_at: float
    ) -> Resolution:
        """The answer to an address; `guesses` best first; from the confidence `route_at` on nobody
        is asked.
        """
        if not guesses:
            return NOTHING
        shown = _shown(depth_first(guesses))
        candidates = tuple(
            self._candidate(address, normal, guess, confidence)
            for guess, confidence in zip(shown, shares(shown), strict=True)
        )
        best = candidates[0]
        if best.confidence >= route_at and len(best.code) >= STREET_DIGITS:
            return Resolution("route", candidates)
        if shown[0].signs.community.rstrip(DISPUTED) in ROAD_SIGNS:
            candidates += self._beside(candidates)
        return Resolution("ask", candidates)

    def _candidate(
        self, address: str, normal: Normal, guess: Guess, confidence: float
    ) -> Candidate:
        code = guess.code
        evidence = tuple([_evidence(address, normal, reason) for reason in guess.reasons])
        return Candidate(
            code, self.divisions.name(code) or "", LEVELS[len(code)], confidence, evidence
        )

    def _beside(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Neighbours of what a road suggests, up to the number that a person is shown."""
        codes = [candidate.code for candidate in candidates if candidate.level == "community"]
        left = 1.0 - sum(candidate.confidence for candidate in candidates)
        confidence = min(SHARE_MAX, candidates[-1].confidence, max(0.0, left))
        free = CANDIDATES_MAX - len(candidates)
        beside = []
        for neighbour in neighbours(self.divisions.snapshot, self.learned, codes, free):
            facts = (self.divisions.name(neighbour.beside), neighbour.cases)
            evidence = Evidence("beside", "", None, facts)
            name = self.divisions.name(neighbour.code) or ""
            beside.append(Candidate(neighbour.code, name, "community", confidence, (evidence,)))
            confidence *= 0.5
        return tuple(beside)


def _shown(guesses: list[Guess]) -> list[Guess]:
    """The best guesses, without those that only name a division above the best one."""
    best = guesses[0].code
    shown = []
    for guess in guesses[:CANDIDATES_READ]:
        is_above_best = guess.code != best and best.startswith(guess.code)
        if not is_above_best:
            shown.append(guess)
    return shown[:CANDIDATES_MAX]


def _evidence(address: str, normal: Normal, reason: Reason) -> Evidence:
    """A reason with what it quotes of the original text."""
    if reason.start < 0:
        return Evidence(reason.rule, "", None, reason.facts)
    start, end = normal.span(reason.start, reason.end)
    return Evidence(reason.rule, address[start:end], (start, end), reason.facts)
