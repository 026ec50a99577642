"""Announcements by others than the member's line: each is kept as a report in the history of the
case that stands, or in a case opened for it (interface.md §7.5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from services.cases.commands import reports
from services.cases.commands.reports import Report
from services.cases.model.case import Case, DecisionContext
from services.cases.store import tables
from services.cases.store.backlog import registered
from services.cases.store.tables import Change
from services.matcher.address_answers import AddressAnswers
from services.matcher.announcements import Announcement, Place
from services.matcher.decision import Decision
from services.matcher.member_locks import lock_members

# without phone and address
_AS_REGISTERED = (
    "SELECT member, name, sex, birth_date::text, NULL, NULL FROM member WHERE member = %s"
)


@dataclass(frozen=True, slots=True)
class Reporting:
    """Makes reports of announcements, by what one batch knows of the persons and addresses."""

    decisions: Mapping[Place, Decision]
    context: DecisionContext
    answers: AddressAnswers

    def member_of(self, announcement: Announcement) -> str:
        """The member whom an announcement names."""
        return self.decisions[announcement.place].member or ""

    def home_of(self, announcement: Announcement) -> str:
        """The organisation of that member."""
        return self.decisions[announcement.place].organisation or ""

    def report(self, announcement: Announcement, home: str, case_id: str | None) -> Report:
        """An announcement as a report of a member at ``home``; ``case_id``: beside which case."""
        facts = dict(announcement.data)
        if announcement.opens:
            area = self.answers.area_of(announcement.address)
            facts = dict(announcement.statement(area).facts)
        return Report(
            event_id=announcement.event,
            position=announcement.position,
            member=self.member_of(announcement),
            path=self.context.directory.path(home),
            case_id=case_id,
            organisation=announcement.organisation,
            ext_id=announcement.ext_id,
            kind=announcement.kind,
            time=announcement.time,
            facts=facts,
            phone=announcement.stated_person.get("phone"),
            address=announcement.address,
            evidence=self.answers.answer_to(announcement.address),
            kept_at=self.context.now,
        )

    def of_member(
        self, announcements: Sequence[Announcement], case: Case | None
    ) -> tuple[list[Report], Change]:
        """The reports of one member, and what they do to the case that stands, or to a new one."""
        first = announcements[0]
        home = self.home_of(first)
        case_id = case.id if case else first.case_id
        made = [self.report(announcement, home, case_id) for announcement in announcements]
        if case:
            return made, reports.change_of(case, made, self.context)
        return made, reports.opened(case_id, self.member_of(first), home, made, self.context)


def keep_reports(
    tx: Connection, announcements: Sequence[Announcement], reporting: Reporting
) -> None:
    """Keeps these announcements as reports of the members whom they name. Life, dues and contacts
    stand beside no case.
    """
    of_member: dict[str, list[Announcement]] = {}
    without_case: list[Announcement] = []
    for announcement in announcements:
        if announcement.superseded:
            continue
        if announcement.opens:
            member = reporting.member_of(announcement)
            of_member.setdefault(member, []).append(announcement)
        else:
            without_case.append(announcement)
    members = sorted(of_member)
    lock_members(tx, members)
    cases = tables.open_of_members(tx, members)
    kept: list[Report] = []
    changes: list[Change] = []
    for member in members:
        made, change = reporting.of_member(of_member[member], cases.get(member))
        kept += made
        changes.append(change)
    for announcement in without_case:
        kept.append(reporting.report(announcement, reporting.home_of(announcement), None))
    tables.write(tx, changes, reporting.context)
    opened = [change.after for change in changes if change.before is None]
    tables.show_person(tx, [_as_registered(tx, case) for case in opened])
    reports.keep(tx, kept)


def _as_registered(tx: Connection, case: Case) -> dict[str, Any]:
    """The person of a case that reports opened, as the register names them."""
    row = tx.exec_driver_sql(_AS_REGISTERED, (case.member,)).one()
    return registered(case, row)
