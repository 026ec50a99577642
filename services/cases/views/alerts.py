"""What waits for an organisation, told to its own systems, page after page and call after call, so
that nothing is missed.

`opened_at` is when something began to wait, not when it was written: what commits late may carry an
earlier one. So pages go by the transaction that wrote the row, and the last page's cursor lies
below the horizon, the oldest transaction that is still under way: whatever that one, or any later
one, may yet write comes after the cursor. What stood above the horizon meanwhile was told and is
told again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from services.cases.deadlines.calendar import day_of
from services.cases.views.queries import grids
from services.kit.clock import ZONE
from services.kit.db import paging
from services.kit.db.engine import rows

XID_MAX = 2**63 - 1
_AFTER = "(xid, opened_at, id) > (CAST(:xid AS xid8), CAST(:at AS timestamptz), CAST(:id AS uuid))"
_FROM = "xid >= CAST(:xid AS xid8)"
# rows and horizon are of one snapshot, also where there is no row
_STANDING = """
SELECT h.horizon, t.*, t.xid::text AS xid_text
FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon) h LEFT JOIN (
    SELECT id, case_id, kind, act, due_on, opened_at, xid FROM task
    WHERE organisation = :organisation AND closed_at IS NULL AND {where}
    ORDER BY xid, opened_at, id LIMIT :limit) t ON true
ORDER BY t.xid, t.opened_at, t.id"""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins: after a row, or (no row) at a transaction. ``horizon`` is where
    the next call begins once this one is at its end; ``since`` goes with all pages of a first call.
    """

    xid: int
    at: str | None = None
    id: str | None = None
    horizon: int | None = None
    since: str | None = None

    def written(self) -> str:
        """The cursor as text."""
        horizon = None if self.horizon is None else str(self.horizon)
        return paging.encode(str(self.xid), self.at, self.id, horizon, self.since)


def read(text: str) -> Cursor:
    """The cursor that ``written`` gave; raises Refused 422 for anything else."""
    values = paging.decode(
        text,
        _xid,
        _or_none(paging.moment),
        _or_none(paging.ident),
        _or_none(_xid),
        _or_none(paging.moment),
    )
    xid, at, ident, horizon, since = values or ("0", None, None, None, None)
    if (at is None) != (ident is None):
        raise paging.refused()
    return Cursor(
        int(xid),
        at and at.isoformat(),
        ident,
        None if horizon is None else int(horizon),
        since and since.isoformat(),
    )


def _or_none(kind: paging.Kind) -> paging.Kind:
    return lambda value: None if value is None else kind(value)


def _xid(value: Any) -> str:
    """A kind of value in a cursor: the number of a transaction, as text."""
    if (
        not isinstance(value, str)
        or len(value) > 19
        or str(int(value)) != value
        or not 0 <= int(value) <= XID_MAX
    ):
        raise ValueError("no transaction")
    return value


def alerts(
    tx: Connection,
    now: datetime,
    organisation: str,
    page: paging.Page,
    since: datetime | None = None,
) -> paging.Part[dict[str, Any]]:
    """A page of what waits for an organisation itself, thin; ``next`` is always given, at the end
    too.

    ``since`` is for the first call; a later one goes on from its ``next``. Within a page the oldest
    comes first. A task that is closed meanwhile is not told; one that is opened again is told
    again.
    """
    if page.cursor:
        start = read(page.cursor)
    else:
        start = Cursor(0, since=since.isoformat() if since else None)
    read_rows = _standing(tx, organisation, start, page.one_more)
    alert_rows = [row for row in read_rows if row.id is not None]
    shown = alert_rows[: page.limit]
    horizon = int(read_rows[0].horizon) if start.horizon is None else start.horizon
    if len(alert_rows) > page.limit:
        last = shown[-1]
        onwards = Cursor(
            int(last.xid_text), last.opened_at.isoformat(), str(last.id), horizon, start.since
        )
    else:
        onwards = Cursor(max(horizon, start.xid if start.at is None else 0))
    doors = grids(tx, [str(row.case_id) for row in shown if row.case_id], organisation)
    oldest_first = sorted(shown, key=lambda row: (row.opened_at, row.id))
    items = [_item(row, day_of(now), doors.get(str(row.case_id))) for row in oldest_first]
    return paging.Part(items, onwards.written())


def _standing(tx: Connection, organisation: str, start: Cursor, limit: int) -> Sequence[Any]:
    where = [_AFTER if start.at else _FROM]
    if start.since:
        where.append("opened_at > CAST(:since AS timestamptz)")
    return rows(
        tx,
        _STANDING.format(where=" AND ".join(where)),
        {
            "organisation": organisation,
            "xid": str(start.xid),
            "at": start.at,
            "id": start.id,
            "since": start.since,
            "limit": limit,
        },
    )


def _item(row: Any, today: date, door: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "case": str(row.case_id) if row.case_id else None,
        "kind": row.kind,
        "act": row.act,
        "due_on": row.due_on.isoformat() if row.due_on else None,
        "overdue": bool(row.due_on and today > row.due_on),
        "at": row.opened_at.astimezone(ZONE).isoformat(),
        "grid": door,
    }
