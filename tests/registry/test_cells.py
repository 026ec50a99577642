"""Cells of files that are loaded: what is stored, and what is said of a wrong one."""

from __future__ import annotations

from datetime import date

import pytest

from services.registry import cells
from services.registry.cells import Wrong

KIND = cells.choice({"branch": "支部", "committee": "党委"}, default="branch")
CODE = cells.digits(9, 12)
AGE = cells.whole(0, 150)


@pytest.mark.parametrize(
    ("reader", "cell", "value"),
    [
        (cells.text, "", None),
        (cells.text, "党员", "党员"),
        (cells.needed(cells.text), "党员", "党员"),
        (CODE, "", None),
        (CODE, "330602010", "330602010"),
        (CODE, "３３０６０２０１０", "330602010"),
        (KIND, "", "branch"),
        (KIND, "committee", "committee"),
        (KIND, "COMMITTEE", "committee"),
        (KIND, "党委", "committee"),
        (cells.truth, "", False),
        (cells.truth, "是", True),
        (cells.truth, "No", False),
        (cells.day, "", None),
        (cells.day, "2026年11月5日", date(2026, 11, 5)),
        (cells.day_if_whole, "1990.10", None),
        (cells.day_if_whole, "1990.10.5", date(1990, 10, 5)),
        (cells.month, "", None),
        (cells.month, "2026.11", "2026-11"),
        (cells.month, "2026年3月", "2026-03"),
        (cells.month, "202611", "2026-11"),
        (cells.month, "2026-11-05", "2026-11"),
        (cells.sex, "", None),
        (cells.sex, "女", "female"),
        (cells.phone, "138 0013 8000", "13800138000"),
        (cells.phone, "问村里", "问村里"),
        (AGE, "", None),
        (AGE, "17.0", 17),
        (AGE, "0", 0),
        (cells.listed, "甲；乙、丙;;", ["甲", "乙", "丙"]),
    ],
)
def test_a_cell_is_read(reader, cell, value):
    assert reader(cell) == value


@pytest.mark.parametrize(
    ("reader", "cell", "reason"),
    [
        (cells.text, "字" * 501, "内容过长（501 字）"),
        (cells.needed(cells.text), "", "没有填写"),
        (CODE, "33060", "代码应为 9、12 位数字，现为“33060”"),
        (CODE, "3.30602E+11", "代码被表格软件改成了科学计数法，后几位已丢失"),
        (KIND, "村", "“村”不在可选范围内"),
        (cells.truth, "也许", "“也许”不是 yes 或 no"),
        (cells.day, "1990.10", "“1990.10”没有写到日"),
        (cells.day, "2026-02-30", "“2026-02-30”不是有效的日期"),
        (cells.month, "2026-13", "“2026-13”不是有效的年月"),
        (cells.month, "去年", "“去年”不是有效的年月"),
        (cells.sex, "不详人", "“不详人”不是性别"),
        (AGE, "151", "“151”超出范围"),
        (AGE, "-1", "“-1”超出范围"),
        (AGE, "十", "“十”超出范围"),
    ],
)
def test_a_wrong_cell_says_why(reader, cell, reason):
    with pytest.raises(Wrong) as raised:
        reader(cell)
    assert raised.value.reason == reason
    assert raised.value.fix


@pytest.mark.parametrize(
    ("cell", "part"),
    [("1990", True), ("1990.10", True), ("1990.10.5", False), ("1990.13", False), ("", False)],
)
def test_a_part_of_a_day_is_told_from_a_day(cell, part):
    assert cells.part_of_a_day(cell) is part
