"""What senders say, part by part: the person, where to, the circumstances, and the data of each
kind of event.

Unknown fields are let through and left out: a newer sender may say more than this version reads. A
field that is null, absent or blank states nothing.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, LiteralString, Self, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from schemas.days import FIRST, NoDay, read_day, within

PERSONS_MAX = 5_000


def _blank_is_unstated(text: str | None) -> str | None:
    return text if text and text.strip() else None


def _not_before_1900(day: Any) -> Any:
    if day.year < FIRST.year:
        raise PydanticCustomError("day_too_early", "no day before 1900")
    return day


_NO_DAY: dict[str | None, tuple[LiteralString, LiteralString]] = {
    "early": ("day_too_early", "no day before 1900"),
    "late": ("day_too_late", "no day after 2100"),
    None: ("date_parsing", "not a day, YYYY-MM-DD"),
}


def _written_as_a_date(text: Any) -> date:
    try:
        return within(text) if isinstance(text, date) else read_day(text)
    except NoDay as fault:
        raise PydanticCustomError(*_NO_DAY[fault.bound]) from None


def _written_as_a_day(text: Any) -> Any:
    if not isinstance(text, str) or text[4:5] != "-":  # pydantic would read "1751248800" as seconds
        raise PydanticCustomError("datetime_parsing", "not an ISO 8601 time")
    return text


Line = Annotated[
    Annotated[str, StringConstraints(max_length=200)] | None, AfterValidator(_blank_is_unstated)
]
Text = Annotated[
    Annotated[str, StringConstraints(max_length=1_000)] | None, AfterValidator(_blank_is_unstated)
]
Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
ExternalId = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,200}$")]
Day = Annotated[date, BeforeValidator(_written_as_a_date)]
Moment = Annotated[
    AwareDatetime,
    Strict(False),
    BeforeValidator(_written_as_a_day),
    AfterValidator(_not_before_1900),
]
Month = Annotated[str, StringConstraints(pattern=r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])$")]
Category = Literal[
    "relocation",
    "retirement",
    "layoff",
    "graduation",
    "demobilisation",
    "job_change",
    "migrant_work",
    "study_abroad",
    "return_from_abroad",
    "restructuring",
    "dispatch",
    "platform_work",
    "death",
    "other",
]
CATEGORIES: tuple[str, ...] = get_args(Category)


def _whole_if_it_is(number: float) -> float:
    return int(number) if number == int(number) else number


def _itself(number: float) -> Any:
    """A whole number stays whole when written again: pydantic would make 3 into 3.0."""
    return number


Months = Annotated[
    float,
    Field(ge=0, le=1_200, allow_inf_nan=False),
    AfterValidator(_whole_if_it_is),
    PlainSerializer(_itself),
]
Years = Annotated[
    float,
    Field(ge=0, le=100, allow_inf_nan=False),
    AfterValidator(_whole_if_it_is),
    PlainSerializer(_itself),
]


class Said(BaseModel):
    """A part of what a sender said: JSON types are taken strictly, unknown fields are left out."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, populate_by_name=True)


class Person(Said):
    """Who it is about, as far as the sender knows: a member reference, an identity number, at least
    a name.
    """

    name: Line = None
    id_number: Annotated[
        Line,
        Field(
            description="18 characters (GB 11643-1999) or the old 15 digits; "
            "its check digit must fit"
        ),
    ] = None
    birth_date: Day | None = None
    sex: Literal["male", "female"] | None = None
    phone: Line = None
    member: Line = None
    id_token: (
        Annotated[
            str,
            StringConstraints(pattern=r"^[0-9a-f]{64}$"),
            Field(
                description="HMAC-SHA-256 of the identity number with the key agreed with this "
                "sender, in small hexadecimal digits; instead of `id_number` where that may not be "
                "sent"
            ),
        ]
        | None
    ) = None
    military_card: Line = None

    @model_validator(mode="after")
    def _someone(self) -> Person:
        if not (self.name or self.id_number or self.member or self.id_token or self.military_card):
            raise PydanticCustomError("person_empty", "nobody is named")
        return self


class To(Said):
    """Where the person goes, as far as the sender knows."""

    address: Text = None
    organisation: Code | None = None
    employer: Line = None
    since: Day | None = None


class Circumstances(Said):
    """Facts that choose the row of the destination table; one left out is unknown, never false.

    `months` is the expected stay.
    """

    months: Months | None = None
    place_fixed: bool | None = None
    proof_needed: bool | None = None
    unit_has_organisation: bool | None = None
    labour_relation: Literal["kept", "ended"] | None = None
    handover: Literal["collective", "dispersed"] | None = None
    retiree_branch: bool | None = None
    lives_locally: bool | None = None
    socialised: bool | None = None
    independent_mining_area: bool | None = None
    rehired_by: Literal["same", "other"] | None = None
    acquirer_has_organisation: bool | None = None
    lease_phase: bool | None = None
    has_job: bool | None = None
    further_study: bool | None = None
    archive_with: Literal["school", "talent_service", "unit", "street"] | None = None
    settled_abroad: bool | None = None
    years_abroad: Years | None = None
    very_mobile: bool | None = None
    registered_elsewhere: bool | None = None
    group_size: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    whole_unit: bool | None = None
    job_changed_in_transit: bool | None = None


