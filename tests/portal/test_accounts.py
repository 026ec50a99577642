"""Accounts and keys of one's own tree: opened, listed, ended and reset by whoever may, and ended
with an organisation.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from services.app import tree_loop
from services.portal import accounts
from services.portal.issuing import open_account
from services.registry.load import load_rows
from services.registry.security_log import NOBODY
from tests.portal.town import CAST, DEPARTMENT, PASSWORD, text
from tests.stories.county_service import BRANCH, CITY, COMMUNITY, UNIT


def secret_on(page) -> str:
    """What a page shows this once."""
    return re.search(r"<p><code>([^<]+)</code></p>", page.text)[1]


def account_of(town, name: str) -> str:
    with town.app.worker.connect() as tx:
        return str(
            tx.exec_driver_sql("SELECT id FROM account WHERE name = %s", (name,)).scalar_one()
        )


def send(reader, action: str, **fields: str):
    """A form of the page of accounts."""
    token = reader.hidden(reader.get("/accounts"), "/accounts")["token"]
    return reader.post(action, data={"token": token} | fields)


def events(town) -> list[tuple]:
    with town.app.worker.connect() as tx:
        return [
            tuple(row)
            for row in tx.exec_driver_sql(
                "SELECT event, result, organisation, object FROM security_log ORDER BY at, id"
            ).all()
        ]


def test_a_department_opens_resets_and_ends_an_account_of_its_tree(town, reader):
    department = reader("department")
    opened = send(department, "/accounts", organisation=UNIT, role="clerk", name="新经办")
    once = secret_on(opened)
    assert "新经办" in text(opened) and once not in text(department.get("/accounts"))
    first = reader()
    assert "请先修改一次性密码" in text(first.sign_in(UNIT, "新经办", once))
    account = account_of(town, "新经办")
    town.clock.advance_to(town.clock.now() + timedelta(minutes=1))
    again = secret_on(send(department, f"/accounts/{account}/reset"))
    assert first.get("/cases").url.path == "/sign-in", "a reset ends the sessions"
    assert reader().sign_in(UNIT, "新经办", once).status_code == 422
    assert "请先修改一次性密码" in text(reader().sign_in(UNIT, "新经办", again))
    town.clock.advance_to(town.clock.now() + timedelta(minutes=1))
    assert "停用" in text(send(department, f"/accounts/{account}/end"))
    assert reader().sign_in(UNIT, "新经办", again).status_code == 422
    done = [event for event, *_ in events(town) if event.startswith("account_")]
    assert done == ["account_created", "account_reset", "account_ended"]


def test_nobody_reaches_accounts_of_another_tree_or_above_their_own_role(town, reader):
    department = reader("department")
    other, admin = account_of(town, CAST["other_department"][2]), account_of(town, CAST["admin"][2])
    for account in (other, admin, "11111111-1111-4111-8111-111111111111"):
        for act in ("reset", "end"):
            assert send(department, f"/accounts/{account}/{act}").status_code == 404
    for code in (COMMUNITY, CITY, "000000000000"):
        for action, role in (("/accounts", "clerk"), ("/keys", "receiver")):
            assert (
                send(department, action, organisation=code, role=role, name="外人").status_code
                == 422
            )
    for action, role in (("/accounts", "admin"), ("/keys", "admin")):
        assert (
            send(department, action, organisation=UNIT, role=role, name="想当管理员").status_code
            == 403
        )
    for action, role in (("/accounts", "operator"), ("/keys", "operator"), ("/keys", "")):
        assert (
            send(department, action, organisation=UNIT, role=role, name="想当运维").status_code
            == 422
        )
    own = account_of(town, CAST["department"][2])
    assert send(department, f"/accounts/{own}/end").status_code == 409
    names = text(department.get("/accounts"))
    assert (
        CAST["clerk"][2] in names
        and CAST["other_department"][2] not in names
        and CAST["admin"][2] not in names
    )
    for who in ("secretary", "clerk"):
        assert reader(who).get("/accounts").status_code == 403


def test_a_department_may_not_touch_an_administrator_below_it(town, reader):
    with town.app.worker.begin() as tx:
        open_account(tx, NOBODY, UNIT, "admin", "单位管理员", town.clock.now())
    account = account_of(town, "单位管理员")
    for act in ("reset", "end"):
        assert send(reader("department"), f"/accounts/{account}/{act}").status_code == 403
        assert send(reader("admin"), f"/accounts/{account}/{act}").status_code == 200


def test_keys_of_the_tree_are_issued_and_revoked(town, reader, url):
    import httpx

    department = reader("department")
    key = secret_on(send(department, "/keys", organisation=UNIT, role="receiver"))
    asked = {"headers": {"Authorization": f"Bearer {key}"}}
    assert httpx.get(f"{url}/v1/alerts", **asked).status_code == 200
    with town.app.worker.connect() as tx:
        ident = tx.exec_driver_sql(
            "SELECT id FROM api_key WHERE role = 'receiver' AND organisation = %s", (UNIT,)
        ).scalar_one()
    assert send(reader("other_department"), f"/keys/{ident}/revoke").status_code == 404
    assert "作废" in text(send(department, f"/keys/{ident}/revoke"))
    town.app.web.dispose()
    import time

    time.sleep(0.6)  # a key is remembered for half a second
    assert httpx.get(f"{url}/v1/alerts", **asked).status_code == 401


def test_a_one_time_password_runs_out_after_72_hours(town, reader):
    with town.app.worker.begin() as tx:
        once = accounts.create_account(tx, COMMUNITY, "clerk", "迟到的人", town.clock.now())
    town.clock.advance_to(town.clock.now() + timedelta(hours=71, minutes=59))
    assert reader().sign_in(COMMUNITY, "迟到的人", once).url.path == "/password"
    town.clock.advance_to(town.clock.now() + timedelta(minutes=2))
    late = reader().sign_in(COMMUNITY, "迟到的人", once)
    assert late.status_code == 422 and "72" in text(late)
    assert "72" not in text(reader().sign_in(COMMUNITY, "迟到的人", "another-password")), (
        "only who has it is told so"
    )


def test_the_end_of_an_organisation_ends_its_keys_and_accounts_the_day_after(town, reader):
    clerk, key = reader("clerk"), town.caller(UNIT, "receiver")
    last = town.clock.now().date()
    load_rows(
        town.app.worker,
        "organisations",
        [
            {
                "code": UNIT,
                "name": "中共绍兴越城示例纺织有限公司委员会",
                "kind": "basic_committee",
                "unit": "enterprise_state",
                "parent": DEPARTMENT,
                "area": "330602",
                "serves_area": "no",
                "authority": "yes",
                "effective_to": last.isoformat(),
                "successor": BRANCH,
            }
        ],
        town.clock,
    )
    tree_loop(town.app)
    assert clerk.get("/cases").status_code == 200, "its last day is its own"
    town.clock.advance_to(town.clock.now() + timedelta(days=1))
    tree_loop(town.app)
    assert clerk.get("/cases").url.path == "/sign-in"
    assert reader().sign_in(UNIT, CAST["clerk"][2], PASSWORD).status_code == 422
    with town.app.worker.connect() as tx:
        assert (
            tx.exec_driver_sql(
                "SELECT revoked_at FROM api_key WHERE id = %s", (key.key_id,)
            ).scalar_one()
            is not None
        )
        assert (
            tx.exec_driver_sql(
                "SELECT count(*) FROM account WHERE organisation = %s AND ended_at IS NULL",
                (BRANCH,),
            ).scalar_one()
            == 1
        ), "the successor has what it had"
    again = send(reader("department"), "/accounts", organisation=UNIT, role="clerk", name="又一人")
    assert again.status_code == 422 and "停止使用" in text(again)
    assert ("account_ended", "done", None, "account") in events(town)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_pages_speak_both_languages(town, reader, language):
    page = reader("department", language).get("/accounts")
    assert page.status_code == 200 and ("Accounts" if language == "en" else "账户") in text(page)
