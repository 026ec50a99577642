"""The review desk in a browser: one key for one act, without scripts too, and it fits a phone."""

from __future__ import annotations

import pytest

from tests.people.posting import decided, post
from tests.stories import county_service
from tests.web.test_pages import SMALL, WIDE

IN_DOUBT = {"name": county_service.name(3), "sex": "male", "phone": "13877776666"}


@pytest.mark.parametrize("key, decision", [("s", "match"), ("1", "match"), ("n", "not_a_member")])
def test_one_key_decides(town, open_as, key, decision):
    event = post(town, "in-doubt", IN_DOUBT)
    page = open_as("clerk", width=1280)
    page.goto(f"/reviews/{event}:0")
    page.keyboard.press(key)
    page.wait_for_selector("[role=status]")
    assert decided(town, event).decision == decision


def test_one_key_asks_and_letters_of_a_question_decide_nothing(town, open_as):
    event = post(town, "in-doubt", IN_DOUBT)
    page = open_as("department", width=1280)
    page.goto(f"/reviews/{event}:0")
    page.keyboard.press("a")
    page.keyboard.type("nsn1")
    assert page.input_value("#ask") == "nsn1" and decided(town, event).decision == "review"
    page.click("button[value=ask]")
    assert "已问报送单位" in page.locator("[role=status]").inner_text()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_the_desk_fits_a_phone_and_everybody(town, open_as, axe_script, scripts):
    event = post(town, "in-doubt", IN_DOUBT)
    page = open_as("clerk", bypass_csp=True, java_script_enabled=scripts)
    page.goto(f"/reviews/{event}:0")
    if scripts:
        assert not page.evaluate(WIDE) and page.evaluate(SMALL.replace("LEAST", "44")) == []
        page.evaluate(axe_script)
        found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")[
            "violations"
        ]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
    page.click("button[value=m00003]")
    page.wait_for_selector("[role=status]")
    assert decided(town, event).member == "m00003"
