"""The review desk: persons whose identity a person decides; once decided, the event runs as if
matched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases.commands.arguments import REASON_MAX, bounded, refuse
from services.cases.model.case import DecisionContext
from services.cases.views import case_access
from services.cases.views.queries import as_worker, look_at_cases
from services.identity.compare import FIELDS
from services.kit.clock import ZONE
from services.kit.db.engine import rows
from services.kit.errors import Refused
from services.matcher import announcements, candidates, four_eyes, questions, review_tasks
from services.matcher.candidates import Candidate
from services.matcher.handlers import Matcher
from services.matcher.model_store import model
from services.matcher.people import Decision
from services.matcher.reviewed import keep_pairs
from services.matcher.sender_hints import spoken
from services.matcher.surroundings import Surroundings
from services.registry.access import Caller
from services.registry.tree import just_after

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
FROM member WHERE member = ANY (:m)"""
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
_SEEN = """
SELECT i.path, i.asks_sender, e.organisation FROM identification i JOIN posted_event e
    ON e.id = i.event_id
WHERE i.event_id = :e AND i.position = :p"""
MASK = "○○"
LOOK = "review"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at the desk: a caller, the person who signed in, and the world in which lines are
    drawn.
    """

    caller: Caller
    person: str | None
    context: DecisionContext

    @property
    def bounds(self) -> dict[str, str]:
        """The paths of the caller's own tree."""
        return {"lo": self.caller.path, "hi": just_after(self.caller.path)}

    def owns(self, path: str) -> bool:
        """Whether a path lies in the caller's own tree."""
        return path.startswith(self.caller.path)


def reviews(  # noqa: PLR0913
    tx: Connection,
    app: Surroundings,
    caller: Caller,
    *,
    person: str | None = None,
    limit: int = 100,
    cursor: tuple[datetime, str, int] | None = None,
    only: str | None = None,
    matched: bool = False,
) -> list[dict[str, Any]]:
    """Open reviews that the caller may see: what was posted, the candidates, the first of two
    decisions, questions.

    Seen are those that the caller's tree posted, and those that may mean a member of the caller's
    tree. The record of a candidate, with the weights, is for who has that member in their tree; to
    others it is a token with levels of agreement (interface.md §7.5). ``only``: the one of that id.
    ``matched``: instead, the matches of members of the caller's tree of which one of two persons
    has proposed to undo them, and what people last matched.
    """
    with as_worker(tx):
        reader = Reader(caller, person, app.rule_source.context(tx, app.clock.now()))
        if matched:
            return [_matched(row) for row in rows(tx, _MATCHED, {"limit": limit, **reader.bounds})]
        at, event, position = cursor or (None, None, None)
        slot = slot_of(only) if only else (None, None)
        found = rows(
            tx,
            _OPEN,
            {
                "limit": limit,
                "at": at,
                "event": event,
                "position": position,
                "only": slot[0],
                "number": slot[1],
                **reader.bounds,
            },
        )
        return _shown(tx, found, reader)


def reviews_waiting(tx: Connection, caller: Caller) -> int:
    """How many open reviews the caller may see."""
    with as_worker(tx):
        return rows(tx, _COUNT, {"lo": caller.path, "hi": just_after(caller.path)})[0].number


def _matched(row: Any) -> dict[str, Any]:
    return {
        "id": f"{row.event_id}:{row.position}",
        "member": row.member,
        "by": row.decided_by,
        "undo_proposed_by": (row.proposal or {}).get("by"),
        "at": row.decided_at.astimezone(ZONE).isoformat(),
    }


