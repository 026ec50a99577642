"""What a sender is answered over HTTP: the fate of each event, how far one came, and problems (RFC
9457).
"""

from __future__ import annotations

from datetime import date
from typing import Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Step = Literal[
    "received",
    "review",
    "identified",
    "not_a_member",
    "routed",
    "letter_issued",
    "arrived",
    "accepted",
    "moved",
    "closed",
    "rejected",
]
STEPS: tuple[str, ...] = get_args(Step)  # in the order in which an event can come through them


class FaultAt(BaseModel):
    """One thing wrong; `pointer` is a JSON Pointer (RFC 6901) into what was sent."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details, in the language of Accept-Language."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:guidui:problem:invalid-event"])
    title: str
    status: int
    detail: str
    trace_id: str
    errors: list[FaultAt] | None = None


class EventAnswer(BaseModel):
    """What became of one event; `source` and `id` are null where none could be read."""

    source: str | None
    id: str | None
    status: Literal["accepted", "duplicate", "rejected"]
    problem: Problem | None = None


class EventsAnswer(BaseModel):
    """One answer per event, in the order sent."""

    events: list[EventAnswer]


class Note(BaseModel):
    """What the sender should know of one person, beside the decision; `position` counts from 0."""

    position: int
    code: str
    words: str


class Question(BaseModel):
    """What the review desk asks of the sender; answered by POST /v1/reviews/{review} {"answer"}."""

    model_config = ConfigDict(extra="allow")

    review: str
    text: str
    at: AwareDatetime
    answer: str | None = None


class ChangeOfOrganisation(BaseModel):
    """What became of a posted change of an organisation: `columns` are those it states, `left_out`
    those of which something newer had been said when its day came.
    """

    state: Literal["waiting", "done", "withdrawn", "rejected"]
    organisation: str
    effective_on: date
    columns: list[str]
    left_out: list[str]


class HowFar(BaseModel):
    """How far one event came: of many persons the one least far; `persons` counts them by state,
    `times` are when the first of them came there. The change of an organisation is `identified`
    while it waits for its day, `closed` once in force or withdrawn.
    """

    source: str
    id: str
    state: Step
    cases: list[str]
    times: dict[str, AwareDatetime]
    persons: dict[str, int] | None = None
    notes: list[Note] | None = None
    questions: list[Question] | None = None
    change: ChangeOfOrganisation | None = None
    problem: str | None = None
