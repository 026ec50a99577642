"""One case over three channels: a stalled channel is told where people decide, any receipt closes, custody shows at both ends."""
from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from services.kit.errors import Refused
from tests.portal.town import text
from tests.stories.world import BRANCH, COMMUNITY, COMMUNITY_BRANCH, STREET, UNIT


def letter(town, channel: str) -> str:
    case = town.leaves(0, "submit")
    town.give(UNIT, case, "issue_letter", channel=channel)
    return case


def alerts(town, url, code: str) -> list[tuple[str, str]]:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {town.key(code, 'receiver')}"}) as api:
        return [(one["kind"], one["act"]) for one in api.get("/v1/alerts").json()["items"]]


@pytest.mark.parametrize("channel", ["system", "paper"])
def test_a_letter_that_stalls_on_its_one_channel_is_proposed_for_the_other(channel, town, url, reader):
    case = letter(town, channel)
    town.clock.advance_to(town.clock.now().replace(hour=0, minute=1) + timedelta(days=15))
    town.settle()
    assert ("other_channel", "add_channel") in alerts(town, url, UNIT)
    page = reader("clerk").act(case, "add_channel", reason="系统内无人办理")
    assert page.status_code == 200 and "已办理：加开另一渠道" in text(page)
    town.settle()
    assert ("other_channel", "add_channel") not in alerts(town, url, UNIT)
    with town.house.worker.connect() as tx:
        row = tx.exec_driver_sql("SELECT letter_channel, letter_number, letters, state FROM transfer_case").one()
    assert (row.letter_channel, row.letters, row.state) == ("both", 1, "letter_issued")
    with pytest.raises(Refused) as again:
        town.give(UNIT, case, "add_channel")
    assert again.value.status == 409


def test_nothing_is_proposed_before_its_day_nor_for_a_letter_on_both(town, url):
    letter(town, "both")
    town.clock.advance_to(town.clock.now() + timedelta(days=20))
    town.settle()
    assert ("other_channel", "add_channel") not in alerts(town, url, UNIT)


def test_nobody_but_the_origin_adds_a_channel(town):
    case = letter(town, "system")
    with pytest.raises(Refused) as refused:
        town.give(STREET, case, "add_channel")
    assert refused.value.status == 403


@pytest.mark.parametrize("channel", ["system", "paper", "both"])
def test_a_receipt_closes_the_case_whatever_the_channel_and_custody_is_double_until_then(channel, town, reader):
    case = letter(town, channel)
    town.give(COMMUNITY, case, "record_arrival")
    town.give(STREET, case, "accept")
    for who in ("origin", "secretary"):
        page = text(reader(who).get(f"/cases/{case}"))
        assert "双重管理期" in page and "回执登记以前" in page and "仍负管理责任" in page, who
    town.give(COMMUNITY, case, "place", branch=COMMUNITY_BRANCH)
    town.give(STREET, case, "send_receipt", handler="经办人", phone="0575-1")
    assert town.give(UNIT, case, "record_receipt")["state"] == "moved"
    assert "双重管理期" not in text(reader("origin").get(f"/cases/{case}"))


def test_the_host_is_asked_to_acknowledge_the_permit_and_does_so_once(town, url, reader):
    case = town.leaves(1, to={}, category="migrant_work", circumstances={"place_fixed": False})
    town.give(BRANCH, case, "register_floating", permit_no="浙0001", host=COMMUNITY, host_contact="书记")
    assert ("permit", "acknowledge") in alerts(town, url, COMMUNITY)
    secretary = reader("secretary")
    assert "请确认流动党员活动证" in text(secretary.get(f"/cases/{case}"))
    assert "已办理：确认活动证" in text(secretary.act(case, "acknowledge", contact="社区书记 0575-1"))
    town.settle()
    assert alerts(town, url, COMMUNITY) == []
    assert "浙0001" in text(reader("origin").get(f"/cases/{case}")) and "11月23日 确认" in text(reader("origin").get(f"/cases/{case}"))
    with pytest.raises(Refused):
        town.give(COMMUNITY, case, "acknowledge", contact="再来一次")
