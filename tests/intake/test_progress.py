"""How far an event came, from what became of its persons; without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from services.intake.progress import Outcome, answer_of, outcomes_of
from services.kit.errors import Text

EVENT = UUID(int=7)
AT = datetime(2026, 3, 20, 1, tzinfo=UTC)


def later(hours: int) -> datetime:
    return AT + timedelta(hours=hours)


def answered(*outcomes: Outcome, persons: int = 1, language: str = "zh-CN") -> dict[str, Any]:
    event = SimpleNamespace(source="s", ext_id="1", persons=persons, received_at=AT)
    return answer_of(event, EVENT, outcomes, language)


@pytest.mark.parametrize(
    ("decision", "states", "state"),
    [
        ("match", {}, "identified"),
        ("review", {}, "review"),
        ("unknown", {}, "review"),
        ("not_a_member", {}, "not_a_member"),
        ("rejected", {}, "rejected"),
        ("withdrawn", {}, "closed"),
        ("match", {"triaged": later(2)}, "routed"),
        ("match", {"triaged": later(2), "arrived": later(3)}, "arrived"),
        ("match", {"out_approval": later(2)}, "identified"),
    ],
)
def test_the_furthest_step_of_a_person_is_told(decision, states, state):
    assert answered(Outcome(decision, later(1), states=states))["state"] == state


def test_of_whom_nothing_became_yet_the_event_was_received():
    answer = answered(persons=2)
    assert (answer["state"], answer["persons"]) == ("received", {"received": 2})
    assert answer["times"] == {"received": "2026-03-20T09:00:00+08:00"}


def test_an_event_of_several_came_as_far_as_the_last_of_them():
    moved = Outcome("match", later(1), "c1", {"moved": later(5)})
    doubtful = Outcome("review", later(1), position=1)
    answer = answered(moved, doubtful, persons=3)
    assert answer["state"] == "received"
    assert answer["persons"] == {"moved": 1, "review": 1, "received": 1}
    assert answer["cases"] == ["c1"]


def test_of_a_step_the_first_time_is_told():
    early = Outcome("match", later(1), "c1", {"triaged": later(2)})
    late = Outcome("match", later(4), "c2", {"triaged": later(9)}, position=1)
    times = answered(early, late, persons=2)["times"]
    assert times["identified"] == "2026-03-20T10:00:00+08:00"
    assert times["routed"] == "2026-03-20T11:00:00+08:00"


def test_hints_questions_and_reasons_are_told_in_the_senders_language():
    hint = ("joined_open_case", Text("并入在办", "joined"))
    asked = {"text": "哪个支部？"}
    outcome = Outcome(
        "rejected",
        later(1),
        position=4,
        notes=[hint],
        questions=[asked],
        words=Text("没有受理", "not taken"),
    )
    answer = answered(outcome, language="en")
    assert answer["notes"] == [{"position": 4, "code": "joined_open_case", "words": "joined"}]
    assert answer["questions"] == [{"review": f"{EVENT}:4", "text": "哪个支部？"}]
    assert answer["problem"] == "not taken"


def test_what_there_is_none_of_is_left_out():
    answer = answered(Outcome("match", later(1)))
    assert answer.keys() == {"source", "id", "state", "cases", "times"}


def test_outcomes_are_the_matchers_decisions_with_the_states_of_their_cases():
    row = SimpleNamespace(
        decision="match",
        decided_at=AT,
        case_id=EVENT,
        position=2,
        notes=(),
        questions=(),
        words=None,
    )
    outcomes = outcomes_of(lambda tx, event: [row], lambda tx, cases: {EVENT: {"moved": AT}})
    (outcome,) = outcomes(None, EVENT)
    assert (outcome.case, outcome.position) == (str(EVENT), 2)
    assert outcome.states == {"moved": AT}


def test_the_change_of_an_organisation_is_told_in_place_of_persons():
    change = {
        "zh": "等待生效",
        "en": "waits",
        "state": "waiting",
        "decided_at": AT,
        "organisation": "330602010028",
        "effective_on": AT.date(),
        "columns": ["parent", "name"],
        "left_out": [],
    }
    outcomes = outcomes_of(lambda tx, event: [], lambda tx, cases: {}, lambda tx, event: change)
    (outcome,) = outcomes(None, EVENT)
    assert (outcome.decision, outcome.words) == ("waiting", Text("等待生效", "waits"))
    assert answered(outcome)["change"]["columns"] == ["name", "parent"]
