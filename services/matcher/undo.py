"""An identification that was wrong, undone: the wrong member's file is as if nothing had been
posted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from services.cases.commands import reports, undo
from services.cases.commands.arguments import REASON_MAX, bounded
from services.cases.commands.groups import close_groups
from services.cases.model.case import DecisionContext
from services.cases.routing.decision_table import OPENING
from services.cases.store import signs
from services.cases.views.queries import as_worker, look_at_cases
from services.kit.db.engine import rows
from services.matcher import (
    announcements,
    confirmed_addresses,
    desk_refusals,
    four_eyes,
    reviewed,
)
from services.matcher.announcements import Announcement, Place
from services.matcher.decision import Decision
from services.matcher.four_eyes import Actor
from services.matcher.handlers import Matcher
from services.matcher.member_locks import lock_members
from services.matcher.people import People
from services.matcher.redaction import particulars, unnamed
from services.matcher.review_list import place_of
from services.matcher.reviews import decision_of
from services.matcher.surroundings import Surroundings
from services.registry.access import Caller

SIGNS = frozenset({announcements.LIFE, announcements.DUES, announcements.CONTACT})
_SEEN = """
SELECT 1 FROM identification WHERE event_id = :event AND position = :position
UNION ALL SELECT 1 FROM statement WHERE event = :event AND position = :position
UNION ALL SELECT 1 FROM report WHERE event_id = :event AND position = :position"""
_IDENTIFICATION = """
SELECT i.decision, i.member, i.case_id, i.path, i.undone, i.evidence, i.proposal, e.type
FROM identification i JOIN posted_event e ON e.id = i.event_id
WHERE i.event_id = :event AND i.position = :position FOR UPDATE OF i"""
_OF_TREE = """
SELECT EXISTS (SELECT FROM member WHERE member = %(member)s AND starts_with(path, %(own)s))
    OR EXISTS (SELECT FROM transfer_case WHERE id = %(case)s
        AND starts_with(origin_path, %(own)s))"""
_REGISTERED = """
SELECT name, id_number, birth_date::text, phone, address, military_card FROM member
WHERE member = :member"""
_STANDS = "SELECT organisation, standing FROM member WHERE member = :member"
_NOTE = """
INSERT INTO identification_undone (event_id, position, number, path, member, case_id, reason,
    by_organisation, by_person, at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_CLEAR = """
UPDATE identification SET undone = undone + 1, case_id = NULL, evidence = NULL, proposal = NULL
WHERE event_id = %s AND position = %s"""
_CASE = "SELECT case_id::text FROM identification WHERE event_id = %s AND position = %s"


@dataclass(frozen=True, slots=True)
class _Undoing:
    """A match that somebody undoes.

    ``identification``: its row of `_IDENTIFICATION`. ``announcement``: as it counts once the match
    is undone. ``body``: what the actor says of the right person.
    """

    place: Place
    identification: Any
    announcement: Announcement
    body: Mapping[str, Any]
    actor: Actor
    context: DecisionContext

    @property
    def wrong(self) -> str:
        """The member whom the person was taken for."""
        return self.identification.member

    def proposal(self) -> dict[str, Any]:
        """What a second person has to say as well."""
        if self.body.get("not_a_member") is True:
            return {"undo": True, "not_a_member": True}
        if self.body.get("member"):
            return {"undo": True, "member": self.body["member"]}
        return {"undo": True}


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
        raise desk_refusals.departments_only()
    place = place_of(review_id)
    reason = _reason(body)
    look_at_cases(tx, caller)
    event, position = place
    if not rows(tx, _SEEN, {"event": event, "position": position}):
        raise desk_refusals.unknown()
    with as_worker(tx):
        undoing = _locked_match(tx, app, place, body, Actor.of(caller, person))
        _must_hold(tx, caller, undoing)
        decision = _anew(tx, undoing)
        if _waits_for_second(tx, undoing):
            proposal = {**undoing.proposal(), **undoing.actor.shown()}
            return {"id": review_id, "undone": False, "proposal": proposal}
        return {
            "id": review_id,
            "undone": True,
            "decision": decision.decision,
            **_undo(tx, app, undoing, decision, bounded(reason, REASON_MAX, "reason")),
        }


def _reason(body: Mapping[str, Any]) -> str:
    reason = body.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise desk_refusals.undone_without_reason()
    return reason


def _locked_match(
    tx: Connection, app: Surroundings, place: Place, body: Mapping[str, Any], actor: Actor
) -> _Undoing:
    """The match, locked; 409 where nobody was matched."""
    event, position = place
    announcements.hold(tx, [event])
    identification = rows(tx, _IDENTIFICATION, {"event": event, "position": position})[0]
    names_person = identification.type in OPENING | SIGNS
    if identification.decision != "match" or not names_person:
        raise desk_refusals.no_match_to_undo()
    announcement = announcements.read_at(tx, place)
    return _Undoing(
        place=place,
        identification=identification,
        announcement=replace(announcement, undone=identification.undone + 1),
        body=body,
        actor=actor,
        context=app.rule_source.context(tx, app.clock.now()),
    )


def _must_hold(tx: Connection, caller: Caller, undoing: _Undoing) -> None:
    """Raises Refused 403 unless the member it was taken for belongs, or belonged when the case
    began, to the caller's tree; 422 where the right one does not belong to it.
    """
    case_id = undoing.identification.case_id
    if not _is_of_tree(tx, caller, undoing.wrong, case_id):
        raise desk_refusals.not_yours_to_undo()
    right = undoing.body.get("member")
    if right and not _is_of_tree(tx, caller, str(right), None):
        raise desk_refusals.not_of_your_tree()


def _is_of_tree(tx: Connection, caller: Caller, member: str, case_id: Any) -> bool:
    asked = {"member": member, "case": case_id, "own": caller.path}
    return bool(tx.exec_driver_sql(_OF_TREE, asked).scalar_one())


def _waits_for_second(tx: Connection, undoing: _Undoing) -> bool:
    """Proposes to undo it where another person must say the same first."""
    identification = undoing.identification
    if identification.path not in four_eyes.asked_for(tx, {identification.path}):
        return False
    chosen = undoing.proposal()
    if four_eyes.seconded(identification.proposal, chosen, undoing.actor):
        return False
    four_eyes.propose(
        tx,
        undoing.place,
        chosen,
        undoing.actor,
        undoing.context.now,
        before=identification.proposal,
    )
    return True


def _undo(
    tx: Connection, app: Surroundings, undoing: _Undoing, decision: Decision, reason: str
) -> dict[str, Any]:
    """Takes the event out of the wrong member's file, and lets it run as now decided."""
    context = undoing.context
    lock_members(tx, [member for member in (undoing.wrong, decision.member) if member])
    taken = _take_out(tx, undoing, decision)
    _note(tx, undoing, taken, reason)
    reviewed.take_back(tx, undoing.place)
    reviewed.keep_wrong_pair(
        tx,
        undoing.place,
        undoing.identification.evidence,
        undoing.wrong,
        decision.member,
        context.now,
    )
    matcher = Matcher(app.clock, app.rule_source, app.addresses)
    matcher.take(tx, [undoing.announcement], {undoing.place: decision})
    close_groups(tx, {taken.parent} if taken.parent else set(), context)
    case_id = tx.exec_driver_sql(_CASE, undoing.place).scalar()
    return {"case": case_id, **_left(tx, taken, undoing.wrong)}


def _take_out(tx: Connection, undoing: _Undoing, decision: Decision) -> undo.Taken:
    """Takes what the event stated of the person out of wherever it went."""
    event, position = undoing.place
    actor = undoing.actor
    context = undoing.context
    if undoing.identification.type in SIGNS:
        signs.take_back(
            tx,
            event,
            position,
            context,
            undo.UNDO,
            undo.REASON,
            actor.organisation,
            actor.person,
        )
        _forget_report(tx, undoing.place)
        return undo.Taken()
    reports.withdraw(tx, event, position, context)
    _forget_report(tx, undoing.place)
    taken = undo.take_out(tx, _stranger(tx, undoing, decision), context)
    confirmed_addresses.forget(tx, taken.case, context.now)
    return taken


def _forget_report(tx: Connection, place: Place) -> None:
    tx.exec_driver_sql("DELETE FROM report WHERE event_id = %s AND position = %s", place)


def _stranger(tx: Connection, undoing: _Undoing, decision: Decision) -> undo.Stranger:
    """Whom the event was about, as the case has to forget them: without what is the member's own as
    well.
    """
    event, position = undoing.place
    announcement = undoing.announcement
    own: set[Any] = set()
    for row in rows(tx, _REGISTERED, {"member": undoing.wrong}):
        own |= set(row.values())
    return undo.Stranger(
        event,
        position,
        undoing.actor.organisation,
        undoing.actor.person,
        words=particulars(announcement, without=own),
        parent=announcement.parent_id if announcement.group else None,
        right=decision.member,
    )


def _note(tx: Connection, undoing: _Undoing, taken: undo.Taken, reason: str) -> None:
    """Keeps that the match was undone, by whom and why, and clears it."""
    identification = undoing.identification
    tx.exec_driver_sql(
        _NOTE,
        (
            *undoing.place,
            identification.undone + 1,
            identification.path,
            undoing.wrong,
            taken.case,
            unnamed(reason, undoing.announcement),
            undoing.actor.organisation,
            undoing.actor.person,
            undoing.context.now,
        ),
    )
    tx.exec_driver_sql(_CLEAR, undoing.place)


def _left(tx: Connection, taken: undo.Taken, member: str) -> dict[str, Any]:
    """What the department is told of the wrong member, where people have acted on them."""
    if not taken.stays:
        return {"case_stays": False}
    register = rows(tx, _STANDS, {"member": member})[0]
    return {
        "case_stays": True,
        "affiliation": register.organisation,
        "standing": register.standing,
    }


def _anew(tx: Connection, undoing: _Undoing) -> Decision:
    """Who it is now; where the body does not say, the desk decides among the others whom it may
    be.
    """
    named = undoing.body.get("member")
    if named and named == undoing.wrong:
        raise desk_refusals.same_member()
    by = undoing.actor.name
    if named or undoing.body.get("not_a_member"):
        return decision_of(tx, undoing.body, by, undoing.announcement)
    announcement = _unreferred(undoing.announcement)
    decisions = People().find(tx, [announcement], undoing.context)
    return among_others(decisions[announcement.place], undoing.wrong, by)


def among_others(decision: Decision, wrong: str, by: str) -> Decision:
    """The review in which somebody decides whom it may be, the ``wrong`` member left out."""
    others = [candidate for candidate in decision.candidates if candidate["member"] != wrong]
    evidence = None
    if decision.evidence:
        evidence = {**decision.evidence, "pairs": _pairs_of_others(decision, wrong)}
    return Decision("review", by=by, candidates=tuple(others), evidence=evidence)


def _pairs_of_others(decision: Decision, wrong: str) -> list[Mapping[str, Any]]:
    """How each candidate agreed; who the wrong one was is not named."""
    pairs: list[Mapping[str, Any]] = []
    for pair, candidate in zip(decision.pairs, decision.candidates, strict=False):
        member = candidate["member"]
        pairs.append({**pair, "member": None if member == wrong else member})
    return pairs


def _unreferred(announcement: Announcement) -> Announcement:
    """An announcement without the sender's reference, which has led to the wrong member."""
    stated = {**announcement.stated_person, "member": None}
    return replace(announcement, posted_person={**announcement.posted_person, "person": stated})
