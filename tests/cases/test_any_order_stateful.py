"""One person's events as they come in: new, joining, late, posted twice, corrected, withdrawn. What
stands is the same as if they had come in the order of their times, or in the opposite one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.intake.parse import parse
from services.intake.store import accept
from services.registry.access import Caller
from services.registry.directory import Directory
from tests.cases.cast import ASKED, BRANCH, COMMUNITY, NEIGHBOUR, NOW, ORIGIN_COUNTY, STREET, UNIT
from tests.cases.test_any_order import CIRCUMSTANCES, SECRET, Town, town  # noqa: F401

EVENTS_MAX = 6
SENDERS = st.sampled_from([UNIT, BRANCH, ORIGIN_COUNTY])
LATE = st.sampled_from(
    [timedelta(0), timedelta(minutes=1), timedelta(days=1), timedelta(days=40), timedelta(days=700)]
)
CATEGORIES = st.sampled_from(["relocation", "retirement", "layoff", "death", None])
PLACES = st.sampled_from([COMMUNITY, ASKED, None])
WHO = st.sampled_from(
    [{"member": "m1"}, {"name": "沈育文", "birth_date": "1966-03-20", "member": "m1"}]
)


class Arrivals(RuleBasedStateMachine):
    """Events arrive one by one in the order Hypothesis chooses; ``town`` is set by the test."""

    town: Town
    posted = Bundle("posted")

    def __init__(self) -> None:
        super().__init__()
        self.arrived: list[dict[str, Any]] = []
        self.tx = self.town.engine.connect()

    def arrive(self, event: dict[str, Any]) -> dict[str, Any]:
        self.arrived.append(event)
        self.town.matcher(self.tx, [self.town._post(self.tx, event)])
        return event

    def event(
        self,
        source: str,
        late: timedelta,
        data: dict[str, Any],
        kind: str = "guidui.departure.effective.v1",
    ) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": f"e{len(self.arrived)}",
            "type": kind,
            "time": (NOW - late).isoformat(),
            "source": f"urn:guidui:organisation:{source}",
            "data": data,
        }

    more = precondition(lambda self: len(self.arrived) < EVENTS_MAX)

    @more
    @rule(
        target=posted,
        source=SENDERS,
        late=LATE,
        who=WHO,
        category=CATEGORIES,
        place=PLACES,
        circumstances=st.sampled_from(CIRCUMSTANCES),
    )
    def leaves(self, source, late, who, category, place, circumstances):
        return self.arrive(
            self.event(
                source,
                late,
                {
                    "person": who,
                    "category": category,
                    "to": {"organisation": place},
                    "circumstances": circumstances,
                },
            )
        )

    @more
    @rule(target=posted, source=st.sampled_from([STREET, NEIGHBOUR]), late=LATE, who=WHO)
    def is_reported_by_a_host(self, source, late, who):
        return self.arrive(self.event(source, late, {"person": who}, "guidui.host.report.v1"))

    @more
    @rule(target=posted, wrong=posted, late=LATE, category=CATEGORIES, place=PLACES)
    def is_corrected(self, wrong, late, category, place):
        right = self.event(
            UNIT,
            late,
            {
                "person": {"member": "m1"},
                "category": category,
                "to": {"organisation": place},
                "corrects": wrong["id"],
            },
            wrong["type"],
        )
        return self.arrive(right | {"source": wrong["source"]})

    @more
    @rule(wrong=posted, late=LATE)
    def is_withdrawn(self, wrong, late):
        gone = self.event(UNIT, late, {"corrects": wrong["id"]}, "guidui.departure.withdrawn.v1")
        self.arrive(gone | {"source": wrong["source"]})

    @rule(again=posted)
    def is_posted_twice(self, again):
        code = again["source"].rpartition(":")[2]
        caller = Caller(code, Directory.of(self.tx).path(code), "sender")
        assert accept(self.tx, caller, [parse(again, SECRET, NOW)], NOW) == ["duplicate"]

    @invariant()
    def at_most_one_case_stands(self):
        standing = self.tx.exec_driver_sql(
            "SELECT count(*) FROM transfer_case WHERE member = 'm1' AND owner IS NOT NULL"
        ).scalar_one()
        assert standing <= 1

    def teardown(self) -> None:
        stands = self.town.standing(self.tx)
        self.tx.rollback()
        self.tx.close()
        in_order = sorted(self.arrived, key=lambda e: (e["time"], e["source"], e["id"]))
        assert self.town.arrive([[event] for event in in_order]) == stands
        assert self.town.arrive([[event] for event in reversed(in_order)]) == stands
        if self.arrived:
            assert self.town.arrive([self.arrived]) == stands, "all at once"


def test_whatever_comes_in_whatever_order_the_same_stands(town):  # noqa: F811
    class Here(Arrivals):
        pass

    Here.town = town
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=25,
            stateful_step_count=8,
            deadline=None,
            derandomize=True,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
