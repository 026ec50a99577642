"""From a CloudEvent's attributes to what is stored. Pure: no database, no clock of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from schemas.days import dues_month_last, tomorrow
from schemas.departures import EVENTS, SOURCE_PREFIX, Event, posted_id
from schemas.said import Person
from services.identity import han
from services.identity.id_numbers import IdNumber, parse_id_number
from services.intake.canonical import canonical, posted_fields
from services.intake.faults import Fault, Invalid, invalid
from services.intake.sentences import faults_of, shown
from services.kit.clock import ZONE
from services.kit.crypto import hmac_token
from services.kit.errors import Text

AHEAD_MAX = timedelta(hours=24)
_VERSION = re.compile(r"^(guidui\.[a-z_.]+)\.v[0-9]+$")
_OF_A_PERSON = {"person", "persons", "to", "circumstances"}


@dataclass(frozen=True, slots=True)
class Posted:
    """A readable event. `data` has nothing of a person; `people` are {"person", "to",
    "circumstances"}, one per person; `key` is the partition key, a pseudonym; `organisations` are
    codes that must exist.
    """

    id: UUID
    source: str
    ext_id: str
    type: str
    time: datetime
    data: dict[str, Any]
    body_hmac: str
    batch: str | None
    corrects: str | None
    key: str
    people: list[dict[str, Any]]
    organisations: frozenset[str]

    @property
    def organisation(self) -> str:
        """The code within `source`."""
        return self.source.removeprefix(SOURCE_PREFIX)


def parse(attributes: Any, secret: bytes, now: datetime) -> Posted:
    """Reads one event from its attributes (`data` among them, as parsed JSON); raises Invalid with
    what is wrong.

    `now` is when it arrived: an event without `time` happened then.
    """
    if not isinstance(attributes, dict):
        raise invalid(
            "",
            f"事件应是一个对象 {{…}}，而这里是{shown(attributes).zh}。",
            f"An event must be an object {{…}}, but here is {shown(attributes).en}.",
        )
    fields = posted_fields(attributes)
    body = canonical(fields)
    event = _validated(fields, body)
    faults = _faults(event, now.astimezone(ZONE))
    if faults:
        raise Invalid(faults)
    data = _data(event)
    return Posted(
        id=posted_id(event.source, event.id),
        source=event.source,
        ext_id=event.id,
        type=event.type,
        time=(event.time or now).astimezone(ZONE),
        data=data,
        body_hmac=hmac_token(secret, body),
        batch=data.get("batch"),
        corrects=data.get("corrects"),
        key=_key(event, secret),
        people=list(_people(event)),
        organisations=frozenset(_organisations(event)),
    )


def _data(event: Event) -> dict[str, Any]:
    """What an event says of no person in particular; ``group``: a bulk case, even of one person."""
    data = event.data.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude=_OF_A_PERSON
    )
    if getattr(event.data, "persons", None) is not None:
        data["group"] = True
    return data


def _faults(event: Event, now: datetime) -> list[Fault]:
    """What is wrong with an event that has the right shape; ``now`` in Asia/Shanghai."""
    faults = [*_faults_of_time(event, now), *_faults_of_what_has_been(event, now)]
    for where, person in _persons(event):
        faults += _faults_of_person(where, person, now.date())
    return faults


def _validated(event: dict[str, Any], body: str) -> Event:
    kind = event.get("type")
    model = EVENTS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise Invalid([_unknown_type(kind)])
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise Invalid(faults_of(error.errors(include_url=False))) from None


def _unknown_type(kind: Any) -> Fault:
    known = ", ".join(EVENTS)
    if kind is None:
        return Fault(
            "/type", Text(f"缺少 type；可用：{known}。", f"type is missing; known: {known}.")
        )
    stands = shown(kind)
    ours = _known_version(kind)
    if ours:
        return Fault(
            "/type",
            Text(
                f"type 是 {stands.zh}，本系统还不认识这个版本；请发 {ours}，或等系统升级后再发。",
                f"type is {stands.en}, a version not known here yet; send {ours}, or wait for an "
                "upgrade.",
            ),
        )
    return Fault(
        "/type",
        Text(
            f"type 是 {stands.zh}，没有这种事件；可用：{known}。",
            f"type is {stands.en}, which is no event type; known: {known}.",
        ),
    )


def _known_version(kind: Any) -> str | None:
    """The type of the same name that is known here, of one in a version that is not."""
    version = _VERSION.match(kind) if isinstance(kind, str) else None
    ours = f"{version[1]}.v1" if version else None
    return ours if ours in EVENTS else None


def _faults_of_time(event: Event, now: datetime) -> list[Fault]:
    if not event.time or event.time <= now + AHEAD_MAX:
        return []
    time = event.time
    if time.year < 9999:  # the last hours of that year have no time in our zone
        time = time.astimezone(ZONE)
    when = time.isoformat()
    return [
        Fault(
            "/time",
            Text(
                f"time 是 {when}，比现在晚 24 小时以上；请核对发送方的时钟，将来的日子请写在 "
                "effective_on。",
                f"time is {when}, more than 24 hours ahead; check the sender's clock, and put a "
                "day to come into effective_on.",
            ),
        )
    ]


def _faults_of_what_has_been(event: Event, now: datetime) -> Iterator[Fault]:
    """Life and contact are not said of days to come, dues not of years to come (interface.md
    §7.5).
    """
    on = getattr(event.data, "on", None)
    last = tomorrow(now)
    if on and on > last:
        yield Fault(
            "/data/on",
            Text(
                f"data.on 是 {on}，最晚只能到 {last}；请核对日期。",
                f"data.on is {on}; it may be {last} at the latest, check the day.",
            ),
        )
    paid_to = getattr(event.data, "paid_to", None)
    month_last = dues_month_last(now)
    if paid_to and paid_to > month_last:
        yield Fault(
            "/data/paid_to",
            Text(
                f"data.paid_to 是 {paid_to}，最多只能预缴到 {month_last}；请核对年月。",
                f"data.paid_to is {paid_to}; dues are paid ahead to {month_last} at most, check "
                f"the month.",
            ),
        )


def _faults_of_person(where: str, person: Person, today: date) -> Iterator[Fault]:
    pointer = "/" + where.replace(".", "/")
    if person.birth_date and person.birth_date > today:
        yield Fault(
            f"{pointer}/birth_date",
            Text(
                f"{where}.birth_date 是 {person.birth_date}，还没有到这一天；请核对年份。",
                f"{where}.birth_date is {person.birth_date}, a day still to come; check the year.",
            ),
        )
    if not person.id_number:
        return
    number = parse_id_number(person.id_number)
    if not number.valid:
        stands = shown(person.id_number, "id_number")
        wrong = _wrong(number)
        yield Fault(
            f"{pointer}/id_number",
            Text(
                f"{where}.id_number 写成了 {stands.zh}：{wrong.zh}，没有就不写。",
                f"{where}.id_number is {stands.en}: {wrong.en}, or leave it out.",
            ),
        )


def _wrong(number: IdNumber) -> Text:
    """A number that a spreadsheet rounded is called so only where it shows; else the check digit is
    at fault.
    """
    shows = number.text is None or number.text.endswith("000")
    if number.damage == "excel" and not shows:
        return replace(number, damage="check").words
    return number.words


def _persons(event: Event) -> Iterator[tuple[str, Person]]:
    person = getattr(event.data, "person", None)
    if person:
        yield "data.person", person
    for position, item in enumerate(getattr(event.data, "persons", None) or ()):
        yield f"data.persons.{position}.person", item.person


def _people(event: Event) -> Iterator[dict[str, Any]]:
    """One body per person; what `data` says of all stands for each, field by field, unless said
    otherwise.
    """
    data = event.data
    common = {name: _stated(getattr(data, name, None)) for name in ("to", "circumstances")}
    items: list[Any] | None = getattr(data, "persons", None)
    if items is None:
        items = [data] if getattr(data, "person", None) else []
    for item in items:
        body = {"person": _stated(item.person)}
        for name, for_all in common.items():
            facts = for_all | _stated(getattr(item, name, None))
            if facts:
                body[name] = facts
        yield body


def _stated(part: BaseModel | None) -> dict[str, Any]:
    """What a part says, in ordinary characters: a name or an address copied from a PDF may hold
    radicals.
    """
    if part is None:
        return {}
    stated: dict[str, Any] = {}
    for name, value in part.model_dump(mode="json", exclude_none=True).items():
        stated[name] = han.ordinary(value) if isinstance(value, str) else value
    return stated


def _organisations(event: Event) -> Iterator[str]:
    """The organisations that an event names."""
    data = event.data
    yield from _organisation_in(getattr(data, "to", None))
    for item in getattr(data, "persons", None) or ():
        yield from _organisation_in(item.to)
    code = getattr(data, "organisation", None)
    if code:
        yield code


def _organisation_in(destination: Any) -> Iterator[str]:
    if destination and destination.organisation:
        yield destination.organisation


def _key(event: Event, secret: bytes) -> str:
    person = getattr(event.data, "person", None)
    return hmac_token(secret, _name_of(person) if person else event.source)


def _name_of(person: Person) -> str:
    """What tells a person apart from others, as far as it is stated."""
    if person.id_number:
        return f"id {parse_id_number(person.id_number).text}"
    if person.id_token:
        return f"token {person.id_token}"
    if person.name:
        return f"name {''.join(person.name.split())} {person.birth_date or ''}"
    return f"member {person.member}" if person.member else f"card {person.military_card}"
