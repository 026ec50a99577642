"""Confirmed addresses from the table into the gazetteer, before the next batch is judged."""
from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from schemas.envelope import Message
from services.matcher.gazetteer import Gazetteer


class Learned:
    """A handler that first learns what was confirmed or withdrawn since the last batch, then lets ``act`` go on."""

    def __init__(self, gazetteer: Gazetteer, act: Callable[[Connection, Sequence[Message]], None]) -> None:
        self._gazetteer, self._act = gazetteer, act
        self._known: dict[str, bool] = {}
        self._mark: tuple[int, int] | None = None

    def __call__(self, tx: Connection, messages: Sequence[Message]) -> None:
        """Learns, then acts."""
        self.refresh(tx)
        self._act(tx, messages)

    def refresh(self, tx: Connection) -> None:
        """Brings the gazetteer up to the table; one cheap query where nothing changed."""
        mark = tx.exec_driver_sql("SELECT count(*), count(withdrawn_at) FROM confirmed_address").one()
        if tuple(mark) == self._mark:
            return
        for source, address, code, on, withdrawn in tx.exec_driver_sql(
                'SELECT source, address, code, "on", withdrawn_at FROM confirmed_address'):
            if withdrawn and self._known.get(source, True):
                self._gazetteer.withdraw(source)
            elif not withdrawn and not self._known.get(source, False):
                self._gazetteer.learn(address, code, source=source, on=on)
            self._known[source] = not withdrawn
        self._mark = tuple(mark)
