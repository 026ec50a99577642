"""Every advisory lock of the program, and the only place that takes one.

A lock has two keys: the purpose (`Lock`, no two alike) and what it is about within it, so that no
purpose ever waits for another. PostgreSQL keeps this form apart from the form with one key. Locks
of a transaction end with it, those of a session with the session: who dies lets go by itself.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from enum import IntEnum, unique
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, text


@unique
class Lock(IntEnum):
    """The purposes; each is the first key of its locks."""

    MIGRATION = 1  # two migrations at once would meet in the catalogue
    RELAY = 2  # one relay at a time keeps the order of a key
    LOAD = 3  # one load, or change of the tree, at a time
    POLICY = 4  # two loads must not both find the name of a version free
    CHANNEL = 5  # the cap of a channel is counted, then used; about the channel's name
    CORRECTION = 6  # an event and what corrects it; about one of 64 parts of all events
    DESK_COUNT = 7  # who counts the review desk of an organisation; about its code
    SNAPSHOT = 8  # figures of a month's end are written once
    BATCH = 9  # one wave at a time of a batch's orders; about the batch
    BATCH_RECEIVED = 10  # the same of a receiver's orders; about batch and receiver


PARTS = 64
"""Into so many parts the events are divided: a batch of thousands must not take thousands of
locks.
"""

_HOLD = (
    "SELECT pg_advisory_xact_lock(%s, k) FROM (SELECT DISTINCT hashtext(c) AS k FROM "
    "unnest(%s::text[]) c ORDER BY k) x"
)
_TRY = "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))"
_PART = f"hashtext({{}}) & {PARTS - 1}"
_HOLD_PART = f"SELECT pg_advisory_xact_lock(%s, {_PART.format('%s')})"
_HOLD_PARTS_SHARED = f"""
SELECT pg_advisory_xact_lock_shared(:lock, k) FROM (
    SELECT DISTINCT {_PART.format("name")} AS k FROM ({{names}}) n (name) ORDER BY k) x"""


def hold(tx: Connection, lock: Lock, *about: str) -> None:
    """Waits for the locks, in an order that all share, and holds them until the transaction
    ends.
    """
    tx.exec_driver_sql(_HOLD, (int(lock), list(about) or [""]))


def try_hold(tx: Connection, lock: Lock, about: str = "") -> bool:
    """Takes the lock until the transaction ends, if nobody has it; says whether it did."""
    return tx.exec_driver_sql(_TRY, (int(lock), about)).scalar_one()


def hold_part(tx: Connection, lock: Lock, about: str) -> None:
    """Waits for the lock of the part, one of 64, that `about` lies in."""
    tx.exec_driver_sql(_HOLD_PART, (int(lock), about))


def hold_parts_shared(tx: Connection, lock: Lock, names: str, params: Mapping[str, Any]) -> None:
    """Keeps `hold_part` of others waiting for whatever the query `names` (one column of text)
    finds.
    """
    tx.execute(text(_HOLD_PARTS_SHARED.format(names=names)), {"lock": int(lock), **params})


@contextmanager
def alone(engine: Engine, lock: Lock) -> Generator[None]:
    """Inside, this session alone has the lock; waits for it. Transactions of others may come and go
    meanwhile.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
        session.exec_driver_sql("SELECT pg_advisory_lock(%s, 0)", (int(lock),))
        try:
            yield
        finally:
            session.exec_driver_sql("SELECT pg_advisory_unlock(%s, 0)", (int(lock),))


def try_alone(session: psycopg.Connection, lock: Lock) -> bool:
    """Takes the lock for as long as the session lives, if nobody has it; says whether it did."""
    answer = session.execute("SELECT pg_try_advisory_lock(%s, 0)", (int(lock),)).fetchone()
    return answer == (True,)
