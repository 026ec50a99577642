"""Rolls compared, the two lists of reconciliation, snapshots and facts, as systems see and send
them.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar

from pydantic import Field

from services.kit.errors import Refused, Text
from services.portal.api.bodies import JsonBody
from services.portal.api.models.base import Answer, ListOf

_BAD_ROLL = Text(
    '请求内容应当是 {"persons": [{"name": "…"}, …]}，或者名册文件本身。',
    'The body must be {"persons": [{"name": "…"}, …]}, or the file of the roll itself.',
)


class RollSent(JsonBody):
    """A roll as JSON: the columns of a roll's file by their names."""

    sentence: ClassVar[Text] = _BAD_ROLL

    persons: list[dict[str, Any]]

    @classmethod
    def refusal(cls, field: str) -> Refused:
        """422, as for JSON that is no roll at all."""
        return Refused(422, "bad-json", cls.sentence)


class Comparison(Answer):
    """A roll compared with the register: how many rows are on which list."""

    id: str
    organisation: str
    made_at: datetime
    by: str
    rows: int
    matched: int
    not_here: int
    not_in_roll: int
    review: int
    bad: int
    erased: bool
    notes: list[Any]


class ComparedRow(Answer):
    """A row of a comparison; what lies beyond the reader's tree is ``elsewhere``."""

    position: int
    list_name: str = Field(alias="list")
    row: int | None
    next: str | None
    member: str | None
    name: str | None
    person: dict[str, Any] | None
    belongs_to: str | None
    case: str | None
    problem: Any
    reported_at: datetime | None
    event: str | None


class ComparedRows(Comparison, ListOf[ComparedRow]):
    """A comparison, and a page of the rows of one of its lists."""


class Reported(Answer):
    """The event that a row became."""

    event: str


class WaitingOn(Answer):
    """Whose act a case waits for."""

    organisation: str | None
    act: str | None
    due_on: date | None


class Unreconciled(Answer):
    """A case of which one side alone knows: announced by the unit, or reported by the place."""

    case: str
    state: str
    origin: str | None
    destination: str | None
    announced_by: str | None = None
    reported_by: str | None = None
    opened_at: datetime
    waiting_on: WaitingOn


class Snapshot(Answer):
    """The audit figures at the end of a month; ``rebuilt`` and ``equal`` where the figures of one
    day were counted again from history.
    """

    day: date
    taken_at: datetime
    kind: str
    figures: dict[str, Any]
    rebuilt: dict[str, Any] | None = None
    equal: bool | None = None


class Fact(Answer):
    """A count, and out of how many; null where there is nothing to count."""

    n: int | None
    of: int | None


class FactsOf(Answer):
    """What one organisation did in a month."""

    organisation: str
    facts: dict[str, Fact]


class Facts(ListOf[FactsOf]):
    """What an organisation and all below it did in a month, and what each fact means."""

    month: str
    organisation: str
    total: dict[str, Fact]
    definitions: dict[str, str]
