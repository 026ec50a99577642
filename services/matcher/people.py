"""Who a posted person is: candidates from the register by blocking keys, the model's judgement, what is kept of it."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases.model import World
from services.kit.db import dumps, rows
from services.matcher.announcements import HOST_REPORT, Announcement
from services.matcher.identity import Model
from services.registry.keys import person_keys
from services.registry.persons import MemberRecord, Person, parse_id_number

KEY_MEMBERS_MAX = 500


@dataclass(frozen=True, slots=True)
class Found:
    """The decision on one person: match, review, not_a_member, outside (a walk-in no register knows) or rejected."""

    decision: str
    member: str | None = None
    organisation: str | None = None
    candidates: tuple[Mapping[str, Any], ...] = ()
    by: str | None = None
    reason: str | None = None


_CANDIDATES = """
SELECT k.key, m.member, m.name, m.sex, m.birth_date::text, m.id_number, m.phone, m.address, m.organisation, m.standing
FROM unnest(%s::text[]) AS asked (key)
CROSS JOIN LATERAL (SELECT key, member FROM member_key WHERE key = asked.key LIMIT %s) k
JOIN member m ON m.member = k.member"""
_BY_REFERENCE = """
SELECT member, name, sex, birth_date::text, id_number, phone, address, organisation, standing FROM member
WHERE member = ANY (:members)"""
_KEEP = """
INSERT INTO identification (event_id, position, path, decision, member, case_id, candidates, model, decided_at,
                            decided_by, reason)
SELECT event_id, position, path, decision, member, case_id, candidates, model, decided_at, decided_by, reason
FROM json_to_recordset(%s::json) AS i(event_id uuid, position int, path text, decision text, member text, case_id uuid,
    candidates jsonb, model text, decided_at timestamptz, decided_by text, reason text)
ON CONFLICT (event_id, position) DO UPDATE SET decision = excluded.decision, member = excluded.member,
    case_id = excluded.case_id, candidates = excluded.candidates, decided_at = excluded.decided_at,
    decided_by = excluded.decided_by, reason = excluded.reason"""
_ERASE = """
UPDATE posted_person SET body = NULL
WHERE (event_id, position) IN (SELECT * FROM unnest(%s::uuid[], %s::int[]))"""


@dataclass
class People:
    """Finds persons in the register. ``model`` judges; ``frequencies`` says how common a name is."""

    model: Model = field(default_factory=Model.load)
    frequencies: Mapping[str, int] = field(default_factory=dict)

    def find(self, tx: Connection, told: Sequence[Announcement], world: World) -> dict[tuple[UUID, int], Found]:
        """The decision on every announcement's person, each with its reasons."""
        references = sorted({a.member for a in told if a.member})
        named = {r.member: _record(r) for r in rows(tx, _BY_REFERENCE, {"members": references})} if references else {}
        # first by the number alone, which settles nearly everybody; the others by everything that could lead to them
        found = self._round(tx, told, named, number_key)
        unsettled = [a for a in told if found[a.event, a.position].decision != "match"]
        return found | self._round(tx, unsettled, named, person_keys)

    def _round(self, tx: Connection, told: Sequence[Announcement], named: Mapping[str, MemberRecord],
               keys_of: Callable[[Person], frozenset[str]]) -> dict[tuple[UUID, int], Found]:
        keys = {(a.event, a.position): keys_of(a.person) for a in told}
        wanted = sorted(set().union(*keys.values())) if keys else []
        by_key: dict[str, list[MemberRecord]] = {}
        if wanted:
            for r in tx.exec_driver_sql(_CANDIDATES, (wanted, KEY_MEMBERS_MAX)):
                by_key.setdefault(r[0], []).append(MemberRecord(*r[1:9], None, r[9]))
        return {
            (one.event, one.position): self._judge(
                one, {m.member: m for key in keys[one.event, one.position] for m in by_key.get(key, ())}, named)
            for one in told}

    def _judge(self, one: Announcement, near: Mapping[str, MemberRecord], named: Mapping[str, MemberRecord]) -> Found:
        if one.member in named:
            member = named[one.member]
            return Found("match", member.member, member.organisation)
        answer = self.model.judge(one.person, list(near.values()), self.frequencies)
        candidates = tuple(
            {"member": c.member, "probability": round(c.probability, 4),
             "reasons": [{"field": r.field, "level": r.level, "words": list(r.words)} for r in c.reasons]}
            for c in answer.candidates[:5])
        if answer.decision == "match":
            member = near[answer.candidates[0].member]
            return Found("match", member.member, member.organisation, candidates)
        if one.kind == HOST_REPORT and answer.decision in ("not_a_member", "unknown"):
            return Found("outside", None, None, candidates)
        return Found("not_a_member" if answer.decision == "not_a_member" else "review", None, None, candidates)

    def keep(self, tx: Connection, told: Sequence[Announcement], found: Mapping[Any, Found],
             case_of: Mapping[tuple[UUID, int], str], world: World) -> None:
        """Keeps the decisions; of a person who is no member nothing personal stays."""
        lines = []
        for one in told:
            who = found[one.event, one.position]
            gone = who.decision == "not_a_member"
            lines.append({"event_id": one.event, "position": one.position, "path": one.path,
                          "decision": who.decision, "member": who.member,
                          "case_id": case_of.get((one.event, one.position)),
                          "candidates": None if gone or who.decision == "match" else who.candidates or None,
                          "model": self.model.version, "decided_at": world.now, "decided_by": who.by,
                          "reason": who.reason})
        if lines:
            tx.exec_driver_sql(_KEEP, (dumps(lines),))
        erase = [(str(a.event), a.position) for a in told if found[a.event, a.position].decision == "not_a_member"]
        if erase:
            tx.exec_driver_sql(_ERASE, ([e for e, _ in erase], [p for _, p in erase]))


def _record(row: Any) -> MemberRecord:
    return MemberRecord(row.member, row.name, row.sex, row.birth_date, row.id_number, row.phone, row.address,
                        row.organisation, None, row.standing)


def number_key(person: Person) -> frozenset[str]:
    """The one key of a valid identity number; none if there is no such number."""
    number = parse_id_number(person.id_number)
    return frozenset((f"id:{number.text}",)) if number.valid else frozenset()


def as_person(body: Mapping[str, Any]) -> Person:
    """A posted body's person."""
    said = body.get("person") or {}
    return Person(**{k: said.get(k) for k in ("name", "id_number", "birth_date", "sex", "phone")})
