from __future__ import annotations

import io
import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.addresses.file import resolve_file
from services.addresses.gazetteer import Gazetteer
from tests.rules.address_tables import written


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return written(tmp_path_factory.mktemp("tables"))


@pytest.fixture
def gazetteer(cache, tables):
    return Gazetteer.open(cache, *tables)


def best(answer):
    return (
        (answer.decision, answer.candidates[0].code)
        if answer.candidates
        else (answer.decision, None)
    )


@pytest.mark.parametrize(
    "address",
    [
        "浙江省绍兴市越城区塔山街道国雅社区3号楼",
        "浙绍兴越城塔山街道国雅社区",
        "地址：浙江省/绍兴市/越城区/塔山街道/国雅社区居民委员会。",
        "越城区塔山街道办事处国雅社区",
        "绍兴市越城区越城区塔山街道国雅社区",
        "塔山街道国雅社区12幢",
        "绍兴市越城区国雅社区",
    ],
)
def test_one_place_written_in_many_ways(gazetteer, address):
    assert best(gazetteer.resolve(address)) == ("route", "330602001001")


def test_evidence_quotes_the_original_and_speaks_two_languages(gazetteer):
    raw = "浙江省 绍兴市 越城区 塔山街道 国雅社区 3号楼"
    evidence = gazetteer.resolve(raw).candidates[0].evidence[0]
    start, end = evidence.span
    assert raw[start:end] == "浙江省 绍兴市 越城区 塔山街道 国雅社区" == evidence.text
    assert "国雅社区居民委员会" in evidence.zh and "names" in evidence.en


def test_a_namesake_in_two_streets_is_asked_with_both(gazetteer):
    answer = gazetteer.resolve("绍兴市越城区清水桥社区5号")
    assert answer.decision == "ask"
    assert {c.code for c in answer.candidates[:2]} == {"330602001003", "330602002001"}
    assert answer.candidates[0].confidence <= 0.5


def test_depth_is_an_answer(gazetteer):
    answer = gazetteer.resolve("浙江省绍兴市越城区塔山街道延安路8号")
    assert (answer.candidates[0].code, answer.candidates[0].level) == ("330602001", "street")


def test_a_community_in_no_list_is_said_to_be(gazetteer):
    answer = gazetteer.resolve("浙江省绍兴市越城区塔山街道金时代社区8号")
    assert answer.candidates[0].code == "330602001"
    assert (
        answer.candidates[0].evidence[-1].zh == "塔山街道的名录中没有「金时代社区」，止于塔山街道"
    )


def test_a_community_that_is_gone_stops_at_its_street_and_says_since_when(gazetteer):
    answer = gazetteer.resolve("浙江省绍兴市越城区塔山街道咸亨社区2号")
    assert answer.candidates[0].code == "330602001"
    assert any("2020" in e.zh for e in answer.candidates[0].evidence)


def test_a_community_that_moved_is_found_in_its_street_of_today(gazetteer):
    answer = gazetteer.resolve("浙江省绍兴市越城区塔山街道花雕坊社区2号")
    assert answer.candidates[0].code == "330602002002"
    assert any("「花雕坊社区」原属塔山街道" in e.zh for e in answer.candidates[0].evidence)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("浙江省绍兴市绍兴县柯桥街道红丰社区", "330603001001"),
        ("浙江省绍兴市越城区城南乡丁家堰村", "330602003201"),
    ],
)
def test_old_names_of_county_and_street_lead_to_today(gazetteer, address, code):
    assert best(gazetteer.resolve(address))[1] == code


def test_old_codes_resolve(gazetteer):
    assert gazetteer.current("330621") == ["330603"]
    assert gazetteer.current("330602909") == ["330602003"]
    assert gazetteer.current("330602909201") == ["330602003201"]
    assert gazetteer.current("330602001001") == ["330602001001"]
    assert gazetteer.current("999999") == []
    assert gazetteer.name("330602909") == "城南乡"


def test_a_slip_is_mended_inside_the_stated_street_only(gazetteer):
    assert best(gazetteer.resolve("浙江省绍兴市越城区塔山街道国亚社区1号"))[1] == "330602001001"
    assert best(gazetteer.resolve("浙江省绍兴市越城区府山街道国亚社区1号"))[1] == "330602002"


