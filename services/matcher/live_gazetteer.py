"""The gazetteer in force: what was confirmed or withdrawn comes in before the next batch; a newer
table takes its place.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine

from services.addresses.answer import Resolution
from services.addresses.gazetteer import Gazetteer
from services.kit.log import where
from services.matcher import editions

log = structlog.get_logger()

_ASK = """
SELECT (SELECT mark::text FROM registry_version WHERE part = 'division') AS edition,
       pg_snapshot_xmin(pg_current_snapshot())::text AS horizon"""
_ALL = """
SELECT source, address, code, "on", withdrawn_at IS NOT NULL AS withdrawn,
       coalesce(changed = pg_current_xact_id_if_assigned(), false) AS own FROM confirmed_address"""
# rows of transactions that an earlier look could not see, and this transaction's own; marks that
# came from another server with a restored copy lie beyond the snapshot until its own numbers have
# passed them
_CHANGED = f"""{_ALL}
WHERE changed >= %s::xid8 AND changed < pg_snapshot_xmax(pg_current_snapshot())
   OR changed = pg_current_xact_id_if_assigned()"""
_KEPT = f"{_ALL} WHERE source = ANY (%s)"


class Addresses:
    """One process's gazetteer with everything confirmed so far. Readers take ``current`` (or
    ``resolve``) and need no lock: a newer division table replaces the reference whole.

    ``engine`` (as guidui_worker) is needed only to open another edition of the division table.
    """

    def __init__(
        self, gazetteer: Gazetteer, cache: Path | None = None, engine: Engine | None = None
    ) -> None:
        self.current = gazetteer
        self._cache = cache
        self._engine = engine
        self._turn = threading.Lock()
        self._confirmed: dict[str, tuple[Any, ...]] = {}
        self._seen: str | None = None
        # sources taken from a transaction that may have been rolled back since
        self._own: list[str] = []
        self._edition: str | None = None
        self._coming: str | None = None
        self._ready: tuple[str, Gazetteer] | None = None

    @property
    def learned(self) -> int:
        """How many confirmed cases the answers stand on."""
        return len(self._confirmed)

    def resolve(self, address: str | None, county: str | None = None) -> Resolution:
        """Candidates for an address, by the table and the evidence in force."""
        return self.current.resolve(address, county)

    def refresh(self, tx: Connection) -> None:
        """Brings the gazetteer up to the database; two cheap queries where nothing changed."""
        with self._turn:
            asked = tx.exec_driver_sql(_ASK).one()
            if asked.edition != self._edition:
                self._follow(asked.edition)
            if self._ready and self._ready[0] == asked.edition:
                self._replace(tx)
            self._make_sure(tx)
            changed = self._changed(tx)
            for row in changed:
                self._take(self.current, row)
            self._own = [row.source for row in changed if row.own]
            self._seen = asked.horizon

    def _changed(self, tx: Connection) -> Sequence[Any]:
        """What was confirmed or withdrawn since the last look; all of it at the first."""
        if self._seen:
            return tx.exec_driver_sql(_CHANGED, (self._seen,)).all()
        return tx.exec_driver_sql(_ALL).all()

    def _make_sure(self, tx: Connection) -> None:
        """What was taken from this process's own transaction stands only if that was committed."""
        if not self._own:
            return
        kept = {row.source: row for row in tx.exec_driver_sql(_KEPT, (self._own,))}
        for source in self._own:
            if source in kept:
                self._take(self.current, kept[source])
            elif self._confirmed.pop(source, None) is not None:
                self.current.withdraw(source)

    def _take(self, gazetteer: Gazetteer, row: Any) -> None:
        """Lets a gazetteer learn what a row confirms, or forget what it withdraws."""
        before = self._confirmed.get(row.source)
        now = None if row.withdrawn else (row.address, row.code, row.on)
        if before == now:
            return
        if before is not None:
            gazetteer.withdraw(row.source)
            del self._confirmed[row.source]
        if now is not None:
            gazetteer.learn(row.address, row.code, source=row.source, on=row.on)
            self._confirmed[row.source] = now

    def _follow(self, edition: str) -> None:
        """Opens another edition beside the one in force: at once where it is compiled, else in the
        background.
        """
        if edition == self._coming or self._cache is None or self._engine is None:
            return
        self._coming = edition
        compiled = editions.compiled(self._cache, edition)
        if compiled is not None:
            self._ready = (edition, compiled)
            return
        threading.Thread(
            target=self._open,
            args=(edition, self._cache, self._engine),
            daemon=True,
            name="division-table",
        ).start()

    def _open(self, edition: str, cache: Path, engine: Engine) -> None:
        try:
            self._ready = (edition, editions.opened(cache, edition, engine))
        except Exception as error:
            log.error("division_table_failed", edition=edition, **where(error))
            self._coming = None  # the next batch tries again

    def _replace(self, tx: Connection) -> None:
        """The newer table with all that was confirmed, then the one reference."""
        assert self._ready is not None
        edition, fresh = self._ready
        self._ready = None
        self._confirmed = {}
        fresh.route_at = self.current.route_at
        for row in tx.exec_driver_sql(_ALL):
            self._take(fresh, row)
        self.current = fresh
        self._edition = edition
        log.info(
            "division_table_replaced",
            edition=edition,
            version=fresh.snapshot.version,
            learned=len(self._confirmed),
        )
