"""The bulk cases of announcements that name several persons: opened before their first case, ended
where no case is left to wait for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from services.cases.commands.groups import close_groups
from services.cases.deadlines import tasks as deadlines
from services.cases.model.case import Case, DecisionContext, Step
from services.cases.model.states import BULK_CLOSED, BULK_OPEN
from services.cases.store import tables
from services.cases.store.tables import Change
from services.matcher.announcements import Announcement, Place

OF_THE_EVENT = -1  # the position under which an event's bulk case is kept
_IN_REVIEW = """
SELECT event_id FROM identification
WHERE event_id = ANY (%s::uuid[]) AND decision = 'review'"""


def open_groups(
    tx: Connection, announcements: Sequence[Announcement], context: DecisionContext
) -> set[str]:
    """Opens the bulk cases that announcements of several persons belong to and that there are not
    yet. Returns those of which every case has ended.
    """
    first_of: dict[str, Announcement] = {}
    for announcement in announcements:
        if not announcement.superseded:
            first_of.setdefault(announcement.parent_id, announcement)
    known = tables.load(tx, list(first_of))
    changes = [
        _opened(group, announcement, context)
        for group, announcement in first_of.items()
        if group not in known
    ]
    tables.write(tx, changes, context)
    return {case.id for case in known.values() if case.state == BULK_CLOSED}


def _opened(group: str, announcement: Announcement, context: DecisionContext) -> Change:
    poster = announcement.organisation
    case = Case(
        id=group,
        state=BULK_OPEN,
        poster=poster,
        origin=poster,
        category=announcement.statement(None).facts.get("category"),
        opened_at=context.now,
        entered_at=context.now,
        touched_at=context.now,
        counted_from=context.today,
    )
    step = Step("open_bulk", None, BULK_OPEN, poster, announcement.data.get("batch"))
    return Change(None, deadlines.settle(case, context), [step])


def group_of_events(announcements: Iterable[Announcement]) -> dict[Place, str]:
    """The bulk case of each event, at the place that stands for the event as a whole."""
    groups: dict[Place, str] = {}
    for announcement in announcements:
        if not announcement.superseded:
            groups.setdefault((announcement.event, OF_THE_EVENT), announcement.parent_id)
    return groups


def close_empty_groups(
    tx: Connection, without_case: Iterable[Announcement], context: DecisionContext
) -> None:
    """Ends the bulk case of an event of which announcements got no case of their own and nobody is
    in review; that of a batch of several events waits for them.
    """
    group_of = {a.event: a.parent_id for a in without_case if not a.data.get("batch")}
    if not group_of:
        return
    in_review = set(tx.exec_driver_sql(_IN_REVIEW, (list(group_of),)).scalars())
    decided = {group for event, group in group_of.items() if event not in in_review}
    close_groups(tx, decided, context)
