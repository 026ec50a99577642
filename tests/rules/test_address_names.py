from __future__ import annotations

import pytest

from services.addresses.learned import keys
from services.addresses.names import (
    MENTION,
    city_forms,
    clean,
    community_base,
    county_forms,
    is_dummy,
    mention_base,
    mention_kind,
    province_forms,
    seat_forms,
    street_forms,
    street_stem,
)
from services.addresses.slips import alike, nearly_alike, slip


@pytest.mark.parametrize(
    ("name", "base", "kind"),
    [
        ("蒋辛庄村委会", "蒋辛庄", "C"),
        ("大田村村民委员会", "大田", "C"),
        ("蒋坝村社区居民委员会", "蒋坝村", "J"),
        ("西康居委会", "西康", "J"),
        ("苗圃花园社区委员会", "苗圃花园", "J"),
        ("茂力格尔嘎查委会", "茂力格尔嘎查", "C"),
        ("巴音牧委会", "巴音", "C"),
        ("三坪一连队", "三坪一连队", "O"),
        ("社区", "社区", "O"),
    ],
)
def test_a_community_is_compared_by_its_base_and_kind(name, base, kind):
    assert community_base(name) == (base, kind)


@pytest.mark.parametrize(
    ("official", "written"),
    [
        ("崔各庄地区", "崔各庄乡"),
        ("赛马场片区", "赛马场街道"),
        ("民意街街道", "民意街道"),
        ("东山街道", "东山街道办事处"),
        ("新安傣族乡", "新安乡"),
        ("河沙镇镇", "河沙镇"),
    ],
)
def test_streets_are_known_by_the_forms_people_write(official, written):
    strong, weak = street_forms(official)
    assert written in strong + weak


def test_a_form_of_another_rank_is_weak():
    strong, weak = street_forms("东山街道")
    assert "东山街" in weak and "东山镇" in weak and "东山街" not in strong


def test_short_and_abbreviated_names_above_the_street():
    assert province_forms("福建省") == ("福建省", "福建", "闽")
    assert "恩施" in city_forms("恩施土家族苗族自治州")
    assert city_forms("市辖区") == ()
    assert "长阳县" in county_forms("长阳土家族自治县")
    assert "达州经开区" in county_forms("达州经济开发区", "达州市")
    assert county_forms("市中区") == ("市中区", "市中")
    assert county_forms("长沙县", "长沙市") == ("长沙县",) and "东莞" in county_forms(
        "东莞市", "东莞市"
    )


SOUNDS = {
    "江": "jiang",
    "源": "yuan",
    "苑": "yuan",
    "红": "hong",
    "泓": "hong",
    "强": "qiang",
    "坚": "jian",
    "富": "fu",
}


@pytest.mark.parametrize(
    ("written", "right", "how"),
    [
        ("江苑", "江源", "sound"),
        ("卧山龙", "卧龙山", "order"),
        ("山龙卧", "卧龙山", None),
        ("清润园", "清润家园", "missing"),
        ("清润家园", "清润园", "extra"),
        ("第1", "第一", "numeral"),
        ("岭下彭", "岭下张", "char"),
        ("富强", "坚强", None),
        ("富强", "东风", None),
        ("同", "同", "same"),
    ],
)
def test_slips_are_named_or_refused(written, right, how):
    assert slip(written, right, SOUNDS) == how


@pytest.mark.parametrize(
    ("rest", "compounds", "road", "number"),
    [
        ("国雅彩云间3栋", ("国雅彩云间",), "", -1),
        ("海昌天澜一期6栋", ("海昌天澜",), "", -1),
        ("三里河二区7号楼", ("三里河二区", "三里河"), "", -1),
        ("北国风光小区19栋楼", ("北国风光",), "", -1),
        ("伏牛路222号院1号楼", (), "伏牛路", 222),
        ("12组锦绣家园5号", ("锦绣家园",), "", -1),
        ("家属院2号楼", (), "", -1),
        ("", (), "", -1),
    ],
)
def test_what_is_looked_up_behind_the_administrative_names(rest, compounds, road, number):
    found = keys(rest)
    assert (found.compounds, found.road, found.number) == (compounds, road, number)


