"""Citizen identity numbers (GB 11643-1999): what a cell holds, what is wrong with it, what it may have been."""
from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from operator import mul

from services.kit.errors import Words
from services.registry.names import is_blank

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"
_ZEROS = ord("0") * sum(WEIGHTS)
_EIGHTEEN = re.compile(r"[0-9]{17}[0-9X]")
_WITHIN = re.compile(r"(?<![0-9])[0-9]{17}[0-9X](?![0-9X])")
_LIKE_DIGITS = str.maketrans("OIL", "011")
_PROVINCES = frozenset("11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 "
                       "65 71 81 82 83 91".split())
_MILITARY = re.compile(r"[军士文兵武参政后装空海南北东西中沈兰济广成京]{1,3}字?第?[0-9]{5,9}号?")
_SCIENCE = re.compile(r"([0-9])(?:\.([0-9]+))?E\+?(1[0-9])")
_DROPPED = re.compile(r"[\s'\"=`’‘“”\-–—_·.,:;\u200b-\u200f\ufeff\u2060]+")

_WORDS = {
    None: Words("身份证号码有效", "The ID number is valid"),
    "missing": Words("没有身份证号码；请补填 18 位号码", "No ID number is given; please add the 18 characters"),
    "junk": Words("这一格不是身份证号码；请填写 18 位号码", "This cell is not an ID number; please give the 18 characters"),
    "15": Words("旧的 15 位号码，已换算为 18 位；请以现行证件核对",
                "An old number of 15 digits, converted to 18; please compare with the present card"),
    "check": Words("校验位不符：有一位写错或相邻两位颠倒；请对照证件更正",
                   "The check character does not fit: one character is wrong or two neighbours are swapped; "
                   "please correct it from the card"),
    "short": Words("号码少了一位；请对照证件补全", "One character is missing; please complete it from the card"),
    "long": Words("号码多了一位；请对照证件更正", "There is one character too many; please correct it from the card"),
    "excel": Words("号码被 Excel 当作数字，后几位已丢失；请把该列设为“文本”后重新填写",
                   "Excel took the number for a figure and lost its last digits; please set the column to "
                   "text and enter it again"),
    "date": Words("号码里的出生日期不存在；请对照证件更正",
                  "The birth date inside the number does not exist; please correct it from the card"),
    "region": Words("号码前两位不是省级代码；请对照证件更正",
                    "The first two digits are no province; please correct them from the card"),
    "masked": Words("号码有几位被遮盖；请填写完整号码", "Some digits are masked; please give the whole number"),
    "military": Words("这是军人证件号码；退役后请填写居民身份证号码",
                      "This is a military card; after discharge please give the citizen ID number"),
}


@dataclass(frozen=True, slots=True)
class IdNumber:
    """`text`: 18 characters with a capital X, or None; `valid`: it may be relied on. `known`: the leading
    characters that are left where the rest was lost; the last of them may be one too high where the number was
    rounded. A damaged number is never `valid`, however much of it can be read."""

    text: str | None
    valid: bool
    damage: str | None
    known: str = ""

    @property
    def birth_date(self) -> date | None:
        return _date(self.text) if self.text else None

    @property
    def sex(self) -> str | None:
        if self.text is None or not self.text[16].isdigit():
            return None
        return "male" if self.text[16] in "13579" else "female"

    @property
    def words(self) -> Words:
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


def is_valid(number: str) -> bool:
    """18 characters whose check character, birth date and province all hold."""
    return (_EIGHTEEN.fullmatch(number) is not None and number[17] == check_character(number[:17])
            and number[:2] in _PROVINCES and _date(number) is not None)


def parse_id_number(text: object) -> IdNumber:
    """Read a cell. Full-width digits, small x, blanks, hyphens, `'…`, `="…"` and words around the number are put right
    without a word; anything else that is wrong is named in `damage`. Never raises."""
    return _parse("" if text is None else text if isinstance(text, str) else str(text))