class PersonMoving(Said):
    """One of `data.persons`."""

    person: Person
    to: To | None = None
    circumstances: Circumstances | None = None


class Departure(Said):
    """What opens a case: one `person`, or many `persons` to whom all the rest applies."""

    category: Category | None = None
    effective_on: Day | None = None
    person: Person | None = None
    persons: Annotated[list[PersonMoving], Field(min_length=1, max_length=PERSONS_MAX)] | None = (
        None
    )
    to: To | None = None
    circumstances: Circumstances | None = None
    batch: Line = None
    corrects: ExternalId | None = None

    @model_validator(mode="after")
    def _person_or_persons(self) -> Departure:
        if (self.person is None) == (self.persons is None):
            raise PydanticCustomError("person_or_persons", "either one person or many")
        return self


class HostFrom(Said):
    """Where the walk-in says to come from."""

    organisation: Code | None = None
    name: Line = None
    permit_no: Line = None
    letter_number: Line = None


class HostReport(Departure):
    """An organisation says: this member is here."""

    from_: Annotated[HostFrom | None, Field(alias="from")] = None


class Withdrawal(Said):
    """`corrects` is the id of the event that no longer holds."""

    corrects: ExternalId
    reason: Text = None


class LifeAttended(Said):
    """The member took part in organisational life on a day."""

    person: Person
    on: Day
    corrects: ExternalId | None = None


class DuesPaid(Said):
    """Dues are paid up to and including a month, YYYY-MM."""

    person: Person
    paid_to: Month
    corrects: ExternalId | None = None


class ContactAttempt(Said):
    """Somebody tried to reach the member; `reached` says whether it worked, `on` the day, else it
    is the event's.

    In place of `reached` a `result` may say so in a word; the word itself is not kept.
    """

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["reached"]}, {"required": ["result"]}]}
    )

    person: Person
    on: Day | None = None
    reached: bool | None = None
    result: Annotated[
        Line, Field(exclude=True, description="`reached`, or in a word why not: `no_answer`")
    ] = None
    channel: Annotated[
        Line, Field(description="phone, message, visit, letter, family, workmate, other")
    ] = None
    corrects: ExternalId | None = None

    @model_validator(mode="after")
    def _whether_it_worked(self) -> Self:
        if self.reached is not None:
            return self
        if self.result is None:
            raise PydanticCustomError("reached_or_result", "neither reached nor result")
        return self.model_copy(update={"reached": self.result.strip() == "reached"})


OrganisationKind = Literal["basic_committee", "general_branch", "branch", "organisation_department"]
Unit = Literal[
    "community",
    "village",
    "street",
    "township",
    "county",
    "city",
    "enterprise_state",
    "enterprise_private",
    "school",
    "institution",
    "organ",
    "talent_service",
    "park",
    "retiree",
    "military",
    "social_organisation",
]
Area = Annotated[
    str, StringConstraints(pattern=r"^([0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})$")
]


class OrganisationColumns(Said):
    """Columns of organisations.csv (docs/data-formats.md); one left out is unstated."""

    name: Line = None
    kind: OrganisationKind | None = None
    unit: Unit | None = None
    parent: Code | None = None
    area: Area | None = None
    serves_area: bool | None = None
    authority: bool | None = None
    address: Line = None
    effective_from: Day | None = None
    effective_to: Annotated[Day | None, Field(description="its last day")] = None
    successor: Code | None = None
    outside: bool | None = None


class Founded(OrganisationColumns):
    """A new organisation; `effective_from` is the day from which the change counts where it is not
    stated.
    """

    code: Code
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    kind: OrganisationKind
    unit: Unit
    parent: Code


class OrganisationChange(OrganisationColumns):
    """What becomes different of one `organisation`, or a new one that is `founded`, from
    `effective_on`; else from the day after `effective_to`, else at once.

    Renamed: `name`. Put under another: `parent`. Dissolved: `effective_to`. Merged: `effective_to`
    and `successor`.
    """

    organisation: Code | None = None
    founded: Founded | None = None
    effective_on: Day | None = None
    corrects: ExternalId | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> OrganisationChange:
        stated = self.model_fields_set & OrganisationColumns.model_fields.keys()
        if (self.organisation is None) == (self.founded is None) or self.founded and stated:
            raise PydanticCustomError(
                "changed_or_founded", "either an organisation or one that is founded"
            )
        if self.organisation and not any(getattr(self, column) is not None for column in stated):
            raise PydanticCustomError("change_states_nothing", "no column is stated")
        return self
