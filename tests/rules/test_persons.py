"""Names, numbers, dates, phones and sexes as rosters write them."""

from __future__ import annotations

import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.dates import parse_date
from services.identity.id_numbers import check_character, is_valid, parse_id_number, repairs
from services.identity.names import (
    all_sounds,
    fold_name,
    is_blank,
    name_parts,
    sound_of,
    spoken_orders,
)
from services.identity.persons import fold_phone, parse_sex

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=120)
NUMBER = "11010519491231002X"


@given(ANY_TEXT)
def test_any_text_is_read_without_an_exception(text: str) -> None:
    folded = fold_name(text)
    assert fold_name(folded) == folded
    for read in (name_parts, sound_of, all_sounds, spoken_orders, is_blank, parse_sex, parse_date):
        read(text)
    phone = fold_phone(text)
    assert phone is None or fold_phone(phone) == phone
    number = parse_id_number(text)
    assert not number.valid or parse_id_number(number.text).text == number.text
    repairs(number)


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("張偉", "张伟"),
        (" 吕\u3000伟\u200b\n", "吕伟"),
        ("买买提•艾力", "买买提艾力"),
        ("买买提．艾力", "买买提艾力"),
        ("王\ue863", "王䶮"),
        ("李□", "李?"),
        ("李?", "李?"),
        ("安(yun)", "安yun"),
        ("LÜ Wei", "lvwei"),
        ("张三（党员）", "张三"),
        ("同上", ""),
        ("", ""),
        ("无", ""),
        ("〃", ""),
        ("😀", ""),
    ],
)
def test_names_fold(written: str, folded: str) -> None:
    assert fold_name(written) == folded


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("LV Wei", "吕伟"),
        ("Lyu Wei", "吕伟"),
        ("lu wei", "吕伟"),
        ("Wei LÜ", "吕伟"),
        ("Tian-yu ZHOU", "周天宇"),
        ("WANG JIN-YUN", "王金云"),
        ("shanchangle", "单长乐"),
        ("Xiu Ouyang", "欧阳修"),
        ("Guodong Sun", "孙国栋"),
    ],
)
def test_pinyin_in_any_spelling_meets_the_characters(spelled: str, name: str) -> None:
    assert set(spoken_orders(fold_name(spelled))) & set(all_sounds(fold_name(name)))


@pytest.mark.parametrize(
    ("cell", "text", "damage"),
    [
        (NUMBER, NUMBER, None),
        ("11010519491231002x", NUMBER, None),
        ("１１０１０５１９４９１２３１００２Ｘ", NUMBER, None),
        ('="11010519491231002X"', NUMBER, None),
        ("110105 19491231 002X", NUMBER, None),
        ("110105491231002", NUMBER, "15"),
        ("110105194912310021", "110105194912310021", "check"),
        ("110105194912310000", "110105194912310000", "excel"),
        ("1.10105E+17", None, "excel"),
        ("11010519491231002", None, "short"),
        ("无", None, "missing"),
        ("123456", None, "junk"),
        ("110105194913310023", None, "date"),
        ("110105********002X", None, "masked"),
        ("军字第1234567号", None, "military"),
        (None, None, "missing"),
        ("身份证号：１１０１０５１９４９１２３１００２Ｘ", NUMBER, None),
        (f"居民身份证 {NUMBER}（已核）", NUMBER, None),
        (f"110105194912310021 更正为 {NUMBER}", NUMBER, None),
        ("11O1O5I94912310O2X", NUMBER, None),
        (f"{NUMBER}/430203197503021615", None, "junk"),
        ("11O1O5I94912310O21", None, "junk"),
        ("身份证号：110105194912310021", "110105194912310021", "check"),
    ],
)
def test_numbers_are_read_and_their_damage_named(
    cell: str | None, text: str | None, damage: str | None
) -> None:
    number = parse_id_number(cell)
    assert number.damage == damage or damage == "date" and not number.valid
    assert number.valid == (damage in (None, "15"))
    assert text is None or number.text == text
    assert number.words.zh and number.words.en


def _valid_numbers(count: int) -> list[str]:
    rng = random.Random(7)
    found = []
    for _ in range(count):
        seventeen = (
            f"4302{rng.randrange(1, 30):02}{date.fromordinal(rng.randrange(690000, 733000)):%Y%m%d}"
            f"{rng.randrange(1, 1000):03}"
        )
        found.append(seventeen + check_character(seventeen))
    return found


def test_the_check_digit_catches_every_wrong_digit_and_every_swap_of_neighbours() -> None:
    for number in _valid_numbers(200):
        for place in range(17):
            for digit in "0123456789":
                if digit != number[place]:
                    assert not is_valid(number[:place] + digit + number[place + 1 :])
            if number[place] != number[place + 1] and number[place + 1] != "X":
                assert not is_valid(
                    number[:place] + number[place + 1] + number[place] + number[place + 2 :]
                )


def test_every_single_slip_can_be_repaired() -> None:
    rng = random.Random(8)
    for number in _valid_numbers(300):
        place = rng.randrange(17)
        wrong = (
            number[:place]
            + str((int(number[place]) + rng.randrange(1, 10)) % 10)
            + number[place + 1 :]
        )
        assert number in repairs(parse_id_number(wrong))
        lost = number[:place] + number[place + 1 :]
        shorter = parse_id_number(lost)
        assert number in repairs(shorter) or shorter.damage != "short"
        if number[place] != number[place + 1] and place < 16:
            swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
            assert number in repairs(parse_id_number(swapped))


@pytest.mark.parametrize(
    ("cell", "day", "given"),
    [
        ("1975-03-02", date(1975, 3, 2), "day"),
        ("1975.3.2", date(1975, 3, 2), "day"),
        ("75.3.2", date(1975, 3, 2), "day"),
        ("19750302", date(1975, 3, 2), "day"),
        ("1975年3月2日", date(1975, 3, 2), "day"),
        ("27455", date(1975, 3, 2), "day"),
        ("1975-03-02 00:00:00", date(1975, 3, 2), "day"),
        ("一九七五年三月二日", date(1975, 3, 2), "day"),
        ("1975.3", date(1975, 3, 1), "month"),
        ("197503", date(1975, 3, 1), "month"),
        ("1975", date(1975, 1, 1), "year"),
        ("1975年", date(1975, 1, 1), "year"),
        ("1975-02-30", date(1975, 2, 1), "month"),
        ("同上", None, "none"),
        ("1492-10-12", None, "none"),
        ("'; DROP TABLE member", None, "none"),
        (None, None, "none"),
    ],
)
def test_dates_are_read_as_far_as_they_go(cell: str | None, day: date | None, given: str) -> None:
    assert parse_date(cell) == (day, given)


@pytest.mark.parametrize(
    ("cell", "phone"),
    [
        ("+86 138-0000 0000", "13800000000"),
        ("8613800000000", "13800000000"),
        ("13800000000.0", "13800000000"),
        ("１３８００００００００", "13800000000"),
        ("13800000000/13900000000", "13800000000"),
        ("0731-2345678", "07312345678"),
        ("同上", None),
        ("", None),
        (None, None),
    ],
)
def test_phones_fold(cell: str | None, phone: str | None) -> None:
    assert fold_phone(cell) == phone


@pytest.mark.parametrize(
    ("cell", "sex"),
    [
        ("男", "male"),
        ("M", "male"),
        ("1", "male"),
        ("1.0", "male"),
        ("女性", "female"),
        ("2", "female"),
        ("？", None),
        (None, None),
    ],
)
def test_sexes_are_read(cell: str | None, sex: str | None) -> None:
    assert parse_sex(cell) == sex
