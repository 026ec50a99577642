"""Members to contact or talk to: the branch notes what came of it on a page, and the clocks start
anew.
"""

from __future__ import annotations

from datetime import timedelta

from services.registry.load import load_rows
from tests.portal.town import text
from tests.stories import county_service
from tests.stories.county_service import BRANCH


def lapsed(town) -> None:
    """Member 9 was last seen four months ago."""
    load_rows(
        town.app.worker,
        "members",
        [
            {
                "member": "m00009",
                "name": county_service.name(9),
                "id_number": county_service.id_number(9),
                "status": "full",
                "standing": "normal",
                "organisation": BRANCH,
                "last_life_on": (town.clock.now().date() - timedelta(days=125)).isoformat(),
            }
        ],
        town.clock,
    )
    with town.app.worker.begin() as tx:
        tx.exec_driver_sql('SELECT member_signs(\'[{"member": "m00009"}]\'::json)')
    town.settle()


def note(one, **fields: str):
    page = one.get("/upkeep")
    return one.post("/upkeep", data=one.hidden(page, "/upkeep") | fields)


def test_organisational_life_noted_on_the_page_ends_the_reminder(town, reader):
    lapsed(town)
    branch = reader("origin")
    assert "要联系或谈话的党员 1 名" in text(branch.get("/upkeep")) and county_service.name(
        9
    ) in text(branch.get("/upkeep"))
    assert "已记下" in text(note(branch, outcome="life", on="2026-11-22"))
    town.settle()
    assert "现在没有要联系或谈话的党员" in text(branch.get("/upkeep"))
    with town.app.worker.connect() as tx:
        assert (
            tx.exec_driver_sql(
                "SELECT last_life_on::text FROM member WHERE member = 'm00009'"
            ).scalar_one()
            == "2026-11-22"
        )


def test_a_stay_is_contacted_at_its_interval_and_a_failed_call_does_not_count(town, reader):
    case = town.leaves(3, to={}, category="study_abroad")
    town.give(
        county_service.UNIT,
        case,
        "approve_stay",
        reason="公派留学",
        review_on="2028-11-23",
        contact_interval=2,
    )
    town.clock.advance_to(town.clock.now() + timedelta(days=62))
    town.settle()
    branch = reader("origin")
    card = text(branch.get(f"/cases/{case}"))
    assert "公派留学 · 2028年11月23日 复查 · 每 2 个月联系一次" in card
    assert county_service.name(3) in text(branch.get("/upkeep"))
    today = town.clock.now().date().isoformat()
    note(branch, outcome="not_reached", on=today)
    town.settle()
    assert county_service.name(3) in text(branch.get("/upkeep"))
    note(branch, outcome="phone", on=today)
    town.settle()
    assert county_service.name(3) not in text(branch.get("/upkeep"))


def test_only_the_own_members_and_only_days_that_were(town, reader):
    lapsed(town)
    branch = reader("origin")
    assert note(branch, outcome="life", on="2027-01-01").status_code == 422
    assert note(branch, outcome="", on="2026-11-22").status_code == 422
    assert note(branch, member="nobody", outcome="life", on="2026-11-22").status_code == 404
    form = branch.hidden(branch.get("/upkeep"), "/upkeep")
    street = reader("street")
    token = street.hidden(street.get("/rolls"), "/rolls")["token"]
    assert (
        street.post(
            "/upkeep", data=form | {"token": token, "outcome": "life", "on": "2026-11-22"}
        ).status_code
        == 404
    )


def test_what_was_noted_of_a_member_is_shown_and_taken_back_by_who_noted_it(town, reader):
    lapsed(town)
    branch, unit, department = reader("origin"), reader("clerk"), reader("department")
    note(branch, outcome="not_reached", on="2026-11-20")
    town.clock.advance_to(town.clock.now() + timedelta(minutes=1))
    assert "已记下" in text(note(branch, outcome="life", on="2026-11-22", back="member"))
    town.settle()
    page = text(branch.get("/upkeep/m00009"))
    assert (
        "上次组织生活 11月22日" in page
        and "没有联系上" in page
        and "名册载明：上次组织生活 7月21日" in page
    )
    assert (
        page.index("组织生活 11月22日") < page.index("联系 11月20日")
        and page.count("登记有误，撤回") == 2
    )
    assert "登记有误" not in text(unit.get("/upkeep/m00009")) and "认错了人" in text(
        department.get("/upkeep/m00009")
    )
    form = {
        k: v
        for k, v in branch.hidden(branch.get("/upkeep/m00009"), "/upkeep/m00009/withdraw").items()
    }
    theirs = unit.hidden(unit.get("/upkeep/m00009"), "/upkeep")["token"]
    assert unit.post("/upkeep/m00009/withdraw", data=form | {"token": theirs}).status_code == 403
    assert "已撤回" in text(branch.post("/upkeep/m00009/withdraw", data=form))
    town.settle()
    page = text(branch.get("/upkeep/m00009"))
    assert "上次组织生活 7月21日" in page and page.count("登记有误，撤回") == 1
    assert "要联系或谈话的党员 1 名" in text(branch.get("/upkeep"))
    assert reader("street").get("/upkeep/m00009").status_code == 404


def test_the_record_is_a_link_on_the_card_of_who_looks_after_the_member_and_nobody_else(
    town, reader
):
    case = town.leaves(3, "issue_letter")
    assert "/upkeep/m00003" in reader("origin").get(f"/cases/{case}").text
    assert "/upkeep/m00003" not in reader("street").get(f"/cases/{case}").text
    assert "Organisational life, dues and contacts" in text(
        reader("origin", "en").get("/upkeep/m00003")
    )
