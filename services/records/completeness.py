"""The completeness statement: every person named in a stored opening event ended in exactly one
outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection

from services.cases.deadlines.calendar import midnight
from services.kit.db.engine import rows
from services.registry.tree import just_after

_STATEMENT = """
SELECT count(*) AS posted,
       count(*) FILTER (WHERE i.decision IN ('match', 'outside')) AS matched,
       count(*) FILTER (WHERE i.decision = 'not_a_member') AS not_a_member,
       count(*) FILTER (WHERE i.decision = 'review') AS in_review,
       count(*) FILTER (WHERE i.decision IN ('rejected', 'withdrawn') OR i.decision IS NULL
           AND d.event_id IS NOT NULL) AS rejected
FROM posted_event e JOIN posted_person p ON p.event_id = e.id
LEFT JOIN identification i ON i.event_id = p.event_id AND i.position = p.position
LEFT JOIN dead_letter d ON d.event_id = e.id AND d.consumer = 'matcher' AND d.state <> 'retried'
WHERE e.received_at >= :first AND e.received_at < :last AND e.type = ANY (:opening)
  AND e.path ~>=~ :path AND e.path ~<~ :beyond"""


def statement(tx: Connection, day: date, opening: Sequence[str], path: str = "") -> dict[str, Any]:
    """The completeness statement of a day: every person named in a stored opening event has one
    outcome.

    ``path`` counts only what an organisation and those below it have posted. Who was withdrawn or
    corrected while in review counts as rejected.

    ``difference`` is what is still on its way; 0 once the day's events are handled.
    """
    counted = rows(
        tx,
        _STATEMENT,
        {
            "first": midnight(day),
            "last": midnight(day + timedelta(days=1)),
            "opening": list(opening),
            "path": path,
            "beyond": just_after(path) if path else "~",
        },
    )[0]
    outcomes = {
        "matched": counted.matched,
        "not_a_member": counted.not_a_member,
        "in_review": counted.in_review,
        "rejected": counted.rejected,
    }
    return {
        "day": day.isoformat(),
        "in": counted.posted,
        **outcomes,
        "difference": counted.posted - sum(outcomes.values()),
    }
