"""Opened tasks become notices for the right recipients, once; closed ones end theirs."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import pytest

from services.kit.errors import Poison
from tests.notifier.town import COMMUNITY, DISTRICT, NEIGHBOUR, STREET, UNIT


def told(town) -> set[tuple]:
    return {(n["recipient"], n["channel"], n["because"]) for n in town.notices()}


def test_without_a_contact_the_inbox_is_told_at_once(town):
    town.hear(town.opened(COMMUNITY))
    [notice] = town.notices()
    assert (notice["recipient"], notice["channel"], notice["state"]) == (
        COMMUNITY,
        "portal",
        "sent",
    )
    assert notice["delivered_at"] == town.clock.now()
    assert notice["seen_at"] is None and notice["acted_at"] is None


def test_current_contacts_are_told_beside_the_inbox(town):
    secretary = town.contact(COMMUNITY, "secretary@example.org", until=date(2026, 11, 23))
    town.contact(COMMUNITY, "former@example.org", until=date(2026, 11, 22))
    town.contact(COMMUNITY, None, channel="portal")
    town.contact(NEIGHBOUR, "neighbour@example.org")
    town.hear(town.opened(COMMUNITY))
    assert told(town) == {(COMMUNITY, "email", None), (COMMUNITY, "portal", None)}
    assert town.notices(channel="email")[0]["contact"] == secretary


def test_a_channel_that_is_not_at_hand_gives_way_to_email(town):
    town.contact(COMMUNITY, "secretary@example.org", channel="wecom")
    town.contact(COMMUNITY, None, channel="sms")
    town.hear(town.opened(COMMUNITY))
    assert told(town) == {(COMMUNITY, "email", None), (COMMUNITY, "portal", None)}


def test_a_post_that_ended_sends_the_prompt_one_level_up(town):
    town.contact(COMMUNITY, "former@example.org", until=date(2026, 11, 22))
    town.contact(STREET, "street@example.org")
    town.hear(town.opened(COMMUNITY))
    assert told(town) == {
        (COMMUNITY, "portal", None),
        (STREET, "email", "post_ended"),
        (STREET, "portal", "post_ended"),
    }


def test_two_bounces_send_the_prompt_up_past_a_superior_who_cannot_be_reached_either(town):
    town.contact(COMMUNITY, "gone@example.org", bounced=2)
    town.contact(STREET, "street@example.org", until=date(2026, 1, 1))
    town.contact(DISTRICT, "district@example.org")
    town.hear(town.opened(COMMUNITY))
    assert told(town) == {
        (COMMUNITY, "portal", None),
        (DISTRICT, "email", "bounced"),
        (DISTRICT, "portal", "bounced"),
    }


def test_one_bounce_is_not_enough(town):
    town.contact(COMMUNITY, "secretary@example.org", bounced=1)
    town.hear(town.opened(COMMUNITY))
    assert told(town) == {(COMMUNITY, "email", None), (COMMUNITY, "portal", None)}


def test_a_message_heard_again_writes_nothing(town):
    town.contact(COMMUNITY, "secretary@example.org")
    opened = town.opened(COMMUNITY)
    town.hear(opened)
    town.hear(opened, opened)
    assert len(town.notices()) == 2


def test_closing_ends_what_waits_and_dates_the_act(town):
    town.contact(COMMUNITY, "secretary@example.org")
    opened = town.opened(COMMUNITY)
    town.hear(opened)
    town.clock.advance_to(town.clock.now().replace(hour=11))
    town.hear(town.closed(opened))
    assert {n["acted_at"] for n in town.notices()} == {town.clock.now()}
    assert [(n["state"], n["why"]) for n in town.notices(channel="email")] == [("not_sent", "done")]
    assert [n["state"] for n in town.notices(channel="portal")] == ["sent"]


def test_opening_and_closing_in_one_batch(town):
    town.contact(COMMUNITY, "secretary@example.org")
    opened = town.opened(COMMUNITY)
    town.hear(opened, town.closed(opened), town.opened(UNIT))
    assert {n["state"] for n in town.notices(COMMUNITY)} == {"not_sent"}
    assert [n["state"] for n in town.notices(UNIT)] == ["sent"]


def test_a_closing_that_overtakes_its_opening(town):
    opened = town.opened(COMMUNITY)
    closed = town.closed(opened)
    town.hear(closed)
    town.hear(opened)
    [notice] = town.notices()
    assert (
        notice["state"] == "not_sent"
        and notice["acted_at"] == town.clock.now()
        and notice["delivered_at"] is None
    )


def test_a_task_that_is_opened_again_is_told_again(town):
    town.contact(COMMUNITY, "secretary@example.org")
    opened = town.opened(COMMUNITY)
    town.hear(opened)
    closed = town.closed(opened)
    town.hear(closed)
    town.clock.advance_to(town.clock.now().replace(hour=12))
    again = town.opened_again(opened)
    town.hear(again)
    town.hear(again, closed)
    assert {(n["state"], n["acted_at"]) for n in town.notices()} == {
        ("sent", None),
        ("waiting", None),
    }
    assert {n["due_at"] for n in town.notices()} == {town.clock.now()}


def test_opened_closed_and_opened_again_in_one_batch(town):
    opened = town.opened(COMMUNITY)
    town.hear(opened, town.closed(opened), town.opened_again(opened))
    assert [(n["state"], n["acted_at"]) for n in town.notices()] == [("sent", None)]


def test_an_unknown_organisation_is_poison(town):
    with pytest.raises(Poison):
        town.hear(
            town.message(
                uuid4(),
                [
                    {
                        "id": str(uuid4()),
                        "kind": "triage",
                        "act": "triage",
                        "organisation": "999999999999",
                        "due_on": None,
                    }
                ],
                [],
            )
        )
    assert town.notices() == []
