"""Cases, what waits, reviews and the audit, as systems see and send them (interface.md §3 and
§6).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from services.portal.api.bodies import JsonBody
from services.portal.api.models.base import Answer, Counts, FilledText, State


class Destination(Answer):
    """Where a member is to go, and by what that was found."""

    organisation: str | None
    header: str | None
    area: str | None
    source: str | None


class Letter(Answer):
    """The newest letter of introduction of a case."""

    number: str | None
    issued_on: date | None
    expires_on: date | None
    channel: str | None
    status: str | None


class Receipt(Answer):
    """The receipt of a case's letter."""

    due_on: date | None
    sent_on: date | None
    recorded_on: date | None


class WaitingOn(Answer):
    """Whose act a case waits for; ``person`` is that organisation's contact."""

    organisation: str | None
    act: str | None
    due_on: date | None
    person: str | None


class Task(Answer):
    """Something that an organisation is to do."""

    kind: str
    organisation: str
    due_on: date | None
    overdue: bool


class Step(Answer):
    """One row of a case's history."""

    at: datetime
    by: str | None
    command: str
    from_state: str | None = Field(alias="from")
    to: str | None
    reason: str | None
    detail: dict[str, Any] | None


class Case(Answer):
    """The case view."""

    id: str
    member: str | None
    category: str | None
    rule: str | None
    state: State
    owner: str | None
    owner_person: str | None
    origin: str | None
    destination: Destination
    affiliation: str | None
    letter: Letter
    receipt: Receipt
    waiting_on: WaitingOn
    tasks: list[Task]
    flags: list[str]
    obstacle: str | None
    parent: str | None
    history: list[Step]


class Alert(Answer):
    """What waits for an organisation; ``grid`` is who knocks at the member's door."""

    id: str
    case: str | None
    kind: str
    act: str
    due_on: date | None
    overdue: bool
    at: datetime
    grid: dict[str, Any] | None


class Audit(Answer):
    """Who is unsettled, counted, of an organisation and all below it."""

    as_of: datetime
    members: int
    pocket: int
    pocket_early: int
    at_risk: int
    by_state: Counts
    overdue_by_task: Counts
    by_category: Counts
    by_floating_class: Counts
    by_obstacle: Counts
    expiring: Counts


class Note(Answer):
    """A remark on what was posted of a person."""

    code: str
    zh: str
    en: str


class Candidate(Answer):
    """A member whom a posted person may be; ``record`` is for who has that member in its tree."""

    member: str
    candidate: str
    own: bool
    decides: bool
    reasons: list[Any]
    record: dict[str, Any] | None
    weights: list[Any]
    probability: float | None = None
    levels: list[Any] | None = None
    rareness: float | None = None


class Review(Answer):
    """A posted person whose identity waits for a decision."""

    id: str
    source: str
    event: str
    type: str
    at: datetime
    four_eyes: bool
    proposal: dict[str, Any] | None
    questions: list[dict[str, Any]]
    model: str
    notes: list[Note]
    person: dict[str, Any]
    decides: bool
    candidates: list[Candidate]


class ReviewDecided(Answer):
    """What became of a review: decided, denied for one's own part, undone, or proposed to another
    person.
    """

    id: str
    decided: bool | None = None
    denied: bool | None = None
    proposal: dict[str, Any] | None = None
    undone: bool | None = None
    decision: str | None = None
    case: str | None = None
    case_stays: bool | None = None
    affiliation: str | None = None
    standing: str | None = None


class MemberNamed(JsonBody):
    """The person is this member."""

    member: FilledText


class NoMember(JsonBody):
    """The person is no member."""

    not_a_member: Literal[True]
    reason: FilledText


class Question(JsonBody):
    """A question to the sender."""

    ask: FilledText


class SendersAnswer(JsonBody):
    """The sender's answer."""

    answer: FilledText


class MatchUndone(JsonBody):
    """A match undone; who it is instead may be left to the desk."""

    undo: Literal[True]
    reason: FilledText
    member: FilledText = ""
    not_a_member: Literal[True] = True


class ReviewAct(JsonBody):
    """One of five acts on a review; the desk itself says what is wrong with it, once it is known
    that the caller sees the review.
    """

    model_config = ConfigDict(extra="allow")

    @property
    def given(self) -> Mapping[str, Any]:
        """What was sent."""
        return self.model_extra or {}

    @classmethod
    def described(cls) -> dict[str, Any]:
        """One schema an act."""
        acts = (MemberNamed, NoMember, Question, SendersAnswer, MatchUndone)
        return {"anyOf": [act.described() for act in acts]}
