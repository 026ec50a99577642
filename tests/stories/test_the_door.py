"""How `guidui` starts, and what it says where it cannot: each in a sentence, before anything is
begun.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from services.cluster.postgres import EmbeddedServer
from services.cluster.supervised import status
from services.kit.db.migrations import migrate
from tests.stories import county_service
from tests.stories.county_service import GUIDUI, free_port

DATABASES = ("DATABASE_URL", "DATABASE_OWNER_URL", "KAFKA_BOOTSTRAP", "GUIDUI_DATA")


def environment(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in DATABASES}
    return kept | {"GUIDUI_SECRET": "a secret of the tests, long enough to be one"} | settings


def guidui(*words: str, seconds: float = 60, **settings: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(GUIDUI), *words],
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def ask(url: str, statement: str):
    with psycopg.connect(url, autocommit=True) as tx:
        return tx.execute(statement).fetchone()[0]


@contextmanager
def running(folder: Path, port: int, **settings: str):
    """`guidui run` until its ready line; ended afterwards."""
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        process = subprocess.Popen(
            [str(GUIDUI), "run", "--port", str(port)],
            env=environment(**settings),
            stdout=out,
            stderr=err,
        )
    try:
        county_service.eventually(
            lambda: "guidui ready" in (folder / "out").read_text() or process.poll() is not None,
            120,
        )
        assert process.poll() is None, (folder / "err").read_text()
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    "command", [("run",), ("cluster", "up"), ("cluster", "up", "--foreground")]
)
def test_a_port_in_use_is_said_before_anything_begins(tmp_path, taken, command):
    done = guidui(*command, "--data", str(tmp_path / "data"), "--port", str(taken))
    assert (
        done.returncode == 2
        and f"port {taken} is in use" in done.stderr
        and "Traceback" not in done.stderr
    )
    assert not (tmp_path / "data" / "postgres").exists()
    assert status(tmp_path / "data")["processes"] == []


def test_the_port_of_metrics_is_looked_at_too(tmp_path, taken):
    done = guidui(
        "run",
        "--data",
        str(tmp_path / "data"),
        "--port",
        str(free_port()),
        GUIDUI_OPERATIONS_PORT=str(taken),
    )
    assert done.returncode == 2 and f"port {taken} is in use" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("name", "value"), [
    ("GUIDUI_POOL", "many"), ("GUIDUI_LOG", "loud"), ("DATABASE_URL", "postgresql://a:hidden-password@127.0.0.1:port/x"),
    ("DATABASE_URL", "hidden-password"), ("GUIDUI_OPERATIONS_PORT", "ninety"),
])  # fmt: skip
def test_an_impossible_setting_is_named_and_not_repeated(tmp_path, name, value):
    done = guidui("key", "list", "--data", str(tmp_path), **{name: value})
    assert done.returncode == 2 and name in done.stderr and "Traceback" not in done.stderr
    assert "hidden-password" not in done.stderr


@pytest.mark.parametrize("command", [("run",), ("cluster", "up"), ("load", "members", __file__)])
def test_a_data_directory_that_cannot_be_made_is_said(tmp_path, command):
    (tmp_path / "file").write_text("in the way")
    done = guidui(*command, "--data", str(tmp_path / "file" / "data"))
    assert (
        done.returncode == 2 and "cannot be made" in done.stderr and "Traceback" not in done.stderr
    )


@pytest.mark.parametrize(
    "command",
    [
        ("statement",),
        ("key", "list"),
        ("key", "create", "--organisation", "1", "--role", "sender"),
        ("erase",),
        ("account", "create", "--organisation", "1", "--role", "clerk", "--name", "n"),
        ("rule", "list"),
        ("model", "list"),
        ("cluster", "down"),
    ],
)
def test_a_mistyped_data_directory_makes_no_database(tmp_path, command):
    mistyped = tmp_path / "dtaa"
    done = guidui(*command, "--data", str(mistyped))
    assert done.returncode == 2 and str(mistyped) in done.stderr
    assert not mistyped.exists()


def test_a_given_database_is_served_and_no_other_is_started(tmp_path):
    port = free_port()
    data = tmp_path / "data"
    with EmbeddedServer(tmp_path / "given") as given:
        migrate(given.owner_url())
        with running(tmp_path, port, DATABASE_URL=given.app_url(), GUIDUI_DATA=str(data)):
            assert not (data / "postgres").exists()
            assert httpx.get(f"http://127.0.0.1:{port}/readyz").json()["ready"]
            assert ask(given.owner_url(), "SELECT pg_relation_size('division') > 10000000")

            given.stop()
            answer = county_service.eventually(
                lambda: _unready(port), what="the loss of the given database"
            )
            assert answer["unready"]["database"]
            given.start()
            county_service.eventually(
                lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200,
                what="its return",
            )


def _unready(port: int) -> dict | None:
    answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=30)
    return (
        answer.json()
        if answer.status_code == 503 and "database" in answer.json()["unready"]
        else None
    )


@pytest.mark.parametrize("command", [("run",), ("key", "list"), ("portal",)])
def test_a_schema_that_is_behind_is_said_with_the_command_that_mends_it(
    tmp_path, database, command
):
    ask(database.owner_url, "UPDATE alembic_version SET version_num = '0001_baseline' RETURNING 1")
    done = guidui(*command, DATABASE_URL=database.app_url, GUIDUI_DATA=str(tmp_path / "data"))
    assert (
        done.returncode == 2 and "guidui migrate" in done.stderr and "Traceback" not in done.stderr
    )
    assert ask(database.owner_url, "SELECT version_num FROM alembic_version") == "0001_baseline"


def test_an_empty_database_is_behind_too(tmp_path, postgres):
    postgres.create_database("door_empty")
    try:
        done = guidui(
            "key", "list", DATABASE_URL=postgres.app_url("door_empty"), GUIDUI_DATA=str(tmp_path)
        )
    finally:
        postgres.drop_database("door_empty")
    assert done.returncode == 2 and "guidui migrate" in done.stderr


def test_a_given_database_that_does_not_answer_is_said_without_its_password(tmp_path):
    port = free_port()
    url = make_url(
        f"postgresql://someone:hidden-password@127.0.0.1:{port}/guidui"
    ).render_as_string(hide_password=False)
    done = guidui("run", DATABASE_URL=url, GUIDUI_DATA=str(tmp_path))
    assert done.returncode == 2 and "does not answer" in done.stderr
    assert "hidden-password" not in done.stderr and "Traceback" not in done.stderr


def test_which_database_was_used_is_said(tmp_path, database):
    done = guidui("key", "list", DATABASE_URL=database.app_url, GUIDUI_DATA=str(tmp_path / "data"))
    assert done.returncode == 0 and make_url(database.app_url).database in done.stderr
    assert done.stdout == ""


def test_a_second_run_finds_the_port_taken_at_once(tmp_path, database):
    port = free_port()
    with running(tmp_path, port, DATABASE_URL=database.app_url, GUIDUI_DATA=str(tmp_path / "data")):
        begun = time.monotonic()
        done = guidui("run", "--port", str(port), "--data", str(tmp_path / "other"))
        assert done.returncode == 2 and not (tmp_path / "other").exists()
        assert time.monotonic() - begun < 20
