"""A data directory with the demo county and made-up members, and guidui started on it as its users
start it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from services.cluster.broker import free_ports
from services.cluster.one_process import ensure_divisions
from services.cluster.postgres import EmbeddedServer
from services.kit.clock import SystemClock
from services.kit.db.engine import connect
from services.kit.db.migrations import migrate
from services.registry.access import create_key
from services.tools.bench.loads import UNIT, load_world

GUIDUI = Path(sys.executable).with_name("guidui")
COMMAND_SECONDS_MAX = 330


@dataclass(frozen=True, slots=True)
class Town:
    """A service that answers on 127.0.0.1:``port``; ``key`` lets UNIT post."""

    data: Path
    port: int
    key: str

    def database(self) -> psycopg.Connection:
        """A connection of the owner, who sees every row."""
        return psycopg.connect(EmbeddedServer(self.data).owner_url(), autocommit=True)

    def pids(self) -> dict[str, int]:
        """Role -> process of the cluster."""
        return {
            process["role"]: process["pid"]
            for process in json.loads(_guidui(self.data, "cluster", "status", "--json"))[
                "processes"
            ]
        }


@contextmanager
def running_embedded(members: int) -> Generator[Town]:
    """``guidui run``."""
    with _prepared(members) as (data, key, port):
        command = [str(GUIDUI), "run", "--port", str(port)]
        with (data / "run.log").open("wb") as log:
            process = subprocess.Popen(
                command, env=_environment(data), stdout=subprocess.PIPE, stderr=log
            )
        try:
            if not process.stdout or not process.stdout.readline().startswith(b"guidui ready"):
                raise RuntimeError(
                    f"guidui run did not start: {(data / 'run.log').read_text()[-2000:]}"
                )
            yield Town(data, port, key)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            process.stdout.close()


@contextmanager
def running_cluster(members: int, workers: int = 1) -> Generator[Town]:
    """``guidui cluster up --workers N`` with one broker."""
    with _prepared(members) as (data, key, port):
        try:
            _guidui(data, "cluster", "up", "--workers", str(workers), "--port", str(port))
            yield Town(data, port, key)
        finally:
            _guidui(data, "cluster", "down")


@contextmanager
def _prepared(members: int) -> Generator[tuple[Path, str, int]]:
    with tempfile.TemporaryDirectory(prefix="guidui-bench-") as folder:
        data = Path(folder) / "data"
        with EmbeddedServer(data) as server:
            migrate(server.owner_url())
            worker = connect(server.app_url(), "guidui_worker")
            try:
                ensure_divisions(worker)
                load_world(worker, members, 0)
                with worker.begin() as tx:
                    key = create_key(tx, UNIT, "sender", SystemClock().now())
            finally:
                worker.dispose()
        # the server notes when each transaction was committed: what the latencies are read from
        with (server.pgdata / "postgresql.auto.conf").open("a") as settings:
            settings.write("track_commit_timestamp = on\n")
        yield data, key, free_ports(1)[0].client


def _guidui(data: Path, *words: str) -> str:
    done = subprocess.run(
        [str(GUIDUI), *words],
        env=_environment(data),
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"guidui {' '.join(words)} failed: {(done.stderr or done.stdout)[-2000:]}"
        )
    return done.stdout


def _environment(data: Path) -> dict[str, str]:
    outside = ("DATABASE_URL", "DATABASE_OWNER_URL", "KAFKA_BOOTSTRAP", "KAFKA_PREFIX", "SMTP_HOST")
    return {k: v for k, v in os.environ.items() if k not in outside} | {
        "GUIDUI_DATA": str(data),
        "GUIDUI_LOG": "warning",
    }
