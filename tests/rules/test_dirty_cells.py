"""Cells as lists of members hold them: radicals, papers that are no ID card, masks, slips of
scanners, notes, days.
"""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity import han
from services.identity.dates import read_day
from services.identity.id_numbers import parse_id_number, repairs
from services.identity.names import (
    all_sounds,
    fold_name,
    name_notes,
    sound_of,
    spoken_orders,
    stored_orders,
)
from services.identity.persons import fold_phone, masked_phone

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)
NO_EQUIVALENT = {0x2E80, 0x2E9A, *range(0x2EF4, 0x2F00), *range(0x2FD6, 0x2FE0)}
"""Of the two blocks of radicals: what Unicode gives no equivalent of, and what is not assigned."""


@pytest.mark.parametrize(
    "code", [c for c in range(0x2E80, 0x2FE0) if c not in NO_EQUIVALENT], ids=hex
)
def test_every_radical_is_the_ordinary_character(code: int) -> None:
    plain = han.ordinary(chr(code))
    assert unicodedata.name(plain).startswith("CJK UNIFIED IDEOGRAPH")
    if code >= 0x2F00:
        assert plain == unicodedata.normalize("NFKC", chr(code)), "Unicode's own decomposition"
    assert fold_name(f"王{chr(code)}") == fold_name(f"王{plain}")


@pytest.mark.parametrize(
    ("copied", "plain"),
    [
        ("⻢云飞", "马云飞"),
        ("⻓⻄村⻔", "长西村门"),
        ("⻰⻜", "龙飞"),
        ("⾦⽟", "金玉"),
        ("更樂", "更樂"),
        ("張偉", "張偉"),
        ("ABC", "ABC"),
    ],
)
def test_text_from_a_pdf_reads_as_it_was_written(copied: str, plain: str) -> None:
    assert han.ordinary(copied) == plain


@given(ANY_TEXT)
def test_ordinary_characters_stay(text: str) -> None:
    plain = han.ordinary(text)
    assert len(plain) >= len(text) and han.ordinary(plain) == plain


@pytest.mark.parametrize(
    ("cell", "damage"),
    [
        ("330602196603201717", None),
        ("110105491231002", "15"),
        ("110101200512310", "truncated"),
        ("110101199003071", "truncated"),
        ("11010119900307", "truncated"),
        ("1101011990030712", "truncated"),
        ("931840197803050016", "foreign"),
        ("USA310078030516", "foreign"),
        ("110101209901010017", "unborn"),
        ("H1234567801", "home_return"),
        ("M12345678", "home_return"),
        ("12345678", "eight_digits"),
        ("台胞证01234567", "taiwan"),
        ("E12345678", "passport"),
        ("EA1234567", "passport"),
        ("G12345678", "passport"),
        ("D12345678", "passport"),
        ("护照 E12345678", "passport"),
        ("军字第01234567号", "military"),
        ("士字第20123456号", "military"),
        ("军官证：政字第1234567号", "military"),
        ("武字第1234567号", "military"),
        ("户口簿 001234567", "household"),
        ("13900000001", "phone"),
        ("O330123456", "birth_certificate"),
        ("学生证20230101", "other_paper"),
        ("91330000MA27XXXX1Y", "credit_code"),
        ("19900307", "junk"),
        ("见附件", "junk"),
        ("无", "missing"),
    ],
)
def test_every_paper_in_the_number_column_is_named(cell: str, damage: str | None) -> None:
    number = parse_id_number(cell)
    assert number.damage == damage
    assert number.valid == (damage in (None, "15"))
    assert number.words.zh and number.words.en


def test_residence_permits_of_hong_kong_macao_and_taiwan_are_valid_and_named() -> None:
    number = parse_id_number("810000199408230021")
    assert number.valid and "居住证" in number.words.zh
    assert "居住证" not in parse_id_number("330602196603201717").words.zh