def test_a_confirmed_case_is_seen_by_the_next_and_can_be_withdrawn(gazetteer):
    asked = "浙江省绍兴市越城区国雅彩云间3栋"
    assert best(gazetteer.resolve(asked))[1] == "330602"
    gazetteer.learn(
        "浙江省绍兴市越城区国雅彩云间5栋", "330602001001", source="case-1", on=date(2026, 5, 1)
    )
    gazetteer.learn(
        "浙江省绍兴市越城区塔山街道国雅彩云间8栋",
        "330602001001",
        source="case-2",
        on=date(2026, 6, 1),
    )
    answer = gazetteer.resolve(asked)
    assert answer.candidates[0].code == "330602001001"
    assert any(
        "2 例中 2 例" in e.zh and "国雅彩云间" in e.zh for e in answer.candidates[0].evidence
    )
    assert any("the last on 2026-06-01" in e.en for e in answer.candidates[0].evidence)
    gazetteer.withdraw("case-2")
    assert any(
        "the last on 2026-05-01" in e.en for e in gazetteer.resolve(asked).candidates[0].evidence
    )
    gazetteer.withdraw("case-1")
    assert best(gazetteer.resolve(asked))[1] == "330602"


def test_evidence_that_disagrees_is_asked(gazetteer):
    gazetteer.learn("越城区锦绣华庭1栋", "330602001001", source="a")
    gazetteer.learn("越城区锦绣华庭2栋", "330602002001", source="b")
    answer = gazetteer.resolve("绍兴市越城区锦绣华庭3栋")
    assert answer.decision == "ask"
    assert {c.code for c in answer.candidates[:2]} == {"330602001001", "330602002001"}


def test_the_nearest_confirmed_house_number_speaks(gazetteer):
    gazetteer.learn("越城区塔山街道国雅社区延安路100号", "330602001001", source="a")
    gazetteer.learn("越城区府山街道花雕坊社区延安路300号", "330602002002", source="b")
    assert gazetteer.resolve("绍兴市越城区延安路104号").candidates[0].code == "330602001001"
    assert gazetteer.resolve("绍兴市越城区延安路296号").candidates[0].code == "330602002002"
    assert gazetteer.resolve("绍兴市越城区延安路100号").decision in ("route", "ask")


def test_beside_what_a_road_suggests_a_person_may_choose_a_neighbour(gazetteer):
    gazetteer.learn("越城区塔山街道国雅社区延安路100号", "330602001001", source="a")
    gazetteer.learn("越城区塔山街道清水桥社区大街7号", "330602001003", source="b")
    answer = gazetteer.resolve("绍兴市越城区延安路196号")
    assert answer.decision == "ask"
    first, *beside = answer.candidates
    assert first.code == "330602001001"
    assert [c.code for c in beside] == ["330602001003", "330602001002", "330602001201"]
    assert all(c.confidence <= 0.05 for c in beside)
    assert "国雅社区居民委员会" in beside[0].evidence[0].zh and "1 例" in beside[0].evidence[0].zh
    gazetteer.withdraw("b")
    assert gazetteer.resolve("绍兴市越城区延安路196号").candidates[1].code == "330602001002"


def test_a_compound_without_any_place_is_never_placed(gazetteer):
    gazetteer.learn("越城区国雅彩云间5栋", "330602001001", source="a")
    assert best(gazetteer.resolve("国雅彩云间3栋")) == ("none", None)
    assert gazetteer.resolve("国雅彩云间3栋", county="越城区").candidates[0].code == "330602001001"


def test_a_county_given_apart_may_be_code_name_or_full_name(gazetteer):
    for county in ("330602", "越城区", "浙江省绍兴市越城区", "330602001001"):
        answer = gazetteer.resolve("清水桥社区5号", county)
        assert answer.decision == "ask" and len(answer.candidates) == 2, county
    assert best(gazetteer.resolve("清水桥社区5号", "朝阳区")) == ("none", None)
    assert (
        gazetteer.resolve("柯桥区柯桥街道红丰社区", "越城区").candidates[0].code == "330603001001"
    )


def test_evidence_under_an_old_code_counts_for_its_heir(gazetteer):
    gazetteer.learn("越城区城南乡丁家堰村锦绣华庭1栋", "330602909201", source="a")
    assert gazetteer.resolve("越城区皋埠镇锦绣华庭2栋").candidates[0].code == "330602003201"
    gazetteer.learn("越城区无名花园1栋", "999999999999", source="b")
    assert gazetteer.resolve("越城区无名花园2栋").candidates[0].code == "330602"


def test_whoever_wants_more_asked_says_so(cache, tables):
    strict = Gazetteer.open(cache, *tables, route_at=0.9999)
    assert strict.resolve("绍兴市越城区国雅社区").decision == "ask"


