"""How processes of the city die: at any look at the clock, or with all effects made and nothing
committed yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from schemas.envelope import Message
from services.kit.bus.dead_letters import Handler
from services.kit.clock import TurnedClock


class Killed(BaseException):
    """The process is gone. No handler of errors sees it, as none sees a kill -9."""


class MortalClock(TurnedClock):
    """A turned clock at which a process may die: on the ``looks``-th look from now."""

    _looks: int | None = None

    def kill_at(self, looks: int | None) -> None:
        """Arms the death; None disarms it."""
        self._looks = looks

    def now(self) -> datetime:
        """The time, or Killed."""
        if self._looks is not None:
            self._looks -= 1
            if self._looks < 0:
                self._looks = None
                raise Killed
        return super().now()


class Mortal:
    """A handler whose process may die after its effects, before their commit."""

    def __init__(self, handler: Handler) -> None:
        self._handler, self.dies = handler, False

    def __call__(self, tx: Connection, messages: Sequence[Message]) -> Any:
        self._handler(tx, messages)
        if self.dies:
            self.dies = False
            raise Killed


_BACK = """
UPDATE cursors c SET xid = e.xid, id = e.id FROM (
    SELECT xid, id FROM event_log ORDER BY xid DESC, id DESC OFFSET %s LIMIT 1) e
WHERE c.consumer = %s AND (c.xid, c.id) > (e.xid, e.id)"""


def deliver_again(engine: Engine, consumer: str, messages: int) -> None:
    """Sets a consumer's cursor back, so that the last so many rows of the log reach its handler a
    second time.
    """
    with engine.begin() as tx:
        tx.exec_driver_sql(_BACK, (messages, consumer))
