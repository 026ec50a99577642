"""Acts at the review desk: a person decides who was posted; then the event runs as if matched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases.commands.arguments import REASON_MAX, bounded
from services.cases.views.queries import as_worker, look_at_cases
from services.kit.db.engine import rows
from services.matcher import (
    announcements,
    candidates,
    desk_refusals,
    four_eyes,
    questions,
    review_tasks,
)
from services.matcher.announcements import Announcement, Place
from services.matcher.candidates import Candidate
from services.matcher.decision import Decision
from services.matcher.four_eyes import Actor
from services.matcher.handlers import Matcher
from services.matcher.redaction import unnamed
from services.matcher.review_list import may_deny, place_of
from services.matcher.review_reader import Reader
from services.matcher.reviewed import keep_pairs
from services.matcher.surroundings import Surroundings
from services.registry.access import Caller

_POSTED = """
SELECT i.path, e.organisation FROM identification i JOIN posted_event e ON e.id = i.event_id
WHERE i.event_id = :event AND i.position = :position"""
_STANDING = """
SELECT decision, evidence, proposal FROM identification
WHERE event_id = :event AND position = :position FOR UPDATE"""
_REGISTERED = "SELECT member, organisation, path FROM member WHERE member = :member"


@dataclass(frozen=True, slots=True)
class _Review:
    """An open review as one reader acts on it.

    ``path`` and ``poster``: of the organisation that posted. ``candidates``: whom nobody has
    denied. ``proposal``: the first of two decisions.
    """

    id: str
    place: Place
    path: str
    poster: str
    candidates: Sequence[Candidate]
    proposal: Mapping[str, Any] | None
    reader: Reader

    @property
    def held(self) -> list[Candidate]:
        """The candidates of whom the reader may say that it is they."""
        return self.reader.held(self.candidates, posted_here=self._posted_here)

    @property
    def deniable(self) -> bool:
        """Whether the reader may say that it is nobody."""
        return may_deny(self.candidates, self.held, posted_here=self._posted_here)

    @property
    def _posted_here(self) -> bool:
        return self.reader.owns(self.path)

    def of_token(self, token: str) -> Candidate | None:
        """The candidate whom others call ``token``."""
        return next((c for c in self.candidates if c.token == token), None)

    def as_seen(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """A choice as its maker may see it: a candidate of another tree stays a token."""
        for candidate in self.candidates:
            is_chosen = candidate.member == chosen.get("member")
            if is_chosen and not self.reader.owns(candidate.path):
                return {**chosen, "member": candidate.token}
        return dict(chosen)


def decide_review(
    tx: Connection,
    app: Surroundings,
    caller: Caller,
    review_id: str,
    body: Mapping[str, Any],
    person: str | None = None,
) -> dict[str, Any]:
    """Acts on one review: ``{"member"}`` or ``{"not_a_member": true, "reason"}`` decide it,
    ``{"ask": text}`` asks the sender, ``{"answer": text}`` is the sender's answer.

    ``member`` is a candidate's token or reference, or any member of the caller's own tree. Who
    holds a candidate may say that it is they; a mere sender may not. ``not_a_member`` denies the
    candidates that the caller holds: once nobody who holds one has left it open, the person is no
    member. 404 not seen, 409 decided already, 403 not the caller's to say, 422 no candidate. Where
    four eyes are asked for, a decision is a proposal until another person says the same. Returns
    ``{"id", "decided", "proposal"?}``.
    """
    place = place_of(review_id)
    look_at_cases(tx, caller)
    actor = Actor.of(caller, person)
    with as_worker(tx):
        reader = Reader(caller, person, app.rule_source.context(tx, app.clock.now()))
        review = _open_review(tx, review_id, place, reader)
        if "ask" in body or "answer" in body:
            return _ask_or_answer(tx, review, actor, body)
        chosen = _chosen(tx, body, review)
        two_persons = review.path in four_eyes.asked_for(tx, {review.path})
        if two_persons and not four_eyes.seconded(review.proposal, chosen, actor):
            return _propose(tx, review, chosen, actor)
        if "not_a_member" in chosen and _is_left_to_others(tx, review):
            return {"id": review_id, "decided": False, "denied": True}
    by = actor.name
    if two_persons and review.proposal:
        by = f"{review.proposal['by']}；{actor.name}"
    decide(tx, app, *place, chosen, by)
    return {"id": review_id, "decided": True}


def _open_review(tx: Connection, review_id: str, place: Place, reader: Reader) -> _Review:
    """The review, locked, where the reader's tree posted it or a candidate is of the reader's tree;
    else 404. 409 where it is decided.
    """
    event, position = place
    posted = rows(tx, _POSTED, {"event": event, "position": position})
    if not posted or not _may_see(tx, place, posted[0].path, reader):
        raise desk_refusals.unknown()
    announcements.hold(tx, [event])
    identification = standing(tx, place)
    return _Review(
        id=review_id,
        place=place,
        path=posted[0].path,
        poster=posted[0].organisation,
        candidates=candidates.of_review(tx, place),
        proposal=identification.proposal,
        reader=reader,
    )


def _may_see(tx: Connection, place: Place, path: str, reader: Reader) -> bool:
    if reader.owns(path):
        return True
    return bool(reader.held(candidates.of_review(tx, place), posted_here=False))


def _ask_or_answer(
    tx: Connection, review: _Review, actor: Actor, body: Mapping[str, Any]
) -> dict[str, Any]:
    context = review.reader.context
    if "ask" in body:
        questions.ask(tx, review.place, review.path, actor, body["ask"], context.now)
    else:
        asked = review_tasks.desk(review.poster, context)
        questions.answer(tx, review.place, asked, actor, body["answer"], context.now)
    review_tasks.settle_of(tx, review.place, context)
    return {"id": review.id, "decided": False}


def _chosen(tx: Connection, body: Mapping[str, Any], review: _Review) -> dict[str, Any]:
    """The decision in a body, where it is the reader's to say.

    A reference outside the reader's tree is answered alike whether it is a candidate's or nobody's,
    so that trying references tells nothing.
    """
    if body.get("not_a_member") is True:
        if not review.deniable:
            raise desk_refusals.not_yours_to_say()
        return checked(tx, body)
    named = str(body.get("member") or "")
    candidate = review.of_token(named)
    if candidate is not None:
        if candidate not in review.held:
            raise desk_refusals.not_yours_to_say()
        return {"member": candidate.member}
    is_held = any(candidate.member == named for candidate in review.held)
    if is_held or _is_of_own_tree(tx, named, review.reader):
        return checked(tx, {"member": named})
    raise desk_refusals.not_a_candidate()


def _is_of_own_tree(tx: Connection, member: str, reader: Reader) -> bool:
    registered = _registered(tx, member)
    return registered is not None and reader.owns(registered.path)


def _registered(tx: Connection, member: str | None) -> Any:
    """The member's row of the register; None where there is none."""
    if not member:
        return None
    return next(iter(rows(tx, _REGISTERED, {"member": member})), None)


