"""Signs and scores -> order, confidence, and what is shown first."""

from __future__ import annotations

import pytest

from services.addresses import confidence as address_confidence
from services.addresses.confidence import (
    AGAINST_MAX,
    ASK_MAX,
    ASKED,
    ROUTE_AT,
    STEM_MAX,
    confidence,
    features,
    others,
    shares,
)
from services.addresses.guess import Guess, Reason, depth_first, merged
from services.addresses.signs import (
    CommunitySign,
    CountySign,
    Signs,
    StreetSign,
    agreed_or_disputed,
    slip_sign,
)
from services.addresses.slips import Slip

STREET, FIRST, SECOND, ELSEWHERE = "330602001", "330602001001", "330602001002", "330602002001"


def guess(code, score=10.0, county="P", street="=", community="e", **more):
    return Guess(code, score, Signs(county, street, community), **more)


def test_the_signs_of_a_guess_are_its_indicators():
    assert features(guess(FIRST), []) == (
        "county:P",
        "street:=",
        "community:e",
        "both:=e",
        "margin:far",
    )


@pytest.mark.parametrize(
    ("rival_scores", "indicator"),
    [
        ([9.8], "ties:1"),
        ([9.8, 9.7, 9.6, 9.6], "ties:3"),
        ([8.5], "margin:1"),
        ([7.0], "margin:2"),
        ([2.0], "margin:far"),
    ],
)
def test_the_margin_to_the_next_is_an_indicator(rival_scores, indicator):
    rivals = [guess(f"33060200200{place}", score) for place, score in enumerate(rival_scores)]
    assert indicator in features(guess(FIRST), rivals)


@pytest.mark.parametrize(
    ("community", "weight", "indicator"),
    [
        ("c", 1, "cases:1"),
        ("c%", 3, "cases:2"),
        ("i", 4, "cases:many"),
        ("v", 0.5, "vote:2"),
        ("V%", 1.0, "vote:4"),
    ],
)
def test_the_weight_of_evidence_is_an_indicator(community, weight, indicator):
    assert indicator in features(guess(FIRST, community=community, weight=weight), [])


def test_a_further_sign_is_an_indicator():
    assert "also" in features(guess(FIRST, also=frozenset("c")), [])


def test_a_division_does_not_contradict_what_lies_in_it():
    rivals = [guess(STREET), guess(SECOND), guess(ELSEWHERE)]
    assert [rival.code for rival in others(guess(FIRST), rivals)] == [SECOND, ELSEWHERE]
    assert [rival.code for rival in others(guess(STREET), rivals)] == [ELSEWHERE]


def test_a_plain_reading_is_routed_and_shares_nothing():
    (sure,) = shares([guess(FIRST, 16.0)])
    assert ROUTE_AT <= sure <= 1


def test_guesses_that_tie_share_equally_and_are_asked():
    first, second, third = shares([guess(FIRST), guess(ELSEWHERE, 9.8), guess(SECOND, 5.0)])
    assert first == second <= 0.5
    assert third <= 1 - 2 * first


def test_what_lies_in_the_best_has_a_confidence_of_its_own():
    best, inside = guess(STREET, 12.0, community="s"), guess(FIRST, 4.0, community="b")
    street, community = shares([best, inside])
    assert community == min(street, confidence(features(inside, [])))


@pytest.mark.parametrize(
    ("signs", "most"),
    [
        ({"county": CountySign.CONTRADICTED}, AGAINST_MAX),
        ({"street": StreetSign.STEM}, STEM_MAX),
        ({"street": StreetSign.UNKNOWN, "community": CommunitySign.INSIDE}, ASK_MAX),
        *[({"community": sign}, ASK_MAX) for sign in sorted(ASKED)],
    ],
)
def test_signs_that_never_route_alone(signs, most):
    (sure,) = shares([guess(FIRST, 16.0, **signs)])
    assert sure <= most < ROUTE_AT


def test_the_confidence_is_the_logistic_of_the_coefficients(monkeypatch):
    monkeypatch.setattr(address_confidence, "model", lambda: {"bias": -1.0, "here": 3.0, "up": 99})
    confidence.cache_clear()
    assert confidence(("here", "unheard of")) == pytest.approx(0.8808, abs=1e-4)
    assert confidence(()) == pytest.approx(0.2689, abs=1e-4)
    assert confidence(("up",)) < 1
    confidence.cache_clear()


def test_signs_for_one_code_are_put_together():
    by_name = Reason("community", 0, 2)
    by_cases = Reason("compound", 2, 4)
    weak = guess(FIRST, 8.0, community="c", reasons=[by_name, by_cases])
    strong = guess(FIRST, 10.0, reasons=[by_name])
    again = guess(FIRST, 7.0, reasons=[by_cases])
    other = guess(ELSEWHERE, 11.0)
    best, second = merged([weak, other, strong, again])
    assert (best.code, best.score) == (FIRST, 11.5)
    assert best.also == {"c"}
    assert best.reasons == [by_name, by_cases]
    assert second is other


def test_a_borrowed_name_goes_no_deeper_than_the_stated_street():
    borrowed = guess(FIRST, 10.0, community=CommunitySign.COMPOUND_NAMESAKE)
    street = guess(STREET, 6.0, community=CommunitySign.STREET_ONLY)
    first, second = depth_first([borrowed, street])
    assert (first.code, first.signs.community) == (STREET, CommunitySign.STREET_FIRST)
    assert first.score == 10.0
    assert second is borrowed


@pytest.mark.parametrize(
    "guesses",
    [
        [guess(FIRST), guess(STREET, 6.0, community="s")],
        [guess(FIRST, street="-", community="h"), guess(STREET, 6.0, community="s")],
        [guess(FIRST, community="h", also=frozenset("c")), guess(STREET, 6.0, community="s")],
        [guess(FIRST, community="h"), guess(SECOND, 9.0), guess(STREET, 6.0, community="s")],
        [guess(FIRST, community="h")],
    ],
    ids=["exact", "no street", "supported", "another of the street", "no street guess"],
)
def test_else_the_best_guess_stays_first(guesses):
    assert depth_first(guesses) == guesses


@pytest.mark.parametrize(
    ("slip", "base", "same_kind", "sign"),
    [
        (Slip.SOUND, "清水桥", True, "sou"),
        (Slip.SOUND, "国雅", True, "sou2"),
        (Slip.EXTRA, "清水桥", False, "extk"),
        (Slip.MISSING, "国雅", False, "misk2"),
    ],
)
def test_the_sign_of_a_slip_says_how_far_it_can_be_trusted(slip, base, same_kind, sign):
    assert slip_sign(slip, base, same_kind=same_kind) == sign


def test_cases_that_do_not_all_agree_are_marked():
    assert agreed_or_disputed(CommunitySign.COMPOUND, 1.0) == "c"
    assert agreed_or_disputed(CommunitySign.COMPOUND, 0.9) == "c%"


@pytest.mark.parametrize(("level", "signs"), [("county", CountySign), ("street", StreetSign)])
def test_the_coefficients_are_those_of_signs_that_exist(level, signs):
    fitted = {name for name in address_confidence.model() if name.startswith(f"{level}:")}
    assert fitted
    assert fitted <= {f"{level}:{sign}" for sign in signs}
