"""Who receives many of one batch acts for all of them at once; each member's outcome is told;
nobody else's are touched.
"""

from __future__ import annotations

from datetime import datetime

import httpx
import pytest

from services.cases.commands import batches, receiving
from services.cases.deadlines.clock import next_at, tick
from services.cases.model.states import STATES
from services.kit.clock import ZONE
from tests.portal.town import (
    BRANCH,
    COMMUNITY,
    COMMUNITY_BRANCH,
    NEIGHBOUR,
    ROAD,
    STREET,
    UNIT,
    text,
)
from tests.stories import county_service

PEOPLE = 5


@pytest.fixture
def batch(town) -> str:
    """Five whose firm closes: three come to the community with a letter, one without yet, one goes
    next door.
    """
    town.post(
        {
            **county_service.event(0, "closed"),
            "type": "guidui.labour_relation.ended.v1",
            "data": {
                "effective_on": "2026-06-30",
                "circumstances": {"labour_relation": "ended", "handover": "collective"},
                "persons": [
                    {
                        "person": {
                            "name": county_service.name(n),
                            "id_number": county_service.id_number(n),
                        },
                        "to": {"organisation": NEIGHBOUR if n == 4 else COMMUNITY},
                    }
                    for n in range(PEOPLE)
                ],
            },
        }
    )
    with town.app.worker.connect() as tx:
        parent = tx.exec_driver_sql(
            "SELECT id::text FROM transfer_case WHERE state = 'bulk_open'"
        ).scalar_one()
    for case in children(town)[:3] + children(town)[4:]:
        for organisation, command, fields in ROAD[:3]:
            town.give(organisation, case, command, **fields)
    return parent


def children(town) -> list[str]:
    with town.app.worker.connect() as tx:
        return (
            tx.exec_driver_sql(
                "SELECT id::text FROM transfer_case WHERE parent IS NOT NULL ORDER BY position"
            )
            .scalars()
            .all()
        )


def order(town, batch: str, by: str, command: str, start_on: str | None = None, **fields) -> str:
    with town.app.acts.begin() as tx:
        ident = receiving.give(
            tx, town.caller(by), batch, command, fields, start_on, town.clock.now(), "赵敏"
        )
    town.settle()
    return str(ident)


def states(town) -> list[str]:
    return [town.state(case) for case in children(town)]


def told(town, batch: str, by: str) -> dict:
    with town.app.worker.connect() as tx:
        return receiving.orders(tx, by, batch)[0]


def test_from_arrival_to_receipt_all_in_ones_hands_and_nobody_else(town, batch):
    order(town, batch, COMMUNITY, "record_arrival")
    assert states(town) == ["arrived"] * 3 + ["triaged", "letter_issued"]
    assert (told(town, batch, COMMUNITY)["done"], told(town, batch, COMMUNITY)["refused"]) == (3, 0)
    order(town, batch, STREET, "accept")
    order(town, batch, STREET, "place", branch=COMMUNITY_BRANCH)
    order(town, batch, COMMUNITY_BRANCH, "record_talk", on="2026-11-23")
    order(town, batch, STREET, "send_receipt", handler="赵敏", phone="0575-1")
    assert states(town) == ["receipt_sent"] * 3 + ["triaged", "letter_issued"]
    with town.app.worker.connect() as tx:
        by = tx.exec_driver_sql(
            "SELECT DISTINCT by_organisation, by_person FROM case_event WHERE command = "
            "'send_receipt'"
        ).all()
    assert [tuple(row) for row in by] == [(STREET, "赵敏")]


def test_what_does_not_fit_one_is_told_of_that_one(town, batch):
    late = children(town)[0]
    order(town, batch, COMMUNITY, "record_arrival")
    with town.app.worker.begin() as tx:
        town.clock.advance_to(datetime(2026, 11, 24, 9, tzinfo=ZONE))
    town.give(COMMUNITY, late, "refuse", reason="not_a_member")
    order(
        town, batch, STREET, "place", branch=NEIGHBOUR
    )  # nobody is accepted yet: nothing to do for anybody
    assert told(town, batch, STREET)["done_at"] and told(town, batch, STREET)["done"] == 0
    order(town, batch, STREET, "accept")
    order(town, batch, STREET, "place", branch=BRANCH)  # not a branch of theirs
    with town.app.worker.connect() as tx:
        latest = told(town, batch, STREET)
        failed = receiving.members(tx, STREET, batch, order=latest["id"], refused=True)
    assert (latest["done"], latest["refused"]) == (0, 2) and all(
        one.status in (403, 422) and one.zh and one.en for one in failed
    )
    assert states(town)[:3] == ["returned", "accepted", "accepted"]


