"""How far two names agree, whatever hand or system wrote them."""

from __future__ import annotations

import re
from functools import lru_cache

from services.identity.names import (
    LOST,
    all_sounds,
    is_latin,
    name_notes,
    name_parts,
    sounds,
    spoken_orders,
    tokens,
)
from services.identity.sides import Side

REMEMBERED_CHARS_MAX = 64
"""Longer cells are compared afresh: nobody's name, they would only fill the memory."""
LONG_NAME_FROM = 5
"""Characters from which a name is one that was transcribed, as of Uyghurs and Kazakhs."""
_BEST_FIRST = ("same", "lost", "sound", "pinyin", "part", "shape", "surname", "other")
_WORD_LETTERS = re.compile(r"[a-z]+")
_NEIGHBOURING_INITIALS = ("bpf", "td", "kgh", "qjx", "czs", "nlr", "wv")


def name_level(person: Side, member: Side) -> str:
    """The level of a row's names beside a member's, the best where there are several.

    - same; sound: other characters of the same sound; pinyin: the same in letters;
    - lost: what one of the two has lost may have been what the other has;
    - part: a syllable or a part is missing; shape: one character of three differs;
    - surname: no more than that; other; none: one of the two has no name.
    """
    if not member.name or not person.has_name:
        return "none"
    is_remembered = len(person.raw_name) + len(member.raw_name) <= REMEMBERED_CHARS_MAX
    level_of = _two_names if is_remembered else _two_names.__wrapped__
    if not (person.spelled or person.former or member.former):
        return level_of(person.name, person.raw_name, member.name, member.raw_name)
    best = "other"
    for ours in (person.name, person.spelled, *person.former):
        if not ours:
            continue
        for theirs in (member.name, *member.former):
            level = level_of(ours, person.raw_name, theirs, member.raw_name)
            best = min(best, level, key=_BEST_FIRST.index)
    return best


@lru_cache(maxsize=65_536)  # among namesakes the same few pairs come hundreds of times
def _two_names(name: str, raw: str, held: str, held_raw: str) -> str:
    """The level of two folded names, of which `raw` and `held_raw` are the cells."""
    if name == held:
        return "lost" if LOST in name else "same"
    if _is_last_character_marked(name, raw, held):
        return "lost"
    if is_latin(name):
        return "pinyin" if _is_spelling_of(name, held) else "other"
    ours, theirs = tokens(name), tokens(held)
    if len(ours) == len(theirs):
        has_private = _has_private(raw) or _has_private(held_raw)
        level = _token_by_token(ours, theirs, has_private)
        if level is not None:
            return level
    elif _is_same_without_lost(ours, theirs):
        return "lost"
    is_long = max(len(ours), len(theirs)) >= LONG_NAME_FROM
    if is_long and _is_part(name, raw, held, held_raw):
        return "part"
    return "surname" if ours[0] == theirs[0] else "other"


def _is_last_character_marked(name: str, raw: str, held: str) -> bool:
    """王小*: the mark may be one, or stand for a character that was hidden."""
    is_one_shorter = len(name) + 1 == len(held)
    return is_one_shorter and held.startswith(name) and name_notes(raw).marked


def _is_spelling_of(letters: str, held: str) -> bool:
    return not set(spoken_orders(letters)).isdisjoint(all_sounds(held))


def _token_by_token(ours: list[str], theirs: list[str], has_private: bool) -> str | None:
    """The level of two names of one length; None where they differ in more than a level allows.

    `has_private`: one of them has a character of a vendor's own code.
    """
    pairs = zip(ours, theirs, strict=True)
    unlike = [(our, their) for our, their in pairs if our != their]
    if all(_is_lost(our) or _is_lost(their) for our, their in unlike):
        return _level_of_lost(unlike, len(ours))
    if all(_share_a_sound(our, their) for our, their in unlike):
        return "sound"
    if len(unlike) > 1 or len(ours) == 1:
        return None
    if has_private:
        return "lost"  # the codes differ by vendor: what ours says it stood for may be wrong
    is_surname_alike = ours[0] == theirs[0]
    our, their = unlike[0]
    return _level_of_one_unlike(our, their, len(ours), is_surname_alike)


def _level_of_lost(unlike: list[tuple[str, str]], length: int) -> str:
    """The level of two names that differ only in what one of them has lost."""
    if len(unlike) == length:
        return "other"
    for our, their in unlike:
        is_any_character = LOST in (our, their)
        if not is_any_character and not _share_a_sound(our, their):
            return "other"
    return "lost"


def _level_of_one_unlike(our: str, their: str, length: int, is_surname_alike: bool) -> str:
    """The level of two names that differ in one character of `length`."""
    if length == 2:
        return "shape" if is_surname_alike else "other"
    if not sounds(our) or not sounds(their):
        return "lost"  # a character that no table reads (𠮷), and what was typed in its place (吉)
    if length >= LONG_NAME_FROM and _sound_near(our, their):
        return "part"  # 再娜甫·尼加提, 再娜普·尼加提: nobody spells these names in one way
    return "shape"


def _is_lost(token: str) -> bool:
    """A mark for a character, or the letters of its reading, stand where it stood."""
    return token == LOST or _WORD_LETTERS.fullmatch(token) is not None


def _share_a_sound(first: str, second: str) -> bool:
    return not set(sounds(first)).isdisjoint(sounds(second))


def _group_of_initials() -> dict[str, str]:
    groups: dict[str, str] = {}
    for group in _NEIGHBOURING_INITIALS:
        for initial in group:
            groups[initial] = group[0]
    return groups


_GROUP_OF_INITIAL = _group_of_initials()


def _sound_near(first: str, second: str) -> bool:
    """Two readings that differ in a neighbouring initial (fu, pu) or the last nasal only, as
    hearers mix them up.
    """
    blurred = {_blurred(sound) for sound in sounds(first)}
    return any(_blurred(sound) in blurred for sound in sounds(second))


def _blurred(sound: str) -> str:
    initial, rest = sound[:1], sound[1:]
    group = _GROUP_OF_INITIAL.get(initial, initial)
    return group + rest.removeprefix("h").removesuffix("g")


def _has_private(text: str) -> bool:
    return any("\ue000" <= character <= "\uf8ff" for character in text[:80])


def _is_same_without_lost(ours: list[str], theirs: list[str]) -> bool:
    """One side has a lost mark where the other has nothing."""
    our_rest = [token for token in ours if token != LOST]
    their_rest = [token for token in theirs if token != LOST]
    return our_rest == their_rest and len(our_rest) > 1


def _is_part(name: str, raw: str, held: str, held_raw: str) -> bool:
    """A syllable or a part is missing, or one is written with another character that sounds
    alike.
    """
    short, long = sorted((name, held), key=len)
    if _lacks_syllables(short, long):
        return True
    whole = raw if long == name else held_raw
    if len(short) >= 2 and short in name_parts(whole):
        return True
    return len(short) == len(long) >= LONG_NAME_FROM and _sound_alike_but_once(short, long)


def _lacks_syllables(short: str, long: str) -> bool:
    """The shorter name is the longer one without one or two of its characters."""
    return len(short) >= 3 and len(long) - len(short) <= 2 and is_within(short, long)


def _sound_alike_but_once(first: str, second: str) -> bool:
    unlike = 0
    for ours, theirs in zip(first, second, strict=True):
        if ours != theirs and not _share_a_sound(ours, theirs):
            unlike += 1
    return unlike <= 1


def is_within(short: str, long: str) -> bool:
    """Whether the longer text has the shorter one's characters in their order, others between."""
    rest = iter(long)
    return all(character in rest for character in short)
