"""The pages of papers on a phone: nothing sticks out, everything can be touched, a scanned code
opens the case.
"""

from __future__ import annotations

import io

import pypdf
import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from services.cases.store import numbers
from services.cluster.one_process import OWN_ADDRESS
from tests.portal.town import Town
from tests.stories import county_service
from tests.stories.county_service import UNIT
from tests.web.test_pages import SMALL, WIDE


@pytest.mark.parametrize("large", [False, True], ids=["usual", "large letters"])
def test_the_register_and_the_papers_of_a_case_fit_a_phone(town: Town, open_as, axe_script, large):
    with town.app.worker.begin() as tx:
        given = numbers.NumberRange("越纺组", 1, 30, digits=4)
        numbers.assign_range(tx, UNIT, given, town.clock.now())
    case = town.leaves(0, "issue_letter")
    page = open_as("clerk", bypass_csp=True)
    if large:
        page.context.add_cookies([{"name": "guidui_size", "value": "large", "url": page.url}])
    for path in ("/letters", f"/cases/{case}/papers", f"/cases/{case}"):
        page.goto(path)
        page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
        assert not page.evaluate(WIDE), path
        assert page.evaluate(SMALL.replace("LEAST", "60" if large else "44")) == [], path
        page.evaluate(axe_script)
        found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")[
            "violations"
        ]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], path


def test_a_printed_letter_is_scanned_at_the_counter(town: Town, open_as):
    case = town.leaves(0, "issue_letter")
    clerk = open_as("clerk")
    clerk.goto(f"/cases/{case}")
    with clerk.expect_download() as download:
        clerk.click("text=打印介绍信")
    content = download.value.path().read_bytes()
    assert county_service.name(0) in pypdf.PdfReader(io.BytesIO(content)).pages[0].extract_text()
    document = pypdfium2.PdfDocument(content)
    picture = document[0].render(scale=2).to_pil()
    document.close()
    link = zxingcpp.read_barcodes(picture)[0].text
    own_address, path = link[: len(OWN_ADDRESS)], link[len(OWN_ADDRESS) :]
    assert own_address == OWN_ADDRESS and path.startswith("/l/"), (
        "the address it is set to, not the one that was asked"
    )
    counter = open_as("secretary")
    counter.goto(path)
    assert counter.url.endswith(f"/cases/{case}")


def test_a_receipt_is_recorded_beside_its_photo_on_a_phone(town: Town, open_as, axe_script):
    case = town.leaves(0, "send_receipt")
    page = open_as("clerk", bypass_csp=True)
    page.goto(f"/cases/{case}/papers")
    out = io.BytesIO()
    Image.new("RGB", (1240, 1754), "white").save(out, "JPEG")
    page.set_input_files(
        "#i-photo", {"name": "回执.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}
    )
    page.click("text=只贴照片")
    page.wait_for_function(
        "document.querySelector('img.paper')?.naturalWidth === 1240"
    )  # beside the fields
    assert page.input_value("[name=number]") and not page.evaluate(WIDE)
    assert page.evaluate(SMALL.replace("LEAST", "44")) == []
    page.evaluate(axe_script)
    found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")[
        "violations"
    ]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
    page.fill("[name=handler]", "赵敏")
    page.click("text=贴照片并登记回执")
    assert "回执已登记" in page.inner_text("main") and town.state(case) == "moved"
    page.goto(f"/cases/{case}")
    page.click("text=回执照片")
    assert "/photos/" in page.url
