"""An identification that was wrong, undone: the wrong member's file is as if nothing had been posted."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from services.cases import undo
from services.cases.arguments import refuse
from services.cases.queries import as_worker, look_at_cases
from services.cases.routing import OPENING
from services.kit.db import rows
from services.matcher import announcements, reviewed
from services.matcher.handlers import Matcher
from services.matcher.people import Found
from services.matcher.reviews import found_of, slot_of, unknown, unnamed
from services.registry.access import Caller

_ROW = """
SELECT i.decision, i.member, i.case_id, i.path, i.undone, i.evidence, i.candidates, e.type
FROM identification i JOIN posted_event e ON e.id = i.event_id
WHERE i.event_id = :e AND i.position = :p FOR UPDATE OF i"""


def undo_match(tx: Connection, house: Any, caller: Caller, review_id: str, body: Mapping[str, Any],
               person: str | None = None) -> dict[str, Any]:
    """Takes a match back, for ``body["reason"]``; then the event runs anew, at its own time.

    ``{"member"}`` names the right one, ``{"not_a_member": true}`` says that there is none, neither sends the person to
    the review desk. Departments only. 404 not seen, 409 no match, or the destination has accepted.
    Returns ``{"id", "undone": true, "decision", "case"}``.
    """
    if caller.role not in ("department", "admin"):
        raise refuse(403, "departments-only", "认错的人由组织部门纠正。", "A department undoes a wrong identification.")
    event, position = slot_of(review_id)
    reason = body.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise refuse(422, "field-missing", "请填写纠正的理由 reason。", "Give the reason.", field="reason")
    look_at_cases(tx, caller)
    if not rows(tx, """SELECT 1 FROM identification WHERE event_id = :e AND position = :p
                       UNION ALL SELECT 1 FROM statement WHERE event = :e AND position = :p""",
                {"e": event, "p": position}):
        raise unknown()
    with as_worker(tx):
        announcements.hold(tx, [event])
        row = rows(tx, _ROW, {"e": event, "p": position})[0]
        if row.decision != "match" or row.type not in OPENING:
            raise refuse(409, "no-match-to-undo", "这条报送没有认定为某名党员的转移，无可纠正。",
                         "This posting was not matched to a member's transfer; there is nothing to undo.")
        world = house.ground.world(tx, house.clock.now())
        told = [replace(a, undone=row.undone + 1) for a in announcements.read(tx, [event]) if a.position == position]
        slot = told[0].slot if told else {}
        found = _anew(tx, body, person or caller.organisation, slot, row)
        was = undo.take_out(tx, event, position, world, caller.organisation, person)
        tx.exec_driver_sql(
            """INSERT INTO identification_undone (event_id, position, number, path, member, case_id, reason,
                                                  by_organisation, by_person, at)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            (event, position, row.undone + 1, row.path, row.member, was, unnamed(reason.strip()[:500], slot),
             caller.organisation, person, world.now))
        tx.exec_driver_sql("UPDATE identification SET undone = undone + 1, case_id = NULL, evidence = NULL, "
                           "proposal = NULL WHERE event_id = %s AND position = %s", (event, position))
        reviewed.take_back(tx, event, position)
        reviewed.keep_pairs(tx, event, position, row.evidence, found.member, world.now, wrong=row.member)
        Matcher(house.clock, house.ground, house.addresses).take(tx, told, {(event, position): found})
        case = tx.exec_driver_sql("SELECT case_id::text FROM identification WHERE event_id = %s AND position = %s",
                                  (event, position)).scalar()
    return {"id": review_id, "undone": True, "decision": found.decision, "case": case}


def _anew(tx: Connection, body: Mapping[str, Any], by: str, slot: Mapping[str, Any], row: Any) -> Found:
    """Who it is now; the desk decides where the body does not say."""
    if body.get("member") == row.member and row.member is not None:
        raise refuse(422, "same-member", "这正是原来认定的党员，请填写正确的一位。",
                     "This is the member it was taken for; name the right one.", field="member")
    if body.get("member") or body.get("not_a_member"):
        return found_of(tx, body, by, slot)
    return Found("review", by=by)


def wrong_matches_of(tx: Connection, case: str) -> list[str]:
    """The ids of the postings that opened or joined a case, for those who see it: what may be undone."""
    return [f"{r.event}:{r.position}" for r in rows(
        tx, """SELECT event, position FROM statement WHERE case_id = CAST(:c AS uuid) AND event IS NOT NULL
               AND position IS NOT NULL ORDER BY time""", {"c": case})]
