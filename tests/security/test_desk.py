"""Who runs the desk of what could not be handled: an administrator for its own tree, the
operator for all, and nobody else.
"""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from schemas.envelope import Message
from services.kit.bus import dead_letters
from services.kit.errors import Text
from services.portal.accounts import create_account
from services.portal.sessions import SESSION, open_session
from services.registry.access import create_key
from tests.portal.town import text
from tests.stories.county_service import BRANCH, COUNTY, ORIGIN_COUNTY, UNIT

NOBODYS = "nobody's"


@pytest.fixture
def letters(town) -> dict[str, int]:
    """One failed message of a unit's event, one of a case, one of a loop's row, one of which
    nobody knows whose it is.
    """
    town.leaves(0)
    with town.app.worker.begin() as tx:
        event = str(tx.exec_driver_sql("SELECT id FROM posted_event").scalar_one())
        bodies = {
            "event": ("departures", {"event": event}),
            "case": ("cases", {"case": str(uuid4()), "origin": BRANCH}),
            "row": ("loop", {"row": "m00001", "organisation": UNIT}),
            NOBODYS: ("departures", {"event": "?"}),
        }
        for name, (topic, body) in bodies.items():
            dead_letters.put(
                tx,
                "matcher",
                Message(uuid4(), topic, "t", name, town.clock.now(), body),
                Text(f"没有办成：{name}。", f"Failed: {name}."),
                town.clock.now(),
            )
        return {
            row.key: row.id for row in tx.exec_driver_sql("SELECT key, id FROM dead_letter").all()
        }


@pytest.fixture
def call(town, url):
    """A call with a key of an organisation; None: the operator's."""

    def call(organisation: str | None, method: str, path: str, **more) -> httpx.Response:
        with town.app.worker.begin() as tx:
            key = create_key(
                tx, organisation, "admin" if organisation else "operator", town.clock.now()
            )
        return httpx.request(method, url + path, headers={"Authorization": f"Bearer {key}"}, **more)

    return call


def shown(call, organisation: str | None) -> dict[str, str | None]:
    """What waits: the reason in English -> whose it is."""
    return {
        one["reason"]["en"]: one["organisation"]
        for one in call(organisation, "GET", "/v1/dead-letters").json()["items"]
    }


def test_an_administrator_sees_what_belongs_to_its_tree(call, letters):
    own = {"Failed: event.": UNIT, "Failed: case.": BRANCH, "Failed: row.": UNIT}
    assert shown(call, ORIGIN_COUNTY) == own and shown(call, COUNTY) == {}
    assert shown(call, None) == own | {"Failed: nobody's.": None}


def test_nobody_decides_about_anothers_letter(town, call, letters):
    path = f"/v1/dead-letters/{letters['event']}"
    foreign = call(COUNTY, "POST", path, json={"decision": "skip"})
    unknown = call(COUNTY, "POST", "/v1/dead-letters/4711", json={"decision": "skip"})
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json() | {"trace_id": ""} == unknown.json() | {"trace_id": ""}
    assert (
        call(
            ORIGIN_COUNTY, "POST", f"/v1/dead-letters/{letters[NOBODYS]}", json={"decision": "skip"}
        ).status_code
        == 404
    )
    assert call(ORIGIN_COUNTY, "POST", path, json={"decision": "skip"}).status_code == 200
    with town.app.worker.connect() as tx:
        state = tx.exec_driver_sql(
            "SELECT state FROM dead_letter WHERE id = %s", (letters["event"],)
        ).scalar_one()
        kept = tx.exec_driver_sql(
            "SELECT organisation, role, object, reference, detail FROM security_log "
            "WHERE event = 'operator_act'"
        ).all()
    assert state == "skipped" and kept == [
        (ORIGIN_COUNTY, "admin", "dead_letter", str(letters["event"]), "skip")
    ]


def test_consumers_are_the_operators(town, call):
    with town.app.worker.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO consumer_state (consumer, stopped_at, stopped_zh, stopped_en) "
            "VALUES ('matcher', %s, 'a', 'b')",
            (town.clock.now(),),
        )
    assert call(ORIGIN_COUNTY, "GET", "/v1/consumers").status_code == 403
    assert call(ORIGIN_COUNTY, "POST", "/v1/consumers/matcher/resume").status_code == 403
    assert [one["consumer"] for one in call(None, "GET", "/v1/consumers").json()["items"]] == [
        "matcher"
    ]
    assert call(None, "POST", "/v1/consumers/nobody/resume").status_code == 404
    assert call(None, "POST", "/v1/consumers/matcher/resume").status_code == 200
    assert call(None, "GET", "/v1/consumers").json()["items"] == []


@pytest.mark.parametrize(
    "path", ["/v1/cases", "/v1/alerts", "/v1/pool", "/v1/reviews", "/v1/audit", "/v1/floating"]
)
def test_an_operator_sees_no_persons(call, letters, path):
    assert call(None, "GET", path).status_code == 403


def test_an_operator_signs_in_to_the_desk_and_to_no_page_about_members(town, url, letters):
    with town.app.worker.begin() as tx:
        create_account(tx, None, "operator", "运维", town.clock.now(), "a-long-pass-2026")
        account = tx.exec_driver_sql(
            "SELECT id FROM account WHERE organisation IS NULL"
        ).scalar_one()
        cookie = open_session(tx, account, town.clock.now())
    with httpx.Client(base_url=url, cookies={SESSION: cookie}, follow_redirects=True) as operator:
        start = operator.get("/")
        assert (
            start.url.path == "/desk"
            and "没有办成：event" in text(start)
            and "没有办成：nobody" in text(start)
        )
        for path in (
            "/cases",
            "/department",
            "/pool",
            "/reviews",
            "/letters",
            "/rolls",
            "/double-reports",
            "/floating",
            "/departures/new",
            "/organisations",
            "/upkeep",
        ):
            assert operator.get(path).status_code == 403, path
