"""Who looks after every step whether the invariants hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import Connection

from services.cases.deadlines.calendar import day_of
from services.cases.model.case import Case
from services.tools.city.checker import Answer, Eyes, Question
from services.tools.city.invariants import sight_of
from services.tools.city.process import Machine
from services.tools.city.report import Report

WHOLE_LOOK_DAYS = 180
Mark = tuple[str, int]  # how far the log was read: transaction, id


class Inspector:
    """Has ``eyes`` look at what was touched since the last look; ``loaded`` is where each member
    belonged in the beginning.
    """

    def __init__(
        self, machine: Machine, report: Report, loaded: dict[str, str], eyes: Eyes
    ) -> None:
        self._machine, self._report, self._loaded, self._eyes = machine, report, loaded, eyes
        self.homes, self.ended = dict(loaded), set[str]()
        self._accepted, self._posted, self._mark = 0, [], ("0", 0)
        self._next_whole: date | None = None

    def accepted(self, event: str) -> None:
        """Intake said that it stores this event."""
        self._accepted += 1
        self._posted.append(event)

    def look(self) -> Sequence[Case]:
        """Checks what the last step touched; returns the cases, in the order of their ids."""
        with self._machine.app.worker.connect() as tx:
            cases, members, mark = self._touched(tx)
            if not cases and not members:
                return ()
            now = self._machine.clock.now()
            sight = sight_of(tx, now, self._machine.rule_source, cases, members, self._loaded)
            self._keep(self._eyes.ask(tx, Question(now, sorted(cases), sorted(members))))
            self._follow(tx, sight.members)
        self._mark, self._posted = mark, []
        return [case for _, case in sorted(sight.cases.items())]

    def look_at_everything(self, every: int = WHOLE_LOOK_DAYS) -> None:
        """Checks everything there is, unless it was checked less than so many days ago."""
        today = day_of(self._machine.clock.now())
        if self._next_whole and today < self._next_whole and every:
            return
        self._next_whole = today + timedelta(days=every)
        self._report.counts["whole looks"] += 1
        reads = [
            (subscription.consumer, topic)
            for subscription in self._machine.subscriptions
            for topic in subscription.topics
        ]
        with self._machine.app.worker.connect() as tx:
            self._keep(
                self._eyes.ask(
                    tx, Question(self._machine.clock.now(), accepted=self._accepted, reads=reads)
                )
            )
        if not every:
            self._keep(self._eyes.rest())

    def _touched(self, tx: Connection) -> tuple[set[str], set[str], Mark]:
        """Cases and members that messages since the last look, or events just posted, are about."""
        lines = tx.exec_driver_sql(
            "SELECT xid::text, id, topic, key, body ->> 'case', body ->> 'member' FROM event_log "
            "WHERE (xid, id) > (%s::xid8, %s) ORDER BY xid, id",
            self._mark,
        ).all()
        cases = {key for _, _, topic, key, _, _ in lines if topic == "cases"} | {
            case for *_, case, _ in lines if case
        }
        members = {member for *_, member in lines if member}
        if self._posted:
            members |= set(
                tx.exec_driver_sql(
                    "SELECT DISTINCT member FROM identification WHERE event_id = ANY (%s::uuid[]) "
                    "AND member IS NOT NULL",
                    (self._posted,),
                ).scalars()
            )
        return cases, members, tuple(lines[-1][:2]) if lines else self._mark

    def _keep(self, answers: Iterable[Answer]) -> None:
        for question, broken in answers:
            self._report.counts["looks"] += 1
            known = {(b.check, b.about) for b in self._report.broken}
            self._report.broken += [
                replace(b, seen=f"{day_of(question.now)}: {b.seen}")
                for b in broken
                if (b.check, b.about) not in known
            ]

    def _follow(self, tx: Connection, members: Sequence[str]) -> None:
        for member, organisation, standing in tx.exec_driver_sql(
            "SELECT member, organisation, standing FROM member WHERE member = ANY (%s)",
            (list(members),),
        ):
            self.homes[member] = organisation
            if standing == "ended":
                self.ended.add(member)
