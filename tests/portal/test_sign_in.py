"""Who gets in, for how long, and what a stranger's page cannot do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.portal import accounts, brake
from tests.portal.town import CAST, PASSWORD, text
from tests.stories.county_service import COMMUNITY


def test_a_one_time_password_opens_nothing_but_its_own_change(town, reader):
    with town.app.worker.begin() as tx:
        once = accounts.create_account(tx, COMMUNITY, "clerk", "新干事", town.clock.now())
    one = reader()
    assert "请先修改一次性密码" in text(one.sign_in(COMMUNITY, "新干事", once))
    assert one.get("/cases").url.path == "/password"
    page = one.get("/password")
    form = one.hidden(page, "/password") | {"old": once}
    assert "太常见" in text(
        one.post("/password", data=form | {"new": "12345678", "again": "12345678"})
    )
    assert "不一样" in text(
        one.post("/password", data=form | {"new": "long-enough-1", "again": "long-enough-2"})
    )
    assert (
        one.post(
            "/password", data=form | {"new": "long-enough-1", "again": "long-enough-1"}
        ).url.path
        == "/cases"
    )
    again = reader()
    assert again.sign_in(COMMUNITY, "新干事", once).status_code == 422
    assert again.sign_in(COMMUNITY, "新干事", "long-enough-1").url.path == "/cases"


def test_the_refusal_does_not_say_which_of_the_three_was_wrong(town, reader):
    code, _, name = CAST["secretary"]
    one = reader()
    refusals = {
        text(one.sign_in(*tried)).partition("党组织代码")[0]
        for tried in (
            (code, name, "wrong-password"),
            (code, "查无此人", PASSWORD),
            ("999999999999", name, PASSWORD),
        )
    }
    assert len(refusals) == 1 and "不对" in refusals.pop()


def test_guessing_is_braked_and_the_brake_lets_go(town, reader):
    code, _, name = CAST["secretary"]
    one = reader()
    for _ in range(brake.NAME_HERE.free):
        assert one.sign_in(code, name, "wrong-password").status_code == 422
    assert one.sign_in(code, name, PASSWORD).status_code == 429
    town.clock.advance_to(town.clock.now() + timedelta(minutes=16))
    assert one.sign_in(code, name, PASSWORD).url.path == "/cases"


@pytest.mark.parametrize("rests", [[61], [50] * 15], ids=["an hour of rest", "twelve hours in all"])
def test_a_session_ends(town, reader, rests):
    one = reader("secretary")
    for minutes in rests:
        town.clock.advance_to(town.clock.now() + timedelta(minutes=minutes))
        page = one.get("/cases")
    assert page.url.path == "/sign-in"


def test_signing_out_ends_the_session_at_the_server(town, reader):
    one = reader("secretary")
    cookie = one.cookies["guidui_session"]
    page = one.get("/password")
    one.post("/sign-out", data={"token": one.hidden(page, "/password")["token"]})
    thief = reader()
    thief.cookies.set("guidui_session", cookie)
    assert thief.get("/cases").url.path == "/sign-in"


def test_a_form_of_another_site_or_another_session_does_nothing(town, reader):
    case = town.leaves(0, "record_arrival")
    street, other = reader("street"), reader("neighbour")
    page = street.get(f"/cases/{case}/accept")
    form = street.hidden(page, "/accept")
    stolen = other.hidden(other.get("/departures/new"), "/departures")["token"]
    for token, headers in (
        ("", {}),
        (stolen, {}),
        (form["token"], {"Sec-Fetch-Site": "cross-site"}),
    ):
        answer = street.post(f"/cases/{case}/accept", data=form | {"token": token}, headers=headers)
        assert answer.status_code == 403 and "什么都没有办理" in text(answer)
    assert town.state(case) == "arrived"


def test_nobody_is_sent_to_another_site(town, reader):
    code, _, name = CAST["secretary"]
    for target in ("//evil.example", "https://evil.example", "/\\evil.example"):
        assert reader().sign_in(code, name, PASSWORD, target=target).url.host == "127.0.0.1"


def test_pages_keep_to_themselves(town, reader):
    one = reader("secretary")
    page = one.get("/cases")
    assert (
        "unsafe" not in page.headers["content-security-policy"]
        and "'none'" in page.headers["content-security-policy"]
    )
    assert page.headers["cache-control"] == "no-store" and page.headers["x-frame-options"] == "DENY"
    answer = reader().sign_in(*(CAST["secretary"][i] for i in (0, 2)), PASSWORD)
    cookie = answer.history[0].headers.get_list("set-cookie")[0]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert (
        "<script>" not in page.text and " style=" not in page.text and " onclick" not in page.text
    )


def test_only_hashes_are_kept(town, reader):
    one = reader("secretary")
    with town.app.worker.connect() as tx:
        kept = str(tx.exec_driver_sql("SELECT * FROM account").all()) + str(
            tx.exec_driver_sql("SELECT * FROM session").all()
        )
    assert (
        PASSWORD not in kept and one.cookies["guidui_session"] not in kept and "$argon2id$" in kept
    )
