"""Citizen identity numbers (GB 11643-1999): what a cell holds, what is wrong with it, what it may
have been.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from operator import mul

from services.identity import other_papers
from services.identity.names import is_blank
from services.kit.errors import Text

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"
_ZEROS = ord("0") * sum(WEIGHTS)
_EIGHTEEN = re.compile(r"[0-9]{17}[0-9X]")
_WITHIN = re.compile(r"(?<![0-9])[0-9]{17}[0-9X](?![0-9X])")
_LIKE_DIGITS = str.maketrans("OQDILSBZG|!", "00011582611")
"""What scanners and hurried hands make of digits."""
_PROVINCES = frozenset(
    [
        "11",
        "12",
        "13",
        "14",
        "15",
        "21",
        "22",
        "23",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "50",
        "51",
        "52",
        "53",
        "54",
        "61",
        "62",
        "63",
        "64",
        "65",
        "71",
        "81",
        "82",
        "83",
        "91",
    ]
)
_SCIENCE = re.compile(r"([0-9])(?:\.([0-9]+))?E\+?(1[0-9])")
_OF_HONG_KONG_MACAO_TAIWAN = ("81", "82", "83")
_QUOTES = re.compile(r"[\s'\"=`’‘“”\u200b-\u200f\ufeff\u2060]+")
_MASK_SIGNS = str.maketrans({mark: "?" for mark in "*✕·•●○◯〇#_※△□■◆"})
_WORDS_BEFORE = re.compile(r"^[^0-9?]*[:\u4e00-\u9fff]+")
_MASKED = re.compile(r"(?=(?:[^?X]*[?X]){2})[0-9]{1,17}[0-9?X]{1,17}[0-9?X]")
_MASKED_SHORT = re.compile(r"([0-9]{3,17})(?:\.{3,}|-{2,}|[—–]{1,}|[?X]{2,})([0-9]{0,8}[0-9X]?)")
_DROPPED = re.compile(r"[\s'\"=`’‘“”\-–—_·.,:;\u200b-\u200f\ufeff\u2060]+")

_WORDS = {
    None: Text("身份证号码有效", "The ID number is valid"),
    "missing": Text(
        "没有身份证号码；请补填 18 位号码", "No ID number is given; please add the 18 characters"
    ),
    "junk": Text(
        "这一格不是身份证号码；请填写 18 位号码",
        "This cell is not an ID number; please give the 18 characters",
    ),
    "15": Text(
        "旧的 15 位号码，已换算为 18 位；请以现行证件核对",
        "An old number of 15 digits, converted to 18; please compare with the present card",
    ),
    "check": Text(
        "校验位不符：有一位写错或相邻两位颠倒；请对照证件更正",
        "The check character does not fit: one character is wrong or two neighbours are swapped; "
        "please correct it from the card",
    ),
    "short": Text(
        "号码少了一位；请对照证件补全", "One character is missing; please complete it from the card"
    ),
    "long": Text(
        "号码多了一位；请对照证件更正",
        "There is one character too many; please correct it from the card",
    ),
    "excel": Text(
        "号码被 Excel 当作数字，后几位已丢失；请把该列设为“文本”后重新填写",
        "Excel took the number for a figure and lost its last digits; please set the column to "
        "text and enter it again",
    ),
    "date": Text(
        "号码里的出生日期不存在；请对照证件更正",
        "The birth date inside the number does not exist; please correct it from the card",
    ),
    "region": Text(
        "号码前两位不是省级代码；请对照证件更正",
        "The first two digits are no province; please correct them from the card",
    ),
    "masked": Text(
        "号码有几位被遮盖；请填写完整号码", "Some digits are masked; please give the whole number"
    ),
    "truncated": Text(
        "号码后几位缺失，只剩前面部分；请对照证件补全",
        "The end of the number is missing; please complete it from the card",
    ),
    "unborn": Text(
        "号码里的出生日期还没有到；请对照证件更正",
        "The birth date inside the number is still to come; please correct it from the card",
    ),
} | other_papers.WORDS
_RESIDENCE = Text(
    "港澳台居民居住证号码有效",
    "The number of a residence permit of Hong Kong, Macao or Taiwan residents; it is valid",
)


@dataclass(frozen=True, slots=True)
class IdNumber:
    """`text`: 18 characters with a capital X, or None; `valid`: it may be relied on. `known`: the
    leading characters that are left where the rest was lost; the last of them may be one too high
    where the number was rounded. `pattern`: of a masked number 18 characters, `?` for each that is
    hidden. `paper`: the number of another paper that stood in its place, as its letters and digits.
    A damaged number is never `valid`, however much of it can be read.
    """

    text: str | None
    valid: bool
    damage: str | None
    known: str = ""
    pattern: str = ""
    paper: str = ""

    @property
    def birth_date(self) -> date | None:
        return _date(self.text) if self.text else None

    @property
    def shown_birth(self) -> tuple[date | None, str]:
        """The birth date that a number states of which the end is hidden or lost, as
        `dates.parse_date` gives one: to the day, the month or the year, or (None, "none").
        """
        if self.damage not in ("masked", "truncated") or len(self.known) < 10:
            return None, "none"
        given = "day" if len(self.known) >= 14 else "month" if len(self.known) >= 12 else "year"
        day = _date(
            self.known[: {"day": 14, "month": 12, "year": 10}[given]]
            .ljust(14, "*")
            .replace("**", "01")
        )
        return day, given if day else "none"

    @property
    def sex(self) -> str | None:
        if self.text is None or not self.text[16].isdigit():
            return None
        return "male" if self.text[16] in "13579" else "female"

    @property
    def words(self) -> Text:
        begins = (self.text or "")[:2]
        if self.valid and self.damage is None and begins in _OF_HONG_KONG_MACAO_TAIWAN:
            return _RESIDENCE
        return _WORDS[self.damage]


def check_character(seventeen: str) -> str:
    """The 18th character of 17 digits: ISO 7064 MOD 11-2, as GB 11643-1999 prescribes."""
    return CHECKS[(sum(map(mul, WEIGHTS, seventeen.encode("ascii"))) - _ZEROS) % 11]


def _date(number: str) -> date | None:
    try:
        day = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None
    return day if 1890 <= day.year <= 2099 else None


SURELY_PAST = 2020
"""A year up to which no calendar need be asked."""


def _to_come(day: date) -> bool:
    """Nobody is born on that day yet, wherever the sun stands."""
    return day.year > SURELY_PAST and day > date.today() + timedelta(days=1)


def is_valid(number: str) -> bool:
    """18 characters whose check character, birth date and province all hold; a birth date to come
    does not.
    """
    if _EIGHTEEN.fullmatch(number) is None or number[17] != check_character(number[:17]):
        return False
    if number[:2] not in _PROVINCES or number[0] == "9":
        return False
    born = _date(number)
    return born is not None and not _to_come(born)


def parse_id_number(text: object) -> IdNumber:
    """Read a cell. Full-width digits, small x, blanks, hyphens, `'…`, `="…"` and words around the
    number are put right without a word; anything else that is wrong is named in `damage`, and so is
    any other paper. Never raises.
    """
    return _parse("" if text is None else text if isinstance(text, str) else str(text))


@lru_cache(maxsize=16384)
def _parse(text: str) -> IdNumber:
    if _EIGHTEEN.fullmatch(text):
        return _eighteen(text)
    text = text[:80]
    if is_blank(text):
        return IdNumber(None, False, "missing")
    plain = unicodedata.normalize("NFKC", text).upper().strip()
    plain = plain.replace("Х", "X").replace("×", "X").replace("Χ", "X")
    science = _SCIENCE.fullmatch(plain)
    if science:
        return _from_science(science)
    body = _DROPPED.sub("", plain.removesuffix(".0"))
    return _digits(body) or _masked(plain) or _among_words(body)


def _digits(body: str) -> IdNumber | None:
    """A cell of digits alone, by how many there are."""
    if _EIGHTEEN.fullmatch(body):
        return _eighteen(body)
    if re.fullmatch(r"[0-9]{14,16}", body) and body.isascii():
        return _fifteen_or_cut(body)
    if re.fullmatch(r"[0-9]{16}[0-9X]", body):
        return IdNumber(None, False, "short", body)
    if re.fullmatch(r"[0-9]{18}[0-9X]", body):
        return IdNumber(None, False, "long", body)
    return None


def _fifteen_or_cut(digits: str) -> IdNumber | None:
    """An old number, or what is left of a new one.

    Fifteen digits may be read both ways where an old number would be of 1919 or 1920: whoever bears
    such a one is past a hundred, so they are the beginning of a new number if that was born in 1913
    or later.
    """
    born = _date(digits)
    cut = born is not None and born.year > 1912 and not _to_come(born) and digits[:2] in _PROVINCES
    if cut:
        return IdNumber(None, False, "truncated", digits)
    return _fifteen(digits) if len(digits) == 15 else None


def _masked(plain: str) -> IdNumber | None:
    """A number of which some characters were hidden: what is left, and where it stands."""
    body = _WORDS_BEFORE.sub("", _QUOTES.sub("", plain)).translate(_MASK_SIGNS)
    begins = re.match("[0-9]+", body)
    if begins and _MASKED.fullmatch(body) and 15 <= len(body) <= 19:
        head = begins[0]
        pattern = body[:17].replace("X", "?") + body[17:] if len(body) == 18 else _stretched(body)
        return IdNumber(None, False, "masked", head, pattern)
    short = _MASKED_SHORT.fullmatch(body)
    if short is None or len(short[1]) + len(short[2]) < 6 or len(short[1]) + len(short[2]) > 17:
        return None
    return IdNumber(None, False, "masked", short[1], _stretched(body))


def _stretched(body: str) -> str:
    """The pattern where the marks do not stand one for one; an old number has no pattern."""
    short = _MASKED_SHORT.fullmatch(body)
    if short is None or len(body) == 15:
        return ""
    hidden = 18 - len(short[1]) - len(short[2])
    return short[1] + "?" * hidden + short[2] if hidden > 0 else ""


def _among_words(body: str) -> IdNumber:
    """The one number among other words, another paper's number, or nothing that can be read."""
    written = _inside(body)
    if written is not None:
        return _eighteen(written)
    kind = other_papers.kind_of(body)
    if kind is not None:
        return IdNumber(None, False, kind, paper=other_papers.folded(body))
    return IdNumber(None, False, "junk")


