"""A department decides otherwise for new moves; what it would have done is seen before it
counts.
"""

from __future__ import annotations

import json
from datetime import timedelta
from importlib.resources import files

import httpx
import pytest

from services.cases.routing import overrides
from services.cases.routing.rule_trial import changed_rules, what_if
from services.cases.views.queries import view_within
from services.intake.app import Intake
from services.kit.errors import Refused
from services.registry.directory import Directory
from tests.portal.town import text
from tests.stories import county_service
from tests.stories.county_service import (
    BRANCH,
    CITY,
    COMMUNITY,
    COUNTY,
    NEIGHBOUR,
    ORIGIN_COUNTY,
    SCHOOL,
    STREET,
    UNIT,
)

ADDRESS = "浙江省绍兴市柯桥区柯桥街道管墅社区18号"
STREETS = {
    "area": "330603001",
    "destination": STREET,
    "from": "2026-11-01",
    "source": "柯组发〔2026〕8号",
}


def view(town, case: str) -> dict:
    with town.app.worker.begin() as tx:
        return view_within(tx, case, town.clock.now())


def put(town, department: str = COUNTY, **given) -> overrides.Override:
    with town.app.worker.begin() as tx:
        directory = Directory.of(tx)
        one = overrides.read({**STREETS, **given}, department, directory, town.clock.now())
        overrides.keep(tx, [one], directory)
    return one


def leaves(town, number: int, **more) -> dict:
    return view(town, town.leaves(number, to={"address": ADDRESS}, **more))


def test_a_new_move_follows_the_rule_and_the_card_quotes_it(town, reader):
    before = leaves(town, 0)
    assert (before["destination"]["organisation"], before["destination"]["source"]) == (
        COMMUNITY,
        "address",
    )
    put(town)
    after = leaves(town, 1)
    assert (after["destination"]["organisation"], after["destination"]["source"]) == (
        STREET,
        "rule",
    )
    assert after["destination"]["area"] == "330603001008" and after["rule"] == "B15"
    assert "按 柯组发〔2026〕8号 另定" in text(reader("origin").get(f"/cases/{after['id']}"))
    assert view(town, before["id"])["destination"] == before["destination"]


def test_an_open_case_keeps_its_rule_when_more_is_told_of_it(town):
    case = leaves(town, 0)
    town.clock.advance_to(town.clock.now() + timedelta(hours=1))
    put(town)
    told = {
        **county_service.event(0, "told-again"),
        "type": "guidui.departure.effective.v1",
        "data": {"person": {"member": "m00000"}, "effective_on": "2026-12-01"},
    }
    assert Intake(town.app.web, town.clock, town.app.secret).post(
        town.caller(UNIT, "sender"), [told]
    ) == ["accepted"]
    town.settle()
    assert view(town, case["id"])["destination"]["organisation"] == COMMUNITY


def test_a_case_keeps_the_rule_it_began_under_after_its_end(town):
    one = put(town)
    case = leaves(town, 0)
    town.clock.advance_to(town.clock.now() + timedelta(minutes=1))
    with town.app.worker.begin() as tx:
        assert overrides.end(tx, one.id, town.clock.now()) and not overrides.end(
            tx, one.id, town.clock.now()
        )
        assert not overrides.end(tx, "nonsense", town.clock.now())
    assert leaves(town, 1)["destination"]["organisation"] == COMMUNITY
    assert view(town, case["id"])["destination"]["organisation"] == STREET


def test_what_is_stated_goes_first_and_dates_row_and_origin_bind(town):
    put(town, row="B15", under=UNIT, **{"from": "2026-12-01"})
    assert leaves(town, 0)["destination"]["organisation"] == COMMUNITY  # not yet
    put(town, row="B18")
    assert leaves(town, 1)["destination"]["organisation"] == COMMUNITY  # another row
    put(town, ORIGIN_COUNTY, area="", under=SCHOOL, destination=NEIGHBOUR)
    assert leaves(town, 2)["destination"]["organisation"] == COMMUNITY  # other leavers
    put(town)
    assert view(town, town.leaves(3, to={"organisation": NEIGHBOUR, "address": ADDRESS}))[
        "destination"
    ] | {} == {
        "organisation": NEIGHBOUR,
        "header": STREET,
        "area": "330603001008",
        "source": "stated",
    }
    put(town, area="330603001008", destination=NEIGHBOUR)
    assert leaves(town, 5)["destination"]["organisation"] == NEIGHBOUR  # the smaller area


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"area": ""}, 422),
        ({"destination": "1"}, 422),
        ({"from": "soon"}, 422),
        ({"until": "2020-01-01"}, 422),
        ({"row": "B99"}, 422),
        ({"row": "B4"}, 422),
        ({"row": "B34"}, 422),
        ({"source": " "}, 422),
        ({"area": "33060x"}, 422),
        ({"area": "330602"}, 403),
        ({"destination": BRANCH}, 403),
    ],
)
def test_a_department_decides_within_its_reach(town, given, status):
    with pytest.raises(Refused) as refused:
        put(town, **given)
    assert refused.value.status == status
    name = refused.value.extra.get("field")
    assert (
        status == 403 or f"”（{name}）" in refused.value.words.zh and name in refused.value.words.en
    )


