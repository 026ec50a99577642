"""Batches as systems see them: no name of a member."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from services.kit.errors import Text
from services.portal.api.bodies import JsonBody
from services.portal.api.models.base import Answer, Counts, ListOf, State


class Outcome(Answer):
    """What the last act for all did to one member: 200 or why not."""

    status: int
    zh: str | None
    en: str | None


class BatchMember(Answer):
    """A member of a batch."""

    case: str
    position: int | None
    state: State
    outcome: Outcome | None


class OrderToAll(Answer):
    """A command that the sender's side gave to all of a batch."""

    seq: int
    at: datetime
    by: str
    command: str
    start_on: date | None
    done: int
    refused: int
    done_at: datetime | None


class OrderInHand(Answer):
    """An act for all of a batch in the receiving side's hands."""

    id: str
    at: datetime
    command: str
    start_on: date | None
    paused: bool
    done_at: datetime | None
    done: int
    refused: int


class Children(ListOf[BatchMember]):
    """The members of a batch, and what was ordered for all of them, the latest first."""

    by_state: Counts
    orders: list[OrderToAll]


class InHand(ListOf[BatchMember]):
    """The members of a batch in an organisation's hands, and its own orders, the latest first."""

    by_state: Counts
    orders: list[OrderInHand]


class BatchReceived(Answer):
    """A batch of which members come to the organisation; ``waiting`` wait for an act of its own."""

    parent: str
    poster: str
    opened_at: datetime
    members: int
    waiting: int


class BatchPosted(Answer):
    """A batch that the organisation, or one below it, has posted."""

    parent: str
    poster: str
    category: str | None
    opened_at: datetime
    state: State
    paused: bool
    name: str | None
    members: int
    moved: int
    unsettled: int
    pocket: int


class Pause(JsonBody):
    """Whether an order stands still between two waves."""

    problem: ClassVar[str] = "field-missing"
    sentence: ClassVar[Text] = Text(
        "请写明 paused：true 暂停，false 恢复。", "Say paused: true to pause, false to go on."
    )

    paused: bool


class Paused(Answer):
    """Whether an order now stands still."""

    id: str
    paused: bool
