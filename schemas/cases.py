"""Topics `departures` and `cases`: an event was posted, a case moved. Nothing personal."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Body(BaseModel):
    """The body of a message of ours: exactly the fields named."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class EventPosted(Body):
    """An organisation's event was stored. The id is also the message's id; whoever may, reads the
    event.
    """

    event: UUID


class TaskOpened(Body):
    """An act is waited for at an organisation; the id is stable while the task stands."""

    id: UUID
    kind: Word
    act: Word
    organisation: Code
    due_on: date | None


class CaseMoved(Body):
    """A case took a step: one `case_event`. `from` is null where the case begins; `by` is null
    where a clock or the matcher acted.
    """

    case: UUID
    seq: int = Field(ge=1)
    command: Word
    from_: Annotated[Word | None, Field(alias="from")]
    to: Word
    at: AwareDatetime
    by: Code | None
    origin: Code | None
    destination: Code | None
    header: Code | None
    owner: Code | None
    tasks_opened: list[TaskOpened]
    tasks_closed: list[UUID]
