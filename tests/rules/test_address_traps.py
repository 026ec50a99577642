"""Texts in which a right-looking name is not the one that is meant."""

from __future__ import annotations

import pytest

from services.addresses.gazetteer import Gazetteer

NOW = """code,name,level,parent
12,天津市,1,
1201,市辖区,2,12
120102,河东区,3,1201
120102001,大王庄街道,4,120102
31,上海市,1,
3101,市辖区,2,31
310104,徐汇区,3,3101
310104011,田林街道,4,310104
310104011013,田林十二村居委会,5,310104011
310104011014,田林新苑居委会,5,310104011
310104011015,宜山路居委会,5,310104011
310104011016,花园西里社区居委会,5,310104011
310104011017,花园西里三区社区居委会,5,310104011
310104011018,田木林居委会,5,310104011
310104014,虹梅路街道,4,310104
310104014001,桂林苑居委会,5,310104014
310112,闵行区,3,3101
310112102,七宝镇,4,310112
310112102056,航华一村第一居委会,5,310112102
310112108,梅陇镇,4,310112
310112108202,华一村村委会,5,310112108
32,江苏省,1,
3209,盐城市,2,32
320904,大丰区,3,3209
320904002,大中街道,4,320904
320904002001,飞达社区居委会,5,320904002
320904400,大中农场,4,320904
37,山东省,1,
3707,潍坊市,2,37
370705,奎文区,3,3707
370705009,新城街道,4,370705
370705009001,金马社区居委会,5,370705009
43,湖南省,1,
4301,长沙市,2,43
430121,长沙县,3,4301
430121101,江背镇,4,430121
430181,浏阳市,3,4301
430181101,江背镇,4,430181
46,海南省,1,
4602,三亚市,2,46
460203,吉阳区,3,4602
460203001,下洋田街道,4,460203
61,陕西省,1,
6106,延安市,2,61
610602,宝塔区,3,6106
610602006,新城街道,4,610602
610602006001,桃园社区居委会,5,610602006
65,新疆维吾尔自治区,1,
6501,乌鲁木齐市,2,65
650103,沙依巴克区,3,6501
650103004,友好南路街道,4,650103
650109,米东区,3,6501
650109006,南路街道,4,650109
"""
PAST = "code,name,level,parent,first_edition,last_edition\n"


@pytest.fixture(scope="module")
def gazetteer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traps")
    now, past = folder / "divisions.csv", folder / "history.csv"
    now.write_text(NOW, "utf-8")
    past.write_text(PAST, "utf-8")
    return Gazetteer.open(folder, now, past)


def told(gazetteer, address):
    answer = gazetteer.resolve(address)
    return answer.decision, [c.code for c in answer.candidates]


@pytest.mark.parametrize(
    "address", ["山东潍坊高新区新城街道桃园社区", "山东省潍坊市新城街道桃园社区3号"]
)
def test_no_community_of_another_province_than_the_one_named(gazetteer, address):
    decision, codes = told(gazetteer, address)
    assert codes[0] == "370705009" and not any(code.startswith("61") for code in codes)


def test_a_county_of_another_province_is_never_more_than_a_possibility(gazetteer):
    decision, codes = told(gazetteer, "海南省三亚市河东区鹿回头居委会")
    assert decision == "ask" and codes == ["4602", "120102"]


@pytest.mark.parametrize(
    ("address", "code"),
    [("天津市塘沽区营口道", "12"), ("江苏盐城阜宁县", "3209"), ("山东省潍坊市石灰窑区", "3707")],
)
def test_where_only_the_city_can_be_told_the_city_is_the_answer(gazetteer, address, code):
    assert told(gazetteer, address) == ("ask", [code])


def test_a_city_whose_name_a_road_bears_is_not_stated(gazetteer):
    assert told(gazetteer, "天津路8号") == ("none", [])
    assert told(gazetteer, "延安新村沙依巴克区友好南路街道")[1][0] == "650103004"


