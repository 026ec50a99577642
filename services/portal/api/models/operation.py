"""What operators and administrators see: failed messages, consumers, the security log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import WithJsonSchema

from services.kit.errors import Refused
from services.portal.api.bodies import JsonBody
from services.portal.api.models.base import Answer
from services.portal.pages.dead_letters import DECISIONS, no_such_decision


class Reason(Answer):
    """Why something failed, in both languages."""

    zh: str
    en: str


class DeadLetter(Answer):
    """A message, or a row of a loop, that could not be handled: whose it is and why it failed,
    nothing of what it says.
    """

    id: int
    consumer: str
    type: str
    organisation: str | None
    reason: Reason
    attempts: int
    parked: int
    at: datetime


class Decision(JsonBody):
    """Whether a failed message is tried again or given up."""

    needed: ClassVar[tuple[str, ...]] = ("decision",)

    decision: Annotated[str, WithJsonSchema({"enum": list(DECISIONS)})] = ""

    @classmethod
    def refusal(cls, field: str) -> Refused:
        """404, as for a decision that there is not."""
        return no_such_decision()


class Decided(Answer):
    """What was decided of a failed message."""

    id: int
    decision: str


class StandingConsumer(Answer):
    """A consumer that stands still because too much failed."""

    consumer: str
    stopped_at: datetime


class Resumed(Answer):
    """A consumer that was let go on."""

    consumer: str
    resumed: bool


class SecurityEvent(Answer):
    """A row of the security log: no names, nothing typed."""

    id: str
    at: datetime
    event: str
    result: str
    organisation: str | None
    account: str | None
    key_id: str | None
    role: str | None
    object: str | None
    reference: str | None
    detail: Any
    trace: str | None
