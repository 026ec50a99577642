"""The clock: away for a week it catches up once; stepping back or forth it does nothing twice and
leaves nothing out.
"""

from __future__ import annotations

from datetime import date, datetime

import pytest

from services.cases.deadlines import clock as case_clock
from services.cases.deadlines import tasks as deadlines
from services.cases.deadlines.recount import recompute_deadlines
from services.cases.model import states
from services.cases.model.case import Step
from services.cases.routing.rule_source import default_rules
from services.cases.store import tables
from services.cases.store.tables import Change
from services.kit.bus.event_log import Message
from services.kit.clock import ZONE
from services.notifier.handlers import notifier
from services.registry.load import load_rows
from tests.cases.cast import BRANCH, NOW, UNIT, case_in

GROUND = default_rules()


class Turned:
    """A clock that goes wherever it is put, as a machine's may after a repair."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def put(self, day: str, time: str = "09:00") -> None:
        self._now = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZONE)


@pytest.fixture
def turned() -> Turned:
    return Turned(NOW)


@pytest.fixture
def letter(worker, turned):
    """A letter of today that is good until 4 April; its member's last sign of life is old."""
    case = case_in(states.ANNOUNCED).replace(
        state=states.LETTER_ISSUED,
        seq=0,
        asks=[],
        accepted_on=None,
        receiver=None,
        letter_number="L1",
        letter_issued_on=date(2026, 3, 5),
        letter_expires_on=date(2026, 4, 4),
        letter_status="valid",
        letters=1,
        first_issued_on=date(2026, 3, 5),
        entered_at=NOW,
        counted_from=NOW.date(),
    )
    with worker.begin() as tx:
        context = GROUND.context(tx, NOW)
        tables.write(
            tx,
            [
                Change(
                    None,
                    deadlines.settle(case, context),
                    [Step("open_backlog", None, states.LETTER_ISSUED, UNIT)],
                )
            ],
            context,
        )
        tx.exec_driver_sql(
            "SELECT member_signs(%s::json)", ('[{"member": "m1", "life": "2025-12-30"}]',)
        )
    settle(worker, turned)
    return case.id


def settle(worker, turned) -> int:
    return case_clock.tick(worker, turned, GROUND)


def standing(worker) -> dict[tuple[str, str], date]:
    with worker.connect() as tx:
        found = tx.exec_driver_sql(
            "SELECT kind, organisation, due_on, coalesce(case_id::text, member) FROM task WHERE "
            "closed_at IS NULL"
        ).all()
    assert len({(row[0], row[1], row[3]) for row in found}) == len(found), (
        "of a kind the newest stands alone"
    )
    return {(row.kind, row.organisation): row.due_on for row in found}


def messages(worker) -> list[tuple[str, str]]:
    with worker.connect() as tx:
        return [
            tuple(row)
            for row in tx.exec_driver_sql(
                "SELECT topic, coalesce(body ->> 'command', 'tasks') FROM event_log ORDER BY id"
            )
        ]


def history(worker) -> list[str]:
    with worker.connect() as tx:
        return tx.exec_driver_sql("SELECT command FROM case_event ORDER BY seq").scalars().all()


def test_a_week_away_is_caught_up_in_one_look_and_one_message_each(worker, turned, letter):
    before = len(messages(worker))
    turned.put("2026-04-20")
    assert settle(worker, turned) == 2, "one case, one member"
    assert history(worker) == ["open_backlog", "expire"]
    new = messages(worker)[before:]
    assert sorted(new) == [("cases", "expire"), ("tasks", "tasks")], (
        "a notice for the case, one for the member"
    )
    kinds = {kind for kind, _ in standing(worker)}
    assert kinds == {"reissue_window", "organisation_life", "expected"}
    for _ in range(7):
        assert settle(worker, turned) == 0
    assert messages(worker)[before:] == new


