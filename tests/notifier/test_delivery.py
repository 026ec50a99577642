"""The delivery loop: hand-over, retries, digest, quiet hours, caps, and death in the middle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from services.kit.clock import ZONE
from services.kit.db.engine import rows
from services.notifier import tables
from services.notifier.channels import ChannelError
from services.notifier.delivery import deliver_due
from services.notifier.policy import default_policy
from services.notifier.queries import handed_over_within
from tests.notifier.town import COMMUNITY, NEIGHBOUR, STREET, Postman


def deliver(town, postman, **options) -> int:
    return deliver_due(town.engine, town.clock, {"email": postman}, **options)


def later(town, **delta) -> None:
    town.clock.advance_to(town.clock.now() + timedelta(**delta))


@pytest.fixture
def secretary(town):
    return town.contact(COMMUNITY, "secretary@example.org")


def test_sent_seen_and_acted_are_three_facts(town, secretary):
    opened = town.opened(COMMUNITY, due_on=date(2026, 11, 27))
    town.hear(opened)
    postman = Postman()
    assert deliver(town, postman) == 1
    [notice] = town.notices(channel="email")
    assert notice["state"] == "sent" and notice["delivered_at"] == town.clock.now()
    assert notice["seen_at"] is None and notice["acted_at"] is None
    with town.engine.begin() as tx:
        tables.mark_seen(tx, notice["case_id"], COMMUNITY, town.clock.now())
    later(town, hours=1)
    with town.engine.begin() as tx:
        tables.mark_seen(tx, notice["case_id"], COMMUNITY, town.clock.now())
    town.hear(town.closed(opened))
    [notice] = town.notices(channel="email")
    assert notice["acted_at"] - notice["seen_at"] == timedelta(hours=1)
    [mail] = postman.taken
    assert (mail.id, mail.address) == (notice["mail"], "secretary@example.org")
    assert mail.subject == "请决定是否接收 1 名党员（应于 11月27日 前办理）"
    assert [a["outcome"] for a in town.attempts()] == ["sent"]
    assert deliver(town, postman) == 0


def test_ten_attempts_over_three_days_and_then_somebody_else_is_told(town, secretary):
    town.contact(STREET, "street@example.org")
    town.hear(town.opened(COMMUNITY))
    postman = Postman(*[ChannelError("busy") for _ in range(10)])
    started = town.clock.now()
    policy = replace(
        default_policy(), quiet_begins=datetime.max.time(), quiet_ends=datetime.min.time()
    )
    always = {"rests": lambda day: False, "policy": policy}
    for _ in range(10):
        assert deliver(town, postman, **always) == 1
        [notice] = town.notices(COMMUNITY, channel="email")
        town.clock.advance_to(max(town.clock.now(), notice["due_at"]))
    assert notice["state"] == "failed" and notice["attempts"] == 10
    assert abs(town.clock.now() - started - timedelta(hours=75, minutes=35)) < timedelta(hours=8)
    assert {n["because"] for n in town.notices(STREET)} == {"undelivered"}
    assert deliver(town, postman, **always) == 1
    assert [n.address for n in postman.taken] == ["street@example.org"]
    assert "没有送达" in postman.taken[0].text


def test_a_permanent_refusal_is_not_repeated_and_two_end_the_address(town, secretary):
    for bounces in (1, 2):
        town.hear(town.opened(COMMUNITY))
        deliver(town, Postman(ChannelError("no such user", permanent=True)))
        assert [n["state"] for n in town.notices(COMMUNITY, channel="email")] == [
            "failed"
        ] * bounces
        later(town, hours=1)
    town.hear(town.opened(COMMUNITY))
    assert len(town.notices(COMMUNITY, channel="email")) == 2
    assert [n["because"] for n in town.notices(STREET)][-1] == "bounced"


def test_a_success_makes_the_bounces_begin_anew(town):
    town.contact(COMMUNITY, "secretary@example.org", bounced=1)
    town.hear(town.opened(COMMUNITY))
    deliver(town, Postman())
    with town.engine.begin() as tx:
        assert rows(tx, "SELECT bounced_count FROM contact")[0]["bounced_count"] == 0


def test_the_other_side_may_ask_for_more_time(town, secretary):
    town.hear(town.opened(COMMUNITY))
    deliver(town, Postman(ChannelError("slow down", retry_after=timedelta(hours=2))))
    [notice] = town.notices(channel="email")
    assert notice["due_at"] == town.clock.now() + timedelta(hours=2)


def test_nothing_is_sent_for_a_task_that_is_done_though_the_message_is_still_under_way(
    town, secretary
):
    opened = town.opened(COMMUNITY)
    town.hear(opened)
    town.closed(opened)
    postman = Postman()
    deliver(town, postman)
    assert postman.taken == []
    assert [(n["state"], n["why"]) for n in town.notices(channel="email")] == [("not_sent", "done")]


def test_a_contact_whose_post_ended_after_the_notice_was_written_gets_nothing(town, secretary):
    town.contact(STREET, "street@example.org")
    town.hear(town.opened(COMMUNITY))
    with town.engine.begin() as tx:
        tx.exec_driver_sql("UPDATE contact SET until = '2026-11-22' WHERE id = %s", (secretary,))
    postman = Postman()
    deliver(town, postman)
    deliver(town, postman)
    assert [n.address for n in postman.taken] == ["street@example.org"]
    assert "任期已满" in postman.taken[0].text


def test_a_task_that_stands_again_is_sent_again_as_a_new_message(town, secretary):
    opened = town.opened(COMMUNITY)
    town.hear(opened)
    postman = Postman()
    deliver(town, postman)
    town.hear(town.closed(opened))
    later(town, hours=1)
    town.hear(town.opened_again(opened))
    deliver(town, postman)
    assert len({n.id for n in postman.taken}) == 2
    assert [a["outcome"] for a in town.attempts()] == ["sent", "sent"]


def test_many_notices_to_one_person_travel_as_one_message(town, secretary):
    town.contact(NEIGHBOUR, "neighbour@example.org")
    messages = [town.opened(COMMUNITY, due_on=date(2026, 11, 27)) for _ in range(30)]
    messages += [town.opened(COMMUNITY, "expected", "record_arrival") for _ in range(20)]
    town.hear(*messages, town.opened(NEIGHBOUR))
    postman = Postman()
    assert deliver(town, postman) == 2
    digest = next(n for n in postman.taken if n.address == "secretary@example.org")
    assert digest.subject == "有 50 项事情待办"
    assert "1. 决定是否接收 30 名党员，最早应于 11月27日 前办理" in digest.text
    assert "2. 准备接待将来报到的 20 名党员" in digest.text
    assert digest.text.count("党员，") == 1
    assert {n["state"] for n in town.notices(channel="email")} == {"sent"}


def test_soon_after_a_message_the_next_ones_are_gathered(town, secretary):
    postman = Postman()
    for _ in range(5):
        town.hear(town.opened(COMMUNITY))
        deliver(town, postman)
        later(town, minutes=1)
    assert len(postman.taken) == 1
    later(town, minutes=6)
    deliver(town, postman)
    assert [n.subject for n in postman.taken[1:]] == ["请决定是否接收 4 名党员"]


def test_a_repeated_message_keeps_its_id_and_its_notices(town, secretary):
    town.hear(*[town.opened(COMMUNITY) for _ in range(3)])
    postman = Postman(ChannelError("connection lost", unknown=True))
    deliver(town, postman)
    [attempt] = town.attempts()
    assert attempt["outcome"] == "unknown"
    later(town, seconds=10)
    town.hear(town.opened(COMMUNITY))
    deliver(town, postman)
    first = next(n for n in postman.taken if "3 名" in n.subject)
    assert first.id == attempt["mail"]


def test_a_process_that_dies_in_the_call_leaves_an_unknown_attempt_and_a_repetition(
    town, secretary
):
    class Killed(BaseException):
        pass

    class Deadly(Postman):
        def send(self, notice):
            self.taken.append(notice)
            raise Killed

    town.hear(town.opened(COMMUNITY))
    dying = Deadly()
    with pytest.raises(Killed):
        deliver(town, dying)
    [attempt] = town.attempts()
    assert attempt["outcome"] is None
    postman = Postman()
    later(town, minutes=4)
    assert deliver(town, postman) == 0
    later(town, minutes=2)
    assert deliver(town, postman) == 1
    assert postman.taken[0].id == dying.taken[0].id
    assert [a["outcome"] for a in town.attempts()] == ["unknown", "sent"]


def test_a_message_that_kills_every_process_steps_aside_in_the_end(town, secretary):
    town.hear(town.opened(COMMUNITY))
    with town.engine.begin() as tx:
        tx.exec_driver_sql("UPDATE notice SET attempts = 10 WHERE contact IS NOT NULL")
    postman = Postman()
    deliver(town, postman)
    assert postman.taken == []
    assert [n["state"] for n in town.notices(channel="email")] == ["failed"]
    assert [n["because"] for n in town.notices(STREET)] == ["undelivered"]


@pytest.mark.parametrize(
    "at,opens",
    [
        (datetime(2026, 11, 23, 21, 0), datetime(2026, 11, 24, 8, 0)),
        (datetime(2026, 11, 24, 7, 59), datetime(2026, 11, 24, 8, 0)),
        (datetime(2026, 11, 27, 22, 0), datetime(2026, 11, 30, 8, 0)),
        (datetime(2026, 11, 28, 12, 0), datetime(2026, 11, 30, 8, 0)),
    ],
)
def test_nobody_is_written_to_at_night_or_on_a_rest_day(town, secretary, at, opens):
    town.clock.advance_to(at.replace(tzinfo=ZONE))
    town.hear(town.opened(COMMUNITY))
    postman = Postman()
    assert deliver(town, postman) == 0
    assert [n["state"] for n in town.notices(channel="portal")] == ["sent"]
    town.clock.advance_to(opens.replace(tzinfo=ZONE))
    assert deliver(town, postman) == 1


def test_a_calendar_moves_rest_days_and_urgent_kinds_do_not_wait(town, secretary):
    town.clock.advance_to(datetime(2026, 11, 28, 12, 0, tzinfo=ZONE))  # a Saturday, worked
    town.hear(town.opened(COMMUNITY))
    assert deliver(town, Postman(), rests=lambda day: day == date(2026, 11, 30)) == 1
    town.clock.advance_to(datetime(2026, 11, 30, 12, 0, tzinfo=ZONE))
    town.hear(town.opened(COMMUNITY))
    assert deliver(town, Postman(), rests=lambda day: day == date(2026, 11, 30)) == 0
    with town.engine.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE notice SET urgent = true, due_at = %s WHERE state = 'waiting'",
            (town.clock.now(),),
        )
    assert deliver(town, Postman(), rests=lambda day: day == date(2026, 11, 30)) == 1


def test_a_channel_takes_no_more_than_its_cap(town):
    for n in range(7):
        town.contact(COMMUNITY, f"clerk{n}@example.org")
    town.hear(town.opened(COMMUNITY))
    policy = replace(default_policy(), caps={"email": [{"per": 60, "most": 3}]})
    postman = Postman()
    counts, started = [], town.clock.now()
    for _ in range(3):
        deliver(town, postman, policy=policy)
        counts.append(len(postman.taken))
        later(town, seconds=61)
    assert counts == [3, 6, 7]
    with town.engine.begin() as tx:
        shares = next(row for row in handed_over_within(tx, started) if row["channel"] == "email")
    assert (shares["within"], shares["notices"]) == (3, 7)
    assert 110 < shares["slowest_seconds"] < 130


def test_a_worker_that_is_off_for_a_week_sends_one_message(town, secretary):
    for _ in range(7):
        town.hear(town.opened(COMMUNITY))
        later(town, days=1)
    postman = Postman()
    deliver(town, postman)
    assert [n.subject for n in postman.taken] == ["请决定是否接收 7 名党员"]


def test_the_share_handed_over_within_ten_seconds(town, secretary):
    since = town.clock.now()
    town.hear(town.opened(COMMUNITY))
    later(town, seconds=4)
    deliver(town, Postman())
    late = town.opened(NEIGHBOUR)
    later(town, seconds=30)
    town.hear(late)
    with town.engine.begin() as tx:
        shares = {
            row["channel"]: (row["notices"], row["percent"])
            for row in handed_over_within(tx, since)
        }
    assert shares == {"email": (1, 100.0), "portal": (2, 50.0)}


def test_an_unexpected_fault_of_a_channel_is_loud_and_loses_nothing(town, secretary):
    class Broken(Postman):
        def send(self, notice):
            raise ZeroDivisionError

    town.hear(town.opened(COMMUNITY))
    with pytest.raises(ZeroDivisionError):
        deliver(town, Broken())
    later(town, seconds=10)
    postman = Postman()
    assert deliver(town, postman) == 1 and len(postman.taken) == 1


def test_processes_side_by_side_send_each_message_once(town):
    for n in range(40):
        town.contact(COMMUNITY if n % 2 else NEIGHBOUR, f"clerk{n}@example.org")
    town.hear(*[town.opened(code) for code in (COMMUNITY, NEIGHBOUR) for _ in range(3)])
    postman = Postman()

    def work() -> None:
        while deliver(town, postman, limit=3):
            pass

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result()
    assert sorted(n.address for n in postman.taken) == sorted(
        f"clerk{n}@example.org" for n in range(40)
    )
    assert all("3 名党员" in n.subject for n in postman.taken)
    assert {n["state"] for n in town.notices()} == {"sent"}


def test_one_message_that_cannot_be_handed_over_does_not_hold_up_the_others(town):
    class Picky(Postman):
        def send(self, notice):
            if notice.address == "b@example.org":
                raise ZeroDivisionError
            super().send(notice)

    for name in "abc":
        town.contact(COMMUNITY, f"{name}@example.org")
    town.hear(town.opened(COMMUNITY))
    postman = Picky()
    with pytest.raises(ZeroDivisionError):
        deliver(town, postman)
    assert {n.address for n in postman.taken} == {"a@example.org", "c@example.org"}
