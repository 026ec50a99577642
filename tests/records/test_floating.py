"""Floating members: the host's record reaches the origin and its clocks; three near each other are
proposed as a branch.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from services.records import floating
from services.records.floating import proposals
from tests.cases.cast import DIRECTORY
from tests.cases.cast import HOST as CHAMBER
from tests.portal.town import text
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY


def floats(town, number: int, **to: str) -> str:
    case = town.leaves(number, to=to, category="migrant_work", circumstances={"place_fixed": False})
    town.give(
        BRANCH,
        case,
        "register_floating",
        permit_no=f"浙{number:04}",
        host=COMMUNITY,
        host_contact="书记",
    )
    return case


def test_the_host_notes_and_the_origin_reads_and_the_clocks_start_anew(town, reader):
    case = floats(town, 1)
    town.clock.advance_to(town.clock.now() + timedelta(days=93))
    town.settle()
    with town.app.worker.connect() as tx:
        due = (
            "SELECT count(*) FROM task WHERE case_id = %s::uuid AND kind = 'contact' AND "
            "closed_at IS NULL"
        )
        assert tx.exec_driver_sql(due, (case,)).scalar_one() == 1
    host = reader("secretary")
    page = host.get(f"/floating/{case}")
    answer = host.post(
        f"/floating/{case}",
        data=host.hidden(page, case)
        | {
            "kind": "life",
            "on": town.clock.now().date().isoformat(),
            "words": "参加社区支部主题党日",
        },
    )
    assert "已登记" in text(answer) and "参加社区支部主题党日" in text(answer)
    town.settle()
    with town.app.worker.connect() as tx:
        assert tx.exec_driver_sql(due, (case,)).scalar_one() == 0, (
            "life at the host counts as contact"
        )
        assert (
            tx.exec_driver_sql(
                "SELECT last_life_on FROM member WHERE member = 'm00001'"
            ).scalar_one()
            == town.clock.now().date()
        )
    origin = reader("origin")
    assert "参加社区支部主题党日" in text(
        origin.get(f"/floating/{case}")
    ) and "登记什么" not in text(origin.get(f"/floating/{case}"))
    refused = origin.post(
        f"/floating/{case}",
        data=origin.hidden(origin.get("/password"), "/password")
        | {"kind": "service", "on": "2026-11-23"},
    )
    assert refused.status_code == 403
    assert reader("neighbour").get(f"/floating/{case}").status_code == 404


@pytest.mark.parametrize(
    "filled",
    [
        {"kind": "life", "on": "2999-01-01"},
        {"kind": "gossip", "on": "2026-11-20"},
        {"kind": "life", "on": "yesterday"},
    ],
)
def test_what_cannot_be_noted_is_said(filled, town, reader):
    case = floats(town, 1)
    host = reader("secretary")
    answer = host.post(
        f"/floating/{case}", data=host.hidden(host.get(f"/floating/{case}"), case) | filled
    )
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    with town.app.worker.connect() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM host_record").scalar_one() == 0


def test_three_full_members_at_one_host_are_proposed_and_the_decision_is_kept(town, reader):
    floats(town, 1)
    floats(town, 2)
    county = reader("other_department")
    assert "没有待决定的建议" in text(county.get("/floating"))
    floats(town, 3)
    page = county.get("/floating")
    assert "3 名正式党员" in text(page) and "同一流入地党组织" in text(page)
    form = county.hidden(page, "/floating/proposals")
    assert (
        county.post(
            "/floating/proposals", data=form | {"decision": "approve", "reason": " "}
        ).status_code
        == 422
    )
    done = county.post(
        "/floating/proposals", data=form | {"decision": "decline", "reason": "年内返乡"}
    )
    assert (
        "已记下决定" in text(done) and "没有待决定的建议" in text(done) and "年内返乡" in text(done)
    )
    assert (
        county.post(
            "/floating/proposals", data=form | {"decision": "approve", "reason": "再想想"}
        ).status_code
        == 409
    )
    floats(town, 4)
    assert "4 名正式党员" in text(county.get("/floating")), "a group that has grown comes back"
    assert reader("secretary").post("/floating/proposals", data=form).status_code == 403
    with town.app.worker.connect() as tx:
        assert tx.exec_driver_sql(
            "SELECT decision, members, decided_by FROM branch_proposal"
        ).all() == [("decline", 3, "邻区干部")]


def test_groups_are_by_host_place_and_employer_and_the_same_members_count_once():
    def line(number: int, host=None, area=None, employer=None):
        return {"id": str(number), "host": host, "area": area, "employer": employer}

    today = date(2026, 3, 20)
    same = [line(n, CHAMBER, None, "顺风 快递") for n in range(3)]
    assert [(p.kind, p.members) for p in proposals(same, DIRECTORY, today)] == [("host", 3)]
    near = [line(n, None, "330603001008") for n in range(2)] + [
        line(3, None, "330603001999"),
        line(4, None, "330602001001"),
    ]
    assert [(p.kind, p.key, p.members) for p in proposals(near, DIRECTORY, today)] == [
        ("place", "330603001", 3)
    ]
    assert (
        proposals(same[:2], DIRECTORY, today)
        == []
        == proposals([line(n, "没有代码") for n in range(9)], DIRECTORY, today)
    )
    assert floating.BRANCH_MEMBERS_MIN == 3 and county_service.COUNTY
