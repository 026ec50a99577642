"""Letters, counterfoils, number ranges and scans of receipts, as systems see and send them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, WithJsonSchema

from services.kit.errors import Refused, Text
from services.portal.api.bodies import JsonBody
from services.portal.api.models.base import Answer, FilledText, OrganisationCode

NUMBER_MAX = 10**12 - 1
_BAD_FIELD = Text("字段缺失或类型不对。", "A field is missing or of the wrong type.")

Number = Annotated[int, Field(ge=-NUMBER_MAX, le=NUMBER_MAX), WithJsonSchema({"type": "integer"})]
CaseId = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]


class _PaperBody(JsonBody):
    """A body of which a wrong field is answered with the names of all."""

    @classmethod
    def refusal(cls, field: str) -> Refused:
        """422 with the names of the fields that the call takes."""
        return Refused(422, "bad-field", _BAD_FIELD, fields=list(cls.model_fields))


class LettersWanted(_PaperBody):
    """Which letters go into one file."""

    bytes_max: ClassVar[int] = 1 << 20

    cases: list[CaseId] | None = Field(None, description="all that may be printed, if left out")
    over: bool = False
    format: Literal["pdf", "docx"] = "pdf"


class Range(_PaperBody):
    """Numbers for the letters of an organisation: the caller's own where none is named."""

    organisation: OrganisationCode | None = None
    prefix: str = ""
    first: Number
    last: Number
    digits: Number = 6


class Void(_PaperBody):
    """A free number that is not to be used, and why."""

    needed: ClassVar[tuple[str, ...]] = ("reason",)

    number: FilledText
    reason: FilledText = ""


class Counterfoil(Answer):
    """A line of the register: no name."""

    number: str
    organisation: str
    status: str
    void_reason: str | None
    issued_at: datetime | None
    destination: str | None
    receipt_due_on: date | None
    receipt_sent_on: date | None
    receipt_recorded_on: date | None
    photo: bool
    case: str | None
    expires_on: date | None


class RangeAssigned(Answer):
    """A range of numbers, and how many of them are free."""

    id: int
    organisation: str
    prefix: str
    digits: int
    first: int
    last: int
    made_at: datetime
    by_person: str | None
    free: int


class Assigned(Answer):
    """How many numbers were assigned."""

    assigned: int


class Voided(Answer):
    """A number that is void now."""

    number: str
    status: Literal["void"]


class Scan(Answer):
    """A photo or scan; ``seq``: the row of history that it is the evidence of, else null."""

    id: str
    number: str
    type: str
    by: str
    at: datetime
    seq: int | None
