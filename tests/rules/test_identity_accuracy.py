"""The bars the identity engine must hold on the labelled rows that the project carries."""

from __future__ import annotations

import pytest

from services.identity.file import Organisations, Register, person_of
from services.identity.keys import close_keys, number_keys
from services.identity.model import Model
from services.matcher.people import STEPS
from tests.score.address import read
from tests.score.identity import (
    MEMBERS,
    QUERIES,
    Row,
    acceptable,
    answered,
    calibration_error,
    lost,
    precision,
    recall,
)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return answered(MEMBERS, QUERIES)


def test_a_match_is_right(rows: list[Row]) -> None:
    assert precision(rows).value >= 0.995
    assert precision(row for row in rows if row.numbered).value >= 0.998
    assert precision(row for row in rows if not row.numbered).value >= 0.99


def test_who_can_be_matched_is_matched(rows: list[Row]) -> None:
    assert recall(row for row in rows if row.numbered).value >= 0.97
    assert recall(row for row in rows if not row.numbered).value >= 0.95


def test_decisions_can_be_defended_and_members_are_not_lost(rows: list[Row]) -> None:
    assert acceptable(rows).value >= 0.97
    assert lost(rows).value <= 0.015


def test_probabilities_mean_what_they_say(rows: list[Row]) -> None:
    assert calibration_error(rows) <= 0.03


@pytest.mark.parametrize(
    "kind", ["non_spouse_id", "non_near_id", "non_twin_of_member", "non_relative_phone"]
)
def test_relatives_and_near_numbers_are_nobody_s_match(rows: list[Row], kind: str) -> None:
    wrong = sum(row.matched for row in rows if row.kind == kind)
    assert wrong <= 1


def test_what_is_decided_in_steps_is_what_everything_at_once_decides() -> None:
    """The service stops at the first step that settles who it is; nobody found later would have
    changed that.
    """
    register, model = Register.read(MEMBERS), Model.load()
    known = Organisations.read(MEMBERS.with_name("organisations.csv.xz"))
    settled = dict.fromkeys(STEPS, 0)
    for row in read(QUERIES):
        person = person_of(row, known)
        at_once = model.judge(person, register.find(person), register.frequencies)
        for step in STEPS:
            answer = model.judge(person, register.find(person, step), register.frequencies)
            if answer.decision == "match":
                settled[step] += 1
                break
        assert [
            answer.decision,
            [c.member for c in answer.candidates[:1] if answer.decision == "match"],
        ] == [
            at_once.decision,
            [c.member for c in at_once.candidates[:1] if at_once.decision == "match"],
        ], row["id"]
    assert settled[number_keys] > 500 and settled[close_keys] > 300
