"""What stands on the review desk: persons whose identity a person decides, as each reader may see
them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases.views import case_access
from services.cases.views.queries import as_worker
from services.identity.model import Model
from services.kit.clock import ZONE
from services.kit.db.engine import rows
from services.matcher import candidates, four_eyes, questions, sender_hints
from services.matcher.announcements import Place
from services.matcher.candidates import Candidate
from services.matcher.desk_refusals import unknown
from services.matcher.judging import bits_by_field
from services.matcher.model_store import model
from services.matcher.review_reader import Reader, bounds
from services.matcher.surroundings import Surroundings
from services.registry.access import Caller

POSITIONS_MAX = 100_000
# what an organisation posted, or an organisation below it, and whoever may be a member of its tree
_OPEN = """
SELECT i.event_id, i.position, i.decided_at, i.candidates, i.model, i.proposal, i.path, i.notes,
    e.source, e.ext_id,
       e.type, e.organisation
FROM identification i JOIN posted_event e ON e.id = i.event_id
WHERE i.decision = 'review' AND (CAST(:at AS timestamptz) IS NULL
    OR (i.decided_at, i.event_id, i.position) > (:at, CAST(:event AS uuid), :position))
  AND (CAST(:only AS uuid) IS NULL OR (i.event_id, i.position) = (CAST(:only AS uuid), :number))
  AND (i.path ~>=~ :lo AND i.path ~<~ :hi OR (i.event_id, i.position) IN (
      SELECT k.event_id, k.position FROM review_candidate k JOIN member m ON m.member = k.member
      WHERE k.denied_at IS NULL AND m.path ~>=~ :lo AND m.path ~<~ :hi))
ORDER BY i.decided_at, i.event_id, i.position LIMIT :limit"""
_COUNT = """
SELECT count(*) AS number FROM identification i
WHERE i.decision = 'review' AND (i.path ~>=~ :lo AND i.path ~<~ :hi OR (i.event_id, i.position) IN (
    SELECT k.event_id, k.position FROM review_candidate k JOIN member m ON m.member = k.member
    WHERE k.denied_at IS NULL AND m.path ~>=~ :lo AND m.path ~<~ :hi))"""
_MEMBERS = """
SELECT member, name, sex, birth_date::text, right(id_number, 4) AS id_number_end, phone,
    organisation, standing
FROM member WHERE member = ANY (:members)"""
# of members of the caller's tree alone
_MATCHED = """
(SELECT i.event_id, i.position, i.member, i.decided_by, i.decided_at, i.proposal
 FROM identification i JOIN member m ON m.member = i.member
 WHERE i.proposal IS NOT NULL AND i.decision = 'match' AND m.path ~>=~ :lo AND m.path ~<~ :hi
 ORDER BY i.decided_at DESC LIMIT :limit)
UNION ALL
(SELECT i.event_id, i.position, i.member, i.decided_by, i.decided_at, i.proposal
 FROM identification i JOIN member m ON m.member = i.member
 WHERE i.decided_by IS NOT NULL AND i.decision = 'match' AND i.proposal IS NULL AND m.path ~>=~ :lo
     AND m.path ~<~ :hi
 ORDER BY i.decided_at DESC LIMIT :limit)
