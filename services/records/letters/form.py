"""The three-part form of 2006 (组通字〔2006〕45号; rules.md §6.1): its words, where its blanks are,
what fills them.

All lengths are millimetres from the upper left corner of an A4 sheet; ``y`` is the line the text
stands on. The same lines are printed whole, over-printed on stock forms (the blanks alone), and
written as Word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from services.records.letters.numerals import capital, year_and_month

PAGE = (210.0, 297.0)
TEXT_PT = 12.0
TEXT_PT_MIN = 7.0


@dataclass(frozen=True, slots=True)
class Blank:
    """A place that a value is written into, and its width."""

    name: str
    width: float


@dataclass(frozen=True, slots=True)
class Options:
    """Words of which the wrong ones are struck out."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the form; ``centred`` over the page where it is a title."""

    x: float
    y: float
    parts: tuple[str | Blank | Options, ...]
    size: float = TEXT_PT
    centred: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One of the three parts; below it, except for the last, the line that the seal straddles."""

    name: str
    lines: tuple[Line, ...]
    seal_y: float | None = None


_STATUS = Options("status", ("预备", "正式"))
_SEAL = Line(143, 0, ("（盖章）",))


def _at(line: Line, y: float) -> Line:
    return Line(line.x, y, line.parts, line.size, line.centred)


STUB = Part(
    "stub",
    (
        Line(0, 19, ("中国共产党党员组织关系介绍信存根",), 15, True),
        Line(100, 28, ("第", Blank("number", 72), "号")),
        Line(26, 40, (Blank("name", 50), "同志系中共（", _STATUS, "）党员，组织关系由")),
        Line(18, 50, (Blank("from", 165),)),
        Line(18, 60, ("转到", Blank("to", 152), "。")),
        Line(118, 76, (Blank("date", 60),)),
        Line(40, 80, ("（贴回执联处）",), 10),
    ),
    91,
)
LETTER = Part(
    "letter",
    (
        Line(0, 103, ("中国共产党党员组织关系介绍信",), 15, True),
        Line(60, 112, ("第", Blank("number", 72), "号")),
        Line(18, 124, (Blank("header", 140), "：")),
        Line(
            26,
            134,
            (
                Blank("name", 38),
                "同志（",
                Options("sex", ("男", "女")),
                "），",
                Blank("age", 12),
                "岁，",
                Blank("ethnicity", 20),
                "族，系中共（",
                _STATUS,
                "）",
            ),
        ),
        Line(18, 144, ("党员，身份证号码", Blank("id_number", 70), "，由")),
        Line(18, 154, (Blank("from", 170),)),
        Line(18, 164, ("去", Blank("to", 155), "，请")),
        Line(
            18,
            174,
            (
                "转接组织关系。该同志党费已交到",
                Blank("dues_year", 34),
                "年",
                Blank("dues_month", 22),
                "月。",
            ),
        ),
        Line(26, 184, ("（有效期", Blank("validity", 26), "天）")),
        _at(_SEAL, 184),
        Line(118, 193, (Blank("date", 60),)),
        Line(18, 202, ("党员联系电话或其他联系方式：", Blank("member_phone", 105)), 11),
        Line(18, 210, ("党员原所在基层党委通讯地址：", Blank("address", 105)), 11),
        Line(
            18,
            218,
            (
                "联系电话：",
                Blank("phone", 46),
                "传真：",
                Blank("fax", 40),
                "邮编：",
                Blank("postcode", 24),
            ),
            11,
        ),
    ),
    226,
)
RECEIPT = Part(
    "receipt",
    (
        Line(0, 238, ("中国共产党党员组织关系介绍信回执联",), 15, True),
        Line(100, 246, ("第", Blank("number", 72), "号")),
        Line(18, 255, (Blank("committee", 140), "：")),
        Line(26, 264, (Blank("name", 50), "同志的党员组织关系已转达我处，特此回复。")),
        _at(_SEAL, 272),
        Line(
            18,
            280,
            ("经办人：", Blank("handler", 34), "联系电话：", Blank("handler_phone", 42)),
            11,
        ),
        Line(133, 280, (Blank("receipt_date", 50),), 11),
        Line(
            18,
            289,
            (
                "注：回执联由接收党员组织关系的基层党委在接收党员后一个月内邮寄或传真至党员原所在基层党委。",
            ),
            9,
        ),
    ),
)
PARTS = (STUB, LETTER, RECEIPT)
RECEIPT_UP = 215.0  # a receipt printed by itself stands at the top of its sheet
QR = (172.0, 97.0, 22.0)  # x, y of the upper left corner, side


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one letter says: a value for each blank, the chosen word of each option, and where its
    QR code leads.
    """

    values: Mapping[str, str]
    chosen: Mapping[str, str | None]
    link: str | None = None

    @property
    def whose(self) -> str:
        """Whom a refusal to print names."""
        return self.values.get("name", "")


def day_words(day: date | None) -> str:
    """2026年11月23日."""
    return f"{day.year}年{day.month}月{day.day}日" if day else ""


def age_on(birth: date | None, day: date) -> str:
    """Full years, as digits."""
    if birth is None:
        return ""
    years = day.year - birth.year
    before_birthday = (day.month, day.day) < (birth.month, birth.day)
    return str(years - 1 if before_birthday else years)


def ethnicity_words(ethnicity: str | None) -> str:
    """汉族 → 汉: the form prints 族 itself."""
    text = (ethnicity or "").strip()
    return text.removesuffix("族") or text


def dues_words(month: str | None) -> dict[str, str]:
    """The month that dues are paid to, in capital numerals."""
    if not month:
        return {"dues_year": "", "dues_month": ""}
    year, number = year_and_month(month)
    return {"dues_year": year, "dues_month": number}


def validity_words(issued: date | None, expires: date | None) -> str:
    """How many days a letter is good for, in capital numerals."""
    return capital((expires - issued).days) if issued and expires else ""
