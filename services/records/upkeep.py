"""What a branch keeps up with its own members: whom to contact (t18), whose organisational life has lapsed (t12, t13)."""
from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from services.kit.db import rows

_DUE = """
SELECT t.id::text AS id, t.kind, t.due_on, t.opened_at, coalesce(t.member, c.member) AS member, t.case_id::text AS case_id,
       coalesce(m.name, p.name) AS name, m.phone, m.last_life_on, m.dues_paid_to, c.contacted_on, c.state
FROM task t LEFT JOIN transfer_case c ON c.id = t.case_id LEFT JOIN case_person p ON p.case_id = t.case_id
LEFT JOIN member m ON m.member = coalesce(t.member, c.member)
WHERE t.closed_at IS NULL AND t.organisation = :own
  AND (t.kind IN ('organisation_life', 'six_months') OR t.kind = 'contact' AND t.act = 'contact')
ORDER BY t.due_on NULLS LAST, t.opened_at, t.id LIMIT :limit OFFSET :offset"""


def due(tx: Connection, organisation: str, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
    """The members whom an organisation is to contact or talk to now, the longest due first."""
    return [dict(row) for row in rows(tx, _DUE, {"own": organisation, "limit": limit, "offset": offset})]
