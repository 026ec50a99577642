"""One Apache Kafka node (broker and controller in one, KRaft) as a child process, for
`guidui cluster` and the tests.
"""

from __future__ import annotations

import base64
import os
import random
import signal
import socket
import struct
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from services.cluster.kafka_install import KafkaInstall, KafkaUnavailable, ensure_kafka

READY_SECONDS_MAX = 90
STOP_SECONDS_MAX = 20
LOG_BYTES_MAX = 5_000_000


class Ports(NamedTuple):
    """Where one node listens on 127.0.0.1: for clients, and for the other nodes' controllers."""

    client: int
    controller: int


class Broker:
    """Node `node` (1..n) of a cluster whose nodes listen on `ports`, with its files in
    `data/kafka-NODE`.

    All nodes of a cluster share `data`, where the cluster's id is kept. One node keeps one copy of
    every record, three keep three and take writes while two of them live.
    """

    def __init__(
        self,
        data: Path,
        node: int,
        ports: Sequence[Ports],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.data = Path(data).resolve()
        self.folder = self.data / f"kafka-{node}"
        self.node = node
        self.ports = list(ports)
        self.process: subprocess.Popen | None = None
        self._environment = dict(environment or {})
        self._install: KafkaInstall | None = None

    @property
    def bootstrap(self) -> str:
        """`host:port` of every node, for clients."""
        return ",".join(f"127.0.0.1:{ports.client}" for ports in self.ports)

    def start(self) -> None:
        """Start the node and return at once; `wait_ready` tells when the cluster answers.

        What is in the folder is kept; a node that a killed parent left at work there is ended
        first.
        """
        self._install = self._install or ensure_kafka()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._end_leftover()
        self._properties().write_text(self._settings())
        if not (self.folder / "formatted").exists():
            self._format()
        with self._open_log() as output:
            self.process = subprocess.Popen(
                [
                    self._install.java,
                    *self._heap(),
                    "-XX:+UseSerialGC",
                    "-Djava.awt.headless=true",
                    "-Dorg.apache.logging.log4j.level=WARN",
                    "-cp",
                    self._install.classpath,
                    "kafka.Kafka",
                    self._properties(),
                ],
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                start_new_session=True,
            )

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """SIGTERM: the node hands over its partitions and writes everything down; killed if it
        takes longer than 20 s.
        """
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()

    def alive(self) -> bool:
        """Whether the process runs; whether the cluster answers is `answers`'s question."""
        return self.process is not None and self.process.poll() is None

    def last_words(self) -> str:
        """The end of the node's log, for a sentence that says why it died."""
        return " ".join(
            (self.folder / "broker.log").read_text(errors="replace").strip().splitlines()[-3:]
        )

    def _heap(self) -> list[str]:
        return ["-Xms128m", "-Xmx384m"] if len(self.ports) > 1 else ["-Xms256m", "-Xmx512m"]

    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _settings(self) -> str:
        own, copies = self.ports[self.node - 1], min(3, len(self.ports))
        in_sync = 2 if copies > 2 else 1
        voters = ",".join(
            f"{n}@127.0.0.1:{ports.controller}" for n, ports in enumerate(self.ports, start=1)
        )
        return f"""process.roles=broker,controller
node.id={self.node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{own.client},CONTROLLER://127.0.0.1:{own.controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{own.client}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={self.folder / "records"}
auto.create.topics.enable=false
unclean.leader.election.enable=false
default.replication.factor={copies}
min.insync.replicas={in_sync}
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=8
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}
log.cleaner.dedupe.buffer.size=16777216
# A node that was killed is let in again once its old registration has expired: 3 s instead of 9.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""

    def _format(self) -> None:
        assert self._install is not None
        command = [
            self._install.java,
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            self._install.classpath,
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            "-t",
            self._cluster_id(),
            "-c",
            self._properties(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise KafkaUnavailable(
                f"Kafka could not format {self.folder}: {(done.stderr or done.stdout).strip()}"
            )
        (self.folder / "formatted").touch()

    def _cluster_id(self) -> str:
        note = self.data / "kafka.cluster"
        if not note.exists():
            fresh = (
                "g" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
            )  # may not begin with '-'
            beside = note.with_suffix(".new")
            beside.write_text(fresh)
            beside.replace(note)
        return note.read_text()

    def _end_leftover(self) -> None:
        for pid in _pids_naming(str(self._properties())):
            os.kill(pid, signal.SIGKILL)
            while Path(f"/proc/{pid}/exe").exists():
                time.sleep(0.02)

    def _open_log(self):
        path = self.folder / "broker.log"
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            path.rename(path.with_suffix(".log.old"))
        return path.open("ab")


def free_ports(nodes: int) -> list[Ports]:
    """Ports nobody listens on now, for a cluster of so many nodes.

    From below the range that outgoing connections take theirs from, so that a node that is killed
    finds its own free.
    """
    while True:
        first = random.randrange(15_000, 30_000)
        numbers = range(first, first + 2 * nodes)
        if all(map(_is_free, numbers)):
            return [Ports(*numbers[2 * n : 2 * n + 2]) for n in range(nodes)]


def answers(bootstrap: str, nodes: int) -> bool:
    """Whether a cluster of `nodes` brokers answers: asked of Kafka itself, for a port may be open
    before it serves.
    """
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    if sum(map(_serves, bootstrap.split(","))) < nodes:
        return False  # asked first, since kafka-python leaves sockets open when it cannot bootstrap
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=10_000
        )
    except KafkaError:
        return False
    try:
        return len(admin.describe_cluster()["brokers"]) >= nodes
    except KafkaError:
        return False
    finally:
        admin.close()


def wait_ready(
    brokers: Sequence[Broker],
    seconds_max: float = READY_SECONDS_MAX,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Return when all nodes answer; raises `KafkaUnavailable` with a node's last words if one dies
    or time is up.
    """
    limit = time.monotonic() + seconds_max
    while not answers(brokers[0].bootstrap, len(brokers)):
        dead = [broker for broker in brokers if not broker.alive()]
        if dead or time.monotonic() > limit:
            last_words = (dead or brokers)[0].last_words()
            raise KafkaUnavailable(f"Kafka {'ended' if dead else 'does not answer'}: {last_words}")
        pause(0.2)


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _serves(address: str) -> bool:
    """Whether a node answers ApiVersions, the protocol's first question (key 18, version 0)."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2) as node:
            node.sendall(struct.pack(">ihhih", 10, 18, 0, 1, -1))
            return len(node.recv(10)) == 10
    except OSError:
        return False


def _pids_naming(argument: str) -> list[int]:
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if argument in (process / "cmdline").read_text(errors="replace").split("\0"):
                pids.append(int(process.name))
        except OSError:
            continue
    return pids
