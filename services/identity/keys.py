"""Blocking keys: short texts that two records of one person share. Candidates are looked up by
them, never decided.

Every key joins two things that seldom both go wrong, and stays selective in a register of millions.
A member has eight keys as a rule; a row asks under more, because it is the row that may be damaged.

What each key holds, and below it the damage that it survives:

`id:`  a number of 18 characters, 15 digits converted
       - every other field; asked also for every repair
`ip:`  its first 15 characters (place, birth date, a digit)
       - numbers that Excel cut or rounded
`bs:`  whole birth date and the first syllable's sound
       - homophones, pinyin, lost and missing characters
`bg:`  whole birth date and the last syllable's sound
       - a surname that is wrong or lost
`ys:`  birth year and the whole name's sound
       - day, month or calendar wrong; partial dates
`nt:`  last four characters of the number, the whole name's sound
       - numbers that were masked
`p:`   phone
       - name and number both damaged
`n:`   the whole name's sound; asked only by rows with little else
       - rows of a name alone, or of name and organisation
`mc:`  military card, or another paper in the number's column
       - no number is given
`tk:`  organisation and HMAC of the number (registry.tokens)
       - the sender may not show the number

Sounds are the first usual reading without tone (services.identity.han): rows ask under all usual
readings. Of names with rare or lost characters `ys:` stands also without these, of names with `·`
also for each part.
"""

from __future__ import annotations

from datetime import date
from functools import cache, lru_cache

from services.identity.dates import parse_date
from services.identity.han import is_rare, syllables
from services.identity.id_numbers import IdNumber, parse_id_number, repairs
from services.identity.names import (
    LOST,
    all_sounds,
    fold_name,
    is_latin,
    name_notes,
    name_parts,
    sound_of,
    sounds,
    stored_heads,
    stored_orders,
    tokens,
)
from services.identity.persons import MemberRecord, Person, card_of, fold_phone

YEARS_NEAR = (0, -1, 1, -2, 2, -10, 10)
"""Slips of a year that rosters show: neighbours, counting by the lunar year, one decade."""
PREFIX = 15
TAIL = 4
ORDERS_MAX = 12
RULES = 1
"""Number of the rules by which `member_keys` computes what is stored; a higher one lets all be
computed anew (services.registry.rekey).
"""


def member_keys(member: MemberRecord) -> frozenset[str]:
    """The keys under which a member of the register is found; at most thirteen, a few more with a
    former name.
    """
    number = parse_id_number(member.id_number)
    keys = []
    if number.text:
        keys += (f"id:{number.text}", f"ip:{number.text[:PREFIX]}")
    elif number.damage == "truncated" and len(number.known) >= PREFIX:
        keys.append(f"ip:{number.known[:PREFIX]}")
    phone = fold_phone(member.phone)
    if phone:
        keys.append(f"p:{phone}")
    if (member.military_card or number.paper) and (card := card_of(member.military_card, number)):
        keys.append(f"mc:{card}")
    return frozenset(keys + _keys_by_name(member, number))


def _keys_by_name(member: MemberRecord, number: IdNumber) -> list[str]:
    spoken, first, last, pieces, former = _heard(member.name)
    if spoken is None:
        return []
    keys = [f"n:{spoken}"]
    if number.text:
        keys.append(f"nt:{number.text[-TAIL:]}{spoken}")
    born, given = parse_date(member.birth_date)
    days = _days(born, given, number)
    for day in days:
        year = day[:4]
        keys.append(f"ys:{year}:{spoken}")
        if first:
            keys.append(f"bs:{day}{first}")
        if last:
            keys.append(f"bg:{day}{last}")
        keys += [f"ys:{year}:{piece}" for piece in pieces]
    for name in former:
        keys.append(f"n:{name}")
        keys += [f"ys:{day[:4]}:{name}" for day in days]
    return keys


@lru_cache(maxsize=65536)
def _heard(text: str | None) -> tuple[str | None, str, str, tuple[str, ...], tuple[str, ...]]:
    """The whole name's sound, its first and last syllable, its pieces and the sounds of former
    names; None for the first where there is no name.
    """
    name = fold_name(text)
    if not name:
        return None, "", "", (), ()
    first, last = _ends(name)
    former = tuple(map(sound_of, name_notes(text).former))
    return (
        sound_of(name),
        first[0] if first else "",
        last[0] if last else "",
        _pieces(text, name),
        former,
    )


def number_keys(person: Person) -> frozenset[str]:
    """The number alone: its token, the number itself, or every valid number one slip away."""
    if person.token:
        return frozenset((person.token,))
    number = parse_id_number(person.id_number)
    return frozenset(f"id:{text}" for text in ((number.text,) if number.valid else repairs(number)))


def close_keys(person: Person) -> frozenset[str]:
    """`person_keys` without those of neighbouring years: a few candidates instead of hundreds in a
    register of millions, and whoever agrees well is among them.
    """
    return person_keys(person, (0,))


