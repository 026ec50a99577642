"""What is read below a county: the street that is stated, the communities named, and near
misses.
"""

from __future__ import annotations

import pytest

from services.addresses.community_reader import CommunityReader, settled, tells_of_gone
from services.addresses.guess import Guess
from services.addresses.learned import Learned
from services.addresses.near import Near
from services.addresses.passage import mentions
from services.addresses.reader import Reader
from services.addresses.signs import CommunitySign, CountySign, Signs, StreetSign
from services.addresses.slips import Slip
from services.addresses.street_reader import StreetReader

YUECHENG, MINHANG = "330602", "310112"


@pytest.fixture
def streets(snapshot, counties):
    return StreetReader(snapshot, counties)


@pytest.fixture
def communities(snapshot, counties):
    return CommunityReader(snapshot, counties)


@pytest.fixture
def near(snapshot, counties):
    return Near(snapshot, counties)


@pytest.fixture
def reader(snapshot, counties):
    return Reader(snapshot, counties, Learned())


def read(guesses):
    """Community codes and signs of guesses."""
    return [(guess.code, guess.signs.street, guess.signs.community) for guess in guesses]


@pytest.mark.parametrize(
    ("text", "written", "signs"),
    [
        ("塔山街道国雅社区", "塔山街道", {"330602001": StreetSign.EXACT}),
        ("塔山街道办国雅社区", "塔山街道办", {"330602001": StreetSign.EXACT}),
        ("塔山镇国雅社区", "塔山镇", {"330602001": StreetSign.OTHER_FORM}),
        (
            "城南乡丁家堰村",
            "城南乡",
            {"330602004": StreetSign.OTHER_FORM, "330602003": StreetSign.OLD_NAME},
        ),
        ("塔珊街道国雅社区", "塔珊街道", {"330602001": StreetSign.SLIP}),
        ("金时代街道8号", "金时代街道", {}),
    ],
)
def test_a_street_is_read_by_its_name_or_another(streets, text, written, signs):
    stated = streets.stated(text, YUECHENG, 0)
    assert stated.signs == signs
    assert text[stated.start : stated.end] == written


def test_where_no_street_is_named_none_is_stated(streets):
    assert streets.stated("延安路8号", YUECHENG, 0) is None


@pytest.mark.parametrize(
    ("text", "county", "code", "slip"),
    [
        ("塔珊街道", YUECHENG, "330602001", Slip.SOUND),
        ("府上街道", YUECHENG, "330602002", Slip.NEAR_SOUND),
        ("古美街道", MINHANG, "310112006", Slip.MISSING),
        ("八镇李街道", MINHANG, "310112108", Slip.SOUND),
        ("莘装镇", MINHANG, "310112103", Slip.SOUND),
        ("莘装街道", MINHANG, "310112105", Slip.SOUND),
    ],
)
def test_the_slip_in_a_street_is_named(streets, text, county, code, slip):
    assert streets.stated(text, county, 0).slips == {code: slip}


def test_of_two_streets_one_behind_the_other_both_may_be_meant(streets):
    stated = streets.stated("古美路街道七宝镇", MINHANG, 0)
    assert stated.one_of_two
    assert stated.signs.keys() == {"310112006", "310112102"}


def test_a_street_behind_a_road_is_found(streets):
    stated = streets.stated("沪松公路七宝镇", MINHANG, 0)
    assert (stated.start, stated.end) == (4, 7)
    assert stated.signs == {"310112102": StreetSign.EXACT}


@pytest.mark.parametrize(
    ("text", "end", "right"),
    [
        ("越城区塔山街道", 3, 3),
        ("越城市塔山街道", 2, 3),
        ("越城市", 2, 3),
        ("越城市场", 2, 2),
    ],
)
def test_the_tail_of_another_kind_of_county_belongs_to_its_name(streets, text, end, right):
    assert streets.county_end(text, YUECHENG, end) == right


