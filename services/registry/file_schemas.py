"""What `guidui load` takes: the columns of every kind of file, how each cell is read, and what
makes a row the same row.

docs/data-formats.md shows the columns with examples; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from operator import itemgetter
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from services.registry import cells
from services.registry.cells import Reader, Wrong, choice, digits, needed, whole
from services.registry.tabular import Row

ORGANISATION_KINDS = {
    "basic_committee": "基层党委",
    "general_branch": "党总支",
    "branch": "党支部",
    "organisation_department": "组织部门",
}
UNITS = {
    "community": "社区",
    "village": "村",
    "street": "街道",
    "township": "乡镇",
    "county": "县区",
    "city": "市",
    "enterprise_state": "国有企业",
    "enterprise_private": "非公企业",
    "school": "学校",
    "institution": "事业单位",
    "organ": "机关",
    "talent_service": "人才服务机构",
    "park": "园区楼宇",
    "retiree": "离退休",
    "military": "军队",
    "social_organisation": "社会组织",
}
STATUSES = {"full": "正式党员", "probationary": "预备党员"}
STANDINGS = {"normal": "正常", "suspended": "停止党籍", "ended": "已出党或去世"}
POSTS = {"secretary": "书记", "deputy": "副书记", "clerk": "组织委员"}
CHANNELS = {
    "portal": "门户",
    "email": "邮件",
    "wecom": "企业微信",
    "dingtalk": "钉钉",
    "feishu": "飞书",
    "sms": "短信",
    "visit": "上门",
}
CHANNELS_NOT_BUILT = frozenset({"wecom", "dingtalk", "feishu", "sms", "visit"})
LETTER_CHANNELS = {"system": "系统", "paper": "纸质", "both": "两者"}
DAY_KINDS = {"holiday": "放假", "workday": "上班"}
DIVISION_DIGITS = {
    1: 2,
    2: 4,
    3: 6,
    4: 9,
    5: 12,
}  # GB/T 2260, GB/T 10114; villages and communities 12
VALIDITY_DAYS_MAX = 90  # 组通字〔2006〕45号: three months at most

_code = digits(12)
_division = digits(2, 4, 6, 9, 12)


@dataclass(frozen=True)
class Kind:
    """One kind of file. Rows with the same `key` are the same row; the header must have the
    `needed` columns.

    `together` says what is wrong between cells that are each right.
    """

    name: str
    columns: Mapping[str, Reader]
    key: Callable[[Mapping[str, Any]], Any]
    needed: tuple[str, ...]
    together: Callable[[Mapping[str, Any]], tuple[str, Wrong] | None] = lambda _: None

    def read(self, row: Row) -> dict[str, Any]:
        """The values of a row; raises `Faults` with every cell that is wrong."""
        if row.fault is not None:
            raise Faults([("", row.fault)])
        values, faults = {}, []
        for (column, reader), cell in zip(self.columns.items(), row.cells, strict=True):
            try:
                values[column] = reader(cell)
            except Wrong as wrong:
                faults.append((column, wrong))
        if not faults and (between := self.together(values)):
            faults.append(between)
        if faults:
            raise Faults(faults)
        return values


class Faults(Exception):
    """All that is wrong with one row: (column, what)."""

    def __init__(self, faults: list[tuple[str, Wrong]]) -> None:
        super().__init__("；".join(wrong.reason for _, wrong in faults))
        self.faults = faults

    @property
    def column(self) -> str:
        return "；".join(dict.fromkeys(column for column, _ in self.faults if column))

    @property
    def reason(self) -> str:
        return "；".join(
            f"{column}：{wrong.reason}" if column else wrong.reason for column, wrong in self.faults
        )

    @property
    def fix(self) -> str:
        return "；".join(dict.fromkeys(wrong.fix for _, wrong in self.faults))


def contact_id(contact: Mapping[str, Any]) -> UUID:
    """The same person in the same post since the same day on the same channel is the same
    contact.
    """
    parts = (contact[name] for name in ("organisation", "name", "post", "channel", "from"))
    return uuid5(NAMESPACE_URL, "guidui:contact\n" + "\n".join(str(part or "") for part in parts))


def confirmed_source(value: Mapping[str, Any]) -> str:
    """What names a confirmed pair: its own `source`, its `id`, or the pair itself."""
    pair = sha256(f"{value['address']}\n{value['code']}".encode()).hexdigest()[:24]
    return value["source"] or f"file:{value['id'] or pair}"


def _ordered(first: str, last: str) -> Callable[[Mapping[str, Any]], tuple[str, Wrong] | None]:
    def fault(values: Mapping[str, Any]) -> tuple[str, Wrong] | None:
        if values[first] and values[last] and values[last] < values[first]:
            return last, Wrong(f"日期早于 {first}", f"核对 {first} 和 {last} 两个日期")
        return None

    return fault


def _division_fault(values: Mapping[str, Any]) -> tuple[str, Wrong] | None:
    code, level, parent = values["code"], values["level"], values["parent"] or ""
    if DIVISION_DIGITS[level] != len(code):
        return "level", Wrong(
            f"第 {level} 级的代码应为 {DIVISION_DIGITS[level]} 位", "核对级别和代码"
        )
    if len(parent) != DIVISION_DIGITS.get(level - 1, 0) or not code.startswith(parent):
        return "parent", Wrong("上级代码应是本代码去掉末一级后的开头部分", "核对上级代码；省级留空")
    return None


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "divisions",
            {
                "code": needed(_division),
                "name": needed(cells.text),
                "level": needed(whole(1, 5)),
                "parent": _division,
            },
            itemgetter("code"),
            ("code", "name", "level", "parent"),
            _division_fault,
        ),
        Kind(
            "organisations",
            {
                "code": needed(_code),
                "name": needed(cells.text),
                "kind": needed(choice(ORGANISATION_KINDS)),
                "unit": needed(choice(UNITS)),
                "parent": _code,
                "area": _division,
                "serves_area": cells.truth,
                "authority": cells.truth,
                "address": cells.text,
                "effective_from": cells.day,
                "effective_to": cells.day,
                "successor": _code,
                "outside": cells.truth,
            },
            itemgetter("code"),
            ("code", "name", "kind", "unit"),
            _ordered("effective_from", "effective_to"),
        ),
        Kind(
            "members",
            {
                "member": needed(cells.text),
                "name": needed(cells.text),
                "sex": cells.sex,
                "ethnicity": cells.text,
                "birth_date": cells.day_if_whole,
                "id_number": cells.id_number,
                "phone": cells.phone,
                "address": cells.text,
                "status": choice(STATUSES, "full"),
                "standing": choice(STANDINGS, "normal"),
                "joined_on": cells.day_if_whole,
                "organisation": needed(_code),
                "last_life_on": cells.day,
                "dues_paid_to": cells.month,
                "military_card": cells.text,
            },
            itemgetter("member"),
            ("member", "name", "organisation"),
            _ordered("birth_date", "joined_on"),
        ),
        Kind(
            "contacts",
            {
                "organisation": needed(_code),
                "name": needed(cells.text),
                "post": needed(choice(POSTS)),
                "phone": cells.phone,
                "email": cells.text,
                "channel": choice(CHANNELS, "portal"),
                "from": cells.day,
                "until": cells.day,
            },
            contact_id,
            ("organisation", "name", "post"),
            _ordered("from", "until"),
        ),
        Kind(
            "grids",
            {
                "grid": needed(cells.text),
                "community": needed(_code),
                "name": needed(cells.text),
                "contact": cells.text,
                "phone": cells.phone,
                "addresses": cells.listed,
            },
            itemgetter("grid"),
            ("grid", "community", "name"),
        ),
        Kind(
            "letters",
            {
                "number": needed(cells.text),
                "member": needed(cells.text),
                "from": needed(_code),
                "to": needed(_code),
                "header": _code,
                "issued_on": needed(cells.day),
                "validity_days": needed(whole(1, VALIDITY_DAYS_MAX)),
                "channel": choice(LETTER_CHANNELS, "paper"),
                "dues_paid_to": cells.month,
            },
            itemgetter("from", "number"),
            ("number", "member", "from", "to", "issued_on", "validity_days"),
        ),
        Kind(
            "confirmed",
            {
                "id": cells.text,
                "address": needed(cells.text),
                "code": needed(_division),
                "source": cells.text,
                "on": cells.day,
            },
            confirmed_source,
            ("address", "code"),
        ),
        Kind(
            "calendar",
            {
                "day": needed(cells.day),
                "kind": needed(choice(DAY_KINDS)),
                "source": cells.text,
            },
            itemgetter("day"),
            ("day", "kind"),
        ),
    )
}
