"""What one record states, read once, so that it can be compared with many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from services.identity.dates import parse_date
from services.identity.id_numbers import IdNumber, parse_id_number
from services.identity.names import fold_name, is_blank, name_notes
from services.identity.persons import (
    MemberRecord,
    Person,
    card_of,
    fold_phone,
    masked_phone,
    parse_sex,
)


@dataclass(slots=True, kw_only=True)
class Side:
    """One record's side of a comparison, each cell in its comparable form.

    `name` is the folded name, `spelled` the folded pinyin beside it, `raw_name` the cell itself.
    `given` says how much of `born` was given: "day", "month", "year" or "none". `moving`: the
    address is where the person goes to. `former`: folded former names. `hidden_phone`: a phone with
    `?` for digits that were masked.
    """

    number: IdNumber
    name: str
    spelled: str = ""
    raw_name: str
    born: date | None
    given: str
    sex: str | None
    phone: str | None
    address: str | None
    organisation: str | None
    organisation_name: str | None = None
    card: str | None = None
    moving: bool = False
    former: tuple[str, ...] = ()
    hidden_phone: str | None = None

    @property
    def has_name(self) -> bool:
        return bool(self.name or self.spelled)

    @property
    def has_whole_birth_date(self) -> bool:
        return self.born is not None and self.given == "day"


def read_person(person: Person) -> Side:
    """A roster row's side. Its number's birth date and sex do not stand in for stated ones, but for
    a birth date that a number shows whose end is hidden; a note of the sex beside the name
    (王五(女)) does.
    """
    raw_name = _text(person.name)
    notes = name_notes(raw_name)
    number = parse_id_number(person.id_number)
    born, given = _stated_or_shown_birth(person.birth_date, number)
    phone = fold_phone(person.phone)
    hidden_phone = None
    if phone is None:
        hidden_phone = masked_phone(person.phone)
    organisation = None
    if not is_blank(person.organisation):
        organisation = str(person.organisation).strip()
    return Side(
        number=number,
        name=fold_name(person.name),
        spelled=fold_name(person.pinyin),
        raw_name=raw_name,
        born=born,
        given=given,
        sex=parse_sex(person.sex) or notes.sex,
        phone=phone,
        hidden_phone=hidden_phone,
        address=_text(person.address),
        moving=person.moving,
        organisation=organisation,
        card=card_of(person.military_card, number),
        former=notes.former,
    )


def read_member(member: MemberRecord) -> Side:
    """A member's side."""
    born, given = parse_date(member.birth_date)
    number = parse_id_number(member.id_number)
    card = None
    if member.military_card or number.paper:
        card = card_of(member.military_card, number)
    return Side(
        number=number,
        name=fold_name(member.name),
        raw_name=_text(member.name),
        born=born,
        given=given,
        sex=parse_sex(member.sex),
        phone=fold_phone(member.phone),
        address=member.address,
        organisation=member.organisation,
        organisation_name=member.organisation_name,
        card=card,
        former=name_notes(member.name).former,
    )


def _stated_or_shown_birth(birth_date: object, number: IdNumber) -> tuple[date | None, str]:
    """The stated birth date, or that which a masked number shows where it says more of the same."""
    born, given = parse_date(birth_date)
    shown, shown_as = number.shown_birth
    if born is None:
        return shown, shown_as
    if shown is None or shown_as != "day" or given == "day":
        return born, given
    if shown.year != born.year:
        return born, given
    if given == "month" and shown.month != born.month:
        return born, given
    return shown, shown_as


def _text(value: object) -> str:
    return "" if value is None else str(value)
