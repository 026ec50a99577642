"""What the review desk shows and takes, decided without a database."""

from __future__ import annotations

from uuid import UUID

import pytest

from services.kit.errors import Refused
from services.matcher import four_eyes
from services.matcher.candidates import Candidate, Doubt
from services.matcher.decision import Decision
from services.matcher.four_eyes import Actor
from services.matcher.redaction import MASK, particulars, unnamed
from services.matcher.review_list import may_deny, place_of, review_id, shown_person
from services.matcher.review_reader import Reader, bounds
from services.matcher.reviews import evidence_of
from services.matcher.undo import among_others
from services.registry.access import Caller
from tests.cases.cast import BRANCH, COMMUNITY, DIRECTORY, NEIGHBOUR, UNIT, WORLD
from tests.matcher.cast import posted

EVENT = UUID("11111111-2222-4333-8444-555555555555")
BODY = {
    "person": {"name": "李娜", "member": "m1", "id_token": "t"},
    "to": {"address": "管墅社区18号"},
}


def caller(code: str) -> Caller:
    return Caller(code, DIRECTORY.path(code), "receiver")


def candidate(member: str, organisation: str) -> Candidate:
    return Candidate(member, f"token-{member}", organisation, DIRECTORY.path(organisation))


def test_a_review_is_called_by_its_event_and_position():
    assert place_of(review_id((EVENT, 7))) == (EVENT, 7)


@pytest.mark.parametrize("text", ["", "7", f"{EVENT}", f"{EVENT}:x", f"{EVENT}:-1", "x:1"])
def test_what_is_no_id_of_a_review_is_answered_as_unknown(text):
    with pytest.raises(Refused) as refused:
        place_of(text)
    assert refused.value.code == "no-such-review"


def test_who_posted_sees_the_address_and_the_reference_and_of_a_token_that_there_was_one():
    assert shown_person(BODY) == {
        "name": "李娜",
        "member": "m1",
        "address": "管墅社区18号",
        "id_token": True,
    }


def test_others_see_neither_where_the_person_goes_nor_the_senders_reference():
    assert shown_person(BODY, posted_here=False) == {"name": "李娜", "id_token": True}


def test_of_an_erased_person_nothing_is_shown():
    assert shown_person(None) == {}


@pytest.mark.parametrize(
    ("candidates", "held", "posted_here", "may"),
    [
        ([], [], True, True),
        ([], [], False, False),
        (["a"], [], True, False),
        (["a"], ["a"], False, True),
    ],
)
def test_who_holds_no_candidate_denies_none(candidates, held, posted_here, may):
    assert may_deny(candidates, held, posted_here=posted_here) is may


def test_the_members_of_ones_own_tree_are_held():
    reader = Reader(caller(COMMUNITY), None, WORLD)
    own, foreign = candidate("m1", COMMUNITY), candidate("m2", NEIGHBOUR)
    assert reader.held([own, foreign], posted_here=False) == [own]


def test_who_posted_also_holds_those_in_whose_line_it_stands():
    # a branch stands in the line of the members of its committee's other branches
    reader = Reader(caller(BRANCH), None, WORLD)
    of_committee = candidate("m1", UNIT)
    assert reader.held([of_committee], posted_here=False) == []
    assert reader.held([of_committee], posted_here=True) == [of_committee]


def test_a_tree_reaches_from_its_path_to_the_next():
    reach = bounds(caller(UNIT))
    assert reach["lo"] <= DIRECTORY.path(BRANCH) < reach["hi"]
    assert not reach["lo"] <= DIRECTORY.path(COMMUNITY) < reach["hi"]


def test_whoever_holds_a_candidate_is_asked_unless_the_sender_may_say():
    homes = {"m1": COMMUNITY, "m2": NEIGHBOUR}
    assert Doubt(UNIT, homes, asks_sender=True).desks == {UNIT}
    assert Doubt(UNIT, homes, asks_sender=False).desks == {COMMUNITY, NEIGHBOUR}


ZHAO, QIAN = Actor(UNIT, "赵敏"), Actor(UNIT, "钱敏")


@pytest.mark.parametrize(
    ("proposal", "chosen", "seconded"),
    [
        (None, {"member": "m1"}, False),
        ({"member": "m1"}, {"member": "m1"}, True),
        ({"member": "m1"}, {"member": "m2"}, False),
        ({"not_a_member": True}, {"not_a_member": True, "reason": "不是"}, True),
        ({"not_a_member": True}, {"member": "m1"}, False),
    ],
)
def test_a_second_person_says_the_same(proposal, chosen, seconded):
    proposed = None if proposal is None else {**proposal, "mark": ZHAO.mark}
    assert four_eyes.seconded(proposed, chosen, QIAN) is seconded


def test_the_same_person_is_no_second_one():
    with pytest.raises(Refused) as refused:
        four_eyes.seconded({"member": "m1", "mark": ZHAO.mark}, {"member": "m1"}, ZHAO)
    assert refused.value.code == "second-person-needed"


def test_systems_are_told_apart_by_their_keys():
    assert Actor(UNIT, key="1").mark != Actor(UNIT, key="2").mark
    assert Actor(UNIT, key="1").name == UNIT


def test_a_reason_names_nobody():
    announcement = posted(
        person={"name": "李娜", "phone": "13800000001"}, to={"address": "管墅社区18号"}
    )
    text = "李娜（13800000001）住管墅社区18号，不是党员"
    assert unnamed(text, announcement) == f"{MASK}（{MASK}）住{MASK}，不是党员"


def test_a_single_character_is_left_where_it_stands():
    assert unnamed("男，不是党员", posted(person={"sex": "男"})) == "男，不是党员"


def test_what_is_the_members_own_as_well_need_not_be_forgotten():
    announcement = posted(person={"name": "李娜", "phone": "13800000001", "sex": "female"})
    assert particulars(announcement) == ["13800000001", "李娜"]
    assert particulars(announcement, without={"李娜", None}) == ["13800000001"]


def test_once_matched_nobody_else_is_named():
    evidence = {"model": "1", "pairs": [{"member": "m1"}, {"member": "m2"}]}
    assert evidence_of("m2", evidence) == {
        "model": "1",
        "pairs": [{"member": None}, {"member": "m2"}],
    }
    assert evidence_of("m2", None) is None


def test_an_undone_match_comes_back_without_the_wrong_member():
    pairs = [{"member": "m1", "rareness": 0.5}, {"member": None, "rareness": 0.25}]
    decision = Decision(
        "match",
        "m1",
        candidates=({"member": "m1"}, {"member": "m2"}),
        evidence={"model": "1", "pairs": pairs},
    )
    anew = among_others(decision, "m1", UNIT)
    assert anew.in_review and anew.by == UNIT and anew.candidates == ({"member": "m2"},)
    assert [pair["member"] for pair in anew.pairs] == [None, "m2"]
