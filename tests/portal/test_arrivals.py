"""Somebody stands at the counter of a community: one form, whoever it is."""

from __future__ import annotations

from tests.portal.town import text
from tests.stories import county_service
from tests.stories.county_service import BRANCH, NEIGHBOUR


def report(one, **fields: str):
    page = one.get("/arrivals/new")
    return one.post("/arrivals", data=one.hidden(page, "/arrivals") | fields)


def test_a_member_whose_letter_is_for_another_place_is_told_to_the_origin(town, reader):
    case = town.leaves(0, "issue_letter")
    assert "已收到" in text(
        report(
            reader("neighbour"), name=county_service.name(0), id_number=county_service.id_number(0)
        )
    )
    town.settle()
    with town.app.worker.connect() as tx:
        told = (
            tx.exec_driver_sql(
                "SELECT act FROM task WHERE kind = 'seen_elsewhere' AND closed_at IS NULL"
            )
            .scalars()
            .all()
        )
        reports = tx.exec_driver_sql(
            "SELECT reports FROM transfer_case WHERE id = %s::uuid", (case,)
        ).scalar_one()
    assert told == ["reroute"] and reports[0]["organisation"] == NEIGHBOUR


def test_a_member_of_whom_nobody_has_said_anything_opens_a_transfer_at_the_origin(town, reader):
    page = report(
        reader("secretary"),
        name=county_service.name(1),
        id_number=county_service.id_number(1),
        since="2026-09-01",
    )
    town.settle()
    page = reader("secretary").get(page.url.path)
    case = page.text.partition('href="/cases/')[2][:36]
    with town.app.worker.connect() as tx:
        row = tx.exec_driver_sql(
            "SELECT member, origin, inflow FROM transfer_case WHERE id = %s::uuid", (case,)
        ).one()
    assert tuple(row) == ("m00001", BRANCH, False)


def test_a_stranger_from_outside_stays_with_the_community_which_asks(town, reader):
    secretary = reader("secretary")
    page = report(
        secretary,
        name="顾远来",
        birth_date="1990-05-06",
        from_name="外省某厂党委",
        permit_no="浙0007",
    )
    town.settle()
    case = secretary.get(page.url.path).text.partition('href="/cases/')[2][:36]
    card = text(secretary.get(f"/cases/{case}"))
    assert "顾远来" in card and "询问" in card.split("经过")[0]
    assert (
        secretary.act(case, "ask", organisation=BRANCH, text="是否贵支部党员？").status_code == 200
    )
    assert "是否贵支部党员？" in text(reader("origin").get(f"/cases/{case}")).split("经过")[0]


def test_a_mistake_is_told_at_its_field_and_nothing_typed_is_lost(town, reader):
    answer = report(
        reader("secretary"), name="王小明", id_number="330602196303111030", phone="13900000000"
    )
    assert (
        answer.status_code == 422
        and 'value="13900000000"' in answer.text
        and "校验" in text(answer)
    )
    found = report(reader("secretary"), name="王小明", find="from", from_text="示例纺织")
    assert found.status_code == 200 and 'name="from" value="' in found.text
    assert "/arrivals/new" in reader("secretary").get("/cases").text
    assert "A member reports here" in text(reader("secretary", "en").get("/arrivals/new"))
