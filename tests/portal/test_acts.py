"""What people do on the pages: the whole way of a case by forms, and what a form does with
mistakes.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

import httpx
import pytest

from services.cases.model import states
from services.cases.views import queries
from services.kit.clock import ZONE
from services.portal.pages import fields
from services.registry.load import load_rows
from tests.portal.town import text
from tests.stories import county_service
from tests.stories.county_service import COMMUNITY, COMMUNITY_BRANCH, NEIGHBOUR, STREET


def test_a_member_goes_the_whole_way_by_forms_alone(town, reader):
    clerk, origin, street, secretary = (
        reader(who) for who in ("clerk", "origin", "street", "secretary")
    )
    page = clerk.get("/departures/new")
    answer = clerk.post(
        "/departures",
        data=clerk.hidden(page, "/departures")
        | {
            "name": county_service.name(3),
            "id_number": county_service.id_number(3),
            "category": "layoff",
            "effective_on": "2026-11-20",
            "organisation": COMMUNITY,
            "circumstances.labour_relation": "ended",
            "circumstances.handover": "dispersed",
        },
    )
    assert "已收到" in text(answer)
    town.settle()
    page = clerk.get(answer.url.path)
    assert "已定出去向" in text(page)
    case = page.text.partition('href="/cases/')[2][:36]
    steps = (
        (origin, "confirm_destination", {"member_informed": "true"}),
        (origin, "submit", {"dues_paid_to": "2026-11"}),
        (clerk, "issue_letter", {"channel": "both"}),
        (clerk, "hand_over", {}),
        (secretary, "record_arrival", {}),
        (street, "accept", {}),
        (secretary, "place", {"branch": COMMUNITY_BRANCH}),
        (street, "send_receipt", {"handler": "街道书记", "phone": "0575-8000000"}),
        (clerk, "record_receipt", {}),
    )
    for person, command, filled in steps:
        answer = person.act(case, command, **filled)
        assert answer.status_code == 200 and f"已办理：{states.COMMANDS[command][0]}" in text(
            answer
        ), command
        town.settle()
    assert town.state(case) == "moved" and "已归队 1" in secretary.get("/cases").text


def test_pressing_twice_does_nothing_twice(town, reader):
    case = town.leaves(0, "record_arrival")
    street = reader("street")
    form = street.hidden(street.get(f"/cases/{case}"), "/accept")
    assert street.post(f"/cases/{case}/accept", data=form).url.query == b"done=accept"
    again = street.post(f"/cases/{case}/accept", data=form)
    assert again.status_code == 409 and "已变为「已接收」" in text(again)


def test_reporting_twice_with_one_form_is_one_posting(town, reader):
    clerk = reader("clerk")
    filled = clerk.hidden(clerk.get("/departures/new"), "/departures") | {
        "name": county_service.name(4),
        "category": "layoff",
        "effective_on": "2026-11-20",
    }
    assert clerk.post("/departures", data=filled).url == clerk.post("/departures", data=filled).url
    with town.app.worker.connect() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM posted_event").scalar_one() == 1


def test_what_was_typed_stays_where_something_is_wrong(town, reader):
    clerk = reader("clerk")
    page = clerk.post(
        "/departures",
        data=clerk.hidden(clerk.get("/departures/new"), "/departures")
        | {
            "name": "欧阳示例",
            "id_number": "330602195001010018",
            "category": "layoff",
            "effective_on": "2026-11-20",
            "address": "某路<8>号",
            "circumstances.handover": "dispersed",
        },
    )
    assert page.status_code == 422 and 'role="alert"' in page.text
    assert 'value="欧阳示例"' in page.text and "某路&lt;8&gt;号" in page.text
    assert '<option value="dispersed" selected>' in page.text


@pytest.mark.parametrize(
    ("filled", "lacks"),
    [
        ({"reason": "wrong_organisation"}, "proposed"),
        ({"reason": "not_living_here"}, "evidence"),
        ({"reason": ""}, "reason"),
        ({"reason": "other", "other_reason": " "}, "reason"),
    ],
)
def test_a_refusal_wants_its_reason_and_what_the_reason_wants(town, reader, filled, lacks):
    case = town.leaves(0, "record_arrival")
    page = reader("secretary").act(case, "refuse", **filled)
    assert page.status_code == 422 and lacks in text(page) and town.state(case) == "arrived"


def test_a_refusal_names_where_the_member_belongs_found_by_name_without_scripts(town, reader):
    case = town.leaves(0, "record_arrival")
    secretary = reader("secretary")
    page = secretary.act(
        case, "refuse", reason="wrong_organisation", proposed_text="另一社区", find="proposed"
    )
    assert "另一社区总支部" in text(page) and f'value="{NEIGHBOUR}" checked' in page.text
    assert (
        '<option value="wrong_organisation" selected>' in page.text
        and town.state(case) == "arrived"
    )
    done = secretary.act(case, "refuse", reason="wrong_organisation", proposed=NEIGHBOUR)
    assert "已办理" in text(done) and town.state(case) == "returned"
    assert "对方已退回，请改投" in text(reader("clerk").get(f"/cases/{case}"))


def test_all_that_is_missing_is_told_at_once(town, reader):
    case = town.leaves(0, "record_arrival")
    reader("secretary").act(case, "return_for_cure", defects="缺党员档案\n\n党费证明未盖章\n")
    with town.app.worker.connect() as tx:
        detail = tx.exec_driver_sql(
            "SELECT detail FROM case_event WHERE command = 'return_for_cure'"
        ).scalar_one()
    assert (
        detail == {"defects": ["缺党员档案", "党费证明未盖章"]} and town.state(case) == "returned"
    )


def test_every_command_has_a_form_that_asks_for_its_fields():
    assert set(fields.FIELDS) == set(states.COMMANDS)


def test_the_numbers_of_the_department_are_those_of_the_audit_and_of_their_lists(town, reader):
    for number, upto in enumerate(("submit", "issue_letter", "record_arrival", "accept", None)):
        town.leaves(number, upto)
    town.clock.advance_to(town.clock.now() + timedelta(days=100))
    town.settle()
    department = reader("department")
    page = department.get("/department")
    with town.app.worker.connect() as tx:
        audit = queries.audit(tx, town.clock.now(), county_service.ORIGIN_COUNTY)
    links = re.findall(
        r'<a\s+href="(/department/list\?[^"]+)"[^>]*>\s*(?:<b>)?(\d+)(?:</b>|</a>)', page.text
    )
    assert len(links) > 15
    for link, number in links:
        rows = department.get(link.replace("&amp;", "&"))
        assert len(re.findall(r"<tr>\s*<td>", rows.text)) == int(number), link
    shown = dict(links)
    assert int(shown["/department/list?only=pocket"]) == audit["pocket"] == 1
    assert int(shown["/department/list?only=at_risk"]) == audit["at_risk"]
    assert {
        days: int(shown[f"/department/list?only=expiring{days}"]) for days in audit["expiring"]
    } == audit["expiring"]
    for key, counted in (("state", "by_state"), ("task", "overdue_by_task")):
        assert {
            link.rpartition("=")[2]: int(n) for link, n in links if f"?{key}=" in link
        } == audit[counted]


def test_letters_are_foretold_to_expire_until_their_last_day(town, reader):
    case = town.leaves(0, "issue_letter")
    with town.app.worker.connect() as tx:
        last = tx.exec_driver_sql(
            "SELECT letter_expires_on FROM transfer_case WHERE id = %s::uuid", (case,)
        ).scalar_one()
    seen = {}
    for before in (30, 15, 14, 8, 7, 0):
        town.clock.advance_to(datetime.combine(last - timedelta(days=before), time(12), ZONE))
        page = reader("department").get("/department").text
        seen[before] = [
            re.search(rf'only=expiring{days}">(\d)</a>', page).group(1) for days in (7, 14, 30)
        ]
    assert seen == {
        30: ["0", "0", "1"],
        15: ["0", "0", "1"],
        14: ["0", "1", "1"],
        8: ["0", "1", "1"],
        7: ["1", "1", "1"],
        0: ["1", "1", "1"],
    }


def test_the_list_says_in_one_sentence_what_is_due(town, reader):
    secretary = reader("secretary")
    assert "现在没有要办的事" in text(secretary.get("/cases"))
    town.leaves(0, "record_arrival")
    page = secretary.get("/cases")
    assert (
        "有 1 件待办，都没有逾期" in text(page)
        and "还有 5 个工作日" in text(page)
        and "决定是否接收" in text(page)
    )
    town.clock.advance_to(town.clock.now() + timedelta(days=10))
    late = reader("secretary").get("/cases")
    assert "逾期 1 件，请先办" in text(late) and "逾期 3 天" in text(late)


def test_what_was_written_with_a_step_is_read_by_those_with_a_part(town, reader, url):
    case = town.leaves(3, "record_arrival")
    clerk, street, secretary = reader("clerk"), reader("street"), reader("secretary")
    clerk.act(case, "ask", organisation=STREET, text="王同志到了没有？", due_on="2026-11-27")
    panel = text(street.get(f"/cases/{case}"))
    assert "王同志到了没有？" in panel.split("经过")[0]
    street.act(case, "answer", text="昨天到的，住8号楼。")
    secretary.act(case, "return_for_cure", defects="缺党费证明\n缺档案转递单")
    for who in ("clerk", "street", "department"):
        card = text(reader(who).get(f"/cases/{case}"))
        for words in (
            "要问的事： 王同志到了没有？",
            "请于何日前答复： 11月27日",
            "答复： 昨天到的，住8号楼。",
            "缺项： 缺党费证明；缺档案转递单",
        ):
            assert words in card, (who, words, card)
    assert "缺党费证明；缺档案转递单" in text(clerk.get(f"/cases/{case}")).split("经过")[0], (
        "beside the form to be filled in"
    )
    assert "缺党费证明" in text(clerk.get(f"/cases/{case}?print=1"))
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {town.key(STREET, 'receiver')}"}
    ) as http:
        told = {
            line["command"]: line["detail"]
            for line in http.get(f"/v1/cases/{case}").json()["history"]
        }
    assert told["ask"]["text"] == "王同志到了没有？" and told["return_for_cure"]["defects"] == [
        "缺党费证明",
        "缺档案转递单",
    ]
    assert told["submit"] is None


def test_how_a_member_was_looked_for_is_the_origin_s_to_read(town, reader, url):
    case = town.leaves(4)
    reader("origin").act(
        case,
        "mark_unreachable",
        attempts="11月1日 电话 空号\n11月5日 上门 无人\n11月9日 问邻居 不知",
    )
    assert "11月5日 上门 无人" in text(reader("origin").get(f"/cases/{case}"))
    assert "11月5日 上门 无人" in text(reader("department").get(f"/cases/{case}"))
    assert "上门 无人" not in text(reader("secretary").get(f"/cases/{case}"))
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {town.key(COMMUNITY, 'receiver')}"}
    ) as http:
        assert "上门 无人" not in http.get(f"/v1/cases/{case}").text


def test_whoever_asked_an_organisation_outside_records_its_answer(town, reader):
    load_rows(
        town.app.worker,
        "organisations",
        [
            {
                "code": "110105010001",
                "name": "中共八里庄街道工作委员会",
                "kind": "basic_committee",
                "unit": "street",
                "area": "110105009",
                "serves_area": "yes",
                "authority": "yes",
                "outside": "yes",
            }
        ],
        town.clock,
    )
    case, clerk = town.leaves(5), reader("clerk")
    clerk.act(case, "ask", organisation="110105010001", text="是否在贵处？")
    assert "答复" not in [
        a for a in text(reader("secretary").get(f"/cases/{case}")).split("经过")[0].split()
    ]
    assert clerk.act(case, "answer", text="来函：不在。").status_code == 200
    assert "答复： 来函：不在。" in text(clerk.get(f"/cases/{case}"))
    assert clerk.get(f"/cases/{case}/answer").status_code != 200, "answered once"
