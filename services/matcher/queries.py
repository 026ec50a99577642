"""What others read of the matcher's decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.kit.db.engine import rows
from services.kit.errors import Text
from services.matcher import questions
from services.matcher import reviews as desk
from services.matcher.explain import explained
from services.matcher.review_list import ReviewQuery, reviews, reviews_waiting
from services.matcher.sender_hints import WORDS, spoken
from services.matcher.surroundings import Surroundings
from services.matcher.undo import undo_match
from services.registry.access import Caller

__all__ = [
    "Decision",
    "ReviewQuery",
    "decide_review",
    "decisions",
    "explained",
    "reviews",
    "reviews_waiting",
]
_DECISIONS = """
SELECT CASE decision WHEN 'outside' THEN 'match' ELSE decision END AS decision,
    decided_at, case_id, position, notes, reason
FROM identification
WHERE event_id = :event
ORDER BY position"""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one person of an event, as its sender may know it: what is told beside, what
    is asked.
    """

    decision: str
    decided_at: datetime
    case_id: UUID | None
    position: int
    notes: Sequence[tuple[str, Text]]
    questions: Sequence[Mapping[str, Any]]
    words: Text | None = None


def decisions(tx: Connection, event_id: UUID) -> Sequence[Decision]:
    """The decision on every person of an event."""
    questions_of = questions.of_events(tx, [str(event_id)])
    return [
        Decision(
            decision=row.decision,
            decided_at=row.decided_at,
            case_id=row.case_id,
            position=row.position,
            notes=spoken(row.notes),
            questions=questions_of.get((event_id, row.position), ()),
            words=WORDS.get(row.reason) if row.decision == "rejected" else None,
        )
        for row in rows(tx, _DECISIONS, {"event": event_id})
    ]


def decide_review(
    tx: Connection,
    app: Surroundings,
    caller: Caller,
    review_id: str,
    body: Mapping[str, Any],
    person: str | None = None,
) -> dict[str, Any]:
    """Acts on one review: decide, ask, answer (services.matcher.reviews), or undo a match
    (services.matcher.undo).
    """
    act = undo_match if body.get("undo") is True else desk.decide_review
    return act(tx, app, caller, review_id, body, person)
