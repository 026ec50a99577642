"""What is promised of delivery, shown on every backend by the same tests: the embedded tailer, and
a real Kafka.
"""

from __future__ import annotations

import threading
import time
from collections import Counter

import httpx
import pytest

from services.kit.bus import dead_letters
from services.kit.bus.consumer import resume
from services.kit.bus.event_log import record
from services.kit.bus.inbox import CONSECUTIVE_POISON_MAX
from services.kit.bus.kafka_clients import Kafka, ensure_topics
from services.kit.bus.relay import Relay
from services.kit.db.engine import connect
from tests.contracts import toys
from tests.contracts.backends import OverKafka, eventually, free_port
from tests.kit.toy import BAD, effects, message


def spread(count: int, start: int = 0):
    """Messages over both topics and 17 keys."""
    return [
        message(n, key=f"k{n % 17}", topic=toys.BOTH[n % 17 % 2])
        for n in range(start, start + count)
    ]


class TestDelivery:
    def test_every_message_takes_effect_once_and_those_of_a_key_in_their_order(
        self, backend, engine
    ):
        bus = backend()
        bus.record(spread(1500))
        bus.start()
        bus.record(spread(1500, 1500))
        eventually(lambda: len(effects(engine)) == 3000)
        assert sorted(effects(engine)) == list(range(3000))
        for key in range(17):
            assert effects(engine, f"k{key}") == list(range(key, 3000, 17))

    def test_killed_again_and_again_nothing_is_lost_or_doubled(self, backend, engine):
        bus = backend()
        bus.start()
        done = 0
        for round_ in range(6):
            bus.record(spread(400, 400 * round_))
            eventually(lambda done=done: len(effects(engine)) > done)
            done = len(effects(engine))
            bus.kill(bus.kinds[round_ % len(bus.kinds)])
        eventually(lambda: len(effects(engine)) >= 2400)
        assert Counter(effects(engine)) == Counter(range(2400))

    def test_a_database_that_was_killed_is_waited_for(self, backend, own_server):
        engine = connect(own_server.app_url(), "guidui_worker")
        bus = backend(server=own_server, its_engine=engine)
        bus.start()
        for round_ in range(3):
            bus.record(spread(500, 500 * round_))
            eventually(lambda r=round_: len(effects(engine)) > 500 * r)
            own_server.process.kill()
            own_server.process.wait()
            engine.dispose()
            own_server.restart()
        eventually(lambda: len(effects(engine)) >= 1500)
        assert Counter(effects(engine)) == Counter(range(1500))
        eventually(bus.ready)
        engine.dispose()

    def test_poison_steps_aside_its_key_waits_and_the_desk_decides(self, backend, engine):
        bus = backend("refuses_seven")
        bus.start()
        bus.record([message(n, key=f"k{n % 5}") for n in range(20)])
        eventually(lambda: len(effects(engine)) == 17)
        with engine.connect() as tx:
            [letter] = dead_letters.listed(tx)
        assert (letter["reason_zh"], letter["reason_en"]) == BAD and letter["parked"] == 2
        assert dead_letters.retry(engine, letter["id"], [toys.plain()]) is None
        assert effects(engine, "k2") == [2, 7, 12, 17]
        bus.record([message(22, key="k2")])
        eventually(lambda: effects(engine, "k2") == [2, 7, 12, 17, 22])

    def test_too_much_poison_stops_the_consumer_and_readiness_says_so(self, backend, engine):
        bus = backend("refuses_all")
        bus.record([message(n, key=f"k{n}") for n in range(300)])
        bus.start()
        eventually(lambda: self.stopped(bus))
        bus.factory = "tests.contracts.toys:plain"
        bus.kill(bus.kinds[-1])
        eventually(lambda: self.stopped(bus))
        with engine.connect() as tx:
            given_up = {row["body"]["n"] for row in dead_letters.listed(tx)}
        assert len(given_up) <= CONSECUTIVE_POISON_MAX
        resume(engine, "toy")
        eventually(lambda: set(effects(engine)) == set(range(300)) - given_up)
        eventually(bus.ready)

    @staticmethod
    def stopped(bus) -> bool:
        if bus.processes[bus.kinds[-1]].poll() is not None:
            bus.launch(bus.kinds[-1])  # the supervisor's part
        return "Too many messages fail" in bus.unready().get("toy", "")

    def test_a_transaction_that_began_first_and_ends_last_is_not_passed_over(self, backend, engine):
        bus = backend()
        bus.start()
        with engine.begin() as slow:
            record(slow, [message(1)])
            bus.record([message(2, key="other")])
        eventually(lambda: sorted(effects(engine)) == [1, 2])

    def test_told_to_end_it_ends_cleanly(self, backend, engine):
        bus = backend()
        bus.start()
        bus.record(spread(50))
        eventually(lambda: len(effects(engine)) == 50)
        assert set(bus.terminate()) == {0}


