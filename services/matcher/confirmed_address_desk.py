"""The desk of confirmed addresses, for the portal: what was learned, taking it back, and what it
would change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from services.cases.views.pool import unsettled_addresses
from services.cases.views.queries import as_worker, look_at_cases
from services.kit.clock import Clock
from services.matcher import confirmed_addresses
from services.matcher.live_gazetteer import Addresses
from services.registry.access import Caller


class EvidenceDesk:
    """What departments may see and undo of what the address engine learned."""

    def __init__(self, addresses: Addresses, clock: Clock) -> None:
        self._addresses, self._clock = addresses, clock

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
        name = self._addresses.current.name
        return [
            dict(r) | {"place": name(r.code)}
            for r in confirmed_addresses.listed(
                tx, words, withdrawn=withdrawn, limit=limit, offset=offset
            )
        ]

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
        found: list[dict[str, Any]] = []
        for one in cases:
            before = (one.evidence or {}).get("area") if isinstance(one.evidence, dict) else None
            answer = self._addresses.resolve(one.address)
            now = answer.candidates[0].code if answer.decision == "route" else None
            if now == before:
                continue
            name, best = (
                self._addresses.current.name,
                answer.candidates[0] if answer.candidates else None,
            )
            found.append(
                {
                    "id": one.id,
                    "name": one.name,
                    "state": one.state,
                    "destination": one.destination,
                    "before": before,
                    "before_name": name(before) if before else None,
                    "now": now,
                    "now_name": name(now) if now else None,
                    "words": [e.to_json() for e in best.evidence] if best else [],
                }
            )
            if len(found) >= limit:
                break
        return found
