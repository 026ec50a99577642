"""Floating members, what their hosts note, and branches proposed, as systems see and send them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, ClassVar

from pydantic import WithJsonSchema

from services.kit.errors import Refused, Text
from services.portal.api.bodies import JsonBody
from services.portal.api.models.base import Answer, Day, FilledText, ListOf
from services.records import floating

_NO_DAY = Text("on 应当是 2026-11-23 这样的日期。", "on must be a day such as 2026-11-23.")
_NO_TEXT = Text(
    "kind、words、decision、reason 应当是文字。", "kind, words, decision and reason must be text."
)


class FloatingMember(Answer):
    """A member who floats: where from, where to, and when each was last heard of."""

    case: str
    member: str | None
    origin: str | None
    host: str | None
    permit_no: str | None
    acknowledged_on: date | None
    contacted_on: date | None
    contact_due: date | None
    test_due: date | None


class HostRecord(Answer):
    """What a host noted of a floating member."""

    organisation: str
    kind: str
    on: date
    words: str | None
    by_person: str | None
    at: datetime


class HostNote(JsonBody):
    """What a host notes: life, dues, service or an evaluation, on a day."""

    needed: ClassVar[tuple[str, ...]] = ("kind",)
    sentence: ClassVar[Text] = _NO_TEXT

    kind: Annotated[str, WithJsonSchema({"enum": list(floating.KINDS)})] = ""
    words: str = ""
    on: Day

    @classmethod
    def refusal(cls, field: str) -> Refused:
        """422 with the sentence of the field."""
        words = _NO_DAY if field == "on" else cls.sentence
        return Refused(422, cls.problem, words, field=field)


class Noted(Answer):
    """What was noted."""

    case: str
    kind: str
    on: date


class Proposed(Answer):
    """A branch proposed where members float near each other."""

    id: str
    kind: str
    key: str
    department: str
    members: int
    cases: list[str]


class ProposalDecided(Answer):
    """What a department decided of a proposal."""

    organisation: str
    kind: str
    key: str
    members: int
    decision: str
    reason: str
    decided_by: str | None
    decided_at: datetime


class Proposals(ListOf[Proposed]):
    """Branches proposed, and what was decided of earlier proposals."""

    decided: list[ProposalDecided]


class ProposalDecision(JsonBody):
    """A department approves or declines a proposal, with the reason."""

    needed: ClassVar[tuple[str, ...]] = ("decision", "reason")
    sentence: ClassVar[Text] = _NO_TEXT

    decision: Annotated[str, WithJsonSchema({"enum": ["approve", "decline"]})] = ""
    reason: FilledText = ""


class Decided(Answer):
    """What was decided."""

    id: str
    decision: str
