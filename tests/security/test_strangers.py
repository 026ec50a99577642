"""What a stranger tried next: to be found where others live, and to count through references."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.departures import posted_id
from services.portal.accounts import create_account
from services.registry.directory import Directory
from tests.portal.town import PASSWORD, Reader, text
from tests.security.test_events import (
    X,
    call,
    event,
    far,
    person,
    post,
    rows_of,
)
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY, COUNTY, NEIGHBOUR, ORIGIN_COUNTY, UNIT
from tests.stories.test_organisations_change import live

SERVED = "330603001008"  # the area of COMMUNITY, in COUNTY


@pytest.mark.parametrize(
    "data",
    [
        {"organisation": UNIT, "area": SERVED, "serves_area": True},
        {"organisation": UNIT, "area": "33", "kind": "organisation_department"},
        {"organisation": UNIT, "area": SERVED[:6], "unit": "talent_service"},
        {
            "founded": {
                "code": "330602990001",
                "name": "中共越城某委员会",
                "kind": "basic_committee",
                "unit": "street",
                "parent": ORIGIN_COUNTY,
                "area": SERVED[:9],
                "serves_area": True,
            }
        },
    ],
)
def test_a_department_lets_nobody_serve_an_area_that_is_not_its_own(street, url, data):
    post(street, url, event("organisation.changed", ORIGIN_COUNTY, "taken") | {"data": data})
    told = far(street, url, ORIGIN_COUNTY, "taken")
    assert told["state"] == "rejected" and "outside the area" in told["problem"], told
    with street.app.worker.connect() as tx:
        assert Directory.of(tx).serving(SERVED).code == COMMUNITY
    case = street.leaves(0)
    assert rows_of(street, "SELECT destination FROM transfer_case WHERE id = %s::uuid", case) == [
        (COMMUNITY,)
    ]


def test_an_area_is_not_taken_in_two_steps(street, url):
    for ident, columns in (("first", {"area": SERVED}), ("second", {"serves_area": True})):
        post(
            street,
            url,
            event("organisation.changed", ORIGIN_COUNTY, ident, organisation=UNIT, **columns),
        )
        live(street)
    assert [far(street, url, ORIGIN_COUNTY, ident)["state"] for ident in ("first", "second")] == [
        "closed",
        "rejected",
    ]
    post(
        street,
        url,
        event("organisation.changed", COUNTY, "own", organisation=NEIGHBOUR, area="330603001009"),
    )
    live(street)
    assert far(street, url, COUNTY, "own")["state"] == "closed"


@pytest.mark.parametrize(
    "kind", ["host.report", "residence.changed", "departure.effective", "life.attended"]
)
@pytest.mark.parametrize(
    "said",
    [
        {},
        {"birth_date": "1951-01-01"},
        {"phone": "13700009999"},
        {"name": county_service.name(4)[:1] + "■■"},
    ],
)
def test_a_reference_by_itself_tells_a_stranger_nothing(street, url, kind, said):
    data = {"on": "2026-11-20"} if kind == "life.attended" else {"to": {"organisation": X}}
    told = []
    for ident, reference in (("there", "m00004"), ("unknown", "m99999")):
        post(street, url, event(kind, X, ident, person={"member": reference, **said}, **data))
        answer = far(street, url, X, ident)
        told.append(
            (answer["state"], len(answer["cases"]), answer.get("problem"), answer.get("notes"))
        )
    assert told[0] == told[1]
    assert rows_of(street, "SELECT member FROM transfer_case WHERE member IS NOT NULL") == []
    assert rows_of(street, "SELECT member FROM report") == []


def test_a_reference_counts_from_the_line_and_beside_the_name(street, url):
    post(
        street,
        url,
        event("life.attended", UNIT, "line", person={"member": "m00004"}, on="2026-11-20"),
    )
    case = street.leaves(8, "record_arrival")
    post(
        street,
        url,
        event(
            "life.attended",
            COMMUNITY,
            "part",
            on="2026-11-21",
            person={"member": "m00008", "name": county_service.name(8)},
        ),
    )
    post(
        street,
        url,
        event(
            "host.report", X, "named", person={"member": "m00006", "name": county_service.name(6)}
        ),
    )
    assert far(street, url, COMMUNITY, "part")["state"] == "identified"
    lives = rows_of(
        street,
        "SELECT member, last_life_on::text FROM member WHERE last_life_on IS NOT NULL ORDER BY 1",
    )
    assert (
        lives == [("m00004", "2026-11-20"), ("m00008", "2026-11-21")]
        and street.state(case) == "arrived"
    )
    assert far(street, url, X, "named")["state"] == "identified"
    assert rows_of(street, "SELECT count(*) FROM transfer_case WHERE member = 'm00006'") == [(1,)]


def test_a_person_without_a_name_closes_nobodys_desk(street, url):
    another = {"member": "m00004", "id_number": county_service.id_number(5)}
    post(
        street,
        url,
        event("departure.effective", UNIT, "nameless", category="layoff", person=another),
    )
    assert far(street, url, UNIT, "nameless")["state"] == "review"
    with street.app.worker.begin() as tx:
        create_account(tx, UNIT, "secretary", "核对人", street.clock.now(), PASSWORD)
    with Reader(url) as browser:
        browser.sign_in(UNIT, "核对人", PASSWORD)
        desk = browser.get("/reviews")
        assert desk.status_code == 200 and "没有姓名" in text(desk)
        review = f"{posted_id(f'urn:guidui:organisation:{UNIT}', 'nameless')}:0"
        page = browser.get(f"/reviews/{review}")
        assert page.status_code == 200 and "没有姓名" in page.text


def test_a_report_under_the_id_of_another_is_not_taken_for_it(street, url):
    for by in (NEIGHBOUR, X):
        post(
            street,
            url,
            event(
                "departure.effective",
                by,
                "r-1",
                category="layoff",
                person=person(4),
                to={"organisation": by},
                circumstances={"labour_relation": "ended", "handover": "dispersed"},
            ),
        )
    (case,) = [
        row[0]
        for row in rows_of(street, "SELECT id::text FROM transfer_case WHERE member = 'm00004'")
    ]

    def triage(report: str):
        return call(
            street,
            url,
            BRANCH,
            "receiver",
            "POST",
            f"/v1/cases/{case}/commands",
            json={"command": "triage", "seen_state": "announced", "from_report": report},
        )

    either = triage("r-1")
    assert either.status_code == 422 and either.json()["field"] == "from_report", either.text
    view = call(street, url, BRANCH, "receiver", "GET", f"/v1/cases/{case}").json()
    meant = next(line["detail"]["report"] for line in view["history"] if line["by"] == NEIGHBOUR)
    taken = triage(meant)
    assert taken.status_code == 200 and taken.json()["destination"]["organisation"] == NEIGHBOUR, (
        taken.text
    )


def test_a_strangers_clock_that_goes_ahead_outdoes_nothing_that_the_line_says(street, url):
    street.leaves(0)
    ahead = (street.clock.now() + timedelta(hours=23)).isoformat()
    taken = event(
        "host.report", X, "ahead", category="death", person=person(0), to={"organisation": X}
    )
    post(street, url, taken | {"time": ahead})
    street.clock.advance_to(street.clock.now() + timedelta(minutes=5))
    post(
        street,
        url,
        event(
            "residence.changed",
            UNIT,
            "again",
            person=person(0),
            to={"organisation": COMMUNITY},
            circumstances={"unit_has_organisation": False},
        ),
    )
    assert rows_of(
        street, "SELECT state, category, destination FROM transfer_case WHERE member = 'm00000'"
    ) == [("triaged", "relocation", COMMUNITY)]
