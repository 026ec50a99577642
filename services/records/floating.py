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
    host = tx.exec_driver_sql(
        "SELECT host FROM transfer_case WHERE id = %s::uuid AND state = 'floating_registered'",
        (case_id,),
    ).scalar_one_or_none()
    if host != organisation:
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
    tx.exec_driver_sql(
        'INSERT INTO host_record (id, case_id, organisation, kind, "on", words, by_person, at) '
        "VALUES (%s, %s::uuid, %s, %s, %s, %s, %s, %s)",
        (
            uuid4(),
            case_id,
            organisation,
            noted.kind,
            noted.on,
            bounded(noted.words, TEXT_MAX, "words") or None,
            person,
            now,
        ),
    )


def noted(tx: Connection, case_id: str, limit: int = 500, offset: int = 0) -> Sequence[Any]:
    """What hosts noted of a member, newest first; seen by whoever sees the case."""
    return rows(
        tx,
        'SELECT organisation, kind, "on", words, by_person, at FROM host_record '
        "WHERE case_id = CAST(:id AS uuid) ORDER BY at DESC, id LIMIT :limit OFFSET :offset",
        {"id": case_id, "limit": limit, "offset": offset},
    )


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


def proposals(lines: Iterable[Any], directory: Directory, today: date) -> list[Proposal]:
    """Every group of at least three full members, the largest first. Pure.

    ``lines`` have id, host, area and employer. The smaller of two groups of the very same members
    is left out.
    """
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for line in lines:
        street = (line["area"] or "")[:STREET_DIGITS]
        at = directory.get(line["host"]) or directory.serving(street, today)
        department = directory.department_above(at.code) if at else None
        if department is None:
            continue
        keys = {
            "host": line["host"],
            "place": street if len(street) == STREET_DIGITS else None,
            "trade": "".join((line["employer"] or "").split()) or None,
        }
        for kind, key in keys.items():
            if key:
                groups[kind, key, department.code].append(line["id"])
    proposals_of: dict[tuple[str, ...], Proposal] = {}
    for (kind, key, department), cases in sorted(groups.items()):
        members = tuple(sorted(cases))
        if len(members) >= BRANCH_MEMBERS_MIN:
            ident = str(uuid5(NAMESPACE_GUIDUI, f"branch:{kind}:{key}:{department}"))
            proposals_of.setdefault(members, Proposal(ident, kind, key, department, members))
    return sorted(proposals_of.values(), key=lambda proposal: (-proposal.members, proposal.grouped))


_FULL = """
SELECT c.id::text AS id, c.host, c.facts ->> 'to.area' AS area,
    c.facts ->> 'to.employer' AS employer
FROM transfer_case c JOIN member m ON m.member = c.member
WHERE c.state = 'floating_registered' AND m.status = 'full' AND m.standing = 'normal'"""


def proposed(tx: Connection, organisation: str, today: date) -> list[Proposal]:
    """What waits for a decision by a department or one below it; ``tx`` acts as the worker.

    A group that was declined, or approved, comes back only when more members have joined it.
    """
    directory = Directory.of(tx)
    known = {
        row.grouped: row.members
        for row in rows(
            tx,
            "SELECT DISTINCT ON (grouped) grouped, members FROM branch_proposal ORDER BY grouped, "
            "decided_at DESC",
        )
    }
    return [
        proposal
        for proposal in proposals(rows(tx, _FULL), directory, today)
        if directory.within(proposal.department, organisation)
        and proposal.members > known.get(proposal.grouped, 0)
    ]


def decide(  # noqa: PLR0913
    tx: Connection,
    organisation: str,
    grouped: str,
    decision: str,
    reason: str,
    person: str | None,
    now: datetime,
) -> None:
    """Keeps a department's decision on a proposal that stands; ``tx`` acts as the worker."""
    proposal = next(
        (p for p in proposed(tx, organisation, now.date()) if p.grouped == grouped), None
    )
    if proposal is None or proposal.department != organisation:
        raise refuse(
            409,
            "no-such-proposal",
            "这条组建建议已有决定，或须由别的组织部门决定。",
            "This proposal was decided already, or is for another department.",
        )
    if decision not in ("approve", "decline") or not reason.strip():
        raise refuse(
            422,
            "field-missing",
            "请选择同意或不同意，并写明理由。",
            "Approve or decline, with the reason.",
        )
    path = Directory.of(tx).path(organisation)
    tx.exec_driver_sql(
        "INSERT INTO branch_proposal (id, grouped, organisation, path, kind, key, members, cases, "
        "decision, reason, decided_by, "
        "decided_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s)",
        (
            uuid4(),
            grouped,
            organisation,
            path,
            proposal.kind,
            proposal.key,
            proposal.members,
            dumps(proposal.cases),
            decision,
            bounded(reason, TEXT_MAX, "reason"),
            person,
            now,
        ),
    )


def decided(tx: Connection, limit: int = 100) -> Sequence[Any]:
    """Decisions that this transaction sees, newest first."""
    return rows(
        tx,
        "SELECT organisation, kind, key, members, decision, reason, decided_by, decided_at FROM "
        "branch_proposal "
        "ORDER BY decided_at DESC LIMIT :limit",
        {"limit": limit},
    )
