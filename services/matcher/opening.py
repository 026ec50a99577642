"""Whose case a batch of announcements opens or joins, and what becomes of it. Nothing here reads or
writes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid5

from services.cases.commands.statements import change_from_statements, open_case
from services.cases.model.case import Case, DecisionContext, Statement
from services.cases.store.tables import Change
from services.matcher.address_answers import AddressAnswers
from services.matcher.announcements import Announcement, Place
from services.matcher.decision import Decision
from services.registry.announcement_rights import in_line


@dataclass(slots=True)
class Departing:
    """A person of a batch, and what the batch says of them, in the order of its time.

    ``member`` and ``home`` are None of a walk-in whom no register knows.
    """

    member: str | None
    home: str | None
    announcements: list[Announcement] = field(default_factory=list)

    @property
    def standing_announcements(self) -> list[Announcement]:
        """Those that nobody has corrected or withdrawn."""
        return [a for a in self.announcements if not a.superseded]


@dataclass(frozen=True, slots=True)
class BatchRules:
    """What every case of one batch is decided by: the policy in force, the answers to addresses,
    and the bulk cases that are closed to newcomers.
    """

    context: DecisionContext
    answers: AddressAnswers
    closed_groups: Collection[str]

    def in_line(self, announcement: Announcement, home: str | None) -> bool:
        """Whether an organisation of the member's line says it."""
        poster = announcement.organisation
        return in_line(poster, home, self.context.directory, self.context.today)

    def statement(self, announcement: Announcement, home: str | None) -> Statement:
        """What an announcement states of the case of a member at ``home``."""
        area = self.answers.area_of(announcement.address)
        return announcement.statement(area, of_line=self.in_line(announcement, home))


@dataclass(frozen=True, slots=True)
class Opening:
    """A case that a batch opens or joins: its change, and a statement for each announcement."""

    change: Change
    statements: Sequence[tuple[Announcement, Statement]]
    joined: bool

    @property
    def case_id(self) -> str:
        """The case as it stands afterwards."""
        return self.change.after.id

    @property
    def statement_rows(self) -> list[tuple[Any, str, Statement, int | None]]:
        """(id, case, statement, position) of each: a repetition writes the same ids."""
        lines: list[tuple[Any, str, Statement, int | None]] = []
        for announcement, statement in self.statements:
            statement_id = uuid5(announcement.event, f"statement:{announcement.position}")
            lines.append((statement_id, self.case_id, statement, announcement.position))
        return lines


def departing_persons(
    announcements: Iterable[Announcement], decisions: Mapping[Place, Decision]
) -> list[Departing]:
    """The persons whose case these announcements open or join: each member once, each walk-in of
    whom no register knows by the case that they open.
    """
    homes = {d.member: d.organisation for d in decisions.values() if d.member}
    persons: dict[tuple[str, str | None], Departing] = {}
    for announcement in announcements:
        decision = decisions[announcement.place]
        if decision.is_match:
            member = decision.member
            key = "member", member
        elif decision.decision == "outside":
            member = None
            key = "walk-in", announcement.case_id
        else:
            continue
        if key not in persons:
            home = homes.get(member) if member else None
            persons[key] = Departing(member, home)
        persons[key].announcements.append(announcement)
    return list(persons.values())


def open_or_join(
    person: Departing, case: Case | None, known: Sequence[Statement], rules: BatchRules
) -> Opening | None:
    """What a person's announcements do: they join ``case``, of which ``known`` is stated already,
    or open one. None where all of them were taken back before they were read.
    """
    stated = [(a, rules.statement(a, person.home)) for a in person.announcements]
    statements = [statement for _, statement in stated]
    if case is not None:
        poster = person.announcements[-1].organisation
        change = change_from_statements(
            case, [*known, *statements], rules.context, "join", None, poster
        )
        return Opening(change, stated, joined=True)
    if not person.standing_announcements:
        return None
    first = person.standing_announcements[0]
    particulars = _particulars(person, rules.closed_groups)
    change = open_case(
        first.case_id, person.member, person.home, statements, rules.context, **particulars
    )
    return Opening(change, stated, joined=False)


def _particulars(person: Departing, closed_groups: Collection[str]) -> dict[str, Any]:
    """What a new case says beside its statements: the bulk case that it belongs to, and of a
    walk-in the host.
    """
    particulars: dict[str, Any] = {}
    for announcement in person.announcements:
        if announcement.group and announcement.parent_id not in closed_groups:
            particulars["parent"] = announcement.parent_id
            particulars["position"] = announcement.position
            break
    if person.member is None:
        particulars["inflow"] = True
        particulars["host"] = person.standing_announcements[0].organisation
    return particulars


def person_rows(person: Departing, case_id: str, rules: BatchRules) -> list[dict[str, Any]]:
    """What each announcement says of the person, with who says it, for the page of the case."""
    return [
        _person_row(announcement, case_id, person.home, rules)
        for announcement in person.standing_announcements
    ]


def _person_row(
    announcement: Announcement, case_id: str, home: str | None, rules: BatchRules
) -> dict[str, Any]:
    stated = announcement.stated_person
    return {
        "case_id": case_id,
        "event_id": announcement.event,
        "position": announcement.position,
        "organisation": announcement.organisation,
        "of_line": rules.in_line(announcement, home),
        "time": announcement.time,
        "name": stated.get("name"),
        "sex": stated.get("sex"),
        "birth_date": stated.get("birth_date"),
        "phone": stated.get("phone"),
        "address": announcement.address,
        "evidence": rules.answers.answer_to(announcement.address),
    }
