"""Host notes, branch proposals and 双报到 by systems: the same acts and the same rights as on the
pages.
"""

from __future__ import annotations

from datetime import datetime

import httpx
import pytest

from services.app import records_loop
from services.kit.clock import ZONE
from tests.records.test_floating import floats
from tests.stories.county_service import (
    BRANCH,
    COMMUNITY,
    COUNTY,
    NEIGHBOUR,
    ORIGIN_COUNTY,
    STREET,
    UNIT,
)

SOME_ID = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def call(town, url):
    def call(code: str, method: str, path: str, role: str = "receiver", **more) -> httpx.Response:
        return httpx.request(
            method,
            f"{url}/v1{path}",
            headers={"Authorization": f"Bearer {town.key(code, role)}"},
            **more,
        )

    return call


def test_the_host_notes_the_origin_reads_and_the_clocks_hear_of_it(town, call):
    case = floats(town, 1)
    assert [one["case"] for one in call(COMMUNITY, "GET", "/floating").json()["items"]] == [case]
    path = f"/floating/{case}/notes"
    made = call(
        COMMUNITY, "POST", path, json={"kind": "life", "on": "2026-11-23", "words": "主题党日"}
    )
    assert made.status_code == 201, made.text
    town.settle()
    with town.app.worker.connect() as tx:
        assert (
            str(
                tx.exec_driver_sql(
                    "SELECT last_life_on FROM member WHERE member = 'm00001'"
                ).scalar_one()
            )
            == "2026-11-23"
        )
    read = call(BRANCH, "GET", path).json()["items"]
    assert [(one["organisation"], one["kind"], one["on"], one["words"]) for one in read] == [
        (COMMUNITY, "life", "2026-11-23", "主题党日")
    ]
    assert call(BRANCH, "POST", path, json={"kind": "life", "on": "2026-11-23"}).status_code == 403
    for method in ("GET", "POST"):
        assert (
            call(NEIGHBOUR, method, path, json={"kind": "life", "on": "2026-11-23"}).status_code
            == 404
        )
    assert (
        call(
            COMMUNITY, "POST", path, role="sender", json={"kind": "life", "on": "2026-11-23"}
        ).status_code
        == 403
    )
    for wrong in (
        {"kind": "life", "on": "yesterday"},
        {"kind": "gossip", "on": "2026-11-20"},
        {"kind": 1, "on": "2026-11-20"},
        {"kind": "life", "on": "2999-01-01"},
    ):
        assert call(COMMUNITY, "POST", path, json=wrong).status_code == 422, wrong
    assert len(call(COMMUNITY, "GET", path).json()["items"]) == 1


def test_a_department_decides_on_a_branch_proposed_and_others_do_not(town, call):
    for number in (1, 2, 3):
        floats(town, number)
    [one] = call(COUNTY, "GET", "/branch-proposals", role="department").json()["items"]
    assert (one["kind"], one["key"], one["department"], one["members"], len(one["cases"])) == (
        "host",
        COMMUNITY,
        COUNTY,
        3,
        3,
    )
    path, decided = f"/branch-proposals/{one['id']}", {"decision": "approve", "reason": "人数足够"}
    assert call(COMMUNITY, "POST", path, json=decided).status_code == 403
    assert call(ORIGIN_COUNTY, "POST", path, role="department", json=decided).status_code == 409
    assert (
        call(COUNTY, "POST", path, role="department", json={"decision": "approve"}).status_code
        == 422
    )
    assert call(COUNTY, "POST", path, role="department", json=decided).status_code == 200
    assert call(COUNTY, "POST", path, role="department", json=decided).status_code == 409
    told = call(COUNTY, "GET", "/branch-proposals", role="department").json()
    assert told["items"] == [] and [(d["decision"], d["reason"]) for d in told["decided"]] == [
        ("approve", "人数足够")
    ]
    assert (
        call(ORIGIN_COUNTY, "GET", "/branch-proposals", role="department").json()["decided"] == []
    )


