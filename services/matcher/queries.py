"""What others read of the matcher's decisions."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.kit.db import rows
from services.matcher.reviews import decide_review, reviews

__all__ = ["decide_review", "decisions", "reviews"]


def decisions(tx: Connection, event_id: UUID) -> Sequence[Any]:
    """The decision on every person of an event, as its sender may know them."""
    return rows(tx, """SELECT CASE decision WHEN 'outside' THEN 'match' ELSE decision END AS decision, decided_at,
                       case_id FROM identification WHERE event_id = :e ORDER BY position""", {"e": event_id})
