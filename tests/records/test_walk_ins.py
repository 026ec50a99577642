"""A walk-in whom no register knew becomes the case of a member once one is found, by the register
or by a later event.
"""

from __future__ import annotations

from typing import Any

from services.app import walk_ins_loop
from services.intake.app import Intake
from services.registry.load import load_rows
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY, UNIT

NUMBER = county_service.id_number(700)


def post(town, by: str, kind: str, ident: str, **data: Any) -> None:
    event = {
        **county_service.event(0, ident),
        "source": f"urn:guidui:organisation:{by}",
        "type": f"guidui.{kind}.v1",
        "data": data,
    }
    intake = Intake(town.app.web, town.clock, town.app.secret)
    assert intake.post(town.caller(by, "sender"), [event]) == ["accepted"]
    town.settle()


def cases(town) -> list[tuple]:
    with town.app.worker.connect() as tx:
        return [
            tuple(row)
            for row in tx.exec_driver_sql(
                "SELECT member, state, inflow, origin, poster FROM transfer_case ORDER BY state"
            ).all()
        ]


def walks_in(town) -> None:
    post(
        town,
        COMMUNITY,
        "host.report",
        "walk-in",
        person={"name": "欧阳来客", "id_number": NUMBER},
        **{"from": {"name": "某地某厂支部"}},
    )
    assert cases(town) == [(None, "announced", True, None, COMMUNITY)]


def enters_the_register(town, member: str = "m90001", **more: str) -> None:
    loaded = load_rows(
        town.app.worker,
        "members",
        [
            {
                "member": member,
                "name": "欧阳来客",
                "status": "full",
                "standing": "normal",
                "organisation": BRANCH,
                **more,
            }
        ],
        town.clock,
    )
    assert loaded.bad == 0


def test_the_register_learns_of_the_member_later(town):
    walks_in(town)
    assert walk_ins_loop(town.app) == 0
    enters_the_register(town, id_number=NUMBER)
    assert walk_ins_loop(town.app) == 1
    town.settle()
    ((member, state, inflow, origin, poster),) = cases(town)
    assert (member, inflow, origin, poster) == ("m90001", False, BRANCH, COMMUNITY) and state in (
        "announced",
        "triaged",
    )
    with town.app.worker.connect() as tx:
        said = tx.exec_driver_sql("SELECT decision, member FROM identification").one()
        history = tx.exec_driver_sql("SELECT command FROM case_event ORDER BY seq").scalars().all()
        waits = tx.exec_driver_sql("SELECT wait_organisation, wait_act FROM transfer_case").one()
    assert tuple(said) == ("match", "m90001") and history[:2] == ["open", "identify"]
    assert tuple(waits) == (BRANCH, "triage")
    assert walk_ins_loop(town.app) == 0


def test_a_unit_names_the_member_with_what_the_walk_in_said(town):
    walks_in(town)
    enters_the_register(town)  # the register has no number of this member
    assert walk_ins_loop(town.app) == 0
    post(
        town,
        UNIT,
        "departure.effective",
        "gone",
        category="layoff",
        person={"member": "m90001", "name": "欧阳来客", "id_number": NUMBER},
        to={"organisation": COMMUNITY},
        circumstances={"labour_relation": "ended", "handover": "dispersed"},
    )
    assert [(m, s) for m, s, *_ in cases(town)] == [(None, "merged"), ("m90001", "triaged")]
    with town.app.worker.connect() as tx:
        reports = tx.exec_driver_sql(
            "SELECT reports FROM transfer_case WHERE state = 'triaged'"
        ).scalar_one()
        merged = tx.exec_driver_sql(
            "SELECT merged_into FROM transfer_case WHERE state = 'merged'"
        ).scalar_one()
        survivor = tx.exec_driver_sql(
            "SELECT id FROM transfer_case WHERE state = 'triaged'"
        ).scalar_one()
        decided = tx.exec_driver_sql("SELECT DISTINCT case_id FROM identification").scalars().all()
    assert (
        [one["organisation"] for one in reports] == [COMMUNITY]
        and merged == survivor
        and decided == [survivor]
    )


def test_a_namesake_is_not_the_walk_in(town):
    walks_in(town)
    enters_the_register(town, id_number=county_service.id_number(701))
    post(
        town,
        UNIT,
        "departure.effective",
        "gone",
        category="layoff",
        person={"member": "m90001"},
        to={"organisation": COMMUNITY},
    )
    assert walk_ins_loop(town.app) == 0
    assert [(m, s) for m, s, *_ in cases(town) if m is None] == [(None, "announced")]


def test_a_walk_in_already_on_the_way_keeps_its_state_and_gains_its_member(town):
    walks_in(town)
    with town.app.worker.connect() as tx:
        case = str(tx.exec_driver_sql("SELECT id FROM transfer_case").scalar_one())
    town.give(
        COMMUNITY,
        case,
        "triage",
        category="relocation",
        circumstances={"unit_has_organisation": False},
    )
    state = town.state(case)
    enters_the_register(town, id_number=NUMBER)
    assert walk_ins_loop(town.app) == 1
    ((member, now, inflow, origin, _),) = cases(town)
    assert (member, now, inflow, origin) == ("m90001", state, False, BRANCH)
