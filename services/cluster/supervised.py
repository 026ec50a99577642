"""`guidui cluster`: PostgreSQL, Kafka and every role as supervised processes of one machine.

DATA/cluster.lock   held by the supervisor
DATA/cluster.json   what runs: pids, restarts, addresses
DATA/cluster.log    the supervisor's own log
DATA/logs/ROLE.log  what each role says
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from schemas.topics import TOPICS
from services.cluster.broker import Broker, answers, free_ports, wait_ready
from services.cluster.kafka_install import KafkaUnavailable
from services.cluster.postgres import EmbeddedServer
from services.cluster.postgres_host import PostgresUnavailable, end_leftovers
from services.cluster.supervisor import Program, SupervisedProcess, any_marked, end_marked
from services.kit.bus.kafka_clients import Kafka, ensure_topics
from services.kit.errors import CannotStart
from services.kit.ports import refuse_taken
from services.kit.settings import Settings
from services.kit.weak_secrets import refuse_weak

log = structlog.get_logger()

# in the environment of every role and broker: the data directory of its cluster
MARK = "GUIDUI_CLUSTER"
UP_SECONDS_MAX = 300
DOWN_SECONDS_MAX = 120


def up(
    data: Path, workers: int = 1, brokers: int = 1, foreground: bool = False, port: int = 8000
) -> int:
    """Start the cluster of `data` and return 0 once it is ready; the supervisor stays in the
    background.

    With `foreground` this process is the supervisor and returns when it is told to end. What a
    killed supervisor left is ended first; a cluster that runs is left as it is. Returns 1, with the
    reason on stderr, if it does not get ready. Raises `CannotStart`, with nothing begun, where
    another program has the port, or where a secret is weak.
    """
    refuse_weak(Settings())
    data = Path(data).resolve()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if _supervisor(data) is None and not any_marked(MARK, str(data)):
        refuse_taken(
            port
        )  # what a killed supervisor left may hold it, and is ended by the next one
    if foreground:
        return Supervisor(data, workers, brokers, port).run()
    if _supervisor(data) is None:
        command = [
            sys.executable,
            "-m",
            "services.cluster.supervised",
            str(data),
            str(workers),
            str(brokers),
            str(port),
        ]
        with (data / "cluster.log").open("ab") as output:
            said_before = output.tell()
            child = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
    else:
        child, said_before = None, 0
    limit = time.monotonic() + UP_SECONDS_MAX
    while time.monotonic() < limit:
        if child is not None and child.poll() is not None:
            print(
                f"guidui cluster: {_last_line(data / 'cluster.log', said_before)}", file=sys.stderr
            )
            return 1
        if _supervisor(data) is not None and (seen := status(data))["ready"]:
            print(f"guidui cluster ready {seen['http']}")
            return 0
        time.sleep(0.3)
    print(
        f"guidui cluster: not ready after {UP_SECONDS_MAX} s; see {data / 'cluster.log'}, "
        f"{data / 'logs'}",
        file=sys.stderr,
    )
    return 1


def down(data: Path) -> int:
    """End the cluster of `data`, also one whose supervisor was killed; returns 0 when nothing of it
    runs any more.
    """
    data = Path(data).resolve()
    pid = _supervisor(data)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        limit = time.monotonic() + DOWN_SECONDS_MAX
        while _supervisor(data) is not None:
            if time.monotonic() > limit:
                print(
                    f"guidui cluster: the supervisor (process {pid}) does not end", file=sys.stderr
                )
                return 1
            time.sleep(0.1)
    _end_left(data)
    (data / "cluster.json").unlink(missing_ok=True)
    return 0


def status(data: Path) -> dict[str, Any]:
    """`{"ready", "http", "front": {"pid", "restarts"},
    "processes": [{"role", "pid", "restarts"}]}`.

    Ready when every part says so itself. `front` is the process at the public address: the portal,
    which takes events too; null where nothing runs.
    """
    data = Path(data).resolve()
    try:
        noted = json.loads((data / "cluster.json").read_text())
    except FileNotFoundError:
        return {"ready": False, "http": None, "front": None, "processes": []}
    kept = [
        {key: process[key] for key in ("role", "pid", "restarts")} for process in noted["processes"]
    ]
    every_one_runs = (
        noted["started"]
        and _supervisor(data) is not None
        and all(process["pid"] for process in kept)
    )
    front = None
    for process in kept:
        if process["role"] == "portal":
            front = {"pid": process["pid"], "restarts": process["restarts"]}
    return {
        "ready": bool(every_one_runs and _all_ready(data, noted)),
        "http": noted["http"],
        "front": front,
        "processes": kept,
    }


def create_topics(kafka: Kafka) -> None:
    """Create the topics of `schemas.topics` that are missing: three copies where there are three
    brokers, else one.
    """
    admin = kafka.admin()
    try:
        brokers = len(admin.describe_cluster()["brokers"])
    finally:
        admin.close()
    ensure_topics(
        kafka, {topic.name: topic.hours for topic in TOPICS}, replication=3 if brokers >= 3 else 1
    )


class Supervisor:
    """The process that owns a cluster's server, brokers and roles. It keeps no state that matters:
    killed, the next `up` begins anew.
    """

    def __init__(self, data: Path, workers: int, brokers: int, port: int) -> None:
        self.data, self.workers, self.port = data, workers, port
        self.ending = threading.Event()
        self.started = False
        self.kept: list[SupervisedProcess] = []
        self.probes: dict[str, int] = {}
        self.server = None if os.environ.get("DATABASE_URL") else EmbeddedServer(data)
        nodes = [] if os.environ.get("KAFKA_BOOTSTRAP") else free_ports(brokers)
        self.brokers = [
            Broker(data, node, nodes, {MARK: str(data)}) for node in range(1, len(nodes) + 1)
        ]
        self._noting = threading.Lock()

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def bootstrap(self) -> str:
        return self.brokers[0].bootstrap if self.brokers else os.environ["KAFKA_BOOTSTRAP"]

    def run(self) -> int:
        lock = os.open(self.data / "cluster.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"a cluster already runs in {self.data}", file=sys.stderr)
            return 1
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        # what a killed supervisor noted still answers for a moment: that is not this cluster
        (self.data / "cluster.json").unlink(missing_ok=True)
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: self.ending.set())
        try:
            _end_left(self.data)
            self._start()
            self.ending.wait()
            return 0
        except (
            CannotStart,
            PostgresUnavailable,
            KafkaUnavailable,
            OSError,
            RuntimeError,
        ) as failure:
            reason = str(failure)
        finally:
            self._end()
            os.close(lock)
        print(reason, file=sys.stderr, flush=True)  # last, where `up` looks for it
        return 1

    def _start(self) -> None:
        refuse_taken(self.port)
        (self.data / "logs").mkdir(exist_ok=True)
        self.note()
        if self.server:
            self.server.start()
            self._keep("postgres", _Restarted(self.server), already_running=True)
        for broker in self.brokers:
            broker.start()
            self._keep(f"kafka-{broker.node}", broker, already_running=True)
        self._migrate()
        if self.brokers:
            wait_ready(self.brokers, pause=self._pause)
        create_topics(Kafka(self.bootstrap) if self.brokers else Kafka.of(Settings()))
        self._start_roles()
        self.started = True
        self.note()
        log.info("cluster_started", http=self.http)

    def _start_roles(self) -> None:
        numbered = [
            f"{name}-{n}" for name in ("matcher", "notifier") for n in range(1, self.workers + 1)
        ]
        roles = ["relay", "intake", "portal", *numbered]
        ports = dict(zip(roles, (ports.client for ports in free_ports(len(roles))), strict=True))
        ports["portal"] = self.port  # the public address: pages, and all calls
        for role in roles:
            self.probes[role] = ports[role]
            self._keep(
                role,
                Program(
                    self._command(role, ports[role]),
                    self._environment(role, ports[role]),
                    self.data / "logs" / f"{role}.log",
                ),
            )

    def _command(self, role: str, port: int) -> list[str]:
        name = role.partition("-")[0]
        return [_guidui(), name, *(["--port", str(port)] if _serves_http(role) else [])]

    def _environment(self, role: str, port: int) -> dict[str, str]:
        environment = {
            MARK: str(self.data),
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "GUIDUI_DATA": str(self.data),
            "GUIDUI_URL": self.http,
            "GUIDUI_INSTANCE": role,
            # all roles on one machine, at addresses on loopback
            "GUIDUI_OPERATIONS_PORT": "0",
        }
        if not _serves_http(role):
            environment["GUIDUI_HEALTH_PORT"] = str(port)
        if self.server:
            environment["DATABASE_URL"] = self.server.app_url()
            environment["DATABASE_WEB_URL"] = self.server.web_url()
        return environment

    def _migrate(self) -> None:
        owner = (
            {
                "DATABASE_URL": self.server.app_url(),
                "DATABASE_WEB_URL": self.server.web_url(),
                "DATABASE_OWNER_URL": self.server.owner_url(),
            }
            if self.server
            else {}
        )
        done = subprocess.run(
            [_guidui(), "migrate"],
            env={**os.environ, **owner, "GUIDUI_DATA": str(self.data)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"guidui migrate failed: {(done.stderr or done.stdout).strip()[-2000:]}"
            )

    def _keep(self, role: str, program: Any, already_running: bool = False) -> None:
        if self.ending.is_set():
            raise RuntimeError("told to end while starting")
        kept = SupervisedProcess(role, program, self.note)
        self.kept.append(kept)
        kept.begin(already_running)

    def _pause(self, seconds: float) -> None:
        if self.ending.wait(seconds):
            raise RuntimeError("told to end while starting")

    def _end(self) -> None:
        roles = [kept for kept in self.kept if kept.role in self.probes]
        with ThreadPoolExecutor(max(1, len(self.kept))) as pool:
            list(pool.map(SupervisedProcess.end, roles))
            list(
                pool.map(
                    SupervisedProcess.end,
                    [kept for kept in self.kept if kept.role.startswith("kafka")],
                )
            )
        for kept in self.kept:
            if kept.role == "postgres":
                kept.end(signal.SIGINT)
        if self.server:
            self.server.stop()
        (self.data / "cluster.json").unlink(missing_ok=True)
        log.info("cluster_ended")

    def note(self) -> None:
        """Write down what runs, whole or not at all."""
        with self._noting:
            text = json.dumps(
                {
                    "supervisor": os.getpid(),
                    "started": self.started,
                    "http": self.http,
                    "embedded": self.server is not None,
                    "bootstrap": self.bootstrap,
                    "brokers": len(self.brokers),
                    "probes": self.probes,
                    "processes": [
                        {"role": kept.role, "pid": kept.pid, "restarts": kept.restarts}
                        for kept in list(self.kept)
                    ],
                }
            )
            beside = self.data / "cluster.json.new"
            beside.write_text(text)
            beside.replace(self.data / "cluster.json")


class _Restarted:
    """The server as something to keep: to start it anew is to restart it."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server

    @property
    def process(self) -> subprocess.Popen | None:
        return self.server.process

    def start(self) -> None:
        self.server.restart()


