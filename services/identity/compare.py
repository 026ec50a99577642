"""Two records side by side: for each field the named level at which they agree.

Levels are what the model weighs and what the reasons say. A level never mixes two fields, but one:
a birth date is also read from the member's number, because registers hold both and either may be
wrong.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from services.identity.dates import parse_date
from services.identity.id_numbers import IdNumber, parse_id_number, repairs
from services.identity.names import (
    LOST,
    all_sounds,
    fold_name,
    is_blank,
    is_latin,
    name_notes,
    name_parts,
    sounds,
    spoken_orders,
    tokens,
)
from services.identity.persons import (
    MemberRecord,
    Person,
    card_of,
    fold_phone,
    masked_phone,
    parse_sex,
)

FIELDS = ("number", "name", "birth", "sex", "phone", "address", "organisation")
LUNAR_DAYS = range(15, 56)
"""How many days a lunar date, written as if it were solar, lies before the true one."""
_PLACE = re.compile(r"[省市区县镇乡村街道组号楼栋幢单元室社居民委会办事处路第\W]")
_CUT = re.compile(r".*[省市区县州旗镇乡]|.*街道")
_ORGANISATIONS = re.compile(r"[0-9]{12}(?:\|[0-9]{12})*")
_WORD_LETTERS = re.compile(r"[a-z]+")


@dataclass(slots=True)
class Side:
    """What one record states, read once."""

    number: IdNumber
    name: str
    spelled: str
    raw_name: str
    born: date | None
    given: str
    sex: str | None
    phone: str | None
    address: str | None
    organisation: str | None
    organisation_name: str | None
    card: str | None = None
    moving: bool = False
    former: tuple[str, ...] = ()
    hidden_phone: str | None = None

    @property
    def has_name(self) -> bool:
        return bool(self.name or self.spelled)


def read_person(person: Person) -> Side:
    """A roster row's side. Its number's birth date and sex do not stand in for stated ones, but for
    a birth date that a number shows whose end is hidden; a note of the sex beside the name
    (王五(女)) does.
    """
    name, spelled = fold_name(person.name), fold_name(person.pinyin)
    notes = name_notes(_text(person.name))
    number = parse_id_number(person.id_number)
    born, given = parse_date(person.birth_date)
    born, given = _fuller(born, given, number)
    organisation = None if is_blank(person.organisation) else str(person.organisation).strip()
    phone = fold_phone(person.phone)
    hidden = masked_phone(person.phone) if phone is None else None
    return Side(
        number,
        name,
        spelled,
        _text(person.name),
        born,
        given,
        parse_sex(person.sex) or notes.sex,
        phone,
        _text(person.address),
        organisation,
        None,
        card_of(person.military_card, number),
        person.moving,
        notes.former,
        hidden,
    )


def read_member(member: MemberRecord) -> Side:
    """A member's side."""
    born, given = parse_date(member.birth_date)
    number = parse_id_number(member.id_number)
    card = card_of(member.military_card, number) if member.military_card or number.paper else None
    return Side(
        number,
        fold_name(member.name),
        "",
        _text(member.name),
        born,
        given,
        parse_sex(member.sex),
        fold_phone(member.phone),
        member.address,
        member.organisation,
        member.organisation_name,
        card,
        False,
        name_notes(member.name).former,
    )


def _fuller(born: date | None, given: str, number: IdNumber) -> tuple[date | None, str]:
    """The stated birth date, or that which a masked number shows where it says more of the same."""
    shown, how = number.shown_birth
    if born is None:
        return shown, how
    if shown is None or how != "day" or given == "day" or shown.year != born.year:
        return born, given
    return (shown, how) if given == "year" or shown.month == born.month else (born, given)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def compare(person: Side, member: Side) -> tuple[str, ...]:
    """The level of each of FIELDS, in that order; "none" where one side states nothing."""
    number = number_level(person.number, member.number)
    if number in ("other", "twin", "near", "unfit") and contradicts_itself(person):
        number = "doubtful"
    elif number == "none" and person.card and person.card == member.card:
        number = "card"
    name, address = name_level(person, member), address_level(person.address, member.address)
    if name == "shape" and len(member.name) == 2 and number not in _SAYS_NOTHING:
        name = "surname"  # 李娜 with the number of 李俊, one row below: half a name is no slip
    return (
        number,
        name,
        birth_level(person, member),
        sex_level(person, member),
        phone_level(person.phone or person.hidden_phone, member.phone),
        "none" if address == "other" and person.moving else address,
        organisation_level(person, member),
    )


