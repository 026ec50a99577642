"""What a bus lost is published again; what is only slow is left alone."""

from __future__ import annotations

from services.kit.bus.event_log import record
from services.kit.bus.inbox import deliver
from services.kit.bus.reconcile import MISSING_AFTER, Reconciler, look
from services.kit.clock import TurnedClock
from services.kit.db.engine import rows
from services.kit.metrics import Seam, of_consumer, relay_age_seconds
from tests.kit.toy import MINUTE, NOON, message, refusing, subscription, write

TOY = subscription()


def logged(engine, count: int):
    messages = [message(n, key=f"k{n}") for n in range(count)]
    with engine.begin() as tx:
        record(tx, messages)
    return messages


def published(engine, at) -> None:
    """The relay's part: what was asked for has gone out."""
    with engine.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE resend SET published_at = %s, times = times + 1 WHERE published_at IS NULL",
            (at,),
        )


def taken(engine, messages, at=NOON) -> None:
    deliver(engine, "toy", messages, write, clock=TurnedClock(at))


def test_a_hole_in_what_was_taken_is_asked_for(engine):
    messages = logged(engine, 10)
    taken(engine, messages[:4] + messages[5:])
    assert look(engine, TOY, NOON + 2 * MINUTE) == [messages[4].id]
    published(engine, NOON + 2 * MINUTE)
    taken(engine, [messages[4]])
    assert look(engine, TOY, NOON + 30 * MINUTE) == []
    with engine.connect() as tx:
        assert rows(tx, "SELECT * FROM resend") == []


def test_the_last_messages_are_asked_for_when_nothing_has_moved_for_long(engine):
    messages = logged(engine, 10)
    taken(engine, messages[:8])
    assert look(engine, TOY, NOON + 2 * MINUTE) == []
    assert look(engine, TOY, NOON + 3 * MINUTE) == [m.id for m in messages[8:]]


def test_a_slow_consumer_is_left_alone(engine):
    messages = logged(engine, 40)
    for minute in range(4):
        taken(engine, messages[minute * 10 : minute * 10 + 5], NOON + (minute + 2) * MINUTE)
        taken(engine, messages[minute * 10 + 5 : minute * 10 + 10], NOON + (minute + 2) * MINUTE)
        assert look(engine, TOY, NOON + (minute + 2) * MINUTE) == []


def test_what_is_fresh_is_not_missing_yet(engine):
    messages = logged(engine, 3)
    taken(engine, messages[2:])
    assert look(engine, TOY, NOON + MISSING_AFTER / 2) == []


def test_one_row_is_asked_for_again_only_after_twice_the_time(engine):
    messages = logged(engine, 2)
    taken(engine, messages[1:])
    missing = [messages[0].id]
    found = {}
    for minute in range(2, 40):
        found[minute] = look(engine, TOY, NOON + minute * MINUTE) == missing
        published(engine, NOON + minute * MINUTE)
    assert [minute for minute, asked in found.items() if asked] == [2, 5, 10, 19, 36]


def test_dead_and_parked_messages_are_not_missing(engine):
    messages = [message(7), message(8)]
    with engine.begin() as tx:
        record(tx, messages)
    deliver(engine, "toy", messages, refusing(7), clock=TurnedClock(NOON))
    assert look(engine, TOY, NOON + 10 * MINUTE) == []


def test_the_mark_moves_so_that_nothing_is_looked_at_for_ever(engine):
    taken(engine, logged(engine, 5))
    reconciler = Reconciler(engine, [TOY], TurnedClock(NOON + 2 * MINUTE))
    assert reconciler.look() == []
    with engine.connect() as tx:
        assert (
            rows(
                tx,
                "SELECT count(*) AS n FROM event_log e, consumer_state s"
                " WHERE (e.xid, e.id) > (s.mark_xid, s.mark_id)",
            )[0]["n"]
            == 0
        )


def test_the_figures_tell_what_waits(engine):
    clock = TurnedClock(NOON + MINUTE)
    messages = logged(engine, 5)
    deliver(engine, "toy", [messages[0]], refusing(0), clock=clock)
    with engine.connect() as tx:
        figures = of_consumer(tx, TOY, clock)
        assert (figures.untaken, figures.oldest_seconds, figures.dead_letters) == (4, 60.0, 1)
        assert relay_age_seconds(tx, clock) == 60.0
    told = {
        family.name: family.samples[0].value
        for family in Seam(engine, [TOY], clock, relay=True).collect()
    }
    assert told["guidui_consumer_untaken"] == 4 and told["guidui_database_up"] == 1
    assert told["guidui_relay_age_seconds"] == 60.0