@pytest.mark.parametrize(
    ("cell", "pattern"),
    [
        ("110101********0112", "110101????????0112"),
        ("１１０１０１＊＊＊＊＊＊＊＊０１１２", "110101????????0112"),
        ("110101XXXXXXXX0112", "110101????????0112"),
        ("110101xxxxxxxx011X", "110101????????011X"),
        ("110101××××××××0112", "110101????????0112"),
        ("110101●●●●●●●●0112", "110101????????0112"),
        ("110101········0112", "110101????????0112"),
        ("110101__ __ ____0112", "110101????????0112"),
        ("1101011990****0112", "1101011990????0112"),
        ("33060219660320****", "33060219660320????"),
        ("110***********0112", "110???????????0112"),
        ("110101…0112", "110101????????0112"),
        ("110101****0112", "110101????????0112"),
        ("身份证号：330602********1717", "330602????????1717"),
        ("1101**1990****0112", "1101??1990????0112"),
        ("110101****12****", "110101????????12??"),
    ],
)
def test_masked_numbers_keep_what_they_show(cell: str, pattern: str) -> None:
    number = parse_id_number(cell)
    if len(cell) == 16:
        assert number.damage == "masked" and not number.valid
        return
    assert (number.damage, number.pattern, number.text) == ("masked", pattern, None)


@pytest.mark.parametrize(
    ("cell", "birth"),
    [
        ("33060219660320****", (date(1966, 3, 20), "day")),
        ("330602196603******", (date(1966, 3, 1), "month")),
        ("3306021966********", (date(1966, 1, 1), "year")),
        ("330602********1717", (None, "none")),
        ("330602196613******", (None, "none")),
        ("330602196603201", (date(1966, 3, 20), "day")),
    ],
)
def test_what_is_left_of_a_number_states_the_birth_date_as_far_as_it_goes(
    cell: str, birth: tuple
) -> None:
    assert parse_id_number(cell).shown_birth == birth


@pytest.mark.parametrize(
    "cell",
    [
        "11O1O519491231OO2X",
        "110105l949123l002X",
        "1101OS1949I23IOO2X",
        "11010519491231002Ⅹ",
        "1101051949i231002x",
    ],
)
def test_slips_of_scanners_are_put_right_where_the_check_character_then_holds(cell: str) -> None:
    number = parse_id_number(cell)
    assert number.text == "11010519491231002X" and number.valid


@given(ANY_TEXT)
def test_nothing_in_a_number_cell_raises(text: str) -> None:
    number = parse_id_number(text)
    assert number.words.zh and (number.damage is None) <= number.valid
    assert number.shown_birth[1] in ("day", "month", "year", "none")
    assert len(number.pattern) in (0, 18)
    repairs(number)


@pytest.mark.parametrize(
    ("cell", "phone", "masked"),
    [
        ("139****0020", None, "139????0020"),
        ("139xxxx0020", None, "139????0020"),
        ("１３９＊＊＊＊００２０", None, "139????0020"),
        ("139●●●●0020", None, "139????0020"),
        ("139...0020", None, "139????0020"),
        ("+86 139****0020", None, "139????0020"),
        ("1390000****", None, "1390000????"),
        ("*******0020", None, None),
        ("l39OOOO8OO1", "13900008001", None),
        ("1S900000001", "15900000001", None),
        ("13900000001(妻)", "13900000001", None),
        ("1.3912345678E10", "13912345678", None),
        ("1.391E+10", None, None),
        ("'13900000001", "13900000001", None),
        ("无", None, None),
    ],
)
def test_phones_are_read_and_masked_ones_keep_what_they_show(
    cell: str, phone: str | None, masked: str | None
) -> None:
    assert (fold_phone(cell), masked_phone(cell)) == (phone, masked)


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("张三（预备）", "张三"),
        ("李四*", "李四"),
        ("李四＊＊", "李四"),
        ("*张三", "张三"),
        ("★李四", "李四"),
        ("王五(女)", "王五"),
        ("王五（女，回族）", "王五"),
        ("王五 女", "王五"),
        ("王五，女，汉族", "王五"),
        ("王五-预备党员", "王五"),
        ("李 四", "李四"),
        ("张三（曾用名：张小三）", "张三"),
        ("张三 曾用名张小三", "张三"),
        ("张三【流动】", "张三"),
        ("李*明", "李?明"),
        ("李□", "李?"),
        ("张某某", "张??"),
        ("李亚男", "李亚男"),
        ("王 女", "王女"),
        ("买买提·艾力（维吾尔族）", "买买提艾力"),
        ("1.张三", "张三"),
    ],
)
def test_notes_beside_a_name_are_no_part_of_it(cell: str, name: str) -> None:
    assert fold_name(cell) == name
    assert fold_name(name) == name


