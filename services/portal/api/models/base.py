"""What the models of bodies and answers have in common: the one form of a list, and the types of
fields.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from schemas.days import read_day
from services.cases.model import states


class Answer(BaseModel):
    """What a call answers with; handlers give it as plain values, tests hold them to the model."""

    model_config = ConfigDict(populate_by_name=True)


Item = TypeVar("Item")


class ListOf(Answer, Generic[Item]):
    """A page of a list; ``next`` is the cursor of the page after it, null at the end."""

    items: list[Item]
    next: str | None


class Id(Answer):
    """What an act made, ended or changed."""

    id: str


def _id(value: Any) -> UUID:
    return UUID(str(value))


Counts = dict[str, int]
State = Annotated[str, WithJsonSchema({"enum": sorted(states.STATES)})]
FilledText = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1})]
OrganisationCode = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[0-9]{12}$"})]
Day = Annotated[
    date, BeforeValidator(read_day), WithJsonSchema({"type": "string", "format": "date"})
]
# one of another spelling is none: it reads as an id, and nobody has it
GivenId = Annotated[
    UUID, BeforeValidator(_id), WithJsonSchema({"type": "string", "format": "uuid"})
]
