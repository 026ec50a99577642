"""Files that would bring the reader down, sent to the running service: it says why not, and goes on
for everybody else.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.attack import files
from tests.attack.watch import watched
from tests.portal.every_route import Line, Sent
from tests.portal.town import CAST, COMMUNITY

MEGABYTE = 1 << 20
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture
def community(town, url):
    with httpx.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {town.key(COMMUNITY, 'receiver')}"},
        timeout=60,
    ) as one:
        yield one


@pytest.mark.parametrize(
    "make", [files.a_cell_at_the_end, files.a_long_text_everywhere, files.a_text_everywhere]
)
def test_a_roll_that_unpacks_without_end_is_refused_by_call_and_on_the_page(
    community, reader, make
):
    content = make()
    answer = community.post("/v1/comparisons", content=content, headers={"Content-Type": SHEET})
    assert answer.status_code == 422 and answer.json()["type"].endswith("bad-file")
    clerk = reader("clerk")
    form = clerk.hidden(clerk.get("/rolls"), "/rolls")
    page = clerk.post("/rolls", data=form, files={"file": ("名册.xlsx", content)})
    assert page.status_code == 422 and re.search("名册|工作簿", page.text)
    assert community.get("/v1/alerts").status_code == 200


def test_five_pictures_at_once_hold_nobody_up(town, url):
    case = town.leaves(0, "send_receipt")
    code, _, _ = CAST["clerk"]
    content = files.a_picture_of_744_megabytes()
    headers = {"Authorization": f"Bearer {town.key(code, 'receiver')}"}

    def send(_: int) -> int:
        return httpx.post(
            f"{url}/v1/cases/{case}/receipt-scans", content=content, headers=headers, timeout=60
        ).status_code

    with watched() as watch, ThreadPoolExecutor(5) as pool:
        sending = [pool.submit(send, number) for number in range(5)]
        assert httpx.get(f"{url}/healthz", timeout=10).status_code == 200
        assert [one.result() for one in sending] == [422] * 5
    assert watch.peak_bytes < 300 * MEGABYTE


def test_a_length_of_five_thousand_digits_is_refused(url):
    line = Line(url, {"Content-Length": "9" * 5_000})
    answer = line.ask(Sent("POST", "/v1/comparisons"))
    line.close()
    assert answer.status == 400 and re.search("[\u4e00-\u9fff]", answer.body.decode())
