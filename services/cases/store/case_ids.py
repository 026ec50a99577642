"""Ids of cases: the same on every repetition of what opens them, and computed by nobody who does
not hold the key.

The key stays in the database, readable by the worker alone. What a sender knows (its source, the id
it gave, a batch, the number of a letter) leads to a *plain* id; HMAC-SHA256 of that with the key is
the id of the case.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class CaseIds:
    """Gives the ids. ``stands``: plain ids under which cases were opened before there was a key;
    these keep them.
    """

    key: bytes
    stands: frozenset[str] = frozenset()

    def of(self, plain: UUID) -> str:
        """The id of the case that a plain id leads to."""
        text = str(plain)
        if text in self.stands:
            return text
        digest = hmac.new(self.key, text.encode(), hashlib.sha256).digest()
        return str(UUID(bytes=digest[:16], version=5))


# for announcements that open nothing: rows of a roll, measurements
OPENS_NOTHING = CaseIds(secrets.token_bytes(KEY_BYTES))


def read(tx: Connection, plain: Iterable[UUID]) -> CaseIds:
    """How this database gives ids to what these plain ids lead to. ``tx`` acts as the worker.

    The key is drawn when it is first needed, unless ``fix`` was there before.
    """
    kept = tx.exec_driver_sql("SELECT key, former FROM case_key").first()
    if kept is None:
        fix(tx, secrets.token_bytes(KEY_BYTES))
        kept = tx.exec_driver_sql("SELECT key, former FROM case_key").one()
    if not kept.former:
        return CaseIds(bytes(kept.key))
    standing = tx.exec_driver_sql(
        "SELECT id::text FROM transfer_case WHERE id = ANY (%s::uuid[])",
        ([str(plain_id) for plain_id in plain],),
    ).scalars()
    return CaseIds(bytes(kept.key), frozenset(standing))


def fix(tx: Connection, key: bytes) -> None:
    """Sets the key where there is none yet: a simulation takes the same one each time, to have
    the same history.
    """
    tx.exec_driver_sql(
        "INSERT INTO case_key (key, former) VALUES (%s, false) ON CONFLICT DO NOTHING", (key,)
    )
