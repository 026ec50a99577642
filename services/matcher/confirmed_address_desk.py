"""The desk of confirmed addresses, for the portal: what was learned, taking it back, and what it
would change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from services.addresses.answer import Resolution
from services.cases.views.pool import unsettled_addresses
from services.cases.views.queries import as_worker, look_at_cases
from services.kit.clock import Clock
from services.matcher import confirmed_addresses
from services.matcher.address_answers import answered_area
from services.matcher.live_gazetteer import Addresses
from services.registry.access import Caller


class EvidenceDesk:
    """What departments may see and undo of what the address engine learned."""

    def __init__(self, addresses: Addresses, clock: Clock) -> None:
        self._addresses = addresses
        self._clock = clock

    def listed(
        self,
        tx: Connection,
        caller: Caller,
        words: str = "",
        *,
        withdrawn: bool = False,
        limit: int = 50,
        offset: int = 0,
    ) -> Sequence[dict[str, Any]]:
        """Evidence about places in the caller's tree, newest first, each with the place's name."""
        look_at_cases(tx, caller)
        confirmed = confirmed_addresses.listed(
            tx, words, withdrawn=withdrawn, limit=limit, offset=offset
        )
        name = self._addresses.current.name
        return [dict(row) | {"place": name(row.code)} for row in confirmed]

    def withdraw(
        self, tx: Connection, caller: Caller, source: str, reason: str, person: str | None = None
    ) -> None:
        """Takes one piece of evidence back (``evidence.withdraw``)."""
        confirmed_addresses.withdraw(tx, caller, source, reason, self._clock, person)

    def differing(self, tx: Connection, caller: Caller, limit: int = 200) -> list[dict[str, Any]]:
        """Open cases of the caller's tree whose address would be read otherwise today. None of them
        is changed.
        """
        cases = unsettled_addresses(tx, caller)
        with as_worker(tx):
            self._addresses.refresh(tx)
        differing: list[dict[str, Any]] = []
        for case in cases:
            answer = self._addresses.resolve(case.address)
            before = _area_of(case.evidence)
            if answered_area(answer) != before:
                differing.append(self._difference(case, before, answer))
            if len(differing) >= limit:
                break
        return differing

    def _difference(self, case: Any, before: str | None, answer: Resolution) -> dict[str, Any]:
        """A case whose address was read as ``before``, and would be read as in ``answer``."""
        name = self._addresses.current.name
        now = answered_area(answer)
        evidence = answer.candidates[0].evidence if answer.candidates else ()
        return {
            "id": case.id,
            "name": case.name,
            "state": case.state,
            "destination": case.destination,
            "before": before,
            "before_name": name(before) if before else None,
            "now": now,
            "now_name": name(now) if now else None,
            "words": [mention.to_json() for mention in evidence],
        }


def _area_of(kept: Any) -> str | None:
    """The division that a case's address was read as lying in."""
    return kept.get("area") if isinstance(kept, dict) else None
