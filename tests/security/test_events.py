"""Strangers with keys of their own against a case between an enterprise and a community: by events,
reviews, rolls.

E is the enterprise (its branch holds the members), C1 the community that the case T goes to, C2
another community of that street, X a community of another street. None of what C2 or X may say lets
them learn of T, change, silence or take it over.
"""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from schemas.departures import posted_id
from services.registry.load import load_rows
from tests.portal.town import Town, text
from tests.stories import county_service
from tests.stories.county_service import (
    BRANCH,
    COMMUNITY,
    COUNTY,
    NEIGHBOUR,
    ORIGIN_COUNTY,
    SCHOOL,
    UNIT,
)

X_STREET, X = "330603010064", "330603010071"
STRANGERS = (NEIGHBOUR, X)
DEPARTURES = (
    "departure.planned",
    "departure.effective",
    "retirement.scheduled",
    "labour_relation.ended",
    "graduation.batch",
    "demobilised.notice",
)
ELSEWHERE = "浙江省绍兴市越城区府山街道越都社区9号"
PHONE = "13700009999"


@pytest.fixture
def street(town: Town) -> Town:
    """The town with another street, X below it, and a member of X."""
    columns = ["code", "name", "kind", "unit", "parent", "area", "serves_area", "authority"]
    rows = [
        (
            X_STREET,
            "中共湖塘街道工作委员会",
            "basic_committee",
            "street",
            COUNTY,
            "330603005",
            "yes",
            "yes",
        ),
        (
            X,
            "中共湖塘街道湖塘社区总支部委员会",
            "general_branch",
            "community",
            X_STREET,
            "330603005001",
            "yes",
            "no",
        ),
    ]
    load_rows(
        town.app.worker,
        "organisations",
        [dict(zip(columns, row, strict=True)) for row in rows],
        town.clock,
    )
    load_rows(
        town.app.worker,
        "members",
        [
            {
                "member": "x1",
                "name": "湖塘人",
                "id_number": county_service.id_number(300),
                "status": "full",
                "standing": "normal",
                "organisation": X,
            }
        ],
        town.clock,
    )
    return town


def call(
    town: Town, url: str, code: str, role: str, method: str, path: str, **more: Any
) -> httpx.Response:
    """One call with a key of that organisation."""
    headers = {
        "Authorization": f"Bearer {town.key(code, role)}",
        "Accept-Language": "en",
        **more.pop("headers", {}),
    }
    return httpx.request(method, url + path, headers=headers, timeout=30, **more)


def event(kind: str, by: str, ident: str, **data: Any) -> dict[str, Any]:
    """A CloudEvent of an organisation."""
    return {
        "specversion": "1.0",
        "type": f"guidui.{kind}.v1",
        "source": f"urn:guidui:organisation:{by}",
        "id": ident,
        "data": data,
    }


def person(number: int, **more: Any) -> dict[str, Any]:
    """Member ``number`` as anybody may know them."""
    return {
        "name": county_service.name(number),
        "id_number": county_service.id_number(number),
        **more,
    }


def post(town: Town, url: str, sent: dict[str, Any], status: int = 202) -> httpx.Response:
    """Posts one event as its source; whatever follows happens."""
    by = sent["source"].rpartition(":")[2]
    answer = call(
        town,
        url,
        by,
        "sender",
        "POST",
        "/v1/events",
        content=json.dumps(sent).encode(),
        headers={"Content-Type": "application/cloudevents+json"},
    )
    assert answer.status_code == status, answer.text
    town.settle()
    return answer


def far(town: Town, url: str, by: str, ident: str) -> dict[str, Any]:
    """What the sender of an event is told."""
    return call(town, url, by, "sender", "GET", f"/v1/events/{ident}").json()


def rows_of(town: Town, sql: str, *values: Any) -> list[tuple]:
    """What stands in the database."""
    with town.app.worker.connect() as tx:
        return [tuple(row) for row in tx.exec_driver_sql(sql, values)]