def test_a_source_that_repeats_itself_counts_once(gazetteer):
    for _ in range(3):
        gazetteer.learn("越城区国雅彩云间5栋", "330602001001", source="a")
    answer = gazetteer.resolve("绍兴市越城区国雅彩云间3栋")
    assert any("1 例中 1 例" in e.zh for e in answer.candidates[0].evidence)


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "   ",
        "路" * 10_000,
        "社区" * 5_000,
        "😀😀😀",
        "\ud83d\udc7e\ud800",
        "1600 Pennsylvania Avenue NW, Washington, DC 20500",
        "東京都千代田区千代田1-1",
        "'; DROP TABLE division; --",
        "<script>alert(1)</script>",
        "0" * 10_000,
    ],
)
def test_what_is_no_address_here_is_answered_none(gazetteer, address):
    assert best(gazetteer.resolve(address)) == ("none", None)


PIECES = st.sampled_from(
    ["浙江省", "绍兴市", "越城区", "塔山街道", "国雅社区", "清水桥", "村", "社区", "镇", "嘎查",
     "路", "12号", "3栋", "浙", "附", "-", "(", "二区", "东湖村", "城南乡", "咸亨社区", " ", "a",
     "\ud800", "延安路", "柯桥"]
)  # fmt: skip


@given(
    st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join),
    st.sampled_from([None, "越城区", "330602", "x"]),
)
def test_never_an_error_and_always_in_order(shared_gazetteer, address, county):
    answer = shared_gazetteer.resolve(address, county)
    sure = [c.confidence for c in answer.candidates]
    assert len(sure) <= 5 and sure == sorted(sure, reverse=True) and all(0 <= s <= 1 for s in sure)
    assert len({c.code for c in answer.candidates}) == len(sure)
    assert (answer.decision == "none") == (not sure)
    for candidate in answer.candidates:
        for evidence in candidate.evidence:
            assert evidence.zh and evidence.en
            if evidence.span:
                assert address[slice(*evidence.span)] == evidence.text


def test_of_two_streets_in_a_county_the_second_is_not_surer_than_the_first(gazetteer):
    answer = gazetteer.resolve("浙江省一旗塔山街道城南乡")
    sure = [candidate.confidence for candidate in answer.candidates]
    assert len(sure) == 3 and sure == sorted(sure, reverse=True)


@given(st.text(max_size=40))
def test_anything_can_be_learned(shared_gazetteer, address):
    shared_gazetteer.learn(address, "330602001001", source="x")
    shared_gazetteer.withdraw("x")
    shared_gazetteer.withdraw("never heard of")


@pytest.fixture(scope="module")
def shared_gazetteer(cache, tables):
    return Gazetteer.open(cache, *tables)


def test_a_table_with_a_bad_code_is_refused_with_its_line(tmp_path, cache):
    table = tmp_path / "own.csv"
    table.write_text("code,name,level,parent\n33,浙江省,1,\n33x,坏,2,33\n", "utf-8")
    with pytest.raises(ValueError, match="line 3"):
        Gazetteer.open(cache, table, table)


def test_the_snapshot_is_compiled_once(cache, tables):
    first = Gazetteer.open(cache, *tables).snapshot.version
    stamp = (cache / first).stat().st_mtime_ns
    assert Gazetteer.open(cache, *tables).snapshot.version == first
    assert (cache / first).stat().st_mtime_ns == stamp


def test_a_file_is_answered_in_order_and_its_bad_lines_are_named(
    tmp_path, cache, monkeypatch, tables
):
    open_small = Gazetteer.open.__func__
    monkeypatch.setattr(
        Gazetteer, "open", classmethod(lambda cls, c, d=None, h=None: open_small(cls, c, *tables))
    )
    inp, out, learn = tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "confirmed.jsonl"
    good = {"id": "a", "address": "越城区塔山街道国雅社区"}
    known = {"id": "b", "address": "国雅彩云间3栋", "county": "330602"}
    inp.write_text(
        f'{json.dumps(good)}\nno json\n{{"address": "x"}}\n{json.dumps(known)}\n', "utf-8"
    )
    learn.write_text(
        '{"id":"c1","address":"越城区国雅彩云间1栋","code":"330602001001"}\n{"address":"x","code":"1"}\n',
        "utf-8",
    )
    said = io.StringIO()
    assert resolve_file(inp, out, learn, cache=cache, messages=said) == 1
    answers = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [a["id"] for a in answers] == ["a", "b"]
    assert [a["candidates"][0]["code"] for a in answers] == ["330602001001"] * 2
    assert "in.jsonl, line 2" in said.getvalue() and "line 3" in said.getvalue()
    assert "confirmed.jsonl, line 2" in said.getvalue() and "/s)" in said.getvalue()


def test_bad_usage_changes_nothing(tmp_path, cache):
    out = tmp_path / "out.jsonl"
    assert resolve_file(tmp_path / "missing.jsonl", out, cache=cache, messages=io.StringIO()) == 2
    assert not out.exists()
