"""Cells of the files that `guidui load` takes: pure readers, one per kind of cell.

Each takes the stripped text of a cell and gives the value to store (None for an empty cell), or
raises `Wrong` with the reason and what to do about it, in the words of the error file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from services.identity.dates import read_day
from services.identity.id_numbers import parse_id_number
from services.identity.persons import fold_phone, parse_sex

Reader = Callable[[str], Any]

TEXT_LETTERS_MAX = 500
YEARS = range(1900, 2100)
_SCIENCE = re.compile(r"[0-9](\.[0-9]+)?[Ee]\+?[0-9]{1,2}")
_MONTH = re.compile(
    r"([0-9]{4})[-/.年]([0-9]{1,2})月?(?:[-/.]?[0-9]{1,2}日?)?|([0-9]{4})([0-9]{2})(?:[0-9]{2})?"
)
_TRUTHS = {
    "yes": True,
    "y": True,
    "true": True,
    "1": True,
    "是": True,
    "": False,
    "no": False,
    "n": False,
    "false": False,
    "0": False,
    "否": False,
}


class Wrong(ValueError):
    """A cell that cannot be taken: `reason` and `fix` are Chinese sentences for the error file."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.reason, self.fix = reason, fix


def text(cell: str) -> str | None:
    """Free text of at most 500 letters."""
    if len(cell) > TEXT_LETTERS_MAX:
        raise Wrong(f"内容过长（{len(cell)} 字）", f"请缩短到 {TEXT_LETTERS_MAX} 字以内")
    return cell or None


def needed(reader: Reader) -> Reader:
    """The same reader for a cell that must not be empty."""

    def read(cell: str) -> Any:
        if not cell:
            raise Wrong("没有填写", "此项必填，请补上")
        return reader(cell)

    return read


def digits(*lengths: int) -> Reader:
    """A code of so many digits; full-width digits are made plain."""
    allowed = "、".join(map(str, lengths))

    def read(cell: str) -> str | None:
        if not cell:
            return None
        plain = cell if cell.isascii() else unicodedata.normalize("NFKC", cell)
        if len(plain) in lengths and plain.isascii() and plain.isdigit():
            return plain
        if _SCIENCE.fullmatch(plain):
            raise Wrong(
                "代码被表格软件改成了科学计数法，后几位已丢失",
                "把这一列设为“文本”格式，再从原件重新填写",
            )
        raise Wrong(
            f"代码应为 {allowed} 位数字，现为“{shown(cell)}”", f"请填写 {allowed} 位数字的代码"
        )

    return read


def choice(words: Mapping[str, str], default: str | None = None) -> Reader:
    """One of the code words (or its Chinese name); an empty cell is `default`."""
    by_word = {zh: code for code, zh in words.items()}
    by_word |= {code: code for code in words}
    listed = "、".join(f"{code}（{zh}）" for code, zh in words.items())

    def read(cell: str) -> str | None:
        if not cell:
            return default
        code = by_word.get(cell) or by_word.get(cell.lower())
        if code is None:
            raise Wrong(f"“{shown(cell)}”不在可选范围内", f"请填写其中之一：{listed}")
        return code

    return read


def truth(cell: str) -> bool:
    """`yes` or `no`; empty is no."""
    value = _TRUTHS.get(cell.lower())
    if value is None:
        raise Wrong(f"“{shown(cell)}”不是 yes 或 no", "请填写 yes（是）或 no（否），空白算作 no")
    return value


@lru_cache(65536)
def day(cell: str) -> date | None:
    """A whole day of the years 1900 to 2099, in any way people write one
    (services.identity.dates).
    """
    if not cell:
        return None
    reading = read_day(cell)
    if reading.given == "day" and reading.value is not None and reading.value.year in YEARS:
        return reading.value
    if reading.given in ("month", "year") and not reading.impossible:
        raise Wrong(f"“{shown(cell)}”没有写到日", "请补全到日，写成 2026-11-05 这样的年-月-日")
    raise Wrong(
        f"“{shown(cell)}”不是有效的日期",
        "请写成 2026-11-05 这样的年-月-日，年份在 1900 到 2099 之间",
    )


@lru_cache(65536)
def day_if_whole(cell: str) -> date | None:
    """The same of a cell that a register may know to the month alone: `1990.10` is no day, and no
    reason to lose the row. `part_of_a_day` tells such cells.
    """
    return None if part_of_a_day(cell) else day(cell)


def part_of_a_day(cell: str) -> bool:
    """Whether a cell holds a month or a year without its day."""
    reading = read_day(cell)
    return reading.given in ("month", "year") and not reading.impossible


@lru_cache(4096)
def month(cell: str) -> str | None:
    """A month as `YYYY-MM`; also `2026.11`, `2026年11月`, `202611`, or any day in that month."""
    if not cell:
        return None
    year, number = _month_of(cell)
    if year not in YEARS or not 1 <= number <= 12:
        raise Wrong(f"“{shown(cell)}”不是有效的年月", "请写成 2026-11 这样的年-月")
    return f"{year:04}-{number:02}"


def _month_of(cell: str) -> tuple[int, int]:
    """Year and month of a cell; zeros where it has none."""
    match = _MONTH.fullmatch(cell)
    if match:
        year, month_number = (int(part) for part in match.groups() if part)
        return year, month_number
    reading = read_day(cell)
    if reading.value is None or reading.given == "year" or reading.impossible:
        return 0, 0
    return reading.value.year, reading.value.month


def sex(cell: str) -> str | None:
    """`male` or `female`; takes 男, 女 and the codes of GB/T 2261.1."""
    value = parse_sex(cell)
    if cell and value is None:
        raise Wrong(f"“{shown(cell)}”不是性别", "请填写 male（男）或 female（女）")
    return value


def id_number(cell: str) -> str | None:
    """As 18 tidy characters where it is valid, else as it stands: a wrong number is a warning,
    never a lost member.
    """
    number = parse_id_number(cell)
    return number.text if number.valid and number.damage is None else text(cell)


def phone(cell: str) -> str | None:
    """A mobile or landline number as plain digits where it can be read as one, else as it
    stands.
    """
    return fold_phone(cell) or text(cell)


def whole(low: int, high: int) -> Reader:
    """A whole number within [low, high]."""

    def read(cell: str) -> int | None:
        if not cell:
            return None
        plain = cell.removesuffix(".0")
        is_number = plain.isascii() and plain.isdigit()
        if not is_number or not low <= int(plain) <= high:
            raise Wrong(f"“{shown(cell)}”超出范围", f"请填写 {low} 到 {high} 之间的整数")
        return int(plain)

    return read


def listed(cell: str) -> list[str]:
    """Parts separated by `;` (also full width or 、)."""
    return [part.strip() for part in re.split("[;；、]", cell) if part.strip()]


def shown(cell: str) -> str:
    """A cell within a sentence, cut to 30 letters."""
    return cell if len(cell) <= 30 else cell[:30] + "…"