def everything_of(town: Town, case: str) -> dict[str, list[tuple]]:
    """Everything about a case but its history."""
    return {
        "case": rows_of(
            town, "SELECT to_jsonb(c) - 'seq' FROM transfer_case c WHERE id = %s::uuid", case
        ),
        "person": rows_of(
            town,
            "SELECT name, sex, birth_date, phone, address FROM case_person "
            "WHERE case_id = %s::uuid",
            case,
        ),
        "statements": rows_of(
            town,
            "SELECT id, facts::text, withdrawn FROM statement WHERE case_id = %s::uuid ORDER BY id",
            case,
        ),
        "tasks": rows_of(
            town,
            "SELECT kind, organisation, due_on, closed_at FROM task WHERE case_id = %s::uuid "
            "ORDER BY kind, organisation",
            case,
        ),
        "parties": rows_of(
            town, "SELECT organisation FROM case_party WHERE case_id = %s::uuid ORDER BY 1", case
        ),
    }


def sees_nothing(town: Town, url: str, stranger: str, case: str) -> None:
    """Neither a receiver's nor a sender's key of the stranger finds the case anywhere."""
    for role in ("receiver", "sender"):
        assert call(town, url, stranger, role, "GET", f"/v1/cases/{case}").status_code in (403, 404)
        assert call(
            town,
            url,
            stranger,
            role,
            "POST",
            f"/v1/cases/{case}/commands",
            json={"command": "note", "seen_state": "announced", "text": "x"},
        ).status_code in (403, 404)
    for path in ("/v1/cases", "/v1/alerts"):
        assert case not in call(town, url, stranger, "receiver", "GET", path).text


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("upto", [None, "confirm_destination", "issue_letter"])
def test_a_strangers_departure_changes_nothing_of_a_case_that_stands(street, url, stranger, upto):
    case = street.leaves(3, upto, person=person(3, phone="13900000003"))
    before = everything_of(street, case)
    for kind in DEPARTURES:
        post(
            street,
            url,
            event(
                kind,
                stranger,
                f"s-{kind}",
                category="relocation",
                person=person(3, phone=PHONE),
                to={"address": ELSEWHERE, "organisation": stranger},
                circumstances={"unit_has_organisation": False},
            ),
        )
        told = far(street, url, stranger, f"s-{kind}")
        assert (told["state"], told["cases"]) == ("identified", []) and "notes" not in told
    assert everything_of(street, case) == before
    assert (
        rows_of(
            street,
            "SELECT command, by_organisation FROM case_event WHERE case_id = %s::uuid ORDER BY "
            "seq DESC "
            "LIMIT 6",
            case,
        )
        == [("report", None)] * 6
    )
    sees_nothing(street, url, stranger, case)
    of_origin = call(street, url, BRANCH, "receiver", "GET", f"/v1/cases/{case}").json()["history"][
        -1
    ]
    assert of_origin["command"] == "report" and of_origin["by"] == stranger
    if upto == "issue_letter":
        of_c1 = call(street, url, COMMUNITY, "receiver", "GET", f"/v1/cases/{case}").json()[
            "history"
        ][-1]
        assert (of_c1["command"], of_c1["by"], of_c1["detail"]) == ("report", None, None)


def report_by_x(street: Town, url: str) -> None:
    """X, a stranger, reports that member 4 comes to it."""
    post(
        street,
        url,
        event(
            "departure.effective",
            X,
            "r-1",
            category="layoff",
            person=person(4, phone=PHONE),
            to={"organisation": X, "address": ELSEWHERE},
            circumstances={"labour_relation": "ended", "handover": "dispersed"},
        ),
    )


def test_a_report_opens_a_case_of_the_branch_which_may_take_it_over(street, url):
    report_by_x(street, url)
    (case,) = [
        row[0]
        for row in rows_of(street, "SELECT id::text FROM transfer_case WHERE member = 'm00004'")
    ]
    view = call(street, url, BRANCH, "receiver", "GET", f"/v1/cases/{case}").json()
    assert (view["state"], view["rule"], view["owner"], view["category"]) == (
        "announced",
        None,
        BRANCH,
        None,
    )
    assert (view["waiting_on"]["organisation"], view["waiting_on"]["act"]) == (BRANCH, "triage")
    assert view["destination"]["organisation"] is None and [t["kind"] for t in view["tasks"]] == [
        "triage"
    ]
    assert "report" in [line["command"] for line in view["history"]]
    assert rows_of(street, "SELECT facts, poster FROM transfer_case WHERE id = %s::uuid", case) == [
        ({}, BRANCH)
    ]
    assert rows_of(
        street, "SELECT phone, address FROM case_person WHERE case_id = %s::uuid", case
    ) == [(None, None)]
    assert far(street, url, X, "r-1")["cases"] == []
    sees_nothing(street, url, X, case)

    unknown = call(
        street,
        url,
        BRANCH,
        "receiver",
        "POST",
        f"/v1/cases/{case}/commands",
        json={"command": "triage", "seen_state": "announced", "from_report": "r-2"},
    )
    assert unknown.status_code == 422 and unknown.json()["field"] == "from_report"
    taken = call(
        street,
        url,
        BRANCH,
        "receiver",
        "POST",
        f"/v1/cases/{case}/commands",
        json={"command": "triage", "seen_state": "announced", "from_report": "r-1"},
    )
    assert taken.status_code == 200, taken.text
    assert (taken.json()["rule"], taken.json()["destination"]["organisation"]) == ("B15", X)
    assert rows_of(
        street, "SELECT phone, address FROM case_person WHERE case_id = %s::uuid", case
    ) == [(PHONE, ELSEWHERE)]


