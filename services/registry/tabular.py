"""Files of rows as the offices keep them: CSV or JSON Lines, read as a stream.

CSV is UTF-8 (a byte order mark is allowed), GB18030 where it is no UTF-8, UTF-16 where its mark
says so, with commas, tabs or semicolons; `.xz` files are unpacked on the way. A stray quotation
mark costs its own row, not the rest of the file.
"""

from __future__ import annotations

import csv
import io
import lzma
import re
import unicodedata
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import orjson

from services.identity import han
from services.kit.errors import Text
from services.kit.packed import unpacked
from services.registry.cells import Wrong

HEAD_BYTES = 1 << 20
RECORD_LINES_MAX = 20
CELL_LETTERS_MAX = 20_000
LINE_LETTERS_MAX = 1_000_000
ERROR_COLUMNS = ("row", "column", "reason", "fix")
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
DELIMITERS = ",\t;"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
WORKBOOK_MARKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx, .xls
_EXCEL_TEXT = re.compile(r'="?([^"]*)"?')


WEB_PAGE_BEGINS = re.compile(
    r"\ufeff?\s*<(?:!doctype\s+html|html|table|head|meta|body|style|\?xml[^>]*>\s*<(?:html|!doctype))",
    re.IGNORECASE,
)
WEB_PAGE = (
    "这是网页，不是工作簿（从网上系统导出的“.xls”常是这样）：请用 Excel 或 WPS 打开，另存为 .xlsx "
    "再上传",
    "This is a web page, save it as .xlsx: open it in a spreadsheet program first",
)
_BRACKETS = re.compile(r"[(（\[【<《][^)）\]】>》]*[)）\]】>》]?")
_NO_PART_OF_A_HEADING = re.compile(
    r"[\s*＊※★☆:：、,，。.·#＃\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\u00ad]+"
)


def heading(cell: str) -> str:
    """A heading as its word: `姓　名`, `*姓名`, `姓名（必填）` and one with characters of no width
    are all 姓名.
    """
    plain = unicodedata.normalize("NFKC", cell)
    bare = _NO_PART_OF_A_HEADING.sub("", _BRACKETS.sub("", plain))
    return (bare or _NO_PART_OF_A_HEADING.sub("", plain)).lower()


class BadFile(Exception):
    """A file that cannot be taken at all; nothing was changed. `words` says why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.words = Text(zh, en)


_NO_OBJECT = Wrong("这一行不是 JSON 对象", '每行写一个 {"列名": 值} 形式的 JSON 对象')


class Row(NamedTuple):
    """One row as written: its number in the sheet (the header is 1) and its cells in the order
    asked for.

    `fault` is set where the row cannot even be split into cells.
    """

    number: int
    cells: tuple[str, ...]
    fault: Wrong | None = None


@dataclass(frozen=True)
class Sheet:
    """A file opened: its lines and how they are laid out (`header` is None for JSON Lines).

    `unknown` are columns of the file that nobody asked for, `missing` those asked for that it
    lacks.
    """

    lines: Iterator[str]
    columns: Sequence[str]
    header: tuple[str, ...] | None
    delimiter: str = ","

    @property
    def unknown(self) -> tuple[str, ...]:
        known = {"", *self.columns, *ERROR_COLUMNS}
        return tuple(name for name in self.header or () if name not in known)

    @property
    def missing(self) -> tuple[str, ...]:
        if self.header is None:
            return ()
        return tuple(name for name in self.columns if name not in self.header)

    def rows(self, lines: Iterator[str] | None = None, number: int | None = None) -> Iterator[Row]:
        """All rows; or those of some `lines` of it, counted from `number`."""
        if self.header is None:
            return _json_rows(lines or self.lines, number or 1, self.columns)
        return _csv_rows(lines or self.lines, number or 2, self, self.header)


@contextmanager
def open_sheet(path: Path, columns: Sequence[str], needed: Sequence[str]) -> Generator[Sheet]:
    """Open `path` for the cells of `columns`; raises BadFile if a `needed` column has no place in
    the header.
    """
    try:
        encoding = _encoding(path)
        with (
            unpacked(path) as raw,
            _Lines(raw, encoding, errors="surrogateescape", newline="") as lines,
        ):
            yield _sheet(lines, columns, needed)
    except (OSError, lzma.LZMAError, EOFError) as failure:
        raise BadFile(
            f"文件打不开或已损坏：{path.name}（{failure}）",
            f"The file cannot be opened or is damaged: {path.name} ({failure})",
        ) from failure


class _Lines(io.TextIOWrapper):
    """Lines of a text; of one without end only the beginning, which its row is then too long for.

    Eight kilobytes of .xz unpack to gigabytes without a line's end.
    """

    def readline(self, size: int = -1) -> str:
        line = super().readline(LINE_LETTERS_MAX)
        more = line
        while len(more) == LINE_LETTERS_MAX and not more.endswith("\n"):
            more = super().readline(LINE_LETTERS_MAX)
        return line

    def __next__(self) -> str:
        line = self.readline()
        if not line:
            raise StopIteration
        return line


def given(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[Row]:
    """The same of rows in memory; yes, no, dates and numbers may be Python's own."""
    return (
        Row(number, tuple(_as_text(row.get(column)) for column in columns))
        for number, row in enumerate(rows, 1)
    )


