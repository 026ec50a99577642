"""Facts by month: counted from history by their definitions, the same for those who measure and
those who are measured.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import httpx
import pytest

from services.app import after_load, follow_tree
from services.kit.clock import ZONE
from services.records import facts
from services.registry.load import Hooks, load_rows
from tests.portal.town import text
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY, STREET, UNIT


def of(town, month: str, organisation: str = county_service.CITY):
    with town.app.worker.begin() as tx:
        return facts.facts(tx, month, organisation, town.clock.now(), town.app.rule_source)


def pair(found, organisation, name):
    fact = found.get(organisation, {}).get(name) or {"n": 0, "of": 0}
    return fact["n"], fact["of"]


@pytest.fixture
def months(town):
    """November to January: one on time, one returned and late with the receipt, one forgotten, one
    floating.
    """
    town.leaves(0, "record_receipt")
    late = town.leaves(1, "record_arrival")
    town.give(COMMUNITY, late, "return_for_cure", defects=["缺党费证明"])
    town.give(UNIT, late, "cure", evidence="已补")
    town.give(STREET, late, "accept")
    asked = town.leaves(2)
    town.give(UNIT, asked, "ask", organisation=STREET, text="是否接收", due_on="2026-12-01")
    floating = town.leaves(3, to={}, category="migrant_work", circumstances={"place_fixed": False})
    town.give(
        BRANCH,
        floating,
        "register_floating",
        permit_no="浙0001",
        host=COMMUNITY,
        host_contact="书记",
    )
    town.clock.advance_to(datetime(2027, 1, 10, 9, 0, tzinfo=ZONE))
    town.settle()
    town.give(COMMUNITY, late, "place", branch=county_service.COMMUNITY_BRANCH)
    town.give(STREET, late, "send_receipt", handler="经办人", phone="0575-1")
    return {"asked": asked, "floating": floating}


def test_each_fact_is_what_its_definition_says(town, months):
    november, december, january = of(town, "2026-11"), of(town, "2026-12"), of(town, "2027-01")
    assert pair(november, UNIT, "announced") == (4, None) and pair(december, UNIT, "announced") == (
        0,
        0,
    )
    assert pair(november, UNIT, "on_time") == (1, 1) and pair(january, UNIT, "on_time") == (0, 1)
    assert pair(november, UNIT, "bounced") == (1, None) and pair(
        november, COMMUNITY, "refused"
    ) == (1, None)
    assert pair(december, STREET, "receipts_late") == (1, 2), (
        "due 23 December: one sent in November, one in January"
    )
    assert pair(december, STREET, "unanswered") == (1, 1)
    assert pair(december, BRANCH, "silent")[0] == 2 and pair(december, STREET, "silent")[0] == 1
    assert pair(november, BRANCH, "silent")[0] == 0


def test_a_month_that_is_over_does_not_change_with_the_tree(town, months):
    """In January the origin goes to another committee and the community to another street: so do
    their open transfers.
    """
    before = {
        month: (of(town, month), of(town, month, county_service.ORIGIN_COUNTY))
        for month in ("2026-11", "2026-12")
    }
    assert pair(before["2026-11"][0], UNIT, "bounced") == (1, None) and pair(
        before["2026-12"][0], STREET, "receipts_late"
    ) == (1, 2)
    columns = ["code", "name", "kind", "unit", "parent", "area", "serves_area", "authority"]
    rows = {r[0]: dict(zip(columns, r, strict=True)) for r in county_service.ORGANISATIONS}
    town.clock.advance_to(datetime(2027, 1, 20, 9, 0, tzinfo=ZONE))
    load_rows(
        town.app.worker,
        "organisations",
        [rows[BRANCH] | {"parent": STREET}, rows[COMMUNITY] | {"parent": UNIT}],
        town.clock,
        Hooks(movers=[follow_tree]),
    )
    assert after_load(town.app, "organisations")
    assert {
        month: (of(town, month), of(town, month, county_service.ORIGIN_COUNTY)) for month in before
    } == before
    assert BRANCH in of(town, "2027-01", county_service.COUNTY)


def test_contacts_count_as_kept_when_the_member_was_reached_by_the_day(town, months):
    with town.app.worker.connect() as tx:
        entered = tx.exec_driver_sql(
            "SELECT entered_at FROM transfer_case WHERE id = %s::uuid", (months["floating"],)
        ).scalar_one()
    town.clock.advance_to(datetime(2027, 2, 23, 9, 0, tzinfo=ZONE))
    assert entered.date() == date(2026, 11, 23)
    town.settle()
    from services.intake.app import Intake

    event = {
        **county_service.event(3, "call"),
        "source": f"urn:guidui:organisation:{BRANCH}",
        "type": "guidui.contact.attempt.v1",
        "data": {
            "person": {"member": "m00003"},
            "on": "2027-02-23",
            "channel": "phone",
            "reached": True,
        },
    }
    assert Intake(town.app.web, town.clock, town.app.secret).post(
        town.caller(BRANCH, "sender"), [event]
    ) == ["accepted"]
    town.settle()
    town.clock.advance_to(datetime(2027, 7, 1, 9, 0, tzinfo=ZONE))
    town.settle()
    kept = [pair(of(town, f"2027-{m:02}"), BRANCH, "contacts_kept") for m in range(2, 7)]
    assert sum(n for n, _ in kept) == 1 and sum(b for _, b in kept) == 2, (
        "one kept in spring, one missed in early summer"
    )


def test_a_month_that_is_over_never_changes(town, months):
    before = {m: of(town, m) for m in ("2026-11", "2026-12")}
    town.give(STREET, months["asked"], "answer", text="接收")
    town.give(BRANCH, months["asked"], "confirm_destination", member_informed=True)
    town.clock.advance_to(town.clock.now() + timedelta(days=100))
    town.settle()
    assert {m: of(town, m) for m in before} == before


def test_who_is_measured_sees_what_the_department_sees(town, months, reader, url):
    unit = httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {town.key(UNIT, 'receiver')}"}
    )
    own = unit.get("/v1/facts", params={"month": "2026-11"}).json()
    assert (
        unit.get("/v1/facts", params={"month": "2026-11", "organisation": STREET}).status_code
        == 403
    )
    assert unit.get("/v1/facts", params={"month": "2026-13"}).status_code == 422
    unit.close()
    city = httpx.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {town.key(county_service.CITY, 'department')}"},
    )
    whole = city.get("/v1/facts", params={"month": "2026-11"}).json()
    city.close()
    assert {"organisation": UNIT, "facts": own["items"][0]["facts"]} in whole["items"]
    assert whole["total"]["announced"]["n"] == 4 and set(whole["definitions"]) == set(
        facts.DEFINITIONS
    )
    page = reader("clerk").get("/facts", params={"month": "2026-11"})
    assert "2026-11 的工作情况" in text(page) and facts.DEFINITIONS["on_time"].words.zh in text(
        page
    )
    assert "What each figure means" in text(reader("street", "en").get("/facts"))