def test_a_stranger_takes_back_its_own_report_and_nothing_else(street, url):
    case = street.leaves(3)
    before = everything_of(street, case)
    post(street, url, event("departure.effective", X, "r", category="layoff", person=person(3)))
    post(street, url, event("departure.effective", X, "alone", category="layoff", person=person(5)))
    post(street, url, event("departure.withdrawn", X, "w", corrects="r"))
    post(street, url, event("departure.withdrawn", X, "w-alone", corrects="alone"))
    assert everything_of(street, case) == before
    assert rows_of(street, "SELECT state FROM transfer_case WHERE member = 'm00005'") == [
        ("closed_without_move",)
    ]


@pytest.mark.parametrize("stranger", STRANGERS)
def test_reported_life_dues_and_contacts_move_no_clock(street, url, stranger):
    clocks = "SELECT last_life_on, dues_paid_to, last_sign_on FROM member WHERE member = 'm00006'"
    before = rows_of(street, clocks)
    post(street, url, event("life.attended", stranger, "l", person=person(6), on="2026-11-20"))
    post(street, url, event("dues.paid", stranger, "d", person=person(6), paid_to="2026-12"))
    post(street, url, event("contact.attempt", stranger, "c", person=person(6), reached=True))
    assert rows_of(street, clocks) == before and rows_of(street, "SELECT * FROM member_sign") == []
    assert rows_of(
        street, "SELECT kind, organisation FROM report WHERE member = 'm00006' ORDER BY ext_id"
    ) == [
        (f"guidui.{kind}.v1", stranger)
        for kind in ("contact.attempt", "dues.paid", "life.attended")
    ]
    assert far(street, url, stranger, "l")["state"] == "identified"
    post(street, url, event("life.attended", UNIT, "own", person=person(6), on="2026-11-20"))
    assert rows_of(street, clocks) != before


def test_whoever_answers_for_the_member_says_that_they_attended(street, url):
    case = street.leaves(7)
    street.give(BRANCH, case, "register_floating", permit_no="浙1", host=X, host_contact="某人")
    post(street, url, event("life.attended", X, "host", person=person(7), on="2026-11-21"))
    assert rows_of(street, "SELECT last_life_on::text FROM member WHERE member = 'm00007'") == [
        ("2026-11-21",)
    ]
    other = street.leaves(8, "record_arrival")
    assert street.state(other) == "arrived"
    post(street, url, event("life.attended", COMMUNITY, "holds", person=person(8), on="2026-11-21"))
    post(
        street,
        url,
        event("life.attended", NEIGHBOUR, "does-not", person=person(8), on="2026-11-22"),
    )
    assert rows_of(street, "SELECT last_life_on::text FROM member WHERE member = 'm00008'") == [
        ("2026-11-21",)
    ]


@pytest.mark.parametrize("stranger", STRANGERS)
def test_nobody_corrects_or_withdraws_what_another_posted(street, url, stranger):
    case = street.leaves(3)
    before = everything_of(street, case)
    withdrawal = event("departure.withdrawn", stranger, "w", corrects="left-3")
    correction = event(
        "departure.effective", stranger, "k", category="death", person=person(3), corrects="left-3"
    )
    for sent in (withdrawal, correction):
        post(street, url, sent, 403)
    batch = call(
        street,
        url,
        stranger,
        "sender",
        "POST",
        "/v1/events",
        content=json.dumps([withdrawal]).encode(),
        headers={"Content-Type": "application/cloudevents-batch+json"},
    )
    (answer,) = batch.json()["events"]
    assert (batch.status_code, answer["status"], answer["problem"]["status"]) == (
        202,
        "rejected",
        403,
    )
    assert everything_of(street, case) == before
    post(
        street, url, event("departure.withdrawn", stranger, "early", corrects="comes-later")
    )  # nobody's yet


