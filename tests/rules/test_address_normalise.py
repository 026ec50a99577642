from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.addresses.normalise import (
    TEXT_CHARS_MAX,
    Normal,
    in_characters,
    key,
    normalise,
    spelled,
)

ANY_TEXT = st.text(alphabet=st.characters(), max_size=80)


@given(ANY_TEXT)
def test_any_unicode_in_and_once_is_enough(raw):
    assert key(key(raw)) == key(raw)


@given(ANY_TEXT)
def test_every_kept_character_knows_where_it_came_from(raw):
    normal = normalise(raw)
    for i in range(len(normal.text)):
        start, end = normal.span(i, i + 1)
        assert 0 <= start < end <= len(raw)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("河南省,郑州市,二七区,１４５号院２号楼", "河南省郑州市二七区145号院2号楼"),
        ("北京市 朝阳区　崔各庄（地区）乡", "北京市朝阳区崔各庄地区乡"),
        ("廣東省東莞市寮步鎮", "广东省东莞市寮步镇"),
        ("18#楼 b座", "18号楼B座"),
        ("1、2号楼-3单元", "1-2号楼3单元"),
        ("八五○农场", "八五〇农场"),
        ("\ud83d\U0001f600", ""),
    ],
)
def test_spellings_meet(raw, text):
    assert key(raw) == text


def test_the_span_quotes_the_original():
    raw = "浙江省 / 绍兴市"
    normal = normalise(raw)
    start, end = normal.span(3, 6)
    assert raw[start:end] == "绍兴市"


def test_only_the_beginning_of_a_very_long_text_is_read():
    assert len(key("路" * 10_000)) == TEXT_CHARS_MAX


def test_a_text_that_is_normal_already_has_its_own_places():
    normal = normalise("浙江省绍兴市越城区3号")
    assert normal == Normal("浙江省绍兴市越城区3号", None)
    assert normal.span(3, 6) == (3, 6)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "〇"), (7, "七"), (10, "十"), (12, "十二"), (20, "二十"), (99, "九十九")],
)
def test_numbers_are_spelled_in_characters(number, text):
    assert in_characters(number) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("田林12村3号", "田林十二村3号"),
        ("曹杨5村6居委", "曹杨五村六居委"),
        ("长征1坊", "长征一坊"),
    ],
)
def test_numbers_inside_names_are_spelled(raw, text):
    assert spelled(normalise(raw)).text == text


@pytest.mark.parametrize("raw", ["田林十二村", "12村", "田林123村", "田林12号", ""])
def test_other_numbers_stay(raw):
    assert spelled(normalise(raw)) is None


def test_a_number_that_grows_when_spelled_still_quotes_its_digits():
    respelled = spelled(normalise("曹杨21村"))
    assert respelled.text == "曹杨二十一村"
    assert [respelled.span(place, place + 1) for place in range(2, 6)] == [
        (2, 3),
        (3, 4),
        (3, 4),
        (4, 5),
    ]


@pytest.mark.parametrize("raw", ["田林12村3号", "田林 12村3号"])
def test_a_spelled_number_quotes_the_digits(raw):
    respelled = spelled(normalise(raw))
    start, end = respelled.span(0, 5)
    assert raw[start:end].replace(" ", "") == "田林12村"
