"""The desk of failed messages: its reasons are read, its decisions take effect."""

from __future__ import annotations

import pytest

from services.kit.bus import dead_letters
from services.kit.bus.consumer import is_stopped
from services.kit.db.engine import rows
from services.kit.errors import Poison, Text
from services.portal.accounts import create_account
from tests.portal.town import PASSWORD, text
from tests.stories import county_service

REASON = ("第一次没有办成。", "It failed at first.")


@pytest.fixture
def failed(town):
    """A departure that the matcher could not handle; returns its event."""

    def fails(tx, messages):
        raise Poison(Text(*REASON))

    real = town.tailers.tailers[0].consumer
    subscription, failing = (
        real.subscription,
        type(real.subscription)("matcher", ("departures",), fails),
    )
    real.subscription = failing
    event = {
        **county_service.event(0, "left-0"),
        "type": "guidui.departure.effective.v1",
        "data": {
            "person": {"name": county_service.name(0), "id_number": county_service.id_number(0)},
            "category": "layoff",
            "circumstances": {"labour_relation": "ended", "handover": "dispersed"},
            "to": {"organisation": county_service.COMMUNITY},
        },
    }
    town.post(event)
    real.subscription = subscription
    return event


def cases(town) -> int:
    with town.app.worker.connect() as tx:
        return tx.exec_driver_sql("SELECT count(*) FROM transfer_case").scalar_one()


@pytest.mark.parametrize(
    ("decision", "opened", "said"), [("retry", 1, "已重新办理"), ("skip", 0, "已放弃这一条")]
)
def test_a_failed_message_is_tried_again_or_given_up(town, reader, failed, decision, opened, said):
    admin = reader("admin")
    page = admin.get("/desk")
    assert REASON[0] in text(page) and county_service.name(0) not in page.text and cases(town) == 0
    [letter] = _open(town)
    page = admin.post(f"/desk/{letter}/{decision}", data=admin.hidden(page, f"/{decision}"))
    assert said in text(page) and "没有异常消息" in text(page)
    assert (cases(town), _open(town)) == (opened, [])


def test_a_consumer_that_stopped_is_named_and_goes_on_when_told(town, reader):
    with town.app.worker.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO consumer_state (consumer, stopped_at, stopped_zh, stopped_en)"
            " VALUES ('matcher', %s, 'a', 'b')",
            (town.clock.now(),),
        )
    operator = reader()
    with town.app.worker.begin() as tx:
        create_account(tx, None, "operator", "运维", town.clock.now(), PASSWORD)
    operator.sign_in("", "运维", PASSWORD)
    page = operator.get("/desk")
    assert "matcher 已停下" in text(page)
    admin = reader("admin")
    assert "matcher 已停下" not in text(admin.get("/desk"))
    token = admin.hidden(admin.get("/departures/new"), "/departures")
    assert admin.post("/desk/consumers/matcher/resume", data=token).status_code == 403
    page = operator.post("/desk/consumers/matcher/resume", data=operator.hidden(page, "/resume"))
    assert "几秒内恢复" in text(page) and "matcher 已停下" not in text(page)
    assert not is_stopped(town.app.worker, "matcher")
    clerk = reader("clerk")
    token = clerk.hidden(clerk.get("/departures/new"), "/departures")
    assert clerk.post("/desk/consumers/matcher/resume", data=token).status_code == 403


def test_the_department_is_told_what_became_of_todays_postings(town, reader, failed):
    town.leaves(1)
    town.post(
        {
            **county_service.event(0, "stranger"),
            "type": "guidui.departure.effective.v1",
            "data": {
                "person": {"name": "无此人", "id_number": county_service.id_number(40)},
                "category": "layoff",
            },
        }
    )
    told = text(reader("department").get("/department"))
    assert "今天收到 3 人：已识别 1，不是党员 1，待核对 0，未办成 1，在途 0" in told
    assert "今天收到 0 人" in text(reader("other_department").get("/department"))


def test_who_opens_a_case_has_seen_its_notice(town, reader):
    case = town.leaves(0, "record_arrival")
    assert _seen(town, case, county_service.STREET) == {None}
    reader("secretary").get(f"/cases/{case}")
    assert _seen(town, case, county_service.STREET) == {None}
    reader("street").get(f"/cases/{case}")
    first = _seen(town, case, county_service.STREET)
    assert first == {town.clock.now()}


def _open(town) -> list[int]:
    with town.app.worker.connect() as tx:
        return [row["id"] for row in dead_letters.listed(tx)]


def _seen(town, case: str, organisation: str) -> set:
    with town.app.worker.connect() as tx:
        return {
            row["seen_at"]
            for row in rows(
                tx,
                "SELECT seen_at FROM notice WHERE case_id = CAST(:case AS uuid) AND recipient = "
                ":organisation",
                {"case": case, "organisation": organisation},
            )
        }
