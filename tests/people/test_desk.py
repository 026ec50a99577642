"""The review desk: on its page without scripts, by keys, in both roles, over HTTP; two persons;
questions.
"""

from __future__ import annotations

import httpx
import pytest

from services.cases.routing.decision_table import OPENING
from services.matcher import four_eyes
from services.matcher.model_store import again
from services.records.completeness import statement
from tests.people.posting import ADDRESS, STRANGER, decided, everything, post, tables_with
from tests.portal.town import CAST, DEPARTMENT, text
from tests.stories import county_service
from tests.stories.county_service import UNIT

IN_DOUBT = {"name": county_service.name(3), "sex": "male", "phone": STRANGER["phone"]}


@pytest.fixture
def review(town) -> str:
    """A namesake of member 3 waits on the desk."""
    event = post(town, "in-doubt", IN_DOUBT)
    assert decided(town, event).decision == "review"
    return f"{event}:0"


def call(url, town, code, role, method, path, **more):
    return httpx.request(
        method, url + path, headers={"Authorization": f"Bearer {town.key(code, role)}"}, **more
    )


def state(town, review):
    event, _, position = review.partition(":")
    return decided(town, event, int(position))


def press(reader, review, button, **fields):
    page = reader.get(f"/reviews/{review}")
    assert page.status_code == 200, text(page)
    return reader.post(
        f"/reviews/{review}", data=reader.hidden(page, review) | fields | {"who": button}
    )


def test_two_records_stand_side_by_side_with_weights_and_nothing_whole(town, reader, review):
    page = reader("clerk").get(f"/reviews/{review}")
    said = text(page)
    assert "姓名相同" in said and "电话不同" in said and "权重" in said and "+" in said
    assert (
        "138****6666" in said
        and STRANGER["phone"] not in page.text
        and county_service.id_number(3) not in page.text
    )
    assert (
        'data-key="1 s"' in page.text
        and 'data-key="n"' in page.text
        and 'data-key="a"' in page.text
    )
    english = text(reader("clerk", "en").get(f"/reviews/{review}"))
    assert "same name" in english and "Weight" in english


@pytest.mark.parametrize("who", ["clerk", "department"])
def test_deciding_on_the_page_opens_the_case_at_the_events_time(town, reader, review, who):
    posted = town.clock.now()
    town.clock.advance_to(posted.replace(day=24))
    page = press(reader(who), review, "m00003")
    assert "已记下结论" in text(page)
    row = state(town, review)
    assert (row.decision, row.member, row.decided_by) == ("match", "m00003", CAST[who][2])
    town.settle()
    assert town.state(str(row.case_id)) == "triaged"
    with town.app.worker.connect() as tx:
        told = statement(tx, posted.date(), sorted(OPENING))
        pairs = tx.exec_driver_sql("SELECT same, levels[2] FROM reviewed_pair").all()
    assert told["matched"] == 1 and told["difference"] == 0
    assert (True, "same") in [tuple(p) for p in pairs]


def test_none_of_them_erases_the_person(town, reader, review):
    page = press(reader("clerk"), review, "none", reason=f"{county_service.name(3)} 不是党员")
    assert "现在没有要核对的身份" in text(page)
    assert tables_with(town, STRANGER["phone"], ADDRESS) == set()
    assert "已删除个人信息 1 人，尚存 0 人" in text(reader("department").get("/reviews"))


@pytest.mark.parametrize("code, role", [(UNIT, "sender"), (DEPARTMENT, "department")])
def test_deciding_over_http(town, url, review, code, role):
    listed = call(url, town, code, role, "GET", "/v1/reviews").json()["items"]
    assert [one["id"] for one in listed] == [review]
    fields = {line["field"] for one in listed[0]["candidates"] for line in one["weights"]}
    assert {"name", "phone"} <= fields and STRANGER["phone"] not in str(listed)
    answer = call(url, town, code, role, "POST", f"/v1/reviews/{review}", json={"member": "m00003"})
    assert (answer.status_code, answer.json()) == (200, {"id": review, "decided": True})
    assert (
        call(
            url, town, code, role, "POST", f"/v1/reviews/{review}", json={"member": "m00003"}
        ).status_code
        == 409
    )


def test_a_neighbour_neither_sees_nor_decides(town, url, reader, review):
    assert (
        call(
            url,
            town,
            county_service.COUNTY,
            "department",
            "POST",
            f"/v1/reviews/{review}",
            json={"member": "m00003"},
        ).status_code
        == 404
    )
    assert reader("neighbour").get(f"/reviews/{review}").status_code == 404