def _shown(tx: Connection, found: Sequence[Any], reader: Reader) -> list[dict[str, Any]]:
    events = [str(r.event_id) for r in found]
    posted = {
        (r.event_id, r.position): r.body
        for r in rows(
            tx,
            "SELECT event_id, position, body FROM posted_person WHERE event_id = ANY (CAST(:e AS "
            "uuid[]))",
            {"e": events},
        )
    }
    standing = candidates.of_reviews(tx, events)
    own = {c.member for those in standing.values() for c in those if reader.owns(c.path)}
    records = {r.member: dict(r) for r in rows(tx, _MEMBERS, {"m": sorted(own)})}
    asked = questions.of_events(tx, events)
    double = four_eyes.asked_for(tx, {r.path for r in found})
    judges = {r.model: model(tx, r.model) for r in found if r.model != "none"}
    case_access.record(
        tx,
        [(c.member, c.path) for those in standing.values() for c in those],
        reader.caller.own_organisation,
        reader.person,
        LOOK,
        reader.context,
    )
    shown = []
    for row in found:
        slot = row.event_id, row.position
        whom = {c.member: c for c in standing.get(slot, ())}
        posted_here = reader.owns(row.path)
        mine = {
            c.member
            for c in candidates.held(
                list(whom.values()), reader.caller, posted_here, reader.context
            )
        }
        shown.append(
            {
                "id": f"{row.event_id}:{row.position}",
                "source": row.source,
                "event": row.ext_id,
                "type": row.type,
                "at": row.decided_at.astimezone(ZONE).isoformat(),
                "four_eyes": row.path in double,
                "proposal": _proposal(row.proposal, records, whom),
                "questions": asked.get(slot, []),
                "model": row.model,
                "notes": [
                    {"code": code, "zh": words.zh, "en": words.en}
                    for code, words in spoken(row.notes)
                ],
                "person": _person(posted.get(slot), posted_here),
                "decides": _may_deny(whom, mine, posted_here),
                "candidates": [
                    _candidate(
                        kept,
                        whom[kept["member"]],
                        records,
                        judges.get(row.model),
                        kept["member"] in mine,
                    )
                    for kept in row.candidates or ()
                    if kept["member"] in whom
                ],
            }
        )
    return shown


def _candidate(
    kept: Mapping[str, Any],
    candidate: Candidate,
    records: Mapping[str, Any],
    judge: Any,
    decides: bool,
) -> dict[str, Any]:
    """A candidate for one reader: the record where the member is of the reader's tree, else levels
    and a token.
    """
    common = {
        "candidate": candidate.token,
        "own": candidate.member in records,
        "decides": decides,
        "reasons": kept["reasons"],
    }
    if candidate.member not in records:
        return {"member": candidate.token, **common, "record": None, "weights": kept["reasons"]}
    return {**kept, **common, "record": records[candidate.member], "weights": _weights(judge, kept)}


def _proposal(
    proposal: Mapping[str, Any] | None, records: Mapping[str, Any], whom: Mapping[str, Candidate]
) -> dict[str, Any] | None:
    """The first of two decisions; a member of another tree is named by the token, or not at all."""
    if proposal is None or not proposal.get("member") or proposal["member"] in records:
        return dict(proposal) if proposal else None
    candidate = whom.get(proposal["member"])
    return {**proposal, "member": candidate.token if candidate else None}


def _may_deny(whom: Mapping[str, Candidate], mine: Collection[str], posted_here: bool) -> bool:
    """Whether the reader may say that it is nobody: of the candidates they hold; where none stands,
    of what they posted.
    """
    return bool(mine) if whom else posted_here


def _person(body: Mapping[str, Any] | None, posted_here: bool = True) -> dict[str, Any]:
    """The person as posted; of a token only that there was one. Where they go is for the tree that
    posted it, and the sender's reference too.
    """
    said = dict((body or {}).get("person") or {})
    token, address = said.pop("id_token", None), ((body or {}).get("to") or {}).get("address")
    if not posted_here:
        said.pop("member", None)
        address = None
    return said | ({"address": address} if address else {}) | ({"id_token": True} if token else {})


