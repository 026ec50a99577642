"""The rounds of loops: each part by itself, how the last round went told to all processes by a
table.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import structlog
from sqlalchemy import Connection, Engine

from services.kit.bus.dead_letters import words_of
from services.kit.clock import Clock
from services.kit.db.engine import rows
from services.kit.errors import Text
from services.kit.log import where
from services.kit.loops import aside, asked_again
from services.kit.retry import is_infrastructure

log = structlog.get_logger()
TOLD_SECONDS_MIN = 10.0  # a loop of every second need not write every second that it succeeded
STANDS_SECONDS_MIN = 600.0  # a round over a whole register may last minutes
Act = Callable[[], int]


class House(Protocol):
    """What the rounds themselves need of what their parts work on."""

    @property
    def worker(self) -> Engine: ...

    @property
    def clock(self) -> Clock: ...


_House = TypeVar("_House", bound=House)


class Loop(NamedTuple, Generic[_House]):
    """What a loop does, part by part, the seconds between two rounds, and the roles that run it.

    `again` gets (part, key) of rows that the desk lets it try again, for parts that look at rows
    only when something happens.
    """

    parts: Mapping[str, Callable[[_House], int]]
    pause: float
    roles: tuple[str, ...]
    again: Callable[[_House, list[tuple[str, str]]], None] | None = None


class Rounds(Generic[_House]):
    """The rounds of one loop in one process. `app` is what its parts work on; its `worker` and
    `clock` are used here.
    """

    def __init__(self, name: str, loop: Loop[_House], app: _House) -> None:
        self.name, self.loop, self.app = name, loop, app
        self._told_at = float("-inf")

    def once(self) -> int:
        """One round: every part, whatever becomes of the others; returns how much was done. Raises
        the first fault.
        """
        done, faults = 0, {}
        for part, act in {"": self._take_up, **self._parts()}.items():
            try:
                done += act()
            except Exception as error:
                log.error("loop_failed", loop=self.name, part=part or "again", **where(error))
                faults[part] = error
        self._tell(faults)
        if faults:
            raise next(iter(faults.values()))
        return done

    def _parts(self) -> dict[str, Act]:
        return {part: lambda act=act: act(self.app) for part, act in self.loop.parts.items()}

    def _take_up(self) -> int:
        with self.app.worker.begin() as tx:
            asked = asked_again(tx, self.name, self.app.clock.now())
        if asked and self.loop.again:
            self.loop.again(self.app, asked)
        return len(asked)

    def _tell(self, faults: Mapping[str, Exception]) -> None:
        """Writes down how the round went; seldom where it only goes on succeeding."""
        if not faults and time.monotonic() - self._told_at < TOLD_SECONDS_MIN:
            return
        part, error = next(iter(faults.items()), (None, None))
        if error is not None and is_infrastructure(error):
            return  # the database is away or busy: who asks it is told so
        words = words_of(error) if error else None
        try:
            with self.app.worker.begin() as tx:
                _write(tx, self.name, self.app.clock.now(), part, words)
            self._told_at = float("-inf") if faults else time.monotonic()
        except Exception as failure:
            log.warning("loop_untold", loop=self.name, **where(failure))


def _write(tx: Connection, loop: str, now: Any, part: str | None, words: Text | None) -> None:
    column = "failed_at" if words else "succeeded_at"
    tx.exec_driver_sql(
        f"""
        INSERT INTO loop_round (loop, begun_at, {column}, part, reason_zh, reason_en)
            VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (loop) DO UPDATE SET {column} = excluded.{column}, part = excluded.part,
            reason_zh = excluded.reason_zh, reason_en = excluded.reason_en""",
        (loop, now, now, part, words and words.zh, words and words.en),
    )


class Runner:
    """Runs the loops of some roles, each on a thread of its own, until it is stopped."""

    def __init__(
        self, loops: Mapping[str, Loop[_House]], app: _House, roles: Iterable[str]
    ) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._run,
                args=(Rounds(name, loop, app), loop.pause),
                daemon=True,
                name=name,
            )
            for name, loop in loops.items()
            if set(loop.roles) & set(roles)
        ]

    def start(self) -> None:
        """Starts every thread."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends every thread after its round."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def _run(self, rounds: Rounds[Any], pause: float) -> None:
        while not self._stop.is_set():
            with suppress(Exception):  # it is logged and told; the next round comes all the same
                rounds.once()
            self._stop.wait(pause)


_ROUNDS = (
    "SELECT loop, begun_at, succeeded_at, failed_at, part, reason_zh, reason_en FROM loop_round "
    "ORDER BY loop"
)


def unready(tx: Connection, loops: Mapping[str, Loop], clock: Clock) -> dict[str, Text]:
    """Loop -> why it does not do its work: its last round failed, or none has ended for a long
    time.
    """
    reasons = {}
    for row in rows(tx, _ROUNDS):
        loop = loops.get(row.loop)
        if loop is None:
            continue
        last = row.succeeded_at or row.begun_at
        silent = (clock.now() - last).total_seconds()
        if row.reason_zh is not None:
            reasons[row.loop] = Text(
                f"{row.part or row.loop}：{row.reason_zh}",
                f"{row.part or row.loop}: {row.reason_en}",
            )
        elif silent > max(STANDS_SECONDS_MIN, 3 * loop.pause):
            reasons[row.loop] = Text(
                f"已有 {silent:.0f} 秒没有办完一轮。",
                f"No round has ended for {silent:.0f} seconds.",
            )
    return reasons


def figures(engine: Engine) -> dict[str, tuple[float, bool, int]]:
    """Loop -> when a round of it last succeeded (seconds since 1970, 0: none has), whether the last
    failed, rows aside.
    """
    with engine.connect() as tx:
        rounds, waiting = rows(tx, _ROUNDS), aside(tx)
    figures_of = {name: (0.0, False, count) for name, count in waiting.items()}
    for row in rounds:
        at = row.succeeded_at.timestamp() if row.succeeded_at else 0.0
        figures_of[row.loop] = (at, row.reason_zh is not None, waiting.get(row.loop, 0))
    return figures_of
