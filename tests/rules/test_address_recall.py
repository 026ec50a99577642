"""What confirmed cases teach, and what they and shared names suggest."""

from __future__ import annotations

from datetime import date

import pytest

from services.addresses.learned import Learned, Tally
from services.addresses.neighbours import Neighbour, neighbours
from services.addresses.recall import Recall
from services.addresses.signs import DISPUTED, CommunitySign, StreetSign

YUECHENG = "330602"
GUOYA, QINGSHUIQIAO, HUADIAO = "330602001001", "330602001003", "330602002002"


@pytest.fixture
def learned():
    return Learned()


@pytest.fixture
def recall(snapshot, counties, learned):
    return Recall(snapshot, counties, learned)


def read(recall, passage):
    return [(guess.code, guess.signs.community) for guess in recall.read(passage)]


def test_a_compound_is_recalled_with_its_cases(recall, learned, passage_of):
    learned.add(YUECHENG, "国雅彩云间5栋", GUOYA, "case-1", date(2026, 5, 1))
    learned.add(YUECHENG, "国雅彩云间8栋", GUOYA, "case-2", date(2026, 6, 1))
    (guess,) = recall.read(passage_of("国雅彩云间3栋", YUECHENG))
    assert (guess.code, guess.signs.community) == (GUOYA, CommunitySign.COMPOUND)
    assert guess.weight == 2
    (reason,) = guess.reasons
    assert reason.rule == "compound_on"
    assert reason.facts == ("越城区", 2, 2, "国雅社区居民委员会", date(2026, 6, 1))


def test_a_compound_inside_longer_text_counts_less(recall, learned, passage_of):
    learned.add(YUECHENG, "国雅彩云间5栋", GUOYA, "case-1", None)
    (behind,) = recall.read(passage_of("国雅彩云间3栋", YUECHENG))
    (inside,) = recall.read(passage_of("大树下国雅彩云间3栋", YUECHENG))
    assert inside.signs.community == CommunitySign.COMPOUND_INSIDE
    assert inside.score < behind.score
    assert inside.reasons[0].rule == "compound"


def test_cases_that_disagree_are_marked(recall, learned, passage_of):
    learned.add(YUECHENG, "锦绣华庭1栋", GUOYA, "a", None)
    learned.add(YUECHENG, "锦绣华庭2栋", HUADIAO, "b", None)
    assert read(recall, passage_of("锦绣华庭3栋", YUECHENG)) == [(GUOYA, "c%"), (HUADIAO, "c%")]


def test_what_was_learned_never_outvotes_the_stated_street(recall, learned, passage_of):
    learned.add(YUECHENG, "锦绣华庭1栋", GUOYA, "a", None)
    learned.add(YUECHENG, "锦绣华庭2栋", HUADIAO, "b", None)
    assert read(recall, passage_of("塔山街道锦绣华庭3栋", YUECHENG)) == [(GUOYA, "c%")]


@pytest.mark.parametrize(
    ("number", "code", "sign"),
    [
        (100, GUOYA, CommunitySign.HOUSE_NUMBER),
        (104, GUOYA, CommunitySign.NEAR_NUMBER),
        (130, GUOYA, CommunitySign.FAR_NUMBER),
        (296, HUADIAO, CommunitySign.NEAR_NUMBER),
    ],
)
def test_the_nearest_house_number_speaks(recall, learned, passage_of, number, code, sign):
    learned.add(YUECHENG, "延安路100号", GUOYA, "a", None)
    learned.add(YUECHENG, "延安路300号", HUADIAO, "b", None)
    guesses = recall.read(passage_of(f"延安路{number}号", YUECHENG))
    best = max(guesses, key=lambda guess: guess.score)
    assert best.code == code
    assert best.signs.community.rstrip(DISPUTED) == sign


def test_the_other_side_of_the_road_counts_less(recall, learned, passage_of):
    learned.add(YUECHENG, "延安路100号", GUOYA, "a", None)
    learned.add(YUECHENG, "延安路103号", HUADIAO, "b", None)
    guesses = recall.read(passage_of("延安路102号", YUECHENG))
    weights = {guess.code: guess.weight for guess in guesses}
    assert weights[GUOYA] > weights[HUADIAO]
    assert sum(weights.values()) == pytest.approx(1)


def test_a_community_called_like_the_road_is_suggested(recall, passage_of):
    assert read(recall, passage_of("花雕路8号", YUECHENG)) == [
        (HUADIAO, CommunitySign.ROAD_RESEMBLES),
        ("330602002003", CommunitySign.ROAD_RESEMBLES),
    ]
    assert read(recall, passage_of("鲁迅路8号", YUECHENG)) == [
        ("330602001002", CommunitySign.ROAD_NAMESAKE)
    ]


