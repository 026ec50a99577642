"""Names anywhere in a text, the counties they support, and the walk from the top down."""

from __future__ import annotations

import pytest

from services.addresses.scan import Scan
from services.addresses.signs import CountySign
from services.addresses.walk import Walk, harmless


@pytest.fixture
def scan(snapshot):
    return Scan(snapshot)


@pytest.fixture
def walk(snapshot, counties):
    return Walk(snapshot, counties)


def names(text, hits):
    return [text[hit.start : hit.end] for hit in hits]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("浙江省绍兴市越城区塔山街道", ["浙江省", "绍兴市", "越城区", "塔山街道"]),
        ("住在绍兴越城塔山街道", ["绍兴", "越城", "塔山街道"]),
        ("浙绍兴市", ["浙", "绍兴市"]),
        ("绍兴路8号", []),
        ("上海大厦", []),
        ("", []),
    ],
)
def test_the_longest_names_are_found_from_left_to_right(scan, text, right):
    assert names(text, scan.hits(text, 0)) == right


def test_a_name_says_what_it_may_mean(scan):
    (hit,) = scan.hits("闵行区", 0)
    assert [(kind, code) for kind, code in hit.means] == [("F", "310112")]
    (hit,) = scan.hits("绍兴县", 0)
    assert ("O", "330603") in hit.means


def supported(scan, text, hints=frozenset()):
    supports = scan.supports(scan.hits(text, 0), hints)
    return [(support.county, support.sign) for support in supports]


@pytest.mark.parametrize(
    ("text", "county", "sign"),
    [
        ("绍兴市越城区塔山街道", "330602", CountySign.FULL_NAME),
        ("绍兴越城塔山街道", "330602", CountySign.SHORT_NAME),
        ("塔山街道国雅社区", "330602", CountySign.IMPLIED),
        ("绍兴市塔山街道", "330602", CountySign.CITY),
        ("上海市越城区", "330602", CountySign.CONTRADICTED),
    ],
)
def test_a_county_is_supported_by_what_the_text_names(scan, text, county, sign):
    assert supported(scan, text)[0] == (county, sign)


def test_a_county_given_apart_is_supported_without_a_name(scan):
    assert supported(scan, "国雅社区", frozenset(("330602",))) == [("330602", CountySign.HINT)]


def test_a_county_outside_the_city_at_the_head_is_left_out(scan):
    assert supported(scan, "上海市塔山街道") == []


def test_a_name_that_stands_far_on_supports_its_county_less(scan):
    text = "塔山街道国雅社区"
    (near,) = scan.supports(scan.hits(text, 0))
    (far,) = scan.supports(scan.hits("某地" * 13 + text, 0))
    assert far.points == near.points / 2


def test_streets_are_read_behind_the_county_or_at_the_street(scan):
    (support,) = scan.supports(scan.hits("绍兴市越城区国雅社区", 0))
    assert support.start == 6
    (support,) = scan.supports(scan.hits("老地方塔山街道", 0))
    assert support.start == 3


def test_the_head_of_a_text_is_what_it_names_above_counties(scan):
    hits = scan.hits("浙江省绍兴市延安路", 0)
    assert scan.head(hits) == [("33",), ("3306",)]
    hit, code = scan.place(hits)
    assert (hit.start, hit.end, code) == (3, 6, "3306")
    assert scan.cities(hits) == [("3306", 6)]


def test_a_text_without_a_head_names_no_place(scan):
    hits = scan.hits("塔山街道", 0)
    assert scan.head(hits) == []
    assert scan.place(hits) is None


@pytest.mark.parametrize(
    ("name", "codes"),
    [("越城区", {"330602"}), ("越城", {"330602"}), ("越城区塔山", set()), ("朝阳区", set())],
)
def test_counties_are_found_by_the_whole_name(scan, name, codes):
    assert scan.counties_called(name) == codes


def test_the_walk_reads_an_address_to_its_community(walk, snapshot):
    text = "浙江省绍兴市越城区塔山街道国雅社区3号楼"
    step = walk.read(text)
    assert (step.county, step.street) == ("330602", "330602001")
    assert snapshot.code(step.community) == "330602001001"
    assert text[step.community_end :] == "3号楼"


@pytest.mark.parametrize(
    ("text", "county", "street"),
    [
        ("越城区塔山街道延安路", "330602", "330602001"),
        ("家庭住址浙江省绍兴市越城区塔山街道", "330602", "330602001"),
        ("绍兴市越城区越城区塔山街道", "330602", "330602001"),
        ("绍兴市越城区延安路", "330602", None),
        ("家庭住址延安路", None, None),
        ("延安路8号", None, None),
        ("", None, None),
    ],
)
def test_the_walk_goes_as_far_as_every_step_is_exact(walk, text, county, street):
    step = walk.read(text)
    assert (step.county, step.street, step.community) == (county, street, None)


def test_each_step_of_the_walk_says_where_it_ends(walk):
    text = "绍兴市越城区塔山街道国雅社区"
    assert walk.county(text, 0) == ("330602", 6)
    assert walk.street(text, "330602", 6) == ("330602001", 10)
    assert walk.street(text, "330602", 0) == (None, 0)
    index, end = walk.community(text, "330602001", 10)
    assert index is not None
    assert end == len(text)
    assert walk.community(text, "330602002", 10) == (None, 10)
    assert walk.county("延安路", 0) == (None, 0)


@pytest.mark.parametrize(
    ("suffix", "kind", "behind", "right"),
    [
        ("社区", "J", "3号楼", True),
        ("社区", "J", "", True),
        ("社区", "J", "卫生服务站", False),
        ("社区", "J", "路8号", False),
        ("村", "C", "3组", True),
        ("村", "C", "小学", False),
        ("村", "C", "大道8号", False),
        ("社区", "J", "花园3栋", True),
        ("村", "C", "花园3栋", False),
    ],
)
def test_what_follows_may_make_a_road_or_a_school_of_a_community(suffix, kind, behind, right):
    text = f"国雅{suffix}{behind}"
    assert harmless(text, 2 + len(suffix), kind) is right
