"""An effect happens once; what fails alone steps aside, with its reason, and does not hold up the
others.
"""

from __future__ import annotations

import threading

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from services.kit.bus import dead_letters
from services.kit.bus.consumer import Consumer, is_stopped, resume
from services.kit.bus.inbox import Limits, TooMuchPoison, deliver
from services.kit.clock import TurnedClock
from services.kit.db.engine import rows
from services.kit.errors import Refused, Text
from tests.kit.toy import BAD, NOON, effects, message, refusing, subscription, write

CLOCK = TurnedClock(NOON)


def desk(engine, state="open"):
    with engine.connect() as tx:
        return dead_letters.listed(tx, state)


def parked(engine) -> list[int]:
    with engine.connect() as tx:
        return [row["body"]["n"] for row in rows(tx, "SELECT body FROM parked ORDER BY position")]


def test_a_message_delivered_again_has_no_second_effect(engine):
    batch = [message(n) for n in range(5)]
    deliver(engine, "toy", batch, write, clock=CLOCK)
    deliver(engine, "toy", batch[2:] + [message(5)], write, clock=CLOCK)
    assert effects(engine) == [0, 1, 2, 3, 4, 5]


def test_a_message_twice_in_one_batch_has_one_effect(engine):
    once, other = message(1), message(2)
    deliver(engine, "toy", [once, other, once], write, clock=CLOCK)
    assert effects(engine) == [1, 2]


def test_two_consumers_each_take_effect_once(engine):
    batch = [message(1)]
    deliver(engine, "toy", batch, write, clock=CLOCK)
    deliver(engine, "other", batch, write, clock=CLOCK)
    assert effects(engine) == [1, 1]


def test_owners_of_one_partition_at_once_have_one_effect(engine):
    batch = [message(n) for n in range(200)]
    shells = [
        threading.Thread(
            target=deliver, args=(engine, "toy", order, write), kwargs={"clock": CLOCK}
        )
        for order in (batch, batch[::-1], batch, batch[::-1])
    ]
    for shell in shells:
        shell.start()
    for shell in shells:
        shell.join()
    assert sorted(effects(engine)) == list(range(200))


def test_the_one_that_fails_goes_to_the_desk_with_its_reason_and_the_rest_take_effect(engine):
    batch = [message(n, key=f"k{n}") for n in range(10)]
    deliver(engine, "toy", batch, refusing(7), clock=CLOCK)
    assert effects(engine) == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    [letter] = desk(engine)
    assert letter["event_id"] == batch[7].id and letter["body"] == {"n": 7} and letter["at"] == NOON
    assert (letter["reason_zh"], letter["reason_en"]) == BAD


def test_later_messages_of_its_key_wait_behind_a_dead_letter_and_other_keys_do_not(engine):
    deliver(
        engine, "toy", [message(7, "a"), message(8, "a"), message(9, "b")], refusing(7), clock=CLOCK
    )
    deliver(engine, "toy", [message(10, "a"), message(11, "b")], refusing(7), clock=CLOCK)
    assert effects(engine) == [9, 11]
    assert parked(engine) == [8, 10]
    assert desk(engine)[0]["parked"] == 2


def test_a_fault_in_the_program_is_told_by_type_and_place_never_by_its_text(engine):
    def faulty(tx, messages):
        raise ValueError("王小明 110101199003070134")

    deliver(engine, "toy", [message(1)], faulty, clock=CLOCK)
    [letter] = desk(engine)
    assert "ValueError" in letter["reason_en"] and "test_deliver.py" in letter["reason_en"]
    assert "王小明" not in str(dict(letter)) and "1101" not in str(dict(letter))


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("x", {}, psycopg.OperationalError("server closed the connection")),
        OperationalError("x", {}, psycopg.errors.DeadlockDetected()),
        psycopg.errors.AdminShutdown(),
    ],
)
def test_a_database_that_is_away_is_nobodys_fault_and_nothing_is_written(engine, error):
    def unlucky(tx, messages):
        write(tx, messages)
        raise error

    with pytest.raises(type(error)):
        deliver(engine, "toy", [message(1)], unlucky, clock=CLOCK)
    assert effects(engine) == [] and desk(engine) == []
    deliver(engine, "toy", [message(1)], write, clock=CLOCK)
    assert effects(engine) == [1]


def test_a_retry_that_succeeds_lets_the_parked_ones_follow_in_their_order(engine):
    deliver(
        engine, "toy", [message(7, "a"), message(8, "a"), message(9, "a")], refusing(7), clock=CLOCK
    )
    [letter] = desk(engine)
    assert dead_letters.retry(engine, letter["id"], [subscription(refusing(7))], CLOCK) == BAD
    assert desk(engine)[0]["attempts"] == 2
    assert dead_letters.retry(engine, letter["id"], [subscription()], CLOCK) is None
    assert effects(engine) == [7, 8, 9] and parked(engine) == []
    assert desk(engine) == [] and desk(engine, "retried")[0]["decided_at"] == NOON
    deliver(engine, "toy", [message(10, "a")], write, clock=CLOCK)
    assert effects(engine) == [7, 8, 9, 10]


def test_a_skip_lets_the_parked_ones_follow_until_one_fails_again(engine):
    deliver(engine, "toy", [message(n, "a") for n in (7, 8, 9, 10)], refusing(7, 9), clock=CLOCK)
    dead_letters.skip(engine, desk(engine)[0]["id"], [subscription(refusing(7, 9))], CLOCK)
    assert effects(engine) == [8] and parked(engine) == [10]
    assert [row["body"]["n"] for row in desk(engine)] == [9]


def test_what_the_desk_cannot_do_it_says(engine):
    deliver(engine, "toy", [message(7)], refusing(7), clock=CLOCK, keeps_body=False)
    [letter] = desk(engine)
    assert letter["body"] is None and letter["key"] is None
    with pytest.raises(Refused) as refused:
        dead_letters.retry(engine, letter["id"], [subscription()], CLOCK)
    assert refused.value.code == "body-not-kept"
    dead_letters.skip(engine, letter["id"], [subscription()], CLOCK)
    with pytest.raises(Refused) as refused:
        dead_letters.skip(engine, letter["id"], [subscription()], CLOCK)
    assert refused.value.status == 409
    with pytest.raises(Refused) as refused:
        dead_letters.skip(engine, 4711, [subscription()], CLOCK)
    assert refused.value.status == 404


def test_when_nearly_everything_fails_the_consumer_stops_and_nothing_is_thrown_away(engine):
    consumer = Consumer(engine, subscription(refusing(*range(1000))), CLOCK)
    with pytest.raises(TooMuchPoison):
        consumer.take([message(n, key=f"k{n}") for n in range(200)])
    assert desk(engine) == [] and effects(engine) == []
    assert is_stopped(engine, "toy") and not consumer.may_run()
    assert isinstance(consumer.unready(), Text)
    resume(engine, "toy")
    assert consumer.may_run() and consumer.unready() is None


def test_one_bad_message_in_five_is_the_limit(engine):
    limits = Limits()
    limits.add([False] * 400 + [True] * 100)
    assert limits.exceeded_by([True]) and not limits.exceeded_by([False])


def test_nothing_that_could_not_be_read_is_forgotten(engine):
    consumer = Consumer(engine, subscription(), CLOCK)
    consumer.take([message(1)], unreadable=[message(0, key="")])
    consumer.take([message(1, key="")])
    assert effects(engine) == [1, 1]
    assert [row["key"] for row in desk(engine)] == [None]