@pytest.mark.parametrize(
    ("rest", "places"),
    [
        ("伏牛路222号锦绣家园", (0, 7)),
        ("3组伏牛路222号", (2, 9)),
        ("3组锦绣家园", (0, 2)),
        ("锦绣家园", (0, 0)),
    ],
)
def test_keys_say_where_road_and_compound_begin(rest, places):
    found = keys(rest)
    assert (found.road_at, found.compound_at) == places


@pytest.mark.parametrize(
    ("left", "right", "same", "nearly"),
    [
        ("源", "苑", True, True),
        ("江", "强", False, False),
        ("三", "山", False, True),
        ("宁", "林", False, True),
        ("湖", "福", False, True),
        ("源", "龖", False, False),
    ],
)
def test_sounds_are_the_same_or_nearly_the_same(left, right, same, nearly):
    sounds = {
        **SOUNDS,
        "三": "san",
        "山": "shan",
        "宁": "ning",
        "林": "lin",
        "湖": "hu",
        "福": "fu",
    }
    assert alike(left, right, sounds) is same
    assert nearly_alike(left, right, sounds) is nearly


def test_a_character_of_several_readings_sounds_like_each():
    sounds = {"重": "chong zhong", "虫": "chong", "中": "zhong", "虎": "hu"}
    assert alike("重", "虫", sounds) and alike("中", "重", sounds)
    assert not alike("重", "虎", sounds)


@pytest.mark.parametrize(
    ("name", "key"),
    [("崔各庄（地区）", "崔各庄"), ("（塔山）", "塔山"), ("塔山 街道", "塔山街道")],
)
def test_brackets_of_a_name_are_dropped_unless_they_are_all_of_it(name, key):
    assert clean(name) == key


def test_place_holders_of_the_table_are_no_names():
    assert is_dummy("市辖区") and is_dummy("省直辖县级行政区划")
    assert not is_dummy("越城区")


@pytest.mark.parametrize(
    ("name", "stem", "tail"),
    [
        ("塔山街道", "塔山", "街道"),
        ("崔各庄地区", "崔各庄", "地区"),
        ("幺塘回族乡", "幺塘", "乡"),
        ("回族乡", "回族", "乡"),
        ("上马坡民族乡", "上马坡", "乡"),
        ("莘庄工业区", "莘庄工业区", ""),
        ("街道", "街道", ""),
    ],
)
def test_a_street_has_a_stem_and_a_tail(name, stem, tail):
    assert street_stem(name) == (stem, tail)


@pytest.mark.parametrize(
    ("street", "county", "forms"),
    [
        ("前郭尔罗斯镇", "前郭尔罗斯蒙古族自治县", ("前郭镇",)),
        ("长山镇", "前郭尔罗斯蒙古族自治县", ()),
        ("塔山街道", "越城区", ()),
        ("科尔沁镇", "科尔沁左翼中旗", ()),
    ],
)
def test_a_town_that_bears_its_countys_long_name_has_a_short_one(street, county, forms):
    assert seat_forms(street, county) == forms


@pytest.mark.parametrize(
    ("text", "kind", "base"),
    [
        ("国雅社区3号", "J", "国雅"),
        ("国雅居委会3号", "J", "国雅"),
        ("东湖村委会", "C", "东湖"),
        ("茂力格尔嘎查委会", "C", "茂力格尔嘎查"),
        ("三坪一连队", "O", "三坪一连队"),
        ("红星管理区", "O", "红星管理区"),
    ],
)
def test_a_mention_says_the_kind_and_ends_the_base(text, kind, base):
    mention = MENTION.search(text)
    assert mention_kind(mention.group()) == kind
    assert mention_base(text, 0, mention) == (base, len(base))
