"""Keeps processes running: each one that dies is started again, with back-off and without end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import structlog

log = structlog.get_logger()

PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.2, 5.0
STEADY_SECONDS = 10.0  # who lived this long starts again at once, however often it died before
STOP_SECONDS_MAX = 20.0
LOG_BYTES_MAX = 10_000_000


class Startable(Protocol):
    """What can be kept running: `process` is its current child."""

    process: subprocess.Popen | None

    def start(self) -> None: ...


class Program:
    """A command with its environment; what it says goes to a log file."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], log_file: Path
    ) -> None:
        self.command, self.environment, self.log_file = list(command), dict(environment), log_file
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_BYTES_MAX:
            self.log_file.rename(self.log_file.with_suffix(".log.old"))
        with self.log_file.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment},
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )


class SupervisedProcess:
    """One program under the role name `role`, kept running by a thread of its own from `begin` to
    `end`.

    `changed` is called whenever the pid or the number of restarts changes. `already_running`: it
    was started just now.
    """

    def __init__(self, role: str, program: Startable, changed: Callable[[], None]) -> None:
        self.role, self.program, self.changed = role, program, changed
        self.restarts = 0
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        process = self.program.process
        return process.pid if process is not None and process.poll() is None else None

    def begin(self, already_running: bool = False) -> None:
        if not already_running:
            self.program.start()
        self._thread = threading.Thread(target=self._keep, name=f"keep-{self.role}", daemon=True)
        self._thread.start()
        self.changed()

    def end(self, sign: int = signal.SIGTERM) -> None:
        """Ask it to end; kill it after 20 s."""
        self._ending.set()
        process = self.program.process
        if process is not None and process.poll() is None:
            process.send_signal(sign)
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS_MAX)

    def _keep(self) -> None:
        pause, began = PAUSE_SECONDS_MIN, time.monotonic()
        while not self._ending.is_set():
            returncode = self.program.process.wait() if self.program.process else None
            if self._ending.is_set():
                return
            self.changed()
            lived = time.monotonic() - began
            pause = (
                PAUSE_SECONDS_MIN if lived > STEADY_SECONDS else min(pause * 2, PAUSE_SECONDS_MAX)
            )
            log.warning(
                "process_died",
                role=self.role,
                returncode=returncode,
                lived_seconds=round(lived, 1),
                pause_seconds=pause,
            )
            if self._ending.wait(pause):
                return
            began = time.monotonic()
            self._start_again()

    def _start_again(self) -> None:
        self.restarts += 1
        try:
            self.program.start()
        except Exception as failure:  # whatever hinders it now may be gone the next time
            log.error("process_start_failed", role=self.role, reason=str(failure))
        self.changed()


def end_marked(mark: str, value: str) -> None:
    """End every process that has `mark=value` in its environment: what a killed supervisor left.
    Asked first, then killed.
    """
    entry = f"{mark}={value}".encode()
    for sign, seconds in ((signal.SIGTERM, STOP_SECONDS_MAX), (signal.SIGKILL, 5.0)):
        for pid in _marked(entry):
            _signal(pid, sign)
        limit = time.monotonic() + seconds
        while _marked(entry) and time.monotonic() < limit:
            time.sleep(0.05)


def any_marked(mark: str, value: str) -> bool:
    """Whether a process has `mark=value` in its environment."""
    return bool(_marked(f"{mark}={value}".encode()))


def _marked(entry: bytes) -> list[int]:
    """Living processes, ourselves apart; a zombie has no environment any more."""
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int(process.name) != os.getpid() and entry in (
                process / "environ"
            ).read_bytes().split(b"\0"):
                pids.append(int(process.name))
        except OSError:
            continue
    return pids


def _signal(pid: int, sign: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, sign)
