"""Floating members (流动党员): who is where, what the host notes of them, and branches proposed
where three are near each other.

People decide: a proposal is a count with its reason; the county department approves or declines,
and the decision is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4, uuid5

from sqlalchemy import Connection

from schemas.envelope import NAMESPACE_GUIDUI
from services.cases.commands.arguments import TEXT_MAX, bounded, refuse
from services.kit.db.engine import dumps, rows
from services.registry.directory import Directory

KINDS = ("life", "dues", "service", "evaluation")
DECISIONS = ("approve", "decline")
BRANCH_MEMBERS_MIN = 3  # a branch needs three full members (rules.md §2.3)
STREET_DIGITS = 9

_FLOATING = """
SELECT c.id::text AS id, p.name, c.member, c.origin, c.host, c.permit_no, c.acknowledged_on,
    c.contacted_on, c.entered_at,
       c.facts ->> 'to.area' AS area, c.facts ->> 'to.employer' AS employer,
       (SELECT min(t.due_on) FROM task t WHERE t.case_id = c.id AND t.closed_at IS NULL
           AND t.kind = 'contact') AS contact_due,
       (SELECT min(t.due_on) FROM task t WHERE t.case_id = c.id AND t.closed_at IS NULL
           AND t.kind = 'permit_check') AS test_due
FROM transfer_case c LEFT JOIN case_person p ON p.case_id = c.id
WHERE c.state = 'floating_registered' ORDER BY c.entered_at, c.id LIMIT :limit OFFSET :offset"""

_HOST = """
SELECT host FROM transfer_case WHERE id = %s::uuid AND state = 'floating_registered'"""
_NOTE = """
INSERT INTO host_record (id, case_id, organisation, kind, "on", words, by_person, at)
VALUES (%s, %s::uuid, %s, %s, %s, %s, %s, %s)"""
_NOTED = """
SELECT organisation, kind, "on", words, by_person, at FROM host_record
WHERE case_id = CAST(:id AS uuid) ORDER BY at DESC, id LIMIT :limit OFFSET :offset"""
_FULL = """
SELECT c.id::text AS id, c.host, c.facts ->> 'to.area' AS area,
    c.facts ->> 'to.employer' AS employer
FROM transfer_case c JOIN member m ON m.member = c.member
WHERE c.state = 'floating_registered' AND m.status = 'full' AND m.standing = 'normal'"""
_LAST_DECISIONS = """
SELECT DISTINCT ON (grouped) grouped, members FROM branch_proposal
ORDER BY grouped, decided_at DESC"""
_DECIDE = """
INSERT INTO branch_proposal (id, grouped, organisation, path, kind, key, members, cases, decision,
    reason, decided_by, decided_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s)"""
_DECIDED = """
SELECT organisation, kind, key, members, decision, reason, decided_by, decided_at
FROM branch_proposal ORDER BY decided_at DESC LIMIT :limit"""


def floating(tx: Connection, limit: int = 200, offset: int = 0) -> list[dict[str, Any]]:
    """The floating members whom this transaction sees, at their origin or at their host, the
    longest away first.
    """
    return [dict(row) for row in rows(tx, _FLOATING, {"limit": limit, "offset": offset})]


@dataclass(frozen=True, slots=True)
class HostNote:
    """What a host notes of a floating member: its kind (`KINDS`), the day and the words."""

    kind: str
    on: date
    words: str | None = None


def note(
    tx: Connection,
    case_id: str,
    organisation: str,
    noted: HostNote,
    person: str | None,
    now: datetime,
) -> None:
    """Keeps what the host notes; ``tx`` acts as the worker, and only the host of a floating member
    may.
    """
    if _host_of(tx, case_id) != organisation:
        raise refuse(
            403,
            "not-the-host",
            "只有流入地党组织可以登记这名流动党员的情况。",
            "Only the host of this floating member may note this.",
        )
    if noted.kind not in KINDS:
        raise refuse(
            422,
            "unknown-kind",
            "请选择登记的是组织生活、党费、服务还是评价。",
            "Say whether it is life, dues, service or an evaluation.",
            field="kind",
        )
    if noted.on > now.date():
        raise refuse(
            422,
            "field-wrong",
            "日期不能晚于今天。",
            "The day must not be in the future.",
            field="on",
        )
    words = bounded(noted.words, TEXT_MAX, "words") or None
    tx.exec_driver_sql(
        _NOTE, (uuid4(), case_id, organisation, noted.kind, noted.on, words, person, now)
    )


def _host_of(tx: Connection, case_id: str) -> str | None:
    """The host of a floating member; None where the case is no floating member's."""
    return tx.exec_driver_sql(_HOST, (case_id,)).scalar_one_or_none()


