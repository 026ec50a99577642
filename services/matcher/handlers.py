"""What the matcher does with posted events: who is it, where do they belong, and the cases that
follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from schemas.envelope import Message
from services.cases.model.case import Case, DecisionContext, Statement, Task
from services.cases.routing.rule_source import RuleSource
from services.cases.store import tables
from services.kit.clock import Clock
from services.kit.db.engine import sent_ahead
from services.matcher import announcements as posted
from services.matcher import (
    candidates,
    corrections,
    groups,
    opening,
    review_tasks,
    standing,
    walk_ins,
    withdrawn,
)
from services.matcher.address_answers import AddressAnswers
from services.matcher.announcements import ORGANISATION, WITHDRAWN, Announcement, Place
from services.matcher.candidates import Doubt
from services.matcher.decision import Decision
from services.matcher.life_signs import keep_signs
from services.matcher.live_gazetteer import Addresses
from services.matcher.member_locks import lock_members
from services.matcher.opening import BatchRules, Departing, Opening
from services.matcher.people import People
from services.matcher.reported import Reporting, keep_reports
from services.matcher.sender_hints import hints_of
from services.matcher.standing import Effect

# about 100 kB: what fits into a socket, so that sending does not wait for the server
CASES_AT_ONCE = 40


@dataclass
class Matcher:
    """The handler of topic ``departures``. One batch, one transaction, a fixed number of
    statements.
    """

    clock: Clock
    rule_source: RuleSource
    addresses: Addresses
    people: People = field(default_factory=People)

    def __call__(self, tx: Connection, messages: Sequence[Message]) -> None:
        """Takes effect of posted events; their bodies carry the event's id only."""
        events = [UUID(str(message.body["event"])) for message in messages]
        self.take(tx, posted.read(tx, events))

    def take(
        self,
        tx: Connection,
        announcements: Sequence[Announcement],
        decided: Mapping[Place, Decision] | None = None,
    ) -> None:
        """The effect of announcements, in the order of their time. ``decided`` is who they are
        where a person said so.
        """
        context = self.rule_source.context(tx, self.clock.now())
        self.addresses.refresh(tx)
        persons = [a for a in announcements if a.names_person]
        judgement = self._judge(tx, persons, dict(decided or {}), context)
        batch = _Batch(tx, context, judgement, AddressAnswers(self.addresses, context.now))
        batch.take_persons(persons)
        batch.keep_decisions(self.people, persons)
        batch.take_events_without_person(announcements)
        batch.join_walk_ins(persons)
        review_tasks.settle(tx, batch.desks, context)

    def _judge(
        self,
        tx: Connection,
        persons: Sequence[Announcement],
        decided: dict[Place, Decision],
        context: DecisionContext,
    ) -> _Judgement:
        """Who the persons are, who is in doubt, and which announcements take effect."""
        undecided = [a for a in persons if a.place not in decided]
        decisions = decided | self.people.find(tx, undecided, context)
        decisions |= withdrawn.before_it_came(persons, decisions)
        doubts = candidates.doubts(tx, persons, decisions, context)
        rejected = candidates.too_many(tx, persons, doubts, context)
        decisions |= rejected
        for place in rejected:
            del doubts[place]
        effects = standing.effect_of(tx, persons, decisions, context)
        decisions |= standing.silenced(persons, decisions, context)
        return _Judgement(decisions, doubts, effects)


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What was found out of the persons of a batch before anything is written."""

    decisions: dict[Place, Decision]
    doubts: dict[Place, Doubt]
    effects: dict[Place, Effect]

    def is_report(self, announcement: Announcement) -> bool:
        """Whether an announcement is kept as a report only."""
        return self.effects[announcement.place] is Effect.REPORT

    def opens_no_case(self, announcement: Announcement) -> bool:
        """Whether one of a group, which might have opened a case of its own, opens none."""
        if not announcement.opens or not announcement.group:
            return False
        decision = self.decisions[announcement.place]
        return decision.is_erased or self.is_report(announcement)


class _Batch:
    """The effect of one batch: all is read, then decided elsewhere, then written."""

    def __init__(
        self,
        tx: Connection,
        context: DecisionContext,
        judgement: _Judgement,
        answers: AddressAnswers,
    ) -> None:
        self.tx = tx
        self.context = context
        self.judgement = judgement
        self.decisions = judgement.decisions
        self.answers = answers
        self.case_of: dict[Place, str] = {}
        self.joined: set[Place] = set()
        self.desks: set[str] = set()  # the organisations whose review tasks are counted anew
        for doubt in judgement.doubts.values():
            self.desks |= doubt.desks

    def take_persons(self, persons: Sequence[Announcement]) -> None:
        """Corrects, keeps signs of life, opens groups and cases, keeps reports: in this order, as
        each reads what the one before wrote.
        """
        opening_ones = [a for a in persons if a.opens]
        signs = [a for a in persons if not a.opens]
        opening_cases = self.counted(opening_ones)
        self._correct(signs)
        keep_signs(self.tx, self.counted(signs), self.decisions, self.context)
        closed_groups = self._open_groups(opening_cases)
        self._correct(opening_ones)
        self._open_cases(opening_cases, closed_groups)
        reporting = Reporting(self.decisions, self.context, self.answers)
        keep_reports(self.tx, self.reported(persons), reporting)

    def counted(self, persons: Sequence[Announcement]) -> list[Announcement]:
        """Those that take effect."""
        return [a for a in persons if not self.judgement.is_report(a)]

    def reported(self, persons: Sequence[Announcement]) -> list[Announcement]:
        """Those that are kept as reports."""
        return [a for a in persons if self.judgement.is_report(a)]

    def keep_decisions(self, people: People, persons: Sequence[Announcement]) -> None:
        """Keeps who the persons are, what their senders are told, and whom a review may mean."""
        hints = hints_of(
            self.tx, self.counted(persons), self.decisions, self.joined, self.reported(persons)
        )
        people.keep(self.tx, persons, self.decisions, self.case_of, self.context, hints)
        candidates.keep(self.tx, self.judgement.doubts)
        without_case = [a for a in persons if self.judgement.opens_no_case(a)]
        groups.close_empty_groups(self.tx, without_case, self.context)

    def take_events_without_person(self, announcements: Sequence[Announcement]) -> None:
        """Withdraws events and keeps the changes of organisations."""
        for announcement in announcements:
            if announcement.kind == WITHDRAWN:
                self.desks |= corrections.withdraw(self.tx, announcement, self.context)
            elif announcement.kind == ORGANISATION:
                corrections.change_organisation(self.tx, announcement, self.context)

    def join_walk_ins(self, persons: Sequence[Announcement]) -> None:
        """Joins the walk-ins who are members that these events name; a member's line alone may."""
        opening_cases = self.counted([a for a in persons if a.opens])
        by_line = standing.of_the_line(opening_cases, self.decisions, self.context)
        walk_ins.met(self.tx, by_line, self.decisions, self.context)

    def _correct(self, announcements: Sequence[Announcement]) -> None:
        self.desks |= corrections.correct(self.tx, announcements, self.decisions, self.context)

    def _open_groups(self, opening_cases: Sequence[Announcement]) -> set[str]:
        of_groups = [a for a in opening_cases if a.group]
        self.case_of |= groups.group_of_events(of_groups)
        return groups.open_groups(self.tx, of_groups, self.context)

    def _open_cases(self, announcements: Sequence[Announcement], closed_groups: set[str]) -> None:
        """Opens or joins the case of every announcement whose person is known (or a walk-in from
        outside).
        """
        persons = opening.departing_persons(announcements, self.decisions)
        members = sorted(person.member for person in persons if person.member)
        lock_members(self.tx, members)
        cases = tables.open_of_members(self.tx, members)
        case_ids = [case.id for case in cases.values()]
        before = _Before(
            cases,
            tables.statements(self.tx, case_ids),
            tables.standing_tasks(self.tx, case_ids),
        )
        rules = BatchRules(self.context, self.answers, closed_groups)
        with sent_ahead(self.tx):
            for start in range(0, len(persons), CASES_AT_ONCE):
                self._write_cases(persons[start : start + CASES_AT_ONCE], before, rules)

    def _write_cases(
        self, persons: Sequence[Departing], before: _Before, rules: BatchRules
    ) -> None:
        """Folds and writes some of the cases. The database writes them while we fold the next."""
        openings: list[Opening] = []
        person_rows: list[dict[str, Any]] = []
        for person in persons:
            case = before.case_of(person)
            known = before.statements.get(case.id, []) if case else []
            opened = opening.open_or_join(person, case, known, rules)
            if opened:
                openings.append(opened)
                person_rows += opening.person_rows(person, opened.case_id, rules)
        self._remember(openings)
        changes = [opened.change for opened in openings]
        tables.write(self.tx, changes, self.context, standing=before.tasks)
        statement_rows = [row for opened in openings for row in opened.statement_rows]
        tables.state_facts(self.tx, statement_rows)
        tables.show_person(self.tx, person_rows)

    def _remember(self, openings: Sequence[Opening]) -> None:
        """Notes which case each announcement belongs to, and whether it stood before."""
        for opened in openings:
            for announcement, _ in opened.statements:
                self.case_of[announcement.place] = opened.case_id
                if opened.joined:
                    self.joined.add(announcement.place)


@dataclass(frozen=True, slots=True)
class _Before:
    """The open cases of a batch's members as they stood before it: the case by member; statements
    and tasks by case.
    """

    cases: Mapping[str, Case]
    statements: Mapping[str, list[Statement]]
    tasks: Mapping[str, dict[str, Task]]

    def case_of(self, person: Departing) -> Case | None:
        """The open case of a member; a walk-in has none."""
        return self.cases.get(person.member) if person.member else None
