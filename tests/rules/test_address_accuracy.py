"""The bars the address engine must hold on the whole public set after learning the confirmed
cases.
"""

from __future__ import annotations

import pytest

from services.addresses.gazetteer import Gazetteer
from tests.score.address import CACHE, CONFIRMED, NOT_TO_ROUTE, PUBLIC, ece, read, scored

CLEAN = [
    "street+community",
    "county+community",
    "no-province",
    "county-street-community",
    "no-street",
    "county-community-only",
    "street-community-only",
    "abbreviated",
    "punctuation",
    "noisy-prefix",
    "other-street-name",
]


@pytest.fixture(scope="module")
def tallies():
    gazetteer = Gazetteer.open(CACHE)
    for case in read(CONFIRMED):
        gazetteer.learn(case["address"], case["code"], source=case["id"])
    return scored(gazetteer, read(PUBLIC))


@pytest.mark.parametrize(
    ("categories", "share"),
    [
        (CLEAN, 0.995),
        (("linked-compound", "linked-road"), 0.98),
        (("typo",), 0.95),
        (("renamed-street",), 0.95),
        (("renamed-county",), 0.99),
        (("road-number-only",), 0.65),
    ],
)
def test_the_right_community_comes_first(tallies, categories, share):
    for category in categories:
        assert tallies[category].first >= share * tallies[category].rows, category


def test_the_right_community_of_a_road_and_number_is_among_the_first_three(tallies):
    assert tallies["road-number-only"].three >= 0.80 * tallies["road-number-only"].rows


def test_what_is_ambiguous_or_says_no_place_is_never_routed(tallies):
    assert [tallies[name].routed for name in NOT_TO_ROUTE] == [0, 0]


def test_a_community_that_is_gone_is_not_replaced_with_confidence(tallies):
    gone = tallies["dissolved-community"]
    assert gone.sure_wrong_community <= 0.02 * gone.rows


def test_what_is_routed_is_right_and_is_most(tallies):
    rows, routed = sum(t.rows for t in tallies.values()), sum(t.routed for t in tallies.values())
    assert routed >= 0.95 * rows
    assert sum(t.routed_wrong for t in tallies.values()) <= 0.001 * routed


def test_confidence_is_calibrated(tallies):
    assert ece(pair for t in tallies.values() for pair in t.sure) <= 0.01
