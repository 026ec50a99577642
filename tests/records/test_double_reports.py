"""双报到: a member of a unit registers where they live, claims a post, serves, and each quarter the
card goes to the unit.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from services.app import records_loop
from services.kit.clock import ZONE
from services.records import double_reports
from tests.portal.town import text
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY


def send(one, action: str, **fields: str):
    page = one.get("/double-reports")
    return one.post(action, data=one.hidden(page, action) | fields)


def chosen(one, name: str) -> str:
    page = one.get("/double-reports").text
    return (
        page.partition(f'<select id="{name}"')[2].partition('<option value="')[2].partition('"')[0]
    )


def test_registers_claims_serves_and_the_card_reaches_the_unit(town, reader, lives_here):
    community = reader("secretary")
    assert "应来报到 1 人" in text(community.get("/double-reports"))
    assert "应来报到 0 人" in text(send(community, "/double-reports"))
    send(community, "/double-reports/posts", title="楼道长", places="1")
    send(
        community,
        "/double-reports/claims",
        report=chosen(community, "report"),
        post=chosen(community, "post"),
    )
    done = send(
        community,
        "/double-reports/hours",
        claim=chosen(community, "claim"),
        on="2026-11-23",
        hours="2.5",
        words="打扫楼道",
    )
    assert "已记下" in text(done) and "2.5" in text(done)
    unit = reader("origin")
    assert county_service.name(6) in text(unit.get("/double-reports")) and "季度服务卡" not in text(
        unit.get("/double-reports")
    )
    town.clock.advance_to(datetime(2027, 1, 4, 9, 0, tzinfo=ZONE))
    records_loop(town.app)
    records_loop(town.app)
    unit = reader("origin")
    page = text(unit.get("/double-reports"))
    assert "2026Q4" in page and "楼道长 2.5" in page
    with town.app.worker.connect() as tx:
        assert tx.exec_driver_sql("SELECT quarter, minutes FROM service_card").all() == [
            ("2026Q4", 150)
        ]
        assert (
            tx.exec_driver_sql(
                "SELECT organisation FROM member WHERE member = 'm00006'"
            ).scalar_one()
            == BRANCH
        )
    assert "原支部书记" in text(send_seen(unit))
    assert "原支部书记" in text(reader("secretary").get("/double-reports"))
    assert county_service.name(6) not in text(reader("neighbour").get("/double-reports"))


def send_seen(unit):
    page = unit.get("/double-reports")
    action = next(
        part.partition('"')[0]
        for part in page.text.split('action="')
        if part.partition('"')[0].endswith("/seen")
    )
    return unit.post(action, data=unit.hidden(page, "/seen"))


def test_what_cannot_be_is_said_and_nothing_is_noted(town, reader, lives_here):
    community = reader("secretary")
    send(community, "/double-reports")
    assert send(community, "/double-reports/posts", title="", places="1").status_code == 422
    send(community, "/double-reports/posts", title="楼道长", places="1")
    post = chosen(community, "post")
    report = chosen(community, "report")
    send(community, "/double-reports/claims", report=report, post=post)
    claim = chosen(community, "claim")
    for on, hours in (
        ("2026-11-01", "2"),
        ("2027-01-01", "2"),
        ("2026-11-23", "25"),
        ("2026-11-23", "x"),
        ("", "2"),
    ):
        assert (
            send(community, "/double-reports/hours", claim=claim, on=on, hours=hours).status_code
            == 422
        ), (on, hours)
    neighbour = reader("neighbour")
    form = neighbour.hidden(neighbour.get("/double-reports"), "/posts")
    assert (
        neighbour.post(
            "/double-reports/hours", data=form | {"claim": claim, "on": "2026-11-23", "hours": "1"}
        ).status_code
        == 404
    )
    assert (
        neighbour.post(
            "/double-reports/claims", data=form | {"report": report, "post": post}
        ).status_code
        == 404
    )
    assert neighbour.post("/double-reports", data=form | {"case": lives_here}).status_code == 409
    with town.app.worker.connect() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM community_service").scalar_one() == 0


def one_post_for_two(town, reader, lives_here):
    """Two members are registered, and a post has one place; returns the community's browser."""
    second = town.leaves(
        7,
        to={"address": county_service.ADDRESS},
        category="relocation",
        circumstances={"unit_has_organisation": True},
    )
    community = reader("secretary")
    for case in (lives_here, second):
        send(community, "/double-reports", case=case)
    send(community, "/double-reports/posts", title="楼道长", places="1")
    return community


def test_a_registration_ends_and_a_full_post_takes_nobody_more(town, reader, lives_here):
    community = one_post_for_two(town, reader, lives_here)
    with town.app.worker.connect() as tx:
        first, other = (
            str(i)
            for i in tx.exec_driver_sql("SELECT id FROM double_report ORDER BY name").scalars()
        )
    post = chosen(community, "post")
    send(community, "/double-reports/claims", report=first, post=post)
    assert send(community, "/double-reports/claims", report=other, post=post).status_code == 409
    send(community, f"/double-reports/{first}/end")
    assert send(community, "/double-reports/claims", report=other, post=post).status_code == 200
    assert "已结束" in text(community.get("/double-reports"))


def test_the_last_place_of_a_post_is_given_once(town, reader, lives_here):
    """Two claim it at the same moment: the second waits until the first has committed, and sees
    that none is left.
    """
    one_post_for_two(town, reader, lives_here)
    worker, now = town.app.worker, town.clock.now()
    with worker.connect() as tx:
        first, other = tx.exec_driver_sql("SELECT id FROM double_report ORDER BY name").scalars()
        post = tx.exec_driver_sql("SELECT id FROM community_post").scalar_one()

    def claims(report):
        with worker.begin() as tx:
            double_reports.claim(tx, COMMUNITY, report, post, now)

    with ThreadPoolExecutor(1) as beside, worker.begin() as tx:
        double_reports.claim(tx, COMMUNITY, first, post, now)
        late = beside.submit(claims, other)
        with pytest.raises(TimeoutError):
            late.result(0.3)
        tx.commit()
        assert late.exception(10).code == "post-full"
    with worker.connect() as tx:
        assert (
            tx.exec_driver_sql(
                "SELECT count(*) FROM post_claim WHERE ended_at IS NULL"
            ).scalar_one()
            == 1
        )