@pytest.mark.parametrize(
    "by, organisation, status",
    [
        (X, UNIT, 403),
        (X_STREET, X, 403),
        (COUNTY, UNIT, 403),
        (UNIT, UNIT, 403),
        (ORIGIN_COUNTY, UNIT, 202),
    ],
)
def test_only_a_department_above_changes_an_organisation(street, url, by, organisation, status):
    post(
        street,
        url,
        event(
            "organisation.changed", by, "o", organisation=organisation, name="中共改了名的委员会"
        ),
        status,
    )
    name = rows_of(street, "SELECT count(*) FROM organisation_change")
    assert name == [(1 if status == 202 else 0,)]


@pytest.mark.parametrize(
    "claimed",
    [
        {"member": "m00005", "name": "欧阳无名"},
        {"name": "欧阳无名", "id_number": county_service.id_number(5)},
    ],
)
def test_a_reference_of_another_name_is_a_fault_of_the_event(street, url, claimed):
    post(street, url, event("departure.effective", X, "probe", category="layoff", person=claimed))
    told = far(street, url, X, "probe")
    assert (told["state"], told["cases"]) == ("rejected", []) and "another name" in told["problem"]
    for code in (X, UNIT, BRANCH):
        assert call(street, url, code, "receiver", "GET", "/v1/reviews").json()["items"] == []
        assert not [
            a
            for a in call(street, url, code, "receiver", "GET", "/v1/alerts").json()["items"]
            if a["kind"] == "identify"
        ]
    assert rows_of(street, "SELECT count(*) FROM transfer_case") == [(0,)]
    assert rows_of(street, "SELECT body FROM posted_person") == [(None,)]


def in_doubt(
    town: Town, url: str, by: str, ident: str = "doubt", kind: str = "departure.effective"
) -> str:
    """A person who may be two members of E: the name of one, the phone of the other. Returns the
    review's id."""
    post(
        town,
        url,
        event(
            kind,
            by,
            ident,
            category="relocation",
            person={"name": county_service.name(3), "phone": "13900000004"},
            to={"address": ELSEWHERE},
        ),
    )
    assert far(town, url, by, ident)["state"] == "review"
    return f"{posted_id(f'urn:guidui:organisation:{by}', ident)}:0"


@pytest.mark.parametrize("role", ["sender", "receiver", "department"])
def test_the_desk_shows_a_stranger_levels_and_nothing_of_the_register(street, url, role):
    in_doubt(street, url, X)
    answer = call(street, url, X, role, "GET", "/v1/reviews")
    (review,) = answer.json()["items"]
    assert len(review["candidates"]) >= 1 and all(c["record"] is None for c in review["candidates"])
    assert {key for c in review["candidates"] for key in c} == {
        "member",
        "candidate",
        "own",
        "decides",
        "reasons",
        "record",
        "weights",
    }
    assert {key for c in review["candidates"] for line in c["reasons"] for key in line} == {
        "field",
        "level",
        "words",
    }
    for known in (
        "m0000",
        BRANCH,
        UNIT,
        county_service.id_number(3)[-4:],
        county_service.id_number(4)[-4:],
        county_service.name(4),
    ):
        assert known not in answer.text
    with_looks = rows_of(street, "SELECT DISTINCT organisation, purpose FROM member_look")
    assert with_looks == [(X, "review")]


def test_the_page_shows_no_more_than_the_call(street, url):
    from services.portal.accounts import create_account
    from tests.portal.town import PASSWORD, Reader

    review = in_doubt(street, url, X)
    with street.app.worker.begin() as tx:
        create_account(tx, X, "secretary", "湖塘书记", street.clock.now(), PASSWORD)
    with Reader(url) as browser:
        browser.sign_in(X, "湖塘书记", PASSWORD)
        for path in ("/reviews", f"/reviews/{review}"):
            page = browser.get(path)
            assert page.status_code == 200 and not any(
                known in page.text
                for known in (
                    "m0000",
                    BRANCH,
                    county_service.id_number(3)[-4:],
                    county_service.name(4),
                )
            )
        assert "别的组织的党员，只显示相符程度" in text(browser.get(f"/reviews/{review}"))