def _propose(
    tx: Connection, review: _Review, chosen: Mapping[str, Any], actor: Actor
) -> dict[str, Any]:
    """Keeps the decision until a second person says the same."""
    four_eyes.propose(
        tx, review.place, chosen, actor, review.reader.context.now, before=review.proposal
    )
    proposal = {**review.as_seen(chosen), **actor.shown()}
    return {"id": review.id, "decided": False, "proposal": proposal}


def _is_left_to_others(tx: Connection, review: _Review) -> bool:
    """Denies the candidates that the reader holds; whether others are left, whose holders are asked
    now.
    """
    held = review.held
    left = [candidate for candidate in review.candidates if candidate not in held]
    if not left:
        return False
    context = review.reader.context
    by = review.reader.caller.own_organisation
    candidates.deny(tx, review.place, held, by, context.now)
    candidates.ask_anew(tx, review.place, review.poster, left, context)
    four_eyes.forget_proposal(tx, review.place)
    review_tasks.settle_of(tx, review.place, context)
    return True


def decide(
    tx: Connection,
    app: Surroundings,
    event: UUID,
    position: int,
    body: Mapping[str, Any],
    by: str | None,
) -> None:
    """Decides within the caller's transaction, whoever the caller is."""
    place = event, position
    with as_worker(tx):
        announcements.hold(tx, [event])
        identification = standing(tx, place)
        announcement = announcements.read_at(tx, place)
        decision = decision_of(tx, body, by, announcement, identification.evidence)
        keep_pairs(tx, place, identification.evidence, decision.member, app.clock.now())
        matcher = Matcher(app.clock, app.rule_source, app.addresses)
        matcher.take(tx, [announcement], {place: decision})
        questions.forget(tx, place)
        review_tasks.settle_of(tx, place, app.rule_source.context(tx, app.clock.now()))
        candidates.forget(tx, place)


def standing(tx: Connection, place: Place) -> Any:
    """The row of an open review, locked; 404 unknown, 409 decided."""
    event, position = place
    identifications = rows(tx, _STANDING, {"event": event, "position": position})
    if not identifications:
        raise desk_refusals.unknown()
    identification = identifications[0]
    if identification.decision == "withdrawn":
        raise desk_refusals.taken_back()
    if identification.decision != "review":
        raise desk_refusals.decided_already()
    return identification


def checked(tx: Connection, body: Mapping[str, Any]) -> dict[str, Any]:
    """The decision in a body: ``{"member"}`` or ``{"not_a_member", "reason"}``; 422 where it is
    neither.
    """
    if body.get("not_a_member") is True:
        reason = body.get("reason")
        if not isinstance(reason, str) or not reason.strip():
            raise desk_refusals.without_reason()
        return {"not_a_member": True, "reason": bounded(reason, REASON_MAX, "reason")}
    member = body.get("member")
    registered = _registered(tx, str(member)) if member else None
    if registered is None:
        raise desk_refusals.not_registered()
    return {"member": registered.member}


def decision_of(
    tx: Connection,
    body: Mapping[str, Any],
    by: str | None,
    announcement: Announcement,
    evidence: Mapping[str, Any] | None = None,
) -> Decision:
    """The decision in a body as the matcher takes it; of a stranger even the reason names nobody.

    Who reported in at a host and is no member of ours belongs to an organisation outside
    (interface.md §7.1).
    """
    chosen = checked(tx, body)
    if "not_a_member" in chosen:
        is_walk_in = announcement.kind == announcements.HOST_REPORT
        return Decision(
            "outside" if is_walk_in else "not_a_member",
            by=by,
            reason=unnamed(chosen["reason"], announcement),
        )
    member = _registered(tx, chosen["member"])
    return Decision(
        "match",
        member.member,
        member.organisation,
        by=by,
        evidence=evidence_of(member.member, evidence),
    )


def evidence_of(member: str, evidence: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The evidence of a match: of the other candidates the levels stay, but not who they are."""
    if not evidence:
        return evidence
    pairs: list[Mapping[str, Any]] = []
    for pair in evidence.get("pairs", ()):
        is_member = pair.get("member") == member
        pairs.append(pair if is_member else {**pair, "member": None})
    return {**evidence, "pairs": pairs}
