"""A correction of the event that opened a case is told in that case; the case does not end for
it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from services.kit.clock import ZONE
from services.tools.simulate import Stage
from tests.cases.cast import BRANCH, COMMUNITY, NEIGHBOUR, ORGANISATIONS

MEMBERS = [
    {"member": f"m{n}", "name": name, "organisation": BRANCH, "last_life_on": "2026-02-20"}
    for n, name in ((1, "王一"), (2, "李二"))
]
WORLD = {"organisations": ORGANISATIONS, "members": MEMBERS}


def moves(ident: str, to: str, at: str, member: str = "m1", **more: Any) -> dict[str, Any]:
    """One step: a member moves to a community."""
    return {
        "at": f"2026-03-02T{at}:00+08:00",
        "as": ident,
        "event": {
            "type": "guidui.departure.effective.v1",
            "id": ident,
            "source": f"urn:guidui:organisation:{BRANCH}",
            "data": {
                "category": "relocation",
                "person": {"member": member},
                "to": {"organisation": to},
                "circumstances": {"unit_has_organisation": False},
                **more,
            },
        },
    }


@pytest.fixture
def stage(database):
    made = Stage(database.app_url, {"world": WORLD}, datetime(2026, 3, 2, 8, tzinfo=ZONE))
    yield made
    made.app.close()


def told(stage: Stage, name: str) -> tuple[Any, ...]:
    """What the case of an event says of itself."""
    view = stage.show({"case": name})
    return (
        view["member"],
        view["state"],
        view["destination"]["organisation"],
        [h["command"] for h in view["history"]],
    )


def test_the_case_goes_on_with_what_the_correction_states(stage):
    for n, step in enumerate(
        (moves("a", COMMUNITY, "09:00"), moves("b", NEIGHBOUR, "10:00", corrects="a"))
    ):
        assert stage.step(n, step)["ok"]
    assert stage.case("a") == stage.case("b")
    member, state, destination, history = told(stage, "a")
    assert (member, state, destination) == ("m1", "triaged", NEIGHBOUR)
    assert "withdraw" not in history and "join" in history


def test_a_correction_of_whom_it_was_ends_the_case_of_the_wrong_one(stage):
    for n, step in enumerate(
        (moves("a", COMMUNITY, "09:00"), moves("b", COMMUNITY, "10:00", "m2", corrects="a"))
    ):
        assert stage.step(n, step)["ok"]
    assert told(stage, "a")[:2] == ("m1", "closed_without_move") and told(stage, "b")[:2] == (
        "m2",
        "triaged",
    )


def test_a_correction_that_was_withdrawn_before_it_came_ends_the_case(stage):
    withdrawn = {
        "at": "2026-03-02T09:30:00+08:00",
        "event": {
            "type": "guidui.departure.withdrawn.v1",
            "source": f"urn:guidui:organisation:{BRANCH}",
            "id": "w",
            "data": {"corrects": "b"},
        },
    }
    steps = (
        moves("a", COMMUNITY, "09:00"),
        withdrawn,
        moves("b", NEIGHBOUR, "10:00", corrects="a"),
    )
    for n, step in enumerate(steps):
        assert stage.step(n, step)["ok"]
    assert told(stage, "a")[1] == "closed_without_move"