def _sheet(lines: TextIO, columns: Sequence[str], needed: Sequence[str]) -> Sheet:
    first = _first_line(lines)
    if not first:
        raise BadFile("文件是空的", "The file is empty")
    if first.lstrip().startswith("{"):
        return Sheet(chain([first], lines), columns, None)
    if WEB_PAGE_BEGINS.match(first):
        raise BadFile(*WEB_PAGE)
    if _UNREADABLE.search(first):
        raise BadFile(
            "这不是 CSV 文件；Excel 工作簿请另存为“CSV UTF-8”再导入",
            "This is no CSV file; save a workbook as “CSV UTF-8” first",
        )
    delimiter = max(DELIMITERS, key=first.count)
    header = tuple(heading(name) for name in next(csv.reader([first], delimiter=delimiter)))
    absent = [name for name in needed if name not in header]
    if absent:
        raise BadFile(
            f"表头缺少必需的列：{'、'.join(absent)}",
            f"The header lacks columns that are needed: {', '.join(absent)}",
        )
    return Sheet(lines, columns, header, delimiter)


def _first_line(lines: TextIO) -> str:
    """The first line in which anything is written, without a byte order mark; empty at the end."""
    line = lines.readline()
    while line and not line.strip("\ufeff\r\n ,;\t"):
        line = lines.readline()
    return line.lstrip("\ufeff")


def _csv_rows(
    lines: Iterator[str], first: int, sheet: Sheet, header: tuple[str, ...]
) -> Iterator[Row]:
    width = len(header)
    pick = itemgetter(*(header.index(name) if name in header else width for name in sheet.columns))
    for number, record in enumerate(_records(lines, width, sheet.delimiter), first):
        if record.isspace():
            continue
        fault = _fault(record) or _open_mark(record, sheet.delimiter)
        cells = [] if fault else _cells(record, sheet.delimiter)
        if any(cell.strip() for cell in cells[width:]):
            fault = Wrong(
                f"这一行有 {len(cells)} 格，表头只有 {width} 列",
                "检查是否多了分隔符；内容含逗号时请用双引号括起来",
            )
        if fault:
            yield Row(number, (), fault)
        elif any(cells):
            cells = cells[:width]
            cells += [""] * (width + 1 - len(cells))  # the last: columns that the file lacks
            yield Row(number, tuple(_cell(cell) for cell in pick(cells)))


def _cells(record: str, delimiter: str) -> list[str]:
    if '"' in record:
        return next(csv.reader([record], delimiter=delimiter))
    return record.rstrip("\r\n").split(delimiter)


