"""A batch on its card and over HTTP: where everybody stands, what was given to all, for whom it was
not done.
"""

from __future__ import annotations

from datetime import timedelta

import httpx

from services.cases.deadlines import clock as case_clock
from tests.portal.town import UNIT, text
from tests.stories import county_service


def batch(town) -> str:
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
                        "to": {"organisation": None if n == 1 else county_service.COMMUNITY},
                    }
                    for n in range(3)
                ],
            },
        }
    )
    with town.app.worker.connect() as tx:
        return tx.exec_driver_sql(
            "SELECT id::text FROM transfer_case WHERE state = 'bulk_open'"
        ).scalar_one()


def test_one_form_acts_for_all_and_the_card_tells_who_is_left(town, reader):
    parent, clerk = batch(town), reader("clerk")
    assert "这一批 3 人" in text(clerk.get(f"/cases/{parent}"))
    page = clerk.act(
        parent,
        "give_to_all",
        order="confirm_destination",
        **{"confirm_destination.member_informed": "true"},
    )
    assert page.status_code == 200
    while case_clock.tick(town.app.worker, town.clock, town.app.rule_source):
        pass
    said = text(clerk.get(f"/cases/{parent}"))
    assert "去向已确认 2" in said and "已研判 1" in said and "已办完" in said
    assert (
        "最近一次没有办成的" in said
        and county_service.name(1) in said
        and "缺少 organisation" in said
    )
    assert reader("neighbour").get(f"/cases/{parent}").status_code == 404


def test_the_same_over_http(town, url):
    parent = batch(town)
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {town.key(UNIT, 'receiver')}"}
    ) as http:
        given = http.post(
            f"/v1/cases/{parent}/commands",
            json={
                "command": "give_to_all",
                "seen_state": "bulk_open",
                "order": "confirm_destination",
                "with": {"member_informed": True},
            },
        )
        assert given.status_code == 200, given.text
        town.settle()
        told = http.get(f"/v1/cases/{parent}/children").json()
        assert told["by_state"] == {"triaged": 1, "destination_confirmed": 2}
        assert [one["outcome"]["status"] for one in told["items"]] == [200, 422, 200] and told[
            "next"
        ] is None
        assert told["orders"][0]["done"] == 2 and told["orders"][0]["refused"] == 1
        refused = http.get(
            f"/v1/cases/{parent}/children", params={"refused": True, "limit": 1}
        ).json()
        assert [one["position"] for one in refused["items"]] == [1]
    with httpx.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {town.key(county_service.NEIGHBOUR, 'receiver')}"},
    ) as http:
        assert http.get(f"/v1/cases/{parent}/children").status_code == 404


def test_whoever_posted_it_and_the_department_see_how_far_a_cohort_has_come(town, reader, url):
    parent = batch(town)
    town.clock.advance_to(town.clock.now() + timedelta(minutes=1))
    town.post(
        {
            **county_service.event(0, "class"),
            "type": "guidui.graduation.batch.v1",
            "data": {
                "batch": "2026届",
                "persons": [
                    {
                        "person": {
                            "name": county_service.name(5),
                            "id_number": county_service.id_number(5),
                        }
                    }
                ],
            },
        }
    )
    with town.app.worker.connect() as tx:
        children = (
            tx.exec_driver_sql(
                "SELECT id::text FROM transfer_case WHERE parent = %s::uuid ORDER BY position",
                (parent,),
            )
            .scalars()
            .all()
        )
    town.give(county_service.BRANCH, children[0], "close", reason="stay")
    for who in ("clerk", "department"):
        page = reader(who).get("/batches")
        said = text(page).split("成批报来的党员")[1]
        assert (
            f"/cases/{parent}" in page.text
            and "2026届" in said
            and "3 0 2 0" in said
            and "1 0 1 0" in said
        )
    assert "没有成批报来的人" in text(reader("secretary").get("/batches"))
    assert "/batches#posted" in reader("department").get("/department").text
    with httpx.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {town.key(county_service.ORIGIN_COUNTY, 'department')}"},
    ) as http:
        told = http.get("/v1/batches?side=posted&limit=1").json()
        assert told["items"][0]["name"] == "2026届" and told["next"]
        second = http.get("/v1/batches", params={"side": "posted", "cursor": told["next"]}).json()[
            "items"
        ][0]
        assert (second["members"], second["unsettled"], second["moved"], second["pocket"]) == (
            3,
            2,
            0,
            0,
        )
        assert http.get("/v1/batches?side=x").status_code == 422


def test_a_batch_is_called_a_batch_and_pauses_once(town, reader):
    parent, clerk = batch(town), reader("clerk")
    assert "一批 3 人" in text(clerk.get("/cases?tab=on_the_way")) and "一批 3 人" in text(
        clerk.get("/cases?tab=on_the_way&print=1")
    )
    card = text(clerk.get(f"/cases/{parent}"))
    assert "一批 3 人" in card and "姓名待核" not in card and "去向还没有定" not in card
    assert "暂停批次" in card and "恢复批次" not in card
    clerk.act(parent, "pause")
    card = text(clerk.get(f"/cases/{parent}"))
    assert "恢复批次" in card and "暂停批次" not in card.split("经过")[0]
    assert "已暂停" in text(clerk.get("/batches"))
    assert "A batch of 3" in text(reader("clerk", "en").get(f"/cases/{parent}"))