@pytest.mark.parametrize(
    ("text", "code", "street", "community"),
    [
        ("塔山街道国雅社区3号", "330602001001", StreetSign.EXACT, CommunitySign.EXACT),
        ("塔山街道国雅村", "330602001001", StreetSign.EXACT, CommunitySign.KIND_DIFFERS),
        (
            "塔山街道国雅社区卫生服务站",
            "330602001001",
            StreetSign.EXACT,
            CommunitySign.ROAD_OR_SCHOOL,
        ),
        ("东湖村小学", "330602001201", StreetSign.UNSTATED, CommunitySign.ROAD_OR_SCHOOL),
        ("国雅社区", "330602001001", StreetSign.UNSTATED, CommunitySign.EXACT),
        ("金时代街道国雅社区", "330602001001", StreetSign.UNKNOWN, CommunitySign.EXACT),
        ("府山街道国雅社区", "330602001001", StreetSign.OTHER, CommunitySign.EXACT),
        ("塔山街道延安路8号国雅社区", "330602001001", StreetSign.EXACT, CommunitySign.INSIDE),
        ("塔山街道花雕坊社区", "330602002002", StreetSign.LEFT, CommunitySign.EXACT),
    ],
)
def test_a_community_closed_by_its_suffix_is_read(
    communities, passage_of, text, code, street, community
):
    assert read(communities.read(passage_of(text, YUECHENG)))[0] == (code, street, community)


@pytest.mark.parametrize(
    ("text", "code", "community"),
    [
        ("大上海国际花园新宁村", "310112102202", CommunitySign.INSIDE),
        ("航华一村", "310112102201", CommunitySign.INSIDE_NAME),
        ("七宝镇杨渡村", "310112102002", CommunitySign.VILLAGE_NAME_KEPT),
    ],
)
def test_names_inside_names_are_told_apart(communities, passage_of, text, code, community):
    guesses = communities.read(passage_of(text, MINHANG))
    assert (code, community) in [(guess.code, guess.signs.community) for guess in guesses]


def test_a_community_that_left_the_stated_street_alone_may_be_a_namesake(communities, passage_of):
    (guess, *_) = communities.read(passage_of("七宝镇古龙社区", MINHANG))
    assert (guess.code, guess.signs.street) == ("310112006003", StreetSign.PROBABLY_LEFT)
    assert guess.reasons[0].rule == "community_moved"
    assert guess.reasons[0].facts == ("古龙社区居民委员会", "七宝镇", 2019)


def test_communities_of_one_name_are_all_read_and_counted(communities, passage_of):
    guesses = communities.read(passage_of("清水桥社区5号", YUECHENG))
    assert {guess.code for guess in guesses} == {"330602001003", "330602002001"}
    assert [guess.reasons[-1].rule for guess in guesses] == ["community_many"] * 2
    assert guesses[0].reasons[-1].facts == ("塔山街道清水桥社区居民委员会", "越城区", 2)


def test_a_community_that_is_gone_leaves_its_street(communities, passage_of):
    guesses = communities.read(passage_of("塔山街道咸亨社区2号", YUECHENG))
    assert read(guesses) == [("330602001", StreetSign.EXACT, CommunitySign.GONE)]
    assert tells_of_gone(guesses)
    assert guesses[0].reasons[-1].facts == ("塔山街道", 2020)


def test_the_code_of_a_community_that_is_gone_may_be_anothers_today(communities, passage_of):
    street, heir = communities.read(passage_of("七宝镇九星社区", MINHANG))
    assert street.signs.community == CommunitySign.GONE
    assert (heir.code, heir.signs.community) == ("310112102001", CommunitySign.CODE_HEIR)
    assert heir.score < street.score
    assert heir.reasons[-1].facts == ("宝龙城社区居民委员会",)


def test_a_village_name_that_a_community_kept_counts_less_than_its_own(communities, passage_of):
    kept, exact = communities.read(passage_of("七宝镇杨渡村社区", MINHANG))
    assert (kept.code, kept.signs.community) == (exact.code, CommunitySign.VILLAGE_NAME_KEPT)
    assert (exact.signs.community, kept.score < exact.score - 3) == (CommunitySign.EXACT, True)


