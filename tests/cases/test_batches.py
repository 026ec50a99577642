"""A batch of people: announced ahead, one command for all, each member's outcome, paused, resumed,
begun on its day.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from services.cases.commands import batches
from services.cases.commands.apply import Acting, GivenCommand, apply
from services.cases.deadlines import clock as case_clock
from services.cases.routing.rule_source import default_rules
from services.cases.store import tables
from services.intake.parse import parse
from services.intake.store import accept
from services.kit.bus.event_log import Message
from services.kit.clock import ZONE, TurnedClock
from services.kit.errors import Refused
from services.matcher.handlers import Matcher
from services.matcher.live_gazetteer import Addresses
from services.registry.access import Caller
from services.registry.directory import Directory
from services.registry.load import load_rows
from tests.cases.cast import BRANCH, COMMUNITY, NEIGHBOUR, NOW, UNIT

PEOPLE = 7
GROUND = default_rules()


class Cohort:
    """A class of seven, announced by the unit in one event months ahead; the fourth has nowhere to
    go yet.
    """

    def __init__(self, web, worker, clock: TurnedClock, gazetteer) -> None:
        self.web, self.worker, self.clock = web, worker, clock
        load_rows(
            worker,
            "members",
            [
                {
                    "member": f"g{n}",
                    "name": f"毕业{n}",
                    "sex": "female",
                    "birth_date": f"2003-0{n + 1}-02",
                    "status": "full",
                    "standing": "normal",
                    "organisation": BRANCH,
                }
                for n in range(PEOPLE + 1)
            ],
            clock,
        )
        self.matcher = Matcher(clock, GROUND, Addresses(gazetteer))
        self.announce("class-2026", range(PEOPLE))
        with worker.begin() as tx:
            self.parent = tx.exec_driver_sql(
                "SELECT id::text FROM transfer_case WHERE state = 'bulk_open'"
            ).scalar_one()

    def announce(self, ident: str, numbers) -> None:
        """One event of the batch."""
        event = {
            "specversion": "1.0",
            "id": ident,
            "type": "guidui.graduation.batch.v1",
            "time": NOW.isoformat(),
            "source": f"urn:guidui:organisation:{UNIT}",
            "data": {
                "effective_on": "2026-06-30",
                "batch": "2026",
                "circumstances": {"has_job": True, "unit_has_organisation": True},
                "persons": [
                    {
                        "person": {"member": f"g{n}", "name": f"毕业{n}"},
                        "to": {"organisation": None if n == 3 else COMMUNITY},
                    }
                    for n in numbers
                ],
            },
        }
        with self.worker.begin() as tx:
            posted = parse(event, b"s", NOW)
            assert accept(tx, self.caller(tx, UNIT), [posted], NOW) == ["accepted"]
            self.matcher(
                tx,
                [
                    Message(
                        posted.id,
                        "departures",
                        "guidui.event.posted.v1",
                        "k",
                        NOW,
                        {"event": str(posted.id)},
                    )
                ],
            )

    def caller(self, tx, code: str) -> Caller:
        return Caller(code, Directory.of(tx).path(code), "receiver")

    def give(self, command: str, by: str = UNIT, case: str | None = None, **args) -> dict:
        with self.worker.connect() as tx:
            caller = self.caller(tx, by)
        acting = Acting(caller, self.clock.now(), GROUND, "赵敏")
        with self.web.begin() as tx:
            return apply(tx, acting, GivenCommand(case or self.parent, command, args))

    def tick(self) -> int:
        return case_clock.tick(self.worker, self.clock, GROUND)

    def states(self) -> dict[str, int]:
        with self.worker.connect() as tx:
            return batches.by_state(tx, self.parent)

    def orders(self) -> list[dict]:
        with self.worker.connect() as tx:
            return batches.orders(tx, self.parent)

    def children(self, **chosen) -> list:
        with self.worker.connect() as tx:
            return list(batches.children(tx, self.parent, **chosen))


@pytest.fixture
def cohort(web, worker, clock, gazetteer) -> Cohort:
    made = Cohort(web, worker, clock, gazetteer)
    made.tick()
    return made


def test_a_cohort_announced_in_march_is_expected_at_once(cohort, worker):
    assert cohort.states() == {"triaged": PEOPLE}
    with worker.connect() as tx:
        expected = tx.exec_driver_sql(
            "SELECT count(*) FROM task WHERE kind = 'expected' AND organisation = %s "
            "AND closed_at IS NULL",
            (COMMUNITY,),
        ).scalar_one()
        effective = (
            tx.exec_driver_sql(
                "SELECT DISTINCT facts ->> 'effective_on' FROM transfer_case "
                "WHERE parent IS NOT NULL"
            )
            .scalars()
            .all()
        )
    assert expected == PEOPLE - 1 and effective == ["2026-06-30"]


def test_one_command_is_given_to_all_and_each_outcome_is_told(cohort):
    view = cohort.give(
        "give_to_all", order="confirm_destination", **{"with": {"member_informed": True}}
    )
    assert view["state"] == "bulk_open" and view["history"][-1]["reason"] == "confirm_destination"
    assert cohort.tick() == PEOPLE
    assert cohort.states() == {"triaged": 1, "destination_confirmed": PEOPLE - 1}
    [order] = cohort.orders()
    assert (order["command"], order["done"], order["refused"]) == (
        "confirm_destination",
        PEOPLE - 1,
        1,
    )
    assert order["done_at"] is not None
    [failed] = cohort.children(seq=order["seq"], refused=True)
    assert (
        failed.position == 3 and failed.status == 422 and "organisation" in failed.zh and failed.en
    )
    assert sorted(c.position for c in cohort.children()) == list(range(PEOPLE))
    assert cohort.tick() == 0, "an order is carried out once"


def test_who_may_not_act_for_a_member_may_not_by_the_batch(cohort):
    cohort.give("give_to_all", order="issue_letter", **{"with": {"channel": "system"}})
    cohort.tick()
    assert {c.status for c in cohort.children(seq=cohort.orders()[0]["seq"])} == {409}, (
        "nobody has been submitted yet"
    )
    assert cohort.states() == {"triaged": PEOPLE}
    with pytest.raises(Refused) as refused:
        cohort.give("give_to_all", by=NEIGHBOUR, order="note", **{"with": {"text": "x"}})
    assert refused.value.status == 404
    with pytest.raises(Refused) as refused:
        cohort.give(
            "give_to_all",
            by=UNIT,
            case=cohort.children()[0].id,
            order="note",
            **{"with": {"text": "x"}},
        )
    assert refused.value.status == 409


def test_a_paused_batch_waits_between_two_waves_and_goes_on(cohort, monkeypatch):
    monkeypatch.setattr(batches, "WAVE_CASES_MAX", 3)
    cohort.give("give_to_all", order="note", **{"with": {"text": "已通知本人"}})
    with cohort.worker.begin() as tx:
        assert batches.wave(tx, cohort.clock.now(), GROUND) == 3
    cohort.give("pause")
    assert (
        cohort.tick() == 0
        and cohort.orders()[0]["done"] == 3
        and cohort.orders()[0]["done_at"] is None
    )
    cohort.give("resume")
    while cohort.tick():
        pass
    assert cohort.orders()[0]["done"] == PEOPLE and cohort.orders()[0]["done_at"]


def test_who_joins_the_batch_while_an_order_runs_is_taken_along(cohort, monkeypatch):
    monkeypatch.setattr(batches, "WAVE_CASES_MAX", 6)
    cohort.give("give_to_all", order="note", **{"with": {"text": "已通知本人"}})
    with cohort.worker.begin() as tx:
        assert batches.wave(tx, cohort.clock.now(), GROUND) == 6
    cohort.announce("class-2026-b", [PEOPLE])
    while cohort.tick():
        pass
    assert cohort.orders()[0]["done"] == PEOPLE + 1 and cohort.orders()[0]["done_at"]


def test_an_order_with_a_day_starts_on_that_day(cohort):
    cohort.give(
        "give_to_all", order="note", start_on="2026-06-20", **{"with": {"text": "离校在即"}}
    )
    assert cohort.tick() == 0 and cohort.orders()[0]["start_on"] == "2026-06-20"
    day = datetime(2026, 6, 20, tzinfo=ZONE)
    with cohort.worker.connect() as tx:
        assert case_clock.next_at(tx, day - timedelta(minutes=1)) == day
    cohort.clock.advance_to(day - timedelta(seconds=1))
    cohort.tick()
    assert cohort.orders()[0]["done"] == 0
    cohort.clock.advance_to(day)
    cohort.tick()
    assert cohort.orders()[0]["done"] == PEOPLE


def test_the_batch_closes_when_its_last_member_is_settled(cohort, worker):
    cohort.give("give_to_all", order="close", **{"with": {"reason": "stay"}})
    cohort.tick()
    assert cohort.states() == {"closed_without_move": PEOPLE}
    with worker.connect() as tx:
        assert tables.load(tx, [cohort.parent])[cohort.parent].state == "bulk_closed"


def test_those_who_may_not_see_the_batch_do_not_see_its_outcomes(cohort, web):
    from services.cases.views.queries import look_at_cases

    cohort.give("give_to_all", order="note", **{"with": {"text": "x"}})
    cohort.tick()
    for code, seen in ((UNIT, PEOPLE), (NEIGHBOUR, 0)):
        with web.begin() as tx:
            with cohort.worker.connect() as other:
                look_at_cases(tx, cohort.caller(other, code))
            assert tx.exec_driver_sql("SELECT count(*) FROM batch_outcome").scalar_one() == seen
