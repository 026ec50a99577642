"""What a branch keeps up with its own members: whom to contact (t18), whose organisational life has
lapsed (t12, t13), and what has been noted of one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from services.cases.commands import reports
from services.cases.views.queries import as_worker
from services.kit.db.engine import rows
from services.registry.announcement_rights import SIGNS

_DUE = """
SELECT t.id::text AS id, t.kind, t.due_on, t.opened_at, coalesce(t.member, c.member) AS member,
    t.case_id::text AS case_id,
       p.name, c.contacted_on, c.state
FROM task t LEFT JOIN transfer_case c ON c.id = t.case_id LEFT JOIN case_person p
    ON p.case_id = t.case_id
WHERE t.closed_at IS NULL AND t.organisation = :own
  AND (t.kind IN ('organisation_life', 'six_months') OR t.kind = 'contact' AND t.act = 'contact')
ORDER BY t.due_on NULLS LAST, t.opened_at, t.id LIMIT :limit OFFSET :offset"""
_MEMBERS = """
SELECT member, name, phone, last_life_on, dues_paid_to FROM member WHERE member = ANY (:members)"""
_OF_MEMBER = ("phone", "last_life_on", "dues_paid_to")
_TO_BE_CONTACTED = """
SELECT 1 FROM member WHERE member = :member
UNION ALL
SELECT 1 FROM task t LEFT JOIN transfer_case c ON c.id = t.case_id
WHERE t.closed_at IS NULL
    AND (t.member = :member OR t.kind = 'contact' AND c.member = :member)"""


def due(
    tx: Connection, organisation: str, limit: int = 100, offset: int = 0
) -> list[dict[str, Any]]:
    """The members whom an organisation is to contact or talk to now, the longest due first.

    Whoever has the task sees the member, though they belong to an organisation that has ended.
    """
    asked = {"own": organisation, "limit": limit, "offset": offset}
    followups = [dict(row) for row in rows(tx, _DUE, asked)]
    members = [followup["member"] for followup in followups]
    with as_worker(tx):
        registered = {row.member: row for row in rows(tx, _MEMBERS, {"members": members})}
    return [_with_member(followup, registered) for followup in followups]


def _with_member(followup: dict[str, Any], registered: Mapping[str, Any]) -> dict[str, Any]:
    """A follow-up with what the register has of its member; what was posted, where it has none."""
    member = registered.get(followup["member"])
    if member is None:
        return followup | dict.fromkeys(_OF_MEMBER)
    columns = {column: member[column] for column in _OF_MEMBER}
    return {**followup, **columns, "name": member.name or followup["name"]}


_MEMBER = """
SELECT m.member, m.name, m.phone, m.organisation, m.standing, m.last_life_on, m.dues_paid_to,
    m.register_life_on,
       m.register_dues_to FROM member m WHERE m.member = :member"""
_NOTED = """
SELECT s.event_id::text || ':' || s.position AS review, e.ext_id AS event, e.type, e.organisation,
    e.time, e.persons,
       coalesce(e.data ->> 'on', s.dues, s.sign::text) AS said, s.reached,
           e.data ->> 'channel' AS channel,
       s.case_id::text AS case_id,
       EXISTS (SELECT FROM posted_event w WHERE w.source = e.source
           AND w.corrects = e.ext_id) AS taken_back
FROM member_sign s JOIN posted_event e ON e.id = s.event_id
WHERE s.member = :member ORDER BY e.time DESC, s.event_id, s.position LIMIT :limit OFFSET :offset"""


def member_of(tx: Connection, member: str) -> dict[str, Any] | None:
    """A member whom ``tx`` sees, or about whom a task stands that it sees; None for anybody else.

    ``register_life_on`` and ``register_dues_to`` are what the files of the register said last.
    """
    if not rows(tx, _TO_BE_CONTACTED, {"member": member}):
        return None
    with as_worker(tx):
        return dict(rows(tx, _MEMBER, {"member": member})[0])


def reported(tx: Connection, member: str) -> list[dict[str, Any]]:
    """What organisations outside the member's line reported of life, dues and contacts, the newest
    first: it counts for nothing. Whether the caller may see the member is settled (``member_of``).
    """
    with as_worker(tx):
        of_member = reports.of_member(tx, member)
    return [reports.shown(report) for report in of_member if report.kind in SIGNS]


def noted(tx: Connection, member: str, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
    """What events have said of a member's organisational life, dues and contacts, the newest first.

    ``review`` is the posting's id on the review desk, where a match is undone; ``event`` the id by
    which its sender takes it back; ``taken_back`` says that the sender has. Whether the caller may
    see the member is settled (``member_of``).
    """
    asked = {"member": member, "limit": limit, "offset": offset}
    with as_worker(tx):
        return [dict(row) for row in rows(tx, _NOTED, asked)]
