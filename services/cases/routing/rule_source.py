"""What every decision stands on: the policy and the calendar in force, as the database has them
now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from sqlalchemy import Connection

from services.cases.deadlines import calendar
from services.cases.deadlines.calendar import Calendar, day_of, month_end
from services.cases.deadlines.tasks import last_sign
from services.cases.model.case import DecisionContext, MemberFacts
from services.cases.policy import values as policy
from services.cases.policy.store import stored_book
from services.cases.routing import overrides
from services.kit.db.engine import Record, rows
from services.registry.directory import Directory


@dataclass(frozen=True)
class RuleSource:
    """Policy (stored versions count over it) and calendar of this service; a simulation brings its
    own.
    """

    policy: policy.Policy
    calendar: Calendar | None = None

    def counting(self, tx: Connection, day: date) -> policy.Policy:
        """The policy by which all are counted alike on a day: the shipped one and the versions
        without a scope.
        """
        return stored_book(tx, self.policy).at(day)

    def context(
        self, tx: Connection, now: datetime, member: MemberFacts = MemberFacts()
    ) -> DecisionContext:
        """The world of one transaction at one moment."""
        book = stored_book(tx, self.policy)
        return DecisionContext(
            now,
            Directory.of(tx),
            self.calendar or stored_calendar(tx),
            book.at(day_of(now)),
            member,
            book,
            overrides.stored(tx),
        )


def default_rules() -> RuleSource:
    """The policy that ships with guidui and the calendar of the database."""
    return RuleSource(policy.default())


def stored_calendar(tx: Connection) -> Calendar:
    """The official calendar, with the years of table ``calendar_day`` taking the place of the
    shipped ones.
    """
    stored_days = tx.exec_driver_sql("SELECT day, kind FROM calendar_day ORDER BY day").all()
    return (
        _merged(tuple((row[0], row[1]) for row in stored_days))
        if stored_days
        else calendar.official()
    )


@lru_cache(maxsize=8)
def _merged(days: tuple[tuple[date, str], ...]) -> Calendar:
    shipped = calendar.official()
    years = {day.year for day, _ in days}
    holidays = {d for d in shipped.holidays if d.year not in years} | {
        d for d, kind in days if kind == "holiday"
    }
    workdays = {d for d in shipped.workdays if d.year not in years} | {
        d for d, kind in days if kind == "workday"
    }
    return Calendar(frozenset(holidays), frozenset(workdays), shipped.years | years)


# one aggregate for all of them: a subquery for each would be planned anew only when the table is
# analysed
_MEMBERS = """
SELECT m.member, m.organisation, m.standing, m.last_life_on, m.last_sign_on, m.dues_paid_to,
    a.accepted_on
FROM member m LEFT JOIN (SELECT member, max(accepted_on) AS accepted_on FROM transfer_case
                         WHERE member = ANY (:members) GROUP BY member) a ON a.member = m.member
WHERE m.member = ANY (:members)"""


def member_facts(tx: Connection, members: Sequence[str]) -> dict[str, tuple[MemberFacts, str]]:
    """Member -> (facts, the organisation they belong to)."""
    return (
        {
            row.member: (facts_of(row), row.organisation)
            for row in rows(tx, _MEMBERS, {"members": list(members)})
        }
        if members
        else {}
    )


def facts_of(row: Record) -> MemberFacts:
    """The facts in a row with standing, last_life_on, last_sign_on, dues_paid_to and
    accepted_on.
    """
    life = max((d for d in (row.last_life_on, row.last_sign_on) if d), default=None)
    dues = month_end(row.dues_paid_to) if row.dues_paid_to else None
    return MemberFacts(row.standing or "normal", last_sign(life, dues, row.accepted_on))