def _inside(body: str) -> str | None:
    """The one number among other words (身份证号：…), or the one valid number of several; letters
    that look like digits (O, I, l, S, B, Z) count as those only where the check character then
    holds.
    """
    numbers = set(_WITHIN.findall(body))
    if len(numbers) != 1:
        numbers = {number for number in numbers if is_valid(number)}
    if not numbers and len(body) == 18:
        numbers = {number for number in (body.translate(_LIKE_DIGITS),) if is_valid(number)}
    return numbers.pop() if len(numbers) == 1 else None


def _eighteen(number: str) -> IdNumber:
    if number[17] == check_character(number[:17]):
        born = _date(number)
        if born is None:
            return IdNumber(number, False, "date", number)
        if number[0] == "9":
            return IdNumber(None, False, "foreign", paper=number)
        if number[:2] not in _PROVINCES:
            return IdNumber(number, False, "region", number)
        if _to_come(born):
            return IdNumber(number, False, "unborn", number)
        return IdNumber(number, True, None, number)
    if number[15:] == "000" or (number[17] != "X" and int(float(number)) == int(number)):
        return IdNumber(number, False, "excel", number[:15])
    return IdNumber(number, False, "check", number)


def _fifteen(number: str) -> IdNumber:
    longer = number[:6] + "19" + number[6:]
    longer += check_character(longer)
    if _date(longer) is None or longer[:2] not in _PROVINCES:
        return IdNumber(None, False, "junk")
    return IdNumber(longer, True, "15", longer)


