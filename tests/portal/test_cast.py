"""Each of the cast sees what is theirs, and the neighbour sees nothing."""

from __future__ import annotations

import httpx
import pytest

from tests.portal.town import text
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY, NEIGHBOUR, STREET, UNIT


def test_the_neighbour_sees_no_trace_of_a_case(town, reader):
    case = town.leaves(0, "record_arrival")
    neighbour = reader("neighbour")
    paths = [
        f"/cases/{case}",
        f"/cases/{case}?print=1",
        f"/cases/{case}/looks",
        f"/cases/{case}/accept",
    ]
    for path in paths:
        page = neighbour.get(path)
        assert page.status_code == 404 and county_service.name(0) not in page.text, path
    for tab in ("waiting", "below", "on_the_way", "expected", "moved"):
        page = neighbour.get(f"/cases?tab={tab}")
        assert (
            page.status_code == 200
            and county_service.name(0) not in page.text
            and case not in page.text
        )
    answer = neighbour.post(
        f"/cases/{case}/accept",
        data=neighbour.hidden(neighbour.get("/departures/new"), "/departures")
        | {"seen_state": "arrived"},
    )
    assert answer.status_code == 404 and town.state(case) == "arrived"


def test_a_department_of_another_county_sees_nothing_of_a_move_within_ours(town, reader):
    case = town.leaves(0, to={"organisation": county_service.SCHOOL})
    assert county_service.name(0) in reader("department").get(f"/cases/{case}").text
    other = reader("other_department")
    assert other.get(f"/cases/{case}").status_code == 404
    assert other.get(f"/department?organisation={UNIT}").status_code == 403
    assert county_service.name(0) not in other.get("/department/list?only=all").text


def test_before_acceptance_a_receiver_sees_no_number_and_no_address(town, reader):
    case = town.leaves(
        0, "record_arrival", to={"organisation": COMMUNITY, "address": "浙江省绍兴市某路8号"}
    )
    page = reader("secretary").get(f"/cases/{case}")
    assert county_service.name(0) in page.text and "接收由 柯桥街道工委 决定" in text(page)
    assert "请决定是否接收" in text(reader("street").get(f"/cases/{case}"))
    assert county_service.id_number(0) not in page.text and "某路8号" not in page.text
    assert "接收以前，组织关系和管理责任仍在原党组织" in text(page)
    assert "某路8号" in reader("origin").get(f"/cases/{case}").text


def test_every_opening_of_a_case_is_kept_and_shown(town, reader):
    case = town.leaves(0, "record_arrival")
    reader("secretary").get(f"/cases/{case}")
    reader("street").get(f"/cases/{case}?print=1")
    page = reader("clerk").get(f"/cases/{case}/looks")
    assert "管墅社区" in text(page) and "柯桥街道" in text(page) and "打印" in text(page)
    with town.app.worker.connect() as tx:
        kept = tx.exec_driver_sql(
            "SELECT organisation, person, purpose FROM case_look ORDER BY at, purpose"
        ).all()
    assert set(kept) == {(COMMUNITY, "社区书记", "open"), (STREET, "街道书记", "print")}


def test_desks_open_to_those_whose_work_they_are(town, reader):
    assert reader("admin").get("/desk").status_code == 200
    for who in ("clerk", "secretary", "department"):
        assert reader(who).get("/desk").status_code == 403
    for who in ("clerk", "secretary"):
        assert reader(who).get("/department").status_code == 403


@pytest.fixture
def call(town, url):
    def call(code: str, role: str, method: str, path: str, **more) -> httpx.Response:
        return httpx.request(
            method, url + path, headers={"Authorization": f"Bearer {town.key(code, role)}"}, **more
        )

    return call


def test_the_calls_keep_to_role_and_part(town, call):
    case = town.leaves(0, "record_arrival")
    assert call(COMMUNITY, "receiver", "GET", f"/v1/cases/{case}").json()["state"] == "arrived"
    assert call(NEIGHBOUR, "receiver", "GET", f"/v1/cases/{case}").status_code == 404
    assert call(NEIGHBOUR, "receiver", "GET", "/v1/cases").json()["items"] == []
    assert call(UNIT, "sender", "GET", f"/v1/cases/{case}").status_code == 403
    assert call(COMMUNITY, "receiver", "GET", "/v1/audit").status_code == 403
    assert (
        call(
            county_service.COUNTY, "department", "GET", f"/v1/audit?organisation={UNIT}"
        ).status_code
        == 403
    )
    assert call(
        county_service.ORIGIN_COUNTY, "department", "GET", f"/v1/audit?organisation={UNIT}"
    ).json()["by_state"] == {"arrived": 1}
    alert = call(COMMUNITY, "receiver", "GET", "/v1/alerts").json()["items"][0]
    assert (alert["case"], alert["kind"], alert["act"]) == (case, "acceptance", "accept")
    later = town.clock.now().isoformat()
    assert (
        call(COMMUNITY, "receiver", "GET", "/v1/alerts", params={"since": later}).json()["items"]
        == []
    )


