"""What its sender takes back while somebody in it is in review leaves the desk, and nothing of the
person stays.
"""

from __future__ import annotations

import threading

import httpx
import pytest

from services.cases.routing.decision_table import OPENING
from services.kit.errors import Refused
from services.matcher import announcements
from services.matcher.handlers import Matcher
from services.matcher.reviews import decide
from services.records.completeness import statement
from tests.people.posting import (
    ADDRESS,
    STRANGER,
    decided,
    post,
    post_departure,
    post_event,
    tables_with,
)
from tests.people.test_prompts import alerts
from tests.portal.town import DEPARTMENT
from tests.stories import county_service
from tests.stories.county_service import UNIT

IN_DOUBT = {"name": county_service.name(3), "phone": STRANGER["phone"]}
KNOWN = {"name": county_service.name(3), "id_number": county_service.id_number(3)}


def take_back(town, corrects: str, settle: bool = True):
    return post_event(
        town,
        {
            "specversion": "1.0",
            "type": "guidui.departure.withdrawn.v1",
            "id": f"withdraw-{corrects}",
            "source": f"urn:guidui:organisation:{UNIT}",
            "data": {"corrects": corrects},
        },
        settle,
    )


def roster(town, ident: str, *numbers: int, **data):
    return post_departure(
        town,
        ident,
        {
            "category": "layoff",
            **data,
            "persons": [
                {
                    "person": {
                        "name": county_service.name(n),
                        "id_number": county_service.id_number(n),
                    }
                }
                for n in numbers
            ],
        },
    )


def counted(town):
    with town.app.worker.connect() as tx:
        told = statement(tx, town.clock.now().date(), sorted(OPENING))
    return {key: n for key, n in told.items() if n and key != "day"}


def handled(town, event):
    """The matcher's part of a posted event, in a transaction of its own that the test ends."""
    tx = town.app.worker.connect()
    Matcher(town.clock, town.app.rule_source, town.app.addresses).take(
        tx, announcements.read(tx, [event])
    )
    return tx


def test_a_posting_withdrawn_in_review_leaves_the_desk_and_nothing_of_the_person(town, url):
    event = post(town, "in-doubt", IN_DOUBT)
    headers = {"Authorization": f"Bearer {town.key(DEPARTMENT, 'department')}"}
    asked = httpx.post(
        f"{url}/v1/reviews/{event}:0", json={"ask": "他原来在哪个支部？"}, headers=headers
    )
    assert asked.status_code == 200 and len(alerts(town, url)) == 2
    take_back(town, "in-doubt")
    row = decided(town, event)
    assert (row.decision, row.reason, row.erased_at) == (
        "withdrawn",
        "event_withdrawn",
        town.clock.now(),
    )
    assert tables_with(town, STRANGER["phone"], ADDRESS, "他原来在哪个支部") == set()
    assert counted(town) == {"in": 1, "rejected": 1}
    assert (
        alerts(town, url) == []
        and httpx.get(url + "/v1/reviews", headers=headers).json()["items"] == []
    )
    late = httpx.post(f"{url}/v1/reviews/{event}:0", json={"member": "m00003"}, headers=headers)
    assert late.status_code == 409 and "撤回" in late.text
    far = httpx.get(
        f"{url}/v1/events/in-doubt?source=urn:guidui:organisation:{UNIT}",
        headers={"Authorization": f"Bearer {town.key(UNIT, 'sender')}"},
    ).json()
    assert far["state"] == "closed" and "questions" not in far


def test_a_correction_takes_the_place_of_who_is_in_review(town, url):
    event = post(town, "in-doubt", IN_DOUBT)
    better = post(town, "better", KNOWN, corrects="in-doubt")
    assert (
        decided(town, event).decision == "withdrawn" and decided(town, better).decision == "match"
    )
    assert tables_with(town, STRANGER["phone"]) == set() and alerts(town, url) == []
    assert counted(town) == {"in": 2, "matched": 1, "rejected": 1}


def test_nobody_is_asked_about_a_posting_that_was_withdrawn_before_it_came(town, url):
    take_back(town, "in-doubt")
    event = post(town, "in-doubt", IN_DOUBT)
    assert decided(town, event).decision == "withdrawn" and alerts(town, url) == []
    assert tables_with(town, STRANGER["phone"], ADDRESS) == set()


def test_a_corrected_roster_keeps_the_cases_of_all_whom_it_still_names(town):
    first = roster(town, "roster", 2, 3, 4)
    second = roster(town, "mended", 2, 3, corrects="roster")
    cases = {n: str(decided(town, first, n).case_id) for n in range(3)}
    assert [str(decided(town, second, n).case_id) for n in (0, 1)] == [cases[0], cases[1]]
    assert [town.state(case) == "closed_without_move" for case in cases.values()] == [
        False,
        False,
        True,
    ]
    with town.app.worker.connect() as tx:
        told = tx.exec_driver_sql(
            "SELECT count(*) FROM case_event WHERE command = 'withdraw'"
        ).scalar_one()
    assert told == 1


@pytest.mark.parametrize("first", ["the desk", "the withdrawal"])
def test_a_decision_and_a_withdrawal_at_once_wait_for_each_other(town, first):
    event = post(town, "in-doubt", IN_DOUBT)
    withdrawal = take_back(town, "in-doubt", settle=False)
    refused: list[Refused] = []

    def by_the_desk() -> None:
        try:
            with town.app.acts.begin() as tx:
                decide(tx, town.app, event, 0, {"member": "m00003"}, UNIT)
        except Refused as error:
            refused.append(error)

    if first == "the desk":
        with town.app.acts.begin() as tx:
            decide(tx, town.app, event, 0, {"member": "m00003"}, UNIT)
            other = threading.Thread(target=town.settle)
            other.start()
            other.join(1)
    else:
        with handled(town, withdrawal) as tx:
            other = threading.Thread(target=by_the_desk)
            other.start()
            other.join(1)
            tx.commit()
    other.join()
    town.settle()
    row = decided(town, event)
    if first == "the desk":
        assert (row.decision, row.case_id) == (
            "match",
            None,
        )  # an event already withdrawn opens nothing
    else:
        assert row.decision == "withdrawn" and [r.status for r in refused] == [409]
