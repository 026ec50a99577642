"""Blocking keys: short texts that two records of one person share. Candidates are looked up by them, never decided."""

from __future__ import annotations

from services.registry.dates import parse_date
from services.registry.id_numbers import parse_id_number
from services.registry.names import fold_name
from services.registry.persons import MemberRecord, Person, fold_phone


def member_keys(member: MemberRecord) -> frozenset[str]:
    """The keys under which a member of the register is found."""
    return _keys(member)


def person_keys(person: Person) -> frozenset[str]:
    """The keys under which to look for the person of a roster row."""
    return _keys(person)


def _keys(one: MemberRecord | Person) -> frozenset[str]:
    """`id:` a valid number, 15 digits as 18; `nb:` name and whole birth date; `np:` name and phone."""
    keys = set()
    number = parse_id_number(one.id_number)
    if number.valid:
        keys.add(f"id:{number.text}")
    name = fold_name(one.name)
    born, given = parse_date(one.birth_date)
    if born is None and number.valid:
        born, given = number.birth_date, "day"
    phone = fold_phone(one.phone)
    if name and born and given == "day":
        keys.add(f"nb:{name}:{born.isoformat()}")
    if name and phone:
        keys.add(f"np:{name}:{phone}")
    return frozenset(keys)
