"""Events that correct or withdraw an earlier event of the same source: what that one stated no
longer counts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import Connection

from schemas.departures import posted_id
from services.cases.commands import reports
from services.cases.commands.groups import close_finished_groups
from services.cases.commands.statements import after_withdrawal
from services.cases.model.case import Case, DecisionContext
from services.cases.model.states import BEFORE_ACCEPTED, TERMINAL
from services.cases.store import signs, tables
from services.matcher import withdrawn
from services.matcher.announcements import Announcement, Place, lock_for_correction
from services.matcher.decision import Decision
from services.registry import change_log

_WITHDRAW_STATEMENTS = """
UPDATE statement SET withdrawn = true
WHERE source = %s AND ext_id = %s AND NOT withdrawn RETURNING case_id::text"""


def correct(
    tx: Connection,
    announcements: Sequence[Announcement],
    decisions: Mapping[Place, Decision],
    context: DecisionContext,
) -> set[str]:
    """Lets each correction take the place of the event that it corrects, once for all its persons.
    Returns the organisations whose review desks somebody leaves.
    """
    first_of: dict[UUID, Announcement] = {}
    members_of: dict[UUID, set[str | None]] = {}
    for announcement in announcements:
        if not announcement.corrects:
            continue
        first_of.setdefault(announcement.event, announcement)
        members = members_of.setdefault(announcement.event, set())
        if not announcement.superseded:
            members.add(decisions[announcement.place].member)
    desks: set[str] = set()
    for event, correction in first_of.items():
        desks |= _supersede(tx, correction, members_of[event], context)
    return desks


def withdraw(tx: Connection, withdrawal: Announcement, context: DecisionContext) -> set[str]:
    """Takes back the earlier event that a withdrawal names, be it of persons or of organisations.
    Returns the organisations whose review desks somebody leaves.
    """
    desks = _supersede(tx, withdrawal, (), context)
    change_log.withdraw(tx, organisation_event(withdrawal), context.now)
    return desks


def change_organisation(
    tx: Connection, announcement: Announcement, context: DecisionContext
) -> None:
    """Keeps the change of an organisation until its day; what it corrects does not count."""
    if announcement.corrects:
        lock_for_correction(tx, announcement.source, announcement.corrects)
    event = organisation_event(announcement)
    change_log.take(tx, event, context.directory, context.now)


def organisation_event(announcement: Announcement) -> change_log.Said:
    """An event about an organisation as the register's log of changes takes it."""
    return change_log.Said(
        event=announcement.event,
        source=announcement.source,
        ext_id=announcement.ext_id,
        by=announcement.organisation,
        path=announcement.path,
        time=announcement.time,
        data=announcement.data,
        corrects=announcement.corrected,
        superseded=announcement.superseded,
    )


def _supersede(
    tx: Connection,
    correction: Announcement,
    members: Collection[str | None],
    context: DecisionContext,
) -> set[str]:
    """Takes back what the earlier event stated: its case closes if nothing else opened it, and who
    was in review leaves the desk.

    The cases of ``members``, of whom the correction itself tells, go on: the correction joins
    them.
    """
    ext_id = correction.corrected
    poster = correction.organisation
    lock_for_correction(tx, correction.source, ext_id or "")
    earlier = posted_id(correction.source, ext_id or "")
    desks = withdrawn.off_the_desk(tx, earlier, context.now)
    signs.take_back(tx, earlier, None, context, "join", "withdrawn", poster)
    reports.withdraw(tx, earlier, None, context, members)
    case_ids = tx.exec_driver_sql(_WITHDRAW_STATEMENTS, (correction.source, ext_id)).scalars()
    cases = tables.load(tx, sorted(set(case_ids)))
    changes = [
        after_withdrawal(tx, case, context, poster)
        for case in cases.values()
        if not _stays(case, members)
    ]
    moved = tables.write(tx, changes, context)
    close_finished_groups(tx, moved, context)
    return desks


def _stays(case: Case, members: Collection[str | None]) -> bool:
    """Whether a case goes on without the statement: it has ended, or the correction joins it."""
    if case.state in TERMINAL:
        return True
    corrected = bool(case.member) and case.member in members
    return corrected and case.state in BEFORE_ACCEPTED
