"""The two sides of a comparison, and the pure readings of their cells."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from services.identity.dates import parse_date
from services.identity.id_numbers import IdNumber, parse_id_number
from services.identity.names import fold_name, is_blank

__all__ = [
    "IdNumber",
    "MemberRecord",
    "Person",
    "card_of",
    "fold_card",
    "fold_name",
    "fold_phone",
    "is_blank",
    "masked_phone",
    "parse_date",
    "parse_id_number",
    "parse_sex",
]

_MALE = frozenset(["male", "m", "男", "男性", "1", "man", "先生", "boy", "男士"])
_FEMALE = frozenset(["female", "f", "女", "女性", "2", "0", "woman", "女士", "girl", "小姐"])
_MOBILE = re.compile(r"1[3-9]\d{9}")
_LIKE_DIGITS = str.maketrans("OoQlI|SBZ", "000111582")
_SCIENCE = re.compile(r"1\.([3-9][0-9]{1,9})E\+?10", re.IGNORECASE)
_MASK_SIGNS = str.maketrans({mark: "?" for mark in "*xX×✕·•●○◯〇#_※△□■◆"})
_MASKED_MOBILE = re.compile(r"(?:\+?86)?(1[3-9][0-9?]{9})")
_MASKED_SHORT = re.compile(r"(1[3-9][0-9]{0,5})(?:\?{2,}|\.{3,}|-{2,})([0-9]{2,6})")
_LANDLINE = re.compile(r"(?:0\d{2,3})?[2-9]\d{6,7}")


@dataclass(slots=True)
class Person:
    """One roster row, raw as it came; any field may be missing or hold anything."""

    name: str | None = None
    id_number: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    phone: str | None = None
    organisation: str | None = None
    address: str | None = None
    pinyin: str | None = None
    military_card: str | None = None
    moving: bool = False
    """The address is where the person goes to: it speaks for whoever lives there, and against
    nobody.
    """
    token: str | None = None
    """The blocking key of a number that the sender may not show (services.registry.tokens)."""


@dataclass(slots=True)
class MemberRecord:
    """One member of the register, raw as in members.csv; `member` is our reference."""

    member: str
    name: str | None = None
    sex: str | None = None
    birth_date: str | None = None
    id_number: str | None = None
    phone: str | None = None
    address: str | None = None
    organisation: str | None = None
    organisation_name: str | None = None
    standing: str | None = None
    military_card: str | None = None


def parse_sex(text: object) -> str | None:
    """ "male", "female" or None; takes 男, M, 1 (GB/T 2261.1) and their kin."""
    if text is None:
        return None
    word = text if isinstance(text, str) else str(text)
    if word in ("male", "female"):
        return word
    word = unicodedata.normalize("NFKC", word[:20]).strip().removesuffix(".0").lower()
    return "male" if word in _MALE else "female" if word in _FEMALE else None


def fold_card(text: object) -> str | None:
    """A military card (军官证, 士兵证 and their kin) as its letters and digits; None where too
    little is left.

    What people write or leave out between them (字, 第, 号, blanks) does not count.
    """
    if text is None:
        return None
    plain = unicodedata.normalize("NFKC", str(text)[:60]).upper()
    folded = re.sub(r"[^0-9A-Z\u4e00-\u9fff]|[字第号]", "", plain)
    return folded if len(re.sub(r"[^0-9]", "", folded)) >= 5 else None


def card_of(card: object, number: IdNumber) -> str | None:
    """The military card given, else the paper that stood in the number's column (军字第…, a
    passport).
    """
    folded = fold_card(card) if card else None
    if folded or not number.paper:
        return folded
    return fold_card(number.paper)


def fold_phone(text: object) -> str | None:
    """A mobile number as 11 digits, a landline as its digits, else None. `+86`, blanks, hyphens and
    `.0` go, and so do the slips of scanners in eleven characters (O, l, S, B, Z); of several
    numbers in one cell the first counts.
    """
    if text is None:
        return None
    number = text if isinstance(text, str) else str(text)
    if _MOBILE.fullmatch(number):
        return number if number.isascii() else unicodedata.normalize("NFKC", number)
    number = unicodedata.normalize("NFKC", number[:60]).strip().removesuffix(".0")
    science = _SCIENCE.fullmatch(number)
    if science:
        return f"1{science[1]:0<10}" if len(science[1]) >= 9 else None
    for piece in re.split(r"[/;,、|]|\s{2,}", number):
        digits = re.sub(r"[^0-9]", "", _without_slips(piece))
        digits = re.sub(r"^(?:00)?86(?=1[3-9]\d{9}$)|^0(?=1[3-9]\d{9}$)", "", digits)
        if _MOBILE.fullmatch(digits) or _LANDLINE.fullmatch(digits):
            return digits
    return None


def _without_slips(piece: str) -> str:
    """Letters that scanners read for digits, where eleven characters would make a mobile number."""
    plain = re.sub(r"[\s\-]", "", piece)
    if len(plain) != 11 or plain.isdigit():
        return piece
    digits = plain.translate(_LIKE_DIGITS)
    return digits if _MOBILE.fullmatch(digits) else piece


def masked_phone(text: object) -> str | None:
    """A mobile number of which some digits are hidden (139****0020), as 11 characters with `?` for
    each of them; None for anything else and where fewer than five digits are left.
    """
    if not text or fold_phone(text) is not None:
        return None
    plain = unicodedata.normalize("NFKC", str(text)[:60])
    plain = re.sub(r"[\s'\"]", "", plain).translate(_MASK_SIGNS)
    whole = _MASKED_MOBILE.fullmatch(plain)
    short = _MASKED_SHORT.fullmatch(plain)
    if whole:
        pattern = whole[1]
    elif short and len(short[1]) + len(short[2]) < 11:
        pattern = short[1] + "?" * (11 - len(short[1]) - len(short[2])) + short[2]
    else:
        return None
    hidden = pattern.count("?")
    return pattern if 1 <= hidden <= 6 else None