def noted(tx: Connection, case_id: str, limit: int = 500, offset: int = 0) -> Sequence[Any]:
    """What hosts noted of a member, newest first; seen by whoever sees the case."""
    return rows(tx, _NOTED, {"id": case_id, "limit": limit, "offset": offset})


@dataclass(frozen=True, slots=True)
class Proposal:
    """Members who float near each other: by their host, by the street they live in, or by their
    employer.

    ``grouped`` names the group whoever is in it; ``department`` is the one that may approve a
    branch there.
    """

    grouped: str
    kind: str
    key: str
    department: str
    cases: tuple[str, ...]

    @property
    def members(self) -> int:
        """How many full members."""
        return len(self.cases)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A department's decision on a proposal: ``approve`` or ``decline``, and why."""

    decision: str
    reason: str


_Group = tuple[str, str, str]
"""What members have in common: its kind, the thing itself, and the department that decides."""


def proposals(lines: Iterable[Any], directory: Directory, today: date) -> list[Proposal]:
    """Every group of at least three full members, the largest first. Pure.

    ``lines`` have id, host, area and employer. The smaller of two groups of the very same members
    is left out.
    """
    groups: dict[_Group, list[str]] = defaultdict(list)
    for line in lines:
        for group in _groups_of(line, directory, today):
            groups[group].append(line["id"])
    proposals_of: dict[tuple[str, ...], Proposal] = {}
    for group in sorted(groups):
        cases = tuple(sorted(groups[group]))
        if len(cases) >= BRANCH_MEMBERS_MIN:
            proposals_of.setdefault(cases, _proposal(group, cases))
    return sorted(proposals_of.values(), key=lambda proposal: (-proposal.members, proposal.grouped))


def _groups_of(line: Any, directory: Directory, today: date) -> list[_Group]:
    """The groups that a floating member may be in: by host, by street, by employer."""
    street = (line["area"] or "")[:STREET_DIGITS]
    place = directory.get(line["host"]) or directory.serving(street, today)
    department = directory.department_above(place.code) if place else None
    if department is None:
        return []
    in_common = {
        "host": line["host"],
        "place": street if len(street) == STREET_DIGITS else None,
        "trade": "".join((line["employer"] or "").split()),
    }
    return [(kind, key, department.code) for kind, key in in_common.items() if key]


def _proposal(group: _Group, cases: tuple[str, ...]) -> Proposal:
    kind, key, department = group
    grouped = uuid5(NAMESPACE_GUIDUI, f"branch:{kind}:{key}:{department}")
    return Proposal(str(grouped), kind, key, department, cases)


def proposed(tx: Connection, organisation: str, today: date) -> list[Proposal]:
    """What waits for a decision by a department or one below it; ``tx`` acts as the worker.

    A group that was declined, or approved, comes back only when more members have joined it.
    """
    directory = Directory.of(tx)
    members_then = {row.grouped: row.members for row in rows(tx, _LAST_DECISIONS)}
    waiting: list[Proposal] = []
    for proposal in proposals(rows(tx, _FULL), directory, today):
        has_grown = proposal.members > members_then.get(proposal.grouped, 0)
        if has_grown and directory.within(proposal.department, organisation):
            waiting.append(proposal)
    return waiting


def decide(
    tx: Connection,
    organisation: str,
    grouped: str,
    verdict: Verdict,
    person: str | None,
    now: datetime,
) -> None:
    """Keeps a department's decision on a proposal that stands; ``tx`` acts as the worker."""
    waiting = {proposal.grouped: proposal for proposal in proposed(tx, organisation, now.date())}
    proposal = waiting.get(grouped)
    if proposal is None or proposal.department != organisation:
        raise refuse(
            409,
            "no-such-proposal",
            "这条组建建议已有决定，或须由别的组织部门决定。",
            "This proposal was decided already, or is for another department.",
        )
    if verdict.decision not in DECISIONS or not verdict.reason.strip():
        raise refuse(
            422,
            "field-missing",
            "请选择同意或不同意，并写明理由。",
            "Approve or decline, with the reason.",
        )
    tx.exec_driver_sql(
        _DECIDE,
        (
            uuid4(),
            grouped,
            organisation,
            Directory.of(tx).path(organisation),
            proposal.kind,
            proposal.key,
            proposal.members,
            dumps(proposal.cases),
            verdict.decision,
            bounded(verdict.reason, TEXT_MAX, "reason"),
            person,
            now,
        ),
    )


def decided(tx: Connection, limit: int = 100) -> Sequence[Any]:
    """Decisions that this transaction sees, newest first."""
    return rows(tx, _DECIDED, {"limit": limit})
