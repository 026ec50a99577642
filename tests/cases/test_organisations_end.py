"""An organisation's last day was said in a file: on the day after, by itself, what it owed stands
at who acts for it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from services.app import after_load, follow_tree
from services.cases.routing.repoint import reassign_after_reorganisation
from services.cases.views import queries
from services.kit.clock import ZONE
from services.records import member_followups
from services.records.reconciliation import open_checks
from services.registry.access import Caller
from services.registry.directory import Directory
from services.registry.load import Hooks, load_rows
from services.tools.simulate import Stage, matches
from tests.cases.cast import (
    BRANCH,
    COMMUNITY,
    HOST,
    NEIGHBOUR,
    ORGANISATIONS,
    ORIGIN_COUNTY,
    STREET,
    UNIT,
    to_the_letter,
)

BEFORE, AFTER = "2026-03-31T23:59:00+08:00", "2026-04-01T00:00:00+08:00"
MEMBERS = [
    {
        "member": "m1",
        "name": "王一",
        "sex": "male",
        "birth_date": "1980-01-02",
        "organisation": BRANCH,
        "last_life_on": "2026-03-20",
    },
    {
        "member": "m2",
        "name": "王二",
        "sex": "male",
        "birth_date": "1981-01-02",
        "organisation": BRANCH,
        "phone": "13800000002",
        "last_life_on": "2025-12-20",
    },
]
MOVING = {
    "at": "2026-03-21T09:00:00+08:00",
    "as": "A",
    "event": {
        "type": "guidui.departure.effective.v1",
        "source": f"urn:guidui:organisation:{BRANCH}",
        "data": {
            "category": "relocation",
            "person": {"member": "m1", "name": "王一"},
            "to": {"organisation": COMMUNITY},
            "circumstances": {"unit_has_organisation": False},
        },
    },
}
WALK_IN = {
    "at": "2026-03-21T10:00:00+08:00",
    "as": "W",
    "event": {
        "type": "guidui.host.report.v1",
        "source": f"urn:guidui:organisation:{COMMUNITY}",
        "data": {
            "person": {"name": "顾远来", "birth_date": "1990-05-06", "sex": "female"},
            "from": {"name": "外省某厂党委"},
        },
    },
}


def ending(**ends: Any) -> dict[str, Any]:
    """A world in which some organisations end on the last of March: BRANCH=its successor, or an
    empty text.
    """
    codes = {globals()[name]: successor for name, successor in ends.items()}
    return {
        "organisations": [
            row
            | (
                {"effective_to": "2026-03-31", "successor": codes[row["code"]]}
                if row["code"] in codes
                else {}
            )
            for row in ORGANISATIONS
        ],
        "members": MEMBERS,
    }


@pytest.fixture
def play(database):
    """Plays steps in a world; every step must be ok."""
    stages = []

    def start(world: dict[str, Any], *steps: dict[str, Any]) -> Stage:
        stages.append(
            Stage(
                database.app_url,
                {"world": world, "steps": steps},
                datetime(2026, 3, 20, 8, tzinfo=ZONE),
            )
        )
        for number, step in enumerate(steps):
            answer = stages[0].step(number, step)
            assert answer["ok"], answer
        return stages[0]

    yield start
    stages[0].app.close()


@pytest.mark.parametrize(("successor", "acting"), [("", UNIT), (HOST, HOST)])
def test_the_origin_has_ended(play, successor, acting):
    waits = {"kind": "destination", "act": "confirm_destination"}
    stage = play(
        ending(BRANCH=successor),
        MOVING,
        {
            "at": BEFORE,
            "show": {"alerts": BRANCH},
            "expect": [waits, {"kind": "organisation_life"}],
        },
        {"at": AFTER, "show": {"alerts": BRANCH}, "expect_not": [{}]},
        {"at": AFTER, "show": {"alerts": acting}, "expect": [waits, {"kind": "organisation_life"}]},
        {
            "at": AFTER,
            "show": {"case": "A"},
            "expect": {
                "owner": acting,
                "origin": BRANCH,
                "affiliation": BRANCH,
                "waiting_on": {"organisation": acting},
            },
        },
        *to_the_letter("2026-04-02", acting),
        {
            "at": "2026-04-02T09:03:00+08:00",
            "by": STREET,
            "do": "report_lost",
            "case": "A",
            "with": {"reason": "x"},
            "expect": {"refused": True},
        },
        {
            "at": "2026-04-02T09:04:00+08:00",
            "by": acting,
            "do": "report_lost",
            "case": "A",
            "with": {"reason": "遗失"},
        },
    )
    with stage.app.web.begin() as tx:
        queries.look_at_cases(tx, Caller(acting, Directory.of(tx).path(acting), "receiver"))
        due = member_followups.due(tx, acting)
    assert [(one["name"], one["phone"]) for one in due] == [("王二", "13800000002")]
    assert reassign_after_reorganisation(stage.app.worker, stage.clock, stage.app.rule_source) == 0


def test_whoever_took_a_walk_in_and_whoever_was_asked_have_ended(play):
    play(
        ending(COMMUNITY=NEIGHBOUR, HOST=""),
        WALK_IN,
        {
            "at": BEFORE,
            "show": {"case": "W"},
            "expect": {"owner": COMMUNITY, "waiting_on": {"act": "ask"}},
        },
        {
            "at": AFTER,
            "show": {"case": "W"},
            "expect": {"owner": NEIGHBOUR, "waiting_on": {"organisation": NEIGHBOUR}},
        },
        {"at": AFTER, "show": {"alerts": COMMUNITY}, "expect_not": [{}]},
        {"at": AFTER, "show": {"alerts": NEIGHBOUR}, "expect": [{"act": "ask"}]},
        {
            "at": "2026-04-02T09:00:00+08:00",
            "by": NEIGHBOUR,
            "do": "ask",
            "case": "W",
            "with": {"organisation": UNIT, "text": "是否你单位党员？"},
        },
        {
            "at": "2026-04-02T10:00:00+08:00",
            "by": UNIT,
            "do": "answer",
            "case": "W",
            "with": {"text": "是"},
        },
    )


def test_who_was_asked_ends_before_answering(play):
    county = next(row["parent"] for row in ORGANISATIONS if row["code"] == HOST)
    play(
        ending(HOST=""),
        MOVING,
        {
            "at": "2026-03-22T09:00:00+08:00",
            "by": BRANCH,
            "do": "ask",
            "case": "A",
            "with": {"organisation": HOST, "text": "是否在贵处？"},
        },
        {"at": AFTER, "show": {"alerts": HOST}, "expect_not": [{}]},
        {"at": AFTER, "show": {"alerts": county}, "expect": [{"kind": "contact", "act": "answer"}]},
        {
            "at": "2026-04-02T10:00:00+08:00",
            "by": county,
            "do": "answer",
            "case": "A",
            "with": {"text": "不在"},
        },
        {
            "at": "2026-04-02T10:01:00+08:00",
            "show": {"alerts": county},
            "expect_not": [{"kind": "contact"}],
        },
    )


def test_both_who_expect_a_member_have_ended(play):
    """One task stands at who acts for both, not two of the same identity."""
    stage = play(
        ending(COMMUNITY="", STREET="", UNIT=""),
        MOVING,
        {"at": AFTER, "show": {"case": "A"}, "expect": {"state": "triaged"}},
    )
    county = next(row["parent"] for row in ORGANISATIONS if row["code"] == STREET)
    expected = [one for one in stage.show({"alerts": county}) if one["kind"] == "expected"]
    assert len(expected) == 1
    for act, by, given, done in (
        ("confirm_destination", BRANCH, {"member_informed": True}, False),
        ("confirm_destination", BRANCH, {"member_informed": True, "organisation": STREET}, False),
        ("confirm_destination", BRANCH, {"member_informed": True, "organisation": NEIGHBOUR}, True),
        ("submit", BRANCH, {"dues_paid_to": "2026-03"}, True),
        ("issue_letter", ORIGIN_COUNTY, {"channel": "paper"}, True),
        ("record_arrival", county, {}, True),
        ("accept", county, {}, True),
    ):
        answer = stage.step(
            9, {"at": "2026-04-03T09:00:00+08:00", "by": by, "do": act, "case": "A", "with": given}
        )
        assert answer["ok"] == done and (done or "撤销" in answer["refused"]["reason"]), (
            act,
            answer,
        )
    assert matches(
        {"state": "accepted", "owner": county, "affiliation": NEIGHBOUR}, stage.show({"case": "A"})
    )


def test_whoever_has_arrived_at_an_ended_organisation_is_forwarded_first(play):
    stage = play(
        ending(COMMUNITY=""),
        MOVING,
        *to_the_letter("2026-03-22", BRANCH),
        {"at": "2026-03-23T09:00:00+08:00", "by": COMMUNITY, "do": "record_arrival", "case": "A"},
        {
            "at": AFTER,
            "show": {"case": "A"},
            "expect": {"owner": STREET, "waiting_on": {"organisation": STREET, "act": "accept"}},
        },
        {"at": AFTER, "by": STREET, "do": "accept", "case": "A", "expect": {"refused": True}},
        {
            "at": AFTER,
            "by": STREET,
            "do": "forward",
            "case": "A",
            "with": {"organisation": NEIGHBOUR},
        },
        {"at": AFTER, "by": STREET, "do": "accept", "case": "A"},
    )
    assert stage.show({"member": "m1"})["affiliation"] == NEIGHBOUR


def test_a_last_day_that_is_taken_back_gives_everything_back(play):
    stage = play(
        ending(BRANCH=""),
        MOVING,
        {"at": AFTER, "show": {"alerts": UNIT}, "expect": [{"act": "confirm_destination"}]},
    )
    app = stage.app
    load_rows(app.worker, "organisations", ORGANISATIONS, app.clock, Hooks(movers=[follow_tree]))
    after_load(app, "organisations")
    assert {one["kind"] for one in stage.show({"alerts": BRANCH})} == {
        "destination",
        "organisation_life",
    }
    assert not {one["kind"] for one in stage.show({"alerts": UNIT})} & {
        "destination",
        "organisation_life",
    }


def test_nobody_is_asked_to_compare_the_roll_of_a_committee_that_has_ended(play):
    world = ending(UNIT="")
    for row in world["organisations"]:
        row |= {"effective_to": "2026-09-10"} if row.get("effective_to") else {}
    stage = play(
        world,
        {
            "at": "2026-09-02T09:00:00+08:00",
            "show": {"alerts": UNIT},
            "expect": [{"kind": "reconciliation"}],
        },
        {"at": "2026-09-11T09:00:00+08:00", "show": {"alerts": ORIGIN_COUNTY}},
    )
    open_checks(stage.app.worker, stage.clock.now())
    assert "reconciliation" not in {one["kind"] for one in stage.show({"alerts": UNIT})}


def test_who_acts_for_an_ended_organisation():
    rows = [
        {"code": "1", "name": "部"},
        {"code": "2", "name": "委", "parent": "1", "effective_to": "2026-01-31"},
        {"code": "3", "name": "支", "parent": "2", "effective_to": "2026-01-31", "successor": "4"},
        {"code": "4", "name": "支", "parent": "2", "effective_to": "2026-02-28"},
        {"code": "5", "name": "环", "effective_to": "2026-01-31", "successor": "6"},
        {"code": "6", "name": "环", "effective_to": "2026-01-31", "successor": "5"},
    ]
    directory = Directory.build([{"kind": "branch", "unit": "school", **row} for row in rows])

    def acting(code: str, month: int) -> str | None:
        one = directory.acting_for(code, datetime(2026, month, 1).date())
        return one.code if one else None

    assert [acting(code, 1) for code in "12345"] == ["1", "2", "3", "4", "5"]
    assert [acting(code, 2) for code in "1234"] == ["1", "1", "4", "4"]
    assert [acting(code, 3) for code in "1234"] == ["1", "1", "1", "1"]
    assert acting("5", 2) == "5" and acting("9", 2) is None
