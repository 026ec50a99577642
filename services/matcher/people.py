"""Who a posted person is: candidates from the register by blocking keys, the model's judgement,
what is kept of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from services.cases.model.case import DecisionContext
from services.identity.compare import compare, read_member, read_person
from services.identity.keys import close_keys, number_keys, person_keys
from services.identity.model import SIZE, Identification, Model
from services.identity.persons import MemberRecord, Person, fold_name
from services.identity.reasons import reasons
from services.kit.db.engine import dumps
from services.matcher import sender_hints
from services.matcher.announcements import HOST_REPORT, Announcement, Place
from services.matcher.model_store import in_force
from services.registry.announcement_rights import in_line
from services.registry.tokens import agreed

KEY_MEMBERS_MAX = 500  # a key that more members share tells nobody apart
# first by the number alone, which settles nearly everybody; then by what agrees closely; the others
# by everything that could lead to them
STEPS = (number_keys, close_keys, person_keys)
ERASED = frozenset({"not_a_member", "withdrawn", "rejected"})


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on one person: match, review, not_a_member, outside (a walk-in no register
    knows), withdrawn (while in review) or rejected.

    ``evidence`` holds levels of agreement, nothing personal; ``notes`` are codes of
    services.matcher.sender_hints.
    """

    decision: str
    member: str | None = None
    organisation: str | None = None
    candidates: tuple[Mapping[str, Any], ...] = ()
    by: str | None = None
    reason: str | None = None
    evidence: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()


_MEMBER = """m.member, m.name, m.sex, m.birth_date::text, m.id_number, m.phone, m.address,
       m.organisation, NULL AS organisation_name, m.standing, m.military_card"""
_CANDIDATES = f"""
SELECT k.key, {_MEMBER}
FROM (SELECT asked.key, (SELECT array_agg(member) FROM (
          SELECT member FROM member_key WHERE key = asked.key LIMIT %s) AS few) AS members
      FROM unnest(%s::text[]) AS asked (key)) AS k
JOIN member m ON m.member = ANY (k.members)
WHERE cardinality(k.members) <= {KEY_MEMBERS_MAX}"""
_BY_REFERENCE = f"SELECT {_MEMBER} FROM member m WHERE m.member = ANY (%s)"
# levels of a name that nobody comes upon without knowing it
_NAMED = frozenset({"same", "sound", "pinyin"})
_FREQUENCIES = "SELECT name, bearers FROM name_frequency WHERE name = ANY (%s)"
_KEEP = """
INSERT INTO identification (event_id, position, path, decision, member, case_id, candidates, model,
    decided_at,
                            decided_by, reason, evidence, notes, erased_at)
SELECT event_id, position, path, decision, member, case_id, candidates, model, decided_at,
    decided_by, reason,
       evidence, notes, erased_at
FROM json_to_recordset(%s::json) AS i(event_id uuid, position int, path text, decision text,
    member text, case_id uuid,
    candidates jsonb, model text, decided_at timestamptz, decided_by text, reason text,
        evidence jsonb, notes text[],
    erased_at timestamptz)
ON CONFLICT (event_id, position) DO UPDATE SET decision = excluded.decision,
    member = excluded.member,
    case_id = excluded.case_id, candidates = excluded.candidates, decided_at = excluded.decided_at,
    decided_by = excluded.decided_by, reason = excluded.reason, notes = excluded.notes,
        proposal = NULL,
    erased_at = excluded.erased_at,
    model = CASE WHEN excluded.evidence IS NULL THEN identification.model ELSE excluded.model END,
    evidence = CASE WHEN excluded.decision IN ('not_a_member', 'withdrawn', 'rejected') THEN NULL
                    ELSE coalesce(excluded.evidence, identification.evidence) END"""