def test_a_village_name_before_a_road_is_still_the_communitys(communities, passage_of):
    (kept, *_) = communities.read(passage_of("七宝镇杨渡村路3号", MINHANG))
    assert kept.signs.community == CommunitySign.VILLAGE_NAME_KEPT


def test_behind_a_community_that_is_gone_no_other_is_looked_for(communities, passage_of):
    guesses = communities.read(passage_of("塔山街道咸亨社区旁国雅社区", YUECHENG))
    assert [guess.signs.community for guess in guesses] == [CommunitySign.GONE]


def test_a_village_of_the_name_of_a_community_that_is_gone_is_not_gone(communities, passage_of):
    assert communities.read(passage_of("塔山街道咸亨村", YUECHENG)) == []


def test_a_longer_name_scores_more_and_a_doubtful_reading_less(communities, passage_of):
    def score(text):
        return communities.read(passage_of(text, YUECHENG))[0].score

    plain = score("塔山街道国雅社区")
    assert score("塔山街道鲁迅路社区") > plain
    assert score("塔山街道国雅村") < plain
    assert score("塔山街道延安路8号国雅社区") < plain
    assert score("塔山街道国雅社区卫生服务站") < plain


def guess(code, street, community):
    return Guess(code, 10.0, Signs(CountySign.PREFIX, street, community))


@pytest.mark.parametrize(
    ("guesses", "right"),
    [
        ([], False),
        ([guess("330602001001", StreetSign.EXACT, CommunitySign.EXACT)], True),
        ([guess("330602001001", StreetSign.UNSTATED, CommunitySign.EXACT)], True),
        ([guess("330602001001", StreetSign.OTHER, CommunitySign.EXACT)], False),
        ([guess("330602001001", StreetSign.EXACT, CommunitySign.INSIDE)], False),
        (
            [
                guess("330602001003", StreetSign.EXACT, CommunitySign.EXACT),
                guess("330602002001", StreetSign.EXACT, CommunitySign.EXACT),
            ],
            False,
        ),
    ],
)
def test_an_exact_reading_settles_it_only_alone_and_unopposed(guesses, right):
    assert settled(guesses) is right


def test_mentions_say_what_kind_of_community_they_close():
    text = "国雅社区东湖村小学三坪连队"
    first, second, third = mentions(text, 0, 4)
    assert [first.kind, second.kind, third.kind] == ["J", "C", "O"]
    assert [first.number, second.number, third.number] == [0, 1, 2]
    assert (first.base(0), second.base(4), third.base(9)) == (
        ("国雅", 2),
        ("东湖", 6),
        ("三坪连队", 13),
    )
    assert first.is_harmless and not second.is_harmless
    assert len(mentions(text, 0, 2)) == 2
    assert text[third.start : third.end] == "连队"


def test_a_street_may_be_named_by_its_stem(near, passage_of):
    stated = near.stem(passage_of("七宝3号", MINHANG))
    assert stated.signs == {"310112102": StreetSign.STEM}
    assert (stated.start, stated.end) == (0, 2)


def test_the_longest_stem_is_the_streets(near, passage_of):
    longest = near.stem(passage_of("莘庄北3号", MINHANG))
    assert longest.signs.keys() == {"310112104"}
    shared = near.stem(passage_of("莘庄3号", MINHANG))
    assert shared.signs.keys() == {"310112103", "310112105"}


@pytest.mark.parametrize("text", ["七宝路3号", "七宝新村3号", "七号"])
def test_a_stem_that_goes_on_as_a_road_or_estate_names_no_street(near, passage_of, text):
    assert near.stem(passage_of(text, MINHANG)) is None


