"""Who the persons of a roll are: the same model and the same candidates as for posted events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from uuid import uuid4

from sqlalchemy import Connection

from services.cases.model.case import DecisionContext
from services.matcher.announcements import Announcement
from services.matcher.people import Decision, People
from services.registry.rosters import RollRow

AT_ONCE = 2_000


def identify_roll(
    tx: Connection, people: People, lines: Sequence[RollRow], context: DecisionContext
) -> list[Decision]:
    """The decision on every row, in order. Nothing is kept."""
    event, decided = uuid4(), []
    for start in range(0, len(lines), AT_ONCE):
        told = [
            Announcement(
                event,
                line.number,
                "",
                "",
                "",
                "",
                "roll",
                context.now,
                {},
                {
                    "person": {
                        **{k: v for k, v in asdict(line.person).items() if v and k != "address"},
                        "member": line.member,
                    },
                    "to": {"address": line.person.address},
                },
                None,
            )
            for line in lines[start : start + AT_ONCE]
        ]
        answers = people.find(tx, told, context)
        decided += [answers[event, one.position] for one in told]
    return decided