@lru_cache(maxsize=16384)
def _parse(text: str) -> IdNumber:
    if _EIGHTEEN.fullmatch(text):
        return _eighteen(text)
    text = text[:80]
    if is_blank(text):
        return IdNumber(None, False, "missing")
    plain = unicodedata.normalize("NFKC", text).upper().replace("Х", "X").replace("×", "X").replace("Χ", "X")
    science = _SCIENCE.fullmatch(plain.strip())
    if science:
        return _from_science(science)
    if plain.strip().endswith(".0"):
        plain = plain.strip()[:-2]
    body = _DROPPED.sub("", plain)
    if _MILITARY.fullmatch(body):
        return IdNumber(None, False, "military")
    if _EIGHTEEN.fullmatch(body):
        return _eighteen(body)
    if len(body) == 15 and body.isascii() and body.isdigit():
        return _fifteen(body)
    if re.fullmatch(r"[0-9]{2,16}[*X]{2,16}[0-9X]{0,6}", body) and 15 <= len(body) <= 19:
        return IdNumber(None, False, "masked", re.match("[0-9]+", body)[0])
    if re.fullmatch(r"[0-9]{16}[0-9X]", body):
        return IdNumber(None, False, "short", body)
    if re.fullmatch(r"[0-9]{18}[0-9X]", body):
        return IdNumber(None, False, "long", body)
    written = _inside(body)
    return IdNumber(None, False, "junk") if written is None else _eighteen(written)


def _inside(body: str) -> str | None:
    """The one number among other words (身份证号：…), or the one valid number of several; letters that look like
    digits (O, I, l) count as those only where the check character then holds."""
    found = set(_WITHIN.findall(body))
    if len(found) != 1:
        found = {one for one in found if is_valid(one)}
    if not found and len(body) == 18:
        found = {one for one in (body.translate(_LIKE_DIGITS),) if is_valid(one)}
    return found.pop() if len(found) == 1 else None


def _eighteen(number: str) -> IdNumber:
    if number[17] == check_character(number[:17]):
        if _date(number) is None:
            return IdNumber(number, False, "date", number)
        if number[:2] not in _PROVINCES:
            return IdNumber(number, False, "region", number)
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
        return _fifteen(digits)
    if exponent != 17:
        return IdNumber(None, False, "junk")
    sure = digits.rstrip("0") if len(digits) < 15 else digits[:15]
    return IdNumber(None, False, "excel", sure)


@lru_cache(maxsize=16384)
def repairs(number: IdNumber) -> frozenset[str]:
    """Every valid number that a damaged one may have been: one digit wrong, two neighbours swapped, one
    character lost or doubled, or rounded by a 64-bit float. Complete for these: the check character leaves few."""
    seen = number.known if number.text is None else number.text
    found: set[str] = set()
    if number.damage in ("check", "excel", "date", "region") and number.text is not None:
        found.update(_one_changed(seen), _swapped(seen))
        if seen[17] != "X" and int(float(seen)) == int(seen):
            found.update(_unrounded(seen))
    elif number.damage == "short":
        for place in range(18):
            digits = CHECKS if place == 17 else "0123456789"
            found.update(seen[:place] + digit + seen[place:] for digit in digits)
    elif number.damage == "long":
        found.update(seen[:place] + seen[place + 1:] for place in range(19))
    return frozenset(one for one in found if is_valid(one))


def _one_changed(number: str) -> set[str]:
    changed = {number[:place] + digit + number[place + 1:] for place in range(17) for digit in "0123456789"}
    changed.add(number[:17] + check_character(number[:17]))
    changed.discard(number)
    return changed


def _swapped(number: str) -> set[str]:
    return {number[:place] + number[place + 1] + number[place] + number[place + 2:] for place in range(17)
            if number[place] != number[place + 1]}


def _unrounded(number: str) -> set[str]:
    middle, found = int(number), set()
    for seventeen in range((middle - 64) // 10, (middle + 64) // 10 + 1):
        whole = str(seventeen) + check_character(str(seventeen)) if len(str(seventeen)) == 17 else ""
        if whole and whole[17] != "X" and int(float(whole)) == middle:
            found.add(whole)
    return found