_ERASE = """
WITH gone AS (SELECT * FROM unnest(%s::uuid[], %s::int[]) AS g (event_id, position)),
asked AS (UPDATE review_question q SET text = NULL, answer = NULL FROM gone g
          WHERE q.event_id = g.event_id AND q.position = g.position)
UPDATE posted_person p SET body = NULL FROM gone g WHERE p.event_id = g.event_id
    AND p.position = g.position"""


@dataclass(slots=True)
class _Seen:
    """What was read of the register for some announcements: the members their senders named, the
    keys each was last looked for under, the members of every key asked for, and how many bear the
    names of those.
    """

    named: Mapping[Place, MemberRecord]
    keys: dict[Place, frozenset[str]] = field(default_factory=dict)
    near: dict[str, list[MemberRecord]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def look(self, tx: Connection, told: Sequence[Announcement], *, counting: bool) -> None:
        """Reads what the keys of ``told`` lead to and was not read yet; ``counting``: how common
        the names are, too.
        """
        asked = set().union(*(self.keys[a.event, a.position] for a in told))
        wanted = sorted(asked - self.near.keys())
        self.near.update((key, []) for key in wanted)
        if wanted:
            for r in tx.exec_driver_sql(_CANDIDATES, (KEY_MEMBERS_MAX + 1, wanted)):
                self.near[r[0]].append(MemberRecord(*r[1:]))
        if counting:
            names = {fold_name(m.name) for key in asked for m in self.near[key]}
            if unknown := names - self.counts.keys():
                self.counts |= dict.fromkeys(unknown, 0) | frequencies(tx, unknown)


@dataclass
class People:
    """Finds persons in the register. ``model`` judges; by default the version in force, asked for
    with each batch.
    """

    model: Model | None = None

    def find(
        self, tx: Connection, told: Sequence[Announcement], context: DecisionContext
    ) -> dict[Place, Decision]:
        """The decision on every announcement's person, each with its reasons."""
        if not told:
            return {}
        model = self.model or in_force(tx)
        seen = _Seen(_referred_to(tx, told, context))
        found: dict[Place, Decision] = {}
        for keys_of in STEPS:
            unsettled = []
            for one in told:
                slot = one.event, one.position
                if not _is_settled(found.get(slot)):
                    before, seen.keys[slot] = seen.keys.get(slot), keys_of(one.person)
                    if (
                        keys_of is not person_keys or before != seen.keys[slot]
                    ):  # else the same members once more
                        unsettled.append(one)
            if unsettled:
                seen.look(tx, unsettled, counting=keys_of is not number_keys)
                found |= {
                    (one.event, one.position): judged(
                        one,
                        seen.keys[one.event, one.position],
                        seen.near,
                        seen.named.get((one.event, one.position)),
                        seen.counts,
                        model,
                    )
                    for one in unsettled
                }
        return _without_key(tx, told, found)

    def keep(
        self,
        tx: Connection,
        announcements: Sequence[Announcement],
        decisions: Mapping[Place, Decision],
        case_of: Mapping[Place, str],
        context: DecisionContext,
        hints: Mapping[Place, Iterable[str]] = {},
    ) -> None:
        """Keeps the decisions; of a person who is no member, or was withdrawn in doubt, nothing
        personal stays.
        """
        lines = []
        erased = []
        for announcement in announcements:
            place = announcement.place
            decision = decisions[place]
            hint_codes = (*decision.notes, *hints.get(place, ()))
            line = {
                "event_id": announcement.event,
                "position": announcement.position,
                "path": announcement.path,
                "case_id": case_of.get(place),
                **_kept_decision(decision, hint_codes, context),
            }
            lines.append(line)
            if decision.decision in ERASED:
                erased.append(place)
        if lines:
            tx.exec_driver_sql(_KEEP, (dumps(lines),))
        if erased:
            events = [str(event) for event, _ in erased]
            positions = [position for _, position in erased]
            tx.exec_driver_sql(_ERASE, (events, positions))


def _kept_decision(
    decision: Decision, hint_codes: Iterable[str], context: DecisionContext
) -> dict[str, Any]:
    """A decision as a row of ``identification`` holds it."""
    evidence = decision.evidence or {}
    line: dict[str, Any] = {
        "decision": decision.decision,
        "member": decision.member,
        "candidates": None,
        "model": evidence.get("model", "none"),
        "decided_at": context.now,
        "decided_by": decision.by,
        "reason": decision.reason,
        "evidence": None,
        "notes": None,
        "erased_at": None,
    }
    if decision.decision in ERASED:
        line["erased_at"] = context.now
        return line
    line["evidence"] = decision.evidence
    if decision.decision != "match":
        line["candidates"] = decision.candidates or None
    codes = ",".join(dict.fromkeys(hint_codes))
    if codes:
        line["notes"] = f"{{{codes}}}"
    return line


def _referred_to(
    tx: Connection, told: Sequence[Announcement], context: DecisionContext
) -> dict[Place, MemberRecord]:
    """The members whom the senders' references name, each where the sender may refer to them.

    It does not matter who has a part in a case by now: it would depend on what arrived first.
    """
    referring = [one for one in told if one.member]
    if not referring:
        return {}
    references = sorted({one.member for one in referring if one.member})
    found = tx.exec_driver_sql(_BY_REFERENCE, (references,))
    members = {row[0]: MemberRecord(*row) for row in found}
    referred: dict[Place, MemberRecord] = {}
    for one in referring:
        member = members.get(one.member or "")
        if member is not None and (_is_of_the_line(one, member, context) or _knows(one, member)):
            referred[one.event, one.position] = member
    return referred


def _is_of_the_line(one: Announcement, member: MemberRecord, context: DecisionContext) -> bool:
    return in_line(one.organisation, member.organisation, context.directory, context.today)


def _knows(one: Announcement, member: MemberRecord) -> bool:
    """Whether a stranger knows whom the reference names, or names somebody else and is told so.

    References can be counted through: by itself a stranger's means nobody, as one that there is
    not.
    """
    number, name, *_ = compare(read_person(one.person), read_member(member))
    return number == "same" or name in _NAMED or name in _ANOTHERS[1]


def _is_settled(found: Decision | None) -> bool:
    """A match by more than the number: where the name differs, somebody of the very name may be
    found further on.
    """
    if found is None or found.decision != "match":
        return False
    pairs = (found.evidence or {}).get("pairs")
    return not pairs or pairs[0]["levels"][1] in ("same", "none")


def judged(
    one: Announcement,
    keys: Iterable[str],
    by_key: Mapping[str, Sequence[MemberRecord]],
    referred: MemberRecord | None,
    counts: Mapping[str, int],
    model: Model,
) -> Decision:
    """The decision on one announcement, from the members that share a key with its person."""
    near = {m.member: m for key in keys for m in by_key.get(key, ())}
    if referred is not None:
        return _referred(one.person, referred, near, counts, model)
    person, hidden = one.person, by_key.get(one.person.token or "", ())
    if (
        hidden
    ):  # the token stands for this number: from here on it is as if the number had been sent
        person = replace(person, id_number=hidden[0].id_number)
    if _number_of_another(person, near.values()):
        return Decision("rejected", reason=sender_hints.OTHER_NUMBER)
    answer = model.judge(person, list(near.values()), counts)
    candidates, evidence = kept(answer, model)
    if answer.decision == "match" and (hidden or not person.token):
        member = near[answer.candidates[0].member]
        return Decision(
            "match",
            member.member,
            member.organisation,
            candidates,
            evidence=evidence,
            notes=_standing(member),
        )
    unknown = (sender_hints.NO_SUCH_TOKEN,) if person.token and not hidden else ()
    if one.kind == HOST_REPORT and answer.decision in ("not_a_member", "unknown"):
        return Decision("outside", None, None, candidates, evidence=evidence, notes=unknown)
    return Decision(
        "not_a_member" if answer.decision == "not_a_member" else "review",
        None,
        None,
        candidates,
        evidence=evidence,
        notes=unknown,
    )


def _number_of_another(person: Person, near: Iterable[MemberRecord]) -> bool:
    """Whether the number is registered, and under names with nothing in common with the one that is
    stated.
    """
    stated = read_person(person)
    names = [levels[1] for m in near if (levels := compare(stated, read_member(m)))[0] == "same"]
    return bool(names) and all(name == "other" for name in names)


# another valid number, another name: the sender's reference may be a slip
_ANOTHERS = (frozenset({"other", "twin", "near", "doubtful"}), frozenset({"other", "surname"}))


def _referred(
    person: Person,
    member: MemberRecord,
    near: Mapping[str, MemberRecord],
    counts: Mapping[str, int],
    model: Model,
) -> Decision:
    """The member whom the sender's reference names, unless what is stated of the person is plainly
    another's.
    """
    levels = compare(read_person(person), read_member(member))
    if levels[1] in _ANOTHERS[1]:
        return Decision("rejected", reason=sender_hints.OTHER_NAME)
    if not any(level in anothers for level, anothers in zip(levels, _ANOTHERS, strict=False)):
        return Decision(
            "match",
            member.member,
            member.organisation,
            evidence={"model": model.version},
            notes=_standing(member),
        )
    candidates, evidence = kept(
        model.judge(person, list({**near, member.member: member}.values()), counts), model
    )
    if all(one["member"] != member.member for one in candidates):
        candidates += (_candidate(member.member, model.again([(levels, 0.0)])[0], levels, 0.0),)
    return Decision(
        "review", None, None, candidates, evidence=evidence, notes=(sender_hints.OTHER_REFERENCE,)
    )


def _without_key(
    tx: Connection, told: Sequence[Announcement], found: dict[Place, Decision]
) -> dict[Place, Decision]:
    """Tells a token that nobody in the register has from one that could never be compared."""
    lost = [a for a in told if sender_hints.NO_SUCH_TOKEN in found[a.event, a.position].notes]
    if lost:
        known = agreed(tx)
        for one in lost:
            if one.organisation not in known:
                slot = one.event, one.position
                found[slot] = replace(found[slot], notes=(sender_hints.NO_KEY,))
    return found


def _standing(member: MemberRecord) -> tuple[str, ...]:
    return {"ended": (sender_hints.ENDED,), "suspended": (sender_hints.SUSPENDED,)}.get(
        member.standing or "", ()
    )


def kept(
    answer: Identification, model: Model
) -> tuple[tuple[Mapping[str, Any], ...], Mapping[str, Any]]:
    """What is kept of an answer: the candidates for the desk, and the evidence that its version can
    judge again.
    """
    candidates = tuple(
        _candidate(c.member, c.probability, c.levels, c.rareness) for c in answer.candidates[:5]
    )
    first = answer.decision == "match"
    pairs = [
        {
            "member": c.member if at == 0 or not first else None,
            "levels": list(c.levels),
            "rareness": c.rareness,
            "probability": c.probability,
        }
        for at, c in enumerate(answer.candidates[:5])
    ]
    return candidates, {
        "model": model.version,
        "prior": model.prior,
        "pairs": pairs,
        "rest": answer.rest,
    }


def _candidate(
    member: str, probability: float, levels: Sequence[str], rareness: float
) -> Mapping[str, Any]:
    """A candidate as the desk shows it."""
    return {
        "member": member,
        "probability": probability,
        "levels": list(levels),
        "rareness": round(rareness, 4),
        "reasons": [
            {"field": r.field, "level": r.level, "words": list(r.words)}
            for r in reasons(tuple(levels))
        ],
    }


def frequencies(tx: Connection, names: Iterable[str | None]) -> dict[str, int]:
    """How many members bear each of the names (folded), and under "" how many members there are."""
    folded = {fold_name(name) for name in names} - {""}
    if not folded:
        return {}
    return {row[0]: row[1] for row in tx.exec_driver_sql(_FREQUENCIES, ([*folded, SIZE],))}
