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
from services.matcher import announcements, four_eyes, prompts, questions
from services.matcher.handlers import Matcher
from services.matcher.identity_compare import FIELDS
from services.matcher.model_store import model
from services.matcher.notes import spoken
from services.matcher.people import Found
from services.matcher.reviewed import keep_pairs
from services.registry.access import Caller

_OPEN = """
SELECT i.event_id, i.position, i.decided_at, i.candidates, i.model, i.proposal, i.path, i.notes, e.source, e.ext_id,
       e.type, e.organisation
FROM identification i JOIN posted_event e ON e.id = i.event_id
WHERE i.decision = 'review' AND (CAST(:at AS timestamptz) IS NULL
    OR (i.decided_at, i.event_id, i.position) > (:at, CAST(:event AS uuid), :position))
  AND (CAST(:only AS uuid) IS NULL OR (i.event_id, i.position) = (CAST(:only AS uuid), :number))
ORDER BY i.decided_at, i.event_id, i.position LIMIT :limit"""
_MEMBERS = """
SELECT member, name, sex, birth_date::text, right(id_number, 4) AS id_number_end, phone, organisation, standing
FROM member WHERE member = ANY (:m)"""
_MATCHED = """
(SELECT event_id, position, member, decided_by, decided_at, proposal FROM identification
 WHERE proposal IS NOT NULL AND decision = 'match' ORDER BY decided_at DESC LIMIT :limit)
UNION ALL
(SELECT event_id, position, member, decided_by, decided_at, proposal FROM identification
 WHERE decided_by IS NOT NULL AND decision = 'match' AND proposal IS NULL ORDER BY decided_at DESC LIMIT :limit)
LIMIT :limit"""
MASK = "○○"


def reviews(tx: Connection, *, limit: int = 100, cursor: tuple[datetime, str, int] | None = None,
            only: str | None = None, matched: bool = False) -> list[dict[str, Any]]:
    """Open reviews that this transaction sees: what was posted, the candidates with their reasons and field weights,
    the first of two decisions, questions. ``only``: the one of that id. ``matched``: instead, the matches of which one of
    two persons has proposed to undo them, and what people last matched.
    """
    if matched:
        return [{"id": f"{r.event_id}:{r.position}", "member": r.member, "by": r.decided_by,
                 "undo_proposed_by": (r.proposal or {}).get("by"), "at": r.decided_at.astimezone(ZONE).isoformat()}
                for r in rows(tx, _MATCHED, {"limit": limit})]
    at, event, position = cursor or (None, None, None)
    slot = slot_of(only) if only else (None, None)
    found = rows(tx, _OPEN, {"limit": limit, "at": at, "event": event, "position": position, "only": slot[0],
                             "number": slot[1]})
    with as_worker(tx):
        events = [str(r.event_id) for r in found]
        posted = {(r.event_id, r.position): r.body for r in rows(
            tx, "SELECT event_id, position, body FROM posted_person WHERE event_id = ANY (CAST(:e AS uuid[]))",
            {"e": events})}
        near = {c["member"] for r in found for c in r.candidates or ()}
        members = {r.member: dict(r) for r in rows(tx, _MEMBERS, {"m": sorted(near)})}
        asked = questions.of_events(tx, events)
        double = four_eyes.asked_for(tx, {r.path for r in found})
        judges = {r.model: model(tx, r.model) for r in found if r.model != "none"}
    return [{"id": f"{r.event_id}:{r.position}", "source": r.source, "event": r.ext_id, "type": r.type,
             "at": r.decided_at.astimezone(ZONE).isoformat(), "four_eyes": r.path in double, "proposal": r.proposal,
             "questions": asked.get((r.event_id, r.position), []), "model": r.model,
             "notes": [{"code": code, "zh": words.zh, "en": words.en} for code, words in spoken(r.notes)],
             "person": _person(posted.get((r.event_id, r.position))),
             "candidates": [{**c, "record": members.get(c["member"]), "weights": _weights(judges.get(r.model), c)}
                            for c in r.candidates or ()]} for r in found]


def _person(body: Mapping[str, Any] | None) -> dict[str, Any]:
    """The person as posted; of a token only that there was one."""
    said = dict((body or {}).get("person") or {})
    token, address = said.pop("id_token", None), ((body or {}).get("to") or {}).get("address")
    return said | ({"address": address} if address else {}) | ({"id_token": True} if token else {})


