"""Between two steps of a scenario every loop fires when it would: months end, rolls are asked for,
organisations change.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from services.kit.clock import ZONE
from services.kit.db.engine import connect
from services.tools.simulate import play
from tests.cases.cast import BRANCH, CITY, COMMUNITY, COUNTY, NEIGHBOUR, ORGANISATIONS, STREET, UNIT

WORLD = {
    "organisations": ORGANISATIONS,
    "members": [
        {
            "member": "m1",
            "name": "王一",
            "sex": "male",
            "birth_date": "1980-01-02",
            "organisation": BRANCH,
            "last_life_on": "2026-08-20",
        }
    ],
}
CHECK = {"kind": "reconciliation", "act": "compare", "due_on": "2026-09-30"}
STEPS = [
    {
        "at": "2026-08-21T09:00:00+08:00",
        "as": "A",
        "event": {
            "type": "guidui.departure.effective.v1",
            "data": {
                "category": "relocation",
                "person": {"member": "m1", "name": "王一"},
                "to": {"organisation": COMMUNITY},
                "circumstances": {"unit_has_organisation": False},
            },
        },
    },
    {
        "at": "2026-08-21T09:01:00+08:00",
        "as": "change",
        "event": {
            "type": "guidui.organisation.changed.v1",
            "source": f"urn:guidui:organisation:{COUNTY}",
            "data": {
                "organisation": COMMUNITY,
                "effective_to": "2026-09-14",
                "successor": NEIGHBOUR,
            },
        },
    },
    {
        "at": "2026-08-31T23:59:00+08:00",
        "show": {"alerts": UNIT},
        "expect_not": [{"kind": "reconciliation"}],
    },
    {
        "at": "2026-09-01T00:00:00+08:00",
        "show": {"alerts": UNIT},
        "expect": [{**CHECK, "overdue": False}],
    },
    {
        "at": "2026-09-01T00:00:01+08:00",
        "show": {"alerts": BRANCH},
        "expect_not": [{"kind": "reconciliation"}],
    },
    {
        "at": "2026-09-14T23:00:00+08:00",
        "show": {"case": "A"},
        "expect": {"destination": {"organisation": COMMUNITY}},
    },
    {
        "at": "2026-09-15T00:00:00+08:00",
        "show": {"case": "A"},
        "expect": {"destination": {"organisation": NEIGHBOUR}},
    },
    {
        "at": "2026-10-01T08:00:00+08:00",
        "show": {"alerts": UNIT},
        "expect": [{**CHECK, "overdue": True}],
    },
    {
        "at": "2026-10-01T08:01:00+08:00",
        "show": {"audit": UNIT},
        "expect": {"overdue_by_task": {"reconciliation": 1}},
    },
    {"at": "2027-01-02T08:00:00+08:00", "show": {"alerts": STREET}, "expect": [CHECK]},
]


def test_every_loop_fires_between_two_steps(database, gazetteer, monkeypatch):
    monkeypatch.setattr("services.app.Gazetteer.open", lambda cache: gazetteer)
    scenario = {"name": "months", "world": WORLD, "steps": STEPS}
    answer, ok = play(database.app_url, scenario, datetime(2026, 8, 20, 9, tzinfo=ZONE))
    assert ok, [one for one in answer["steps"] if not one["ok"]]
    engine = connect(database.app_url, "guidui_worker", connections_max=1)
    with engine.connect() as tx:
        kept = tx.exec_driver_sql(
            "SELECT day, taken_at FROM snapshot WHERE organisation = %s ORDER BY day", (CITY,)
        ).all()
    engine.dispose()
    ends = [
        date(2026, 8, 31),
        date(2026, 9, 30),
        date(2026, 10, 31),
        date(2026, 11, 30),
        date(2026, 12, 31),
    ]
    assert [row.day for row in kept] == ends
    assert [row.taken_at for row in kept] == [
        datetime.combine(day + timedelta(days=1), time(), ZONE) for day in ends
    ]


def test_who_cannot_be_reached_is_still_expected_where_they_are_going(
    database, gazetteer, monkeypatch
):
    monkeypatch.setattr("services.app.Gazetteer.open", lambda cache: gazetteer)
    attempts = ["2026-08-22 电话停机", "2026-08-23 微信未回", "2026-08-24 上门无人"]
    steps = [
        STEPS[0],
        {
            "at": "2026-08-25T09:00:00+08:00",
            "by": BRANCH,
            "do": "mark_unreachable",
            "case": "A",
            "with": {"attempts": attempts},
        },
        {
            "at": "2026-08-25T09:01:00+08:00",
            "show": {"alerts": COMMUNITY},
            "expect": [{"kind": "expected", "act": "record_arrival"}],
        },
        {
            "at": "2026-08-26T09:00:00+08:00",
            "by": BRANCH,
            "do": "close",
            "case": "A",
            "with": {"reason": "stay"},
            "expect": {"refused": True},
        },
    ]
    answer, ok = play(
        database.app_url,
        {"name": "out of reach", "world": WORLD, "steps": steps},
        datetime(2026, 8, 20, 9, tzinfo=ZONE),
    )
    assert ok, [step for step in answer["steps"] if not step["ok"]]
