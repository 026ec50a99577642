"""The pages of destinations in a real browser: on a phone, for eyes and for screen readers."""

from __future__ import annotations

import pytest

from tests.portal.town import Town
from tests.stories.county_service import BRANCH, COMMUNITY
from tests.web.test_pages import SMALL, WIDE

SOMEWHERE = "浙江省绍兴市柯桥区云上花苑3幢2单元501室"
KNOWN = "浙江省绍兴市柯桥区柯桥街道星月花苑3幢"


@pytest.mark.parametrize("large", [False, True], ids=["usual", "large letters"])
def test_pages_of_destinations_fit_a_phone_and_can_be_read_by_everybody(
    town: Town, open_as, axe_script, large
):
    case = town.leaves(0, to={"address": SOMEWHERE})
    other = town.leaves(1, to={"address": KNOWN})
    town.give(BRANCH, other, "confirm_destination", organisation=COMMUNITY, member_informed=True)
    troubles: list[str] = []
    for who, paths in (
        ("origin", (f"/cases/{case}",)),
        ("secretary", ("/pool",)),
        ("other_department", ("/pool", "/department/addresses", "/department/rules")),
        ("department", ("/department/addresses",)),
    ):
        page = open_as(who, bypass_csp=True)
        if large:
            page.context.add_cookies([{"name": "guidui_size", "value": "large", "url": page.url}])
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
    assert troubles == []


def test_a_rule_is_tried_and_set_by_hand(town: Town, open_as):
    town.leaves(0, to={"address": "浙江省绍兴市柯桥区柯桥街道管墅社区18号"})
    page = open_as("other_department")
    page.goto("/department/rules")
    page.fill("#area", "330603001")
    page.type("#destination", "柯桥街道工作委员会")
    page.locator("label.choice", has_text="柯桥街道工作委员会").click()
    page.fill("#source", "柯组发〔2026〕8号")
    page.click("button[value=try]")
    assert "1 件中，有 1 件的去向会不同" in page.locator("main").inner_text()
    page.click("button[value=set]")
    assert "已启用" in page.locator("[role=status]").inner_text()
