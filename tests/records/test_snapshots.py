"""Month-end figures: taken once, never altered, the same again from history, also when the service
was off.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta

import httpx
import pytest
from sqlalchemy.exc import DBAPIError

from services.app import after_load, follow_tree, records_loop
from services.cases.model import states
from services.cases.views import queries
from services.kit.clock import ZONE
from services.records import snapshots
from services.registry.load import Hooks, load_rows
from tests.portal.town import text
from tests.stories import county_service
from tests.stories.county_service import BRANCH, CITY, COMMUNITY, COUNTY, ORIGIN_COUNTY, UNIT

LAST = date(2026, 11, 30)
TODAY = ("as_of", "expiring")  # what the audit says beyond the figures that are kept


def at(day: date, hour: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZONE)


@pytest.fixture
def month(town):
    """A month with something of everything, then December, in which all of it moves on."""
    moved, waiting, out = (
        town.leaves(0, "record_receipt"),
        town.leaves(1),
        town.leaves(2, "issue_letter"),
    )
    town.give(BRANCH, waiting, "note", obstacle="unwilling")
    town.leaves(3, "accept")
    town.clock.advance_to(at(LAST, 18))
    town.settle()
    with town.app.web.begin() as tx:
        live = {
            code: queries.audit(tx, town.clock.now(), code, town.app.rule_source)
            for code in (CITY, UNIT, COMMUNITY)
        }
    return {"live": live, "waiting": waiting, "out": out, "moved": moved}


def december(town, month) -> None:
    """Everything moves on after the month's end."""
    town.clock.advance_to(at(date(2026, 12, 5), 9))
    town.settle()
    town.give(BRANCH, month["waiting"], "confirm_destination", member_informed=True)
    town.give(COMMUNITY, month["out"], "record_arrival")
    town.give(county_service.STREET, month["out"], "accept")
    town.leaves(4)


def folded(tx, until: datetime) -> dict[str, dict]:
    """The cases as of a moment, by hand: every history row before it, one over the other."""
    cases: dict[str, dict] = {}
    for row in tx.exec_driver_sql(
        "SELECT case_id::text, at, to_state, change FROM case_event ORDER BY case_id, seq"
    ):
        if row.at < until:
            case = cases.setdefault(row.case_id, {})
            case |= {**(row.change or {}), "state": row.to_state}
    return cases


def test_a_past_day_is_the_same_from_history_and_equals_the_audit_of_that_evening(town, month):
    december(town, month)
    with town.app.worker.begin() as tx:
        again = snapshots.rebuilt(tx, LAST, town.app.rule_source)
        by_hand = folded(tx, at(LAST + timedelta(days=1)))
    for code, live in month["live"].items():
        assert again[code] == {k: v for k, v in live.items() if k not in TODAY}, code
    counted = Counter(case["state"] for case in by_hand.values())
    assert again[CITY]["by_state"] == dict(sorted(counted.items()))
    assert again[CITY]["by_obstacle"] == {"unwilling": 1} and again[COMMUNITY]["members"] == 2


def test_the_snapshot_is_written_when_the_month_is_over_once_and_stays(town, month):
    records_loop(town.app)
    with town.app.worker.connect() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM snapshot").scalar_one() == 0
    december(town, month)
    records_loop(town.app)  # five days late
    with town.app.worker.connect() as tx:
        first = tx.exec_driver_sql(
            "SELECT day, organisation, figures::text FROM snapshot ORDER BY 1, 2"
        ).all()
    assert {row.day for row in first} == {LAST}
    with town.app.worker.begin() as tx:
        again = snapshots.rebuilt(tx, LAST, town.app.rule_source)
        stored = snapshots.taken(tx, CITY, LAST)[0]["figures"]
    assert stored == again[CITY] == {k: v for k, v in month["live"][CITY].items() if k not in TODAY}
    records_loop(town.app)
    with town.app.worker.connect() as tx:
        assert (
            tx.exec_driver_sql(
                "SELECT day, organisation, figures::text FROM snapshot ORDER BY 1, 2"
            ).all()
            == first
        )
    for forbidden in ("UPDATE snapshot SET figures = '{}'", "DELETE FROM snapshot"):
        with town.app.worker.connect() as tx, pytest.raises(DBAPIError):
            tx.exec_driver_sql(forbidden)


def test_a_month_that_is_over_keeps_the_tree_it_had(town, month):
    """In December the unit goes to another county; November is counted under the county it stood
    in.
    """
    town.clock.advance_to(at(date(2026, 12, 5), 9))
    town.settle()
    columns = ["code", "name", "kind", "unit", "parent", "area", "serves_area", "authority"]
    row = next(
        dict(zip(columns, r, strict=True)) for r in county_service.ORGANISATIONS if r[0] == UNIT
    )
    load_rows(
        town.app.worker,
        "organisations",
        [row | {"parent": COUNTY}],
        town.clock,
        Hooks(movers=[follow_tree]),
    )
    after_load(town.app, "organisations")
    records_loop(town.app)
    with town.app.worker.begin() as tx:
        november, today = (
            snapshots.rebuilt(tx, day, town.app.rule_source) for day in (LAST, date(2026, 12, 5))
        )
        stored = snapshots.taken(tx, ORIGIN_COUNTY, LAST)[0]["figures"]
    assert november[UNIT] == {k: v for k, v in month["live"][UNIT].items() if k not in TODAY}
    assert (
        november[ORIGIN_COUNTY]["by_state"] == november[UNIT]["by_state"]
        and stored == november[ORIGIN_COUNTY]
    )
    assert not today.get(ORIGIN_COUNTY, {}).get("by_state") and today[COUNTY]["by_state"]


def test_a_service_that_was_off_for_months_takes_every_month_end(town, month):
    town.clock.advance_to(at(date(2027, 2, 3), 9))
    town.settle()
    records_loop(town.app)
    with town.app.worker.connect() as tx:
        assert snapshots.days_taken(tx, CITY) == [date(2027, 1, 31), date(2026, 12, 31), LAST]


def test_two_dates_stand_side_by_side_and_systems_read_the_same(town, month, reader, url):
    december(town, month)
    town.clock.advance_to(at(date(2027, 1, 2), 9))
    town.settle()
    records_loop(town.app)
    department = reader("department")
    page = department.get(
        "/snapshots", params={"organisation": UNIT, "before": "2026-11-30", "after": "2026-12-31"}
    )
    assert page.status_code == 200 and "在册党员 10 9" in text(page), text(page)
    assert department.get("/snapshots", params={"before": "nonsense"}).status_code == 200
    assert (
        reader("other_department").get("/snapshots", params={"organisation": UNIT}).status_code
        == 403
    )
    api = httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {town.key(CITY, 'department')}"}
    )
    told = api.get("/v1/audit/snapshots").json()
    one = api.get("/v1/audit/snapshots", params={"day": "2026-11-30", "rebuild": "true"}).json()[
        "items"
    ][0]
    bad = api.get("/v1/audit/snapshots", params={"day": "30.11."}).status_code
    api.close()
    assert [i["day"] for i in told["items"]] == ["2026-12-31", "2026-11-30"] and bad == 422
    assert one["equal"] is True and one["figures"] == one["rebuilt"] == {
        k: v for k, v in month["live"][CITY].items() if k not in TODAY
    }


def test_every_state_is_counted_somewhere():
    assert (
        set(snapshots.TALLIES) | set(snapshots.FIGURES)
        == {k for k in snapshots.figures([], 0, {}, LAST, 30)}
        and states.STATES
    )
