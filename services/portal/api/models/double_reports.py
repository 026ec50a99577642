"""Registrations where members live (双报到), posts, service and cards, as systems see and send
them.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field, WithJsonSchema

from services.kit.errors import Text
from services.portal.api.bodies import JsonBody
from services.portal.api.models.base import Answer, Day, FilledText, GivenId

COUNT_MAX = 1_000_000
# what is too few or too many, the act itself says; this bound keeps it within the database's own
Count = Annotated[
    int,
    Field(ge=-COUNT_MAX, le=COUNT_MAX),
    WithJsonSchema({"type": "integer", "minimum": 1}),
]


class _DoubleReportBody(JsonBody):
    """A body of which a wrong field is named, with how each is written."""

    sentence: ClassVar[Text] = Text(
        "请把字段填全：日期写成 2026-11-23，编号照接口给出的写，人数、分钟数写整数。",
        "Fill in every field: a day as 2026-11-23, ids as these calls give them, places and "
        "minutes as whole numbers.",
    )


class Registration(_DoubleReportBody):
    """The case of the member who lives here."""

    case: GivenId


class NewPost(_DoubleReportBody):
    """A post that members may claim, and how many may hold it."""

    places: Count
    title: FilledText


class Claim(_DoubleReportBody):
    """The post that a registered member claims."""

    post: GivenId


class Hours(_DoubleReportBody):
    """Service in a post, in minutes, on a day."""

    minutes: Count
    on: Day
    words: str | None = None


class Registered(Answer):
    """A member of a unit registered where they live, with the minutes served."""

    id: str
    name: str
    member: str | None
    organisation: str
    unit: str | None
    registered_at: datetime
    ended_at: datetime | None
    minutes: int


class Expected(Answer):
    """A member who lives here, belongs to a unit and has not registered."""

    case: str
    name: str | None
    unit: str | None
    member: str | None


class Post(Answer):
    """An open post, and how many of its places are taken."""

    id: str
    title: str
    places: int
    taken: int


class PostHeld(Answer):
    """Who holds which post."""

    id: str
    report: str
    name: str
    title: str


class Card(Answer):
    """What a member served in a quarter, as the unit is told."""

    report: str
    quarter: str
    minutes: int
    lines: list[dict[str, Any]]
    made_at: datetime
    seen_at: datetime | None
    seen_by: str | None
    name: str
    member: str | None
    organisation: str
    unit: str | None


class Served(Answer):
    """Service as it was noted."""

    claim: str
    on: date
    minutes: int


class CardSeen(Answer):
    """A card that the unit has taken note of."""

    report: str
    quarter: str