def test_what_if_counts_and_changes_nothing(town):
    cases = [leaves(town, n) for n in range(3)]
    town.leaves(5)
    with town.app.worker.begin() as tx:
        directory = Directory.of(tx)
        draft = overrides.read(
            STREETS | {"from": "2027-01-01"}, COUNTY, directory, town.clock.now()
        )
        told = what_if(tx, town.clock.now() - timedelta(days=365), drafts=[draft])
    assert (told["cases"], told["changed"]) == (4, 3)
    assert told["destinations"] == [
        {
            "before": COMMUNITY,
            "before_name": "中共柯桥街道管墅社区总支部委员会",
            "after": STREET,
            "after_name": "中共柯桥街道工作委员会",
            "cases": 3,
        }
    ]
    assert {e["case"] for e in told["examples"]} == {c["id"] for c in cases}
    assert [view(town, c["id"]) for c in cases] == cases
    with town.app.worker.begin() as tx:
        assert overrides.stored(tx) == ()


def test_a_changed_table_is_tried_too(town, tmp_path):
    table = json.loads(
        files("services.cases").joinpath("policy/decision_table.json").read_text("utf-8")
    )
    table["rows"]["B15"]["street"] = True
    changed = tmp_path / "table.json"
    changed.write_text(json.dumps(table), "utf-8")
    leaves(town, 0)
    with town.app.worker.begin() as tx:
        rules, drafts = changed_rules(changed, None, None, Directory.of(tx), town.clock.now())
        told = what_if(tx, town.clock.now() - timedelta(days=1), rules=rules, drafts=drafts)
    assert (told["changed"], told["examples"][0]["after"]["organisation"]) == (1, STREET)
    changed.write_text("[1]", "utf-8")
    with town.app.worker.begin() as tx, pytest.raises(Refused):
        changed_rules(changed, None, None, Directory.of(tx), town.clock.now())


def test_the_page_tries_sets_and_ends(town, reader):
    case = leaves(town, 0)
    officer = reader("other_department")
    page = officer.get("/department/rules")
    assert page.status_code == 200
    filled = officer.hidden(page, "/department/rules") | STREETS
    tried = officer.post("/department/rules", data=filled | {"act": "try"})
    assert "1 件中，有 1 件的去向会不同" in text(tried) and case["id"] in tried.text
    wrong = officer.post("/department/rules", data=filled | {"act": "set", "area": "110105"})
    assert wrong.status_code == 403 and "只能为" in text(wrong)
    assert leaves(town, 1)["destination"]["organisation"] == COMMUNITY
    done = officer.post("/department/rules", data=filled | {"act": "set"})
    assert "已启用" in text(done) and "柯组发〔2026〕8号" in text(done)
    assert leaves(town, 2)["destination"]["organisation"] == STREET
    ended = officer.post(officer_end(done), data=officer.hidden(done, "/end"))
    assert "已停用" in text(ended)
    town.clock.advance_to(town.clock.now() + timedelta(minutes=1))
    assert leaves(town, 5)["destination"]["organisation"] == COMMUNITY
    assert reader("secretary").get("/department/rules").status_code == 403


def officer_end(page: httpx.Response) -> str:
    return (
        page.text.partition('action="/department/rules/')[2]
        .partition('"')[0]
        .join(("/department/rules/", ""))
    )


def test_the_calls_keep_to_departments(town, url):
    def call(code: str, role: str, method: str, path: str, **more) -> httpx.Response:
        return httpx.request(
            method, url + path, headers={"Authorization": f"Bearer {town.key(code, role)}"}, **more
        )

    assert call(COMMUNITY, "receiver", "GET", "/v1/rules").status_code == 403
    made = call(COUNTY, "department", "POST", "/v1/rules", json=STREETS)
    assert made.status_code == 201
    assert (
        call(COUNTY, "department", "POST", "/v1/rules/what-if", json=STREETS).json()["cases"] == 0
    )
    assert [r["source"] for r in call(CITY, "admin", "GET", "/v1/rules").json()["items"]] == [
        STREETS["source"]
    ]
    assert call(ORIGIN_COUNTY, "department", "GET", "/v1/rules").json()["items"] == []
    path = f"/v1/rules/{made.json()['id']}/end"
    assert call(ORIGIN_COUNTY, "department", "POST", path).status_code == 404
    assert call(COUNTY, "department", "POST", path).status_code == 200