def test_a_day_to_come_a_pause_between_two_waves_and_on(town, batch, monkeypatch):
    monkeypatch.setattr(batches, "WAVE_CASES_MAX", 2)
    begins = datetime(2026, 11, 25, tzinfo=ZONE)
    ident = order(town, batch, COMMUNITY, "record_arrival", start_on="2026-11-25")
    assert "arrived" not in states(town)
    with town.app.worker.connect() as tx:
        assert next_at(tx, town.clock.now()) <= begins
    town.clock.advance_to(begins)
    with town.app.worker.begin() as tx:
        assert receiving.wave(tx, town.clock.now(), town.app.rule_source) == 2
    with town.app.acts.begin() as tx:
        receiving.pause(tx, town.caller(COMMUNITY), batch, ident, True)
    tick(town.app.worker, town.clock, town.app.rule_source)
    assert states(town).count("arrived") == 2 and told(town, batch, COMMUNITY)["done_at"] is None
    with town.app.acts.begin() as tx:
        receiving.pause(tx, town.caller(COMMUNITY), batch, ident, False)
    town.settle()
    assert states(town).count("arrived") == 3 and told(town, batch, COMMUNITY)["done_at"]


def test_the_pages(town, batch, reader):
    secretary = reader("secretary")
    assert "成批到来的党员" in text(secretary.get("/cases?tab=expected"))
    assert "4 人，其中" in text(secretary.get("/batches"))
    page = secretary.get(f"/batches/{batch}")
    answer = secretary.post(
        f"/batches/{batch}", data=secretary.hidden(page, batch) | {"order": "record_arrival"}
    )
    assert "已交办" in text(answer)
    town.settle()
    said = text(secretary.get(f"/batches/{batch}"))
    assert f"{STATES['arrived'][0]} 3" in said
    assert "已办完" in said and county_service.name(4) not in said
    bad = secretary.post(
        f"/batches/{batch}",
        data=secretary.hidden(page, batch) | {"order": "record_arrival", "start_on": "2020-01-01"},
    )
    assert bad.status_code == 422
    looked = secretary.post(
        f"/batches/{batch}",
        data=secretary.hidden(page, batch)
        | {
            "order": "forward",
            "find": "forward.organisation",
            "forward.organisation_text": "另一社区",
        },
    )
    assert NEIGHBOUR in looked.text and "forward" in looked.text
    assert reader("clerk").get(f"/batches/{batch}").status_code == 404
    assert text(reader("neighbour").get("/batches")).count("1 人，其中") == 1


def test_the_calls_and_who_may_make_them(town, batch, url):
    def call(code: str, method: str, path: str, role: str = "receiver", **more) -> httpx.Response:
        return httpx.request(
            method, url + path, headers={"Authorization": f"Bearer {town.key(code, role)}"}, **more
        )

    assert [one["members"] for one in call(COMMUNITY, "GET", "/v1/batches").json()["items"]] == [4]
    path = f"/v1/batches/{batch}"
    made = call(COMMUNITY, "POST", f"{path}/orders", json={"order": "record_arrival", "with": {}})
    assert made.status_code == 201, made.text
    town.settle()
    shown = call(COMMUNITY, "GET", path, params={"limit": 2}).json()
    assert (
        shown["by_state"] == {"triaged": 1, "arrived": 3}
        and shown["orders"][0]["done"] == 3
        and shown["next"]
    )
    rest = call(COMMUNITY, "GET", path, params={"limit": 2, "cursor": shown["next"]}).json()
    assert len(rest["items"]) == 2 and rest["next"] is None
    assert [one["outcome"]["status"] for one in shown["items"]] == [200, 200]
    assert (
        call(
            COMMUNITY, "POST", f"{path}/orders/{made.json()['id']}", json={"paused": True}
        ).status_code
        == 404
    )  # done
    assert (
        call(COMMUNITY, "POST", f"{path}/orders", json={"order": "issue_letter"}).status_code == 422
    )
    for code in (
        UNIT,
        county_service.COUNTY,
    ):  # the sender has its own way; a department holds nobody in its hands
        assert call(code, "GET", path).status_code == 404
        assert (
            call(
                code, "POST", f"{path}/orders", json={"order": "note", "with": {"text": "x"}}
            ).status_code
            == 404
        )
    assert call(COMMUNITY, "GET", path, role="sender").status_code == 403
    assert call(COMMUNITY, "GET", "/v1/batches/nonsense").status_code == 404
    assert call(NEIGHBOUR, "GET", path).json()["by_state"] == {"letter_issued": 1}
