"""An identification that was wrong, undone: the wrong member's file is as if nothing had been
posted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases.commands import apply as commands
from services.cases.commands import reports, undo
from services.cases.commands.arguments import REASON_MAX, bounded, refuse
from services.cases.routing.decision_table import OPENING
from services.cases.store import signs
from services.cases.views.queries import as_worker, look_at_cases
from services.kit.db.engine import rows
from services.matcher import announcements, confirmed_addresses, four_eyes, reviewed
from services.matcher.announcements import Announcement
from services.matcher.handlers import Matcher
from services.matcher.member_locks import lock_members
from services.matcher.people import Decision, People
from services.matcher.reviews import found_of, slot_of, unknown, unnamed
from services.matcher.surroundings import Surroundings
from services.registry.access import Caller

_ROW = """
SELECT i.decision, i.member, i.case_id, i.path, i.undone, i.evidence, i.proposal, e.type
FROM identification i JOIN posted_event e ON e.id = i.event_id
WHERE i.event_id = :e AND i.position = :p FOR UPDATE OF i"""
_REGISTER = (
    "SELECT name, id_number, birth_date::text, phone, address, military_card FROM member WHERE "
    "member = :m"
)
SIGNS = frozenset({announcements.LIFE, announcements.DUES, announcements.CONTACT})


def undo_match(
    tx: Connection,
    app: Surroundings,
    caller: Caller,
    review_id: str,
    body: Mapping[str, Any],
    person: str | None = None,
) -> dict[str, Any]:
    """Takes a match back, for ``body["reason"]``; then the event runs anew, at its own time.

    ``{"member"}`` names the right one, ``{"not_a_member": true}`` says that there is none, neither
    sends the person to the review desk. Departments only; where four eyes are asked for, two of
    them. 404 not seen, 409 no match. Returns
    ``{"id", "undone", "decision", "case", "case_stays"}``: ``case_stays`` says that people have
    moved the wrong member (or changed their standing) by the case, which stands, as does the
    ``affiliation`` beside it, until people change it; or ``{"id", "undone": false, "proposal"}``
    while a second person is waited for.
    """
    if caller.role not in ("department", "admin"):
        raise refuse(
            403,
            "departments-only",
            "认错的人由组织部门纠正。",
            "A department undoes a wrong identification.",
        )
    event, position = slot_of(review_id)
    reason = body.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise refuse(
            422, "field-missing", "请填写纠正的理由 reason。", "Give the reason.", field="reason"
        )
    look_at_cases(tx, caller)
    if not rows(
        tx,
        """SELECT 1 FROM identification WHERE event_id = :e AND position = :p
                       UNION ALL SELECT 1 FROM statement WHERE event = :e AND position = :p
                       UNION ALL SELECT 1 FROM report WHERE event_id = :e AND position = :p""",
        {"e": event, "p": position},
    ):
        raise unknown()
    who = four_eyes.Who(
        caller.own_organisation,
        person,
        str(caller.key_id) if caller.key_id and not person else None,
    )
    with as_worker(tx):
        announcements.hold(tx, [event])
        row = rows(tx, _ROW, {"e": event, "p": position})[0]
        if row.decision != "match" or row.type not in OPENING | SIGNS:
            raise refuse(
                409,
                "no-match-to-undo",
                "这条报送没有认定为某名党员，无可纠正。",
                "This posting was not matched to a member; there is nothing to undo.",
            )
        _must_hold(tx, caller, row, body)
        told = [
            replace(a, undone=row.undone + 1)
            for a in announcements.read(tx, [event])
            if a.position == position
        ]
        found = _anew(tx, app, body, who.name, told[0], row)
        if waits := _second(tx, app, event, position, row, body, who):
            return {"id": review_id, "undone": False, "proposal": waits}
        return {
            "id": review_id,
            "undone": True,
            "decision": found.decision,
            **_undo(tx, app, told, found, row, who, bounded(reason, REASON_MAX, "reason")),
        }


_HELD = """
SELECT EXISTS (SELECT FROM member WHERE member = %(member)s AND starts_with(path, %(own)s))
    OR EXISTS (SELECT FROM transfer_case WHERE id = %(case)s
        AND starts_with(origin_path, %(own)s))"""


def _must_hold(tx: Connection, caller: Caller, row: Any, body: Mapping[str, Any]) -> None:
    """Raises Refused 403 unless the member it was taken for belongs, or belonged when the case
    began, to the caller's tree; 422 where the right one named in ``body`` does not belong to it.
    """
    mine = {"own": caller.path, "case": row.case_id}
    if not tx.exec_driver_sql(_HELD, mine | {"member": row.member}).scalar_one():
        raise refuse(
            403,
            "not-yours-to-undo",
            "认定的党员不归本组织管理，由其所在组织的上级组织部门纠正。",
            "The member it was taken for belongs to another tree; the department above that "
            "member undoes it.",
        )
    right = body.get("member")
    if (
        right
        and not tx.exec_driver_sql(
            _HELD, {"own": caller.path, "case": None, "member": str(right)}
        ).scalar_one()
    ):
        raise refuse(
            422,
            "no-such-member",
            "本组织及以下没有这名党员；归别的组织的，不写 member，由核对台认定。",
            "No member of your tree has this reference; leave member out and let the review desk "
            "find out.",
            field="member",
        )


def _second(  # noqa: PLR0913
    tx: Connection,
    app: Surroundings,
    event: UUID,
    position: int,
    row: Any,
    body: Mapping[str, Any],
    who: four_eyes.Who,
) -> dict[str, Any] | None:
    """What is proposed, where another person must say the same first."""
    if row.path not in four_eyes.asked_for(tx, {row.path}):
        return None
    chosen = {"undo": True} | (
        {"not_a_member": True}
        if body.get("not_a_member") is True
        else {"member": body["member"]}
        if body.get("member")
        else {}
    )
    if four_eyes.seconded(row.proposal, chosen, who):
        return None
    four_eyes.propose(tx, event, position, chosen, who, app.clock.now(), row.proposal)
    return chosen | who.shown()


def _undo(  # noqa: PLR0913
    tx: Connection,
    app: Surroundings,
    told: Sequence[Announcement],
    found: Decision,
    row: Any,
    who: four_eyes.Who,
    reason: str,
) -> dict[str, Any]:
    one, context = told[0], app.rule_source.context(tx, app.clock.now())
    lock_members(tx, [member for member in (row.member, found.member) if member])
    taken = undo.Taken()
    if row.type in SIGNS:
        signs.take_back(
            tx,
            one.event,
            one.position,
            context,
            undo.UNDO,
            undo.REASON,
            who.organisation,
            who.person,
        )
        tx.exec_driver_sql(
            "DELETE FROM report WHERE event_id = %s AND position = %s", (one.event, one.position)
        )
    else:
        reports.withdraw(tx, one.event, one.position, context)
        tx.exec_driver_sql(
            "DELETE FROM report WHERE event_id = %s AND position = %s", (one.event, one.position)
        )
        taken = undo.take_out(
            tx,
            undo.Stranger(
                one.event,
                one.position,
                who.organisation,
                who.person,
                _words(tx, one.posted_person, row.member),
                one.parent_id if one.group else None,
                found.member,
            ),
            context,
        )
        confirmed_addresses.forget(tx, taken.case, context.now)
    tx.exec_driver_sql(
        """INSERT INTO identification_undone (event_id, position, number, path, member, case_id,
            reason, by_organisation, by_person, at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            one.event,
            one.position,
            row.undone + 1,
            row.path,
            row.member,
            taken.case,
            unnamed(reason, one.posted_person),
            who.organisation,
            who.person,
            context.now,
        ),
    )
    tx.exec_driver_sql(
        "UPDATE identification SET undone = undone + 1, case_id = NULL, evidence = NULL, "
        "proposal = NULL WHERE event_id = %s AND position = %s",
        (one.event, one.position),
    )
    reviewed.take_back(tx, one.event, one.position)
    reviewed.keep_pairs(
        tx, one.event, one.position, row.evidence, found.member, context.now, wrong=row.member
    )
    Matcher(app.clock, app.rule_source, app.addresses).take(
        tx, told, {(one.event, one.position): found}
    )
    commands.close_groups(tx, {taken.parent} if taken.parent else set(), context)
    return {
        "case": tx.exec_driver_sql(
            "SELECT case_id::text FROM identification WHERE event_id = %s AND position = %s",
            (one.event, one.position),
        ).scalar(),
        **_left(tx, taken, row.member),
    }


