"""The small parts everything stands on."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from schemas.envelope import Envelope, Message, Undecodable, derived, from_wire, to_wire
from services.kit import crypto
from services.kit.clock import ZONE, SystemClock, TurnedClock
from services.kit.db.engine import connect, rows, sent_ahead, view_as
from services.kit.db.migrations import migrate
from services.kit.log import Throttle
from services.kit.retry import Stopped, attempt, is_infrastructure
from services.kit.settings import Settings
from tests.kit.toy import NOON, message


def test_a_message_survives_the_wire():
    sent = Message(
        uuid4(), "cases", "guidui.case.moved.v1", "案", NOON, {"to": "accepted", "n": 1}, uuid4()
    )
    assert from_wire("cases", to_wire(sent)) == sent
    assert Envelope.model_validate_json(to_wire(sent)).partitionkey == "案"


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        b'{"specversion":"1.0"}',
        to_wire(message(1))[:-9],
        to_wire(message(1)).replace(b'"1.0"', b'"2.0"'),
        to_wire(message(1)).replace(b'{"n":1}', b"7"),
        to_wire(message(1)).replace(b"+08:00", b""),
    ],
)
def test_what_is_no_message_is_said_to_be_none(value):
    with pytest.raises(Undecodable):
        from_wire("cases", value)


def test_ids_derived_from_a_message_are_the_same_every_time():
    cause = uuid4()
    assert derived(cause, "case") == derived(cause, "case") != derived(cause, "task")


def test_a_turned_clock_stands_until_turned_and_does_not_go_back():
    clock = TurnedClock(datetime(2026, 3, 2, 4, tzinfo=UTC))
    assert clock.now().isoformat() == "2026-03-02T12:00:00+08:00"
    clock.advance_to(NOON + timedelta(hours=1))
    with pytest.raises(ValueError, match="back"):
        clock.advance_to(NOON)
    clock.advance_to(NOON, back=True)
    assert clock.now() == NOON
    with pytest.raises(ValueError, match="zone"):
        TurnedClock(datetime(2026, 3, 2))
    assert SystemClock().now().tzinfo is ZONE


def test_pseudonyms_join_and_keys_do_not_repeat():
    assert crypto.hmac_token(b"s", "110101199003070134") == crypto.hmac_token(
        b"s", "110101199003070134"
    )
    assert crypto.hmac_token(b"s", "x") != crypto.hmac_token(b"t", "x")
    key = crypto.new_key()
    assert key != crypto.new_key() and crypto.same(crypto.key_hash(key), crypto.key_hash(key))


def test_the_secret_of_a_data_directory_is_made_once_and_is_private(tmp_path, monkeypatch):
    monkeypatch.delenv("GUIDUI_SECRET", raising=False)
    data = tmp_path / "data"
    assert Settings(data=data).secret_bytes() == Settings(data=data).secret_bytes() != b""
    assert (data / "secret").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in data.iterdir()] == ["secret"]
    monkeypatch.setenv("GUIDUI_SECRET", "theirs")
    assert Settings(data=data).secret_bytes() == b"theirs"


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (OperationalError("", {}, psycopg.OperationalError("refused")), True),
        (DBAPIError("", {}, psycopg.errors.SerializationFailure()), True),
        (DBAPIError("", {}, psycopg.errors.IdleInTransactionSessionTimeout()), True),
        (DBAPIError("", {}, psycopg.errors.QueryCanceled()), True),
        (DBAPIError("", {}, psycopg.errors.DiskFull()), True),
        (IntegrityError("", {}, psycopg.errors.UniqueViolation()), False),
        (ProgrammingError("", {}, psycopg.errors.UndefinedTable()), False),
        (KeyError("x"), False),
    ],
)
def test_what_is_waited_out_and_what_is_not(error, waits):
    assert is_infrastructure(error) is waits


def test_an_attempt_goes_on_until_it_succeeds_and_tells_readiness():
    failures = [psycopg.OperationalError(), psycopg.OperationalError()]
    told: list[bool] = []

    def work():
        if failures:
            raise failures.pop()
        return "done"

    assert attempt(work, what="x", stop=threading.Event(), waiting=told.append) == "done"
    assert told == [True, True, False]


def test_an_attempt_ends_when_told_to_stop():
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        attempt(lambda: (_ for _ in ()).throw(psycopg.OperationalError()), what="x", stop=stop)


def test_a_noisy_library_gets_one_line_per_place_and_the_next_says_how_many_were_held_back():
    now = [0.0]
    throttle = Throttle(10, clock=lambda: now[0])
    record = logging.LogRecord("aiokafka", logging.ERROR, "conn.py", 7, "down", None, None)
    other = logging.LogRecord("aiokafka", logging.ERROR, "conn.py", 8, "down", None, None)
    assert [throttle.filter(record) for _ in range(5)] == [True, False, False, False, False]
    assert throttle.filter(other)
    now[0] = 11.0
    assert throttle.filter(record) and record.held_back == 4


def test_the_applications_login_can_do_nothing_until_it_takes_on_a_role(database):
    bare = connect(database.app_url, None)
    web = connect(database.app_url, "guidui_web")
    for engine in (bare, web):
        for table in ("event_log", "inbox", "dead_letter", "cursors"):
            with pytest.raises(ProgrammingError, match="permission denied"), engine.connect() as tx:
                tx.exec_driver_sql(f"SELECT 1 FROM {table}")
    with web.begin() as tx:
        tx.exec_driver_sql("SET LOCAL ROLE guidui_worker")
        assert rows(tx, "SELECT 1 FROM event_log") == []
    with web.connect() as tx:
        assert rows(tx, "SELECT current_user AS who") == [{"who": "guidui_web"}]
    bare.dispose()
    web.dispose()


def test_who_looks_is_forgotten_with_the_transaction(engine):
    with engine.begin() as tx:
        view_as(tx, "33.", "33/", "")
        assert rows(
            tx, "SELECT current_setting('guidui.lo') AS lo, current_setting('guidui.hi') AS hi"
        ) == [{"lo": "33.", "hi": "33/"}]
    with engine.connect() as tx:
        assert rows(tx, "SELECT nullif(current_setting('guidui.lo', true), '') AS lo") == [
            {"lo": None}
        ]


def test_migrating_again_changes_nothing(database):
    migrate(database.owner_url)
    migrate(database.owner_url)


def test_an_error_of_the_database_does_not_quote_its_parameters(engine):
    with pytest.raises(DBAPIError) as raised, engine.connect() as tx:
        tx.exec_driver_sql("SELECT nothing FROM nowhere WHERE name = %s", ("王小明",))
    assert "王小明" not in str(raised.value)


def test_statements_sent_ahead_take_effect_and_tell_what_went_wrong(engine):
    insert = "INSERT INTO consumer_state (consumer) VALUES (%s)"
    with engine.begin() as tx, sent_ahead(tx):
        for name in ("a", "b"):
            tx.exec_driver_sql(insert, (name,))
    with pytest.raises(DBAPIError) as told, engine.begin() as tx, sent_ahead(tx):
        tx.exec_driver_sql(insert, ("a",))
        tx.exec_driver_sql(insert, ("c",))
    assert told.value.orig.sqlstate == "23505"
    with engine.begin() as tx:
        with pytest.raises(DBAPIError), tx.begin_nested(), sent_ahead(tx):
            tx.exec_driver_sql(insert, ("b",))
        tx.exec_driver_sql(insert, ("d",))
    with engine.connect() as tx:
        assert [
            r["consumer"] for r in rows(tx, "SELECT consumer FROM consumer_state ORDER BY 1")
        ] == ["a", "b", "d"]
