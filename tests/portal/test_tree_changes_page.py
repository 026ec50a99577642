"""A department posts changes of organisations on a page, sees what became of them, and takes one
back that waits.
"""

from __future__ import annotations

from datetime import datetime

import pytest

from services.app import tree_loop
from services.kit.clock import ZONE
from services.portal.pages import tree_changes
from services.registry.directory import Directory
from services.registry.file_schemas import ORGANISATION_KINDS, UNITS
from services.registry.organisation_history import COLUMNS
from tests.portal.town import text
from tests.stories.county_service import BRANCH, COMMUNITY, COUNTY, NEIGHBOUR, STREET, UNIT

PAGE = "/department/organisations"


def live(town) -> None:
    town.settle()
    tree_loop(town.app)
    town.settle()


def register(town) -> Directory:
    with town.app.worker.connect() as tx:
        return Directory.of(tx)


@pytest.fixture
def post(reader):
    """Fills in the form of the county's department and presses the button."""
    one = reader("other_department")

    def sent(what: str, **fields: str):
        page = one.get(f"{PAGE}?what={what if what in tree_changes.WHAT else 'end'}")
        return one.post(PAGE, data=one.hidden(page, PAGE) | {"what": what} | fields)

    sent.reader = one
    return sent


def test_merged_on_its_day_and_the_transfer_follows(town, post, reader):
    case = town.leaves(0, "issue_letter")
    answer = text(
        post("merge", organisation=COMMUNITY, effective_to="2026-11-25", successor=NEIGHBOUR)
    )
    assert "已报送，到生效日自动办理" in answer
    live(town)
    assert "等生效日" in text(post.reader.get(PAGE)) and "11月26日 生效" in text(
        post.reader.get(PAGE)
    )
    town.clock.advance_to(datetime(2026, 11, 26, 8, tzinfo=ZONE))
    live(town)
    page = text(reader("other_department").get(PAGE))
    assert "已生效" in page and "撤回" not in page.split("报送过的变更")[1]
    assert town.give(NEIGHBOUR, case, "record_arrival")["destination"]["organisation"] == NEIGHBOUR


def test_founded_put_under_it_renamed_and_addressed_at_once(town, post):
    new = "330603010099"
    post(
        "found",
        code=new,
        name="中共新设街道工作委员会",
        kind="basic_committee",
        unit="street",
        parent=COUNTY,
        authority="yes",
    )
    live(town)
    post("move", organisation=COMMUNITY, parent=new)
    post("rename", organisation=NEIGHBOUR, name="中共改名后社区总支部委员会")
    post("address", organisation=NEIGHBOUR, address="新址1号")
    live(town)
    after = register(town)
    assert after.get(new).authority and after.get(COMMUNITY).parent == new
    assert (after.get(NEIGHBOUR).name, after.get(NEIGHBOUR).address) == (
        "中共改名后社区总支部委员会",
        "新址1号",
    )


def test_taken_back_while_it_waits(town, post):
    post("end", organisation=NEIGHBOUR, effective_to="2026-12-31")
    live(town)
    page = post.reader.get(PAGE)
    assert "已撤回" in text(
        post.reader.post(f"{PAGE}/withdraw", data=post.reader.hidden(page, f"{PAGE}/withdraw"))
    )
    live(town)
    assert "已撤回" in text(post.reader.get(PAGE))
    assert (
        post.reader.post(
            f"{PAGE}/withdraw", data=post.reader.hidden(page, f"{PAGE}/withdraw")
        ).status_code
        == 409
    )
    town.clock.advance_to(datetime(2027, 1, 2, 8, tzinfo=ZONE))
    live(town)
    assert register(town).get(NEIGHBOUR).effective_to is None


@pytest.mark.parametrize(
    ("what", "fields", "why"),
    [
        ("rename", {"organisation": UNIT, "name": "改名"}, "不在报送单位"),
        ("rename", {"organisation": "", "name": "改名"}, "请查找并选定要变更的组织"),
        ("rename", {"organisation": COMMUNITY, "name": " "}, "填完整"),
        ("move", {"organisation": STREET, "parent": COMMUNITY}, "成为一个圈"),
        (
            "merge",
            {"organisation": COMMUNITY, "effective_to": "2026-11-25", "successor": BRANCH},
            "不在报送单位",
        ),
        ("end", {"organisation": COMMUNITY, "effective_to": "下周"}, "填完整"),
        (
            "found",
            {"code": COMMUNITY, "name": "甲", "kind": "branch", "unit": "street", "parent": STREET},
            "已有组织",
        ),
        (
            "found",
            {"code": "12", "name": "甲", "kind": "branch", "unit": "street", "parent": STREET},
            "12 位数字",
        ),
        ("seize", {"organisation": COMMUNITY}, "填完整"),
    ],
)
def test_what_cannot_be_is_said_on_the_page_and_nothing_is_posted(town, post, what, fields, why):
    answer = post(what, **fields)
    assert answer.status_code == 422 and why in text(answer), text(answer)[:600]
    assert "还没有报送过变更" in text(post.reader.get(PAGE))


def test_an_organisation_is_looked_for_without_scripts_and_what_was_typed_stays(post):
    page = post("rename", find="organisation", organisation_text="另一社区", name="中共新名").text
    assert f'value="{NEIGHBOUR}"' in page and 'value="中共新名"' in page


def test_departments_alone(reader):
    for who in ("secretary", "street", "clerk"):
        assert reader(who).get(PAGE).status_code == 403
    english = text(reader("department", "en").get(f"{PAGE}?what=merge"))
    assert "Post a change of an organisation" in english and "Successor" in english


def test_the_page_knows_every_column_kind_and_unit():
    assert tree_changes.KINDS == ORGANISATION_KINDS and tree_changes.UNITS == UNITS
    assert {*tree_changes.COLUMNS} == {*COLUMNS, "code"}
