"""The pages of rolls and records on a phone: they fit, can be touched, and say what assistive
technology needs.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.app import records_loop
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY
from tests.web.test_pages import SMALL, WIDE

PAGES = {
    "clerk": ("/rolls", "/facts", "/reconciliation", "/upkeep", "/upkeep/m00001", "/batches"),
    "secretary": ("/double-reports", "/floating", "/arrivals/new"),
    "other_department": ("/floating", "/reconciliation"),
    "department": (
        "/snapshots",
        "/facts",
        "/rolls",
        "/department/organisations?what=found",
        "/department/organisations?what=merge",
    ),
}


@pytest.fixture
def kept(town) -> str:
    """Three float at the community, one lives there, a month has passed, and a roll was
    compared.
    """
    for number in (1, 2, 3):
        case = town.leaves(
            number, to={}, category="migrant_work", circumstances={"place_fixed": False}
        )
        town.give(
            BRANCH,
            case,
            "register_floating",
            permit_no="浙0001",
            host=COMMUNITY,
            host_contact="书记",
        )
    town.leaves(
        6,
        to={"address": county_service.ADDRESS},
        category="relocation",
        circumstances={"unit_has_organisation": True},
    )
    town.leaves(4, "issue_letter")
    town.post(
        {
            **county_service.event(0, "closed"),
            "type": "guidui.labour_relation.ended.v1",
            "data": {
                "circumstances": {"labour_relation": "ended", "handover": "collective"},
                "to": {"organisation": COMMUNITY},
                "persons": [
                    {
                        "person": {
                            "name": county_service.name(n),
                            "id_number": county_service.id_number(n),
                        }
                    }
                    for n in (7, 8)
                ],
            },
        }
    )
    town.clock.advance_to(town.clock.now() + timedelta(days=95))
    town.settle()
    records_loop(town.app)
    return case


def test_pages_of_records_fit_a_phone_and_can_be_read_by_everybody(town, open_as, axe_script, kept):
    for who, paths in PAGES.items():
        page = open_as(who, bypass_csp=True)
        if who == "clerk":
            page.goto("/rolls")
            page.set_input_files(
                "#file",
                {
                    "name": "名册.csv",
                    "mimeType": "text/csv",
                    "buffer": (
                        f"姓名,公民身份号码\n{county_service.name(0)},{county_service.id_number(0)}\n路人,{county_service.id_number(500)}\n错,1\n"
                    ).encode(),
                },
            )
            page.click("main button.primary")
            assert "名册 3 行，1 行相符" in page.inner_text("h1")
            paths = (*paths, *(page.url + q for q in ("", "?list=not_in_roll", "?list=bad")))
        if who == "secretary":
            page.goto("/batches")
            page.click("main ul.rows a")
            page.select_option("[name=order]", "note")
            page.fill("[name='note.text']", "已电话联系")
            page.click("main button.primary")
            assert "已交办" in page.inner_text("main")
            town.settle()
            paths = (*paths, f"/floating/{kept}", "/batches", page.url)
        for path in paths:
            page.goto(path)
            assert not page.evaluate(WIDE), path
            assert page.evaluate(SMALL.replace("LEAST", "44")) == [], path
            page.evaluate(axe_script)
            found = page.evaluate(
                "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})"
            )["violations"]
            assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], path
