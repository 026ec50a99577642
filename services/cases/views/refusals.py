"""Who sends people back, how often and why: counted per organisation from the history of cases,
never kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from services.kit.db.engine import rows
from services.registry.directory import Directory
from services.registry.tree import just_after

_COUNTED = """
SELECT e.by_organisation AS organisation,
       count(*) FILTER (WHERE e.command = 'refuse') AS refused,
       count(*) FILTER (WHERE e.command = 'refuse' AND e.to_state = 'escalated') AS escalated,
       count(*) FILTER (WHERE e.command = 'refuse' AND EXISTS (
           SELECT FROM case_event r WHERE r.case_id = e.case_id AND r.seq > e.seq
               AND r.command = 'rule'
               AND r.reason = 'accept')) AS overruled,
       count(*) FILTER (WHERE e.command = 'return_for_cure') AS returned,
       count(*) FILTER (WHERE e.command = 'return_for_cure' AND EXISTS (
           SELECT FROM case_event b WHERE b.case_id = e.case_id AND b.seq < e.seq
               AND b.command = e.command
               AND b.by_organisation = e.by_organisation)) AS returned_again,
       array_agg(e.reason ORDER BY e.at DESC) FILTER (WHERE e.command = 'refuse') AS reasons
FROM case_event e JOIN organisation o ON o.code = e.by_organisation
WHERE e.command IN ('refuse', 'return_for_cure') AND e.at >= :since AND o.path ~>=~ :lo
    AND o.path ~<~ :hi
GROUP BY 1 ORDER BY refused DESC, returned DESC, 1"""


def by_organisation(tx: Connection, top: str, since: datetime) -> list[dict[str, Any]]:
    """Per organisation of ``top``'s tree, since a moment: refusals; those that went to a ruling (an
    unlisted reason, or the second of a case); those whose ruling ordered the acceptance; returns
    for cure; those of a case that had been returned by the same organisation before, though defects
    are to be named all at once; the reasons and how often.
    """
    directory = Directory.of(tx)
    path = directory.path(top)
    counted = rows(tx, _COUNTED, {"since": since, "lo": path, "hi": just_after(path)})
    return [
        {
            **row,
            "name": organisation.name
            if (organisation := directory.get(row.organisation))
            else row.organisation,
            "reasons": _counted(row.reasons or ()),
        }
        for row in counted
    ]


def _counted(reasons: Any) -> dict[str, int]:
    counts_of: dict[str, int] = {}
    for reason in reasons:
        counts_of[reason] = counts_of.get(reason, 0) + 1
    return dict(sorted(counts_of.items(), key=lambda reason_and_count: -reason_and_count[1]))
