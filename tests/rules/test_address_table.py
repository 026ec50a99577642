"""The compiled table: forms of names, what is looked up in it, and what became of earlier
editions.
"""

from __future__ import annotations

import pytest

from services.addresses.county import Communities, Counties, Streets
from services.addresses.divisions import Divisions
from services.addresses.forms import (
    FormKind,
    PastDivision,
    all_forms,
    prefixes,
    sounds,
    street_tables,
    written,
)

UPPER = {
    "33": "浙江省",
    "3306": "绍兴市",
    "330602": "越城区",
    "330602001": "塔山街道",
    "31": "上海市",
    "3101": "市辖区",
    "310112": "闵行区",
}


@pytest.fixture
def divisions(snapshot):
    return Divisions(snapshot)


@pytest.mark.parametrize(
    ("code", "full", "short"),
    [
        ("33", "浙江省", "浙江"),
        ("3306", "绍兴市", "绍兴"),
        ("330602", "越城区", "越城"),
        ("330602001", "塔山街道办事处", "塔山镇"),
    ],
)
def test_every_division_is_written_in_full_and_in_short(code, full, short):
    forms = dict(written(code, UPPER[code], UPPER))
    assert forms[full] == FormKind.FULL
    assert forms[short] == FormKind.SHORT


def test_a_form_names_all_divisions_it_may_mean_and_common_words_none():
    past = [PastDivision("330621", "绍兴县", 2018)]
    forms = all_forms(UPPER, past, {"330621": ["330602"]})
    assert forms["越城区"] == "F330602"
    assert forms["绍兴县"] == "O330602"
    assert forms["绍兴"] == "W3306"
    assert "街道" not in forms


def test_prefixes_lead_from_the_province_to_the_county():
    past = [PastDivision("330621", "绍兴县", 2018), PastDivision("330699", "镜湖区", 2016)]
    texts = prefixes(UPPER, past, {"330621": ["330602"]})
    for text in ("浙江省绍兴市越城区", "浙江绍兴越城", "浙绍兴越城区", "绍兴市绍兴县", "越城区"):
        assert texts[text] == "330602", text
    for text in ("上海市闵行区", "上海闵行", "上海市市辖区闵行区", "沪闵行区"):
        assert texts[text] == "310112", text
    assert not any("镜湖" in text for text in texts)


def test_an_official_name_of_a_street_beats_anothers_form():
    strong, weak = street_tables({"1": "塔山街道", "2": "塔山镇", "3": "皋埠镇"})
    assert (strong["塔山街道"], strong["塔山镇"]) == ("1", "2")
    assert weak["塔山乡"] == ("1", "2")
    assert weak["皋埠街道"] == ("3",)
    assert "塔山镇" not in weak


def test_characters_have_their_toneless_readings():
    readings = sounds()
    assert readings["国"] == "guo"
    assert "zhong" in readings["重"] and "chong" in readings["重"]


def test_communities_are_found_by_street_or_county_and_base(snapshot):
    index = snapshot.index("330602001003")
    assert snapshot.find("330602001", "清水桥", "J") == index
    assert snapshot.find("330602001", "清水桥", "C") is None
    assert snapshot.find("310112501", "清水桥", "J") is None
    assert snapshot.find_all("330602", "清水桥") == (index, snapshot.index("330602002001"))
    assert snapshot.find_all("330602", "") == ()
    assert snapshot.find_all("999999", "清水桥") == ()


def test_a_community_has_its_code_name_base_and_kind(snapshot):
    index = snapshot.index("330602003202")
    assert snapshot.code(index) == "330602003202"
    assert snapshot.community_name(index) == "樊江嘎查"
    assert snapshot.named(index) == ("樊江嘎查", "330602003202")
    assert snapshot.base(index) == ("樊江嘎查", "C")
    assert snapshot.index("330602003203") is None


def test_communities_are_found_by_the_beginning_of_their_base(snapshot):
    low, high = snapshot.county_range("330602")
    codes = [snapshot.code(index) for index in snapshot.starting(low, high, "花雕")]
    assert codes == ["330602002002", "330602002003"]
    assert list(snapshot.starting(low, high, "宝龙")) == []
    assert snapshot.county_range("999999") == (0, 0)


def test_communities_that_left_their_street_are_remembered(snapshot):
    (gone,) = snapshot.old("330602", "咸亨")
    assert (gone.kind, gone.code, gone.street, gone.last_year) == (
        "J",
        "330602001009",
        "330602001",
        2020,
    )
    assert snapshot.old("330602", "国雅") == []
    assert snapshot.old("999999", "咸亨") == []
    assert snapshot.old_base("330602001009") == ("咸亨", "J")
    assert snapshot.old_base("330602001001") is None


def test_the_longest_key_of_a_trie_is_found(snapshot):
    assert snapshot.forms.longest("塔山街道办事处国雅社区") == (7, "F330602001")
    assert snapshot.forms.longest("某地") is None
    assert snapshot.prefixes.longest("浙江省绍兴市越城区塔山") == (9, "330602")
    assert snapshot.prefixes.longest("浙江省绍兴市越城区塔山") == (9, "330602")
    assert snapshot.prefixes.longest("某地") is None


def test_a_county_knows_the_forms_and_stems_of_its_streets(snapshot):
    streets = Streets(snapshot, "330602")
    assert streets.strong["塔山街道"] == "330602001"
    assert streets.weak["塔山镇"] == ("330602001",)
    assert streets.old["城南乡"] == ("330602003",)
    assert streets.weak["城南乡"] == ("330602004",)
    assert streets.lengths == tuple(sorted(streets.lengths, reverse=True))
    assert [(street.stem, street.tail) for street in streets.stems()] == [
        ("塔山", "街道"),
        ("府山", "街道"),
        ("皋埠", "镇"),
        ("城南", "街道"),
    ]


def test_a_county_knows_its_communities_by_base(snapshot):
    communities = Communities(snapshot, "330602")
    first, second = snapshot.index("330602001003"), snapshot.index("330602002001")
    assert communities.get("清水桥") == (first, second)
    assert communities.get("国雅") == (snapshot.index("330602001001"),)
    assert communities.get("宝龙城") == ()
    assert len(communities) == 8
    assert len(Communities(snapshot, "999999")) == 0


def test_only_so_many_communities_are_held(snapshot):
    counties = Counties(snapshot, bases_max=5)
    first = counties.communities("330602")
    assert counties.communities("330602") is first
    counties.communities("310112")
    assert counties.communities("330602") is not first
    assert counties.named("330602", "国雅") == (snapshot.index("330602001001"),)


def test_codes_have_names_from_the_province_down(divisions):
    assert divisions.names("310112102001") == ["上海市", "闵行区", "七宝镇", "宝龙城社区居民委员会"]
    assert divisions.full_name("330602001") == "浙江省绍兴市越城区塔山街道"
    assert divisions.name("330602909") == "城南乡"
    assert divisions.name("330602001999") is None
    assert divisions.name("99") is None


@pytest.mark.parametrize(
    ("code", "today"),
    [
        ("330602001001", ["330602001001"]),
        ("330602", ["330602"]),
        ("330621", ["330603"]),
        ("330602909", ["330602003"]),
        ("330602909201", ["330602003201"]),
        ("330602001010", ["330602002002"]),
        ("330602001009", []),
        ("999999", []),
        ("999999999999", []),
    ],
)
def test_an_old_code_leads_to_its_heirs(divisions, code, today):
    assert divisions.current(code) == today
