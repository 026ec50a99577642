"""The review desk: persons whose identity a person decides; once decided, the event runs as if matched."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases.arguments import refuse
from services.cases.queries import as_worker, look_at_cases
from services.kit.clock import ZONE
from services.kit.db import rows
from services.matcher import announcements
from services.matcher.handlers import Matcher
from services.matcher.people import Found
from services.registry.access import Caller

_OPEN = """
SELECT i.event_id, i.position, i.decided_at, i.candidates, e.source, e.ext_id, e.type, e.organisation
FROM identification i JOIN posted_event e ON e.id = i.event_id
WHERE i.decision = 'review' AND (CAST(:at AS timestamptz) IS NULL
    OR (i.decided_at, i.event_id, i.position) > (:at, CAST(:event AS uuid), :position))
ORDER BY i.decided_at, i.event_id, i.position LIMIT :limit"""


def reviews(tx: Connection, *, limit: int = 100, cursor: tuple[datetime, str, int] | None = None,
            ) -> list[dict[str, Any]]:
    """Open reviews that this transaction sees: what was posted and the candidates with their reasons."""
    at, event, position = cursor or (None, None, None)
    found = rows(tx, _OPEN, {"limit": limit, "at": at, "event": event, "position": position})
    with as_worker(tx):
        posted = {(r.event_id, r.position): r.body for r in rows(
            tx, "SELECT event_id, position, body FROM posted_person WHERE event_id = ANY (CAST(:e AS uuid[]))",
            {"e": [str(r.event_id) for r in found]})}
        near = {c["member"] for r in found for c in r.candidates or ()}
        members = {r.member: dict(r) for r in rows(
            tx, """SELECT member, name, sex, birth_date::text, right(id_number, 4) AS id_number_end, phone, organisation,
                   standing FROM member WHERE member = ANY (:m)""", {"m": sorted(near)})}
    return [{"id": f"{r.event_id}:{r.position}", "source": r.source, "event": r.ext_id, "type": r.type,
             "at": r.decided_at.astimezone(ZONE).isoformat(),
             "person": (posted.get((r.event_id, r.position)) or {}).get("person"),
             "candidates": [{**c, "record": members.get(c["member"])} for c in r.candidates or ()]} for r in found]


def decide_review(tx: Connection, house: Any, caller: Caller, review_id: str, body: Mapping[str, Any],
                  person: str | None = None) -> None:
    """Decides one review: ``{"member"}`` or ``{"not_a_member": true, "reason"}``. 404 not seen, 409 decided already."""
    event, _, position = review_id.partition(":")
    try:
        event_id, number = UUID(event), int(position)
    except ValueError:
        raise _unknown() from None
    look_at_cases(tx, caller)
    if not rows(tx, "SELECT 1 FROM identification WHERE event_id = :e AND position = :p", {"e": event_id, "p": number}):
        raise _unknown()
    decide(tx, house, event_id, number, body, person or caller.organisation)


def decide(tx: Connection, house: Any, event: UUID, position: int, body: Mapping[str, Any], by: str | None) -> None:
    """Decides within the caller's transaction, whoever the caller is."""
    with as_worker(tx):
        open_ = rows(tx, "SELECT decision FROM identification WHERE event_id = :e AND position = :p",
                     {"e": event, "p": position})
        if not open_:
            raise _unknown()
        if open_[0].decision != "review":
            raise refuse(409, "review-decided", "这条核对已有结论。", "This review has been decided already.")
        told = [a for a in announcements.read(tx, [event]) if a.position == position]
        found = _found(tx, body, by)
        Matcher(house.clock, house.ground, house.addresses).take(tx, told, {(event, position): found})


def _found(tx: Connection, body: Mapping[str, Any], by: str | None) -> Found:
    if body.get("not_a_member") is True:
        reason = body.get("reason")
        if not isinstance(reason, str) or not reason.strip():
            raise refuse(422, "field-missing", "请填写认定不是党员的理由 reason。", "Give the reason.", field="reason")
        return Found("not_a_member", by=by, reason=reason)
    member = body.get("member")
    known = rows(tx, "SELECT member, organisation FROM member WHERE member = :m", {"m": str(member)}) if member else ()
    if not known:
        raise refuse(422, "no-such-member", "登记册中没有这名党员，请核对 member。",
                     "The register has no such member.", field="member")
    return Found("match", known[0].member, known[0].organisation, by=by)


def _unknown():
    return refuse(404, "no-such-review", "没有这条待核对，或不归本组织核对。", "There is no such review.")
