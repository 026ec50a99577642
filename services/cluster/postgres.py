"""The embedded PostgreSQL: a real server as a child process of the program that owns the data
directory.

DATA/postgres/       the server's files          DATA/postgres.log    its own log, no statements
DATA/socket/         where it is reached (0700)  DATA/logins.json     passwords of its logins (0600)
DATA/postgres.lock   held by the one program whose child the server is
DATA/postgres.users  held, shared, by programs that borrow a borrower's server
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

import psycopg
import structlog
from psycopg import sql

from services.cluster.postgres_host import (
    MAJOR,
    Identity,
    PostgresUnavailable,
    binaries,
    end_leftovers,
    forget_stale_pids,
    socket_folder,
)

log = structlog.get_logger()

LOG_BYTES_MAX = 5_000_000
BORROW_SECONDS_MAX = 120
LOGINS: dict[str, LiteralString] = {  # login -> its rights
    "guidui_owner": "CREATEDB CREATEROLE",
    "guidui_app": "NOCREATEDB NOCREATEROLE",
    "guidui_pages": "NOCREATEDB NOCREATEROLE",
}


def has_database(data: Path) -> bool:
    """Whether the data directory holds a server's files."""
    return (Path(data) / "postgres" / "PG_VERSION").exists()


class InUse(PostgresUnavailable):
    """Another living program owns the server of this data directory."""