LIMIT :limit"""
_BODIES = """
SELECT event_id, position, body FROM posted_person WHERE event_id = ANY (CAST(:events AS uuid[]))"""
LOOK = "review"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewQuery:
    """Which part of the desk is asked for, and by whom.

    ``person``: who signed in. ``cursor``: time, event and position of the last review seen.
    ``only``: the review of that id alone. ``matched``: instead of open reviews, the matches of
    members of the caller's tree of which one of two persons has proposed to undo them, and what
    people last matched.
    """

    person: str | None = None
    limit: int = 100
    cursor: tuple[datetime, str, int] | None = None
    only: str | None = None
    matched: bool = False


def reviews(
    tx: Connection, app: Surroundings, caller: Caller, query: ReviewQuery
) -> list[dict[str, Any]]:
    """Open reviews that the caller may see: what was posted, the candidates, the first of two
    decisions, questions.

    Seen are those that the caller's tree posted, and those that may mean a member of the caller's
    tree. The record of a candidate, with the weights, is for who has that member in their tree; to
    others it is a token with levels of agreement (interface.md §7.5).
    """
    with as_worker(tx):
        reader = Reader(caller, query.person, app.rule_source.context(tx, app.clock.now()))
        if query.matched:
            matches = rows(tx, _MATCHED, {"limit": query.limit, **bounds(caller)})
            return [_match(row) for row in matches]
        open_reviews = rows(tx, _OPEN, _parameters(query, caller))
        page = _read_page(tx, open_reviews, reader)
        page.record_look(tx)
        return [page.review(row) for row in open_reviews]


def _parameters(query: ReviewQuery, caller: Caller) -> dict[str, Any]:
    at, event, position = query.cursor or (None, None, None)
    only, number = place_of(query.only) if query.only else (None, None)
    return {
        "limit": query.limit,
        "at": at,
        "event": event,
        "position": position,
        "only": only,
        "number": number,
        **bounds(caller),
    }


def reviews_waiting(tx: Connection, caller: Caller) -> int:
    """How many open reviews the caller may see."""
    with as_worker(tx):
        return rows(tx, _COUNT, bounds(caller))[0].number


def place_of(review_id: str) -> Place:
    """The event and position that a review's id names; 404 where it is none."""
    event, _, position = review_id.partition(":")
    try:
        place = UUID(event), int(position)
    except ValueError:
        raise unknown() from None
    if not 0 <= place[1] < POSITIONS_MAX:
        raise unknown()
    return place


def review_id(place: Place) -> str:
    """How others name the review of a posted person."""
    event, position = place
    return f"{event}:{position}"


def _match(row: Any) -> dict[str, Any]:
    proposal = row.proposal or {}
    return {
        "id": review_id((row.event_id, row.position)),
        "member": row.member,
        "by": row.decided_by,
        "undo_proposed_by": proposal.get("by"),
        "at": row.decided_at.astimezone(ZONE).isoformat(),
    }


@dataclass(frozen=True, slots=True)
class _Page:
    """What was read beside the rows of some reviews.

    ``bodies``: persons as posted. ``candidates``: whom each review may mean. ``records``: of
    members of the reader's tree. ``two_persons``: paths of posters whose reviews need two.
    """

    reader: Reader
    bodies: Mapping[Place, Mapping[str, Any] | None]
    candidates: Mapping[Place, Sequence[Candidate]]
    records: Mapping[str, Mapping[str, Any]]
    questions: Mapping[Place, Sequence[Mapping[str, Any]]]
    two_persons: Collection[str]
    models: Mapping[str, Model]

    def record_look(self, tx: Connection) -> None:
        """Records that the reader looked at the candidates."""
        seen: list[tuple[str, str]] = []
        for of_review in self.candidates.values():
            seen += [(candidate.member, candidate.path) for candidate in of_review]
        organisation = self.reader.caller.own_organisation
        person = self.reader.person
        case_access.record(tx, seen, organisation, person, LOOK, self.reader.context)

    def review(self, row: Any) -> dict[str, Any]:
        """One review as the reader may see it."""
        place = row.event_id, row.position
        posted_here = self.reader.owns(row.path)
        of_review = self.candidates.get(place, ())
        held = self.reader.held(of_review, posted_here=posted_here)
        return {
            "id": review_id(place),
            "source": row.source,
            "event": row.ext_id,
            "type": row.type,
            "at": row.decided_at.astimezone(ZONE).isoformat(),
            "four_eyes": row.path in self.two_persons,
            "proposal": self._proposal(row.proposal, of_review),
            "questions": self.questions.get(place, []),
            "model": row.model,
            "notes": sender_hints.shown(row.notes),
            "person": shown_person(self.bodies.get(place), posted_here=posted_here),
            "decides": may_deny(of_review, held, posted_here=posted_here),
            "candidates": self._candidates(row, of_review, held),
        }

    def _candidates(
        self, row: Any, of_review: Sequence[Candidate], held: Collection[Candidate]
    ) -> list[dict[str, Any]]:
        """The candidates that nobody has denied, in the order of the model."""
        by_member = {candidate.member: candidate for candidate in of_review}
        candidates_shown: list[dict[str, Any]] = []
        for judged in row.candidates or ():
            candidate = by_member.get(judged["member"])
            if candidate is not None:
                shown = self._candidate(judged, candidate, self.models.get(row.model))
                candidates_shown.append({**shown, "decides": candidate in held})
        return candidates_shown

    def _candidate(
        self, judged: Mapping[str, Any], candidate: Candidate, judge: Model | None
    ) -> dict[str, Any]:
        """A candidate: the record where the member is of the reader's tree, else levels and a
        token.
        """
        record = self.records.get(candidate.member)
        if record is None:
            return {
                "member": candidate.token,
                "candidate": candidate.token,
                "own": False,
                "reasons": judged["reasons"],
                "record": None,
                "weights": judged["reasons"],
            }
        return {
            **judged,
            "candidate": candidate.token,
            "own": True,
            "record": record,
            "weights": _weights(judge, judged),
        }

    def _proposal(
        self, proposal: Mapping[str, Any] | None, of_review: Sequence[Candidate]
    ) -> dict[str, Any] | None:
        """The first of two decisions; a member of another tree is named by the token, or not at
        all.
        """
        if not proposal:
            return None
        member = proposal.get("member")
        if not member or member in self.records:
            return dict(proposal)
        tokens = {candidate.member: candidate.token for candidate in of_review}
        return {**proposal, "member": tokens.get(member)}


