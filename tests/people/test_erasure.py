"""Of a person who is no member nothing stays but the count, whatever road led to the decision."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.app import HANDLERS
from services.kit.bus import dead_letters
from services.matcher.erasure import erase_decided
from services.matcher.reviews import decide
from services.records.erasure import erasure
from tests.people.posting import (
    ADDRESS,
    STRANGER,
    decided,
    post,
    post_departure,
    tables_with,
)
from tests.stories import county_service
from tests.stories.county_service import UNIT

TRACES = (*STRANGER.values(), ADDRESS)


def figure(town):
    with town.app.worker.connect() as tx:
        return erasure(tx, town.clock.now())


def test_a_stranger_decided_by_the_model_is_gone_at_once(town):
    event = post(town, "a-stranger", STRANGER)
    assert decided(town, event).decision == "not_a_member"
    assert tables_with(town, *TRACES) == set()
    assert figure(town) == {"erased": 1, "held": 0, "oldest_held_hours": 0.0, "slowest_hours": 0.0}


def test_a_stranger_decided_on_the_desk_is_gone_whatever_the_reason_says(town):
    namesake = {**STRANGER, "name": county_service.name(3), "id_number": None, "birth_date": None}
    event = post(town, "in-doubt", namesake)
    assert decided(town, event).decision == "review"
    with town.app.acts.begin() as tx:
        decide(
            tx,
            town.app,
            event,
            0,
            {
                "not_a_member": True,
                "reason": f"{county_service.name(3)}（{STRANGER['phone']}）本人说不是党员",
            },
            UNIT,
        )
    assert tables_with(town, STRANGER["phone"], ADDRESS) == set()
    row = decided(town, event)
    assert (
        row.decision == "not_a_member"
        and "本人说不是党员" in row.reason
        and county_service.name(3) not in row.reason
    )


def test_strangers_among_many_are_gone_and_the_others_stay(town):
    member = {"name": county_service.name(2), "id_number": county_service.id_number(2)}
    post_departure(
        town,
        "roster",
        {
            "category": "layoff",
            "batch": "b1",
            "circumstances": {"labour_relation": "ended"},
            "persons": [{"person": member}, {"person": STRANGER, "to": {"address": ADDRESS}}],
        },
    )
    assert tables_with(town, *TRACES) == set()
    assert "posted_person" in tables_with(town, county_service.name(2))


def test_a_message_that_was_given_up_leaves_no_person(town, monkeypatch):
    def fails(tx, told):
        raise ValueError(STRANGER["name"])

    subscriptions = [make(town.app) for make in HANDLERS.values()]
    monkeypatch.setattr("services.matcher.announcements.read", lambda tx, events: fails(tx, events))
    post(town, "fails", STRANGER)
    monkeypatch.undo()
    with town.app.worker.connect() as tx:
        letter = dead_letters.listed(tx)[0]
    assert erase_decided(town.app.worker, town.clock) == 0  # nobody decided anything yet
    assert tables_with(town, *TRACES) == {"posted_person"}
    dead_letters.skip(town.app.worker, letter.id, subscriptions, town.clock)
    town.clock.advance_to(town.clock.now() + timedelta(hours=5))
    assert erase_decided(town.app.worker, town.clock) == 1
    assert tables_with(town, *TRACES) == set()
    assert figure(town) | {"slowest_hours": 0} == {
        "erased": 1,
        "held": 0,
        "oldest_held_hours": 0.0,
        "slowest_hours": 0,
    }


@pytest.mark.parametrize("decision", ["not_a_member", "rejected"])
def test_what_a_fault_left_behind_is_found_by_the_sweep(town, decision):
    event = post(
        town,
        "in-doubt",
        {**STRANGER, "name": county_service.name(3), "id_number": None, "birth_date": None},
    )
    with town.app.worker.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE identification SET decision = %s WHERE event_id = %s", (decision, event)
        )
    town.clock.advance_to(town.clock.now() + timedelta(hours=23))
    assert figure(town) == {
        "erased": 0,
        "held": 1,
        "oldest_held_hours": 23.0,
        "slowest_hours": 23.0,
    }
    assert erase_decided(town.app.worker, town.clock) == 1
    assert tables_with(town, STRANGER["phone"], ADDRESS) == set()
    assert erase_decided(town.app.worker, town.clock) == 0
    assert figure(town)["slowest_hours"] == 23.0
