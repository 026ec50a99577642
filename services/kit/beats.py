"""Each process of the cluster says every few seconds that it is there, or why it does nothing; any
of them can be asked.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from services.kit.clock import Clock
from services.kit.db.engine import rows
from services.kit.errors import Text
from services.kit.log import where

log = structlog.get_logger()
BEAT_SECONDS = 5.0
SILENT_SECONDS_MAX = 20.0
GONE = timedelta(minutes=10)
"""A process unheard of for so long, in whose role others work, was taken away, and is not waited
for.
"""

_BEAT = """
INSERT INTO process_beat (name, role, at, reason_zh, reason_en) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET role = excluded.role, at = excluded.at,
    reason_zh = excluded.reason_zh,
    reason_en = excluded.reason_en"""
NEVER = Text("还没有启动过。", "It has not been started yet.")


class Beat:
    """A thread that writes this process's state down until `stop`; a clean end takes its row away.

    `unready` says why the process does nothing now, as /readyz of its own port does.
    """

    def __init__(
        self,
        engine: Engine,
        role: str,
        instance: str | None,
        clock: Clock,
        unready: Callable[[], Mapping[str, Text]],
    ) -> None:
        self.engine, self.role, self.clock, self.unready = engine, role, clock, unready
        self.name = instance or f"{role}@{socket.gethostname()}:{os.getpid()}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread: this process is no longer waited for."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(BEAT_SECONDS)
        try:
            with self.engine.begin() as tx:
                tx.exec_driver_sql("DELETE FROM process_beat WHERE name = %s", (self.name,))
        except SQLAlchemyError as error:
            log.warning("beat_left", name=self.name, **where(error))

    def once(self) -> None:
        """Writes one beat."""
        words = next(iter(self.unready().values()), None)
        with self.engine.begin() as tx:
            tx.exec_driver_sql(
                _BEAT,
                (self.name, self.role, self.clock.now(), words and words.zh, words and words.en),
            )

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.once()
            except (
                Exception
            ) as error:  # the next beat comes all the same; whoever asks finds this one missing
                log.warning("beat_missed", name=self.name, **where(error))
            self._stop.wait(BEAT_SECONDS)


def unready(tx: Connection, roles: Iterable[str], clock: Clock) -> dict[str, Text]:
    """Process, or role, -> why it does nothing: it says so itself, has not been heard of, or was
    never started.
    """
    now, reasons = clock.now(), {}
    beats = rows(tx, "SELECT name, role, at, reason_zh, reason_en FROM process_beat ORDER BY name")
    for role in roles:
        own = [beat for beat in beats if beat.role == role]
        if not own:
            reasons[role] = NEVER
        heard = [beat for beat in own if (now - beat.at).total_seconds() <= SILENT_SECONDS_MAX]
        for beat in own:
            silent = now - beat.at
            if silent.total_seconds() <= SILENT_SECONDS_MAX:
                if beat.reason_zh:
                    reasons[beat.name] = Text(beat.reason_zh, beat.reason_en)
            elif not heard or silent <= GONE:
                seconds = round(silent.total_seconds())
                reasons[beat.name] = Text(
                    f"已停住：{seconds} 秒没有消息。",
                    f"It stands still: unheard of for {seconds} seconds.",
                )
    return reasons
