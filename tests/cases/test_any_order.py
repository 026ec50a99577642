"""Up to six events of one person, in any order of arrival, leave the same case (requirements
R5).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from services.addresses.gazetteer import Gazetteer
from services.cases.routing.rule_source import default_rules
from services.cases.store import tables
from services.intake.parse import parse
from services.intake.store import accept
from services.kit.bus.event_log import Message
from services.kit.clock import TurnedClock
from services.matcher.handlers import Matcher
from services.matcher.live_gazetteer import Addresses
from services.registry.access import Caller
from services.registry.directory import Directory
from tests.cases.cast import ASKED, BRANCH, COMMUNITY, NEIGHBOUR, NOW, ORIGIN_COUNTY, STREET, UNIT

SECRET = b"any order"
# what a case is once all events have arrived; not what tells the order itself (who opened it when)
STATED = (
    "state",
    "member",
    "category",
    "rule",
    "facts",
    "destination",
    "destination_source",
    "header",
    "area",
    "reports",
    "poster",
    "origin",
    "owner",
    "wait_organisation",
    "wait_act",
    "wait_due",
)
CIRCUMSTANCES = (
    {"unit_has_organisation": False},
    {"unit_has_organisation": True},
    {"months": 4},
    {"months": 24},
    {},
    {"place_fixed": False},
    {"lives_locally": False, "retiree_branch": False},
)


@st.composite
def histories(draw) -> list[dict[str, Any]]:
    """Up to six events of one person; corrections and withdrawals name an event of the same history
    and source.
    """
    events: list[dict[str, Any]] = []
    for number in range(draw(st.integers(2, 6))):
        kind = draw(st.sampled_from(["departure", "departure", "host", "correction", "withdrawal"]))
        earlier = [e for e in events if e["type"] != "guidui.departure.withdrawn.v1"]
        event = {
            "specversion": "1.0",
            "id": f"e{number}",
            "type": "guidui.departure.effective.v1",
            "source": "urn:guidui:organisation:"
            + draw(st.sampled_from([UNIT, BRANCH, ORIGIN_COUNTY])),
            "time": (NOW - timedelta(hours=draw(st.integers(0, 3)))).isoformat(),
        }
        data: dict[str, Any] = {"person": {"member": "m1", "name": "沈育文"}}
        if kind == "host":
            event |= {
                "type": "guidui.host.report.v1",
                "source": f"urn:guidui:organisation:{draw(st.sampled_from([STREET, NEIGHBOUR]))}",
            }
        elif kind == "withdrawal" and earlier:
            wrong = draw(st.sampled_from(earlier))
            event |= {"type": "guidui.departure.withdrawn.v1", "source": wrong["source"]}
            data = {"corrects": wrong["id"]}
        else:
            data |= {
                "category": draw(st.sampled_from(["relocation", "retirement", "job_change", None])),
                "to": {"organisation": draw(st.sampled_from([COMMUNITY, ASKED, None]))},
                "circumstances": draw(st.sampled_from(CIRCUMSTANCES)),
            }
            if kind == "correction" and earlier:
                wrong = draw(st.sampled_from(earlier))
                event |= {"source": wrong["source"], "type": wrong["type"]}
                data["corrects"] = wrong["id"]
        events.append(event | {"data": data})
    return events


class Town:
    """One database in which the same history arrives again and again; nothing is left behind by an
    arrival.
    """

    def __init__(self, engine: Engine, gazetteer: Gazetteer) -> None:
        self.engine = engine
        self.matcher = Matcher(TurnedClock(NOW), default_rules(), Addresses(gazetteer))

    def arrive(self, batches: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
        """What stands once the events arrived, batch after batch; rolled back afterwards."""
        with self.engine.connect() as tx:
            for batch in batches:
                messages = [self._post(tx, event) for event in batch]
                self.matcher(tx, messages)
            told = self.standing(tx)
            tx.rollback()
        return told

    def standing(self, tx: Connection) -> list[dict[str, Any]]:
        """The open case of the person, as far as it does not tell the order in which the events
        came.
        """
        found = tx.exec_driver_sql(
            "SELECT id::text FROM transfer_case WHERE member = 'm1' AND owner IS NOT NULL"
        )
        cases = tables.load(tx, found.scalars().all())
        return [{name: getattr(case, name) for name in STATED} for case in cases.values()]

    def _post(self, tx, event: dict[str, Any]) -> Message:
        posted = parse(event, SECRET, NOW)
        code = event["source"].rpartition(":")[2]
        outcome = accept(tx, Caller(code, Directory.of(tx).path(code), "sender"), [posted], NOW)[0]
        assert outcome == "accepted", outcome
        return Message(
            posted.id, "departures", "guidui.event.posted.v1", "k", NOW, {"event": str(posted.id)}
        )


@pytest.fixture
def town(worker, gazetteer) -> Town:
    return Town(worker, gazetteer)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_the_order_of_arrival_does_not_matter(town: Town, data):
    events = data.draw(histories())
    order = data.draw(st.permutations(events))
    cut = data.draw(st.integers(0, len(events)))
    in_order = town.arrive([[event] for event in events])
    assert town.arrive([[event] for event in order]) == in_order
    assert town.arrive([batch for batch in (order[:cut], order[cut:]) if batch]) == in_order


def test_the_history_means_something(town: Town):
    """The same machinery tells different histories apart."""
    one = {
        "specversion": "1.0",
        "id": "e0",
        "type": "guidui.departure.effective.v1",
        "time": NOW.isoformat(),
        "source": f"urn:guidui:organisation:{UNIT}",
        "data": {
            "person": {"member": "m1"},
            "category": "relocation",
            "to": {"organisation": COMMUNITY},
            "circumstances": {"unit_has_organisation": False},
        },
    }
    gone = one | {"id": "e1", "type": "guidui.departure.withdrawn.v1", "data": {"corrects": "e0"}}
    assert town.arrive([[one]])[0]["destination"] == COMMUNITY
    assert (
        town.arrive([[one], [gone]])
        == town.arrive([[gone], [one]])
        == town.arrive([[gone, one]])
        == []
    )
