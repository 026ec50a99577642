"""A roll beside the register: who is called missing on which side, what may be done, and what is
erased when.
"""

from __future__ import annotations

import io
import re
from datetime import datetime, timedelta

import httpx
import openpyxl
import pytest

from services.app import records_loop
from services.kit.clock import ZONE
from services.registry.rosters import read_roll, roll_of
from services.registry.tabular import BadFile
from tests.portal.town import text
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY, STREET, UNIT


def workbook(*lines) -> bytes:
    """A workbook as an office makes one: a title above the heading, a number before each row."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["党员名册"])
    sheet.append(["序号", "姓名", "身份证号码", "联系电话"])
    for number, line in enumerate(lines, 1):
        sheet.append([number, *line])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


STRANGER = ("欧阳路人", county_service.id_number(500))


def upload(one, content: bytes, name: str = "名册.xlsx") -> httpx.Response:
    return one.post(
        "/rolls", data=one.hidden(one.get("/rolls"), "/rolls"), files={"file": (name, content)}
    )


def test_both_lists_name_who_is_missing_where_and_what_may_be_done(town, reader):
    town.leaves(3)
    roll = workbook(
        *((county_service.name(n), county_service.id_number(n)) for n in range(3)),
        STRANGER,
        ("错号", "33060219800505003X"),
        (county_service.name(0), county_service.id_number(0)),
    )
    clerk = reader("clerk")
    page = upload(clerk, roll)
    assert "名册 6 行，3 行相符；名册上有、库里不在本组织 1 人，库里有、名册上没有 9 人" in text(
        page
    ), text(page)
    assert "欧阳路人" in text(page) and "报为已在本地" in text(page)
    missing = clerk.get(f"{page.url.path}?list=not_in_roll")
    assert (
        county_service.name(3) in text(missing)
        and "转移在办" in text(missing)
        and text(missing).count("报送离开") >= 8
    )
    bad = clerk.get(f"{page.url.path}?list=bad")
    assert "校验位不符" in text(bad) and "与第 3 行是同一名党员" in text(bad)
    mended = clerk.get(f"{page.url.path}/bad.csv").content
    again = read_roll(mended)
    assert len(again.rows) == 1 and len(again.bad) == 1, (
        "the file of bad rows can be uploaded as it is"
    )
    assert "11月23日" in text(clerk.get("/rolls"))


def test_a_community_reports_from_its_roll_and_the_case_opens(town, reader):
    secretary = reader("secretary")
    page = upload(secretary, workbook((county_service.name(5), county_service.id_number(5))))
    assert "属于其他组织" in text(page) and "示例纺织有限公司" not in text(page)
    form = secretary.hidden(page, "/report")
    path = re.search(r'action="(/rolls/[^"]+/report)"', page.text)[1]
    for _ in range(2):
        answer = secretary.post(path, data=form)
        assert "已报为在本地" in text(answer)
    town.settle()
    with town.app.worker.connect() as tx:
        found = tx.exec_driver_sql("SELECT member, poster FROM transfer_case").all()
    assert found == [("m00005", COMMUNITY)]


def test_what_was_uploaded_of_persons_is_gone_within_a_day_and_the_outcome_stays(town, reader):
    clerk = reader("clerk")
    page = upload(clerk, workbook(STRANGER, ("错号", "33060219800505003X")))
    town.clock.advance_to(town.clock.now() + timedelta(hours=23, minutes=1))
    records_loop(town.app)
    with town.app.worker.connect() as tx:
        kept = (
            tx.exec_driver_sql("SELECT row_to_json(r)::text FROM comparison_row r").scalars().all()
        )
        whole = tx.exec_driver_sql(
            "SELECT not_here, bad, erase_at, by_person FROM comparison"
        ).one()
    assert not [line for line in kept if "欧阳" in line or STRANGER[1] in line]
    assert tuple(whole) == (1, 1, None, "单位经办人")
    refused = reader("clerk").get(page.url.path)
    assert "已清除" in text(refused) and "欧阳" not in refused.text


def test_systems_send_a_roll_as_json_or_as_a_file(town, url):
    api = httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {town.key(UNIT, 'receiver')}"}
    )
    answer = api.post(
        "/v1/comparisons",
        json={
            "persons": [
                {"name": county_service.name(0), "id_number": county_service.id_number(0)},
                {"name": ""},
                {"name": STRANGER[0], "id_number": STRANGER[1]},
            ]
        },
    )
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["rows"], told["matched"], told["not_here"], told["not_in_roll"]) == (2, 1, 1, 11)
    rows = api.get(f"/v1/comparisons/{told['id']}", params={"list": "not_here"}).json()["items"]
    assert (
        rows[0]["person"]["id_number"] == "*" * 14 + STRANGER[1][-4:]
        and rows[0]["next"] == "host_report"
    )
    csv = api.post(
        "/v1/comparisons",
        content="姓名,身份证号\n路人,\n".encode("gb18030"),
        headers={"Content-Type": "text/csv"},
    )
    assert csv.status_code == 201 and csv.json()["review"] + csv.json()["not_here"] == 1
    assert {one["id"] for one in api.get("/v1/comparisons").json()["items"]} == {
        csv.json()["id"],
        told["id"],
    }
    below = api.post("/v1/comparisons", params={"organisation": BRANCH}, json={"persons": []})
    assert below.status_code == 201 and below.json()["not_in_roll"] == 12
    assert (
        api.post(
            "/v1/comparisons", params={"organisation": STREET}, json={"persons": []}
        ).status_code
        == 403
    )
    assert (
        api.post(
            "/v1/comparisons", content=b"{", headers={"Content-Type": "application/json"}
        ).status_code
        == 400
    )
    assert api.post("/v1/comparisons", json=[1]).status_code == 422
    other = httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {town.key(STREET, 'receiver')}"}
    )
    assert other.get(f"/v1/comparisons/{told['id']}").status_code == 404
    assert other.get("/v1/comparisons").json()["items"] == []
    api.close()
    other.close()


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\x02", "编号,电话\n1,2\n".encode(), b"PK\x03\x04 broken"]
)
def test_what_is_no_roll_is_refused_in_words(content, town, reader):
    page = upload(reader("clerk"), content, "x.csv")
    assert page.status_code == 422 and 'role="alert"' in page.text


def test_a_roll_that_is_too_long_is_refused_before_it_is_read():
    with pytest.raises(BadFile):
        roll_of([{"name": "x"}] * 30_001)
    with pytest.raises(BadFile):
        read_roll(("姓名\n" + "某某\n" * 30_100).encode())


def test_announced_and_never_arrived_and_arrived_and_never_announced(town, reader, url):
    gone = town.leaves(1, "issue_letter")
    report = {
        **county_service.event(0, "walk-in"),
        "source": f"urn:guidui:organisation:{COMMUNITY}",
        "type": "guidui.host.report.v1",
        "data": {
            "person": {"name": county_service.name(2), "id_number": county_service.id_number(2)}
        },
    }
    from services.intake.app import Intake

    assert Intake(town.app.web, town.clock, town.app.secret).post(
        town.caller(COMMUNITY, "sender"), [report]
    ) == ["accepted"]
    town.settle()
    town.clock.advance_to(town.clock.now() + timedelta(days=31))
    town.settle()
    api = httpx.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {town.key(county_service.CITY, 'department')}"},
    )
    announced = api.get("/v1/reconciliation", params={"list": "announced"}).json()["items"]
    arrived = api.get("/v1/reconciliation", params={"list": "arrived"}).json()["items"]
    assert [one["case"] for one in announced] == [gone] and announced[0]["announced_by"] == UNIT
    assert (
        len(arrived) == 1
        and arrived[0]["reported_by"] == COMMUNITY
        and arrived[0]["origin"] == BRANCH
    )
    assert api.get("/v1/reconciliation", params={"list": "x"}).status_code == 422
    api.close()
    department = reader("department")
    page = department.get("/reconciliation")
    overview = text(department.get("/department"))
    assert "已报离、无人报到 1" in overview and "已报到、无人报离 1" in overview
    assert "已报离、无人报到 1 人；已报到、无人报离 1 人" in text(page)
    town.leaves(2)  # the unit speaks up: no longer a list's business
    assert "已报到、无人报离 0 人" in text(department.get("/reconciliation"))


def test_in_september_every_committee_is_asked_to_compare_its_roll_until_it_did(town, reader):
    town.clock.advance_to(datetime(2027, 9, 1, 0, 5, tzinfo=ZONE))
    records_loop(town.app)
    records_loop(town.app)
    with town.app.worker.connect() as tx:
        stand = (
            "SELECT organisation FROM task WHERE kind = 'reconciliation' AND closed_at IS NULL "
            "ORDER BY 1"
        )
        assert tx.exec_driver_sql(stand).scalars().all() == sorted(
            [UNIT, STREET, county_service.SCHOOL]
        )
    clerk = reader("clerk")
    assert "请在 9月30日 前核对一次名册" in text(clerk.get("/rolls"))
    upload(clerk, workbook((county_service.name(0), county_service.id_number(0))))
    records_loop(town.app)
    with town.app.worker.connect() as tx:
        assert UNIT not in tx.exec_driver_sql(stand).scalars().all()
    town.settle()
    town.clock.advance_to(datetime(2028, 3, 2, 0, 5, tzinfo=ZONE))
    records_loop(town.app)
    with town.app.worker.connect() as tx:
        opened = (
            tx.exec_driver_sql(
                "SELECT organisation FROM task WHERE kind = 'reconciliation' AND closed_at IS NULL "
                "AND opened_at >= '2028-03-01'"
            )
            .scalars()
            .all()
        )
    assert opened == [county_service.SCHOOL], "each semester where there are semesters"


def test_masked_rows_are_compared_and_what_was_left_out_is_said(town, reader):
    number, phone = county_service.id_number(0), county_service.id_number(1)
    roll = workbook(
        (county_service.name(0), f"{number[:6]}********{number[14:]}"),
        (f"{county_service.name(1)}（预备）", phone),
        ("填表人：某人", ""),
        ("合计", "2"),
    )
    page = upload(reader("clerk"), roll)
    assert "名册 2 行，2 行相符" in text(page), text(page)
    assert "“填表人”一行不是党员" in text(page) and "“合计”一行不是党员" in text(page)
