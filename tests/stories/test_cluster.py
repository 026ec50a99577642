"""`guidui cluster`: everything as supervised processes; whatever is killed, also the supervisor,
comes back.
"""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

from services.cluster.broker import free_ports
from services.cluster.supervised import status
from tests.chaos.cluster import Cluster
from tests.contracts.backends import eventually

ROLES = {"postgres", "kafka-1", "relay", "intake", "portal", "matcher-1", "notifier-1", "front"}


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}/exe").exists()


def test_a_killed_supervisor_leaves_nothing_that_the_next_start_trips_over(tmp_path):
    port = str(free_ports(1)[0].client)
    with Cluster(tmp_path, workers=1) as cluster:
        seen = cluster.status()
        before = cluster.pids()
        assert seen["ready"] and set(before) == ROLES
        with httpx.Client(base_url=seen["http"]) as client:
            assert client.get("/healthz").status_code == 200
            assert client.post("/v1/events", json={}).status_code == 401

        os.kill(int((tmp_path / "cluster.lock").read_text()), signal.SIGKILL)
        eventually(lambda: not status(tmp_path)["ready"])
        cluster.guidui("cluster", "up", "--port", port)
        after = cluster.pids()
        assert set(after) == ROLES and not any(lives(pid) for pid in before.values())

        with httpx.Client(
            base_url=cluster.status()["http"]
        ) as client:  # one address serves pages and events
            assert client.get("/sign-in").status_code == 200
            assert client.post("/v1/events", json={}).status_code == 401
        cluster.kill("front")
        cluster.wait_ready()
        seen = cluster.status()
        restarts = {process["role"]: process["restarts"] for process in seen["processes"]}
        assert restarts == dict.fromkeys(ROLES - {"front"}, 0) | {"portal": 1}
        assert seen["front"]["restarts"] == 1
        assert cluster.pids()["front"] == cluster.pids()["portal"]
    assert not any(lives(pid) for pid in after.values())
    assert status(tmp_path) == {"ready": False, "http": None, "front": None, "processes": []}


def test_a_port_in_use_is_said_and_nothing_stays_behind(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        cluster = Cluster(tmp_path)
        cluster.port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match="port .* is in use"):
            cluster.__enter__()
    assert status(tmp_path)["processes"] == []
