"""Two records side by side: for each field the named level at which they agree.

Levels are what the model weighs and what the reasons say. A level never mixes two fields, but one:
a birth date is also read from the member's number, because registers hold both and either may be
wrong.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from functools import lru_cache

from services.identity.name_levels import is_within, name_level
from services.identity.names import is_blank
from services.identity.number_levels import fits_pattern, number_level
from services.identity.sides import Side, read_member, read_person

__all__ = ["FIELDS", "Side", "compare", "contradicts_itself", "read_member", "read_person"]

FIELDS = ("number", "name", "birth", "sex", "phone", "address", "organisation")
LUNAR_DAYS = range(15, 56)
"""How many days a lunar date, written as if it were solar, lies before the true one."""
YEARS_OFF = (1, 2, 10)
"""Slips of a year that rosters show: neighbours, counting by the lunar year, one decade."""
HIDDEN_DIGITS_MAX = 4
"""Digits of a phone that may be masked where the others still tell whose it is."""
_ANOTHERS_NUMBER = frozenset(("other", "twin", "near", "unfit"))
_NUMBER_SAYS_NOTHING = (
    frozenset(("none", "begins", "masked", "shown", "doubtful")) | _ANOTHERS_NUMBER
)
_BEST_BIRTH_FIRST = ("same", "month", "swapped", "slip", "year_off", "lunar", "year", "other")
_PLACE = re.compile(r"[省市区县镇乡村街道组号楼栋幢单元室社居民委会办事处路第\W]")
_ORGANISATIONS = re.compile(r"[0-9]{12}(?:\|[0-9]{12})*")


def compare(person: Side, member: Side) -> tuple[str, ...]:
    """The level of each of FIELDS, in that order; "none" where one side states nothing."""
    number = _number_in_row(person, member)
    return (
        number,
        _name_beside_number(person, member, number),
        birth_level(person, member),
        sex_level(person, member),
        phone_level(person.phone or person.hidden_phone, member.phone),
        _address_of_mover(person, member),
        organisation_level(person, member),
    )


def _number_in_row(person: Side, member: Side) -> str:
    """The number's level, in the light of what else the row states of itself."""
    level = number_level(person.number, member.number)
    if level in _ANOTHERS_NUMBER and contradicts_itself(person):
        return "doubtful"
    if level == "none" and person.card and person.card == member.card:
        return "card"
    return level


def _name_beside_number(person: Side, member: Side, number: str) -> str:
    """The name's level; 李娜 with the number of 李俊, one row below: half a name is no slip."""
    level = name_level(person, member)
    if level == "shape" and len(member.name) == 2 and number not in _NUMBER_SAYS_NOTHING:
        return "surname"
    return level


def _address_of_mover(person: Side, member: Side) -> str:
    """The address's level; where a mover goes to speaks against nobody."""
    level = address_level(person.address, member.address)
    if level == "other" and person.moving:
        return "none"
    return level


def contradicts_itself(person: Side) -> bool:
    """The row's number is valid but of another birth date or sex than the row states: whose number
    is it?
    """
    number = person.number
    if not number.valid:
        return False
    if person.sex is not None and person.sex != number.sex:
        return True
    numbered = number.birth_date
    if person.born is None or numbered is None:
        return False
    if person.given == "day":
        return person.born != numbered
    return person.born.year != numbered.year


def birth_level(person: Side, member: Side) -> str:
    """The best level over the member's stated birth date and the one in the member's number."""
    if person.born is None:
        return "none"
    stated = member.born if member.has_whole_birth_date else None
    numbered = member.number.birth_date if member.number.valid else None
    if stated is None and numbered is None:
        return "none"
    by_number = "other"
    if numbered is not None:
        by_number = _two_dates(person.born, person.given, numbered)
    if stated is None or stated == numbered:
        return by_number
    by_statement = _two_dates(person.born, person.given, stated)
    return min(by_statement, by_number, key=_BEST_BIRTH_FIRST.index)


