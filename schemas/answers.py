"""What a sender is answered over HTTP: the fate of each event, how far one came, and problems (RFC 9457)."""
from __future__ import annotations

from typing import Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Step = Literal["received", "review", "identified", "not_a_member", "routed", "letter_issued", "arrived",
               "accepted", "moved", "closed", "rejected"]
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


class HowFar(BaseModel):
    """How far one event came: of many persons the one least far; `persons` counts them by state, `times` are
    when the first of them came there."""

    source: str
    id: str
    state: Step
    cases: list[str]
    times: dict[str, AwareDatetime]
    persons: dict[str, int] | None = None
    problem: str | None = None
