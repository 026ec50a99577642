"""What the address engine answers to the addresses of one batch, as a case keeps it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.addresses.answer import Resolution
from services.matcher.live_gazetteer import Addresses


class AddressAnswers:
    """Reads each address of a batch once, by the gazetteer and the hour of that batch."""

    def __init__(self, addresses: Addresses, now: datetime) -> None:
        self._addresses = addresses
        self._now = now
        self._answers: dict[str, dict[str, Any]] = {}

    def answer_to(self, address: str | None) -> dict[str, Any] | None:
        """The answer to an address; None where none is stated."""
        if not address:
            return None
        answer = self._answers.get(address)
        if answer is None:
            resolution = self._addresses.resolve(address)
            answer = kept_answer(resolution, self._addresses, self._now)
            self._answers[address] = answer
        return answer

    def area_of(self, address: str | None) -> str | None:
        """The division that an address lies in, where that may be acted on without asking."""
        answer = self.answer_to(address)
        return answer["area"] if answer else None


def answered_area(resolution: Resolution) -> str | None:
    """The division that may be acted on without asking."""
    if resolution.decision != "route" or not resolution.candidates:
        return None
    return resolution.candidates[0].code


def kept_answer(resolution: Resolution, addresses: Addresses, now: datetime) -> dict[str, Any]:
    """An answer as the case keeps it: what decided it, by which table and how many confirmed cases,
    and all candidates.

    ``area`` is what may be acted on without asking; kept as it was, whatever is learned later.
    """
    candidates = resolution.candidates
    evidence = candidates[0].evidence if candidates else ()
    return {
        "decision": resolution.decision,
        "area": answered_area(resolution),
        "words": [mention.to_json() for mention in evidence],
        "candidates": [candidate.to_json() for candidate in candidates],
        "table": addresses.current.snapshot.version,
        "learned": addresses.learned,
        "at": now.isoformat(),
    }
