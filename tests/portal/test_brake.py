"""The brake on guessing: exact whatever comes at once, slower each time, and never a lock for those
who share an address.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from services.kit.errors import Refused
from services.portal import accounts, brake
from services.portal.brake import Attempt
from tests.portal.town import CAST, PASSWORD
from tests.stories.county_service import COMMUNITY

CODE, _, NAME = CAST["secretary"]
HOME = "192.0.2.7"


def tried(town, password: str, attempt: Attempt = Attempt(CODE, NAME, HOME)) -> str:
    """ "in", "wrong" or "wait"."""
    try:
        account = accounts.verified(town.app.worker, b"k", attempt, password, town.clock.now())
    except Refused as refused:
        assert refused.status == 429 and refused.extra["retry_after"] >= 1
        return "wait"
    return "in" if account else "wrong"


def later(town, seconds: float) -> None:
    town.clock.advance_to(town.clock.now() + timedelta(seconds=seconds))


def test_of_many_tries_at_once_five_are_looked_at(town):
    with ThreadPoolExecutor(25) as crowd:
        outcomes = list(crowd.map(lambda n: tried(town, f"guess-{n}"), range(25)))
    assert outcomes.count("wrong") == brake.NAME_HERE.free and outcomes.count("wait") == 20


def test_each_wait_is_longer_and_every_wait_ends(town):
    for _ in range(brake.NAME_HERE.free):
        assert tried(town, "wrong-password") == "wrong"
    for seconds in (2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        later(town, seconds - 1)
        assert tried(town, PASSWORD) == "wait", "nor does a right password pass"
        later(town, 1)
        assert tried(town, "wrong-password") == "wrong"
    later(town, 300)
    assert tried(town, PASSWORD) == "in"
    assert tried(town, "wrong-password") == "wrong", "a success ends the count"


def test_whoever_waits_is_not_counted(town):
    for _ in range(brake.NAME_HERE.free):
        tried(town, "wrong-password")
    for _ in range(50):
        assert tried(town, "wrong-password") == "wait"
    later(town, 2)
    assert tried(town, PASSWORD) == "in"


def test_a_stranger_elsewhere_does_not_lock_the_name_here(town):
    for n in range(brake.NAME_ANYWHERE.free + 20):
        tried(town, "wrong-password", Attempt(CODE, NAME, f"{n}.0.113.1"))
    outcome = tried(town, PASSWORD)
    later(town, brake.NAME_ANYWHERE.most)
    assert outcome == "wait" and tried(town, PASSWORD) == "in"


def test_a_county_behind_one_address_is_not_locked_out(town):
    for n in range(brake.NETWORK.free + 60):
        tried(town, "wrong-password", Attempt(COMMUNITY, f"某人{n}", HOME))
    later(town, brake.NETWORK.most)
    assert tried(town, PASSWORD) == "in"


def test_a_known_browser_is_not_held_up_by_strangers(town):
    with town.app.worker.begin() as tx:
        account = tx.exec_driver_sql("SELECT id FROM account WHERE name = %s", (NAME,)).scalar_one()
        brake.remember_device(tx, account, "", "my-browser", town.clock.now())
    for n in range(80):
        tried(town, "wrong-password", Attempt(CODE, NAME, f"{n}.0.113.1"))
        tried(town, "wrong-password")
    mine = Attempt(CODE, NAME, HOME, "my-browser")
    assert tried(town, PASSWORD) == "wait" and tried(town, PASSWORD, mine) == "in"
    assert tried(town, PASSWORD, Attempt(CODE, NAME, HOME, "a-made-up-cookie")) == "wait"
    for _ in range(brake.NAME_HERE.free):
        assert tried(town, "wrong-password", mine) == "wrong"
    assert tried(town, PASSWORD, mine) == "wait", "a stolen cookie guesses no faster"
    other = Attempt(*CAST["street"][::2], HOME, "my-browser")
    assert tried(town, PASSWORD, other) in ("in", "wait")


def test_signing_in_renews_the_cookie_of_the_browser(town, reader):
    one = reader("secretary")
    first = one.cookies["guidui_device"]
    one.cookies.delete("guidui_session")
    one.sign_in(CODE, NAME, PASSWORD)
    second = one.cookies["guidui_device"]
    with town.app.worker.connect() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM known_device").scalar_one() == 1
        kept = tx.exec_driver_sql("SELECT token_hash FROM known_device").scalar_one()
    assert first != second and kept not in (first, second)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.200", True),
        ("192.0.2.7", "192.0.3.7", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("", "", True),
        ("unix", "unix", True),
    ],
)
def test_neighbours_of_an_address_are_one_network(one, other, same):
    assert (brake.network_of(one) == brake.network_of(other)) is same


def test_an_unknown_name_and_a_wrong_password_are_answered_alike(town, monkeypatch):
    looked_at = []
    verify = accounts._is_password
    monkeypatch.setattr(
        accounts, "_is_password", lambda kept, given: looked_at.append(kept) or verify(kept, given)
    )
    for attempt in (
        Attempt(CODE, NAME, HOME),
        Attempt(CODE, "无此人", HOME),
        Attempt("999999999999", NAME, HOME),
    ):
        assert tried(town, "wrong-password", attempt) == "wrong"
    assert len(looked_at) == 3 and all(kept.startswith("$argon2id$") for kept in looked_at)
    assert len({kept.rpartition("$")[0].rpartition("$")[0] for kept in looked_at}) == 1, (
        "at the same cost"
    )
