"""The Kafka topic `ingress`, without the broker: what its consumer does with records."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from schemas.departures import SOURCE_PREFIX
from schemas.envelope import Undecodable
from schemas.examples import EXAMPLES
from services.intake.ingress import subscription
from services.kit.bus.consumer import Consumer
from services.kit.db.engine import rows
from services.registry.access import create_key, revoke_key
from tests.intake.conftest import SCHOOL, SECRET
from tests.intake.served import stored

EVENT = EXAMPLES["guidui.departure.effective.v1"][0]


@pytest.fixture
def take(worker, clock):
    """Hands events to the consumer as one batch of records."""
    consumer = Consumer(worker, subscription(clock, SECRET), clock)

    def take(*events) -> None:
        values = [
            event if isinstance(event, bytes) else json.dumps(event).encode() for event in events
        ]
        consumer.take([consumer.subscription.decode("ingress", value) for value in values])

    return take


def desk(worker) -> list:
    with worker.begin() as tx:
        return rows(tx, "SELECT * FROM dead_letter ORDER BY id")


def test_a_good_event_is_stored_as_over_http_and_a_repeat_changes_nothing(
    take, worker, sender, key
):
    take(EVENT | {"guiduikey": key})
    take(EVENT | {"guiduikey": key}, EVENT | {"guiduikey": key, "datacontenttype": None})
    assert stored(worker) == {"posted_event": 1, "posted_person": 1, "event_log": 1} and not desk(
        worker
    )
    assert sender.one(EVENT).json()["events"][0]["status"] == "duplicate"
    with worker.begin() as tx:
        kept = rows(tx, "SELECT e.*, p.body, i.* FROM posted_event e, posted_person p, inbox i")
    assert kept and key not in str(kept)


def test_a_bad_event_goes_to_the_desk_without_what_it_says_and_holds_up_nobody(
    take, worker, key, clock
):
    bad = json.loads(json.dumps(EVENT | {"id": "bad", "guiduikey": key}))
    bad["data"]["person"] |= {"id_number": "110105197503020016", "birth_date": "1826-01-01"}
    other = EVENT | {"id": "other", "source": SOURCE_PREFIX + SCHOOL, "guiduikey": key}
    changed = EVENT | {"subject": "other", "guiduikey": key}
    good, keyless, wrong = (
        EVENT | more
        for more in ({"guiduikey": key}, {"id": "keyless"}, {"id": "wrong", "guiduikey": "gd_no"})
    )
    take(bad, good, keyless, wrong, other, changed)
    assert stored(worker)["posted_event"] == 1
    found = desk(worker)
    codes = ["invalid-event", "no-key", "bad-key", "not-your-source", "id-taken"]
    assert len(found) == len(codes) and all(
        code in one.reason_en for code, one in zip(codes, found, strict=True)
    )
    assert "/data/person/birth_date" in found[0].reason_zh
    assert all(one.body is None and one.key is None for one in found)
    assert not any(word in str(found) for word in ("示例甲", "110105197503020016", "1826", key))


def test_a_flood_of_bad_events_does_not_stop_the_consumer(take, worker, key):
    bad = [EVENT | {"id": f"bad{n}", "data": {}, "guiduikey": key} for n in range(300)]
    take(*bad, EVENT | {"guiduikey": key})
    assert stored(worker)["posted_event"] == 1 and len(desk(worker)) == 300


def test_a_revoked_key_and_a_receivers_key_send_nothing(take, worker, key, clock):
    with worker.begin() as tx:
        receiver = create_key(tx, SCHOOL, "receiver", clock.now())
        for one in rows(tx, "SELECT id FROM api_key WHERE role = 'sender'"):
            revoke_key(tx, one.id, clock.now() + timedelta(seconds=1))
    take(
        EVENT | {"guiduikey": key},
        EVENT | {"source": SOURCE_PREFIX + SCHOOL, "guiduikey": receiver},
    )
    assert stored(worker)["posted_event"] == 0 and len(desk(worker)) == 2


@pytest.mark.parametrize(
    "value",
    [
        b"",
        None,
        b"{",
        b"[]",
        b"7",
        pytest.param(b'{"a":"' + b"x" * (5 * 1024 * 1024) + b'"}', id="6 MiB"),
    ],
)
def test_what_is_no_event_at_all_is_undecodable(value, clock):
    with pytest.raises(Undecodable):
        subscription(clock, SECRET).decode("ingress", value)
