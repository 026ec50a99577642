"""Making two cases one: only by who answers for the member in both, and only where it is sure
that it is one member.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.intake.app import Intake
from tests.portal.town import Town
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY, NEIGHBOUR, STREET, UNIT


def walk_in(town: Town, organisation: str) -> str:
    """The case of an invented person whom ``organisation`` reports as being here."""
    intake = Intake(town.app.web, town.clock, town.app.secret)
    event = {
        "specversion": "1.0",
        "type": "guidui.host.report.v1",
        "source": f"urn:guidui:organisation:{organisation}",
        "id": "walk-in",
        "time": town.clock.now().isoformat(),
        "data": {
            "person": {"name": "欧阳无名", "birth_date": "1961-01-01"},
            "from": {"name": "某厂党委"},
            "to": {"address": "别处"},
        },
    }
    assert intake.post(town.caller(organisation, "sender"), [event]) == ["accepted"]
    town.settle()
    with town.app.worker.connect() as tx:
        return str(
            tx.exec_driver_sql("SELECT id FROM transfer_case WHERE member IS NULL").scalar_one()
        )


def merge(town: Town, url: str, organisation: str, case: str, into: str) -> httpx.Response:
    """The command, by a receiver's key."""
    return httpx.post(
        f"{url}/v1/cases/{case}/commands",
        headers={"Authorization": f"Bearer {town.key(organisation, 'receiver')}"},
        json={"command": "merge", "seen_state": town.state(case), "into": into},
    )


def told(response: httpx.Response) -> tuple[int, dict[str, Any]]:
    """Status and body, but for what names this one request."""
    return response.status_code, {
        name: value for name, value in response.json().items() if name != "trace_id"
    }


def everything(town: Town, case: str) -> list[Any]:
    """All that is kept of a case."""
    with town.app.worker.connect() as tx:
        return [
            tx.exec_driver_sql(
                f"SELECT coalesce(json_agg(t ORDER BY t::text)::text, '') FROM {table} t "
                f"WHERE {column} = %s::uuid",
                (case,),
            ).scalar_one()
            for table, column in (
                ("transfer_case", "id"),
                ("statement", "case_id"),
                ("case_person", "case_id"),
                ("case_event", "case_id"),
                ("task", "case_id"),
                ("case_party", "case_id"),
            )
        ]


def test_nobody_takes_a_case_over_by_merging_into_it(town, url):
    strangers, own = town.leaves(0), walk_in(town, NEIGHBOUR)
    before = everything(town, strangers)
    foreign = told(merge(town, url, NEIGHBOUR, own, strangers))
    unknown = told(merge(town, url, NEIGHBOUR, own, str(uuid4())))
    assert foreign == unknown and foreign[0] == 422 and foreign[1]["field"] == "into"
    assert everything(town, strangers) == before and town.state(own) == "announced"


def test_a_part_in_a_case_is_not_enough_to_merge_into_it(town, url):
    going_there, own = town.leaves(0), walk_in(town, COMMUNITY)
    before = everything(town, going_there)
    answer = merge(town, url, COMMUNITY, own, going_there)
    assert (
        answer.status_code == 422
        and answer.json()["field"] == "into"
        and "转出" in answer.json()["detail"]
    )
    assert everything(town, going_there) == before


@pytest.mark.parametrize("one_way", [True, False])
def test_a_person_not_identified_joins_a_member_by_an_identity_decision_only(town, url, one_way):
    members, own = town.leaves(0), walk_in(town, UNIT)
    case, into = (own, members) if one_way else (members, own)
    before = everything(town, members), everything(town, own)
    answer = merge(town, url, UNIT, case, into)
    assert answer.status_code == 409 and "核定" in answer.json()["detail"]
    assert (everything(town, members), everything(town, own)) == before


def test_the_history_of_the_surviving_case_says_what_the_merged_one_changed(town, url):
    first = town.leaves(0, "accept")
    intake = Intake(town.app.web, town.clock, town.app.secret)
    again = {
        **county_service.event(0, "again"),
        "source": f"urn:guidui:organisation:{COMMUNITY}",
        "type": "guidui.departure.effective.v1",
        "data": {
            "category": "relocation",
            "person": {"name": county_service.name(0), "id_number": county_service.id_number(0)},
            "to": {"organisation": NEIGHBOUR},
        },
    }
    assert intake.post(town.caller(COMMUNITY, "sender"), [again]) == ["accepted"]
    town.settle()
    with town.app.worker.connect() as tx:
        second = str(
            tx.exec_driver_sql(
                "SELECT id FROM transfer_case WHERE id <> %s::uuid", (first,)
            ).scalar_one()
        )
    assert (
        merge(town, url, BRANCH, second, first).status_code == 404
    )  # has left the member to the street
    assert merge(town, url, STREET, second, first).status_code == 200
    assert town.state(second) == "merged" and town.state(first) == "accepted"
    with town.app.worker.connect() as tx:
        by, detail = tx.exec_driver_sql(
            "SELECT by_organisation, detail FROM case_event WHERE case_id = %s::uuid "
            "AND command = 'join'",
            (first,),
        ).one()
    assert by == STREET and detail["merged"] == second and "category" in detail["facts_changed"]
