"""The pool, confirmed addresses and a department's own rules, as systems see and send them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from services.kit.errors import Text
from services.portal.api.bodies import JsonBody
from services.portal.api.models.base import Answer, FilledText


class PooledPerson(Answer):
    """The least that tells a person apart; the whole name only for who oversees the origin."""

    name: str | None
    sex: str | None
    birth_year: str | None


class Place(Answer):
    """Where an address may lie."""

    code: str | None
    name: str | None
    confidence: float | None


class PooledMember(Answer):
    """A member whose destination nobody knows."""

    case: str
    person: PooledPerson
    category: str | None
    rule: str | None
    origin: str | None
    origin_name: str | None
    at: datetime
    address_unknown: bool
    places: list[Place]
    claims: list[str]
    own: bool


class Claim(JsonBody):
    """Somebody of the pool lives here: who claims them knows their name."""

    problem: ClassVar[str] = "field-missing"
    sentence: ClassVar[Text] = Text(
        "缺少 name，请写本人全名。", "name is missing: the member's full name."
    )

    name: Annotated[
        str,
        WithJsonSchema({"type": "string", "minLength": 1, "description": "the member's full name"}),
    ]


class Claimed(Answer):
    """The claim is posted; the origin decides about it."""

    status: Literal["accepted"]


class ConfirmedAddress(Answer):
    """What was learned of an address, and from where; ``place`` is the name of ``code``."""

    source: str
    address: str
    code: str
    on: date | None
    case_id: str | None
    kind: str
    by_organisation: str | None
    withdrawn_at: datetime | None
    withdrawn_reason: str | None
    withdrawn_by: str | None
    place: str | None


class Differing(Answer):
    """An open case whose address would be read otherwise today."""

    id: str
    name: str | None
    state: str
    destination: str | None
    before: str | None
    before_name: str | None
    now: str | None
    now_name: str | None
    words: list[Any]


class Withdraw(JsonBody):
    """What was learned from this source is to be taken back, and why."""

    needed: ClassVar[tuple[str, ...]] = ("source", "reason")
    sentence: ClassVar[Text] = Text(
        "source、reason 应当是文字。", "source and reason must be text."
    )

    source: FilledText = ""
    reason: FilledText = ""


class Withdrawn(Answer):
    """A source that counts no more."""

    source: str
    withdrawn: bool


def _text(schema: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **schema})


class Rule(JsonBody):
    """A rule as its form has it: every field is read as text, and the rule itself says what is
    wrong with it (``services.cases.routing.overrides``).
    """

    model_config = ConfigDict(populate_by_name=True)

    needed: ClassVar[tuple[str, ...]] = ("destination", "from", "source")

    destination: Annotated[Any, _text({"pattern": "^[0-9]{12}$"})] = None
    begins: Annotated[Any, _text({"format": "date"})] = Field(None, alias="from")
    source: Annotated[Any, _text({"minLength": 1})] = None
    row: Annotated[Any, _text({"pattern": "^B[0-9]+$"})] = None
    under: Annotated[Any, _text({"pattern": "^[0-9]{12}$"})] = None
    until: Annotated[Any, _text({"format": "date"})] = None
    area: Annotated[Any, _text({"pattern": "^[0-9]{2,12}$"})] = None

    @property
    def given(self) -> dict[str, Any]:
        """The fields by their names in the table of rules."""
        return self.model_dump(by_alias=True)


class RuleSet(Answer):
    """A rule of a department; no ``row``: every row that looks for a destination."""

    id: str
    organisation: str
    row: str | None
    area: str | None
    under: str | None
    destination: str
    begins: date = Field(alias="from")
    until: date | None
    source: str
    set_at: datetime
    ended_at: datetime | None


class RuleEnded(Answer):
    """A rule that counts no more for moves that begin from now on."""

    id: str
    ended: bool


class Judgement(Answer):
    """What the rules say of a case."""

    rule: str | None
    organisation: str | None
    source: str | None
    name: str | None
    override: str | None


class Example(Answer):
    """A case that would have gone elsewhere."""

    case: str
    opened_on: date
    category: str | None
    before: Judgement
    after: Judgement


class RowsChanged(Answer):
    """How many cases would have gone by another row."""

    before: str | None
    after: str | None
    cases: int


class DestinationsChanged(RowsChanged):
    """How many cases would have gone to another organisation."""

    before_name: str | None
    after_name: str | None


class Trial(Answer):
    """What a rule would have done to last year's cases."""

    since: date
    cases: int
    changed: int
    rows: list[RowsChanged]
    destinations: list[DestinationsChanged]
    examples: list[Example]
