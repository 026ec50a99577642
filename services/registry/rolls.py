"""A unit's or community's own list of its members, as a workbook (.xlsx) or CSV: rows that can be compared, and bad ones.

The columns are found by the words that offices put over them, Chinese or English, in any order.
"""
from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import orjson

from services.kit import confined
from services.kit.errors import Refused
from services.registry.fields import Wrong, day
from services.registry.id_numbers import parse_id_number
from services.registry.persons import Person, fold_phone, parse_sex
from services.registry.sheets import FORMULA, BadFile

ROWS_MAX = 30_000
COLUMNS_MAX = 200
CELL_LETTERS_MAX = 500
HEAD_ROWS = 20
LINE_LETTERS_MAX = 100_000
PACKED = (b"PK", b"\xd0\xcf\x11\xe0")  # .xlsx and its kin, .xls
COLUMNS = {
    "name": ("姓名", "党员姓名", "名字", "name"),
    "id_number": ("公民身份号码", "身份证号", "身份证号码", "身份证", "证件号码", "id_number"),
    "birth_date": ("出生日期", "出生年月日", "生日", "birth_date"),
    "sex": ("性别", "sex"),
    "phone": ("联系电话", "手机", "手机号", "手机号码", "电话", "phone"),
    "address": ("住址", "家庭住址", "现居住地", "地址", "address"),
    "member": ("党员编号", "编号", "member"),
}
TITLES = {name: words[0] for name, words in COLUMNS.items()}


@dataclass(frozen=True, slots=True)
class RollRow:
    """One row of a roll: its number in the sheet (the header's is counted), the person, and the member reference given."""

    number: int
    person: Person
    member: str | None = None

    def cells(self) -> dict[str, str]:
        """What was written, by column, without empty cells."""
        said = {name: getattr(self.person, name) for name in COLUMNS if name != "member"}
        return {k: v for k, v in {**said, "member": self.member}.items() if v}


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
    """A roll as read."""

    rows: list[RollRow] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)


def read_roll(content: bytes) -> Roll:
    """Reads a workbook or a CSV file; raises BadFile where it is neither, has no names, or is too large."""
    lines = _workbook(content) if content.startswith(PACKED) else _csv(content)
    numbered = ((number, [_text(cell) for cell in line]) for number, line in enumerate(lines, 1))
    return _read(((number, cells) for number, cells in numbered if any(cells)))


def roll_of(persons: Sequence[dict[str, Any]]) -> Roll:
    """The same of objects with the columns' English names (one call of a system)."""
    if len(persons) > ROWS_MAX:
        raise _too_long()
    roll = Roll()
    for number, one in enumerate(persons, 1):
        _take(roll, number, {name: _text(one.get(name)) for name in COLUMNS})
    return roll


def _read(lines: Iterator[tuple[int, list[str]]]) -> Roll:
    places: dict[str, int] = {}
    for number, cells in lines:
        places = _places(cells)
        if "name" in places or number >= HEAD_ROWS:
            break
    if "name" not in places:
        raise BadFile("没有找到“姓名”这一列；第一行请写列名：姓名、公民身份号码、出生日期、联系电话",
                      "No column is headed 姓名 (name); the first row must name the columns")
    roll = Roll()
    for number, cells in lines:
        _take(roll, number, {name: cells[at] if at < len(cells) else "" for name, at in places.items()})
    return roll


def _places(cells: Sequence[str]) -> dict[str, int]:
    heads = {cell.replace(" ", "").lower(): at for at, cell in reversed(list(enumerate(cells))) if cell}
    return {name: heads[word] for name, words in COLUMNS.items() for word in reversed(words) if word in heads}


def _take(roll: Roll, number: int, cells: dict[str, str]) -> None:
    said = {name: cells.get(name, "") for name in COLUMNS}
    given = {name: text for name, text in said.items() if text}
    if not given:
        return
    fault = _fault(said)
    if fault:
        column, wrong = fault
        roll.bad.append(BadRow(number, TITLES[column], wrong.reason, wrong.fix, given))
        return
    born = day(said["birth_date"])
    roll.rows.append(RollRow(number, Person(
        name=said["name"], id_number=parse_id_number(said["id_number"]).text if said["id_number"] else None,
        birth_date=born.isoformat() if born else None, sex=parse_sex(said["sex"]), phone=fold_phone(said["phone"]),
        address=said["address"] or None), said["member"] or None))


def _fault(said: dict[str, str]) -> tuple[str, Wrong] | None:
    """The first thing wrong with a row."""
    long = next((name for name, text in said.items() if len(text) > CELL_LETTERS_MAX), None)
    if long:
        return long, Wrong(f"内容过长（{len(said[long])} 字）", f"请缩短到 {CELL_LETTERS_MAX} 字以内")
    if not said["name"]:
        return "name", Wrong("没有填写姓名", "请补上姓名")
    if said["id_number"]:
        number = parse_id_number(said["id_number"])
        if not number.valid and number.damage not in (None, "15"):
            reason, _, fix = number.words.zh.partition("；")
            return "id_number", Wrong(reason, fix or "请对照证件更正")
    try:
        day(said["birth_date"])
    except Wrong as wrong:
        return "birth_date", wrong
    return None


def _workbook(content: bytes) -> Iterator[list[Any]]:
    """The rows of the first sheet that has any, read in a process of its own (``registry.workbooks``)."""
    try:
        return iter(orjson.loads(confined.read("services.registry.workbooks:rows", content)))
    except Refused as refused:
        if refused.status == 503:
            raise
        raise BadFile(*refused.words) from refused
    except confined.Exhausted as exhausted:
        raise BadFile(
            "工作簿展开后过大或过于复杂，没有读。请只把名册的行复制到新建的工作簿再上传，或另存为“CSV UTF-8”",
            "The workbook unpacks to too much and was not read. Copy the rows of the roll alone into a new workbook and "
            "send that, or save it as “CSV UTF-8”") from exhausted


def _csv(content: bytes) -> Iterator[list[str]]:
    if b"\x00" in content[:4096] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadFile("这不是 Excel（.xlsx）或 CSV 文件", "This is neither a workbook (.xlsx) nor CSV")
    text = _decoded(content).lstrip("\ufeff")
    head = text[:text.find("\n")] if "\n" in text else text
    lines = csv.reader(_short_lines(text), delimiter=max(",\t;", key=head.count))
    return _limited(lines)


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
        raise BadFile("文件不是规范的 CSV，请另存为 .xlsx 再上传", "The CSV is malformed; save it as .xlsx") from failure


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030", "replace")


def _text(cell: Any) -> str:
    """A cell as text: whole numbers without a fraction, numbers too long for a spreadsheet as it shows them."""
    if cell is None or cell == "":
        return ""
    if isinstance(cell, datetime | date):
        return cell.isoformat()[:10]
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else f"{cell:.14E}"
    text = "".join(c for c in str(cell) if c >= " ").strip()
    return text[1:] if text[:1] == "'" and (text[1:2] in FORMULA or text[1:].isdigit()) else text


def _too_long() -> BadFile:
    return BadFile(f"名册过大：一次不超过 {ROWS_MAX} 行、{COLUMNS_MAX} 列，请按支部分开上传",
                   f"The roll is too large: at most {ROWS_MAX} rows and {COLUMNS_MAX} columns at once")
