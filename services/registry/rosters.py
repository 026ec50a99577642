"""A unit's or community's own list of its members, as a workbook (.xlsx) or CSV: rows that can be
compared, and bad ones.

The columns are found by the words that offices put over them, Chinese or English, in any order.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import chain
from typing import Any

import orjson

from services.identity import han
from services.identity.dates import read_day
from services.identity.id_numbers import IdNumber, parse_id_number
from services.identity.persons import Person, fold_phone, is_blank, masked_phone, parse_sex
from services.kit import confined
from services.kit.errors import Refused, Text
from services.registry.cells import Wrong, day, part_of_a_day
from services.registry.roster_sheet import (
    COLUMNS,
    Headings,
    is_running_number,
    no_person,
    refuse_web_page,
)
from services.registry.tabular import DELIMITERS, UTF_16_MARKS, BadFile, without_text_mark

ROWS_MAX = 30_000
COLUMNS_MAX = 200
CELL_LETTERS_MAX = 500
HEAD_ROWS = 20
LINE_LETTERS_MAX = 100_000
PACKED = (b"PK", b"\xd0\xcf\x11\xe0")  # .xlsx and its kin, .xls
TITLES = {name: words[0] for name, words in COLUMNS.items()}
COMPARED = frozenset((None, "15", "masked", "truncated", "excel", "military"))
"""Damage of a number with which a row is compared all the same: what is left of it, or the other
paper, says something.
"""
ROWS_NAMED = 5


@dataclass(frozen=True, slots=True)
class RollRow:
    """One row of a roll: its number in the sheet (the header's is counted), the person, and the
    member reference given.
    """

    number: int
    person: Person
    member: str | None = None

    def cells(self) -> dict[str, str]:
        """What was written, by column, without empty cells."""
        written = {}
        for column in COLUMNS:
            value = self.member if column == "member" else getattr(self.person, column)
            if value:
                written[column] = value
        return written


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be compared: which column, why, what to do; and its cells, to be mended."""

    number: int
    column: str
    reason: str
    fix: str
    cells: dict[str, str]


@dataclass
class Roll:
    """A roll as read. `notes`: what was left out, or read in a way the writer may not have meant;
    nothing personal.
    """

    rows: list[RollRow] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    remarks: dict[Text, list[int]] = field(default_factory=dict)

    def remark(self, words: Text, number: int | None = None) -> None:
        """Notes something of the roll, or of one of its rows."""
        numbers = self.remarks.setdefault(words, [])
        if number is not None:
            numbers.append(number)

    @property
    def notes(self) -> list[Text]:
        """Each remark once, with the rows it is about."""
        return [_about_rows(words, numbers) for words, numbers in self.remarks.items()]


def _about_rows(words: Text, numbers: list[int]) -> Text:
    if not numbers:
        return words
    named = [str(number) for number in numbers[:ROWS_NAMED]]
    rows_zh = "、".join(named)
    rows_en = ", ".join(named)
    more = len(numbers) - len(named)
    if more:
        rows_zh += f" 等 {len(numbers)} 行"
        rows_en += f" and {more} more"
    else:
        rows_zh += " 行"
    row_or_rows = "Row" if len(numbers) == 1 else "Rows"
    return Text(f"第 {rows_zh}：{words.zh}", f"{row_or_rows} {rows_en}: {words.en}")


_UNREAD = {
    "phone": Text("电话看不懂，未用于比对", "the phone could not be read and was not compared"),
    "sex": Text("性别看不懂，未用于比对", "the sex could not be read and was not compared"),
}
_GUESSED = Text(
    "出生日期有两种读法（年份只有两位、月日先后不明，或 10 月写成 .1），按通常的读法，请核对",
    "a birth date that may be read in two ways (a year of two figures, day and month in doubt, "
    "October written as .1) was read in the usual one; check it",
)
_DATE_LETTERS = {"day": len("YYYY-MM-DD"), "month": len("YYYY-MM"), "year": len("YYYY")}
_HEADINGS_AGAIN = Text("重复的表头，已略过", "the headings once more, left out")


def read_roll(content: bytes) -> Roll:
    """Reads a workbook or a CSV file; raises BadFile where it is neither, has no names, or is too
    large.
    """
    refuse_web_page(content)
    lines = _workbook(content) if content.startswith(PACKED) else _csv(content)
    return _read(_written(lines))


def roll_of(persons: Sequence[dict[str, Any]]) -> Roll:
    """The same of objects with the columns' English names (one call of a system)."""
    if len(persons) > ROWS_MAX:
        raise _too_long()
    roll = Roll()
    for number, person in enumerate(persons, 1):
        _take(roll, number, {name: _text(person.get(name)) for name in COLUMNS})
    return roll


def _written(lines: Iterable[Sequence[Any]]) -> Iterator[tuple[int, list[str]]]:
    """The lines in which anything is written, as text, each with its number in the sheet."""
    for number, line in enumerate(lines, 1):
        cells = [_text(cell) for cell in line]
        if any(cells):
            yield number, cells


def _read(lines: Iterator[tuple[int, list[str]]]) -> Roll:
    headings, ahead = _headings(lines)
    roll = Roll()
    if headings.unknown:
        listed = "、".join(headings.unknown)
        roll.remark(Text(f"没有用到的列：{listed}", f"Columns that were not used: {listed}"))
    for number, cells in chain(ahead, lines):
        values = _by_column(headings, cells)
        left_out = _left_out(headings, cells, values["name"])
        if left_out:
            roll.remark(left_out, number)
        else:
            _take(roll, number, values)
    return roll


def _by_column(headings: Headings, cells: Sequence[str]) -> dict[str, str]:
    """The cells under each heading; a row may be shorter than its headings."""
    values = {}
    for column, at in headings.places.items():
        values[column] = cells[at] if at < len(cells) else ""
    return values


def _headings(
    lines: Iterator[tuple[int, list[str]]],
) -> tuple[Headings, list[tuple[int, list[str]]]]:
    """The row that has 姓名, joined with a row of headings right before or behind it; and the row
    read beyond them.
    """
    before = Headings()
    for number, cells in lines:
        headings = Headings.of(cells)
        if "name" in headings.places:
            break
        before = headings if headings.places else Headings()
        if number >= HEAD_ROWS:
            raise _no_names()
    else:
        raise _no_names()
    if before.places:
        headings = before.joined(headings)
    behind = next(lines, None)
    if behind is None:
        return headings, []
    if headings.continued_by(behind[1]):
        return headings.joined(Headings.of(behind[1])), []
    return headings, [behind]


def _no_names() -> BadFile:
    return BadFile(
        "没有找到“姓名”这一列；第一行请写列名：姓名、公民身份号码、出生日期、联系电话",
        "No column is headed 姓名 (name); the first row must name the columns",
    )


def _left_out(headings: Headings, cells: Sequence[str], name: str) -> Text | None:
    if headings.repeated_by(cells):
        return _HEADINGS_AGAIN
    return no_person(cells, name)


def _take(roll: Roll, number: int, cells: dict[str, str]) -> None:
    values = {name: cells.get(name, "") for name in COLUMNS}
    given = {name: text for name, text in values.items() if text}
    if not given:
        return
    fault = _fault(values)
    if fault:
        column, wrong = fault
        roll.bad.append(BadRow(number, TITLES[column], wrong.reason, wrong.fix, given))
        return
    roll.rows.append(RollRow(number, _person(roll, number, values), _reference(values["member"])))


def _person(roll: Roll, number: int, values: dict[str, str]) -> Person:
    """The person of a row without faults; what cannot be read of it is remarked."""
    phone = _phone(values["phone"])
    if phone is None and not is_blank(values["phone"]):
        roll.remark(_UNREAD["phone"], number)
    sex = parse_sex(values["sex"])
    if sex is None and not is_blank(values["sex"]):
        roll.remark(_UNREAD["sex"], number)
    if values["birth_date"] and read_day(values["birth_date"]).guessed:
        roll.remark(_GUESSED, number)
    id_number = parse_id_number(values["id_number"])
    if id_number.damage == "excel":
        roll.remark(id_number.words, number)
    return Person(
        name=values["name"],
        id_number=_number_to_compare(id_number, values["id_number"]),
        birth_date=_birth(values["birth_date"]),
        sex=sex,
        phone=phone,
        address=values["address"] or None,
    )


def _phone(cell: str) -> str | None:
    """A phone as plain digits; a masked one as it stands."""
    phone = fold_phone(cell)
    if phone is None and masked_phone(cell):
        return cell
    return phone


def _number_to_compare(number: IdNumber, cell: str) -> str | None:
    """The number as read, else the cell itself where what is left of it still says something."""
    if number.text:
        return number.text
    return cell if cell and _is_compared(number) else None


def _is_compared(number: IdNumber) -> bool:
    """Whether a number says enough to be compared. One number in sixteen with a slip only looks as
    if a spreadsheet had rounded it; where that shows, the lost end is zeros or gone.
    """
    if number.damage == "excel" and number.text and not number.text.endswith("000"):
        return False
    return number.damage in COMPARED


def _birth(cell: str) -> str | None:
    """A birth date as far as it was given: YYYY-MM-DD, YYYY-MM or YYYY."""
    reading = read_day(cell)
    if reading.value is None:
        return None
    return reading.value.isoformat()[: _DATE_LETTERS[reading.given]]


def may_be_posted(column: str, cell: str) -> bool:
    """Whether a cell of a roll may stand in an event: masked numbers and phones and parts of a
    birth date may not.
    """
    if column == "id_number":
        return parse_id_number(cell).valid
    if column == "birth_date":
        return not part_of_a_day(cell)
    return column != "phone" or fold_phone(cell) is not None


def _reference(cell: str) -> str | None:
    return None if not cell or is_running_number(cell) else cell


def _fault(values: dict[str, str]) -> tuple[str, Wrong] | None:
    """The first thing wrong with a row."""
    for column, text in values.items():
        if len(text) > CELL_LETTERS_MAX:
            return column, _too_many_letters(text)
    if not values["name"]:
        return "name", Wrong("没有填写姓名", "请补上姓名")
    wrong = _wrong_number(values["id_number"])
    if wrong:
        return "id_number", wrong
    wrong = _wrong_birth_date(values["birth_date"])
    if wrong:
        return "birth_date", wrong
    return None


def _too_many_letters(text: str) -> Wrong:
    return Wrong(f"内容过长（{len(text)} 字）", f"请缩短到 {CELL_LETTERS_MAX} 字以内")


def _wrong_number(cell: str) -> Wrong | None:
    if not cell or is_blank(cell):
        return None
    number = parse_id_number(cell)
    if _is_compared(number):
        return None
    if number.damage == "excel":  # it only looks so: its check character is what is wrong
        number = replace(number, damage="check")
    reason, _, fix = number.words.zh.partition("；")
    return Wrong(reason, fix or "请对照证件更正")


def _wrong_birth_date(cell: str) -> Wrong | None:
    if is_blank(cell) or part_of_a_day(cell):
        return None
    try:
        day(cell)
    except Wrong as wrong:
        return wrong
    return None


def _workbook(content: bytes) -> Iterator[list[Any]]:
    """The rows of the first sheet that has any, read in a process of its own
    (``registry.workbooks``).
    """
    try:
        return iter(orjson.loads(confined.read("services.registry.workbooks:rows", content)))
    except Refused as refused:
        if refused.status == 503:
            raise
        raise BadFile(*refused.words) from refused
    except confined.Exhausted as exhausted:
        raise BadFile(
            "工作簿展开后过大或过于复杂，没有读。请只把名册的行复制到新建的工作簿再上传，"
            "或另存为“CSV UTF-8”",
            "The workbook unpacks to too much and was not read. Copy the rows of the roll alone "
            "into a new workbook and send that, or save it as “CSV UTF-8”",
        ) from exhausted


def _csv(content: bytes) -> Iterator[list[str]]:
    if b"\x00" in content[:4096] and not content.startswith(UTF_16_MARKS):
        raise BadFile(
            "这不是 Excel（.xlsx）或 CSV 文件", "This is neither a workbook (.xlsx) nor CSV"
        )
    text = _decoded(content).lstrip("\ufeff")
    first_line, _, _ = text.partition("\n")
    delimiter = max(DELIMITERS, key=first_line.count)
    return _limited(csv.reader(_short_lines(text), delimiter=delimiter))


def _short_lines(text: str) -> Iterator[str]:
    """The lines of a text; raises BadFile at one that no row of a roll comes near."""
    lines = io.StringIO(text, newline="")
    while line := lines.readline(LINE_LETTERS_MAX + 1):
        if len(line) > LINE_LETTERS_MAX:
            raise _too_long()
        yield line


def _limited(lines: Iterable[list[str]]) -> Iterator[list[str]]:
    try:
        for number, line in enumerate(lines):
            if number > ROWS_MAX + HEAD_ROWS or len(line) > COLUMNS_MAX:
                raise _too_long()
            yield line
    except csv.Error as failure:
        raise BadFile(
            "文件不是规范的 CSV，请另存为 .xlsx 再上传", "The CSV is malformed; save it as .xlsx"
        ) from failure


def _decoded(content: bytes) -> str:
    if content.startswith(UTF_16_MARKS):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030", "replace")


def _text(cell: Any) -> str:
    """A cell as text: whole numbers without a fraction, numbers too long for a spreadsheet as it
    shows them.
    """
    if cell is None or cell == "":
        return ""
    if isinstance(cell, datetime | date):
        return cell.isoformat()[:10]
    if isinstance(cell, float):
        return _float_text(cell)
    printable = "".join(character for character in str(cell) if character >= " ")
    return without_text_mark(han.ordinary(printable.strip()))


def _float_text(number: float) -> str:
    if abs(number) >= 1e15:
        return f"{number:.14E}"
    return str(int(number)) if number.is_integer() else repr(number)


def _too_long() -> BadFile:
    return BadFile(
        f"名册过大：一次不超过 {ROWS_MAX} 行、{COLUMNS_MAX} 列，请按支部分开上传",
        f"The roll is too large: at most {ROWS_MAX} rows and {COLUMNS_MAX} columns at once",
    )
