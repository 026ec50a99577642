"""The decision on a posted person: who it is, or why nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ERASED = frozenset({"not_a_member", "withdrawn", "rejected"})
"""Decisions after which nothing personal is kept."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on one person: match, review, not_a_member, outside (a walk-in no register
    knows), withdrawn (while in review) or rejected.

    ``evidence`` holds levels of agreement, nothing personal; ``notes`` are codes of
    services.matcher.sender_hints.
    """

    decision: str
    member: str | None = None
    organisation: str | None = None
    candidates: tuple[Mapping[str, Any], ...] = ()
    by: str | None = None
    reason: str | None = None
    evidence: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_match(self) -> bool:
        """Whether the person is a member."""
        return self.decision == "match"

    @property
    def in_review(self) -> bool:
        """Whether a person has to decide who it is."""
        return self.decision == "review"

    @property
    def is_erased(self) -> bool:
        """Whether nothing personal is kept."""
        return self.decision in ERASED

    @property
    def pairs(self) -> tuple[Mapping[str, Any], ...]:
        """How each candidate agrees: its levels, the rareness of the name, the probability."""
        evidence = self.evidence or {}
        return tuple(evidence.get("pairs") or ())
