"""`guidui cluster`, driven as an operator drives it, and its processes killed as no operator
would.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

READY_SECONDS_MAX = 180


class Cluster:
    """A cluster in the data directory `data`, from `with` to `with`'s end."""

    def __init__(self, data: Path, workers: int = 2, brokers: int = 1) -> None:
        self.data, self.workers, self.brokers = data, workers, brokers
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def __enter__(self) -> Cluster:
        self.guidui(
            "cluster",
            "up",
            "--workers",
            str(self.workers),
            "--brokers",
            str(self.brokers),
            "--port",
            str(self.port),
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.guidui("cluster", "down")

    def guidui(self, *arguments: str, may_fail: bool = False) -> str:
        """Runs the command with this data directory; returns what it printed."""
        command = [str(Path(sys.executable).with_name("guidui")), *arguments]
        environment = os.environ | {"GUIDUI_DATA": str(self.data)}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        if done.returncode != 0 and not may_fail:
            raise RuntimeError(
                f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done.stdout

    def status(self) -> dict:
        """As the command tells it; it exits 1 while the cluster is not ready."""
        return json.loads(self.guidui("cluster", "status", "--json", may_fail=True))

    def pids(self) -> dict[str, int]:
        status = self.status()
        pids = {process["role"]: process["pid"] for process in status["processes"]}
        if status["front"]:
            pids["front"] = status["front"]["pid"]
        return pids

    def kill(self, role: str) -> bool:
        """kill -9; False when the process was down at that moment."""
        pid = self.pids().get(role)
        try:
            if pid:
                os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return bool(pid)

    def wait_ready(self) -> None:
        limit = time.monotonic() + READY_SECONDS_MAX
        while not self.status()["ready"]:
            if time.monotonic() > limit:
                raise AssertionError(f"not ready after {READY_SECONDS_MAX} s: {self.status()}")
            time.sleep(0.3)
