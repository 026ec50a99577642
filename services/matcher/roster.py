"""Who the persons of a roll are: the same model and the same candidates as for posted events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection

from services.cases.model.case import DecisionContext
from services.matcher.announcements import Announcement
from services.matcher.decision import Decision
from services.matcher.people import People
from services.registry.rosters import RollRow

AT_ONCE = 2_000


def identify_roll(
    tx: Connection, people: People, lines: Sequence[RollRow], context: DecisionContext
) -> list[Decision]:
    """The decision on every row, in order. Nothing is kept."""
    event = uuid4()
    decisions: list[Decision] = []
    for start in range(0, len(lines), AT_ONCE):
        part = lines[start : start + AT_ONCE]
        announcements = [_as_announcement(line, event, context) for line in part]
        decision_of = people.find(tx, announcements, context)
        decisions += [decision_of[announcement.place] for announcement in announcements]
    return decisions


def _as_announcement(line: RollRow, event: UUID, context: DecisionContext) -> Announcement:
    """A row of a roll as if somebody had posted its person; nobody did, so no sender is named."""
    return Announcement(
        event=event,
        position=line.number,
        source="",
        ext_id="",
        organisation="",
        path="",
        kind="roll",
        time=context.now,
        data={},
        posted_person=_posted_person(line),
        corrects=None,
    )


def _posted_person(line: RollRow) -> dict[str, Any]:
    """The person of a row as an event would state it."""
    stated = {name: value for name, value in asdict(line.person).items() if value}
    stated.pop("address", None)
    return {
        "person": {**stated, "member": line.member},
        "to": {"address": line.person.address},
    }