def _from_science(match: re.Match[str]) -> IdNumber:
    digits, exponent = match[1] + (match[2] or ""), int(match[3])
    if exponent == 14 and len(digits) == 15:
        return _fifteen_or_cut(digits) or IdNumber(None, False, "junk")
    if exponent != 17:
        return IdNumber(None, False, "junk")
    sure = digits.rstrip("0") if len(digits) < 15 else digits[:15]
    return IdNumber(None, False, "excel", sure)


@lru_cache(maxsize=16384)
def repairs(number: IdNumber) -> frozenset[str]:
    """Every valid number that a damaged one may have been: one digit wrong, two neighbours swapped,
    one character lost or doubled, or rounded by a 64-bit float. Complete for these: the check
    character leaves few.
    """
    seen = number.known if number.text is None else number.text
    numbers: set[str] = set()
    if number.damage in ("check", "excel", "date", "region") and number.text is not None:
        numbers = _one_changed(seen) | _swapped(seen)
        if seen[17] != "X" and int(float(seen)) == int(seen):
            numbers |= _unrounded(seen)
    elif number.damage == "short":
        numbers = _one_added(seen)
    elif number.damage == "long":
        numbers = {seen[:place] + seen[place + 1 :] for place in range(19)}
    return frozenset(filter(is_valid, numbers))


def _one_added(number: str) -> set[str]:
    """Every number of eighteen characters that lacks one of them as `number` does."""
    longer = set()
    for place in range(18):
        for digit in CHECKS if place == 17 else "0123456789":
            longer.add(number[:place] + digit + number[place:])
    return longer


def _one_changed(number: str) -> set[str]:
    changed = {
        number[:place] + digit + number[place + 1 :]
        for place in range(17)
        for digit in "0123456789"
    }
    changed.add(number[:17] + check_character(number[:17]))
    changed.discard(number)
    return changed


def _swapped(number: str) -> set[str]:
    return {
        number[:place] + number[place + 1] + number[place] + number[place + 2 :]
        for place in range(17)
        if number[place] != number[place + 1]
    }


def _unrounded(number: str) -> set[str]:
    middle, repaired = int(number), set()
    for seventeen in range((middle - 64) // 10, (middle + 64) // 10 + 1):
        whole = (
            str(seventeen) + check_character(str(seventeen)) if len(str(seventeen)) == 17 else ""
        )
        if whole and whole[17] != "X" and int(float(whole)) == middle:
            repaired.add(whole)
    return repaired