@pytest.mark.parametrize(
    "by, role", [(X, "sender"), (X, "receiver"), (COUNTY, "department"), (NEIGHBOUR, "receiver")]
)
def test_a_stranger_decides_nothing_about_another_trees_members(street, url, by, role):
    review = in_doubt(street, url, X)
    (shown,) = call(street, url, X, "sender", "GET", "/v1/reviews").json()["items"]
    tokens = [c["member"] for c in shown["candidates"]]

    def say(**body: Any) -> httpx.Response:
        return call(street, url, by, role, "POST", f"/v1/reviews/{review}", json=body)

    away = 404 if by == NEIGHBOUR else None
    assert say(member=tokens[0]).status_code == (away or 403)
    assert say(not_a_member=True, reason="查无此人").status_code == (away or 403)
    candidate, nobody, unknown = say(member="m00003"), say(member="m00009"), say(member="no-such")
    assert candidate.status_code == nobody.status_code == unknown.status_code == (away or 422)
    hidden = [
        {k: v for k, v in answer.json().items() if k != "trace_id"}
        for answer in (candidate, nobody, unknown)
    ]
    assert hidden[0] == hidden[1] == hidden[2]
    assert rows_of(street, "SELECT decision FROM identification") == [("review",)]


def test_who_holds_the_candidate_is_asked_sees_the_record_and_decides(street, url):
    review = in_doubt(street, url, X)
    asked = call(street, url, BRANCH, "receiver", "GET", "/v1/alerts").json()["items"]
    assert [a["kind"] for a in asked if a["kind"] == "identify"] == ["identify"]
    assert "identify" not in call(street, url, X, "receiver", "GET", "/v1/alerts").text
    (shown,) = call(street, url, BRANCH, "receiver", "GET", "/v1/reviews").json()["items"]
    assert {c["member"] for c in shown["candidates"]} >= {"m00003"} and shown["candidates"][0][
        "record"
    ]["name"]
    assert "address" not in shown["person"]
    token = next(c["candidate"] for c in shown["candidates"] if c["member"] == "m00003")
    done = call(
        street, url, UNIT, "receiver", "POST", f"/v1/reviews/{review}", json={"member": token}
    )
    assert done.status_code == 200 and done.json()["decided"], done.text
    street.settle()
    told = far(street, url, X, "doubt")
    assert (told["state"], told["cases"]) == (
        "identified",
        [],
    )  # decided late, it is a report all the same
    (case,) = [
        row[0]
        for row in rows_of(street, "SELECT id::text FROM transfer_case WHERE member = 'm00003'")
    ]
    assert street.state(case) == "announced"
    sees_nothing(street, url, X, case)


def test_each_holder_answers_for_its_own_candidates(street, url):
    load_rows(
        street.app.worker,
        "members",
        [
            {
                "member": "s1",
                "name": county_service.name(3),
                "id_number": county_service.id_number(301),
                "status": "full",
                "standing": "normal",
                "organisation": SCHOOL,
            }
        ],
        street.clock,
    )
    post(
        street,
        url,
        event(
            "departure.effective",
            X,
            "both",
            category="relocation",
            person={"name": county_service.name(3)},
        ),
    )
    review = f"{posted_id(f'urn:guidui:organisation:{X}', 'both')}:0"
    first = call(
        street,
        url,
        BRANCH,
        "receiver",
        "POST",
        f"/v1/reviews/{review}",
        json={"not_a_member": True, "reason": "不是我们的"},
    )
    assert first.status_code == 200 and not first.json()["decided"], first.text
    assert rows_of(street, "SELECT decision FROM identification") == [("review",)]
    assert call(street, url, BRANCH, "receiver", "GET", "/v1/reviews").json()["items"] == []
    street.settle()
    assert "identify" in call(street, url, SCHOOL, "receiver", "GET", "/v1/alerts").text
    last = call(
        street,
        url,
        SCHOOL,
        "receiver",
        "POST",
        f"/v1/reviews/{review}",
        json={"not_a_member": True, "reason": "也不是"},
    )
    assert last.json()["decided"] and rows_of(street, "SELECT decision FROM identification") == [
        ("not_a_member",)
    ]