def test_seven_days_away_are_the_same_as_seven_looks(worker, turned, letter):
    for day in range(21, 28):
        turned.put(f"2026-03-{day}")
        settle(worker, turned)
    daily = standing(worker)
    assert ("validity", UNIT) in daily and daily["arrival_silence", UNIT] == date(2026, 3, 27)
    with worker.begin() as tx:
        context = GROUND.context(tx, turned.now())
        case = tables.load(tx, [letter])[letter]
        assert {(t.kind, t.organisation): t.due_on for t in deadlines.tasks(case, context)} == {
            key: due
            for key, due in daily.items()
            if key[0] not in ("organisation_life", "six_months")
        }


def test_those_concerned_are_written_to_once_after_a_week_away(worker, turned, letter):
    load_rows(
        worker,
        "contacts",
        [
            {"organisation": code, "name": "联系人", "post": "secretary", "channel": "portal"}
            for code in (UNIT, BRANCH)
        ],
        turned,
    )
    turned.put("2026-04-20")
    settle(worker, turned)
    with worker.begin() as tx:
        found = tx.exec_driver_sql(
            "SELECT event_id, topic, type, key, time, body FROM event_log ORDER BY id"
        ).all()
        notifier(turned, {"portal"})(
            tx, [Message(r[0], r[1], r[2], r[3], r[4], r[5]) for r in found[-2:]]
        )
        told = tx.exec_driver_sql(
            "SELECT organisation, kind, count(*) FROM notice GROUP BY 1, 2"
        ).all()
    assert {(BRANCH, "organisation_life", 1), (UNIT, "reissue_window", 1)} <= {
        tuple(row) for row in told
    }
    assert all(count == 1 for _, _, count in told), told


def test_a_clock_that_steps_back_takes_nothing_back_and_repeats_nothing(worker, turned, letter):
    turned.put("2026-04-05")
    settle(worker, turned)
    told, done = messages(worker), history(worker)
    for day in ("2026-03-29", "2026-04-04", "2026-04-05"):
        turned.put(day)
        settle(worker, turned)
        assert (messages(worker), history(worker)) == (told, done)


def test_a_clock_that_jumps_ahead_and_back_skips_nothing(worker, turned, letter):
    turned.put("2026-03-25", "00:00")
    settle(worker, turned)
    assert standing(worker)["validity", UNIT] == date(2026, 4, 4)
    turned.put("2026-03-22")
    settle(worker, turned)
    turned.put("2026-04-04", "23:59")
    settle(worker, turned)
    assert history(worker) == ["open_backlog"], "good through the end of its last day"
    turned.put("2026-04-05", "00:00")
    settle(worker, turned)
    assert history(worker) == ["open_backlog", "expire"]


def test_a_new_calendar_moves_what_is_open_of_cases_and_members_and_says_so(worker, turned, letter):
    turned.put("2026-03-30")
    settle(worker, turned)
    case = case_in(states.TRIAGED).replace(
        id="22222222-2222-4222-8222-222222222222",
        seq=0,
        member="m2",
        asks=[],
        accepted_on=None,
        counted_from=date(2026, 3, 30),
        entered_at=turned.now(),
    )
    with worker.begin() as tx:
        context = GROUND.context(tx, turned.now())
        tables.write(
            tx,
            [
                Change(
                    None,
                    deadlines.settle(case, context),
                    [
                        Step("open", None, "announced", UNIT),
                        Step("match", "announced", "triaged", None),
                    ],
                )
            ],
            context,
        )
    before = standing(worker)
    assert (before["destination", BRANCH], before["organisation_life", BRANCH]) == (
        date(2026, 4, 14),
        date(2026, 4, 7),
    )
    load_rows(
        worker, "calendar", [{"day": f"2026-04-0{n}", "kind": "holiday"} for n in (1, 2, 3)], turned
    )
    moved = recompute_deadlines(worker, turned, GROUND)
    assert (case.id, date(2026, 4, 14), date(2026, 4, 16)) in moved, moved
    assert ("m1", date(2026, 4, 7), date(2026, 4, 9)) in moved
    after = standing(worker)
    assert (after["destination", BRANCH], after["organisation_life", BRANCH]) == (
        date(2026, 4, 16),
        date(2026, 4, 9),
    )
    assert recompute_deadlines(worker, turned, GROUND) == [], "the same list again moves nothing"
    assert after["validity", UNIT] == date(2026, 4, 4), "what is printed on a letter stays"
