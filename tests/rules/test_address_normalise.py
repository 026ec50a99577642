from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.addresses.normalise import TEXT_CHARS_MAX, key, normalise

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
