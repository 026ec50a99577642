"""The figure of erasure: how many persons who are no members were erased, and what is still held of
such.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from services.kit.db.engine import rows
from services.registry.tree import just_after

_FIGURE = """
SELECT count(*) FILTER (WHERE i.erased_at IS NOT NULL) AS erased,
       count(*) FILTER (WHERE i.erased_at IS NULL) AS held,
       min(i.decided_at) FILTER (WHERE i.erased_at IS NULL) AS oldest,
       max(i.erased_at - i.decided_at) AS slowest
FROM identification i
WHERE i.decision IN ('not_a_member', 'rejected', 'withdrawn') AND i.path ~>=~ :first
    AND i.path ~<~ :last"""


def erasure(tx: Connection, now: datetime, top: str = "") -> dict[str, Any]:
    """Persons who are no members, posted by whoever stands under the path ``top`` (all, if empty).

    ``erased``, ``held`` (decided, but not erased yet: normally 0), ``oldest_held_hours`` and
    ``slowest_hours``, the longest that any of them was kept after the decision; at most 24 is
    promised.
    """
    figure = rows(tx, _FIGURE, {"first": top, "last": just_after(top) if top else "~"})[0]
    oldest = (now - figure.oldest).total_seconds() / 3600 if figure.oldest else 0.0
    slowest = figure.slowest.total_seconds() / 3600 if figure.slowest else 0.0
    return {
        "erased": figure.erased,
        "held": figure.held,
        "oldest_held_hours": round(oldest, 1),
        "slowest_hours": round(max(oldest, slowest), 1),
    }