def test_open_reviews_that_keep_others_busy_are_limited(street, url, monkeypatch):
    _with_policy(street, monkeypatch, open_reviews_most=1)
    in_doubt(street, url, X, "one")
    post(
        street,
        url,
        event(
            "departure.effective",
            X,
            "two",
            category="layoff",
            person={"name": county_service.name(3), "phone": "13900000005"},
        ),
    )
    told = far(street, url, X, "two")
    assert told["state"] == "rejected" and "withdraw" in told["problem"]


def test_a_strangers_department_undoes_no_match_of_another_trees_member(street, url):
    case = street.leaves(3, "issue_letter")
    post(street, url, event("host.report", X, "here", person=person(3)))
    review = f"{posted_id(f'urn:guidui:organisation:{X}', 'here')}:0"
    before = everything_of(street, case)
    for code in (X, COUNTY):
        answer = call(
            street,
            url,
            code,
            "department",
            "POST",
            f"/v1/reviews/{review}",
            json={"undo": True, "reason": "不是他", "not_a_member": True},
        )
        assert answer.status_code == 403, answer.text
    assert everything_of(street, case) == before


def test_a_batch_of_mixed_persons_is_taken_each_by_itself(street, url):
    post(
        street,
        url,
        event(
            "graduation.batch",
            X,
            "mixed",
            persons=[{"person": person(3)}, {"person": {"member": "x1"}}, {"person": person(4)}],
        ),
    )
    told = far(street, url, X, "mixed")
    cases = {
        row[0]: row[1:]
        for row in rows_of(
            street,
            "SELECT member, parent IS NULL, state, poster FROM transfer_case WHERE member IS NOT "
            "NULL",
        )
    }
    assert cases["m00003"] == cases["m00004"] == (True, "announced", BRANCH)
    assert cases["x1"][0] is False and told["persons"] == {"identified": 3}
    own = call(street, url, X, "receiver", "GET", "/v1/cases").json()["items"]
    assert {one["member"] for one in own} == {"x1", None}
    post(
        street,
        url,
        event(
            "graduation.batch",
            NEIGHBOUR,
            "foreign",
            persons=[{"person": person(5)}, {"person": person(6)}],
        ),
    )
    assert call(street, url, NEIGHBOUR, "receiver", "GET", "/v1/cases").json()["items"] == []
    assert far(street, url, NEIGHBOUR, "foreign")["cases"] == []


def test_a_hosts_phone_and_address_stand_beside_those_of_the_line(street, url, reader):
    case = street.leaves(
        3, person=person(3, phone="13900000003"), to={"address": county_service.ADDRESS}
    )
    post(
        street,
        url,
        event("host.report", X, "here", person=person(3, phone=PHONE), to={"address": ELSEWHERE}),
    )
    assert rows_of(
        street, "SELECT phone, address FROM case_person WHERE case_id = %s::uuid", case
    ) == [("13900000003", county_service.ADDRESS)]
    assert rows_of(
        street,
        "SELECT organisation, of_line, phone, address FROM case_contact WHERE case_id = %s::uuid "
        "ORDER BY of_line DESC",
        case,
    ) == [(UNIT, True, "13900000003", county_service.ADDRESS), (X, False, PHONE, ELSEWHERE)]


def test_the_branch_reads_on_its_pages_who_reported_what(street, url, reader):
    report_by_x(street, url)
    post(street, url, event("dues.paid", X, "dues", person=person(4), paid_to="2026-11"))
    (case,) = [
        row[0]
        for row in rows_of(street, "SELECT id::text FROM transfer_case WHERE member = 'm00004'")
    ]
    secretary = reader("origin")
    page = secretary.get(f"/cases/{case}")
    assert "湖塘社区" in text(page) and ELSEWHERE in text(page) and PHONE not in page.text
    assert "不计入" in text(secretary.get("/upkeep/m00004"))
    (report,) = re.findall(r'name="from_report" value="([^"]+)"', page.text)
    done = secretary.post(
        f"/cases/{case}/triage", data=secretary.hidden(page, "/triage") | {"from_report": report}
    )
    assert done.status_code == 200 and "已采用" in text(secretary.get(f"/cases/{case}"))
    assert street.state(case) == "triaged"