_SAYS_NOTHING = frozenset(
    ("none", "begins", "masked", "shown", "other", "twin", "near", "unfit", "doubtful")
)


def contradicts_itself(person: Side) -> bool:
    """The row's number is valid but of another birth date or sex than the row states: whose number
    is it?
    """
    number = person.number
    if not number.valid:
        return False
    if person.born is not None and number.birth_date is not None:
        held = number.birth_date
        if person.born.year != held.year or person.given == "day" and person.born != held:
            return True
    return person.sex is not None and person.sex != number.sex


def number_level(given: IdNumber, held: IdNumber) -> str:
    """same, repaired (one slip away), cut (as far as Excel or a short cell left it), begins (less
    of it), masked (what was not hidden agrees, its end among it), shown (the same without its end),
    near and twin (another valid number: two characters off, or of the same place and day), other,
    unfit (damaged, and not from this one), none.
    """
    if held.text is None:
        return _held_cut(given, held)
    if given.text is None and not given.known:
        return "none"
    if given.text == held.text:
        return "same" if given.valid else "same_damaged"
    if given.valid and held.valid:
        return _two_valid(given.text or "", held.text)
    if given.valid:
        return "repaired" if given.text in repairs(held) else "unfit"
    if held.text in repairs(given):
        return "repaired"
    if given.damage == "masked":
        return _unmasked(given, held.text)
    if given.damage in ("excel", "truncated") and given.known and _begins(held.text, given):
        return "cut" if len(given.known) >= 15 else "begins"
    return "unfit"


def _held_cut(given: IdNumber, held: IdNumber) -> str:
    """The register itself holds the beginning of the number alone."""
    if (
        held.damage == "truncated"
        and given.valid
        and len(held.known) >= 15
        and (given.text or "").startswith(held.known)
    ):
        return "cut"
    return "none"


def _begins(held: str, given: IdNumber) -> bool:
    known = given.known
    if given.damage == "truncated":
        return held.startswith(known)
    return known.isdigit() and int(known) - int(held[: len(known)].rstrip("X") or 0) in (0, 1)


SHOWN_MIN, SHOWN_AT_END_MIN = 8, 3
"""Characters of a masked number, and of its last four, that tell one person from others of the same
place.
"""


def _unmasked(given: IdNumber, held: str) -> str:
    if not given.pattern:
        return "shown" if held.startswith(given.known) else "unfit"
    if any(shown not in ("?", whole) for shown, whole in zip(given.pattern, held, strict=False)):
        return "unfit"
    if len(given.known) >= 15:
        return "cut"
    at_end = 4 - given.pattern[14:].count("?")
    shown = 18 - given.pattern.count("?")
    return "masked" if shown >= SHOWN_MIN and at_end >= SHOWN_AT_END_MIN else "shown"


def _two_valid(given: str, held: str) -> str:
    """One in eleven numbers that Excel cut or rounded passes its check by chance."""
    if given[:15] == held[:15] and (
        given[15:] == "000" or "X" not in held + given and int(float(held)) == int(given)
    ):
        return "cut"
    unlike = sum(a != b for a, b in zip(given[:17], held[:17], strict=False))
    if unlike <= 2 and given[6:14] != held[6:14]:
        return "near"
    return "twin" if given[6:14] == held[6:14] else "other"


def name_level(person: Side, member: Side) -> str:
    """same, sound, shape (one character of three), lost, pinyin, part, surname, other, none."""
    if not member.name or not person.has_name:
        return "none"
    pair = (
        _one_name
        if len(person.raw_name) + len(member.raw_name) <= REMEMBERED_CHARS_MAX
        else _one_name.__wrapped__
    )
    if not (person.spelled or person.former or member.former):
        return pair(person.name, person.raw_name, member.name, member.raw_name)
    ours = dict.fromkeys(name for name in (person.name, person.spelled, *person.former) if name)
    levels = [
        pair(name, person.raw_name, held, member.raw_name)
        for name in ours
        for held in (member.name, *member.former)
    ]
    return min(levels, key=_NAME_ORDER.index)


