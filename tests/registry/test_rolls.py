"""An office's own list: headings, two rows of them, rows that are no persons, and that nothing is
lost in silence.
"""

from __future__ import annotations

import pytest

from services.registry.rosters import Roll, may_be_posted, read_roll
from services.registry.tabular import BadFile

NUMBER = "330602196603201717"


def read(text: str, encoding: str = "utf-8") -> Roll:
    return read_roll(text.encode(encoding))


def notes(roll: Roll) -> str:
    return "\n".join(note.zh for note in roll.notes)


@pytest.mark.parametrize(
    "heading",
    [
        "姓　名",
        "姓\u00a0名",
        "*姓名",
        "＊姓名",
        "姓名（必填）",
        "姓名(必填)",
        "姓名\u200b",
        "\ufeff姓名",
        "姓 名：",
        "★姓名【党员】",
        " 姓名 ",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_a_heading_is_found_however_it_was_typed(heading, encoding):
    roll = read(f"{heading},身份证号码\n张三,{NUMBER}\n", encoding)
    assert [(row.person.name, row.person.id_number) for row in roll.rows] == [("张三", NUMBER)]
    assert not roll.bad and not roll.notes


def test_the_words_that_offices_put_over_columns():
    row = read("姓名,出生年月,联系方式,现住址\n张三,1966.03,13900000001,柯桥街道\n").rows[0]
    assert (row.person.birth_date, row.person.phone, row.person.address) == (
        "1966-03",
        "13900000001",
        "柯桥街道",
    )


@pytest.mark.parametrize(
    ("cell", "member"), [("1", None), ("12", None), ("3.0", None), ("m00012", "m00012"), ("", None)]
)
def test_a_running_number_is_no_reference_of_a_member(cell, member):
    assert read(f"编号,姓名\n{cell},张三\n").rows[0].member == member


@pytest.mark.parametrize(
    "text",
    [
        f"党员名册,,,\n序号,姓名,身份信息,\n,,身份证号码,出生日期\n1,张三,{NUMBER},1966-03-20\n",
        f"序号,姓名,证件,\n,,身份证号码,出生日期\n1,张三,{NUMBER},1966-03-20\n",
        f"基本情况,,身份证号码,出生日期\n序号,姓名,,\n1,张三,{NUMBER},1966-03-20\n",
    ],
)
def test_two_rows_of_headings_are_read_as_one(text):
    roll = read(text)
    assert [
        (row.person.name, row.person.id_number, row.person.birth_date) for row in roll.rows
    ] == [("张三", NUMBER, "1966-03-20")]


@pytest.mark.parametrize(
    "line",
    [
        "填表人：王五,,",
        "合计,2,",
        ",合计,",
        "备注：以上人员均已核对,,",
        "共 2 人,,",
        "审核人：李某,填表日期：2026.10.3,",
        "第一党支部,,",
        "编号,姓名,手机",
        "以下空白,,",
        "单位负责人（签字）：,,",
    ],
)
def test_rows_that_are_no_persons_are_left_out_and_said(line):
    roll = read(f"编号,姓名,手机\n1,张三,13900000001\n{line}\n2,李四,13900000002\n")
    assert [row.person.name for row in roll.rows] == ["张三", "李四"]
    assert not roll.bad and "第 3 行" in notes(roll)
    assert "王五" not in notes(roll) and "李某" not in notes(roll), "a note keeps no person"


def test_a_remark_in_a_persons_own_row_leaves_the_person_in():
    roll = read("备注,姓名,手机\n备注：困难党员,张三,13900000001\n填表人：,王五,\n")
    assert [row.person.name for row in roll.rows] == ["张三"]
    assert "第 3 行" in notes(roll)


def test_nothing_is_left_out_in_silence():
    roll = read(
        "姓名,入党时间,性别,手机,出生日期\n张三,1990.07,不详,abc,90.10.3\n李四,,保密,,\n,,,13900000001,\n"
    )
    told = notes(roll)
    assert (
        "没有用到的列：入党时间" in told
        and "电话看不懂" in told
        and "性别看不懂" in told
        and "两位" in told
    )
    assert [row.number for row in roll.rows] == [2, 3]
    assert [(bad.number, bad.column) for bad in roll.bad] == [(4, "姓名")]
    assert all(note.zh and note.en for note in roll.notes)


@pytest.mark.parametrize(
    "cell",
    ["330602********1717", "330602196603201", "军字第01234567号", "33060219660320****", "无"],
)
def test_numbers_that_say_something_are_compared(cell):
    roll = read(f"姓名,身份证\n张三,{cell}\n")
    assert len(roll.rows) == 1 and not roll.bad
    assert roll.rows[0].person.id_number == (None if cell == "无" else cell)


@pytest.mark.parametrize("cell", ["3.30602E+17", "330602196603201000"])
def test_a_number_that_a_spreadsheet_cut_is_compared_and_said(cell):
    roll = read(f"姓名,身份证\n张三,{cell}\n")
    assert len(roll.rows) == 1 and "第 2 行" in notes(roll) and "Excel" in notes(roll)


@pytest.mark.parametrize(
    ("cell", "word"),
    [
        ("E12345678", "护照"),
        ("H1234567801", "回乡证"),
        ("931840197803050016", "永久居留"),
        ("110101209901010017", "还没有到"),
        ("33060219660320171X", "校验位"),
        ("13900000001", "手机"),
    ],
)
def test_another_paper_makes_a_bad_row_that_says_which(cell, word):
    assert word in read(f"姓名,身份证\n张三,{cell}\n").bad[0].reason


@pytest.mark.parametrize(
    ("cell", "birth"),
    [
        ("32874", "1990-01-01"),
        ("2000/10/03 0:00", "2000-10-03"),
        ("２０００年１０月３日", "2000-10-03"),
        ("二〇〇〇年十月三日", "2000-10-03"),
        ("1990.10", "1990-10"),
        ("1990年", "1990"),
        ("无", None),
    ],
)
def test_birth_dates_are_read_as_everywhere(cell, birth):
    assert read(f"姓名,出生日期\n张三,{cell}\n").rows[0].person.birth_date == birth


def test_a_birth_date_that_does_not_exist_is_a_bad_row():
    assert read("姓名,出生日期\n张三,1990-02-30\n").bad[0].column == "出生日期"


@pytest.mark.parametrize(
    "page",
    [
        b"<html><table><tr><td>\xe5\xa7\x93\xe5\x90\x8d</td></tr></table></html>",
        b"\xef\xbb\xbf<!DOCTYPE html><html></html>",
        b"\r\n <table border=1><tr><td>1</td></tr></table>",
    ],
)
def test_a_web_page_saved_as_a_workbook_is_called_so(page):
    with pytest.raises(BadFile) as refused:
        read_roll(page)
    assert (
        "网页" in refused.value.words.zh
        and "web page" in refused.value.words.en
        and ".xlsx" in refused.value.words.zh
    )


@pytest.mark.parametrize(
    ("column", "cell", "may"),
    [
        ("id_number", NUMBER, True),
        ("id_number", "330602********1717", False),
        ("phone", "139****0001", False),
        ("phone", "13900000001", True),
        ("birth_date", "1990-10", False),
        ("birth_date", "1990-10-03", True),
        ("name", "张三", True),
    ],
)
def test_what_is_masked_or_partial_is_not_posted_in_an_event(column, cell, may):
    assert may_be_posted(column, cell) is may


def test_radicals_become_ordinary_characters():
    assert read("姓名,住址\n⻢云飞,⻄安市\n").rows[0].person.name == "马云飞"
