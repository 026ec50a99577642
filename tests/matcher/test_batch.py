"""What a batch of announcements does, decided without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from services.kit.clock import ZONE
from services.matcher import sender_hints, standing, withdrawn
from services.matcher.announcements import group_of
from services.matcher.confirmed_addresses import code_of, confirmed_by
from services.matcher.decision import Decision
from services.matcher.opening import BatchRules, departing_persons, open_or_join, person_rows
from services.matcher.review_tasks import IDENTIFY, Waiting, altered
from services.matcher.sender_hints import ENDED, MOVED, NO_SUCH_TOKEN, shown, spoken
from services.matcher.walk_ins import Named
from tests.cases.cast import BRANCH, COMMUNITY, DIRECTORY, NOW, STREET, UNIT, WORLD
from tests.matcher.cast import LI_NA, posted

MATCH = Decision("match", "m1", BRANCH)
RULES: Any = BatchRules(
    WORLD, SimpleNamespace(area_of=lambda address: None, answer_to=lambda address: None), set()
)


def test_each_member_opens_one_case_whatever_is_said_of_them():
    first, second, other = posted(0), posted(1), posted(2)
    decisions = {
        first.place: MATCH,
        second.place: MATCH,
        other.place: Decision("match", "m2", BRANCH),
    }
    persons = departing_persons([first, second, other], decisions)
    assert [(p.member, p.home, len(p.announcements)) for p in persons] == [
        ("m1", BRANCH, 2),
        ("m2", BRANCH, 1),
    ]


@pytest.mark.parametrize("decision", ["review", "not_a_member", "withdrawn", "rejected"])
def test_who_is_not_known_to_be_a_member_opens_no_case(decision):
    announcement = posted()
    assert departing_persons([announcement], {announcement.place: Decision(decision)}) == []


def test_each_walk_in_opens_a_case_of_their_own():
    first, second = posted(0), posted(1)
    decisions = {first.place: Decision("outside"), second.place: Decision("outside")}
    persons = departing_persons([first, second], decisions)
    assert [(p.member, p.home) for p in persons] == [(None, None), (None, None)]


def test_what_was_taken_back_before_it_was_read_opens_nothing():
    announcement = posted(superseded=True)
    (person,) = departing_persons([announcement], {announcement.place: MATCH})
    assert open_or_join(person, None, [], RULES) is None
    assert person_rows(person, "case", RULES) == []


def test_a_case_is_opened_under_the_id_that_its_first_announcement_gives():
    announcement = posted(person={"name": "李娜"}, data={"category": "relocation"})
    (person,) = departing_persons([announcement], {announcement.place: MATCH})
    opening = open_or_join(person, None, [], RULES)
    assert opening is not None and not opening.joined
    assert opening.case_id == announcement.case_id
    assert (opening.change.after.member, opening.change.after.origin) == ("m1", BRANCH)


def test_events_that_name_one_batch_share_its_bulk_case():
    one_event, another = UUID(int=1), UUID(int=2)
    assert group_of(one_event, "s", "b") == group_of(another, "s", "b")
    assert group_of(one_event, "s", None) != group_of(another, "s", None)
    assert group_of(one_event, "s", "b") != group_of(one_event, "t", "b")


def test_of_a_withdrawn_event_nobody_is_asked_about_persons_in_doubt():
    gone, stands = posted(0, superseded=True), posted(1)
    matched = posted(2, superseded=True)
    decisions = {
        gone.place: Decision("review"),
        stands.place: Decision("review"),
        matched.place: MATCH,
    }
    taken = withdrawn.before_it_came([gone, stands, matched], decisions)
    assert taken == {gone.place: Decision("withdrawn", reason="event_withdrawn")}


def test_a_sender_outside_the_line_does_not_hear_of_a_membership():
    inside, outside = posted(0, organisation=UNIT), posted(1, organisation=COMMUNITY)
    matched = replace(MATCH, notes=(ENDED, NO_SUCH_TOKEN))
    decisions = {inside.place: matched, outside.place: matched}
    assert standing.silenced([inside, outside], decisions, WORLD) == {
        outside.place: replace(matched, notes=(NO_SUCH_TOKEN,))
    }
    assert standing.of_the_line([inside, outside], decisions, WORLD) == [inside]


def test_hints_have_their_sentences_and_unknown_codes_none():
    assert [code for code, _ in spoken([MOVED, "of another release"])] == [MOVED]
    assert spoken(None) == []
    (hint,) = shown([MOVED])
    assert hint["code"] == MOVED and hint["zh"] and hint["en"]


def test_every_hint_has_a_sentence():
    codes = {
        value
        for name, value in vars(sender_hints).items()
        if name.isupper() and isinstance(value, str) and not name.startswith("_")
    }
    assert codes == sender_hints.WORDS.keys()


def test_an_event_adds_where_the_register_is_silent():
    registered = replace(LI_NA, phone=None)
    announcement = posted(person={"phone": "13900000009", "sex": "male"})
    stated = Named(announcement, registered, BRANCH).as_stated
    assert (stated.phone, stated.sex, stated.name) == ("13900000009", "female", "李娜")


def act(command: str, **more: Any) -> Any:
    usual = {"command": command, "reason": None, "detail": None, "change": None}
    return SimpleNamespace(**{**usual, **more})


@pytest.mark.parametrize(
    ("of_case", "says"),
    [
        (act("accept"), COMMUNITY),
        (act("redirect"), COMMUNITY),
        (act("confirm_destination"), None),
        (act("confirm_destination", change={"chosen_by_person": True}), COMMUNITY),
        (act("forward"), None),
        (act("forward", change={"destination": COMMUNITY}), COMMUNITY),
        (act("refuse", reason="no_power", detail={"proposed": STREET}), None),
        (act("refuse", reason="wrong_organisation", detail={"proposed": STREET}), STREET),
        (act("rule", detail={"decision": "redirect"}), COMMUNITY),
        (act("rule", detail={"decision": "return"}), None),
    ],
)
def test_what_an_act_says_of_an_address(of_case, says):
    assert confirmed_by(of_case, COMMUNITY) == says


def test_only_who_serves_an_area_confirms_one():
    community, unit = DIRECTORY.get(COMMUNITY), DIRECTORY.get(UNIT)
    assert community is not None and code_of(community) == "330603001008"
    assert unit is not None and code_of(unit) is None
    assert code_of(community._replace(area="330603")) is None


WAITS = Waiting(datetime(2026, 3, 16, 9, tzinfo=ZONE), 3)


def task(waiting: Waiting | None, **before: Any) -> Any:
    return altered(UNIT, IDENTIFY, waiting, before, WORLD)


def test_a_desk_where_persons_wait_gets_a_task():
    opened = task(WAITS)
    assert opened.is_new and opened.closed is None
    assert (opened.row["persons"], opened.row["act"]) == (3, "identify")
    assert opened.row["opened_at"] == NOW


def test_a_task_stays_the_same_while_anybody_waits():
    due_on = task(WAITS).row["due_on"]
    before = {"id": "t1", "due_on": due_on, "persons": 3, "opened_at": NOW, "number": 1}
    assert task(WAITS, **before).row is None
    fewer = task(replace(WAITS, persons=2), **before)
    assert (fewer.row["id"], fewer.row["persons"], fewer.is_new) == ("t1", 2, False)


def test_a_task_is_closed_once_nobody_waits():
    closed = task(None, id="t1", due_on=NOW.date(), persons=3, opened_at=NOW, number=1)
    assert (closed.row, closed.closed) == (None, "t1")
    assert task(None).closed is None


def test_a_late_task_that_was_worked_off_makes_room_for_a_new_one():
    waits = replace(WAITS, since=NOW)
    late = {"id": "t1", "due_on": date(2026, 1, 5), "persons": 9, "opened_at": NOW, "number": 1}
    anew = task(waits, **late)
    assert anew.closed == "t1" and anew.is_new and anew.row["id"] != "t1"


def test_what_ended_organisations_left_waits_beside_a_desks_own():
    earlier = Waiting(WAITS.since - timedelta(days=9), 4)
    assert WAITS.beside(earlier) == Waiting(earlier.since, 7)
