"""How far two identity numbers agree, whatever happened to either of them."""

from __future__ import annotations

from services.identity.id_numbers import IdNumber, repairs

CUT_FROM = 15
"""Characters from the beginning (place, birth date, a digit of the order) that a cut number must
have kept to count for nearly the whole.
"""
SHOWN_MIN, SHOWN_AT_END_MIN = 8, 3
"""Characters of a masked number, and of its last four, that tell one person from others of the same
place.
"""
NEAR_MAX = 2
"""Characters by which a valid number may differ from another that it was perhaps copied from."""
_BIRTH_DATE = slice(6, 14)


def number_level(given: IdNumber, held: IdNumber) -> str:
    """The level of a row's number beside a member's.

    - same, same_damaged: letter by letter; the second fails its check;
    - repaired: one slip away;
    - cut: as far as Excel or a short cell left it; begins: less of it;
    - masked: what was not hidden agrees, its end among it; shown: the same without its end;
    - near, twin, other: another valid number, two characters off, of the same day, or neither;
    - unfit: damaged, and not from this one;
    - none: one of the two says nothing.
    """
    if held.text is None:
        return _beside_cut_register(given, held)
    if given.text is None and not given.known:
        return "none"
    if given.text == held.text:
        return "same" if given.valid else "same_damaged"
    if given.text is not None and given.valid:
        return _valid_beside(given.text, held)
    return _damaged_beside(given, held.text)


def _beside_cut_register(given: IdNumber, held: IdNumber) -> str:
    """The register itself holds the beginning of the number alone, or nothing that can be read."""
    if held.damage != "truncated" or len(held.known) < CUT_FROM:
        return "none"
    if given.text is None or not given.valid:
        return "none"
    return "cut" if given.text.startswith(held.known) else "none"


def _valid_beside(given: str, held: IdNumber) -> str:
    """A valid number beside another that is held, in whatever state."""
    if held.valid and held.text is not None:
        return _two_valid(given, held.text)
    return "repaired" if given in repairs(held) else "unfit"


def _two_valid(given: str, held: str) -> str:
    """Two valid numbers that are not the same."""
    if _is_cut_by_excel(given, held):
        return "cut"
    unlike = _characters_unlike(given[:17], held[:17])
    is_same_day = given[_BIRTH_DATE] == held[_BIRTH_DATE]
    if is_same_day:
        return "twin"
    return "near" if unlike <= NEAR_MAX else "other"


def _is_cut_by_excel(given: str, held: str) -> bool:
    """One in eleven numbers that Excel cut or rounded passes its check by chance."""
    if given[:CUT_FROM] != held[:CUT_FROM]:
        return False
    if given.endswith("000"):
        return True
    if "X" in given or "X" in held:
        return False
    return int(float(held)) == int(given)


def _characters_unlike(given: str, held: str) -> int:
    return sum(ours != theirs for ours, theirs in zip(given, held, strict=True))


def _damaged_beside(given: IdNumber, held: str) -> str:
    """A damaged number beside one that is held."""
    if held in repairs(given):
        return "repaired"
    if given.damage == "masked":
        return _masked_beside(given, held)
    if given.damage in ("excel", "truncated") and _begins(given, held):
        return "cut" if len(given.known) >= CUT_FROM else "begins"
    return "unfit"


def _begins(given: IdNumber, held: str) -> bool:
    """What is left of the number begins the one held; Excel may have rounded its last digit up."""
    known = given.known
    if not known:
        return False
    if given.damage == "truncated":
        return held.startswith(known)
    if not known.isdigit():
        return False
    beginning = held[: len(known)].rstrip("X") or "0"
    rounded_up_by = int(known) - int(beginning)
    return rounded_up_by in (0, 1)


def _masked_beside(given: IdNumber, held: str) -> str:
    """A number of which some characters are hidden beside one that is held."""
    if not given.pattern:
        return "shown" if held.startswith(given.known) else "unfit"
    if not fits_pattern(given.pattern, held):
        return "unfit"
    if len(given.known) >= CUT_FROM:
        return "cut"
    shown = 18 - given.pattern.count("?")
    shown_at_end = 4 - given.pattern[14:].count("?")
    tells_apart = shown >= SHOWN_MIN and shown_at_end >= SHOWN_AT_END_MIN
    return "masked" if tells_apart else "shown"


def fits_pattern(pattern: str, text: str) -> bool:
    """Whether the text has every character that the pattern shows; `?` stands for a hidden one."""
    characters = zip(pattern, text, strict=False)
    return all(shown in ("?", character) for shown, character in characters)