def _weights(judge: Any, candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Field by field what the two records' agreement adds to the odds, in bits, with its words."""
    if judge is None or not candidate.get("levels"):
        return []
    bits = judge.bits(tuple(candidate["levels"]), candidate.get("rareness", 0.0))
    said = {reason["field"]: reason for reason in candidate["reasons"]}
    names = {"number": "id_number", "birth": "birth_date"}
    return [{"field": name, "bits": bits[field], "level": said[name]["level"], "words": said[name]["words"]}
            for field in FIELDS if (name := names.get(field, field)) in said]


def slot_of(review_id: str) -> tuple[UUID, int]:
    """The event and position that a review's id names; 404 where it is none."""
    event, _, position = review_id.partition(":")
    try:
        number = int(position)
        if not 0 <= number < 100_000:
            raise ValueError
        return UUID(event), number
    except ValueError:
        raise unknown() from None


def decide_review(tx: Connection, house: Any, caller: Caller, review_id: str, body: Mapping[str, Any],
                  person: str | None = None) -> dict[str, Any]:
    """Acts on one review: ``{"member"}`` or ``{"not_a_member": true, "reason"}`` decide it, ``{"ask": text}`` asks the
    sender, ``{"answer": text}`` is the sender's answer.

    404 not seen, 409 decided already. Where four eyes are asked for, a decision is a proposal until another person
    says the same. Returns ``{"id", "decided", "proposal"?}``.
    """
    event, number = slot_of(review_id)
    look_at_cases(tx, caller)
    seen = rows(tx, """SELECT i.path, e.organisation FROM identification i JOIN posted_event e ON e.id = i.event_id
                       WHERE i.event_id = :e AND i.position = :p""", {"e": event, "p": number})
    if not seen:
        raise unknown()
    who = four_eyes.Who(caller.organisation, person, str(caller.key_id) if caller.key_id and not person else None)
    if "ask" in body or "answer" in body:
        with as_worker(tx):
            announcements.hold(tx, [event])
            standing(tx, event, number)
            act = questions.ask if "ask" in body else questions.answer
            now = house.clock.now()
            world = house.ground.world(tx, now)
            asked = prompts.desk(seen[0].organisation, world)
            act(tx, event, number, seen[0].path, asked, who, body.get("ask", body.get("answer")), now)
            prompts.settle_of(tx, event, number, world)
        return {"id": review_id, "decided": False}
    with as_worker(tx):
        announcements.hold(tx, [event])
        row = standing(tx, event, number)
        chosen = checked(tx, body)
        if seen[0].path in four_eyes.asked_for(tx, {seen[0].path}):
            if not four_eyes.seconded(row.proposal, chosen, who):
                four_eyes.propose(tx, event, number, chosen, who, house.clock.now(), row.proposal)
                return {"id": review_id, "decided": False, "proposal": chosen | who.shown()}
            by = f"{row.proposal['by']}；{who.name}"
        else:
            by = who.name
    decide(tx, house, event, number, body, by)
    return {"id": review_id, "decided": True}


def decide(tx: Connection, house: Any, event: UUID, position: int, body: Mapping[str, Any], by: str | None) -> None:
    """Decides within the caller's transaction, whoever the caller is."""
    with as_worker(tx):
        announcements.hold(tx, [event])
        row = standing(tx, event, position)
        told = [a for a in announcements.read(tx, [event]) if a.position == position]
        found = found_of(tx, body, by, told[0], row.evidence)
        keep_pairs(tx, event, position, row.evidence, found.member, house.clock.now())
        Matcher(house.clock, house.ground, house.addresses).take(tx, told, {(event, position): found})
        questions.forget(tx, event, position)
        prompts.settle_of(tx, event, position, house.ground.world(tx, house.clock.now()))


def standing(tx: Connection, event: UUID, position: int) -> Any:
    """The row of an open review, locked; 404 unknown, 409 decided."""
    found = rows(tx, "SELECT decision, evidence, proposal FROM identification WHERE event_id = :e AND position = :p "
                     "FOR UPDATE", {"e": event, "p": position})
    if not found:
        raise unknown()
    if found[0].decision == "withdrawn":
        raise refuse(409, "review-decided", "报送单位已撤回或更正这条报送，不用再核对。",
                     "The sender has withdrawn or corrected this posting; nobody need say who it is.")
    if found[0].decision != "review":
        raise refuse(409, "review-decided", "这条核对已有结论。", "This review has been decided already.")
    return found[0]


def checked(tx: Connection, body: Mapping[str, Any]) -> dict[str, Any]:
    """The decision in a body: ``{"member"}`` or ``{"not_a_member", "reason"}``; 422 where it is neither."""
    if body.get("not_a_member") is True:
        reason = body.get("reason")
        if not isinstance(reason, str) or not reason.strip():
            raise refuse(422, "field-missing", "请填写认定不是党员的理由 reason。", "Give the reason.", field="reason")
        return {"not_a_member": True, "reason": reason.strip()[:500]}
    member = body.get("member")
    known = rows(tx, "SELECT member FROM member WHERE member = :m", {"m": str(member)}) if member else ()
    if not known:
        raise refuse(422, "no-such-member", "登记册中没有这名党员，请核对 member。",
                     "The register has no such member.", field="member")
    return {"member": known[0].member}


def found_of(tx: Connection, body: Mapping[str, Any], by: str | None, one: announcements.Announcement,
             evidence: Mapping[str, Any] | None = None) -> Found:
    """The decision in a body as the matcher takes it; of a stranger even the reason names nobody.

    Who reported in at a host and is no member of ours belongs to an organisation outside (interface.md §7.1).
    """
    chosen = checked(tx, body)
    if "not_a_member" in chosen:
        return Found("outside" if one.kind == announcements.HOST_REPORT else "not_a_member", by=by,
                     reason=unnamed(chosen["reason"], one.slot))
    home = rows(tx, "SELECT organisation FROM member WHERE member = :m", {"m": chosen["member"]})[0].organisation
    if evidence:
        evidence = dict(evidence) | {"pairs": [p if p.get("member") == chosen["member"] else {**p, "member": None}
                                               for p in evidence.get("pairs", ())]}
    return Found("match", chosen["member"], home, by=by, evidence=evidence)


def unnamed(text: str, slot: Mapping[str, Any]) -> str:
    """A text without what was posted of the person, should somebody have written it there."""
    said = {**(slot.get("person") or {}), "address": (slot.get("to") or {}).get("address")}
    for value in sorted((v for v in said.values() if isinstance(v, str) and len(v) > 1), key=len, reverse=True):
        text = text.replace(value, MASK)
    return text


def unknown():
    """What is said of a review that there is none of, or that is another's."""
    return refuse(404, "no-such-review", "没有这条待核对，或不归本组织核对。", "There is no such review.")