@pytest.mark.parametrize(
    ("cell", "sex", "probationary", "former"),
    [
        ("王五(女)", "female", None, ()),
        ("王五（女，回族）", "female", None, ()),
        ("王五 男", "male", None, ()),
        ("张三（预备）", None, True, ()),
        ("张三（正式党员）", None, False, ()),
        ("张三", None, None, ()),
        ("李亚男", None, None, ()),
        ("张三（曾用名：张小三）", None, None, ("张小三",)),
        ("张三（女，原名李四）", "female", None, ("李四",)),
        ("(女)", "female", None, ()),
    ],
)
def test_notes_that_say_something_are_kept(
    cell: str, sex: str | None, probationary: bool | None, former: tuple
) -> None:
    notes = name_notes(cell)
    assert (notes.sex, notes.probationary, notes.former) == (sex, probationary, former)


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("YUE Chun", "乐春"),
        ("LE Chun", "乐春"),
        ("GAI Lili", "盖丽丽"),
        ("Ge Lili", "盖丽丽"),
        ("YUCHI Gong", "尉迟恭"),
        ("Weichi Gong", "尉迟恭"),
        ("Gong Yuchi", "尉迟恭"),
        ("Shan Ming", "单明"),
        ("Dan Ming", "单明"),
        ("Xie Fang", "解放"),
        ("Qiu Ming", "仇明"),
        ("Zha Ming", "查明"),
        ("Zeng Li", "曾丽"),
        ("Ou Ming", "区明"),
        ("Moqi Ming", "万俟明"),
        ("Zhangsun Wuji", "长孙无忌"),
        ("Wuji Zhangsun", "长孙无忌"),
        ("Piao Zhengxi", "朴正熙"),
        ("Pu Zhengxi", "朴正熙"),
        ("Chanyu Ming", "单于明"),
        ("Tantai Ming", "澹台明"),
        ("Linghu Chong", "令狐冲"),
        ("Yuè Chūn", "乐春"),
        ("yue4 chun1", "乐春"),
        ("Miao Wei", "缪伟"),
        ("Bi Ming", "秘明"),
        ("She Ming", "折明"),
        ("Chong Ming", "种明"),
        ("LYU Wei", "吕伟"),
        ("Lü Wei", "吕伟"),
    ],
)
def test_a_surname_is_known_by_all_its_readings(spelled: str, name: str) -> None:
    folded = fold_name(spelled)
    assert set(spoken_orders(folded)) & set(all_sounds(name)), "the comparison"
    assert sound_of(name) in stored_orders(folded), "the key under which the member is stored"


@pytest.mark.parametrize(
    ("cell", "day", "given", "guessed"),
    [
        ("32874", date(1990, 1, 1), "day", False),
        ("32874.0", date(1990, 1, 1), "day", False),
        ("2026/10/03 0:00", date(2026, 10, 3), "day", False),
        ("2026/10/3 0:00:00", date(2026, 10, 3), "day", False),
        ("２０２６年１０月３日", date(2026, 10, 3), "day", False),
        ("二〇二六年十月三日", date(2026, 10, 3), "day", False),
        ("1990.10", date(1990, 10, 1), "month", False),
        ("1990年10月", date(1990, 10, 1), "month", False),
        ("1990.1", date(1990, 1, 1), "year", True),
        ("90.10.3", date(1990, 10, 3), "day", True),
        ("10/3/1990", date(1990, 10, 3), "day", True),
        ("23/10/1990", date(1990, 10, 23), "day", False),
        ("3-Oct-90", date(1990, 10, 3), "day", True),
        ("Oct 3, 1990", date(1990, 10, 3), "day", False),
        ("2026年10月3日 星期六", date(2026, 10, 3), "day", False),
        ("1990 年 10 月 3 日", date(1990, 10, 3), "day", False),
        ("2026-10-03T00:00:00+08:00", date(2026, 10, 3), "day", False),
        ("十月", None, "none", False),
        ("12:30", None, "none", False),
    ],
)
def test_days_are_read_in_every_usual_writing(
    cell: str, day: date | None, given: str, guessed: bool
) -> None:
    assert read_day(cell) == (day, given, False, guessed)


@pytest.mark.parametrize("cell", ["1990-02-30", "1990-13-01", "1990/10/32"])
def test_a_day_that_does_not_exist_is_said_to_be_impossible(cell: str) -> None:
    assert read_day(cell).impossible