def test_cases_are_listed_by_an_organisation_and_all_below_it(town, call):
    first, second = town.leaves(0), town.leaves(1, to={"organisation": county_service.SCHOOL})

    def listed(code):
        found = call(
            county_service.CITY, "department", "GET", "/v1/cases", params={"organisation": code}
        ).json()["items"]
        return {case["id"] for case in found}

    assert listed(county_service.ORIGIN_COUNTY) == listed(BRANCH) == {first, second}
    assert listed(COMMUNITY) == listed(STREET) == {first} and listed(county_service.SCHOOL) == {
        second
    }
    assert listed(NEIGHBOUR) == listed("990000000000") == set()


def test_whoever_once_acted_keeps_a_part_in_the_case(town, call):
    case = town.leaves(0, "issue_letter")
    town.give(STREET, case, "record_arrival")
    town.give(STREET, case, "refuse", reason="no_power")
    town.give(UNIT, case, "redirect", organisation=county_service.SCHOOL)
    assert [c["id"] for c in call(STREET, "receiver", "GET", "/v1/cases").json()["items"]] == [case]
    noted = {"command": "note", "seen_state": "destination_confirmed", "text": "材料已退"}
    assert (
        call(STREET, "receiver", "POST", f"/v1/cases/{case}/commands", json=noted).status_code
        == 200
    )
    assert call(NEIGHBOUR, "receiver", "GET", "/v1/cases").json()["items"] == []


def test_a_command_is_given_on_the_state_that_was_seen(town, call):
    case = town.leaves(0, "record_arrival")
    path = f"/v1/cases/{case}/commands"
    late = call(
        STREET, "receiver", "POST", path, json={"command": "accept", "seen_state": "in_transit"}
    )
    assert (
        late.status_code == 409
        and late.json()["state"] == "arrived"
        and "已报到" in late.json()["detail"]
    )
    assert (
        call(STREET, "receiver", "POST", path, json={"command": "accept"}).json()["field"]
        == "seen_state"
    )
    done = call(
        STREET, "receiver", "POST", path, json={"command": "accept", "seen_state": "arrived"}
    )
    assert done.status_code == 200 and done.json()["affiliation"] == COMMUNITY
    assert (
        call(
            NEIGHBOUR, "receiver", "POST", path, json={"command": "note", "seen_state": "accepted"}
        ).status_code
        == 404
    )


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/v1/cases/not-an-id", None, 404),
        ("GET", "/v1/cases/%00", None, 404),
        ("GET", "/v1/cases?cursor=nonsense", None, 422),
        ("GET", "/v1/cases?limit=1001", None, 422),
        ("GET", "/v1/cases?state=nonsense", None, 422),
        ("GET", "/v1/alerts?since=yesterday", None, 422),
        ("GET", "/v1/reviews?cursor=%FF", None, 422),
        ("POST", "/v1/reviews/x:y", b"{}", 404),
        ("POST", "/v1/cases/x/commands", b"{", 400),
        ("POST", "/v1/cases/x/commands", b"[]", 422),
        ("POST", "/v1/cases/x/commands", b'{"command":"accept","seen_state":"arrived"}', 404),
        ("POST", "/v1/cases/x/commands", b'{"command":{},"seen_state":"\\u0000"}', 422),
        ("POST", "/v1/cases/x/commands", b"x" * 300_000, 413),
        ("GET", "/v1/audit?organisation=1", None, 403),  # as an organisation of others
    ],
)
def test_bad_input_gets_a_clear_sentence(call, method, path, content, status):
    answer = call(county_service.CITY, "admin", method, path, content=content)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] and answer.json()["trace_id"]


def test_nobody_calls_without_a_key(town, url):
    for path in ("/v1/cases", "/v1/alerts", "/v1/reviews", "/v1/audit", f"/v1/cases/{BRANCH}"):
        assert httpx.get(url + path).status_code == 401
