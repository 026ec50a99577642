"""What the card of a case offers and hides, by what stands in it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from services.cases.policy import values
from services.cases.views.card import Card, ContactLine, PersonBox, RuleBox, masked_phone
from services.portal.pages.cases import grouped, masked

OWN, OTHER = "330602010028", "330603010050"


def card(allowed: list[str], **view: Any) -> Card:
    """A card of a case that waits for OWN to accept, but for what is said."""
    shown = {
        "id": "c1",
        "state": "arrived",
        "origin": OTHER,
        "waiting_on": {"organisation": OWN, "act": "accept", "due_on": None},
        "tasks": [],
    }
    contact = ContactLine("甲", True, datetime(2026, 11, 23), "139 **** 0421", "某路 1 号")
    return Card(
        view=shown | view,
        person=PersonBox(name="王小明", address="某路 1 号"),
        evidence={},
        rule=RuleBox(words=None, override_source=None, lost=False),
        policy_now=values.default(),
        organisations={},
        parties={"committee": OTHER},
        receiving_committee=OWN,
        allowed=allowed,
        claims=[],
        asks=[],
        contacts=[contact, contact],
        reports=[],
        grid=None,
        stay=None,
        floating=None,
        batch=None,
    )


def test_what_the_organisation_is_waited_for_comes_first():
    assert grouped(card(["refuse", "accept", "note"]), OWN)[0] == "accept"


def test_a_task_of_its_own_comes_before_what_another_is_waited_for():
    waits_for_other = {"organisation": OTHER, "act": "record_receipt", "due_on": None}
    talk = {"kind": "talk", "organisation": OWN, "due_on": None}
    primary, _, rest = grouped(
        card(["record_receipt", "record_talk"], waiting_on=waits_for_other, tasks=[talk]), OWN
    )
    assert (primary, rest) == ("record_talk", ["record_receipt"])


def test_nothing_is_offered_where_nothing_may_be_done():
    assert grouped(card([]), OWN) == (None, [], [])


def test_the_receiving_side_sees_no_address_before_it_has_accepted():
    seen = masked(card(["accept"]), OWN)
    assert seen.person == PersonBox(name="王小明")
    assert [contact.address for contact in seen.contacts] == [None, None]
    assert masked(card([]), OTHER).person.address == "某路 1 号"
    assert masked(card([], state="accepted"), OWN).person.address == "某路 1 号"


@pytest.mark.parametrize(
    "phone,shown",
    [("139-1234-0421", "139 **** 0421"), ("8000000", None), (None, None)],
)
def test_a_masked_phone_is_recognised_and_not_passed_on(phone, shown):
    assert masked_phone(phone) == shown
