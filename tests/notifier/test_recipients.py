"""Who is told of a task, from contacts as the register has them; without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from services.notifier.escalation import above
from services.notifier.recipients import (
    PORTAL,
    Addressee,
    Contact,
    channel_of,
    climbing,
    direct,
    obstacle,
    recipients,
)

TODAY = date(2026, 3, 20)
YESTERDAY, TOMORROW = date(2026, 3, 19), date(2026, 3, 21)
BOUNCES_MAX = 2
CHANNELS = {PORTAL, "email"}
ZHAO = Contact("c1", "email", "zhao@example.org", None, None, 0)
GONE = replace(ZHAO, id="c2", until=YESTERDAY)


def unit(*contacts: Contact) -> Addressee:
    return Addressee("3", "1.2.3.", contacts)


def committee(*contacts: Contact) -> Addressee:
    return Addressee("2", "1.2.", contacts)


def city(*contacts: Contact) -> Addressee:
    return Addressee("1", "1.", contacts)


@pytest.mark.parametrize(
    ("contact", "why"),
    [
        (ZHAO, None),
        (replace(ZHAO, until=TODAY), None),
        (replace(ZHAO, until=YESTERDAY), "post_ended"),
        (replace(ZHAO, since=TODAY), None),
        (replace(ZHAO, since=TOMORROW), "not_begun"),
        (replace(ZHAO, bounced=1), None),
        (replace(ZHAO, bounced=2), "bounced"),
    ],
)
def test_why_a_contact_cannot_be_written_to(contact, why):
    assert obstacle(contact, TODAY, BOUNCES_MAX) == why


def test_who_was_tried_in_vain_is_not_tried_again():
    assert obstacle(ZHAO, TODAY, BOUNCES_MAX, {"c1"}) == "undelivered"


@pytest.mark.parametrize(
    ("wanted", "email", "channels", "channel"),
    [
        ("email", "a@example.org", CHANNELS, "email"),
        ("email", None, CHANNELS, None),
        ("email", "a@example.org", {PORTAL}, None),
        (PORTAL, None, set(), PORTAL),
        ("sms", None, CHANNELS | {"sms"}, "sms"),
        ("sms", "a@example.org", CHANNELS, "email"),
        ("sms", None, CHANNELS, None),
    ],
)
def test_a_channel_that_is_not_at_hand_gives_way_to_email(wanted, email, channels, channel):
    contact = replace(ZHAO, channel=wanted, email=email)
    assert channel_of(contact, channels) == channel


def test_an_organisation_climbs_where_none_of_its_contacts_can_be_reached():
    bounced = replace(ZHAO, bounced=2)
    assert climbing(unit(), TODAY, BOUNCES_MAX) is None
    assert climbing(unit(GONE, ZHAO), TODAY, BOUNCES_MAX) is None
    assert climbing(unit(GONE), TODAY, BOUNCES_MAX) == "post_ended"
    assert climbing(unit(GONE, bounced), TODAY, BOUNCES_MAX) == "bounced"
    assert climbing(unit(GONE, ZHAO), TODAY, BOUNCES_MAX, {"c1"}) == "undelivered"


def test_the_inbox_is_told_beside_the_contacts():
    told = direct(unit(ZHAO, GONE), TODAY, CHANNELS, BOUNCES_MAX)
    assert [(recipient.contact, recipient.channel) for recipient in told] == [
        (None, PORTAL),
        ("c1", "email"),
    ]


def test_where_nobody_can_be_reached_the_nearest_superior_who_can_is_told():
    book = {"2": committee(GONE), "1": city(ZHAO)}
    told = recipients(unit(GONE), book, TODAY, CHANNELS, BOUNCES_MAX)
    assert [(r.organisation, r.contact, r.because) for r in told] == [
        ("3", None, None),
        ("1", None, "post_ended"),
        ("1", "c1", "post_ended"),
    ]


def test_where_nobody_above_can_be_reached_the_own_inbox_stands():
    told = recipients(unit(GONE), {}, TODAY, CHANNELS, BOUNCES_MAX)
    assert [(r.organisation, r.contact) for r in told] == [("3", None)]


def test_superiors_are_named_from_the_nearest_up():
    assert unit().superiors == ["2", "1"]
    assert [above("1.2.3."), above("1.2."), above("1.")] == ["2", "1", None]