class TestKafka:
    """What only a bus between processes can do wrong."""

    @pytest.fixture
    def bus(self, database, engine, topics):
        bus = OverKafka(database.app_url, engine, "tests.contracts.toys:plain", topics)
        yield bus
        bus.end()

    def test_a_record_nobody_can_read_goes_to_the_desk_and_holds_nothing_up(
        self, bus, engine, topics
    ):
        from kafka import KafkaProducer

        bus.start()
        producer = KafkaProducer(**topics.arguments())
        for value in (b"\xff\xfe", b"{}", None):
            producer.send(topics.topic("toys"), key=b"k1", value=value).get(30)
        producer.close()
        bus.record([message(1, key="k1")])
        eventually(lambda: effects(engine) == [1])

        def on_the_desk() -> bool:
            with engine.connect() as tx:
                letters = dead_letters.listed(tx)
            return len(letters) == 3 and all(
                row["body"] is None and row["key"] is None for row in letters
            )

        eventually(on_the_desk)

    def test_what_the_bus_lost_is_published_again(self, bus, engine):
        from datetime import timedelta

        from services.kit.bus.reconcile import Reconciler
        from services.kit.clock import SystemClock, TurnedClock

        messages = spread(20)
        bus.record(messages)
        with engine.begin() as tx:  # a relay that believes it has published what it has not
            tx.exec_driver_sql(
                "INSERT INTO cursors SELECT 'relay', xid, id FROM event_log ORDER BY xid DESC, id "
                "DESC"
                " LIMIT 1"
            )
        bus.start()
        bus.record([message(20)])
        eventually(lambda: effects(engine) == [20])
        reconciler = Reconciler(
            engine, [toys.plain()], TurnedClock(SystemClock().now() + timedelta(minutes=2))
        )
        assert len(reconciler.look()) == 20
        eventually(lambda: len(effects(engine)) == 21)
        assert sorted(effects(engine)) == list(range(21))

    def test_a_worker_without_its_topic_says_so_instead_of_being_deaf(self, bus, engine, topics):
        bus.launch("faust")
        eventually(lambda: "does not exist or may not be read" in bus.unready().get("toy", ""))
        bus.make_topics()
        bus.launch("relay")
        bus.record([message(1)])
        eventually(lambda: effects(engine) == [1])
        told = httpx.get(f"http://127.0.0.1:{bus.relay_port}/metrics").text
        assert (
            'guidui_consumer_untaken{consumer="toy"} 0.0' in told
            and "guidui_relay_age_seconds 0.0" in told
        )

    def test_a_worker_that_finds_no_broker_waits_and_says_so(self, bus, topics):
        from dataclasses import replace

        bus.kafka = replace(topics, bootstrap=f"127.0.0.1:{free_port()}")
        bus.launch("faust")
        eventually(lambda: "Waiting for the brokers" in bus.unready().get("toy", ""))
        assert httpx.get(f"http://127.0.0.1:{bus.port}/healthz").status_code == 200
        assert bus.processes["faust"].poll() is None
        bus.processes["faust"].terminate()
        assert bus.processes["faust"].wait(30) == 0

    def test_a_broker_that_was_killed_is_waited_for_by_relay_and_consumer(
        self, database, engine, broker
    ):
        bus = OverKafka(
            database.app_url, engine, "tests.contracts.toys:plain", Kafka(broker.bootstrap)
        )
        try:
            bus.start()
            bus.record(spread(300))
            eventually(lambda: len(effects(engine)) > 100)
            broker.kill()
            bus.record(spread(300, 300))
            bus.kill("faust")  # and a consumer that starts while the broker is away
            eventually(lambda: "Waiting for the brokers" in bus.unready().get("toy", ""))
            eventually(
                lambda: "Waiting for the brokers" in bus.unready(bus.relay_port).get("relay", "")
            )
            broker.start()  # the relay's flush has failed: its old producer might never recover
            bus.record(spread(300, 600))
            eventually(lambda: len(effects(engine)) == 900, seconds=120)
            assert bus.processes["relay"].poll() is None
            eventually(bus.ready)
        finally:
            bus.end()
        assert Counter(effects(engine)) == Counter(range(900))

    def test_a_second_relay_stands_by_until_the_first_is_gone(self, database, engine, topics):
        ensure_topics(topics, {"toys": 24, "games": 24})
        first, second = Relay(engine, topics), Relay(engine, topics)
        threads = [threading.Thread(target=relay.run) for relay in (first, second)]
        threads[0].start()
        eventually(lambda: first.unready() is None)
        threads[1].start()
        time.sleep(1.5)
        assert "standing by" in second.unready().en
        first.stop.set()
        eventually(lambda: second.unready() is None)
        second.stop.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
