"""A match that was wrong is undone: nothing of the stranger is left in the member's file, and the
event runs anew.
"""

from __future__ import annotations

import pytest

from services.cases.views import queries
from services.kit.errors import Refused
from services.matcher.reviews import decide
from services.matcher.undo import undo_match
from tests.people.posting import ADDRESS, STRANGER, decided, everything, post, tables_with
from tests.portal.town import DEPARTMENT, Town
from tests.stories import county_service
from tests.stories.county_service import UNIT

IN_DOUBT = {
    "name": county_service.name(3),
    "phone": STRANGER["phone"],
}  # a namesake of member 3, without a number


def taken_for(town: Town, number: int, ident: str = "in-doubt"):
    """Posts somebody in doubt whom the desk then takes for member ``number``; returns event and
    case.
    """
    event = post(town, ident, IN_DOUBT)
    assert decided(town, event).decision == "review"
    with town.app.acts.begin() as tx:
        decide(tx, town.app, event, 0, {"member": f"m{number:05}"}, UNIT)
    town.settle()
    return event, str(decided(town, event).case_id)


def undo(town: Town, event, role: str = "department", **body):
    with town.app.acts.begin() as tx:
        answer = undo_match(
            tx, town.app, town.caller(DEPARTMENT, role), f"{event}:0", body, "组织部干部"
        )
    town.settle()
    return answer


def member_view(town: Town, member: str):
    with town.app.worker.connect() as tx:
        return queries.member_view(tx, member)


def test_the_wrong_members_file_is_as_if_nothing_had_been_posted(town):
    event, case = taken_for(town, 3)
    with town.app.acts.begin() as tx:
        queries.record_look(tx, case, UNIT, None, "card", town.clock.now())
    assert tables_with(town, ADDRESS) == {
        "case_contact",
        "case_event",
        "case_person",
        "posted_person",
        "statement",
        "transfer_case",
    }
    answer = undo(
        town, event, reason=f"{STRANGER['phone']} 打来电话，是另一个人", not_a_member=True
    )
    assert answer == {
        "id": f"{event}:0",
        "undone": True,
        "decision": "not_a_member",
        "case": None,
        "case_stays": False,
    }
    assert tables_with(town, ADDRESS, STRANGER["phone"]) == set()
    view = member_view(town, "m00003")
    assert view["case"] is None and [seen["organisation"] for seen in view["seen_by"]] == [UNIT]
    assert town.state(case) == "closed_without_move"
    held = everything(town)
    assert {t for t in held if "m00003" in held[t]} <= {
        "member",
        "member_key",
        "case_look",
        "identification_undone",
        "event_log",
        "inbox",
    }
    assert (
        '"是另一个人' not in held["identification_undone"]
        and "是另一个人" in held["identification_undone"]
    )


def test_the_event_runs_anew_with_the_right_member_at_its_own_time(town):
    event, case = taken_for(town, 3)
    posted = town.clock.now()
    town.clock.advance_to(posted.replace(day=25))
    answer = undo(town, event, reason="名字相同", member="m00004")
    assert answer["decision"] == "match" and answer["case"] not in (None, case)
    assert (
        town.state(answer["case"]) == "triaged"
        and member_view(town, "m00004")["case"] == answer["case"]
    )
    with town.app.worker.connect() as tx:
        at = tx.exec_driver_sql(
            "SELECT time FROM statement WHERE case_id = %s::uuid", (answer["case"],)
        ).scalar_one()
    assert at == posted
    again = undo(town, event, reason="还是不对")
    assert again["decision"] == "review" and town.state(answer["case"]) == "closed_without_move"
    with town.app.acts.begin() as tx:
        decide(tx, town.app, event, 0, {"member": "m00005"}, UNIT)
    assert str(decided(town, event).case_id) not in (case, answer["case"])


def test_a_case_that_another_event_opened_goes_on_without_the_wrong_facts(town):
    own = town.leaves(3)
    event, case = taken_for(town, 3)
    assert case == own and "transfer_case" in tables_with(town, ADDRESS)
    undo(town, event, reason="名字相同", not_a_member=True)
    assert tables_with(town, ADDRESS, STRANGER["phone"]) == set()
    assert town.state(case) == "triaged" and member_view(town, "m00003")["case"] == case
    with town.app.worker.connect() as tx:
        shown = tx.exec_driver_sql(
            "SELECT name FROM case_person WHERE case_id = %s::uuid", (case,)
        ).scalar_one()
    assert shown == county_service.name(3)


def test_a_letter_that_was_out_is_void(town):
    event, case = taken_for(town, 3)
    for organisation, command, fields in (
        (county_service.BRANCH, "confirm_destination", {"member_informed": True}),
        (county_service.BRANCH, "submit", {"dues_paid_to": "2026-11"}),
        (UNIT, "issue_letter", {"channel": "both"}),
    ):
        town.give(organisation, case, command, **fields)
    undo(town, event, reason="名字相同")
    with town.app.worker.connect() as tx:
        row = tx.exec_driver_sql(
            "SELECT state, letter_status, member FROM transfer_case WHERE id = %s::uuid", (case,)
        ).one()
        waits = tx.exec_driver_sql(
            "SELECT count(*) FROM task WHERE case_id = %s::uuid AND closed_at IS NULL", (case,)
        ).scalar_one()
    assert tuple(row) == ("closed_without_move", "void", None) and waits == 0


@pytest.mark.parametrize(
    "role, body, status",
    [
        ("receiver", {"reason": "x"}, 403),
        ("department", {}, 422),
        ("department", {"reason": "x", "member": "m00003"}, 422),
        ("department", {"reason": "x", "member": "nobody"}, 422),
    ],
)
def test_an_undo_that_may_not_be_changes_nothing(town, role, body, status):
    event, case = taken_for(town, 3)
    before = everything(town)
    with pytest.raises(Refused) as refused:
        undo(town, event, role, **body)
    assert refused.value.status == status and everything(town) == before