def person_keys(person: Person, years_near: tuple[int, ...] = YEARS_NEAR) -> frozenset[str]:
    """The keys under which to look for the person of a roster row; empty where nothing usable was
    given.
    """
    number = parse_id_number(person.id_number)
    born, given = parse_date(person.birth_date)
    days = _days(born, given, number)
    years = {int(day[:4]) for day in days}
    partial = born if born is not None and given != "day" else number.shown_birth[0]
    if partial is not None:
        years.add(partial.year)
    years = {year + off for year in years for off in years_near}
    keys = _number_keys(number) | _paper_keys(person, number)
    written = (fold_name(person.name), fold_name(person.pinyin), *name_notes(person.name).former)
    names = [name for name in dict.fromkeys(written) if name]
    for name in names:
        pieces = _pieces(person.name, name) if name is names[0] else ()
        keys.update(_asked_by_name(name, pieces, days, years, number.pattern[-TAIL:]))
    return frozenset(keys)


def _paper_keys(person: Person, number: IdNumber) -> set[str]:
    """The keys of a phone, a military card and a token."""
    keys = set()
    phone = fold_phone(person.phone)
    if phone:
        keys.add(f"p:{phone}")
    card = card_of(person.military_card, number)
    if card:
        keys.add(f"mc:{card}")
    if person.token:
        keys.add(person.token)
    return keys


def _asked_by_name(
    name: str, pieces: tuple[str, ...], days: set[str], years: set[int], tail: str
) -> set[str]:
    """The keys of one name: with the birth dates and years stated, and with the end of a masked
    number.
    """
    spoken = _spoken(name) + pieces
    keys = {f"ys:{year}:{sound}" for year in years for sound in spoken}
    first, last = _ends(name)
    for day in days:
        keys.update(_day_keys(day, first, last))
    if not years:
        keys.update(f"n:{sound}" for sound in spoken)
    if tail and "?" not in tail:
        keys.update(f"nt:{tail}{sound}" for sound in spoken)
    return keys


def _number_keys(number: IdNumber) -> set[str]:
    """The keys of a number as it is, of what a damaged one may have been, and of its beginning
    where the end is in doubt.
    """
    text, known = number.text, number.known
    keys = {f"id:{text}"} if text else set()
    if number.valid:
        if text and (text.endswith("000") or _is_rounded(text)):
            keys.add(f"ip:{text[:PREFIX]}")
        return keys
    keys.update(f"id:{repaired}" for repaired in repairs(number))
    if len(known) < PREFIX:
        return keys
    if number.damage in ("excel", "masked", "truncated"):
        keys.add(f"ip:{known[:PREFIX]}")
    if number.damage == "excel":  # rounded up, the number began one lower
        keys.add(f"ip:{int(known[:PREFIX]) - 1}")
    return keys


def _is_rounded(text: str) -> bool:
    """A whole 64-bit float: what is left of one number in sixteen, and of every number that Excel
    rounded.
    """
    return text.isdigit() and int(float(text)) == int(text)


def _days(born: date | None, given: str, number: IdNumber) -> set[str]:
    """The whole birth dates (YYYYMMDD) a record states: its own and its number's, also of a number
    with a slip.
    """
    days = (
        {f"{born.year}{born.month:02}{born.day:02}"}
        if born is not None and given == "day"
        else set()
    )
    if number.text is not None and (number.valid or number.birth_date is not None):
        days.add(number.text[6:14])
    elif number.shown_birth[1] == "day":
        days.add(number.known[6:14])
    return days


def _day_keys(day: str, first: tuple[str, ...], last: tuple[str, ...]) -> list[str]:
    return [f"bs:{day}{part}" for part in first] + [f"bg:{day}{part}" for part in last]


def _spoken(name: str) -> tuple[str, ...]:
    if is_latin(name):
        return stored_orders(name)[:ORDERS_MAX]
    return all_sounds(name)


@cache
def _is_odd(character: str) -> bool:
    return character == LOST or is_rare(character)


@lru_cache(maxsize=16384)
def _pieces(text: str | None, name: str) -> tuple[str, ...]:
    """The sounds of what is left of a name where its rare and lost characters, or one of its parts,
    are missing.
    """
    if len(name) <= 4 and not any(map(_is_odd, name)):
        return ()
    parts = name_parts(text) if len(name) > 4 else ()
    if len(parts) < 2 and not is_latin(name):
        marks = tokens(name)
        kept = [mark for mark in marks if not (mark.isascii() or is_rare(mark))]
        if 2 <= len(kept) < len(marks):
            parts = ("".join(kept),)
    sounds_of_parts = [sound_of(part) for part in parts if len(part) > 1]
    return tuple(dict.fromkeys(sound for sound in sounds_of_parts if sound))


@lru_cache(maxsize=16384)
def _ends(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The sounds of the first and of the last character; of a name in letters every way to cut
    it.
    """
    if is_latin(name):
        return _latin_ends(name)
    marks = tokens(name)
    return sounds(marks[0]), sounds(marks[-1]) if len(marks) > 1 else ()


@lru_cache(maxsize=4096)
def _latin_ends(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    known = syllables()
    spelled = name.replace("lyu", "lu").replace("v", "u")
    heads = tuple(spelled[:size] for size in range(1, 7) if spelled[:size] in known)
    tails = tuple(spelled[-size:] for size in range(1, 7) if spelled[-size:] in known)
    heads = tuple(stored for head in heads for stored in stored_heads(head))
    return tuple(dict.fromkeys(heads + tails)), ()