@pytest.mark.parametrize(
    ("text", "county", "code", "community"),
    [
        ("塔山街道国雅3号", YUECHENG, "330602001001", CommunitySign.BARE),
        ("塔山街道清水桥3号", YUECHENG, "330602001003", CommunitySign.BARE),
        ("七宝镇宝龙城3号", MINHANG, "310112102001", CommunitySign.BARE),
        ("塔山街道国雅花园", YUECHENG, "330602001001", CommunitySign.BARE_BEFORE_COMPOUND),
        ("塔山街道国雅大酒店", YUECHENG, "330602001001", CommunitySign.BARE_BEFORE_COMPOUND),
        ("塔山街道鲁迅路3号", YUECHENG, "330602001002", CommunitySign.BARE_ROAD),
        ("古美路街道古美3弄", MINHANG, "310112006001", CommunitySign.BARE_STREET_NAME),
    ],
)
def test_a_bare_name_behind_its_street_is_read(near, passage_of, text, county, code, community):
    passage = passage_of(text, county)
    (only,) = near.bare(passage, passage.stated)
    assert (only.code, only.signs.community) == (code, community)


def test_what_is_no_communitys_name_is_not_read_bare(near, passage_of):
    passage = passage_of("塔山街道延安路8号", YUECHENG)
    assert near.bare(passage, passage.stated) == []


@pytest.mark.parametrize(
    ("text", "code", "community"),
    [
        ("塔山街道国亚社区", "330602001001", "sou2"),
        ("塔山街道清水社区", "330602001003", "mis2"),
        ("塔山街道水清桥社区", "330602001003", "ord"),
        ("塔山街道大清水桥社区", "330602001003", "ext"),
        ("塔山街道清水河社区", "330602001003", "cha"),
        ("塔山街道清水河村", "330602001003", "chak"),
    ],
)
def test_a_slip_in_a_community_of_the_street_is_named(near, passage_of, text, code, community):
    passage = passage_of(text, YUECHENG)
    (only,) = near.slipped(passage, passage.stated)
    assert (only.code, only.signs.community) == (code, community)
    assert only.reasons[-1].rule == "community_like"


@pytest.mark.parametrize(
    "text", ["塔山街道国雅社区", "塔山街道东风社区", "塔山街道国亚社区卫生院", "塔山街道社区"]
)
def test_what_is_right_or_far_off_is_no_slip(near, passage_of, text):
    passage = passage_of(text, YUECHENG)
    assert near.slipped(passage, passage.stated) == []


def codes(guesses):
    return {guess.code for guess in guesses}


def test_the_reader_puts_street_and_community_together(reader):
    guesses = reader.read("越城区塔山街道国雅社区3号", YUECHENG, 3, CountySign.PREFIX)
    assert codes(guesses) == {"330602001001", "330602001"}
    street = guesses[-1]
    assert street.signs == Signs("P", "=", CommunitySign.STREET_ONLY)


def test_a_street_written_with_the_end_of_its_official_name_scores_more(reader):
    (official,) = reader.read("塔山街道延安路", YUECHENG, 0, CountySign.PREFIX)
    (short,) = reader.read("塔山街道办延安路", YUECHENG, 0, CountySign.PREFIX)
    assert short.code == official.code
    assert short.score < official.score


def test_the_reader_says_that_the_street_lists_no_such_community(reader):
    guesses = reader.read("塔山街道金时代社区8号", YUECHENG, 0, CountySign.PREFIX)
    assert codes(guesses) == {"330602001"}
    assert guesses[0].reasons[-1].rule == "community_unknown"


def test_the_reader_looks_for_slips_only_where_nothing_is_exact(reader):
    exact = reader.read("府山街道花雕坊社区", YUECHENG, 0, CountySign.PREFIX)
    assert codes(exact) == {"330602002002", "330602002"}
    slipped = reader.read("府山街道花雕方社区", YUECHENG, 0, CountySign.PREFIX)
    assert codes(slipped) == {"330602002002", "330602002003", "330602002"}


def test_the_reader_looks_into_a_street_named_without_its_suffix(reader):
    guesses = reader.read("七宝杨渡村社区", MINHANG, 0, CountySign.PREFIX)
    assert "310112102002" in codes(guesses)
    assert {guess.signs.street for guess in guesses if guess.code == "310112102"} == {"n"}


def test_the_reader_finds_nothing_in_a_text_without_names(reader):
    assert reader.read("延安路8号", YUECHENG, 0, CountySign.PREFIX) == []
