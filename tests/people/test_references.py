"""A sender's own reference, a walk-in on the desk, an undone match on the desk, a latecomer of a
roster that is done.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from services.cases.routing.decision_table import OPENING
from services.matcher import empty_batches
from services.matcher.review_list import ReviewQuery, reviews
from services.matcher.reviews import decide
from services.records.completeness import statement
from tests.people.posting import (
    ADDRESS,
    STRANGER,
    decided,
    post,
    post_departure,
    post_event,
    tables_with,
)
from tests.people.test_undo import taken_for, undo
from tests.people.test_undo_later import broken
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY, UNIT


@pytest.mark.parametrize(
    "person, decision",
    [
        ({}, "match"),
        ({"name": county_service.name(4)}, "match"),
        ({"name": county_service.name(4), "id_number": county_service.id_number(4)}, "match"),
        ({"name": county_service.name(5), "id_number": county_service.id_number(5)}, "review"),
        ({"name": STRANGER["name"]}, "rejected"),
        ({"name": county_service.name(4), "id_number": county_service.id_number(5)}, "review"),
    ],
)
def test_a_reference_counts_unless_what_is_said_of_the_person_is_plainly_another_s(
    town, person, decision
):
    event = post(town, "referred", {"member": "m00004", **person})
    row = decided(town, event)
    assert row.decision == decision and (
        row.member == "m00004" if decision == "match" else row.case_id is None
    )
    if decision == "review":
        assert "m00004" in {one["member"] for one in row.candidates} and row.notes == [
            "reference_differs"
        ]
        if person.get("id_number"):
            assert row.candidates[0]["member"] == "m00005"


def test_whom_the_desk_knows_not_at_a_host_belongs_to_an_organisation_outside(town):
    event = post_event(
        town,
        {
            "specversion": "1.0",
            "type": "guidui.host.report.v1",
            "id": "walk-in",
            "source": f"urn:guidui:organisation:{UNIT}",
            "data": {
                "person": {"name": county_service.name(3), "phone": STRANGER["phone"]},
                "to": {"address": ADDRESS},
                "from": {"name": "外地某支部"},
            },
        },
    )
    assert decided(town, event).decision == "review"
    with town.app.acts.begin() as tx:
        decide(tx, town.app, event, 0, {"not_a_member": True, "reason": "都不是"}, UNIT)
    town.settle()
    row = decided(town, event)
    assert row.decision == "outside" and town.state(str(row.case_id)) == "announced"
    assert "posted_person" in tables_with(town, STRANGER["phone"]) and broken(town) == []


def test_an_undone_match_comes_back_to_the_desk_with_the_others_whom_it_may_be(town):
    event, _ = taken_for(town, 3)
    undo(town, event, reason="名字相同")
    with town.app.worker.connect() as tx:
        (review,) = reviews(tx, town.app, town.caller(UNIT, "department"), ReviewQuery())
    assert "m00003" not in str(review["candidates"]) and "m00003" not in str(
        decided(town, event).evidence
    )


def test_a_roster_of_which_nobody_is_a_member_ends(town):
    event = post_departure(
        town,
        "roster",
        {
            "category": "layoff",
            "persons": [
                {"person": STRANGER},
                {"person": {"name": county_service.name(3), "phone": STRANGER["phone"]}},
            ],
        },
    )

    def stands():
        with town.app.worker.connect() as tx:
            return tx.exec_driver_sql("SELECT state FROM transfer_case").scalars().all()

    assert stands() == ["bulk_open"]
    with town.app.acts.begin() as tx:
        decide(tx, town.app, event, 1, {"not_a_member": True, "reason": "查无此人"}, UNIT)
    assert stands() == ["bulk_closed"] and broken(town) == []


def test_a_batch_of_several_events_of_which_nobody_is_a_member_ends_once_no_more_come(town):
    def come(ident: str, *persons: dict) -> UUID:
        return post_departure(
            town,
            ident,
            {
                "category": "layoff",
                "batch": "closing",
                "persons": [{"person": one} for one in persons],
            },
        )

    def later(days: int) -> tuple[int, list[str]]:
        town.clock.advance_to(town.clock.now() + timedelta(days=days))
        ended = empty_batches.close(town.app.worker, town.clock, town.app.rule_source)
        with town.app.worker.connect() as tx:
            return ended, tx.exec_driver_sql(
                "SELECT state FROM transfer_case WHERE parent IS NULL"
            ).scalars().all()

    come("first", STRANGER)
    assert later(29) == (0, ["bulk_open"])
    doubtful = come("second", {"name": county_service.name(3), "phone": STRANGER["phone"]})
    assert later(29) == (0, ["bulk_open"]) and later(2) == (0, ["bulk_open"]), (
        "somebody is in review"
    )
    with town.app.acts.begin() as tx:
        decide(tx, town.app, doubtful, 0, {"not_a_member": True, "reason": "查无此人"}, UNIT)
    assert (
        later(0) == (1, ["bulk_closed"]) and later(0) == (0, ["bulk_closed"]) and broken(town) == []
    )


def test_whoever_is_decided_after_the_roster_is_done_has_a_case_of_their_own(town):
    event = post_departure(
        town,
        "roster",
        {
            "category": "layoff",
            "persons": [
                {
                    "person": {
                        "name": county_service.name(2),
                        "id_number": county_service.id_number(2),
                    },
                    "to": {"organisation": COMMUNITY},
                },
                {
                    "person": {"name": county_service.name(3), "phone": STRANGER["phone"]},
                    "to": {"organisation": COMMUNITY},
                },
            ],
        },
    )
    town.give(BRANCH, str(decided(town, event).case_id), "close", reason="stay")
    with town.app.acts.begin() as tx:
        decide(tx, town.app, event, 1, {"member": "m00003"}, UNIT)
    town.settle()
    with town.app.worker.connect() as tx:
        told = statement(tx, town.clock.now().date(), sorted(OPENING))
        parent = tx.exec_driver_sql(
            "SELECT parent FROM transfer_case WHERE member = 'm00003'"
        ).scalar_one()
    assert parent is None and told["difference"] == 0 and broken(town) == []
