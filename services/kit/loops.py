"""Loops work off rows; a row that raises steps aside with its reason, and the others go on in the
same round.

The rows of a part are done together in a savepoint. Where that fails for a reason that is not the
database's, they are done again one by one: each that raises alone is laid on the dead-letter desk
under the loop's name, and the loop's queries leave it out (`Part.not_aside`) until somebody lets it
be tried again there. A broken database ends the round instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from services.kit.bus import dead_letters
from services.kit.db.engine import rows
from services.kit.errors import Refused
from services.kit.log import where
from services.kit.retry import is_infrastructure

log = structlog.get_logger()
Row = TypeVar("Row")
Result = TypeVar("Result")
OVERTAKEN = "moved-meanwhile"
"""The code of a refusal that means: somebody else changed the row at the same moment. The next
round looks again.
"""


@dataclass
class Done(Generic[Result]):
    """What came of a batch: the results of what was done (one, or one per row), and how many rows
    were not.
    """

    results: list[Result] = field(default_factory=list)
    aside: int = 0
    overtaken: int = 0

    @property
    def left_out(self) -> int:
        """Rows that were not done."""
        return self.aside + self.overtaken


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a loop: its rows have keys of their own among the rows that stand aside."""

    loop: str
    name: str

    def not_aside(self, key: str) -> str:
        """The SQL condition that a row, whose key is the expression `key`, does not stand aside. It
        names no parameter.
        """
        return f"NOT EXISTS (SELECT FROM {self._aside('open', 'skipped')} WHERE aside_key = {key})"

    def some_aside(self, prefix: str) -> str:
        """The SQL condition that a row stands aside whose key begins with the expression
        `prefix`.
        """
        return (
            f"EXISTS (SELECT FROM {self._aside('open', 'skipped', 'again')} WHERE "
            f"starts_with(aside_key, {prefix}))"
        )

    def _aside(self, *states: str) -> str:
        """The rows that stand aside, under a name of their own: `key` may name columns without
        their table.
        """
        listed = ", ".join(f"'{state}'" for state in states)
        return (
            f"(SELECT letter.key AS aside_key FROM dead_letter letter WHERE letter.topic = "
            f"'{dead_letters.LOOP}' "
            f"AND letter.consumer = '{self.loop}' AND letter.type = '{self.name}' AND "
            f"letter.state IN ({listed})) aside"
        )

    def each_by_itself(
        self,
        tx: Connection,
        items: Sequence[Row],
        work: Callable[[Sequence[Row]], Result],
        at: datetime,
        *,
        key: Callable[[Row], str] = str,
        organisation: Callable[[Row], str | None] | None = None,
    ) -> Done[Result]:
        """Lets `work` do the rows, all at once if it can, else each by itself; those that raise
        step aside.

        `work` may be called several times and must do nothing but through `tx`. `organisation` says
        whose row it is, for the desk. Errors of the infrastructure pass through, with nothing kept.
        """
        if not items:
            return Done()
        if len(items) > 1:
            try:
                with tx.begin_nested():
                    return Done([work(items)])
            except Exception as error:
                if is_infrastructure(error):
                    raise
                log.warning(
                    "loop_batch_failed",
                    loop=self.loop,
                    part=self.name,
                    rows=len(items),
                    **where(error),
                )
        done: Done[Result] = Done()
        for item in items:
            self._alone(
                tx, item, work, done, at, key(item), organisation(item) if organisation else None
            )
        return done

    def _alone(  # noqa: PLR0913
        self,
        tx: Connection,
        item: Row,
        work: Callable[[Sequence[Row]], Result],
        done: Done[Result],
        at: datetime,
        key: str,
        organisation: str | None,
    ) -> None:
        try:
            with tx.begin_nested():
                done.results.append(work([item]))
        except Exception as error:
            if is_infrastructure(error):
                raise
            if isinstance(error, Refused) and error.code == OVERTAKEN:
                done.overtaken += 1
                return
            self.put_aside(tx, key, error, at, organisation)
            done.aside += 1

    def put_aside(
        self,
        tx: Connection,
        key: str,
        error: Exception,
        at: datetime,
        organisation: str | None = None,
    ) -> None:
        """Lays a row on the desk; one that stood there before stands there again, tried once
        more.
        """
        words = dead_letters.words_of(error)
        dead_letters.put_row(tx, self.loop, self.name, key, organisation, words, at)
        log.error(
            "row_put_aside",
            loop=self.loop,
            part=self.name,
            organisation=organisation,
            **where(error),
        )


def asked_again(tx: Connection, loop: str, at: datetime) -> list[tuple[str, str]]:
    """(part, key) of the rows that somebody at the desk lets this loop try again; from now on its
    queries find them.
    """
    waiting_rows = rows(
        tx,
        """UPDATE dead_letter SET state = 'retried', decided_at = :at
        WHERE topic = :topic AND consumer = :loop AND state = 'again' RETURNING type, key""",
        {"topic": dead_letters.LOOP, "loop": loop, "at": at},
    )
    return [(row["type"], row["key"]) for row in waiting_rows]


def aside(tx: Connection) -> dict[str, int]:
    """Loop, or consumer of messages -> how much of it waits on the desk."""
    counts: Sequence[Any] = rows(
        tx,
        "SELECT consumer, count(*) AS n FROM dead_letter WHERE state = 'open' GROUP BY 1 ORDER BY "
        "1",
    )
    return {row["consumer"]: row["n"] for row in counts}


def set_aside(engine: Engine) -> dict[str, int]:
    """`aside`, for whoever asks whether all is well; nothing while the database is away, which is
    told elsewhere.
    """
    try:
        with engine.connect() as tx:
            return aside(tx)
    except SQLAlchemyError:
        return {}