class EmbeddedServer:
    """PostgreSQL in the data directory `data`, with the database `guidui` and three logins.

    `guidui_owner` owns the databases and may create databases and roles (migrations make the group
    roles); it is no superuser. `guidui_app` and `guidui_pages` own nothing, and the latter never
    acts as a worker: what is read for somebody who looks goes through it. The superuser `postgres`
    is used by this class alone. Only one program at a time starts the server of a directory; others
    reach it by `borrow`.
    """

    def __init__(self, data: Path) -> None:
        self.data = Path(data).resolve()
        self.pgdata = self.data / "postgres"
        self.process: subprocess.Popen | None = None
        self._lock: int | None = None
        self._stopping = threading.Event()
        self._turn = threading.Lock()  # one start, restart or stop at a time

    def __enter__(self) -> EmbeddedServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, purpose: str = "serve") -> None:
        """Start the server and return when it answers; ends whatever a killed owner left first.

        Waits while a borrower works in the directory; raises `InUse` if another program serves from
        it, and `PostgresUnavailable` with the reason if PostgreSQL cannot run.
        """
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._take_lock(purpose)
        try:
            self._stopping.clear()
            self.restart()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop cleanly (SIGINT: open transactions are rolled back), at once (SIGQUIT) after 30 s;
        let go of the directory.
        """
        self._stopping.set()
        with self._turn:
            if self.process is not None:
                _end(self.process)
                self.process = None
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def watch(self) -> None:
        """From now on start the server again whenever it dies, from a thread of its own, until
        `stop`.
        """
        threading.Thread(target=self._watch, name="postgres-watch", daemon=True).start()

    def restart(self) -> None:
        """Start the server again after it died; the directory stays ours. Nothing acknowledged is
        lost.
        """
        with self._turn:
            if self._stopping.is_set():
                return
            if self.process is not None:
                _end(self.process)
            end_leftovers(self.pgdata)
            self._launch()

    def alive(self) -> bool:
        """Whether a connection of the owner succeeds, whoever started the server."""
        try:
            psycopg.connect(self.owner_url(), connect_timeout=2).close()
        except (psycopg.OperationalError, FileNotFoundError):
            return False
        return True

    def owner_url(self, db: str = "guidui") -> str:
        """Address for migrations (login `guidui_owner`), for libpq and SQLAlchemy alike."""
        return self._url("guidui_owner", db)

    def app_url(self, db: str = "guidui") -> str:
        """Address for the program (login `guidui_app`)."""
        return self._url("guidui_app", db)

    def web_url(self, db: str = "guidui") -> str:
        """Address for whatever is read for somebody who looks (login `guidui_pages`)."""
        return self._url("guidui_pages", db)

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create database `name`, a copy of `template` if given (which nobody may be connected
        to).
        """
        copy = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        self._as_owner(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copy)

    def drop_database(self, name: str) -> None:
        """Drop database `name` if it is there, ending the connections to it."""
        drop = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
        try:
            self._as_owner(drop + sql.SQL(" WITH (FORCE)"))
        except (
            psycopg.errors.InsufficientPrivilege
        ):  # autovacuum is in it, which only the plain form may end
            self._as_owner(drop)

    @classmethod
    @contextmanager
    def borrow(cls, data: Path) -> Generator[EmbeddedServer]:
        """The server of `data` for the length of a `with`: the one that runs there, else one
        started for that long.
        """
        server = cls(data)
        server.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        users = os.open(server.data / "postgres.users", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(users, fcntl.LOCK_SH)
            started = server._start_or_find()
            try:
                yield server
            finally:
                if started:
                    fcntl.flock(users, fcntl.LOCK_EX)  # waits for those who borrow from us
                    server.stop()
        finally:
            os.close(users)

    def _start_or_find(self) -> bool:
        limit = time.monotonic() + BORROW_SECONDS_MAX
        while True:
            try:
                self.start("borrow")
                return True
            except InUse as busy:
                if self.alive():
                    return False
                if time.monotonic() > limit:
                    raise PostgresUnavailable(
                        f"{busy}, but its PostgreSQL does not answer"
                    ) from None
                time.sleep(0.05)

    def _take_lock(self, purpose: str) -> None:
        fd = os.open(self.data / "postgres.lock", os.O_CREAT | os.O_RDWR, 0o600)
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pid, _, holder = os.pread(fd, 100, 0).decode().partition(" ")
                if purpose == "serve" and holder == "borrow":
                    time.sleep(0.05)
                    continue
                os.close(fd)
                raise InUse(f"another guidui (process {pid}) works in {self.data}") from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()} {purpose}".encode(), 0)
        self._lock = fd

    def _launch(self) -> None:
        identity = Identity()
        identity.let_through(self.data)
        if not (self.pgdata / "PG_VERSION").exists():
            self._initialise(identity)
        version = (self.pgdata / "PG_VERSION").read_text().strip()
        if version != str(MAJOR):
            raise PostgresUnavailable(
                f"{self.pgdata} is of PostgreSQL {version}, this guidui brings {MAJOR}: "
                "export it with the guidui that wrote it (docs/operating.md, upgrade)"
            )
        folder = socket_folder(self.data, identity)
        forget_stale_pids(self.pgdata, folder)
        settings = files("services.cluster").joinpath("embedded.conf").read_text("utf-8")
        _write(
            self.pgdata / "postgresql.conf",
            settings + f"unix_socket_directories = '{_quoted(folder)}'\n",
            identity,
        )
        _write(self.pgdata / "pg_hba.conf", "local all all scram-sha-256\n", identity)
        with self._open_log() as output:
            self.process = identity.run(
                [str(binaries() / "postgres"), "-D", str(self.pgdata)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._wait_until_it_answers()
        self._make_logins_and_database()

    def _initialise(self, identity: Identity) -> None:
        """Make the server's files beside their place and move them there whole, so that a kill
        leaves no half.
        """
        fresh = self.data / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        identity.give(fresh)
        logins = {name: secrets.token_urlsafe(24) for name in ("postgres", *LOGINS)}
        password = self.data / "postgres.password"
        _write(password, logins["postgres"], identity)
        command = [
            str(binaries() / "initdb"),
            "-D",
            str(fresh),
            "--username=postgres",
            f"--pwfile={password}",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
            "--auth=scram-sha-256",
            "--no-instructions",
        ]
        child = identity.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output, _ = child.communicate()
        password.unlink()
        if child.returncode != 0:
            raise PostgresUnavailable(f"initdb failed: {output.decode(errors='replace').strip()}")
        _write_private(self.data / "logins.json", json.dumps(logins))
        fresh.rename(self.pgdata)

    def _wait_until_it_answers(self) -> None:
        """As long as the child lives it may be recovering from a crash, so there is no limit."""
        waited_since = time.monotonic()
        while True:
            try:
                psycopg.connect(self._url("postgres", "postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                if self.process is None or self.process.poll() is not None:
                    raise PostgresUnavailable(
                        f"PostgreSQL ended at once: {self._last_words()}"
                    ) from None
                if time.monotonic() - waited_since > 10:
                    log.info("postgres_recovering", data=str(self.data))
                    waited_since = time.monotonic()
                time.sleep(0.02)

    def _make_logins_and_database(self) -> None:
        with psycopg.connect(self._url("postgres", "postgres"), autocommit=True) as superuser:
            known = {row[0] for row in superuser.execute("SELECT rolname FROM pg_roles")}
            for name, rights in LOGINS.items():
                if name not in known:
                    self._know(name)
                    statement = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER {} PASSWORD {}")
                    password = sql.Literal(self._logins()[name])
                    superuser.execute(
                        statement.format(sql.Identifier(name), sql.SQL(rights), password)
                    )
            if not superuser.execute(
                "SELECT 1 FROM pg_database WHERE datname = 'guidui'"
            ).fetchone():
                superuser.execute("CREATE DATABASE guidui OWNER guidui_owner")

    def _know(self, login: str) -> None:
        """A data directory of an earlier guidui gets the password of a login that it lacks."""
        logins = self._logins()
        if login not in logins:
            logins[login] = secrets.token_urlsafe(24)
            _write_private(self.data / "logins.json", json.dumps(logins))

    def _watch(self) -> None:
        while not self._stopping.wait(0.2):
            if self.process is not None and self.process.poll() is not None:
                log.warning("postgres_died", returncode=self.process.returncode)
                try:
                    self.restart()
                except PostgresUnavailable as failure:
                    log.error("postgres_restart_failed", reason=str(failure))
                    self._stopping.wait(2)

    def _as_owner(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.owner_url("postgres"), autocommit=True) as owner:
            owner.execute(statement)

    def _logins(self) -> dict[str, str]:
        return json.loads((self.data / "logins.json").read_text())

    def _url(self, login: str, db: str) -> str:
        note = self.data / "socket.path"
        folder = Path(note.read_text()) if note.exists() else self.data / "socket"
        password = self._logins()[login]
        host = quote(str(folder), safe="")
        return f"postgresql://{login}:{password}@/{quote(db)}?host={host}&port=5432"

    def _open_log(self):
        path = self.data / "postgres.log"
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            path.rename(path.with_suffix(".log.old"))
        return open(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "ab")

    def _last_words(self) -> str:
        lines = (self.data / "postgres.log").read_text(errors="replace").strip().splitlines()
        return " ".join(lines[-3:])


def _end(process: subprocess.Popen) -> None:
    for sign, seconds in ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
        if process.poll() is None:
            process.send_signal(sign)
        try:
            process.wait(seconds)
            return
        except subprocess.TimeoutExpired:
            continue


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _write(path: Path, text: str, identity: Identity) -> None:
    _write_private(path, text)
    identity.give_file(path)


def _write_private(path: Path, text: str) -> None:
    """Write the whole file or none of it, readable by its owner alone."""
    beside = path.with_name(path.name + ".new")
    with open(os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    beside.replace(path)
