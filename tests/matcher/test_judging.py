"""Who a posted person is, by what the register holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.identity.model import Model
from services.matcher import sender_hints
from services.matcher.announcements import HOST_REPORT
from services.matcher.decision import Decision
from services.matcher.judging import Known, bits_by_field, is_settled, judged, knows
from tests.cases.cast import BRANCH
from tests.matcher.cast import LI_NA, NUMBER, posted

NAMESAKE = replace(LI_NA, member="m2", id_number=None, birth_date=None, phone=None)
SAME = {"name": "李娜", "id_number": NUMBER}


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load()


def known(*members, **more: Any) -> Known:
    return Known({member.member: member for member in members}, **more)


def test_a_number_with_its_name_is_a_match(model):
    decision = judged(posted(person=SAME), known(LI_NA), model)
    assert (decision.decision, decision.member, decision.organisation) == ("match", "m1", BRANCH)
    assert decision.evidence is not None and decision.evidence["model"] == model.version


def test_of_a_match_the_evidence_names_nobody_else(model):
    decision = judged(posted(person=SAME), known(LI_NA, NAMESAKE), model)
    assert decision.is_match
    assert {pair["member"] for pair in decision.pairs} <= {"m1", None}


def test_two_namesakes_are_looked_at_by_a_person(model):
    other = replace(NAMESAKE, member="m3")
    decision = judged(posted(person={"name": "李娜"}), known(NAMESAKE, other), model)
    assert decision.in_review and decision.member is None
    assert {candidate["member"] for candidate in decision.candidates} == {"m2", "m3"}


def test_a_number_registered_under_another_name_is_rejected(model):
    decision = judged(posted(person={"name": "欧阳建国", "id_number": NUMBER}), known(LI_NA), model)
    assert (decision.decision, decision.reason) == ("rejected", sender_hints.OTHER_NUMBER)
    assert decision.is_erased and not decision.candidates


@pytest.mark.parametrize(
    ("standing", "hints"),
    [
        ("normal", ()),
        ("ended", (sender_hints.ENDED,)),
        ("suspended", (sender_hints.SUSPENDED,)),
    ],
)
def test_the_sender_hears_what_the_register_says_of_a_membership(model, standing, hints):
    member = replace(LI_NA, standing=standing)
    assert judged(posted(person=SAME), known(member), model).notes == hints


def test_whom_no_register_knows_is_no_member_unless_a_host_reported_them(model):
    stranger = {"name": "王建国", "id_number": "110101199003070011", "birth_date": "1990-03-07"}
    posting = posted(person=stranger)
    report = posted(person=stranger, kind=HOST_REPORT)
    assert judged(posting, known(), model).decision in ("not_a_member", "review")
    assert judged(report, known(), model).decision == "outside"


def test_a_reference_is_believed_where_nothing_contradicts_it(model):
    decision = judged(posted(person={"member": "m1"}), known(referred=LI_NA), model)
    assert (decision.decision, decision.member) == ("match", "m1")


def test_a_reference_to_another_name_is_rejected(model):
    decision = judged(posted(person={"name": "欧阳建国"}), known(referred=LI_NA), model)
    assert (decision.decision, decision.reason) == ("rejected", sender_hints.OTHER_NAME)


def test_a_reference_to_another_number_is_looked_at_with_the_member_among_the_candidates(model):
    person = {"name": "李娜", "id_number": "110101199003070011"}
    decision = judged(posted(person=person), known(referred=LI_NA), model)
    assert decision.in_review and decision.notes == (sender_hints.OTHER_REFERENCE,)
    assert "m1" in {candidate["member"] for candidate in decision.candidates}


@pytest.mark.parametrize(
    ("person", "may"),
    [
        ({}, False),
        ({"phone": "13800000001"}, False),
        ({"name": "李娜"}, True),
        ({"id_number": NUMBER}, True),
        ({"name": "欧阳建国"}, True),  # and is told that it is another
    ],
)
def test_a_stranger_may_refer_to_whom_they_know(person, may):
    assert knows(posted(person=person).person, LI_NA) is may


def levels(name: str) -> dict[str, Any]:
    return {"pairs": [{"levels": ["same", name, "none", "none", "none", "none", "none"]}]}


@pytest.mark.parametrize(
    ("decision", "settled"),
    [
        (None, False),
        (Decision("review"), False),
        (Decision("match", "m1"), True),
        (Decision("match", "m1", evidence=levels("same")), True),
        (Decision("match", "m1", evidence=levels("none")), True),
        (Decision("match", "m1", evidence=levels("shape")), False),
    ],
)
def test_a_match_of_another_name_is_looked_for_further_on(decision, settled):
    assert is_settled(decision) is settled


def test_weights_are_called_as_the_reasons_call_their_fields(model):
    bits = bits_by_field(model, ["same", "same", "same", "same", "none", "none", "none"], 0.0)
    assert list(bits)[:3] == ["id_number", "name", "birth_date"]
    assert bits["id_number"] > 0
