"""A department posts that an organisation is renamed, merged, moved, dissolved or founded: it
counts from its day, once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from typing import get_args

import httpx
import pytest

from schemas.departures import SOURCE_PREFIX
from schemas.envelope import Message
from schemas.said import OrganisationColumns, OrganisationKind, Unit
from schemas.topics import EVENT_POSTED
from services import app as composition
from services.app import HANDLERS, App, tree_loop
from services.cases.routing.repoint import reassign_after_reorganisation
from services.cases.views import queries
from services.kit.clock import ZONE
from services.registry.access import create_key
from services.registry.changes import Change, Tree, fold
from services.registry.directory import Directory
from services.registry.file_schemas import KINDS, ORGANISATION_KINDS, UNITS
from tests.stories.county_service import (
    BRANCH,
    CITY,
    COMMUNITY,
    COMMUNITY_BRANCH,
    COUNTY,
    NEIGHBOUR,
    ORIGIN_COUNTY,
    STREET,
    UNIT,
)

NEW_STREET = "330603010099"
FOUNDED = {
    "code": NEW_STREET,
    "name": "中共新设街道工作委员会",
    "kind": "basic_committee",
    "unit": "street",
    "parent": COUNTY,
    "area": "330603",
    "authority": True,
}


class Department:
    """An organisation that posts changes over HTTP and asks what became of them."""

    def __init__(self, town, url: str, code: str = COUNTY) -> None:
        self.town, self.source = town, SOURCE_PREFIX + code
        with town.app.worker.begin() as tx:
            key = create_key(tx, code, "sender", town.clock.now())
        self.url, self.headers = (
            url,
            {"Authorization": f"Bearer {key}", "Content-Type": "application/cloudevents+json"},
        )

    def say(
        self, ident: str, data: dict, kind: str = "guidui.organisation.changed.v1", minutes: int = 0
    ) -> dict:
        """Posts one event, lets everything happen, and returns how far it came."""
        event = {
            "specversion": "1.0",
            "type": kind,
            "source": self.source,
            "id": ident,
            "data": data,
            "time": (self.town.clock.now() + timedelta(minutes=minutes)).isoformat(),
        }
        answer = httpx.post(f"{self.url}/v1/events", json=event, headers=self.headers)
        assert answer.status_code == 202, answer.text
        live(self.town)
        return self.far(ident)

    def far(self, ident: str) -> dict:
        return httpx.get(f"{self.url}/v1/events/{ident}", headers=self.headers).json()


def live(town) -> None:
    town.settle()
    tree_loop(town.app)
    town.settle()


def register(app: App) -> Directory:
    with app.worker.connect() as tx:
        return Directory.of(tx)


def history(town, case: str) -> list[str]:
    with town.app.worker.begin() as tx:
        return [
            h["command"]
            for h in queries.views(tx, [case], town.clock.now(), town.app.rule_source)[0]["history"]
        ]


@pytest.fixture
def county(town, url):
    return Department(town, url)


def test_another_superior_is_followed_by_open_cases_once_in_every_process(
    county, town, database, gazetteer
):
    case = town.leaves(0, "record_arrival")
    other = App.at(database.app_url, b"another process", town.app.cache, town.clock)
    other._gazetteer = gazetteer
    assert register(other).get(COMMUNITY).parent == STREET
    county.say("found", {"founded": FOUNDED})
    answer = county.say(
        "move",
        {"organisation": COMMUNITY, "parent": NEW_STREET, "name": "中共新管墅社区总支部委员会"},
    )
    assert (answer["state"], answer["change"]["state"]) == ("closed", "done"), answer
    assert (
        county.say(
            "move",
            {"organisation": COMMUNITY, "parent": NEW_STREET, "name": "中共新管墅社区总支部委员会"},
        )
        == answer
    )
    with town.app.worker.begin() as tx:  # the message comes again, to another process
        event = tx.exec_driver_sql("SELECT id FROM posted_event WHERE ext_id = 'move'").scalar_one()
        message = Message(
            event, "departures", EVENT_POSTED, "k", town.clock.now(), {"event": str(event)}
        )
    with other.worker.begin() as tx:
        HANDLERS["matcher"](other).handler(tx, [message])
    live(town)
    assert history(town, case).count("tree_changed") == 1
    assert register(other).get(COMMUNITY).name == "中共新管墅社区总支部委员会"
    with town.app.worker.connect() as tx:
        row = tx.exec_driver_sql(
            "SELECT receiving_committee, destination_path FROM transfer_case"
        ).one()
        paths = (
            tx.exec_driver_sql("SELECT path FROM contact WHERE organisation = %s", (COMMUNITY,))
            .scalars()
            .all()
        )
    other.close()
    assert row.receiving_committee == NEW_STREET and NEW_STREET in row.destination_path
    assert all(NEW_STREET in path for path in paths) and paths
    town.give(NEW_STREET, case, "accept")


def test_a_day_to_come_is_waited_for_and_may_be_taken_back(county, town):
    waiting = county.say(
        "later", {"organisation": NEIGHBOUR, "name": "中共新名", "effective_on": "2026-12-01"}
    )
    assert waiting["state"] == "identified" and waiting["change"]["state"] == "waiting"
    assert (
        waiting["change"]["effective_on"] == "2026-12-01"
        and "新名" not in register(town.app).get(NEIGHBOUR).name
    )
    county.say("back", {"corrects": "later"}, "guidui.departure.withdrawn.v1")
    assert (
        county.far("later")["change"]["state"] == "withdrawn"
        and county.far("back")["state"] == "closed"
    )
    county.say(
        "first", {"organisation": NEIGHBOUR, "name": "中共错名", "effective_on": "2026-12-01"}
    )
    county.say(
        "second",
        {
            "organisation": NEIGHBOUR,
            "name": "中共对名",
            "effective_on": "2026-12-02",
            "corrects": "first",
        },
    )
    town.clock.advance_to(datetime(2026, 12, 1, 9, tzinfo=ZONE))
    live(town)
    assert register(town.app).get(NEIGHBOUR).name == "中共柯桥街道另一社区总支部委员会"
    town.clock.advance_to(datetime(2026, 12, 2, 0, 1, tzinfo=ZONE))
    live(town)
    assert register(town.app).get(NEIGHBOUR).name == "中共对名"
    assert [county.far(i)["change"]["state"] for i in ("later", "first", "second")] == [
        "withdrawn",
        "withdrawn",
        "done",
    ]
    late = county.say("too-late", {"corrects": "second"}, "guidui.departure.withdrawn.v1")
    assert late["state"] == "rejected" and "2026-12-02" in late["problem"]
    again = county.say(
        "also-late", {"organisation": NEIGHBOUR, "name": "中共再名", "corrects": "second"}
    )
    assert again["state"] == "rejected" and register(town.app).get(NEIGHBOUR).name == "中共对名"


def test_taken_back_before_it_came(county, town):
    county.say("back", {"corrects": "early"}, "guidui.departure.withdrawn.v1")
    assert (
        county.say("early", {"organisation": NEIGHBOUR, "name": "中共新名"})["change"]["state"]
        == "withdrawn"
    )
    assert "新名" not in register(town.app).get(NEIGHBOUR).name


@pytest.mark.parametrize(
    ("poster", "data", "why"),
    [
        (COUNTY, {"organisation": COMMUNITY, "parent": UNIT}, "不在报送单位"),
        (
            COUNTY,
            {"organisation": COMMUNITY, "effective_to": "2026-11-01", "successor": BRANCH},
            "不在报送单位",
        ),
        (COUNTY, {"founded": FOUNDED | {"code": COMMUNITY}}, "已有组织"),
        (COUNTY, {"organisation": COMMUNITY, "parent": COMMUNITY_BRANCH}, "成为一个圈"),
        (COUNTY, {"organisation": COMMUNITY, "parent": "330603019999"}, "不在组织库里"),
        (COUNTY, {"organisation": COMMUNITY, "successor": NEIGHBOUR}, "effective_to"),
        (
            COUNTY,
            {
                "organisation": COMMUNITY,
                "effective_from": "2026-11-02",
                "effective_to": "2026-11-01",
            },
            "早于",
        ),
    ],
)
def test_who_may_not_is_told_why_and_nothing_changes(town, url, poster, data, why):
    before = list(register(town.app))
    answer = Department(town, url, poster).say("no", data)
    assert answer["state"] == "rejected" and why in answer["problem"], answer
    assert list(register(town.app)) == before


@pytest.mark.parametrize(
    ("poster", "data", "why"),
    [
        (STREET, {"organisation": COMMUNITY, "name": "改名"}, "上级组织部门"),
        (COMMUNITY, {"organisation": COMMUNITY, "name": "改名"}, "只能更新地址"),
        (COUNTY, {"organisation": COUNTY, "name": "改名"}, "只能更新地址"),
        (ORIGIN_COUNTY, {"organisation": COMMUNITY, "name": "改名"}, "不在报送单位"),
        (COUNTY, {"founded": FOUNDED | {"parent": UNIT}}, "不在报送单位"),
    ],
)
def test_who_is_no_department_above_is_refused_at_the_door(town, url, poster, data, why):
    before = list(register(town.app))
    by = Department(town, url, poster)
    event = {
        "specversion": "1.0",
        "type": "guidui.organisation.changed.v1",
        "source": by.source,
        "id": "no",
        "data": data,
    }
    answer = httpx.post(f"{url}/v1/events", json=event, headers=by.headers)
    assert answer.status_code == 403 and why in answer.json()["detail"], answer.text
    assert list(register(town.app)) == before


def test_an_organisation_says_its_own_address_and_a_department_above_both_may_do_the_rest(
    town, url
):
    assert (
        Department(town, url, COMMUNITY).say(
            "own", {"organisation": COMMUNITY, "address": "新址1号"}
        )["state"]
        == "closed"
    )
    city = Department(town, url, CITY)
    assert (
        city.say("over", {"organisation": COMMUNITY, "parent": UNIT, "outside": True})["state"]
        == "closed"
    )
    one = register(town.app).get(COMMUNITY)
    assert (one.address, one.parent, one.outside) == ("新址1号", UNIT, True)


def test_what_was_said_earlier_does_not_undo_what_was_said_later(county, town):
    county.say("newer", {"organisation": NEIGHBOUR, "name": "中共后名"})
    older = county.say(
        "older", {"organisation": NEIGHBOUR, "name": "中共前名", "address": "旧址"}, minutes=-60
    )
    assert older["change"] | {"effective_on": ""} == {
        "state": "done",
        "organisation": NEIGHBOUR,
        "effective_on": "",
        "columns": ["address", "name"],
        "left_out": ["name"],
    }
    one = register(town.app).get(NEIGHBOUR)
    assert (one.name, one.address) == ("中共后名", "旧址")


def test_founded_and_filled_on_one_day_to_come(county, town):
    county.say(
        "under", {"organisation": COMMUNITY, "parent": STREET}, minutes=-1
    )  # says what is the case already
    county.say("found", {"founded": FOUNDED, "effective_on": "2026-12-01"})
    county.say(
        "fill", {"organisation": COMMUNITY, "parent": NEW_STREET, "effective_on": "2026-11-24"}
    )
    assert county.far("fill")["change"]["effective_on"] == "2026-12-01"
    county.say(
        "found-later", {"founded": FOUNDED, "effective_on": "2026-12-03", "corrects": "found"}
    )
    town.clock.advance_to(datetime(2026, 12, 1, 9, tzinfo=ZONE))
    live(town)
    assert county.far("fill")["change"] | {"columns": 0} == {
        "state": "waiting",
        "organisation": COMMUNITY,
        "effective_on": "2026-12-03",
        "columns": 0,
        "left_out": [],
    }
    town.clock.advance_to(datetime(2026, 12, 3, 9, tzinfo=ZONE))
    live(town)
    one = register(town.app).get(NEW_STREET)
    assert (
        register(town.app).get(COMMUNITY).parent == NEW_STREET
        and str(one.effective_from) == "2026-12-03"
    )


def test_who_is_on_the_way_to_a_merged_organisation_arrives_at_its_successor(county, town):
    case = town.leaves(0, "issue_letter")
    done = county.say(
        "merged", {"organisation": COMMUNITY, "effective_to": "2026-11-22", "successor": NEIGHBOUR}
    )
    assert done["state"] == "closed", done
    assert town.give(NEIGHBOUR, case, "record_arrival")["destination"]["organisation"] == NEIGHBOUR
    town.give(STREET, case, "accept")
    next_one = town.leaves(1)  # the old code goes on naming a place
    view = town.give(BRANCH, next_one, "confirm_destination", member_informed=True)
    assert view["destination"]["organisation"] == NEIGHBOUR
    assert history(town, case).count("tree_changed") == 1


def test_in_any_order_of_coming_the_same_organisation_comes_out():
    """Each change is carried out as it comes; what counts is when it was said."""
    before = Directory.build(
        [
            {"code": "1", "name": "部", "kind": "organisation_department", "unit": "county"},
            {"code": "2", "name": "甲", "kind": "branch", "unit": "school", "parent": "1"},
        ]
    )
    now = datetime(2026, 11, 23, 9, tzinfo=ZONE)
    said = [
        {"name": "乙"},
        {"name": "丙", "address": "东"},
        {"address": "西"},
        {"effective_to": "2026-12-01"},
    ]
    changes = [
        Change(str(n), "1", "2", False, columns, now + timedelta(hours=n), f"s\n{n}", now.date())
        for n, columns in enumerate(said)
    ]
    ends = set()
    for order in permutations(changes):
        tree, stamps = Tree(before), {}
        for change in order:
            stamps = fold([change], tree, stamps, now).stamps
        ends.add(tree.get("2"))
    assert [(one.name, one.address) for one in ends] == [("丙", "西")]


def test_a_process_that_dies_before_the_cases_have_followed_goes_on(county, town, monkeypatch):
    case = town.leaves(0, "record_arrival")
    county.say("found", {"founded": FOUNDED})
    died = iter([True])

    def dies(*given):
        if next(died, False):
            raise KeyboardInterrupt
        return reassign_after_reorganisation(*given)

    monkeypatch.setattr(composition, "reassign_after_reorganisation", dies)
    with pytest.raises(KeyboardInterrupt):
        county.say("move", {"organisation": COMMUNITY, "parent": NEW_STREET})
    assert register(town.app).get(COMMUNITY).parent == NEW_STREET and "tree_changed" not in history(
        town, case
    )
    live(town)
    assert history(town, case).count("tree_changed") == 1
    with town.app.worker.connect() as tx:
        past = tx.exec_driver_sql(
            "SELECT before, after FROM organisation_past WHERE field = 'parent' AND code = %s",
            (COMMUNITY,),
        ).all()
    assert past == [(STREET, NEW_STREET)]


def test_what_may_be_posted_is_what_may_be_loaded():
    columns = KINDS["organisations"].columns
    assert {*OrganisationColumns.model_fields, "code"} == columns.keys()
    assert (
        set(get_args(Unit)) == UNITS.keys()
        and set(get_args(OrganisationKind)) == ORGANISATION_KINDS.keys()
    )
