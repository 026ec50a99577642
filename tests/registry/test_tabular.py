"""Files of rows as offices keep them: encodings, separators, stray marks, JSON. No database."""

from __future__ import annotations

import lzma
from datetime import date
from pathlib import Path

import pytest

from services.registry.tabular import BadFile, Row, given, heading, open_sheet, without_text_mark

COLUMNS = ("name", "phone")


def rows_of(path: Path, content: bytes) -> list[Row]:
    path.write_bytes(content)
    with open_sheet(path, COLUMNS, ("name",)) as sheet:
        return list(sheet.rows())


def cells_of(path: Path, text: str) -> list[tuple[str, ...]]:
    return [row.cells for row in rows_of(path, text.encode())]


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("姓　名", "姓名"),
        ("*姓名", "姓名"),
        ("姓名（必填）", "姓名"),
        ("姓\u200b名：", "姓名"),
        ("Phone", "phone"),
        ("(name)", "(name)"),
    ],
)
def test_a_heading_is_its_word(written, word):
    assert heading(written) == word


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_encoding_and_separator_are_found(tmp_path, encoding, separator):
    text = f"name{separator}phone\n王伟{separator}13800138000\n"
    assert rows_of(tmp_path / "list.csv", text.encode(encoding)) == [
        Row(2, ("王伟", "13800138000"))
    ]


def test_a_packed_file_is_unpacked(tmp_path):
    packed = lzma.compress("name,phone\n王伟,1\n".encode())
    assert rows_of(tmp_path / "list.csv.xz", packed) == [Row(2, ("王伟", "1"))]


@pytest.mark.parametrize(
    ("lines", "cells"),
    [
        ("王伟,1\n", [("王伟", "1")]),
        ("王伟\n", [("王伟", "")]),
        ("\n王伟,1\n,\n", [("王伟", "1")]),
        ('王伟,="1"\n', [("王伟", "1")]),
        ("王伟,'138\n", [("王伟", "138")]),
        ('"王,伟",1\n', [("王,伟", "1")]),
        ('"王\n伟",1\n李娜,2\n', [("王\n伟", "1"), ("李娜", "2")]),
        ('5"王伟,1\n李"娜,2\n', [('5"王伟', "1"), ('李"娜', "2")]),
    ],
)
def test_rows_are_split_into_cells(tmp_path, lines, cells):
    assert cells_of(tmp_path / "list.csv", "name,phone\n" + lines) == cells


@pytest.mark.parametrize("line", ["王伟", "王伟,", "王伟,,,"])
def test_separators_at_the_end_of_a_row_change_nothing(tmp_path, line):
    assert cells_of(tmp_path / "list.csv", f"name\n{line}\n") == [("王伟", "")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('"王伟,1', "双引号没有成对"),
        ("王伟,1,2", "这一行有 3 格，表头只有 2 列"),
        ("王\x01伟,1\u4e00", "含有无法识别的字符"),
        ("王" * 20_001, "这一行过长"),
    ],
)
def test_a_broken_row_costs_itself_alone(tmp_path, line, reason):
    content = f"name,phone\n李娜,1\n{line}\n张敏,3\n".encode()
    before, broken, after = rows_of(tmp_path / "list.csv", content)
    assert (before.cells, after.cells) == (("李娜", "1"), ("张敏", "3"))
    assert (broken.number, broken.cells) == (3, ())
    assert broken.fault is not None
    assert broken.fault.reason == reason


def test_columns_nobody_asked_for_and_missing_ones_are_said(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("name,age,,reason\n王伟,40,,\n", encoding="utf-8")
    with open_sheet(path, COLUMNS, ("name",)) as sheet:
        assert sheet.unknown == ("age",)
        assert sheet.missing == ("phone",)
        assert [row.cells for row in sheet.rows()] == [("王伟", "")]


def test_lines_of_json_are_rows(tmp_path):
    text = '{"name": "王伟", "phone": [1, null, [2]]}\n\n[]\n{"name": true}\n'
    first, second, third = rows_of(tmp_path / "list.jsonl", text.encode())
    assert first == Row(1, ("王伟", "1;"))
    assert second.fault is not None
    assert second.fault.reason == "这一行不是 JSON 对象"
    assert third == Row(4, ("yes", ""))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"\n ,\n", "empty"),
        (b"PK\x03\x04rest", "workbook"),
        (b"<html><table>", "web page"),
        (b"\x01\x02\x03\n", "no CSV"),
        (b"phone\n1\n", "lacks columns that are needed: name"),
    ],
)
def test_what_is_no_list_is_not_taken(tmp_path, content, why):
    with pytest.raises(BadFile, match=why):
        rows_of(tmp_path / "list.csv", content)


def test_rows_in_memory_are_rows_too():
    people = [{"name": " 王伟 ", "phone": 138}, {"name": date(2026, 11, 5), "phone": None}]
    assert list(given(people, COLUMNS)) == [Row(1, ("王伟", "138")), Row(2, ("2026-11-05", ""))]


@pytest.mark.parametrize(
    ("cell", "text"),
    [("'138", "138"), ("'=1+1", "=1+1"), ("'", "'"), ("'王伟", "'王伟"), ("138", "138"), ("", "")],
)
def test_the_mark_of_text_is_taken_off(cell, text):
    assert without_text_mark(cell) == text
