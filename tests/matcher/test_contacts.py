"""From the community to somebody who answers: the grid's contact, and one level up where a contact
is stale.
"""

from __future__ import annotations

import httpx
import pytest

from services.registry.load import load_rows
from tests.portal.town import text
from tests.stories.county_service import BRANCH, COMMUNITY, STREET

AREA = "330603001008"
ADDRESS = "浙江省绍兴市柯桥区柯桥街道管墅社区福年花园8幢"


@pytest.fixture
def grids(town):
    rows = [
        {
            "grid": f"{AREA}00{n}",
            "community": AREA,
            "name": f"第{n}网格",
            "contact": f"网格员{n}",
            "phone": f"1380000000{n}",
            "addresses": doors,
        }
        for n, doors in ((1, "福年花园;笛扬路18号"), (2, "云上花苑"))
    ]
    assert load_rows(town.app.worker, "grids", rows, town.clock).bad == 0


@pytest.fixture
def alerts(town, url):
    def alerts(code: str) -> list[dict]:
        answer = httpx.get(
            f"{url}/v1/alerts", headers={"Authorization": f"Bearer {town.key(code, 'receiver')}"}
        )
        return answer.json()["items"]

    return alerts


def test_an_alert_names_who_knocks_at_the_door(town, grids, alerts):
    town.leaves(0, to={"address": ADDRESS})
    (expected,) = alerts(COMMUNITY)
    assert expected["kind"] == "expected"
    assert expected["grid"] == {
        "grid": f"{AREA}001",
        "name": "第1网格",
        "contact": "网格员1",
        "phone": "13800000001",
    }
    assert all(
        alert["grid"] is None for alert in alerts(BRANCH)
    )  # the origin knocks at no door there


def test_the_communitys_card_names_the_grid_and_not_the_address(town, grids, reader):
    case = town.leaves(0, "record_arrival", to={"address": ADDRESS})
    page = reader("secretary").get(f"/cases/{case}")
    assert "第1网格 网格员1" in text(page) and "8幢" not in page.text
    assert "第1网格" not in text(reader("origin").get(f"/cases/{case}"))


def test_a_stale_contact_goes_one_level_up(town, reader):
    case = town.leaves(0, "record_arrival")
    assert "联系人36" in reader("clerk").get(f"/cases/{case}").text
    with town.app.worker.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE contact SET bounced_count = 2 WHERE organisation = %s", (COMMUNITY,)
        )
    page = text(reader("clerk").get(f"/cases/{case}"))
    assert "联系人29 · 中共柯桥街道工作委员会" in page and "联系人36" not in page


def test_an_ended_post_goes_one_level_up_too(town):
    from services.cases.views.queries import view_within

    case = town.leaves(0, "accept")
    with town.app.worker.begin() as tx:
        assert view_within(tx, case, town.clock.now())["waiting_on"]["person"] == "联系人36"
        tx.exec_driver_sql(
            "UPDATE contact SET until = '2026-11-01' WHERE organisation = %s", (COMMUNITY,)
        )
        assert view_within(tx, case, town.clock.now())["waiting_on"]["person"] == "联系人29"
        tx.exec_driver_sql(
            "UPDATE contact SET until = '2026-11-01' WHERE organisation = %s", (STREET,)
        )
        assert view_within(tx, case, town.clock.now())["waiting_on"]["person"] is None
