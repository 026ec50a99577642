"""Who looks: the process of the city itself, or one beside it that looks while the city goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from typing import Protocol

from sqlalchemy import URL, Connection

from services.cases.routing.rule_source import RuleSource
from services.kit.db.engine import connect
from services.tools.city.invariants import Broken, look, sight_of, whole_sight


@dataclass(frozen=True, slots=True)
class Question:
    """What to look at, at which moment; no cases and no members mean everything there is."""

    now: datetime
    cases: Sequence[str] = ()
    members: Sequence[str] = ()
    accepted: int | None = None
    reads: Sequence[tuple[str, str]] = ()

    @property
    def whole(self) -> bool:
        """Whether everything is asked about."""
        return not self.cases and not self.members


Answer = tuple[Question, list[Broken]]


class Eyes(Protocol):
    """Looks at the database as the transaction that asks sees it."""

    def ask(self, tx: Connection, question: Question) -> list[Answer]:
        """Answers to what was asked, in its order; the last ones may come with the next
        question.
        """

    def rest(self) -> list[Answer]:
        """The answers still owed."""

    def close(self) -> None:
        """Looks no more."""


class Here:
    """Looks at once, in the transaction that asks."""

    def __init__(self, rule_source: RuleSource, homes: Mapping[str, str]) -> None:
        self._ground, self._homes = rule_source, homes

    def ask(self, tx: Connection, question: Question) -> list[Answer]:
        """The answer."""
        return [(question, _found(tx, question, self._ground, self._homes))]

    def rest(self) -> list[Answer]:
        """None: all are given."""
        return []

    def close(self) -> None:
        """Nothing to end."""


class Beside:
    """A process that looks in a snapshot of the transaction that asked, while that one's process
    goes on.

    It takes one question at a time: asking waits until the one before is answered. So at every
    question the same answers are known, however fast either process is.
    """

    def __init__(self, url: str | URL, rule_source: RuleSource, homes: Mapping[str, str]) -> None:
        self._pipe, other = get_context("spawn").Pipe()
        address = url.render_as_string(hide_password=False) if isinstance(url, URL) else url
        self._process = get_context("spawn").Process(
            target=_look_on, args=(other, address, rule_source, dict(homes)), daemon=True
        )
        self._process.start()
        other.close()
        self._owed: list[Question] = []

    def ask(self, tx: Connection, question: Question) -> list[Answer]:
        """The answers to what was asked before."""
        self._pipe.send((tx.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one(), question))
        answers = self.rest()
        self._pipe.recv()  # the snapshot is taken: from here on the transaction that asked may end
        self._owed.append(question)
        return answers

    def rest(self) -> list[Answer]:
        """The answers still owed."""
        answers = [(question, self._pipe.recv()) for question in self._owed]
        self._owed.clear()
        return answers

    def close(self) -> None:
        """Ends the process."""
        self._pipe.close()
        self._process.join()


def _look_on(pipe: Pipe, url: str, rule_source: RuleSource, homes: Mapping[str, str]) -> None:
    """Answers questions until nobody is there to ask."""
    engine = connect(url, "guidui_worker", connections_max=1)
    while True:
        try:
            snapshot, question = pipe.recv()
        except EOFError:
            break
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as tx:
            tx.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            pipe.send(None)
            pipe.send(_found(tx, question, rule_source, homes))
    engine.dispose()


def _found(
    tx: Connection, question: Question, rule_source: RuleSource, homes: Mapping[str, str]
) -> list[Broken]:
    if question.whole:
        return look(
            whole_sight(tx, question.now, rule_source, homes, question.accepted, question.reads)
        )
    return look(sight_of(tx, question.now, rule_source, question.cases, question.members, homes))
