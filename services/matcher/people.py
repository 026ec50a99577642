"""Finds posted persons in the register by blocking keys, lets the model judge, and keeps what was
decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from services.cases.model.case import DecisionContext
from services.identity.keys import close_keys, number_keys, person_keys
from services.identity.model import SIZE, Model
from services.identity.persons import MemberRecord, Person, fold_name
from services.kit.db.engine import dumps
from services.matcher import sender_hints
from services.matcher.announcements import Announcement, Place
from services.matcher.decision import Decision
from services.matcher.judging import Known, is_settled, judged, knows
from services.matcher.model_store import in_force
from services.registry.announcement_rights import in_line
from services.registry.tokens import agreed

KEY_MEMBERS_MAX = 500  # a key that more members share tells nobody apart
# first by the number alone, which settles nearly everybody; then by what agrees closely; the others
# by everything that could lead to them
STEPS = (number_keys, close_keys, person_keys)
KeysOf = Callable[[Person], frozenset[str]]

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
class _Reading:
    """What was read of the register for some announcements.

    ``referred``: the members whom their senders named. ``keys``: those that each was last looked
    for under. ``members``: of every key asked for. ``bearers``: how many bear the names of those.
    """

    referred: Mapping[Place, MemberRecord]
    keys: dict[Place, frozenset[str]] = field(default_factory=dict)
    members: dict[str, list[MemberRecord]] = field(default_factory=dict)
    bearers: dict[str, int] = field(default_factory=dict)

    def asks_more(self, announcement: Announcement, keys_of: KeysOf) -> bool:
        """Whether these keys may tell more of an announcement's person than those before."""
        before = self.keys.get(announcement.place)
        keys = keys_of(announcement.person)
        self.keys[announcement.place] = keys
        return keys_of is not person_keys or keys != before  # else the same members once more

    def look(
        self, tx: Connection, announcements: Sequence[Announcement], *, counting: bool
    ) -> None:
        """Reads what the keys of ``announcements`` lead to and was not read yet; ``counting``: how
        common the names are, too.
        """
        keys: set[str] = set()
        for announcement in announcements:
            keys |= self.keys[announcement.place]
        self._read_members(tx, sorted(keys - self.members.keys()))
        if counting:
            self._count_names(tx, keys)

    def _read_members(self, tx: Connection, keys: Sequence[str]) -> None:
        for key in keys:
            self.members[key] = []
        if not keys:
            return
        for key, *columns in tx.exec_driver_sql(_CANDIDATES, (KEY_MEMBERS_MAX + 1, keys)):
            self.members[key].append(MemberRecord(*columns))

    def _count_names(self, tx: Connection, keys: Iterable[str]) -> None:
        names = {fold_name(member.name) for key in keys for member in self.members[key]}
        unknown = names - self.bearers.keys()
        if not unknown:
            return
        self.bearers |= dict.fromkeys(unknown, 0)
        self.bearers |= frequencies(tx, unknown)

    def known_of(self, announcement: Announcement) -> Known:
        """What was read that an announcement's person may be."""
        near: dict[str, MemberRecord] = {}
        for key in self.keys[announcement.place]:
            for member in self.members.get(key, ()):
                near[member.member] = member
        of_token = self.members.get(announcement.person.token or "")
        return Known(
            near,
            self.referred.get(announcement.place),
            of_token[0] if of_token else None,
            self.bearers,
        )


@dataclass
class People:
    """Finds persons in the register. ``model`` judges; by default the version in force, asked for
    with each batch.
    """

    model: Model | None = None

    def find(
        self, tx: Connection, announcements: Sequence[Announcement], context: DecisionContext
    ) -> dict[Place, Decision]:
        """The decision on every announcement's person, each with its reasons."""
        if not announcements:
            return {}
        model = self.model or in_force(tx)
        reading = _Reading(_referred_to(tx, announcements, context))
        decisions: dict[Place, Decision] = {}
        for keys_of in STEPS:
            asking: list[Announcement] = []
            for announcement in announcements:
                if is_settled(decisions.get(announcement.place)):
                    continue
                if reading.asks_more(announcement, keys_of):
                    asking.append(announcement)
            if not asking:
                continue
            reading.look(tx, asking, counting=keys_of is not number_keys)
            for announcement in asking:
                known = reading.known_of(announcement)
                decisions[announcement.place] = judged(announcement, known, model)
        return decisions | _without_agreed_key(tx, announcements, decisions)

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
            if decision.is_erased:
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
    if decision.is_erased:
        line["erased_at"] = context.now
        return line
    line["evidence"] = decision.evidence
    if not decision.is_match:
        line["candidates"] = decision.candidates or None
    codes = ",".join(dict.fromkeys(hint_codes))
    if codes:
        line["notes"] = f"{{{codes}}}"
    return line


def _referred_to(
    tx: Connection, announcements: Sequence[Announcement], context: DecisionContext
) -> dict[Place, MemberRecord]:
    """The members whom the senders' references name, each where the sender may refer to them.

    It does not matter who has a part in a case by now: it would depend on what arrived first.
    """
    references = {announcement.member for announcement in announcements if announcement.member}
    if not references:
        return {}
    registered = tx.exec_driver_sql(_BY_REFERENCE, (sorted(references),))
    members = {row[0]: MemberRecord(*row) for row in registered}
    referred: dict[Place, MemberRecord] = {}
    for announcement in announcements:
        member = members.get(announcement.member or "")
        if member is not None and _may_refer_to(announcement, member, context):
            referred[announcement.place] = member
    return referred


def _may_refer_to(
    announcement: Announcement, member: MemberRecord, context: DecisionContext
) -> bool:
    poster = announcement.organisation
    if in_line(poster, member.organisation, context.directory, context.today):
        return True
    return knows(announcement.person, member)


def _without_agreed_key(
    tx: Connection,
    announcements: Sequence[Announcement],
    decisions: Mapping[Place, Decision],
) -> dict[Place, Decision]:
    """Tells a token that nobody in the register has from one that could never be compared: the
    decisions on the latter.
    """
    unknown = [
        announcement
        for announcement in announcements
        if sender_hints.NO_SUCH_TOKEN in decisions[announcement.place].notes
    ]
    if not unknown:
        return {}
    with_key = agreed(tx)
    never_compared: dict[Place, Decision] = {}
    for announcement in unknown:
        if announcement.organisation not in with_key:
            decision = decisions[announcement.place]
            never_compared[announcement.place] = replace(decision, notes=(sender_hints.NO_KEY,))
    return never_compared


def frequencies(tx: Connection, names: Iterable[str | None]) -> dict[str, int]:
    """How many members bear each of the names (folded), and under "" how many members there are."""
    folded = {fold_name(name) for name in names} - {""}
    if not folded:
        return {}
    counted = tx.exec_driver_sql(_FREQUENCIES, ([*folded, SIZE],))
    return {name: bearers for name, bearers in counted}
