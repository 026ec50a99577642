"""Opening a list of members leaves a trace: one row a list, with how many it showed."""

from __future__ import annotations

import httpx

from tests.portal.town import CAST
from tests.stories.county_service import BRANCH, COMMUNITY, UNIT


def looks(town) -> list[tuple]:
    with town.app.worker.connect() as tx:
        return [
            tuple(row)
            for row in tx.exec_driver_sql(
                "SELECT organisation, person, list, shown FROM list_look ORDER BY at, list, shown"
            )
        ]


def test_one_row_for_a_list_of_many(town, url, reader):
    for number in range(3):
        town.leaves(number)
    answer = httpx.get(
        f"{url}/v1/cases?limit=2", headers={"Authorization": f"Bearer {town.key(UNIT, 'receiver')}"}
    )
    assert len(answer.json()["items"]) == 2
    assert looks(town) == [(UNIT, None, "cases", 2)]
    reader("origin")  # who signs in starts at the list
    assert looks(town)[1:] == [(BRANCH, CAST["origin"][2], "cases", 3)]


def test_a_list_that_shows_nobody_leaves_none(town, url, reader):
    assert (
        httpx.get(
            f"{url}/v1/cases",
            headers={"Authorization": f"Bearer {town.key(COMMUNITY, 'receiver')}"},
        ).json()["items"]
        == []
    )
    reader("secretary").get("/cases")
    assert looks(town) == []
