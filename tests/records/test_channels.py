"""One case over three channels: a stalled channel is told where people decide, any receipt closes,
custody shows at both ends.
"""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest

from services.cases.views.pages import unaffiliated_count
from services.cli.policies import load_policy
from services.kit.errors import Refused
from services.records.snapshots import rebuilt
from tests.portal.town import DEPARTMENT, text
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY, COMMUNITY_BRANCH, STREET, UNIT


def letter(town, channel: str) -> str:
    case = town.leaves(0, "submit")
    town.give(UNIT, case, "issue_letter", channel=channel)
    return case


def alerts(town, url, code: str) -> list[tuple[str, str]]:
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {town.key(code, 'receiver')}"}
    ) as api:
        return [(one["kind"], one["act"]) for one in api.get("/v1/alerts").json()["items"]]


@pytest.mark.parametrize("channel", ["system", "paper"])
def test_a_letter_that_stalls_on_its_one_channel_is_proposed_for_the_other(
    channel, town, url, reader
):
    case = letter(town, channel)
    town.clock.advance_to(town.clock.now().replace(hour=0, minute=1) + timedelta(days=15))
    town.settle()
    assert ("other_channel", "add_channel") in alerts(town, url, UNIT)
    page = reader("clerk").act(case, "add_channel", reason="系统内无人办理")
    assert page.status_code == 200 and "已办理：加开另一渠道" in text(page)
    town.settle()
    assert ("other_channel", "add_channel") not in alerts(town, url, UNIT)
    with town.app.worker.connect() as tx:
        row = tx.exec_driver_sql(
            "SELECT letter_channel, letter_number, letters, state FROM transfer_case"
        ).one()
    assert (row.letter_channel, row.letters, row.state) == ("both", 1, "letter_issued")
    with pytest.raises(Refused) as again:
        town.give(UNIT, case, "add_channel")
    assert again.value.status == 409


def rule(town, folder, values, **scope) -> None:
    row = {
        "version": "SX-1",
        "effective_from": town.clock.now().date().isoformat(),
        "document": "绍组〔2026〕9号",
        "source": "第二条",
        "scope": scope,
        "values": values,
    }
    (file := folder / "policy.json").write_text(json.dumps(row), "utf-8")
    load_policy(town.app, file)


@pytest.mark.parametrize("channel", ["system", "paper"])
def test_where_a_city_says_so_it_falls_back_by_itself_and_the_paper_is_asked_for(
    channel, town, url, reader, tmp_path
):
    rule(town, tmp_path, {"channel_fall_back": "automatic", "channel_stall_days": 6}, city="3306")
    case = letter(town, channel)
    began = town.clock.now().replace(hour=0, minute=1)
    town.clock.advance_to(began + timedelta(days=5))
    town.settle()
    assert ("other_channel", "hand_over") not in alerts(town, url, UNIT)
    for day in (6, 7):  # once, also where the clock looks again
        town.clock.advance_to(began + timedelta(days=day))
        town.settle()
        assert {one for one in alerts(town, url, UNIT) if one[0] == "other_channel"} == {
            ("other_channel", "hand_over")
        }
    with town.app.worker.connect() as tx:
        row = tx.exec_driver_sql("SELECT letter_channel, letters, state FROM transfer_case").one()
        steps = (
            tx.exec_driver_sql("SELECT by_organisation FROM case_event WHERE command = 'fall_back'")
            .scalars()
            .all()
        )
    assert (row.letter_channel, row.letters, row.state) == (
        "both",
        1,
        "letter_issued",
    ) and steps == [None]
    assert "自动加走另一渠道" in text(reader("clerk").get(f"/cases/{case}"))
    town.give(UNIT, case, "hand_over", handed_to="member")
    assert "other_channel" not in dict(alerts(town, url, UNIT))


def test_another_city_s_rule_changes_nothing_here(town, url, tmp_path):
    rule(town, tmp_path, {"channel_fall_back": "automatic", "channel_stall_days": 6}, city="3301")
    letter(town, "system")
    town.clock.advance_to(town.clock.now() + timedelta(days=14))
    town.settle()
    assert "other_channel" not in dict(alerts(town, url, UNIT))


def test_the_day_from_which_a_letter_counts_as_silent_is_policy_in_every_figure(
    town, url, reader, tmp_path
):
    rule(town, tmp_path, {"pocket_early_days": 12, "silent_days": 12})
    case = letter(town, "both")
    town.clock.advance_to(town.clock.now() + timedelta(days=13))
    town.settle()
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {town.key(DEPARTMENT, 'department')}"}
    ) as api:
        assert api.get("/v1/audit", params={"organisation": DEPARTMENT}).json()["pocket_early"] == 1
        assert {"pocket_early", "silent"} <= set(api.get(f"/v1/cases/{case}").json()["flags"])
    assert county_service.name(0) in text(
        reader("department").get("/department/list?only=pocket_early")
    )
    with town.app.worker.begin() as tx:
        as_of = town.clock.now()
        assert rebuilt(tx, as_of.date(), town.app.rule_source)[DEPARTMENT]["pocket_early"] == 1
        assert (
            unaffiliated_count(
                tx, as_of, DEPARTMENT, only="pocket_early", rule_source=town.app.rule_source
            )
            == 1
        )


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
def test_a_receipt_closes_the_case_whatever_the_channel_and_custody_is_double_until_then(
    channel, town, reader
):
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
    town.give(
        BRANCH, case, "register_floating", permit_no="浙0001", host=COMMUNITY, host_contact="书记"
    )
    assert ("permit", "acknowledge") in alerts(town, url, COMMUNITY)
    secretary = reader("secretary")
    assert "请确认流动党员活动证" in text(secretary.get(f"/cases/{case}"))
    assert "已办理：确认活动证" in text(
        secretary.act(case, "acknowledge", contact="社区书记 0575-1")
    )
    town.settle()
    assert alerts(town, url, COMMUNITY) == []
    assert "浙0001" in text(reader("origin").get(f"/cases/{case}")) and "11月23日 确认" in text(
        reader("origin").get(f"/cases/{case}")
    )
    with pytest.raises(Refused):
        town.give(COMMUNITY, case, "acknowledge", contact="再来一次")