def test_a_street_inside_the_name_of_another_is_not_named(gazetteer):
    assert told(gazetteer, "乌鲁木齐沙区友好南路街道") == ("route", ["650103004"])


def test_a_village_inside_the_name_of_another_place_is_not_routed(gazetteer):
    decision, codes = told(gazetteer, "上海闵行七宝航华一村一居委")
    assert decision == "ask" and codes[0].startswith("310112102")


def test_a_street_named_by_its_stem_is_offered_but_not_routed(gazetteer):
    answer = gazetteer.resolve("上海市徐汇区田林宜山路居委会旁")
    assert answer.candidates[0].code == "310104011015"
    answer = gazetteer.resolve("上海市徐汇区田林某某大院")
    assert (answer.decision, answer.candidates[0].code) == ("ask", "310104011")
    assert answer.candidates[0].evidence[-1].zh == "「田林」与田林街道同名，未写街道、镇、乡字样"
    road = gazetteer.resolve("上海市徐汇区田林路400号")
    assert road.decision == "ask" and not any(
        "未写街道" in e.zh for c in road.candidates for e in c.evidence
    )


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("上海徐汇田林街道田林12村28号302", "310104011013"),
        ("上海市徐汇区田林街道田林12村居委会", "310104011013"),
        ("上海徐汇田林街道花园西里3区2号楼", "310104011017"),
        ("上海徐汇田林街道花园西里2号楼", "310104011016"),
    ],
)
def test_a_number_in_a_name_may_be_written_in_figures(gazetteer, address, code):
    answer = gazetteer.resolve(address)
    assert answer.candidates[0].code == code
    for reason in answer.candidates[0].evidence:
        assert reason.text == address[slice(*reason.span)]


@pytest.mark.parametrize("address", ["江苏盐城大丰市大中镇", "盐城大丰县大中镇飞达社区"])
def test_a_county_that_was_a_city_or_a_county_before(gazetteer, address):
    answer = gazetteer.resolve(address)
    assert answer.decision == "route" and answer.candidates[0].code.startswith("320904002")
    assert not any("市大中" in e.text for e in answer.candidates[0].evidence)


def test_the_name_of_the_street_is_no_slip_for_a_community(gazetteer):
    answer = gazetteer.resolve("上海市徐汇区田林街道田林社区")
    assert answer.candidates[0].code == "310104011"
    assert answer.candidates[0].evidence[-1].zh == "田林街道的名录中没有「田林社区」，止于田林街道"
    assert gazetteer.resolve("上海市徐汇区田林街道田牧林社区").candidates[0].code == "310104011018"


def test_of_two_streets_the_community_tells_which_else_a_person(gazetteer):
    address = "上海市徐汇区田林街道 虹梅路街道 桂林苑居委会"
    assert (
        told(gazetteer, address)[0] == "route" and told(gazetteer, address)[1][0] == "310104014001"
    )
    decision, codes = told(gazetteer, "上海市徐汇区田林街道虹梅路街道某某公寓")
    assert decision == "ask" and set(codes) == {"310104011", "310104014"}
    assert told(gazetteer, "上海市徐汇区田林街道（原虹梅路街道）某某公寓")[1] == ["310104011"]


def test_a_street_is_found_behind_a_road(gazetteer):
    answer = gazetteer.resolve("上海市徐汇区宜山路虹梅路街道桂林苑居委会")
    assert (answer.decision, answer.candidates[0].code) == ("route", "310104014001")
    assert not any("不符" in e.zh for e in answer.candidates[0].evidence)


def test_the_name_of_a_city_is_not_that_of_a_county_called_like_it(gazetteer):
    assert told(gazetteer, "湖南省长沙市某某花园8号楼") == ("ask", ["4301"])
    decision, codes = told(gazetteer, "湖南省长沙市江背镇")
    assert decision == "ask" and set(codes[:2]) == {"430121101", "430181101"}
    assert told(gazetteer, "湖南省长沙市长沙县江背镇") == ("route", ["430121101"])
