"""A poller of alerts misses nothing: many at one moment, transactions that commit late, tasks that
close and open again.
"""

from __future__ import annotations

import base64
from datetime import timedelta
from uuid import uuid4

import httpx
import orjson
import pytest

from services.kit.db.engine import connect
from tests.stories.county_service import COMMUNITY, STREET

_OPEN = """
INSERT INTO task (id, kind, act, organisation, path, due_on, opened_at)
SELECT i, 'triage', 'triage', o.code, o.path, NULL, %s FROM unnest(%s::uuid[]) i, organisation o
    WHERE o.code = %s"""


@pytest.fixture
def poll(town, url):
    """Calls until a page is not full; returns (ids in their order, the cursor for later)."""
    headers = {"Authorization": f"Bearer {town.key(COMMUNITY, 'receiver')}"}

    def poll(cursor=None, limit=50, since=None, between=lambda: None):
        ids = []
        while True:
            params = {"limit": limit} | (
                {"cursor": cursor} if cursor else {"since": since} if since else {}
            )
            answer = (
                httpx.get(f"{url}/v1/alerts", params=params, headers=headers)
                .raise_for_status()
                .json()
            )
            ids += [item["id"] for item in answer["items"]]
            cursor = answer["next"]
            assert cursor, "next is always given"
            if len(answer["items"]) < limit:
                return ids, cursor
            between()

    return poll


@pytest.fixture
def session(town):
    """A worker's connection beside the service's own."""
    opened = []

    def open_one():
        engine = connect(town.app.worker.url, "guidui_worker", connections_max=1)
        opened.append((engine, engine.connect()))
        return opened[-1][1]

    yield open_one
    for engine, connection in opened:
        connection.close()
        engine.dispose()


def opens(tx, at, count=1, organisation=COMMUNITY) -> list[str]:
    ids = [str(uuid4()) for _ in range(count)]
    tx.exec_driver_sql(_OPEN, (at, ids, organisation))
    return ids


def test_three_hundred_with_one_time_are_all_told_once(town, poll):
    at = town.clock.now()
    with town.app.worker.begin() as tx:
        ids = opens(tx, at, 300)
        opens(tx, at, 5, STREET)
    told, cursor = poll(since=(at - timedelta(seconds=1)).isoformat())
    assert sorted(told) == sorted(ids)
    assert poll(cursor)[0] == []
    with town.app.worker.begin() as tx:
        more = opens(tx, at, 120)
    assert sorted(poll(cursor)[0]) == sorted(more)


def test_what_commits_late_with_an_earlier_time_is_told(town, poll, session):
    now = town.clock.now()
    slow, quick = session(), session()
    late = opens(slow, now - timedelta(hours=1))
    early = opens(quick, now)
    quick.commit()
    told, cursor = poll(since=(now - timedelta(minutes=1)).isoformat())
    assert told == early
    again, cursor = poll(cursor)
    assert set(again) <= set(early), "nothing else has been committed"
    slow.commit()
    assert set(late) <= set(poll(cursor)[0])
    _, cursor = poll(cursor)
    assert poll(cursor)[0] == [], "once everything has settled nothing is told again"


def test_what_commits_between_two_pages_is_told_by_the_call_after(town, poll, session):
    now = town.clock.now()
    slow = session()
    with town.app.worker.begin() as tx:
        first = opens(tx, now, 100)
    late = opens(slow, now - timedelta(days=1), 3)
    with town.app.worker.begin() as tx:
        first += opens(tx, now, 100)
    told, cursor = poll(between=slow.commit)
    assert set(first) <= set(told)
    assert set(late) <= set(told) | set(poll(cursor)[0])


def test_many_slow_writers_and_a_poller_that_never_stops(town, poll, session):
    """Writers that hold their transactions open over several polls, begun and committed out of
    order.
    """
    now, written, told, cursor = town.clock.now(), set(), set(), None
    waiting = []
    for turn in range(14):
        tx = session() if turn < 5 else waiting.pop(0 if turn % 2 else -1)
        if turn >= 5:
            tx.commit()
        written |= set(opens(tx, now + timedelta(seconds=turn % 7), 2))
        waiting.append(tx)
        ids, cursor = poll(cursor, limit=20)
        told |= set(ids)
    for tx in waiting:
        tx.commit()
        ids, cursor = poll(cursor, limit=20)
        told |= set(ids)
    assert told == written


def test_a_closed_task_is_gone_and_one_opened_again_is_told_again(town, poll):
    now = town.clock.now()
    with town.app.worker.begin() as tx:
        [one, other] = opens(tx, now, 2)
    _, cursor = poll()
    with town.app.worker.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE task SET closed_at = %s WHERE id = ANY (%s::uuid[])", (now, [one, other])
        )
    assert poll()[0] == []
    with town.app.worker.begin() as tx:
        tx.exec_driver_sql("UPDATE task SET closed_at = NULL WHERE id = %s::uuid", (one,))
    assert poll(cursor)[0] == [one]


def crafted(*values) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode()


TASK = "1b0ba0a4-43ac-4b3c-9ba4-2c0ea1c8a4d1"


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%00",
        "é",
        crafted(),
        crafted(1, 2),
        crafted(5, None, None, None, None),
        crafted("-1", None, None, None, None),
        crafted("9" * 40, None, None, None, None),
        crafted("99999999999999999999", None, None, None, None),
        crafted("1", "2026-11-23", None, None, None),
        crafted("1", "2026-11-23T10:00:00+08:00", "urn:x", None, None),
        crafted("1", "9999-12-31T23:59:59Z", TASK, None, None),
        crafted("1", ["a"], TASK, None, None),
        crafted("1", "2026-W50-1T00:00:00Z", TASK, None, None),
        crafted("1", None, None, "²", None),
        crafted("1", None, None, None, {"a": 1}),
        crafted("1", None, None, None, "soon"),
        base64.urlsafe_b64encode(b'{"a":1}').decode(),
        base64.urlsafe_b64encode(b"[[[[[[").decode(),
    ],
)
def test_a_cursor_that_is_none_is_said_to_be(town, url, cursor):
    headers = {"Authorization": f"Bearer {town.key(COMMUNITY, 'receiver')}"}
    answer = httpx.get(f"{url}/v1/alerts", params={"cursor": cursor}, headers=headers)
    assert answer.status_code == 422 and answer.json()["field"] == "cursor"


def test_a_page_is_read_by_its_index(town):
    with town.app.worker.begin() as tx:
        opens(tx, town.clock.now(), 3000)
        opens(tx, town.clock.now(), 3000, STREET)
    with town.app.worker.connect() as tx:
        plan = "\n".join(
            tx.exec_driver_sql(
                "EXPLAIN SELECT id FROM task WHERE organisation = %s AND closed_at IS NULL AND "
                "(xid, opened_at, id) > "
                "('1'::xid8, '2026-01-01'::timestamptz, "
                "'00000000-0000-0000-0000-000000000000'::uuid) "
                "ORDER BY xid, opened_at, id LIMIT 50",
                (COMMUNITY,),
            ).scalars()
        )
    assert "task_told" in plan and "Sort" not in plan