REMEMBERED_CHARS_MAX = 64
_NAME_ORDER = ("same", "lost", "sound", "pinyin", "part", "shape", "surname", "other")


@lru_cache(maxsize=65_536)  # among namesakes the same few pairs come hundreds of times
def _one_name(name: str, raw: str, held: str, held_raw: str) -> str:
    if name == held:
        return "lost" if LOST in name else "same"
    if len(name) + 1 == len(held) and held.startswith(name) and name_notes(raw).marked:
        return "lost"  # 王小*: a mark, or a character that was hidden
    if is_latin(name):
        return "pinyin" if set(spoken_orders(name)) & set(all_sounds(held)) else "other"
    ours, theirs = tokens(name), tokens(held)
    if len(ours) == len(theirs):
        alike = _token_by_token(ours, theirs, _has_private(raw) or _has_private(held_raw))
        if alike is not None:
            return alike
    elif _without_lost(ours, theirs):
        return "lost"
    if max(len(ours), len(theirs)) > 4 and _part(name, raw, held, held_raw):
        return "part"
    return "surname" if ours[0] == theirs[0] else "other"


def _token_by_token(ours: list[str], theirs: list[str], private: bool) -> str | None:
    """The level of two names of one length; None where they differ in more than a level allows.

    `private` says that one of them has a character of a vendor's own code.
    """
    unlike = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
    if all(_is_lost(a) or _is_lost(b) for a, b in unlike):
        return "lost" if len(unlike) < len(ours) and _sounds_meet(unlike) else "other"
    if all(set(sounds(a)) & set(sounds(b)) for a, b in unlike):
        return "sound"
    if len(unlike) > 1 or len(ours) == 1:
        return None
    if private:
        return "lost"  # the codes differ by vendor: what ours says it stood for may be wrong
    if len(ours) > 2 and any(not sounds(token) for token in unlike[0]):
        return "lost"  # a character that no table reads (𠮷), and what was typed in its place (吉)
    if len(ours) > 4 and _sound_near(*unlike[0]):
        return "part"  # 再娜甫·尼加提, 再娜普·尼加提: nobody spells these names in one way
    return "shape" if len(ours) > 2 or ours[0] == theirs[0] else "other"


_NEAR_INITIALS = {
    letter: group[0]
    for group in ("bpf", "td", "kgh", "qjx", "czs", "nlr", "wv")
    for letter in group
}


def _sound_near(first: str, second: str) -> bool:
    """Two readings that differ in a neighbouring initial (fu, pu) or the last nasal only, as
    hearers mix them up.
    """
    return not {_blurred(s) for s in sounds(first)}.isdisjoint(_blurred(s) for s in sounds(second))


def _blurred(sound: str) -> str:
    return _NEAR_INITIALS.get(sound[:1], sound[:1]) + sound[1:].removeprefix("h").removesuffix("g")


def _has_private(text: str) -> bool:
    return any("\ue000" <= character <= "\uf8ff" for character in text[:80])


def _is_lost(token: str) -> bool:
    return token == LOST or _WORD_LETTERS.fullmatch(token) is not None


def _sounds_meet(unlike: Sequence[tuple[str, str]]) -> bool:
    return all(LOST in (a, b) or set(sounds(a)) & set(sounds(b)) for a, b in unlike)


def _without_lost(ours: list[str], theirs: list[str]) -> bool:
    """One side has a lost mark where the other has nothing."""
    kept = [[token for token in side if token != LOST] for side in (ours, theirs)]
    return kept[0] == kept[1] and len(kept[0]) > 1


def _part(name: str, raw: str, held: str, held_raw: str) -> bool:
    """A syllable or a part is missing, or one is written with another character that sounds
    alike.
    """
    short, long = sorted((name, held), key=len)
    if len(short) >= 3 and len(long) - len(short) <= 2 and _is_within(short, long):
        return True
    whole = raw if long == name else held_raw
    if len(short) >= 2 and short in name_parts(whole):
        return True
    if len(long) == len(short) and len(long) > 4:
        alike = [
            a == b or bool(set(sounds(a)) & set(sounds(b)))
            for a, b in zip(short, long, strict=True)
        ]
        return sum(alike) >= len(long) - 1
    return False


