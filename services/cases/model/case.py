"""The nouns of a transfer case, as pure values: Case, Statement, Task, Move and the World they are
judged in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, overload

from services.cases.deadlines.calendar import Calendar, day_of
from services.cases.model import states
from services.cases.policy.book import Book
from services.cases.policy.values import Policy, route

if TYPE_CHECKING:
    from services.cases.commands.reports import Report
    from services.cases.routing.overrides import Override
    from services.registry.directory import Directory


@dataclass(frozen=True)
class Case:
    """One member's move (or stay), everything but its history. Organisations are codes, days are
    dates.

    Columns of ``transfer_case`` are these fields one to one (a structure test compares them).
    """

    id: str
    state: str = states.ANNOUNCED
    seq: int = 0
    member: str | None = None
    parent: str | None = None
    position: int | None = None
    inflow: bool = False
    category: str | None = None
    rule: str | None = None
    policy: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    poster: str | None = None
    origin: str | None = None
    origin_path: str | None = None
    origin_committee: str | None = None
    destination: str | None = None
    destination_path: str | None = None
    destination_source: str | None = None
    header: str | None = None
    area: str | None = None
    receiver: str | None = None
    receiving_committee: str | None = None
    ruling: str | None = None
    branch: str | None = None
    triaged_by_person: bool = False
    chosen_by_person: bool = False
    opened_at: datetime | None = None
    entered_at: datetime | None = None
    counted_from: date | None = None
    touched_at: datetime | None = None
    letter_number: str | None = None
    letter_issued_on: date | None = None
    letter_expires_on: date | None = None
    letter_channel: str | None = None
    letter_status: str | None = None
    letters: int = 0
    first_issued_on: date | None = None
    accepted_on: date | None = None
    late: bool = False
    bounced: bool = False
    refusals: int = 0
    returned_for: str | None = None
    receipt_due_on: date | None = None
    receipt_sent_on: date | None = None
    receipt_recorded_on: date | None = None
    placed_at: datetime | None = None
    talked_on: date | None = None
    review_on: date | None = None
    contact_interval: int | None = None
    host: str | None = None
    permit_no: str | None = None
    acknowledged_on: date | None = None
    contacted_on: date | None = None
    interrupted: str | None = None
    suspended_on: date | None = None
    merged_into: str | None = None
    obstacle: str | None = None
    asks: Sequence[Mapping[str, Any]] = ()
    reports: Sequence[Mapping[str, Any]] = ()
    paused: bool | None = False
    start_on: date | None = None
    override: str | None = None
    owner: str | None = None
    wait_organisation: str | None = None
    wait_act: str | None = None
    wait_due: date | None = None
    wake_at: datetime | None = None

    def replace(self, **changes: Any) -> Case:
        """This case with some fields changed."""
        other = object.__new__(
            Case
        )  # dataclasses.replace takes 40 microseconds for this many fields
        vars(other).update(vars(self), **changes)
        return other

    @property
    def abroad(self) -> bool:
        """Whether the stay is one abroad (rows B22, B23)."""
        return self.rule in ("B22", "B23") or self.category == "study_abroad"


@dataclass(frozen=True, slots=True)
class Statement:
    """What one posted event (or a person who triaged) states about a case, field by field."""

    event: str | None
    source: str
    ext_id: str
    time: datetime
    kind: str
    facts: Mapping[str, Any]
    withdrawn: bool = False

    @property
    def order(self) -> tuple[datetime, str, str]:
        """Later wins; at equal time the larger (source, id) (interface.md §7.1)."""
        return self.time, self.source, self.ext_id


@dataclass(frozen=True, slots=True)
class Task:
    """One act that somebody owes. Its identity is (kind, organisation, opened_at)."""

    kind: str
    act: str
    organisation: str
    opened_at: datetime
    due_on: date | None

    def overdue(self, today: date) -> bool:
        """Overdue from 00:00 of the day after ``due_on``."""
        return self.due_on is not None and today > self.due_on


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """What a decision needs to know of the member: standing and the last sign of organisational
    life.
    """

    standing: str = "normal"
    last_seen_on: date | None = None


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """Everything outside the case that a decision may look at. ``policy`` is what counts today for
    all cases alike; ``acted`` are the organisations that once acted on the case, ``reports`` what
    others reported beside it.
    """

    now: datetime
    directory: Directory
    calendar: Calendar
    policy: Policy
    member: MemberFacts = MemberFacts()
    book: Book | None = None
    overrides: tuple[Override, ...] = ()
    acted: frozenset[str] = frozenset()
    reports: Sequence[Report] = ()

    @property
    def today(self) -> date:
        """The day of ``now`` in Asia/Shanghai."""
        return day_of(self.now)

    @overload
    def acting(self, organisation: str) -> str: ...

    @overload
    def acting(self, organisation: str | None) -> str | None: ...

    def acting(self, organisation: str | None) -> str | None:
        """Who does today what is an organisation's to do: itself, or who follows it once its last
        day is over.
        """
        known = self.directory.get(organisation)
        if known is None or known.effective_to is None:
            return organisation
        acting = self.directory.acting_for(organisation, self.today)
        return acting.code if acting else organisation

    def policy_now(self, case: Case) -> Policy:
        """What counts for a case in whatever is done to it today."""
        return self._policy(case, self.today)

    def policy_of(self, case: Case) -> Policy:
        """What counts for the state in which a case stands: the policy of the day from which it is
        counted.
        """
        return self._policy(case, case.counted_from or self.today)

    def policy_at(self, organisation: str, day: date | None = None) -> Policy:
        """What counts on a day (today) in the city of an organisation, whatever the case."""
        if not self.book or not self.book.versions:
            return self.policy
        return self.book.at(day or self.today, self._area(organisation)[:4])

    def _policy(self, case: Case, day: date) -> Policy:
        if not self.book or not self.book.versions:
            return self.policy
        origin, destination = self._area(case.origin), self._area(case.destination)
        way = route(origin, destination) if origin and destination else None
        return self.book.at(day, origin[:4], way, case.category)

    def _area(self, organisation: str | None) -> str:
        known = self.directory.get(organisation) if organisation else None
        return (known.area or "") if known else ""


@dataclass(frozen=True, slots=True)
class Step:
    """One row of history: ``command`` took the case from one state to another."""

    command: str
    from_state: str | None
    to_state: str
    by: str | None
    reason: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Move:
    """The outcome of a command: the case afterwards and the history rows that led there."""

    case: Case
    steps: tuple[Step, ...]
    statement: Statement | None = None
    affects: tuple[tuple[str, str], ...] = ()
    taken_over: Report | None = None
