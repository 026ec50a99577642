"""Senders without numbers, soldiers, rows named twice, members who left, died or moved: matched,
and said so.
"""

from __future__ import annotations

import hashlib
import hmac

import httpx
import pytest

from services.identity.id_numbers import check_character
from services.registry import tokens
from services.registry.load import load_rows
from tests.people.posting import decided, everything, post, post_departure
from tests.portal.town import text
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY, UNIT

CARD = "军字第1234567号"


def token(key: str, number: str) -> str:
    """As the documentation tells a sender to compute it."""
    return hmac.new(bytes.fromhex(key), number.encode("ascii"), hashlib.sha256).hexdigest()


@pytest.fixture
def key(town) -> str:
    with town.app.worker.begin() as tx:
        return tokens.agree(tx, UNIT, town.clock.now())


def load(town, **member):
    row = {"status": "full", "standing": "normal", "organisation": BRANCH} | member
    assert load_rows(town.app.worker, "members", [row], town.clock).bad == 0


def told(url, town, ident):
    answer = httpx.get(
        f"{url}/v1/events/{ident}?source=urn:guidui:organisation:{UNIT}",
        headers={"Authorization": f"Bearer {town.key(UNIT, 'sender')}", "Accept-Language": "en"},
    )
    return {(note["position"], note["code"]) for note in answer.json().get("notes", ())}


def test_a_token_matches_as_the_number_would(town, key):
    event = post(
        town,
        "t",
        {"name": county_service.name(2), "id_token": token(key, county_service.id_number(2))},
    )
    row = decided(town, event)
    assert (row.decision, row.member) == ("match", "m00002")
    assert row.evidence["pairs"][0]["levels"][0] == "same" and county_service.id_number(
        2
    ) not in str(row.evidence)


def test_a_token_must_agree_with_what_else_is_given(town, key):
    event = post(
        town,
        "t",
        {
            "name": "完全另外",
            "birth_date": "1999-01-01",
            "id_token": token(key, county_service.id_number(2)),
        },
    )
    row = decided(town, event)
    assert (row.decision, row.reason, row.member) == ("rejected", "number_of_another", None)


def test_a_members_token_is_kept_as_the_register_changes(town, key):
    load(town, member="n1", name="新来的人", id_number=county_service.id_number(40))
    load(town, member="m00002", name=county_service.name(2), id_number=county_service.id_number(41))
    for number, member in ((40, "n1"), (41, "m00002")):
        event = post(
            town,
            f"t{number}",
            {
                "name": "新来的人" if number == 40 else county_service.name(2),
                "id_token": token(key, county_service.id_number(number)),
            },
        )
        assert decided(town, event).member == member
    gone = post(
        town,
        "t2",
        {
            "name": "无人认识",
            "birth_date": "1999-01-01",
            "id_token": token(key, county_service.id_number(2)),
        },
    )
    assert decided(town, gone).decision != "match"


def test_a_token_that_nobody_has_never_matches_by_the_other_fields(town, url, key):
    load(
        town,
        member="n1",
        name="同名的人",
        birth_date="1980-05-06",
        id_number=county_service.id_number(40),
    )
    person = {"name": "同名的人", "birth_date": "1980-05-06"}
    assert decided(town, post(town, "plain", person)).decision == "match"
    event = post(town, "t", person | {"id_token": token(key, county_service.id_number(50))})
    assert decided(town, event).decision == "review" and told(url, town, "t") == {
        (0, "token_unknown")
    }
    with town.app.worker.begin() as tx:
        assert tokens.end(tx, UNIT) and not tokens.end(tx, UNIT)
    assert "tk:" not in everything(town)["member_key"]
    event = post(town, "u", person | {"id_token": token(key, county_service.id_number(40))})
    assert decided(town, event).decision == "review" and told(url, town, "u") == {
        (0, "no_token_key")
    }


def test_a_soldier_is_found_by_the_military_card(town):
    load(town, member="n1", name="退伍的人", birth_date="1990-05-06", military_card=CARD)
    event = post(town, "c", {"name": "退伍的人", "military_card": "军1234567"})
    assert (decided(town, event).decision, decided(town, event).member) == ("match", "n1")
    other = post(town, "d", {"name": "别的名字", "military_card": CARD})
    assert decided(town, other).decision == "review"


def roster(town, ident, *people):
    return post_departure(
        town,
        ident,
        {
            "category": "layoff",
            "to": {"organisation": COMMUNITY},
            "circumstances": {"labour_relation": "ended", "handover": "dispersed"},
            "persons": [
                {
                    "person": {
                        "name": county_service.name(n),
                        "id_number": county_service.id_number(n),
                    }
                }
                for n in people
            ],
        },
    )


def test_somebody_named_twice_gets_one_case_and_both_rows_are_told(town, url):
    event = roster(town, "r", 2, 3, 2)
    assert (
        decided(town, event, 0).case_id
        == decided(town, event, 2).case_id
        != decided(town, event, 1).case_id
    )
    assert told(url, town, "r") == {(0, "twice_in_roster"), (2, "twice_in_roster")}
    second = roster(town, "s", 3)
    assert decided(town, second, 0).case_id == decided(town, event, 1).case_id
    assert told(url, town, "s") == {(0, "joined_open_case")}


def test_who_died_left_or_moved_away_is_said_so(town, url, reader):
    load(
        town,
        member="m00004",
        name=county_service.name(4),
        id_number=county_service.id_number(4),
        standing="ended",
    )
    post(town, "dead", {"name": county_service.name(4), "id_number": county_service.id_number(4)})
    assert (0, "standing_ended") in told(url, town, "dead")
    case = town.leaves(4)
    assert "已出党或去世，请先核对" in text(reader("origin").get(f"/cases/{case}"))
    assert "已出党或去世" not in text(reader("origin").get(f"/cases/{town.leaves(7)}"))
    town.leaves(5, "record_receipt")
    post(town, "moved", {"name": county_service.name(5), "id_number": county_service.id_number(5)})
    assert (0, "already_moved") in told(url, town, "moved")
    event = post(
        town, "doubt", {"name": county_service.name(4), "sex": "male", "phone": "13877776666"}
    )
    assert "已出党或去世" in reader("clerk").get(f"/reviews/{event}:0").text


def test_who_names_one_brother_with_the_number_of_the_other_is_looked_at(town):
    for member, name, number in (
        ("n1", "姜小伟", "330602195602150618"),
        ("n2", "姜小华", "330602195602150634"),
    ):
        load(
            town,
            member=member,
            name=name,
            sex="male",
            birth_date="1956-02-15",
            id_number=checked(number),
        )
    row = decided(
        town, post(town, "twin", {"name": "姜小伟", "id_number": checked("330602195602150634")})
    )
    assert row.decision == "review" and {one["member"] for one in row.candidates} == {"n1", "n2"}


def checked(number: str) -> str:
    """The number with the check character that its first seventeen digits need."""
    return number[:17] + check_character(number[:17])
