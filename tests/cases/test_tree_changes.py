"""A community goes to another street while somebody is on the way to it: the case follows."""

from __future__ import annotations

from datetime import datetime

from services.app import after_load, follow_tree
from services.cases.store.backlog import open_letters
from services.cases.views import queries
from services.kit.clock import ZONE
from services.registry.load import Hooks, load_rows
from services.tools.simulate import Stage
from tests.cases.cast import BRANCH, CITY, COMMUNITY, COUNTY, ORGANISATIONS, STREET, UNIT

OTHER = "330603010071"
WORLD = {
    "organisations": [
        *ORGANISATIONS,
        {
            "code": OTHER,
            "name": "中共华舍街道工作委员会",
            "kind": "basic_committee",
            "unit": "street",
            "parent": COUNTY,
            "area": "330603002",
            "serves_area": "yes",
            "authority": "yes",
        },
    ],
    "members": [
        {
            "member": "m1",
            "name": "王一",
            "sex": "male",
            "birth_date": "1980-01-02",
            "organisation": BRANCH,
            "last_life_on": "2026-02-20",
        }
    ],
    "contacts": [],
}
STEPS = [
    {
        "at": "2026-03-02T09:00:00+08:00",
        "as": "A",
        "event": {
            "type": "guidui.departure.effective.v1",
            "source": f"urn:guidui:organisation:{BRANCH}",
            "data": {
                "category": "relocation",
                "person": {"member": "m1", "name": "王一"},
                "to": {"organisation": COMMUNITY},
                "circumstances": {"unit_has_organisation": False},
            },
        },
    },
    {
        "at": "2026-03-03T09:00:00+08:00",
        "by": BRANCH,
        "do": "confirm_destination",
        "case": "A",
        "with": {"member_informed": True},
    },
    {
        "at": "2026-03-03T10:00:00+08:00",
        "by": BRANCH,
        "do": "submit",
        "case": "A",
        "with": {"dues_paid_to": "2026-03"},
    },
    {
        "at": "2026-03-04T09:00:00+08:00",
        "by": UNIT,
        "do": "issue_letter",
        "case": "A",
        "with": {"channel": "paper"},
    },
    {"at": "2026-03-05T09:00:00+08:00", "by": COMMUNITY, "do": "record_arrival", "case": "A"},
]


def test_an_organisation_file_that_changes_nothing_touches_no_case(database):
    """Not even one whose counterfoil names another header than the nearest."""
    stage = Stage(database.app_url, {"world": WORLD}, datetime(2026, 3, 2, 8, tzinfo=ZONE))
    app = stage.app
    letter = {
        "number": "旧1",
        "member": "m1",
        "from": BRANCH,
        "to": COMMUNITY,
        "header": CITY,
        "channel": "paper",
        "issued_on": "2026-02-20",
        "validity_days": "30",
    }
    opening = Hooks(lambda tx, rows: open_letters(tx, rows, app.clock.now(), app.rule_source))
    assert load_rows(app.worker, "letters", [letter], app.clock, opening).good == 1
    load_rows(app.worker, "organisations", ORGANISATIONS, app.clock, Hooks(movers=[follow_tree]))
    told = after_load(app, "organisations")
    with app.worker.connect() as tx:
        row = tx.exec_driver_sql("SELECT header, seq FROM transfer_case").one()
    app.close()
    assert told == [] and row.header == CITY and row.seq == 1


def test_an_open_case_follows_its_receiver_to_another_street(database):
    stage = Stage(database.app_url, {"world": WORLD}, datetime(2026, 3, 2, 8, tzinfo=ZONE))
    assert all([stage.step(n, step)["ok"] for n, step in enumerate(STEPS)])
    app, case = stage.app, stage.case("A")
    moved = [row | {"parent": OTHER} for row in ORGANISATIONS if row["code"] == COMMUNITY]
    for _ in range(2):  # loaded twice, told once
        assert not load_rows(
            app.worker, "organisations", moved, app.clock, Hooks(movers=[follow_tree])
        ).bad
        after_load(app, "organisations")
    with app.worker.begin() as tx:
        row = tx.exec_driver_sql(
            "SELECT header, receiving_committee, destination_path FROM transfer_case"
        ).one()
        history = [
            h["command"]
            for h in queries.views(tx, [case], app.clock.now(), app.rule_source)[0]["history"]
        ]
    assert (
        row.receiving_committee == OTHER
        and row.header in (OTHER, COUNTY)
        and OTHER in row.destination_path
    )
    assert history.count("tree_changed") == 1
    refused = stage.step(
        9, {"at": "2026-03-06T09:00:00+08:00", "by": STREET, "do": "accept", "case": "A"}
    )
    accepted = stage.step(
        10, {"at": "2026-03-06T09:00:00+08:00", "by": OTHER, "do": "accept", "case": "A"}
    )
    app.close()
    assert refused.get("refused") and accepted["ok"]


def test_in_the_moment_between_the_former_committee_is_told_so(database):
    """The file is loaded, the open cases have not followed yet: who acts by the old tree gets a
    sentence, no fault.
    """
    stage = Stage(database.app_url, {"world": WORLD}, datetime(2026, 3, 2, 8, tzinfo=ZONE))
    assert all([stage.step(n, step)["ok"] for n, step in enumerate(STEPS)])
    moved = [row | {"parent": OTHER} for row in ORGANISATIONS if row["code"] == COMMUNITY]
    load_rows(
        stage.app.worker, "organisations", moved, stage.app.clock, Hooks(movers=[follow_tree])
    )
    told = stage.step(
        9, {"at": "2026-03-06T09:00:00+08:00", "by": STREET, "do": "accept", "case": "A"}
    )
    stage.app.close()
    assert told["refused"]["status"] == 404
