"""Wakes readers of the event log: LISTEN on one connection, with polling behind it for what NOTIFY
cannot tell.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import psycopg
import structlog
from sqlalchemy import Engine
from sqlalchemy.engine import URL

from services.kit.bus.event_log import CHANNEL
from services.kit.retry import Stopped, attempt

log = structlog.get_logger()
POLL_SECONDS_MIN = 0.002  # after a ring: an older transaction may still hide the rows (the horizon)
POLL_SECONDS_MAX = 1.0
LISTEN_SECONDS_MAX = 0.5
LOOK_SECONDS_MIN = (
    0.01  # between two looks: every commit rings, and hundreds of looks a second would eat the core
)


class Wakeup:
    """Sleeps between two looks: shortly after a ring, then longer and longer, and never past the
    next ring but for the few milliseconds that keep looks apart.
    """

    def __init__(self) -> None:
        self.rung = threading.Event()
        self._pause = POLL_SECONDS_MIN
        self._looked = 0.0

    def sleep(self) -> None:
        if self.rung.wait(self._pause):
            self.rung.clear()
            self._pause = POLL_SECONDS_MIN
        else:
            self._pause = min(self._pause * 2, POLL_SECONDS_MAX)
        early = self._looked + LOOK_SECONDS_MIN - time.monotonic()
        if early > 0:
            time.sleep(early)
        self._looked = time.monotonic()

    def awake(self) -> None:
        """There was work: look again soon once it ends."""
        self._pause = POLL_SECONDS_MIN


class EventLogListener:
    """A thread that listens for commits and rings every sleeper of this process."""

    def __init__(self, engine: Engine) -> None:
        self._url: URL = engine.url
        self._sleepers: list[Wakeup] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bell", daemon=True)

    def sleeper(self) -> Wakeup:
        sleeper = Wakeup()
        self._sleepers.append(sleeper)
        return sleeper

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self.ring()
        if self._thread.is_alive():
            self._thread.join(2 * LISTEN_SECONDS_MAX)

    def ring(self) -> None:
        for sleeper in self._sleepers:
            sleeper.rung.set()

    def _run(self) -> None:
        with suppress(Stopped):
            attempt(self._listen, what="listen", stop=self._stop, waits=lambda error: True)

    def _listen(self) -> None:
        dsn = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self.ring()
            while not self._stop.is_set():
                for _ in connection.notifies(timeout=LISTEN_SECONDS_MAX, stop_after=1):
                    self.ring()
