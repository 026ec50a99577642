"""Pages in a real browser: on a phone of 360 px, with and without scripts, for eyes and for screen
readers.
"""

from __future__ import annotations

import pytest

from tests.portal.town import Town
from tests.stories import county_service

WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
SMALL = """() => [...document.querySelectorAll(
        'main button, main .button, main input, main select')]
    .filter(one => !['hidden', 'radio', 'checkbox'].includes(one.type) && one.offsetParent)
    .filter(one => one.getBoundingClientRect().height < LEAST)
    .map(one => one.outerHTML)"""


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_secretary_accepts_on_a_phone(town: Town, open_as, scripts):
    case = town.leaves(0, "record_arrival")
    page = open_as("street", java_script_enabled=scripts)
    page.goto("/cases?tab=below")
    page.click(f"text={county_service.name(0)}")
    assert page.url.endswith(f"/cases/{case}")
    assert page.locator("h1").inner_text() == "请决定是否接收"
    page.click("button.primary")
    assert (
        "已办理：接收" in page.locator("[role=status]").inner_text()
        and town.state(case) == "accepted"
    )
    page.go_back()  # shows the case as it is now, not as it was
    assert page.url.endswith(f"/cases/{case}") and page.locator("h1").inner_text() == "请寄出回执"


def test_a_double_click_gives_one_command(town: Town, open_as):
    case = town.leaves(0, "record_arrival")
    page = open_as("street")
    page.goto(f"/cases/{case}")
    page.dblclick("button.primary")
    page.wait_for_selector("[role=status]")
    with town.app.worker.connect() as tx:
        assert (
            tx.exec_driver_sql(
                "SELECT count(*) FROM case_event WHERE command = 'accept'"
            ).scalar_one()
            == 1
        )


def test_fields_of_a_reason_appear_with_it_and_names_are_found_while_typing(town: Town, open_as):
    case = town.leaves(0, "record_arrival")
    page = open_as("secretary")
    page.goto(f"/cases/{case}/refuse")
    assert not page.locator("#i-proposed").is_visible()
    page.select_option("#i-reason", "wrong_organisation")
    page.type("#i-proposed", "另一社区")
    page.locator("label.choice", has_text="另一社区总支部").click()
    page.click("form[action$=refuse] button.primary")
    page.wait_for_selector("[role=status]")
    assert town.state(case) == "returned"


@pytest.mark.parametrize("large", [False, True], ids=["usual", "large letters"])
def test_pages_fit_a_phone_can_be_touched_and_read_by_everybody(
    town: Town, open_as, axe_script, large
):
    case = town.leaves(0, "record_arrival")
    troubles = []
    for who, paths in (
        (
            "street",
            (
                "/cases?tab=below",
                f"/cases/{case}",
                f"/cases/{case}/accept",
                f"/cases/{case}?print=1",
            ),
        ),
        ("secretary", (f"/cases/{case}/refuse", f"/cases/{case}/looks")),
        ("clerk", ("/departures/new", "/reviews", "/password")),
        ("department", ("/department", "/security", "/accounts")),
        ("admin", ("/desk",)),
    ):
        page = open_as(who, bypass_csp=True)
        if large:
            page.context.add_cookies([{"name": "guidui_size", "value": "large", "url": page.url}])
        page.on(
            "console", lambda said: troubles.append(said.text) if said.type == "error" else None
        )
        page.on("pageerror", lambda error: troubles.append(str(error)))
        for path in paths:
            page.goto(path)
            assert not page.evaluate(WIDE), path
            assert page.evaluate(SMALL.replace("LEAST", "60" if large else "44")) == [], path
            page.evaluate(axe_script)
            found = page.evaluate(
                "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})"
            )["violations"]
            assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], path
            assert "中共" in page.title() and page.get_attribute("html", "lang") == "zh-CN"
    assert troubles == []


def test_the_first_load_is_light_and_comes_from_here(town: Town, open_as, url):
    page = open_as("street")
    sizes: dict[str, int] = {}
    page.on("response", lambda answer: sizes.update({answer.url: len(answer.body())}))
    page.goto("/cases")
    page.wait_for_load_state("networkidle")
    assert sum(sizes.values()) <= 100 * 1024 and all(one.startswith(url) for one in sizes)