def _left(tx: Connection, taken: undo.Taken, member: str | None) -> dict[str, Any]:
    """What the department is told of the wrong member, where people have acted on them."""
    if not taken.stays:
        return {"case_stays": False}
    now = rows(tx, "SELECT organisation, standing FROM member WHERE member = :m", {"m": member})[0]
    return {"case_stays": True, "affiliation": now.organisation, "standing": now.standing}


def _words(tx: Connection, posted_person: Mapping[str, Any], member: str | None) -> list[str]:
    """What was posted of the stranger and is not the member's own, longest first."""
    own = {value for r in rows(tx, _REGISTER, {"m": member}) for value in r.values()}
    destination = posted_person.get("to") or {}
    stated = {**(posted_person.get("person") or {}), "address": destination.get("address")}
    found = {
        stated.get(name)
        for name in (
            "name",
            "id_number",
            "birth_date",
            "phone",
            "address",
            "military_card",
            "id_token",
        )
    }
    return sorted(
        (v for v in found - own if isinstance(v, str) and len(v) > 1), key=len, reverse=True
    )


def _anew(
    tx: Connection,
    app: Surroundings,
    body: Mapping[str, Any],
    by: str,
    one: Announcement,
    row: Any,
) -> Decision:
    """Who it is now; where the body does not say, the desk decides among the others whom it may
    be.
    """
    if body.get("member") == row.member and row.member is not None:
        raise refuse(
            422,
            "same-member",
            "这正是原来认定的党员，请填写正确的一位。",
            "This is the member it was taken for; name the right one.",
            field="member",
        )
    if body.get("member") or body.get("not_a_member"):
        return found_of(tx, body, by, one)
    near = People().find(
        tx,
        [replace(one, posted_person=_unreferred(one.posted_person))],
        app.rule_source.context(tx, app.clock.now()),
    )
    found = near[one.event, one.position]
    pairs = [
        {**pair, "member": None if c["member"] == row.member else c["member"]}
        for pair, c in zip((found.evidence or {}).get("pairs", ()), found.candidates, strict=False)
    ]
    return Decision(
        "review",
        by=by,
        candidates=tuple(c for c in found.candidates if c["member"] != row.member),
        evidence={**found.evidence, "pairs": pairs} if found.evidence else None,
    )


def _unreferred(posted_person: Mapping[str, Any]) -> Mapping[str, Any]:
    """A posted person without the sender's reference, which has led to the wrong one."""
    stated = posted_person.get("person") or {}
    return {**posted_person, "person": {**stated, "member": None}}
