"""Overdue prompts climb one level, once, from midnight of the day after the due day."""

from __future__ import annotations

from datetime import date, datetime

from services.kit.clock import ZONE
from services.notifier.delivery import deliver_due
from services.notifier.escalation import climb_overdue, settle_closed
from tests.notifier.town import COMMUNITY, DISTRICT, STREET, Postman


def climb(town) -> int:
    return climb_overdue(town.engine, town.clock, {"portal": None, "email": None})


def test_the_day_after_the_due_day_the_level_above_is_told_once(town):
    town.contact(COMMUNITY, "secretary@example.org")
    town.contact(STREET, "street@example.org")
    town.contact(DISTRICT, "district@example.org")
    town.hear(town.opened(COMMUNITY, due_on=date(2026, 11, 24)))
    town.clock.advance_to(datetime(2026, 11, 24, 23, 59, tzinfo=ZONE))
    assert climb(town) == 0
    town.clock.advance_to(datetime(2026, 11, 25, 0, 0, tzinfo=ZONE))
    assert (climb(town), climb(town)) == (1, 0)
    told = {(n["recipient"], n["channel"], n["because"]) for n in town.notices(stage="overdue")}
    assert told == {
        (COMMUNITY, "portal", None),
        (COMMUNITY, "email", None),
        (STREET, "portal", "overdue"),
        (STREET, "email", "overdue"),
    }
    town.clock.advance_to(datetime(2026, 11, 26, 9, 0, tzinfo=ZONE))
    postman = Postman()
    deliver_due(town.engine, town.clock, {"email": postman})
    street = next(n for n in postman.taken if n.address == "street@example.org")
    assert street.subject == "已逾期 2 天：「中共十里堡南里社区委员会」决定是否接收 1 名党员"
    assert "请督促办理" in street.text


def test_who_stands_at_the_top_is_reminded_alone(town):
    town.hear(town.opened(DISTRICT, "ruling", "rule", date(2026, 11, 20)))
    assert (climb(town), climb(town)) == (1, 0)
    assert [n["recipient"] for n in town.notices(stage="overdue")] == [DISTRICT]


def test_what_only_informs_and_what_is_done_does_not_climb(town):
    done = town.opened(COMMUNITY, due_on=date(2026, 11, 20))
    town.hear(done, town.opened(COMMUNITY, "expected", "record_arrival", date(2026, 11, 20)))
    town.hear(town.closed(done))
    assert climb(town) == 0


def test_a_notice_written_while_its_task_was_closed_is_settled(town):
    opened = town.opened(COMMUNITY)
    town.hear(opened)
    town.closed(opened)
    assert settle_closed(town.engine, town.clock) == 1
    assert town.notices()[0]["acted_at"] == town.clock.now()