def test_the_standing_of_another_trees_member_is_not_told(street, url):
    load_rows(
        street.app.worker,
        "members",
        [
            {
                "member": "m00009",
                "name": county_service.name(9),
                "id_number": county_service.id_number(9),
                "status": "full",
                "standing": "ended",
                "organisation": BRANCH,
            }
        ],
        street.clock,
    )
    street.leaves(3)
    for number, ident in ((9, "dead"), (3, "leaving")):
        post(
            street,
            url,
            event("departure.effective", X, ident, category="layoff", person=person(number)),
        )
        assert "notes" not in far(street, url, X, ident)


def test_a_comparison_says_elsewhere_and_no_more(street, url):
    case = street.leaves(3)
    street.leaves(8, "issue_letter")
    persons = [
        {"name": county_service.name(n), "id_number": county_service.id_number(n)}
        for n in (3, 5, 8)
    ]
    for code, role in ((X, "receiver"), (COUNTY, "department"), (NEIGHBOUR, "receiver")):
        made = call(
            street, url, code, role, "POST", "/v1/comparisons", json={"persons": persons}
        ).json()
        answer = call(street, url, code, role, "GET", f"/v1/comparisons/{made['id']}?list=not_here")
        lines = answer.json()["items"]
        assert [line["belongs_to"] for line in lines] == ["elsewhere"] * 3
        assert not any(known in answer.text for known in (BRANCH, UNIT, "m0000"))
        if (
            code != COUNTY
        ):  # the county has a part in both cases, which go to a community of its own
            assert [line["case"] for line in lines] == [None] * 3 and case not in answer.text
    looked = rows_of(
        street,
        "SELECT DISTINCT member FROM member_look WHERE organisation = %s AND purpose = "
        "'comparison' "
        "ORDER BY 1",
        X,
    )
    assert looked == [("m00003",), ("m00005",), ("m00008",)]


def test_rows_compared_in_a_day_are_limited(street, url, monkeypatch):
    _with_policy(street, monkeypatch, compared_rows_most=5)
    persons = [{"name": f"某某{n}"} for n in range(3)]
    assert (
        call(
            street, url, X, "receiver", "POST", "/v1/comparisons", json={"persons": persons}
        ).status_code
        == 201
    )
    over = call(street, url, X, "receiver", "POST", "/v1/comparisons", json={"persons": persons})
    assert over.status_code == 429 and "5 rows a day" in over.json()["detail"]
    assert (
        call(
            street, url, NEIGHBOUR, "receiver", "POST", "/v1/comparisons", json={"persons": persons}
        ).status_code
        == 201
    )


def test_names_guessed_at_the_pool_in_a_day_are_limited(street, url, monkeypatch):
    _with_policy(street, monkeypatch, name_guesses_most=3)
    case = street.leaves(3, to=None, circumstances=None, category="relocation")
    for name in ("张三", "李四"):
        answer = call(
            street, url, X, "receiver", "POST", f"/v1/pool/{case}/claim", json={"name": name}
        )
        assert answer.status_code in (404, 422), answer.text
    assert call(street, url, X, "receiver", "GET", "/v1/pool?text=王五").status_code == 200
    right = call(
        street,
        url,
        X,
        "receiver",
        "POST",
        f"/v1/pool/{case}/claim",
        json={"name": county_service.name(3)},
    )
    assert (
        right.status_code == 429
        and call(street, url, X, "receiver", "GET", "/v1/pool").status_code == 200
    )
    assert call(street, url, X, "receiver", "GET", "/v1/pool?text=王五").status_code == 429


def _with_policy(town: Town, monkeypatch: Any, **values: int) -> None:
    """Another number in force, as a version of the policy would put it."""
    from dataclasses import replace

    from services.cases.policy.book import Book

    changed = replace(town.app.rule_source.policy, **values)
    monkeypatch.setattr(Book, "at", lambda *_: changed)
    monkeypatch.setattr("services.cases.model.case.DecisionContext.policy_at", lambda *_: changed)


def test_every_kind_of_event_says_who_may_say_it():
    from schemas.departures import EVENTS
    from services.registry.announcement_rights import COUNTS_FROM

    assert COUNTS_FROM.keys() == EVENTS.keys()