def _read_page(tx: Connection, open_reviews: Sequence[Any], reader: Reader) -> _Page:
    """Reads whatever stands beside the rows of open reviews."""
    events = [str(row.event_id) for row in open_reviews]
    posted = rows(tx, _BODIES, {"events": events})
    of_reviews = candidates.of_reviews(tx, events)
    return _Page(
        reader=reader,
        bodies={(row.event_id, row.position): row.body for row in posted},
        candidates=of_reviews,
        records=_own_records(tx, of_reviews.values(), reader),
        questions=questions.of_events(tx, events),
        two_persons=four_eyes.asked_for(tx, {row.path for row in open_reviews}),
        models=_models(tx, {row.model for row in open_reviews}),
    )


def _own_records(
    tx: Connection, of_reviews: Collection[Sequence[Candidate]], reader: Reader
) -> dict[str, dict[str, Any]]:
    """The register's records of those candidates who are members of the reader's tree."""
    own: set[str] = set()
    for of_review in of_reviews:
        own.update(candidate.member for candidate in of_review if reader.owns(candidate.path))
    registered = rows(tx, _MEMBERS, {"members": sorted(own)})
    return {row.member: dict(row) for row in registered}


def _models(tx: Connection, versions: Collection[str]) -> dict[str, Model]:
    return {version: model(tx, version) for version in versions if version != "none"}


def may_deny(
    of_review: Collection[Candidate], held: Collection[Candidate], *, posted_here: bool
) -> bool:
    """Whether the reader may say that it is nobody: of the candidates they hold; where none stands,
    of what they posted.
    """
    return bool(held) if of_review else posted_here


def shown_person(body: Mapping[str, Any] | None, *, posted_here: bool = True) -> dict[str, Any]:
    """The person as posted; of a token only that there was one. Where they go is for the tree that
    posted it, and the sender's reference too.
    """
    posted = body or {}
    stated = dict(posted.get("person") or {})
    token = stated.pop("id_token", None)
    if posted_here:
        address = (posted.get("to") or {}).get("address")
        if address:
            stated["address"] = address
    else:
        stated.pop("member", None)
    if token:
        stated["id_token"] = True
    return stated


def _weights(judge: Model | None, judged: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Field by field what the two records' agreement adds to the odds, in bits, with its words."""
    if judge is None or not judged.get("levels"):
        return []
    reasons = {reason["field"]: reason for reason in judged["reasons"]}
    weights: list[dict[str, Any]] = []
    bits = bits_by_field(judge, judged["levels"], judged.get("rareness", 0.0))
    for field, value in bits.items():
        reason = reasons.get(field)
        if reason is None:
            continue
        weight = {
            "field": field,
            "bits": value,
            "level": reason["level"],
            "words": reason["words"],
        }
        weights.append(weight)
    return weights