def _is_within(short: str, long: str) -> bool:
    rest = iter(long)
    return all(character in rest for character in short)


def birth_level(person: Side, member: Side) -> str:
    """The best level over the member's stated birth date and the one in the member's number."""
    if person.born is None:
        return "none"
    held: list[date] = []
    if member.born is not None and member.given == "day":
        held.append(member.born)
    numbered = member.number.birth_date if member.number.valid else None
    if numbered is not None and numbered not in held:
        held.append(numbered)
    levels = [_two_dates(person.born, person.given, day) for day in held]
    return min(levels, key=_BIRTH_ORDER.index) if levels else "none"


_BIRTH_ORDER = ("same", "month", "swapped", "slip", "year_off", "lunar", "year", "other")


@lru_cache(maxsize=4096)
def _two_dates(given: date, known: str, held: date) -> str:
    """same, month and year (as far as given), swapped (day and month), slip (one of them),
    year_off, lunar, other.
    """
    if known == "year":
        return "year" if given.year == held.year else "other"
    if known == "month":
        return "month" if (given.year, given.month) == (held.year, held.month) else "other"
    if given == held:
        return "same"
    if given.year == held.year:
        if (given.month, given.day) == (held.day, held.month):
            return "swapped"
        if given.month == held.month or given.day == held.day:
            return "slip"
    elif abs(given.year - held.year) in (1, 2, 10) and given.month == held.month:
        same_day = given.day == held.day
        both_at_the_months_end = min(given.day, held.day) >= 28
        if same_day or both_at_the_months_end:
            return "year_off"
    return "lunar" if (held - given).days in LUNAR_DAYS else "other"


def sex_level(person: Side, member: Side) -> str:
    ours, theirs = person.sex, member.sex or member.number.sex
    return "none" if ours is None or theirs is None else "same" if ours == theirs else "other"


def phone_level(ours: str | None, theirs: str | None) -> str:
    """same, masked (ours has `?` for digits that are hidden; the others agree, seven at least and
    the last three among them), other, none.
    """
    if not ours or not theirs:
        return "none"
    if ours == theirs:
        return "same"
    if "?" not in ours or len(ours) != len(theirs):
        return "other"
    if any(shown not in ("?", whole) for shown, whole in zip(ours, theirs, strict=True)):
        return "other"
    return "masked" if ours.count("?") <= 4 and "?" not in ours[-3:] else "none"


def address_level(ours: str | None, theirs: str | None) -> str:
    """same (place and numbers), place (the numbers differ), other, none. Levels above the community
    may be absent.
    """
    first, second = _address(ours or ""), _address(theirs or "")
    if first is None or second is None:
        return "none"
    (place, numbers), (held_place, held_numbers) = first, second
    if not (_is_tail(place, held_place) or _is_tail(held_place, place)):
        return "other"
    return "same" if numbers == held_numbers else "place"


def _is_tail(short: str, long: str) -> bool:
    """The shorter writing leaves out upper levels and their kinds; its last two characters
    decide.
    """
    return len(short) >= 2 and short[-2:] == long[-2:] and _is_within(short, long)


@lru_cache(maxsize=8192)
def _address(text: str) -> tuple[str, tuple[str, ...]] | None:
    if is_blank(text):
        return None
    plain = unicodedata.normalize("NFKC", text[:200])
    numbers = tuple(re.findall(r"[0-9]+", plain))
    place = _PLACE.sub("", re.split(r"[0-9]", plain, maxsplit=1)[0])
    return (place, numbers) if len(place) >= 2 and numbers else None


def organisation_level(person: Side, member: Side) -> str:
    """same (the branch), committee (the same nine digits, or a name that begins the branch's),
    other, none; unread where the row names it in words and nothing says which organisation bears
    that name.
    """
    ours, held = person.organisation, member.organisation
    if not ours or not held:
        return "none"
    if _ORGANISATIONS.fullmatch(ours):
        codes = ours.split("|")
        return (
            "same"
            if held in codes
            else "committee"
            if any(c[:9] == held[:9] for c in codes)
            else "other"
        )
    name = member.organisation_name
    if not name:
        return "unread"
    if ours == name:
        return "same"
    short = ours.removeprefix("中共").removesuffix("委员会")
    return "committee" if short and short in name else "other"