def test_where_the_rule_asks_for_it_two_persons_decide(town, url, reader, review):
    with town.app.worker.begin() as tx:
        four_eyes.rule(tx, f"{county_service.CITY}.{DEPARTMENT}.", True, town.clock.now())
    assert "要两个人分别认定" in text(reader("clerk").get(f"/reviews/{review}"))
    assert "还要另一人认定" in text(press(reader("clerk"), review, "m00003"))
    assert state(town, review).decision == "review" and "待第二人认定" in text(
        reader("clerk").get("/reviews")
    )
    assert "两个人分别认定" in text(
        press(reader("clerk"), review, "m00003")
    )  # the same person again: refused
    assert state(town, review).decision == "review"
    press(
        reader("department"), review, "none", reason="电话里说不是"
    )  # differs: a proposal of its own
    assert state(town, review).proposal["not_a_member"] is True
    answer = call(
        url,
        town,
        UNIT,
        "sender",
        "POST",
        f"/v1/reviews/{review}",
        json={"not_a_member": True, "reason": "核实"},
    )
    assert answer.json() == {"id": review, "decided": True}
    assert (state(town, review).decision, state(town, review).decided_by) == (
        "not_a_member",
        f"组织部干部；{UNIT}",
    )
    assert tables_with(town, STRANGER["phone"]) == set()


def test_the_nearest_rule_holds_for_a_sender(town, review):
    at = town.clock.now()
    path = f"{county_service.CITY}.{DEPARTMENT}.{UNIT}."
    with town.app.worker.begin() as tx:
        four_eyes.rule(tx, f"{county_service.CITY}.", True, at)
        assert four_eyes.asked_for(tx, {path, "9."}) == {path}
        four_eyes.rule(tx, path, False, at)
        assert four_eyes.asked_for(tx, {path}) == set()


def test_a_question_reaches_the_sender_and_goes_with_the_decision(town, url, reader, review):
    assert "已问报送单位" in text(
        press(reader("department"), review, "ask", ask="他原来在哪个支部？")
    )
    told = call(
        url,
        town,
        UNIT,
        "sender",
        "GET",
        f"/v1/events/in-doubt?source=urn:guidui:organisation:{UNIT}",
    ).json()
    assert (
        told["questions"][0]["text"] == "他原来在哪个支部？"
        and told["questions"][0]["review"] == review
    )
    assert "等报送单位答复" in text(reader("clerk").get("/reviews"))
    refused = call(
        url,
        town,
        DEPARTMENT,
        "department",
        "POST",
        f"/v1/reviews/{review}",
        json={"answer": "不知道"},
    )
    assert refused.status_code == 403
    press(reader("clerk"), review, "answer", answer="第一支部")
    assert "第一支部" in text(reader("department").get(f"/reviews/{review}"))
    press(reader("department"), review, "m00003")
    assert tables_with(town, "他原来在哪个支部") == set()


def test_what_was_decided_can_be_computed_again_by_its_version(town, review):
    row = state(town, review)
    with town.app.worker.connect() as tx:
        assert again(tx, row.model, row.evidence) == [
            pair["probability"] for pair in row.evidence["pairs"]
        ]
    assert county_service.name(3) not in str(row.evidence) and len(row.evidence["pairs"]) >= 1


def test_a_wrong_decision_is_undone_on_its_page_by_a_department_only(town, reader, review):
    press(reader("clerk"), review, "m00003")
    case = str(state(town, review).case_id)
    department = reader("department")
    assert f"/reviews/{review}/undo" in department.get("/reviews").text
    page = department.get(f"/reviews/{review}/undo")
    undone = department.post(
        f"/reviews/{review}/undo",
        data=department.hidden(page, "/undo") | {"who": "none", "reason": "本人来电"},
    )
    assert "已纠正" in text(undone) and town.state(case) == "closed_without_move"
    assert "m00003" not in everything(town)["transfer_case"]
    clerk = reader("clerk")
    page = clerk.get(f"/reviews/{review}/undo")
    assert (
        clerk.post(
            f"/reviews/{review}/undo",
            data=clerk.hidden(page, "/undo") | {"who": "none", "reason": "x"},
        ).status_code
        == 403
    )


def test_every_identification_is_explained_on_one_page_to_those_who_see_the_case(town, reader):
    event = post(
        town,
        "sure",
        {
            "name": county_service.name(2),
            "id_number": county_service.id_number(2),
            "phone": STRANGER["phone"],
        },
    )
    case = str(decided(town, event).case_id)
    department = reader("department")
    assert f"/reviews/case/{case}" in department.get(f"/cases/{case}").text
    page = department.get(f"/reviews/case/{case}")
    kept = decided(town, event).evidence["pairs"][0]["probability"]
    assert (
        "身份证号码相同" in text(page)
        and "电话不同" in text(page)
        and f"复算 {kept:.4f}" in text(page)
    )
    assert f"/reviews/{event}:0/undo" in page.text
    assert "/undo" not in reader("clerk").get(f"/reviews/case/{case}").text
    assert reader("neighbour").get(f"/reviews/case/{case}").status_code == 404


def test_a_department_undoes_over_http(town, url, review):
    answer = call(
        url, town, UNIT, "sender", "POST", f"/v1/reviews/{review}", json={"member": "m00003"}
    )
    assert answer.json()["decided"]
    body = {"undo": True, "reason": "另一人", "member": "m00004"}
    assert (
        call(url, town, UNIT, "sender", "POST", f"/v1/reviews/{review}", json=body).status_code
        == 403
    )
    undone = call(url, town, DEPARTMENT, "department", "POST", f"/v1/reviews/{review}", json=body)
    assert undone.status_code == 200 and undone.json()["decision"] == "match"
    assert state(town, review).member == "m00004"