def test_a_community_called_like_the_compound_is_suggested(recall, passage_of):
    assert read(recall, passage_of("国雅小区8栋", YUECHENG)) == [
        (GUOYA, CommunitySign.COMPOUND_NAMESAKE)
    ]


def test_a_namesake_in_another_street_than_the_stated_one_is_not_suggested(recall, passage_of):
    assert read(recall, passage_of("府山街道国雅小区8栋", YUECHENG)) == []


def test_a_tally_counts_each_source_once_and_forgets_it():
    tally = Tally()
    tally.add(GUOYA, "a", date(2026, 5, 1))
    tally.add(GUOYA, "a", date(2026, 5, 2))
    tally.add(GUOYA, "b", date(2026, 6, 1))
    tally.add(HUADIAO, "b", None)
    assert tally.counts == {GUOYA: 2, HUADIAO: 1}
    assert tally.last == date(2026, 6, 1)
    tally.drop("b")
    assert (tally.counts, tally.last) == ({GUOYA: 1}, date(2026, 5, 1))
    tally.drop("a")
    tally.drop("never heard of")
    assert (tally.counts, tally.last) == ({}, None)


def test_withdrawn_evidence_is_gone_and_the_rest_stays(learned):
    learned.add(YUECHENG, "国雅彩云间5栋", GUOYA, "a", None)
    learned.add(YUECHENG, "延安路100号国雅彩云间", GUOYA, "b", None)
    assert learned.places[GUOYA] == 2
    assert learned.compound(YUECHENG, ("国雅彩云间",))[1].counts == {GUOYA: 2}
    assert learned.numbers(YUECHENG, "延安路").keys() == {100}
    learned.withdraw("b")
    assert learned.places[GUOYA] == 1
    assert learned.numbers(YUECHENG, "延安路") == {}
    learned.withdraw("a")
    assert learned.compound(YUECHENG, ("国雅彩云间",)) is None


def test_the_finest_known_key_of_a_compound_is_taken(learned):
    learned.add(YUECHENG, "三里河二区7号楼", GUOYA, "a", None)
    assert learned.compound(YUECHENG, ("三里河二区", "三里河"))[0] == "三里河二区"
    assert learned.compound(YUECHENG, ("三里河三区", "三里河"))[0] == "三里河"
    assert learned.compound("330603", ("三里河",)) is None


def test_compounds_are_found_inside_a_text(learned):
    learned.add(YUECHENG, "国雅彩云间5栋", GUOYA, "a", None)
    learned.add(YUECHENG, "锦绣华庭1栋", HUADIAO, "b", None)
    text = "大树下国雅彩云间旁锦绣华庭"
    places = [text[start:end] for start, end, _ in learned.inside(YUECHENG, text)]
    assert places == ["国雅彩云间", "锦绣华庭"]
    assert list(learned.inside("330603", text)) == []


def test_the_longest_compound_is_found_of_those_that_begin_alike(learned):
    learned.add(YUECHENG, "国雅彩云间5栋", GUOYA, "a", None)
    learned.add(YUECHENG, "国雅彩5栋", HUADIAO, "b", None)
    text = "大树下国雅彩云间3栋"
    ((start, end, tally),) = learned.inside(YUECHENG, text)
    assert (text[start:end], tally.counts) == ("国雅彩云间", {GUOYA: 1})


def test_neighbours_are_those_of_the_same_street_with_most_cases_nearby(snapshot, learned):
    learned.add(YUECHENG, "", QINGSHUIQIAO, "a", None)
    assert neighbours(snapshot, learned, [GUOYA], 2) == [
        Neighbour(QINGSHUIQIAO, GUOYA, 1),
        Neighbour("330602001002", GUOYA, 0),
    ]
    assert neighbours(snapshot, learned, [GUOYA], 0) == []


def test_a_street_sign_of_what_is_not_in_the_text(passage_of):
    assert passage_of("延安路8号", YUECHENG).street_sign(GUOYA) == StreetSign.UNSTATED
    assert passage_of("金时代街道8号", YUECHENG).street_sign(GUOYA) == StreetSign.UNKNOWN
    assert passage_of("塔山街道8号", YUECHENG).street_sign(GUOYA) == StreetSign.EXACT
    assert passage_of("府山街道8号", YUECHENG).street_sign(GUOYA) == StreetSign.OTHER