def _weights(judge: Any, candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Field by field what the two records' agreement adds to the odds, in bits, with its words."""
    if judge is None or not candidate.get("levels"):
        return []
    bits = judge.bits(tuple(candidate["levels"]), candidate.get("rareness", 0.0))
    said = {reason["field"]: reason for reason in candidate["reasons"]}
    names = {"number": "id_number", "birth": "birth_date"}
    return [
        {
            "field": name,
            "bits": bits[field],
            "level": said[name]["level"],
            "words": said[name]["words"],
        }
        for field in FIELDS
        if (name := names.get(field, field)) in said
    ]


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
    event, number = slot_of(review_id)
    look_at_cases(tx, caller)
    who = four_eyes.Who(
        caller.own_organisation,
        person,
        str(caller.key_id) if caller.key_id and not person else None,
    )
    with as_worker(tx):
        context = app.rule_source.context(tx, app.clock.now())
        reader = Reader(caller, person, context)
        seen = _seen(tx, event, number, reader)
        announcements.hold(tx, [event])
        row = standing(tx, event, number)
        if "ask" in body or "answer" in body:
            return _asked(tx, review_id, seen, who, body, context)
        whom = candidates.of_reviews(tx, [str(event)]).get((event, number), [])
        chosen = _chosen(tx, body, whom, reader, seen)
        if seen.path in four_eyes.asked_for(tx, {seen.path}):
            if not four_eyes.seconded(row.proposal, chosen, who):
                four_eyes.propose(tx, event, number, chosen, who, context.now, row.proposal)
                return {
                    "id": review_id,
                    "decided": False,
                    "proposal": _told(chosen, whom, reader) | who.shown(),
                }
            by = f"{row.proposal['by']}；{who.name}"
        else:
            by = who.name
        if "not_a_member" in chosen and _others_left(tx, (event, number), whom, seen, reader):
            return {"id": review_id, "decided": False, "denied": True}
    decide(tx, app, event, number, chosen, by)
    return {"id": review_id, "decided": True}


def _seen(tx: Connection, event: UUID, position: int, reader: Reader) -> Any:
    """The review, where the reader's tree posted it or a candidate is of the reader's tree; else
    404.
    """
    found = rows(tx, _SEEN, {"e": event, "p": position})
    if not found:
        raise unknown()
    if not reader.owns(found[0].path):
        whom = candidates.of_reviews(tx, [str(event)]).get((event, position), [])
        if not candidates.held(whom, reader.caller, False, reader.context):
            raise unknown()
    return found[0]


def _asked(
    tx: Connection,
    review_id: str,
    seen: Any,
    who: four_eyes.Who,
    body: Mapping[str, Any],
    context: DecisionContext,
) -> dict[str, Any]:
    event, number = slot_of(review_id)
    act = questions.ask if "ask" in body else questions.answer
    asked = review_tasks.desk(seen.organisation, context)
    act(tx, event, number, seen.path, asked, who, body.get("ask", body.get("answer")), context.now)
    review_tasks.settle_of(tx, event, number, context)
    return {"id": review_id, "decided": False}


def _chosen(
    tx: Connection, body: Mapping[str, Any], whom: Sequence[Candidate], reader: Reader, seen: Any
) -> dict[str, Any]:
    """The decision in a body, where it is the reader's to say.

    A reference outside the reader's tree is answered alike whether it is a candidate's or nobody's,
    so that trying references tells nothing.
    """
    held = candidates.held(whom, reader.caller, reader.owns(seen.path), reader.context)
    if body.get("not_a_member") is True:
        if not (held if whom else reader.owns(seen.path)):
            raise _not_yours()
        return checked(tx, body)
    named = str(body.get("member") or "")
    if any(named == c.token for c in whom):
        candidate = next(c for c in whom if named == c.token)
        if candidate not in held:
            raise _not_yours()
        return {"member": candidate.member}
    if any(named == c.member for c in held) or _of_own_tree(tx, named, reader):
        return checked(tx, {"member": named})
    raise refuse(
        422,
        "no-such-member",
        "这名党员不是本条核对的相近人，也不在本组织及以下，请核对 member。",
        "This is no candidate of the review, nor a member of your own tree; check member.",
        field="member",
    )


def _of_own_tree(tx: Connection, member: str, reader: Reader) -> bool:
    found = rows(tx, "SELECT path FROM member WHERE member = :m", {"m": member}) if member else ()
    return bool(found) and reader.owns(found[0].path)


def _others_left(
    tx: Connection, slot: tuple[UUID, int], whom: Sequence[Candidate], seen: Any, reader: Reader
) -> bool:
    """Denies the candidates that the reader holds; whether others are left, whose holders are asked
    now.
    """
    held = candidates.held(whom, reader.caller, reader.owns(seen.path), reader.context)
    left = [c for c in whom if c not in held]
    if not left:
        return False
    candidates.deny(tx, slot, held, reader.caller.own_organisation, reader.context.now)
    candidates.ask_anew(tx, slot, seen.organisation, left, reader.context)
    tx.exec_driver_sql(
        "UPDATE identification SET proposal = NULL WHERE event_id = %s AND position = %s", slot
    )
    review_tasks.settle_of(tx, *slot, reader.context)
    return True


def _told(chosen: Mapping[str, Any], whom: Sequence[Candidate], reader: Reader) -> dict[str, Any]:
    """A choice as its maker may see it: a candidate of another tree stays a token."""
    token = next(
        (c.token for c in whom if c.member == chosen.get("member") and not reader.owns(c.path)),
        None,
    )
    return dict(chosen) | ({"member": token} if token else {})


def _not_yours() -> Refused:
    return refuse(
        403,
        "not-yours-to-say",
        "相近的党员不归本组织管理，由其所在组织认定；本组织报错了可以撤回这条报送。",
        "The candidates belong to other organisations, which say who it is; if you posted it by "
        "mistake, "
        "withdraw it.",
    )


def decide(
    tx: Connection,
    app: Surroundings,
    event: UUID,
    position: int,
    body: Mapping[str, Any],
    by: str | None,
) -> None:
    """Decides within the caller's transaction, whoever the caller is."""
    with as_worker(tx):
        announcements.hold(tx, [event])
        row = standing(tx, event, position)
        told = [a for a in announcements.read(tx, [event]) if a.position == position]
        found = found_of(tx, body, by, told[0], row.evidence)
        keep_pairs(tx, event, position, row.evidence, found.member, app.clock.now())
        Matcher(app.clock, app.rule_source, app.addresses).take(
            tx, told, {(event, position): found}
        )
        questions.forget(tx, event, position)
        review_tasks.settle_of(tx, event, position, app.rule_source.context(tx, app.clock.now()))
        candidates.forget(tx, event, position)


def standing(tx: Connection, event: UUID, position: int) -> Any:
    """The row of an open review, locked; 404 unknown, 409 decided."""
    found = rows(
        tx,
        "SELECT decision, evidence, proposal FROM identification WHERE event_id = :e AND position "
        "= :p "
        "FOR UPDATE",
        {"e": event, "p": position},
    )
    if not found:
        raise unknown()
    if found[0].decision == "withdrawn":
        raise refuse(
            409,
            "review-decided",
            "报送单位已撤回或更正这条报送，不用再核对。",
            "The sender has withdrawn or corrected this posting; nobody need say who it is.",
        )
    if found[0].decision != "review":
        raise refuse(
            409, "review-decided", "这条核对已有结论。", "This review has been decided already."
        )
    return found[0]


def checked(tx: Connection, body: Mapping[str, Any]) -> dict[str, Any]:
    """The decision in a body: ``{"member"}`` or ``{"not_a_member", "reason"}``; 422 where it is
    neither.
    """
    if body.get("not_a_member") is True:
        reason = body.get("reason")
        if not isinstance(reason, str) or not reason.strip():
            raise refuse(
                422,
                "field-missing",
                "请填写认定不是党员的理由 reason。",
                "Give the reason.",
                field="reason",
            )
        return {"not_a_member": True, "reason": bounded(reason, REASON_MAX, "reason")}
    member = body.get("member")
    known = (
        rows(tx, "SELECT member FROM member WHERE member = :m", {"m": str(member)})
        if member
        else ()
    )
    if not known:
        raise refuse(
            422,
            "no-such-member",
            "登记册中没有这名党员，请核对 member。",
            "The register has no such member.",
            field="member",
        )
    return {"member": known[0].member}


def found_of(
    tx: Connection,
    body: Mapping[str, Any],
    by: str | None,
    one: announcements.Announcement,
    evidence: Mapping[str, Any] | None = None,
) -> Decision:
    """The decision in a body as the matcher takes it; of a stranger even the reason names nobody.

    Who reported in at a host and is no member of ours belongs to an organisation outside
    (interface.md §7.1).
    """
    chosen = checked(tx, body)
    if "not_a_member" in chosen:
        return Decision(
            "outside" if one.kind == announcements.HOST_REPORT else "not_a_member",
            by=by,
            reason=unnamed(chosen["reason"], one.posted_person),
        )
    home = rows(tx, "SELECT organisation FROM member WHERE member = :m", {"m": chosen["member"]})[
        0
    ].organisation
    if evidence:
        evidence = dict(evidence) | {
            "pairs": [
                p if p.get("member") == chosen["member"] else {**p, "member": None}
                for p in evidence.get("pairs", ())
            ]
        }
    return Decision("match", chosen["member"], home, by=by, evidence=evidence)


def unnamed(text: str, posted_person: Mapping[str, Any]) -> str:
    """A text without what was posted of the person, should somebody have written it there."""
    destination = posted_person.get("to") or {}
    stated = {**(posted_person.get("person") or {}), "address": destination.get("address")}
    values = [value for value in stated.values() if isinstance(value, str) and len(value) > 1]
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, MASK)
    return text


def unknown() -> Refused:
    """What is said of a review that there is none of, or that is another's."""
    return refuse(
        404, "no-such-review", "没有这条待核对，或不归本组织核对。", "There is no such review."
    )
