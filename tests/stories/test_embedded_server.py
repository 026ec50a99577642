"""The embedded PostgreSQL keeps what it acknowledged, whoever is killed, and always starts
again.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from services.cluster.postgres import EmbeddedServer, InUse

# Owns a server and prints every number once its row is committed, until somebody kills it.
WRITER = """
import sys, psycopg
from pathlib import Path
from services.cluster.postgres import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
server.start()
print("pid", server.process.pid, flush=True)
with psycopg.connect(server.owner_url(), autocommit=True) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS acknowledged (n int)")
    for n in range(1_000_000):
        connection.execute("INSERT INTO acknowledged VALUES (%s)", (n,))
        print(n, flush=True)
"""
# Borrows the server for a moment and says whether it started one.
BORROWER = """
import sys, time
from pathlib import Path
from services.cluster.postgres import EmbeddedServer
with EmbeddedServer.borrow(Path(sys.argv[1])) as server:
    print("started" if server.process else "found", flush=True)
    sys.stdin.readline()
    print(server.alive(), flush=True)
"""


def python(program: str, data: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kept(server: EmbeddedServer) -> set[int]:
    with psycopg.connect(server.owner_url()) as connection:
        return {n for (n,) in connection.execute("SELECT n FROM acknowledged")}


def test_rows_acknowledged_before_a_kill_of_postgres_are_there_afterwards(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        with psycopg.connect(server.owner_url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE acknowledged (n int)")
        acknowledged: set[int] = set()
        done = threading.Event()

        def write(start: int) -> None:
            n = start
            while not done.is_set():
                try:
                    with psycopg.connect(server.owner_url(), autocommit=True) as connection:
                        while not done.is_set():
                            connection.execute("INSERT INTO acknowledged VALUES (%s)", (n,))
                            acknowledged.add(n)
                            n += 4
                except psycopg.OperationalError:
                    n += 4
                    time.sleep(0.01)

        writers = [threading.Thread(target=write, args=(start,)) for start in range(4)]
        for writer in writers:
            writer.start()
        for _ in range(4):
            time.sleep(0.2)
            server.process.kill()
            server.restart()
        time.sleep(0.2)
        done.set()
        for writer in writers:
            writer.join()
        assert len(acknowledged) > 100
        assert acknowledged - kept(server) == set()


@pytest.mark.parametrize("postmaster_too", [False, True])
def test_after_a_kill_of_the_owner_the_next_start_works_and_ends_the_orphan(
    tmp_path, postmaster_too
):
    owner = python(WRITER, tmp_path)
    postmaster = int(owner.stdout.readline().split()[1])
    acknowledged = {int(owner.stdout.readline()) for _ in range(200)}
    owner.kill()
    if postmaster_too:
        os.kill(postmaster, signal.SIGKILL)
    owner.communicate()
    with EmbeddedServer(tmp_path) as server:
        assert not Path(f"/proc/{postmaster}/cwd").exists()
        assert acknowledged <= kept(server)


def test_a_pid_file_that_names_a_stranger_does_not_hinder_the_start(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        pidfile = server.pgdata / "postmaster.pid"
        lines = pidfile.read_text().splitlines()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        pidfile.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        with EmbeddedServer(tmp_path) as server:
            assert server.alive()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_second_program_uses_the_server_that_runs(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        with pytest.raises(InUse, match=str(os.getpid())):
            EmbeddedServer(tmp_path).start()
        borrower = python(BORROWER, tmp_path)
        assert borrower.communicate("\n")[0].split() == ["found", "True"]
        assert server.alive()


def test_borrowers_share_a_server_that_none_of_them_owns_for_long(tmp_path):
    first = python(BORROWER, tmp_path)
    assert first.stdout.readline() == "started\n"
    second = python(BORROWER, tmp_path)
    assert second.stdout.readline() == "found\n"
    first.stdin.write("\n")
    first.stdin.flush()
    assert first.stdout.readline() == "True\n"
    assert second.communicate("\n")[0] == "True\n"  # the first waited for us
    first.communicate()
    assert not EmbeddedServer(tmp_path).alive()


def test_a_server_that_dies_comes_back_by_itself(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        server.watch()
        server.process.kill()
        server.process.wait()
        limit = time.monotonic() + 30
        while not server.alive() and time.monotonic() < limit:
            time.sleep(0.05)
        assert server.alive()


def test_a_data_directory_with_a_very_long_name_works(tmp_path):
    data = tmp_path / ("long" * 30) / "归队"
    with EmbeddedServer(data) as server:
        assert server.alive()
        first = server.owner_url()
    with EmbeddedServer(data) as server:
        assert server.owner_url() == first
    shutil.rmtree((data / "socket.path").read_text())


def test_the_server_is_private_and_its_logins_are_no_superusers(tmp_path):
    with EmbeddedServer(tmp_path / "data") as server:
        with psycopg.connect(server.owner_url()) as owner:
            rights = dict(
                owner.execute(
                    "SELECT rolname::text, rolsuper OR rolbypassrls FROM pg_roles"
                    " WHERE rolname LIKE 'guidui%'"
                ).fetchall()
            )
            assert rights == {"guidui_owner": False, "guidui_app": False, "guidui_pages": False}
            assert owner.execute("SHOW listen_addresses").fetchone() == ("",)
            assert owner.execute("SHOW fsync").fetchone() == ("on",)
        with (
            psycopg.connect(server.app_url()) as application,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            application.execute("CREATE TABLE own (n int)")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.owner_url().replace("guidui_owner:", "guidui_owner:x"))
        for path in (
            server.data,
            server.data / "socket",
            server.pgdata,
            server.data / "logins.json",
        ):
            assert path.stat().st_mode & 0o077 == 0


def test_a_database_is_copied_from_a_template(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        with psycopg.connect(server.owner_url(), autocommit=True) as owner:
            owner.execute("CREATE TABLE kept AS SELECT 1 AS n")
        server.create_database("copy", template="guidui")
        with psycopg.connect(server.owner_url("copy")) as copy:
            assert copy.execute("SELECT n FROM kept").fetchone() == (1,)
            server.drop_database("copy")
            with pytest.raises(psycopg.OperationalError):
                copy.execute("SELECT 1")