@lru_cache(maxsize=4096)
def _two_dates(given: date, known: str, held: date) -> str:
    """The level of a date of which `known` (day, month or year) was given.

    same, month and year (as far as given), swapped (day and month), slip (one of them), year_off,
    lunar, other.
    """
    is_same_year = given.year == held.year
    if known == "year":
        return "year" if is_same_year else "other"
    if known == "month":
        return "month" if is_same_year and given.month == held.month else "other"
    if given == held:
        return "same"
    if is_same_year and _is_swapped(given, held):
        return "swapped"
    if is_same_year and (given.month == held.month or given.day == held.day):
        return "slip"
    if _is_year_off(given, held):
        return "year_off"
    days_early = (held - given).days
    return "lunar" if days_early in LUNAR_DAYS else "other"


def _is_swapped(given: date, held: date) -> bool:
    """Day and month are exchanged."""
    return given.month == held.day and given.day == held.month


def _is_year_off(given: date, held: date) -> bool:
    """The year is one of the usual slips and the rest agrees."""
    if abs(given.year - held.year) not in YEARS_OFF or given.month != held.month:
        return False
    are_both_at_the_months_end = min(given.day, held.day) >= 28
    return given.day == held.day or are_both_at_the_months_end


def sex_level(person: Side, member: Side) -> str:
    """same, other, none; a member's number speaks where the register does not state the sex."""
    ours = person.sex
    theirs = member.sex or member.number.sex
    if ours is None or theirs is None:
        return "none"
    return "same" if ours == theirs else "other"


def phone_level(ours: str | None, theirs: str | None) -> str:
    """same, masked (ours has `?` for digits that are hidden; the others agree, seven at least and
    the last three among them), other, none.
    """
    if not ours or not theirs:
        return "none"
    if ours == theirs:
        return "same"
    if "?" not in ours or len(ours) != len(theirs) or not fits_pattern(ours, theirs):
        return "other"
    shows_enough = ours.count("?") <= HIDDEN_DIGITS_MAX and "?" not in ours[-3:]
    return "masked" if shows_enough else "none"


def address_level(ours: str | None, theirs: str | None) -> str:
    """same (place and numbers), place (the numbers differ), other, none. Levels above the community
    may be absent.
    """
    stated = _address(ours or "")
    held = _address(theirs or "")
    if stated is None or held is None:
        return "none"
    place, numbers = stated
    held_place, held_numbers = held
    if not (_is_tail(place, held_place) or _is_tail(held_place, place)):
        return "other"
    return "same" if numbers == held_numbers else "place"


def _is_tail(short: str, long: str) -> bool:
    """The shorter writing leaves out upper levels and their kinds; its last two characters
    decide.
    """
    return len(short) >= 2 and short[-2:] == long[-2:] and is_within(short, long)


@lru_cache(maxsize=8192)
def _address(text: str) -> tuple[str, tuple[str, ...]] | None:
    """The name of the place, without the kinds of its levels, and the numbers behind it; None where
    either is missing.
    """
    if is_blank(text):
        return None
    plain = unicodedata.normalize("NFKC", text[:200])
    before_numbers = re.split(r"[0-9]", plain, maxsplit=1)[0]
    place = _PLACE.sub("", before_numbers)
    numbers = tuple(re.findall(r"[0-9]+", plain))
    if len(place) < 2 or not numbers:
        return None
    return place, numbers


def organisation_level(person: Side, member: Side) -> str:
    """same (the branch), committee (the same nine digits, or a name that begins the branch's),
    other, none; unread where the row names it in words and nothing says which organisation bears
    that name.
    """
    ours, held = person.organisation, member.organisation
    if not ours or not held:
        return "none"
    if _ORGANISATIONS.fullmatch(ours):
        return _organisation_by_code(ours.split("|"), held)
    if not member.organisation_name:
        return "unread"
    return _organisation_by_name(ours, member.organisation_name)


def _organisation_by_code(codes: list[str], held: str) -> str:
    if held in codes:
        return "same"
    committees = {code[:9] for code in codes}
    return "committee" if held[:9] in committees else "other"


def _organisation_by_name(ours: str, held: str) -> str:
    if ours == held:
        return "same"
    short = ours.removeprefix("中共").removesuffix("委员会")
    return "committee" if short and short in held else "other"
