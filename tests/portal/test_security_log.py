"""The security log: what is kept, who reads it, and that nobody alters it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import httpx
import pytest
from sqlalchemy.exc import DBAPIError

from services.kit.db.engine import connect
from services.portal.issuing import open_account
from services.registry import security_log
from services.registry.security_log import NOBODY, Actor
from tests.portal.town import CAST, PASSWORD, text
from tests.stories.county_service import BRANCH, COMMUNITY, COUNTY, ORIGIN_COUNTY, UNIT


def kept(town, **wanted) -> list:
    with town.app.worker.connect() as tx:
        rows = security_log.listed(tx, limit=500)
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def test_signing_in_and_failing_to_are_kept_without_what_was_typed(town, reader):
    code, _, name = CAST["clerk"]
    reader().sign_in(code, name, "a-wrong-password")
    reader().sign_in(code, "查无此人的名字", PASSWORD)
    signed_in = reader("clerk")
    page = signed_in.get("/password")
    signed_in.post("/sign-out", data={"token": signed_in.hidden(page, "/password")["token"]})
    assert Counter((row["event"], row["result"], row["organisation"]) for row in kept(town)) == {
        ("sign_in", "failed", None): 2,
        ("sign_in", "done", code): 1,
        ("sign_out", "done", code): 1,
    }
    with town.app.worker.connect() as tx:
        everything = str(tx.exec_driver_sql("SELECT l::text FROM security_log l").all())
    for typed in (name, "查无此人的名字", "a-wrong-password", PASSWORD):
        assert typed not in everything
    first, second = kept(town, result="failed")
    assert first["reference"] != second["reference"] and first["trace"]
    assert first["at"].endswith("+08:00"), "with its zone"


def test_what_is_refused_because_it_is_anothers_is_kept(town, url, reader):
    case = town.leaves(0, "confirm_destination")
    neighbour = {"Authorization": f"Bearer {town.key('330603010050', 'receiver')}"}
    assert httpx.get(f"{url}/v1/cases/{case}", headers=neighbour).status_code == 404
    assert httpx.get(f"{url}/v1/audit", headers=neighbour).status_code == 403
    assert httpx.get(f"{url}/v1/nothing", headers=neighbour).status_code == 404
    assert reader("neighbour").get(f"/cases/{case}").status_code == 404
    rows = kept(town, event="refused")
    assert Counter((row["detail"], row["object"], row["organisation"]) for row in rows) == {
        ("no-such-case", "cases", "330603010050"): 2,
        ("role-may-not", "audit", "330603010050"): 1,
    }
    assert sorted((row["account"] is None, row["key_id"] is None) for row in rows) == [
        (False, True),
        (True, False),
        (True, False),
    ]
    assert case not in str(rows)


def test_an_event_in_anothers_name_is_kept_also_within_a_batch(town, url):
    key = {
        "Authorization": f"Bearer {town.key(UNIT, 'sender')}",
        "Content-Type": "application/cloudevents-batch+json",
    }
    event = {
        "specversion": "1.0",
        "type": "guidui.life.attended.v1",
        "source": f"urn:guidui:organisation:{COMMUNITY}",
        "id": "x",
        "time": "2026-11-23T09:00:00+08:00",
        "data": {},
    }
    assert (
        httpx.post(f"{url}/v1/events", headers=key, json=[event, event | {"id": "y"}]).status_code
        == 202
    )
    assert [row["detail"] for row in kept(town, event="refused")] == ["not-your-source"]


def test_whoever_tries_in_a_loop_fills_no_disk(town, url):
    key = {"Authorization": f"Bearer {town.key(UNIT, 'receiver')}"}
    with httpx.Client(base_url=url, headers=key) as client:
        for _ in range(security_log.REFUSALS_A_MINUTE_MAX + 15):
            client.get("/v1/audit")
    assert len(kept(town, event="refused")) == security_log.REFUSALS_A_MINUTE_MAX


def test_papers_and_tables_that_leave_are_kept(town, reader):
    case = town.leaves(0, "issue_letter")
    clerk = reader("clerk")
    assert clerk.get("/cases?print=true").status_code == 200
    assert clerk.get(f"/cases/{case}").status_code == 200
    assert [
        (row["event"], row["object"]) for row in kept(town) if row["event"] in ("print", "export")
    ] == [("print", "cases")]


def test_a_department_reads_its_tree_and_an_operator_all_of_it(town, url, reader):
    now = town.clock.now()
    with town.app.worker.begin() as tx:
        once = open_account(tx, NOBODY, None, "operator", "值班运维", now)
    reader("clerk"), reader("secretary")
    rows = {
        code: httpx.get(
            f"{url}/v1/security-log",
            headers={"Authorization": f"Bearer {town.key(code, 'department')}"},
        ).json()["items"]
        for code in (ORIGIN_COUNTY, COUNTY)
    }
    assert {row["organisation"] for row in rows[ORIGIN_COUNTY]} == {UNIT}
    assert {row["organisation"] for row in rows[COUNTY]} == {COMMUNITY}
    assert (
        httpx.get(
            f"{url}/v1/security-log",
            headers={"Authorization": f"Bearer {town.key(UNIT, 'receiver')}"},
        ).status_code
        == 403
    )
    assert reader("clerk").get("/security").status_code == 403
    page = text(reader("department").get("/security"))
    assert "登录" in page and CAST["clerk"][2] not in page
    operator = reader()
    assert operator.sign_in("", "值班运维", once).url.path == "/password"
    form = operator.hidden(operator.get("/password"), "/password") | {"old": once}
    operator.post("/password", data=form | {"new": "operators-own-1", "again": "operators-own-1"})
    assert "运维" in text(operator.get("/security"))
    key = {"Authorization": f"Bearer {town.key(None, 'operator')}"}
    assert {UNIT, COMMUNITY} <= {
        row["organisation"]
        for row in httpx.get(f"{url}/v1/security-log", headers=key).json()["items"]
    }
    for path in ("/cases", "/department", "/reviews", "/pool", "/rolls"):
        assert operator.get(path).status_code in (403, 404), path
    assert httpx.get(f"{url}/v1/cases", headers=key).status_code == 403


def test_the_log_is_read_page_by_page(town, url):
    for n in range(7):
        security_log.record(
            town.app.worker,
            town.clock.now() + timedelta(seconds=n // 3),
            "export",
            Actor(UNIT, town.caller(UNIT).path, "receiver"),
        )
    key = {"Authorization": f"Bearer {town.key(ORIGIN_COUNTY, 'department')}"}
    seen, cursor = [], ""
    while cursor is not None:
        page = httpx.get(
            f"{url}/v1/security-log",
            params={"limit": 3, "event": "export", **({"cursor": cursor} if cursor else {})},
            headers=key,
        ).json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 7
    assert (
        httpx.get(f"{url}/v1/security-log", params={"cursor": "nonsense"}, headers=key).status_code
        == 422
    )


def test_nobody_alters_the_log(town, database):
    security_log.record(
        town.app.worker, town.clock.now(), "export", Actor(UNIT, town.caller(UNIT).path)
    )
    owner = connect(database.owner_url, None, connections_max=1)
    for engine in (town.app.worker, town.app.acts, town.app.web, owner):
        for sql in (
            "UPDATE security_log SET result = 'failed'",
            "DELETE FROM security_log",
            "TRUNCATE security_log",
            "UPDATE security_log SET organisation = NULL, path = ''",
        ):
            with pytest.raises(DBAPIError), engine.begin() as tx:
                tx.exec_driver_sql(sql)
    owner.dispose()
    with pytest.raises(DBAPIError), town.app.worker.begin() as tx:
        tx.exec_driver_sql("ALTER TABLE security_log DISABLE TRIGGER USER")
    assert len(kept(town, event="export")) == 1


def test_old_rows_go_and_half_a_year_stays_whoever_asks(town):
    now = town.clock.now()
    for days in (0, 179, 181, 399, 401):
        security_log.record(town.app.worker, now - timedelta(days=days), "export", NOBODY)
    with town.app.worker.begin() as tx:
        assert security_log.forget(tx, now) == 1
        assert (
            tx.exec_driver_sql(
                "SELECT security_log_forgets(%s)", (now + timedelta(days=9),)
            ).scalar_one()
            == 2
        )
    assert len(kept(town)) == 2


def test_an_event_that_nobody_listed_is_no_event(town):
    with pytest.raises(ValueError):
        security_log.record(town.app.worker, town.clock.now(), "something_new", NOBODY)


def test_rows_follow_a_part_of_the_tree_that_moves(town):
    path = town.caller(BRANCH).path
    security_log.record(town.app.worker, town.clock.now(), "export", Actor(BRANCH, path))
    with town.app.worker.begin() as tx:
        new = path.replace(f"{UNIT}.", "")
        tx.exec_driver_sql(
            "UPDATE organisation SET path = %s, parent = %s WHERE code = %s",
            (new, ORIGIN_COUNTY, BRANCH),
        )
        tx.exec_driver_sql("SELECT paths_follow(%s, %s, 100)", (path, new))
        assert tx.exec_driver_sql("SELECT path FROM security_log").scalar_one() == new
