"""What an office's own list means: columns by their headings, rows that are no persons."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.kit.errors import Text
from services.registry.tabular import WEB_PAGE, WEB_PAGE_BEGINS, BadFile, heading

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "name": ("姓名", "党员姓名", "名字", "姓名党员", "本人姓名", "name"),
    "id_number": (
        "公民身份号码",
        "身份证号",
        "身份证号码",
        "身份证",
        "证件号码",
        "证件号",
        "身份号码",
        "公民身份证号",
        "公民身份证号码",
        "居民身份证号",
        "居民身份证号码",
        "身份证件号码",
        "身份证编号",
        "id_number",
    ),
    "birth_date": ("出生日期", "出生年月日", "生日", "出生年月", "出生时间", "出生", "birth_date"),
    "sex": ("性别", "sex"),
    "phone": (
        "联系电话",
        "手机",
        "手机号",
        "手机号码",
        "电话",
        "联系方式",
        "电话号码",
        "移动电话",
        "联系手机",
        "本人电话",
        "本人联系方式",
        "联系号码",
        "手机电话",
        "phone",
    ),
    "address": (
        "住址",
        "家庭住址",
        "现居住地",
        "地址",
        "现住址",
        "居住地址",
        "家庭地址",
        "常住地址",
        "现居住地址",
        "居住地",
        "联系地址",
        "家庭详细住址",
        "详细地址",
        "address",
    ),
    "member": ("党员编号", "member", "编号"),
}
"""Column -> the words that offices put over it, the best first."""
NO_LOSS = frozenset(("序号", "编号", "序", "号", "no", "行", "列", "原因", "怎么改"))
"""Headings of running numbers, and of what the file of bad rows says itself."""
_RUNNING_NUMBER = re.compile(r"[0-9]{1,5}(?:\.0)?")
_CLOSING = re.compile(
    r"(填表人|制表人|审核人|审批人|填报人|经办人|负责人|联系人|复核人|统计人|单位负责人|填报单位|填表单位|单位盖章|盖章|党组织书记|"
    r"支部书记|书记签字|合计|总计|小计|共计|总数|备注|注|说明|填表说明|填表日期|填表时间|填报日期|填报时间|制表日期|制表时间|"
    r"以下空白|以上)(?:签字|签名|盖章)?(?:[(（].{0,12}[)）])?(?:[:：\s].*|[0-9]*[人名个]?)"
    r"|(共计?)\s*[0-9]+\s*[人名条行].*"
)
_BARE_LABEL = re.compile(r"\s*[\u4e00-\u9fff]{1,6}(?:[(（].{0,12}[)）])?\s*[:：]?\s*")
"""合计, 填表人：. With words behind it (备注：困难党员) such a cell may stand in a person's own
row.
"""
_GROUP = re.compile(r".{0,40}(?:支部|总支|党委|党组|党小组|委员会|分会|车间|科室)")


def refuse_web_page(content: bytes) -> None:
    """Raises BadFile where a file begins as a web page does, whatever its name says."""
    if WEB_PAGE_BEGINS.match(content[:1024].decode("utf-8", "replace")):
        raise BadFile(*WEB_PAGE)


_COLUMN_OF = {word: column for column, words in COLUMNS.items() for word in words}


@dataclass
class Headings:
    """Where the columns of a list stand, and the headings that nobody asked for."""

    places: dict[str, int] = field(default_factory=dict)
    words: dict[int, str] = field(default_factory=dict)
    written: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, cells: Sequence[str]) -> Headings:
        """The headings of one row; of two columns with one meaning the better word counts."""
        headings = cls()
        for at, cell in enumerate(cells):
            if cell:
                headings.words[at], headings.written[at] = heading(cell), cell
        for column, words in COLUMNS.items():
            standing = [
                (words.index(word), at) for at, word in headings.words.items() if word in words
            ]
            if standing:
                headings.places[column] = min(standing)[1]
        return headings

    @property
    def unknown(self) -> tuple[str, ...]:
        """Headings whose columns are not read, as written."""
        return tuple(
            " ".join(self.written[at].split())[:30]
            for at, word in sorted(self.words.items())
            if at not in self.places.values() and word not in NO_LOSS
        )

    def joined(self, other: Headings) -> Headings:
        """Two rows of headings as one: what the second says of a column counts before the first."""
        written = {**self.written, **other.written}
        cells = [written.get(at, "") for at in range(max(written, default=-1) + 1)]
        return Headings.of(cells)

    def continued_by(self, cells: Sequence[str]) -> bool:
        """Whether the next row goes on with headings: it names columns, and nobody under 姓名."""
        further = Headings.of(cells)
        at = self.places["name"]
        nobody = at >= len(cells) or not cells[at] or heading(cells[at]) in COLUMNS["name"]
        known = [word for word in further.words.values() if word in _COLUMN_OF]
        has_digits = any(character.isdigit() for cell in cells for character in cell)
        return nobody and bool(known) and not has_digits

    def repeated_by(self, cells: Sequence[str]) -> bool:
        """Whether a row says the headings again, as on the next printed page."""
        at = self.places["name"]
        return at < len(cells) and heading(cells[at]) in COLUMNS["name"]


def no_person(cells: Sequence[str], name: str) -> Text | None:
    """What a row below the headings is, where it is no person: who filled it in, a sum, a note, a
    group.

    `name` is its cell under 姓名. Only the word it begins with is quoted, never a person.
    """
    given = [cell for cell in cells if cell]
    word = _closing_word(name) or _closing_word(given[0])
    if word and (_closing_word(name) or not name or _BARE_LABEL.fullmatch(given[0])):
        return Text(
            f"“{word}”一行不是党员，未作比对",
            f"The row that begins with “{word}” is no person and was left out",
        )
    if len(given) == 1 and _GROUP.fullmatch(given[0]):
        return Text(
            "只有组织名称的一行不是党员，未作比对",
            "A row with the name of an organisation alone is no person and was left out",
        )
    return None


def _closing_word(cell: str) -> str | None:
    match = _CLOSING.fullmatch(cell.strip())
    return (match[1] or match[2]) if match else None


def is_running_number(cell: str) -> bool:
    """A number of the row in its list, no reference of a member."""
    return _RUNNING_NUMBER.fullmatch(cell) is not None
