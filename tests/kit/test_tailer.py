"""The embedded shell reads the log whole, in order, and goes on after whatever happened."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest

from services.kit.bus import dead_letters
from services.kit.bus.event_log import record
from services.kit.bus.inbox import TooMuchPoison
from services.kit.bus.tailer import Tailers
from services.kit.clock import TurnedClock
from services.kit.db.engine import connect, rows
from tests.kit.toy import NOON, effects, message, refusing, subscription, write

CLOCK = TurnedClock(NOON)


def log(engine, *messages) -> None:
    with engine.begin() as tx:
        record(tx, messages)


def eventually(what, seconds: float = 20.0) -> None:
    limit = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < limit, "it did not come to pass"
        time.sleep(0.01)


@contextmanager
def closing_engine(url: str):
    engine = connect(url, "guidui_worker")
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def running(tailers: Tailers):
    tailers.start()
    try:
        yield tailers
    finally:
        tailers.stop()


def test_what_is_recorded_takes_effect_in_its_order(engine):
    log(engine, *[message(n, key=f"k{n % 3}") for n in range(1200)])
    tailers = Tailers(engine, [subscription()], CLOCK)
    assert tailers.drain() == 1200
    assert effects(engine) == list(range(1200))
    assert tailers.drain() == 0


def test_a_message_recorded_twice_stands_once_in_the_log(engine):
    once = message(1)
    log(engine, once, once)
    log(engine, once)
    assert Tailers(engine, [subscription()], CLOCK).drain() == 1


def test_a_consumer_of_two_topics_takes_both_in_the_logs_order_and_no_third(engine):
    log(engine, *[message(n, topic=("toys", "games", "others")[n % 3]) for n in range(30)])
    Tailers(engine, [subscription(topics=("toys", "games"))], CLOCK, batch_rows_max=7).drain()
    assert effects(engine) == [n for n in range(30) if n % 3 != 2]


def test_a_slow_transaction_that_began_first_is_not_passed_over(engine):
    tailers = Tailers(engine, [subscription()], CLOCK)
    with engine.begin() as slow:
        record(slow, [message(1)])
        log(engine, message(2))
        assert tailers.tailers[0].step() == 0
    assert tailers.drain() == 2
    assert effects(engine) == [1, 2]


def test_drain_waits_for_what_an_open_transaction_hides(engine):
    tailers = Tailers(engine, [subscription()], CLOCK)
    slow = engine.connect()
    slow.exec_driver_sql("SELECT pg_current_xact_id()")
    log(engine, message(1))
    threading.Timer(0.3, slow.close).start()
    assert tailers.drain() == 1


def test_a_handlers_messages_are_taken_in_the_same_drain(engine):
    def first(tx, messages):
        record(tx, [message(m.body["n"] + 100, topic="games") for m in messages])

    log(engine, message(1), message(2))
    tailers = Tailers(
        engine, [subscription(write, ("games",), "second"), subscription(first)], CLOCK
    )
    assert tailers.drain() == 4
    assert effects(engine) == [101, 102]


def test_a_commit_wakes_the_thread(engine):
    with running(Tailers(engine, [subscription()], CLOCK)) as tailers:
        for n in range(20):
            log(engine, message(n))
            eventually(lambda n=n: effects(engine)[-1:] == [n])
        assert tailers.unready() == {}


def test_cursor_and_effects_stand_or_fall_together(engine):
    """A commit that fails leaves the cursor; the same batch comes again."""
    log(engine, message(1))
    failing = Tailers(engine, [subscription(refusing(1))], CLOCK)
    failing.drain()
    with engine.begin() as tx:  # the desk has it, so the cursor has moved
        assert len(dead_letters.listed(tx)) == 1
    log(engine, *[message(n, key=f"k{n}") for n in range(2, 200)])
    poisoned = Tailers(engine, [subscription(refusing(*range(200)))], CLOCK)
    with pytest.raises(TooMuchPoison):
        poisoned.drain()
    with engine.begin() as tx:
        tx.exec_driver_sql("UPDATE consumer_state SET stopped_at = NULL")
    assert Tailers(engine, [subscription()], CLOCK).drain() == 198
    assert effects(engine) == list(range(2, 200))


def test_a_stopped_consumer_holds_up_no_other_and_goes_on_when_let(engine):
    log(engine, *[message(n, key=f"k{n}") for n in range(100)])
    cured = threading.Event()

    def handler(tx, messages):
        (write if cured.is_set() else refusing(*range(100)))(tx, messages)

    with running(
        Tailers(engine, [subscription(handler), subscription(write, consumer="other")], CLOCK)
    ) as tailers:
        eventually(lambda: "toy" in tailers.unready() and len(effects(engine)) == 100)
        cured.set()
        with engine.begin() as tx:
            tx.exec_driver_sql("UPDATE consumer_state SET stopped_at = NULL")
        eventually(lambda: len(effects(engine)) == 200 and not tailers.unready())


def test_two_readers_of_one_consumer_do_no_harm(engine):
    log(engine, *[message(n) for n in range(2000)])
    pair = [Tailers(engine, [subscription()], CLOCK, batch_rows_max=50) for _ in range(2)]
    threads = [threading.Thread(target=tailers.drain) for tailers in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert effects(engine) == list(range(2000))


def test_after_the_server_was_killed_everything_goes_on_by_itself(own_server):
    url = own_server.app_url()
    with (
        closing_engine(url) as before,
        closing_engine(url) as after,
        closing_engine(url) as its_own,
        running(Tailers(its_own, [subscription()], CLOCK)) as tailers,
    ):
        log(before, message(0))
        eventually(lambda: effects(before) == [0])
        own_server.process.kill()
        own_server.process.wait()
        own_server.restart()
        log(after, message(1))
        eventually(lambda: effects(after) == [0, 1])
        eventually(lambda: tailers.unready() == {})


def test_the_log_is_only_ever_appended_to(engine):
    log(engine, message(1))
    for statement in (
        "UPDATE event_log SET key = 'x'",
        "DELETE FROM event_log",
        "TRUNCATE event_log",
    ):
        with pytest.raises(Exception, match="permission denied"), engine.begin() as tx:
            tx.exec_driver_sql(statement)
    with engine.connect() as tx:
        assert rows(tx, "SELECT key, body, time FROM event_log") == [
            {"key": "k", "body": {"n": 1}, "time": NOON}
        ]
