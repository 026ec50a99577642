"""The event types that organisations post: CloudEvents 1.0 around what they say (schemas.said)."""

from __future__ import annotations

from typing import Annotated, Literal, get_args, get_type_hints
from uuid import UUID, uuid5

from pydantic import StringConstraints

from schemas.envelope import NAMESPACE_GUIDUI
from schemas.said import (
    ContactAttempt,
    Departure,
    DuesPaid,
    ExternalId,
    HostReport,
    LifeAttended,
    Moment,
    OrganisationChange,
    Said,
    Withdrawal,
)

SOURCE_PREFIX = "urn:guidui:organisation:"


def posted_id(source: str, ext_id: str) -> UUID:
    """The id under which an event is stored: the same for every repeat of one (source, id)."""
    return uuid5(NAMESPACE_GUIDUI, f"{source}\n{ext_id}")


class Event(Said):
    """CloudEvents 1.0 around the data; extension attributes are tolerated."""

    specversion: Literal["1.0"]
    type: str
    source: Annotated[str, StringConstraints(pattern=r"^urn:guidui:organisation:[0-9]{12}$")]
    id: ExternalId
    time: Moment | None = None
    datacontenttype: Literal["application/json"] | None = None
    data: Said


class DeparturePlannedV1(Event):
    type: Literal["guidui.departure.planned.v1"]
    data: Departure


class DepartureEffectiveV1(Event):
    type: Literal["guidui.departure.effective.v1"]
    data: Departure


class DepartureWithdrawnV1(Event):
    type: Literal["guidui.departure.withdrawn.v1"]
    data: Withdrawal


class HostReportV1(Event):
    type: Literal["guidui.host.report.v1"]
    data: HostReport


class ResidenceChangedV1(Event):
    type: Literal["guidui.residence.changed.v1"]
    data: Departure


class RetirementScheduledV1(Event):
    type: Literal["guidui.retirement.scheduled.v1"]
    data: Departure


class LabourRelationEndedV1(Event):
    type: Literal["guidui.labour_relation.ended.v1"]
    data: Departure


class GraduationBatchV1(Event):
    type: Literal["guidui.graduation.batch.v1"]
    data: Departure


class DemobilisedNoticeV1(Event):
    type: Literal["guidui.demobilised.notice.v1"]
    data: Departure


class LifeAttendedV1(Event):
    type: Literal["guidui.life.attended.v1"]
    data: LifeAttended


class DuesPaidV1(Event):
    type: Literal["guidui.dues.paid.v1"]
    data: DuesPaid


class ContactAttemptV1(Event):
    type: Literal["guidui.contact.attempt.v1"]
    data: ContactAttempt


class OrganisationChangedV1(Event):
    type: Literal["guidui.organisation.changed.v1"]
    data: OrganisationChange


EVENTS: dict[str, type[Event]] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in Event.__subclasses__()
}
OPENING: frozenset[str] = frozenset(
    kind for kind, model in EVENTS.items() if issubclass(get_type_hints(model)["data"], Departure)
)
IMPLIED_CATEGORY: dict[str, str] = {
    "guidui.retirement.scheduled.v1": "retirement",
    "guidui.labour_relation.ended.v1": "layoff",
    "guidui.graduation.batch.v1": "graduation",
    "guidui.demobilised.notice.v1": "demobilisation",
    "guidui.residence.changed.v1": "relocation",
}