def test_from_the_registration_to_the_card_of_the_quarter(town, call, lives_here):
    top = "/double-reports"
    [expected] = call(COMMUNITY, "GET", f"{top}/expected").json()["items"]
    assert (expected["case"], expected["unit"]) == (lives_here, BRANCH)
    assert call(NEIGHBOUR, "POST", top, json={"case": lives_here}).status_code == 409
    report = call(COMMUNITY, "POST", top, json={"case": lives_here}).json()["id"]
    assert call(COMMUNITY, "POST", top, json={"case": lives_here}).status_code == 409  # has done so
    post = call(COMMUNITY, "POST", f"{top}/posts", json={"title": "楼道长", "places": 1}).json()[
        "id"
    ]
    claim = call(COMMUNITY, "POST", f"{top}/{report}/claims", json={"post": post}).json()["id"]
    assert (
        call(COMMUNITY, "POST", f"{top}/{report}/claims", json={"post": post}).json()["id"] == claim
    )
    served = call(
        COMMUNITY,
        "POST",
        f"{top}/claims/{claim}/hours",
        json={"on": "2026-11-23", "minutes": 150, "words": "打扫"},
    )
    assert served.status_code == 201
    assert [one["taken"] for one in call(COMMUNITY, "GET", f"{top}/posts").json()["items"]] == [1]
    assert [one["id"] for one in call(COMMUNITY, "GET", f"{top}/claims").json()["items"]] == [claim]
    assert [one["minutes"] for one in call(BRANCH, "GET", f"{top}?side=unit").json()["items"]] == [
        150
    ]
    town.clock.advance_to(datetime(2027, 1, 4, 9, tzinfo=ZONE))
    records_loop(town.app)
    [card] = call(BRANCH, "GET", f"{top}/cards").json()["items"]
    assert (card["quarter"], card["minutes"], card["seen_at"]) == ("2026Q4", 150, None)
    seen = f"{top}/{report}/cards/2026Q4/seen"
    assert (
        call(COMMUNITY, "POST", seen).status_code == 404
        and call(BRANCH, "POST", seen).status_code == 200
    )
    assert call(COMMUNITY, "GET", f"{top}/cards").json()["items"][0]["seen_at"]
    for code in (NEIGHBOUR, STREET, UNIT):  # none of theirs
        assert call(code, "POST", f"{top}/{report}/end").status_code == 404
        assert call(code, "POST", f"{top}/posts/{post}/close").status_code == 404
        assert call(code, "GET", top).json()["items"] == []
    assert call(COMMUNITY, "POST", f"{top}/posts/{post}/close").status_code == 200
    assert call(COMMUNITY, "POST", f"{top}/{report}/end").status_code == 200
    assert call(COMMUNITY, "GET", f"{top}/posts").json()["items"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", {}),
        ("", {"case": "x"}),
        ("/posts", {"title": 1, "places": 1}),
        ("/posts", {"title": "岗", "places": "1"}),
        ("/posts", {"title": "岗", "places": 0}),
        ("/{id}/claims", {"post": None}),
        ("/claims/{id}/hours", {"on": "x", "minutes": 1}),
        ("/claims/{id}/hours", {"on": "2026-11-23", "minutes": True}),
    ],
)
def test_what_is_not_filled_in_is_said(call, path, body):
    answer = call(COMMUNITY, "POST", "/double-reports" + path.format(id=SOME_ID), json=body)
    assert answer.status_code == 422 and answer.json()["detail"]


def test_openapi_describes_every_call_of_records(town, url):
    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    assert {
        "/v1/floating",
        "/v1/floating/{case_id}/notes",
        "/v1/branch-proposals",
        "/v1/branch-proposals/{proposal}",
        "/v1/double-reports",
        "/v1/double-reports/expected",
        "/v1/double-reports/posts",
        "/v1/double-reports/claims/{claim}/hours",
        "/v1/double-reports/{report}/cards/{quarter}/seen",
    } <= paths.keys()
