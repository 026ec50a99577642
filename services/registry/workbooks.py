"""Opens a stranger's workbook (.xlsx, .xls, .xlsb, .ods) and gives its rows as they are written.

`rows` runs in a process of its own (`kit.confined`); here is what is looked at before anything is
unpacked, so that the usual mishaps get a sentence of their own. Whatever gets past it meets the
child's limits of memory and time.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import orjson
from python_calamine import CalamineError, CalamineWorkbook

from services.kit.errors import Refused, Text

ROWS_MAX = 30_000
COLUMNS_MAX = 200
HEAD_ROWS = 20
PARTS_MAX = 2_000
UNPACKED_BYTES_MAX = 80 << 20
RATIO_MAX = 300  # a real sheet packs to a tenth or a fiftieth; deflate itself ends at a thousandth
RATIO_BYTES_MIN = 1 << 20
LETTERS_MAX = 60 << 20
LONG_TEXT = 500
CELLS_MAX = 1_500_000
AT_ONCE = 1_000

_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
# a filled cell in a column of three letters, or in a row of six digits
_FAR_CELL = re.compile(rb'\sr="((?:[A-Z]{3}|[A-Z]{1,2}(?=[0-9]{6}))[0-9]{1,7})"[^>]*[^/]>')
_LONG_TEXT = re.compile(rb">[^<]{%d}" % LONG_TEXT)
_SHARED = re.compile(rb't="s"[^>]*>\s*<v>([0-9]{1,9})<')

_DAMAGED = Text("工作簿打不开或已损坏，请另存一份再上传", "The workbook is damaged; save it anew")
_EMPTY = Text("工作簿是空的", "The workbook is empty")
_LOCKED = Text(
    "工作簿加了密码，请去掉密码再上传", "The workbook is protected by a password; remove it first"
)
TOO_LONG = Text(
    f"名册过大：一次不超过 {ROWS_MAX} 行、{COLUMNS_MAX} 列，请按支部分开上传",
    f"The roll is too large: at most {ROWS_MAX} rows and {COLUMNS_MAX} columns at once",
)
TOO_HEAVY = Text(
    "工作簿展开后过大，没有读。多半是表格外有大片设过格式的空格或很长的文字；"
    "请只把名册的行复制到新建的工作簿再上传，或另存为“CSV UTF-8”",
    "The workbook unpacks to too much and was not read. Copy the rows of the roll alone into a "
    "new workbook "
    "and send that, or save it as “CSV UTF-8”",
)


def rows(content: bytes) -> bytes:
    """The rows of the first sheet that has any, as a JSON list of lists; days as ISO text, an empty
    cell as "".

    Empty rows above the first are kept, so that the place in the list is the row's number less one.
    Raises Refused.
    """
    if content.startswith(b"PK"):
        _look_before_unpacking(content)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        for name in book.sheet_names:
            sheet = book.get_sheet_by_name(name)
            if sheet.height:
                return b"[" + b",".join(_pieces(sheet)) + b"]"
    except (CalamineError, ValueError) as failure:
        locked = "password" in str(failure).lower()
        raise _bad(_LOCKED if locked else _DAMAGED) from failure
    raise _bad(_EMPTY)


def _pieces(sheet: Any) -> Iterator[bytes]:
    """The rows as pieces of JSON, a thousand at a time."""
    above = sheet.start[0] if sheet.start else 0
    if above + sheet.height > ROWS_MAX + HEAD_ROWS or sheet.width > COLUMNS_MAX:
        raise _bad(TOO_LONG)
    if sheet.height * sheet.width > CELLS_MAX:
        raise _bad(TOO_HEAVY)
    yield from [b"[]"] * above
    lines = sheet.to_python()
    for start in range(0, len(lines), AT_ONCE):
        piece = lines[start : start + AT_ONCE]
        yield orjson.dumps(piece, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)[1:-1]


def _plain(cell: Any) -> str:
    """A cell that JSON has no word for: a day (of a time, the day), a time of day, a length of
    time.
    """
    if isinstance(cell, date):  # a datetime too
        return cell.isoformat()[:10]
    return str(cell)


def _look_before_unpacking(content: bytes) -> None:
    """Raises Refused where a packed workbook says of itself, or shows, that it is no roll."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            _check_sizes(packed.infolist(), len(content))
            sheets = [packed.read(name) for name in packed.namelist() if _SHEET.fullmatch(name)]
            _check_cells(sheets)
            if "xl/sharedStrings.xml" in packed.namelist():
                _check_shared(packed.read("xl/sharedStrings.xml"), sheets)
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError) as failure:
        raise _bad(_DAMAGED) from failure
    except RuntimeError as failure:  # zipfile's word for a part that is encrypted
        raise _bad(_LOCKED) from failure


def _check_sizes(parts: list[zipfile.ZipInfo], packed_bytes: int) -> None:
    """What the parts say of their size, together and against what they take in the file."""
    if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
        raise _bad(TOO_HEAVY)
    if sum(part.compress_size for part in parts) > packed_bytes:  # parts that lie over one another
        raise _bad(TOO_HEAVY)
    for part in parts:
        if part.file_size > RATIO_BYTES_MIN and part.file_size > RATIO_MAX * max(
            part.compress_size, 1
        ):
            raise _bad(TOO_HEAVY)


def _check_cells(sheets: list[bytes]) -> None:
    for sheet in sheets:
        far = _FAR_CELL.search(sheet)
        if far:
            cell = far[1].decode()
            raise _bad(
                Text(
                    f"单元格 {cell} 里有内容，超出了名册的范围（至多 {ROWS_MAX} 行、{COLUMNS_MAX} "
                    f"列）；"
                    "请删去名册以外的内容，或把名册的行复制到新建的工作簿再上传",
                    f"The cell {cell} is filled; a roll has at most {ROWS_MAX} rows and "
                    f"{COLUMNS_MAX} columns. Delete "
                    "what stands outside the roll, or copy its rows into a new workbook",
                )
            )


def _check_shared(shared: bytes, sheets: list[bytes]) -> None:
    """A long text that is kept once and shown in many cells: what all of them would come to."""
    if not _LONG_TEXT.search(shared):
        return
    texts = re.split(rb"<si[ >]", shared)[1:]
    uses: Counter[bytes] = Counter()
    for sheet in sheets:
        uses.update(_SHARED.findall(sheet))
    letters = sum(len(texts[int(at)]) * times for at, times in uses.items() if int(at) < len(texts))
    if letters > LETTERS_MAX:
        raise _bad(TOO_HEAVY)


def _bad(words: Text) -> Refused:
    return Refused(422, "bad-file", words)