def _records(lines: Iterator[str], width: int, delimiter: str) -> Iterator[str]:
    """Lines, joined where a quoted cell goes on over up to 20 more; a mark that only stands there
    astray joins nothing.
    """
    ahead: deque[str] = deque()
    while True:
        line = ahead.popleft() if ahead else next(lines, None)
        if line is None:
            return
        if _open_mark(line, delimiter):
            ahead.extend(islice(lines, RECORD_LINES_MAX - len(ahead)))
            closing = _lines_to_closing_mark(ahead)
            joined = line + "".join(islice(ahead, closing))
            if closing and _whole(joined, width, delimiter):
                line = joined
                for _ in range(closing):
                    ahead.popleft()
        yield line


def _lines_to_closing_mark(ahead: Iterable[str]) -> int:
    """How many lines to add up to the one that closes a quotation mark; 0 if none does."""
    for count, line in enumerate(ahead, 1):
        if line.count('"') % 2:
            return count
    return 0


def _whole(record: str, width: int, delimiter: str) -> bool:
    """Whether joined lines make one well-formed row; two marks astray must not swallow what stands
    between them.
    """
    if len(record) > CELL_LETTERS_MAX:
        return False
    try:
        cells = next(csv.reader([record], delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return len(cells) == width


def _open_mark(record: str, delimiter: str) -> Wrong | None:
    """What to say where a cell begins with a quotation mark that is never closed."""
    if record.count('"') % 2 == 0:  # most records: spares the search
        return None
    open_cell = rf'(?:^|{delimiter})\s*"(?:[^"]|"")*$'
    if not re.search(open_cell, record[:CELL_LETTERS_MAX]):
        return None
    return Wrong("双引号没有成对", "补上或去掉多余的双引号")


def _json_rows(lines: Iterator[str], first: int, columns: Sequence[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, first):
        if line.isspace():
            continue
        try:
            value = orjson.loads(line)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            yield Row(number, (), _NO_OBJECT)
            continue
        cells = tuple(_as_text(value.get(column)) for column in columns)
        fault = _fault("".join(cells))
        yield Row(number, () if fault else cells, fault)


def _fault(record: str) -> Wrong | None:
    # The pattern is slow and most records are ASCII; of those only a NUL counts as unreadable.
    is_unreadable = "\x00" in record or not record.isascii() and _UNREADABLE.search(record)
    if is_unreadable:
        return Wrong("含有无法识别的字符", "用“CSV UTF-8”格式重新保存文件，再核对这一行的生僻字")
    if len(record) > CELL_LETTERS_MAX:
        return Wrong("这一行过长", f"每行不超过 {CELL_LETTERS_MAX} 字")
    return None


def _cell(cell: str) -> str:
    """A cell in ordinary characters, without blanks around it and without what spreadsheet programs
    put before text: `="…"`, `'`.
    """
    cell = han.ordinary(cell.strip())
    if cell[:1] == "=":
        quoted = _EXCEL_TEXT.fullmatch(cell)
        return quoted[1].strip() if quoted else cell
    if cell[:1] == "'":
        return without_text_mark(cell)
    return cell


def without_text_mark(cell: str) -> str:
    """A cell without the apostrophe by which spreadsheet programs mark digits and formulas as
    text.
    """
    if cell[:1] != "'":
        return cell
    marked = cell[1:]
    return marked if marked[:1] in FORMULA or marked.isdigit() else cell


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):  # of plain values; what is nested in it has no place in a cell
        plain = [inner for inner in value if not isinstance(inner, list | dict)]
        return ";".join(map(_as_text, plain))
    return han.ordinary(str(value).strip())


def _encoding(path: Path) -> str:
    """By the first MiB: the byte order mark, else UTF-8 if it is that, else GB18030."""
    head = bytearray()
    with unpacked(path) as raw:
        try:
            while len(head) < HEAD_BYTES and (more := raw.read(io.DEFAULT_BUFFER_SIZE)):
                head += more
        except (EOFError, lzma.LZMAError):
            if not head:
                raise
    if head.startswith(UTF_16_MARKS):
        return "utf-16"
    if head.startswith(WORKBOOK_MARKS):
        raise BadFile(
            "这是 Excel 工作簿，不是 CSV；请另存为“CSV UTF-8”再导入",
            "This is a workbook, not CSV; save it as “CSV UTF-8” first",
        )
    whole_lines = head[: head.rfind(b"\n") + 1] or head
    try:
        whole_lines.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8-sig"
