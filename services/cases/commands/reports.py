"""What organisations outside a member's line say of the member: kept, shown to the line, without
effect (interface.md §7.5).

A report makes its sender no party. The line may take what it says over when it triages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases.commands.arguments import refuse
from services.cases.deadlines import tasks as deadlines
from services.cases.model import states as s
from services.cases.model.case import Case, DecisionContext, Step
from services.cases.store import tables
from services.cases.store.tables import Change
from services.kit.clock import ZONE
from services.kit.db.engine import dumps, rows

REPORT = "report"
_COLUMNS = (
    "event_id, position, member, path, case_id, organisation, ext_id, kind, time, facts, phone, "
    "address, "
    "evidence, kept_at"
)
_KEEP = f"""
INSERT INTO report ({_COLUMNS})
SELECT {_COLUMNS} FROM json_to_recordset(%s::json) AS r(event_id uuid, position int, member text,
    path text, case_id uuid,
    organisation text, ext_id text, kind text, time timestamptz, facts jsonb, phone text,
        address text, evidence jsonb,
    kept_at timestamptz)
ON CONFLICT (event_id, position) DO UPDATE SET case_id = excluded.case_id"""
_OF_CASES = f"""
SELECT {_COLUMNS}, taken_over_at FROM report
WHERE case_id = ANY (CAST(:cases AS uuid[])) AND withdrawn_at IS NULL
    ORDER BY time, organisation, ext_id"""
_OF_MEMBER = f"""
SELECT {_COLUMNS}, taken_over_at FROM report
WHERE member = :member AND withdrawn_at IS NULL ORDER BY time DESC, organisation, ext_id
    LIMIT :limit"""
_WITHDRAW = """
UPDATE report SET withdrawn_at = %s WHERE event_id = %s AND withdrawn_at IS NULL
    AND (%s::int IS NULL OR position = %s::int) RETURNING case_id::text"""
# a case that reports alone opened, and that nobody has touched yet
_OPENED_BY_REPORTS = """
SELECT c.id::text FROM transfer_case c WHERE c.id = ANY (%s::uuid[]) AND c.state = 'announced'
    AND NOT EXISTS (SELECT FROM statement x WHERE x.case_id = c.id AND NOT x.withdrawn)
    AND NOT EXISTS (SELECT FROM report r WHERE r.case_id = c.id AND r.withdrawn_at IS NULL)
    AND NOT EXISTS (SELECT FROM case_event e WHERE e.case_id = c.id
        AND e.by_organisation IS NOT NULL)"""


@dataclass(frozen=True, slots=True)
class Report:
    """One report. ``facts`` is what it would state of the case, or the life, dues or contact
    that it tells."""

    event_id: UUID
    position: int
    member: str
    path: str
    case_id: str | None
    organisation: str
    ext_id: str
    kind: str
    time: datetime
    facts: Mapping[str, Any]
    phone: str | None = None
    address: str | None = None
    evidence: Mapping[str, Any] | None = None
    kept_at: datetime | None = None
    taken_over_at: datetime | None = None

    @property
    def step_detail(self) -> dict[str, Any]:
        """What the history row says of it."""
        return {
            "event": self.ext_id,
            "organisation": self.organisation,
            "type": self.kind,
            "report": f"{self.event_id}:{self.position}",
        }


def keep(tx: Connection, reports: Iterable[Report]) -> None:
    """Keeps reports; ``tx`` acts as the worker."""
    lines = [asdict(report) for report in reports]
    if lines:
        tx.exec_driver_sql(_KEEP, (dumps(lines),))


def of_cases(tx: Connection, cases: Collection[str]) -> dict[str, list[Report]]:
    """Case -> the reports that stand beside it, oldest first; ``tx`` acts as the worker."""
    reports_of: dict[str, list[Report]] = {}
    if cases:
        for row in rows(tx, _OF_CASES, {"cases": sorted(cases)}):
            reports_of.setdefault(str(row.case_id), []).append(_report(row))
    return reports_of


def of_member(tx: Connection, member: str, limit: int = 50) -> list[Report]:
    """What was reported of a member, newest first; ``tx`` acts as the worker."""
    return [_report(row) for row in rows(tx, _OF_MEMBER, {"member": member, "limit": limit})]


def named(reports: Sequence[Report], wanted: str) -> Report:
    """The report that ``from_report`` names, by the id of its event; of several of one sender the
    newest. 422 where there is none, or where several senders gave that id: each chooses its own.
    """
    exact = [r for r in reports if wanted in (str(r.event_id), f"{r.event_id}:{r.position}")]
    by_id = exact or [r for r in reports if r.ext_id == wanted]
    if len({report.organisation for report in by_id}) > 1:
        raise refuse(
            422,
            "report-of-several",
            "不止一个单位用了这个编号报告，请在 from_report 填写那条记录（history）中的 report。",
            "More than one organisation reported under this id; give the report of that history "
            "row as "
            "from_report.",
            field="from_report",
        )
    if by_id:
        return by_id[-1]
    raise refuse(
        422,
        "no-such-report",
        "这件转移没有这条报告，请核对 from_report。",
        "This case has no such report; check from_report.",
        field="from_report",
    )


def change_of(case: Case, reports: Sequence[Report], context: DecisionContext) -> Change:
    """A case that stands, with a history row for each report and nothing else."""
    return Change(case, case, [_step(case.state, report) for report in reports])


def opened(
    case_id: str, member: str, home: str, reports: Sequence[Report], context: DecisionContext
) -> Change:
    """A case opened by reports alone: it is the origin branch's, and waits for the branch to
    triage it."""
    case = Case(
        id=case_id,
        state=s.ANNOUNCED,
        member=member,
        origin=home,
        poster=home,
        opened_at=context.now,
        entered_at=context.now,
        touched_at=context.now,
        counted_from=context.today,
    )
    steps = [Step("open", None, s.ANNOUNCED, None)]
    steps += [_step(s.ANNOUNCED, report) for report in reports]
    return Change(None, deadlines.settle(case, context), steps)


def withdraw(
    tx: Connection,
    event: UUID,
    position: int | None,
    context: DecisionContext,
    going_on: Collection[str | None] = (),
) -> None:
    """Takes back what an event reported (of all its persons, or of one).

    A case that it alone had opened, and that nobody has touched, is closed; those of the members
    ``going_on`` are not.
    """
    touched = (
        tx.exec_driver_sql(_WITHDRAW, (context.now, event, position, position)).scalars().all()
    )
    cases = sorted({case for case in touched if case})
    if not cases:
        return
    alone = tx.exec_driver_sql(_OPENED_BY_REPORTS, (cases,)).scalars().all()
    changes = []
    for case in tables.load(tx, alone).values():
        if case.member not in going_on:
            after = case.replace(
                state=s.CLOSED,
                touched_at=context.now,
                entered_at=context.now,
                counted_from=context.today,
            )
            step = Step("withdraw", case.state, s.CLOSED, None, "event_withdrawn")
            changes.append(Change(case, deadlines.settle(after, context), [step]))
    tables.write(tx, changes, context)


def _step(state: str, report: Report) -> Step:
    """The history row of a report: by nobody with a part in the case."""
    return Step(REPORT, state, state, None, None, report.step_detail)


def take_over(
    tx: Connection, report: Report, case_id: str, by: str, context: DecisionContext
) -> None:
    """Notes that the line took a report over: its phone and address count as the line's from now
    on."""
    tx.exec_driver_sql(
        "UPDATE report SET taken_over_at = %s WHERE event_id = %s AND position = %s",
        (context.now, report.event_id, report.position),
    )
    tables.show_person(
        tx,
        [
            tables.person_of(tx, case_id)
            | {
                "case_id": case_id,
                "event_id": report.event_id,
                "position": report.position,
                "organisation": by,
                "of_line": True,
                "time": context.now,
                "phone": report.phone,
                "address": report.address,
                "evidence": report.evidence,
            }
        ],
    )


def shown(report: Report) -> dict[str, Any]:
    """A report as the line sees it: who says what, and when."""
    return {
        "report": f"{report.event_id}:{report.position}",
        "event": report.ext_id,
        "organisation": report.organisation,
        "type": report.kind,
        "at": report.time.astimezone(ZONE).isoformat(),
        "facts": dict(report.facts),
        "phone": report.phone,
        "address": report.address,
        "taken_over": report.taken_over_at is not None,
    }


def _report(row: Any) -> Report:
    values = dict(row)
    values["case_id"] = str(row.case_id) if row.case_id else None
    return Report(**values)