def _serves_http(role: str) -> bool:
    return role in ("intake", "portal")


def _guidui() -> str:
    """The command of this environment."""
    beside = Path(sys.executable).with_name("guidui")
    program = str(beside) if beside.exists() else shutil.which("guidui")
    if not program:
        raise RuntimeError("the command guidui is not installed in this environment (make install)")
    return program


def _supervisor(data: Path) -> int | None:
    """Pid of the supervisor that lives, by the lock it holds."""
    try:
        lock = os.open(data / "cluster.lock", os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        pid = os.pread(lock, 20, 0).decode()
        return int(pid) if pid.isdigit() else None
    finally:
        os.close(lock)


def _end_left(data: Path) -> None:
    """End the processes of a cluster whose supervisor is gone; PostgreSQL last, and cleanly."""
    end_marked(MARK, str(data))
    end_leftovers(data / "postgres")


def _all_ready(data: Path, noted: dict[str, Any]) -> bool:
    checks: list[Callable[[], bool]] = [partial(_ready, port) for port in noted["probes"].values()]
    if noted["embedded"]:
        checks.append(EmbeddedServer(data).alive)
    if noted["brokers"]:
        checks.append(lambda: answers(noted["bootstrap"], noted["brokers"]))
    with ThreadPoolExecutor(len(checks)) as pool:
        return all(pool.map(lambda check: check(), checks))


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _last_line(path: Path, offset: int) -> str:
    with path.open("rb") as file:
        file.seek(offset)
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "the supervisor ended without a word"


if __name__ == "__main__":
    sys.exit(
        up(
            Path(sys.argv[1]),
            int(sys.argv[2]),
            int(sys.argv[3]),
            foreground=True,
            port=int(sys.argv[4]),
        )
    )
