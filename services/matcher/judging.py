"""Who a posted person is, from what the register holds of whom it may mean. Nothing here reads or
writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.identity.compare import FIELDS, compare, read_member, read_person
from services.identity.model import CandidateMember, Identification, Model
from services.identity.persons import MemberRecord, Person
from services.identity.reasons import reasons
from services.matcher import sender_hints
from services.matcher.announcements import HOST_REPORT, Announcement
from services.matcher.decision import Decision

CANDIDATES_MAX = 5
"""Candidates that are kept of one answer, the likeliest first."""
# levels of a name that nobody comes upon without knowing it
_NAMED = frozenset({"same", "sound", "pinyin"})
# another valid number and another name: the sender's reference may be a slip
_ANOTHERS_NUMBER = frozenset({"other", "twin", "near", "doubtful"})
_ANOTHERS_NAME = frozenset({"other", "surname"})
_HINT_OF_STANDING = {
    "ended": (sender_hints.ENDED,),
    "suspended": (sender_hints.SUSPENDED,),
}
# fields that reasons call by another name than levels do
_NAME_IN_REASONS = {"number": "id_number", "birth": "birth_date"}

Candidates = tuple[Mapping[str, Any], ...]
Evidence = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """What the register holds that one posted person may mean.

    ``near``: the members that share a key with the person, by their references. ``referred``: the
    member whom the sender's reference names, where the sender may refer to them. ``of_token``: the
    member whose number the person's token stands for. ``bearers``: how many members bear a name.
    """

    near: Mapping[str, MemberRecord]
    referred: MemberRecord | None = None
    of_token: MemberRecord | None = None
    bearers: Mapping[str, int] = field(default_factory=dict)


def judged(announcement: Announcement, known: Known, model: Model) -> Decision:
    """The decision on one announcement's person, with its reasons."""
    if known.referred is not None:
        return _by_reference(announcement.person, known.referred, known, model)
    person = _with_number_of_token(announcement.person, known)
    if _has_number_of_another(person, known.near.values()):
        return Decision("rejected", reason=sender_hints.OTHER_NUMBER)
    answer = model.judge(person, list(known.near.values()), known.bearers)
    candidates, evidence = kept(answer, model)
    token_unknown = bool(person.token) and known.of_token is None
    if answer.decision == "match" and not token_unknown:
        member = known.near[answer.candidates[0].member]
        return _match(member, candidates, evidence)
    return Decision(
        _decision_without_match(announcement, answer),
        candidates=candidates,
        evidence=evidence,
        notes=(sender_hints.NO_SUCH_TOKEN,) if token_unknown else (),
    )


def _match(member: MemberRecord, candidates: Candidates, evidence: Evidence) -> Decision:
    hints = _HINT_OF_STANDING.get(member.standing or "", ())
    return Decision(
        "match",
        member.member,
        member.organisation,
        candidates,
        evidence=evidence,
        notes=hints,
    )


def _decision_without_match(announcement: Announcement, answer: Identification) -> str:
    """What it is where nobody matches for certain. Who reported in at a host and is no member of
    ours belongs to an organisation outside.
    """
    is_walk_in = announcement.kind == HOST_REPORT
    if is_walk_in and answer.decision in ("not_a_member", "unknown"):
        return "outside"
    if answer.decision == "not_a_member":
        return "not_a_member"
    return "review"


def _with_number_of_token(person: Person, known: Known) -> Person:
    """The person as if the number that the token stands for had been sent."""
    if known.of_token is None:
        return person
    return replace(person, id_number=known.of_token.id_number)


def _has_number_of_another(person: Person, near: Iterable[MemberRecord]) -> bool:
    """Whether the number is registered, and under names with nothing in common with the one that is
    stated.
    """
    stated = read_person(person)
    names: list[str] = []
    for member in near:
        number, name, *_ = compare(stated, read_member(member))
        if number == "same":
            names.append(name)
    return bool(names) and all(name == "other" for name in names)


def _by_reference(person: Person, member: MemberRecord, known: Known, model: Model) -> Decision:
    """The member whom the sender's reference names, unless what is stated of the person is plainly
    another's.
    """
    levels = compare(read_person(person), read_member(member))
    number, name, *_ = levels
    if name in _ANOTHERS_NAME:
        return Decision("rejected", reason=sender_hints.OTHER_NAME)
    if number not in _ANOTHERS_NUMBER:
        return _match(member, (), {"model": model.version})
    near = {**known.near, member.member: member}
    answer = model.judge(person, list(near.values()), known.bearers)
    candidates, evidence = kept(answer, model)
    listed = {candidate["member"] for candidate in candidates}
    if member.member not in listed:
        probability = model.again([(levels, 0.0)])[0]
        referred = CandidateMember(member.member, probability, levels=levels)
        candidates += (_shown(referred),)
    return Decision(
        "review",
        candidates=candidates,
        evidence=evidence,
        notes=(sender_hints.OTHER_REFERENCE,),
    )


def knows(person: Person, member: MemberRecord) -> bool:
    """Whether a stranger knows whom the reference names, or names somebody else and is told so.

    References can be counted through: by itself a stranger's means nobody, as a reference that was
    never given out.
    """
    number, name, *_ = compare(read_person(person), read_member(member))
    return number == "same" or name in _NAMED or name in _ANOTHERS_NAME


def is_settled(decision: Decision | None) -> bool:
    """A match by more than the number: where the name differs, somebody of the very name may be
    met further on.
    """
    if decision is None or not decision.is_match:
        return False
    if not decision.pairs:
        return True
    _, name, *_ = decision.pairs[0]["levels"]
    return name in ("same", "none")


def kept(answer: Identification, model: Model) -> tuple[Candidates, Evidence]:
    """What is kept of an answer: the candidates for the desk, and the evidence that its version can
    judge again.

    The evidence of a match names the member alone: the others are nobody's business any more.
    """
    listed = answer.candidates[:CANDIDATES_MAX]
    pairs: list[dict[str, Any]] = []
    for place, candidate in enumerate(listed):
        is_named = place == 0 or answer.decision != "match"
        pair = {
            "member": candidate.member if is_named else None,
            "levels": list(candidate.levels),
            "rareness": candidate.rareness,
            "probability": candidate.probability,
        }
        pairs.append(pair)
    evidence = {
        "model": model.version,
        "prior": model.prior,
        "pairs": pairs,
        "rest": answer.rest,
    }
    return tuple(_shown(candidate) for candidate in listed), evidence


def _shown(candidate: CandidateMember) -> Mapping[str, Any]:
    """A candidate as the desk shows it."""
    return {
        "member": candidate.member,
        "probability": candidate.probability,
        "levels": list(candidate.levels),
        "rareness": round(candidate.rareness, 4),
        "reasons": _reasons(candidate.levels),
    }


def _reasons(levels: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"field": reason.field, "level": reason.level, "words": list(reason.words)}
        for reason in reasons(tuple(levels))
    ]


def bits_by_field(model: Model, levels: Sequence[str], rareness: float) -> dict[str, float]:
    """What the agreement of each field adds to the odds, in bits, by the names that reasons give
    the fields.
    """
    bits = model.bits(tuple(levels), rareness)
    return {_NAME_IN_REASONS.get(field, field): bits[field] for field in FIELDS}
