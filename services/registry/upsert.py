"""Rows on their way into the register: batches, outcomes, and the one shape of write (COPY, then
one statement).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Literal, NamedTuple

from psycopg import sql
from sqlalchemy import Connection, Engine

from services.kit.db import locks
from services.kit.db.engine import driver_of
from services.kit.db.locks import Lock
from services.registry.cells import Wrong
from services.registry.file_schemas import Faults
from services.registry.tabular import Row

BATCH_ROWS_MAX = 5_000  # an open transaction holds back every reader of the event log

Outcome = Literal["new", "changed", "unchanged"] | Faults


class Entry(NamedTuple):
    """A row that could be read, with its values by column; `row` is None where the register itself
    is the source.
    """

    row: Row | None
    values: Mapping[str, Any]


def batches(entries: Iterable[Any], rows_max: int = BATCH_ROWS_MAX) -> Iterator[list[Any]]:
    """The entries in lists of at most `rows_max`."""
    entries = iter(entries)
    while batch := list(islice(entries, rows_max)):
        yield batch


def one_fault(column: str, reason: str, fix: str) -> Faults:
    """A row with one thing wrong."""
    return Faults([(column, Wrong(reason, fix))])


def upsert(
    tx: Connection,
    table: str,
    key: str,
    records: Sequence[Mapping[str, Any]],
    update: Mapping[str, str],
) -> None:
    """Insert the records (all with the same columns), or update those whose `key` is there.

    `update`: column -> SQL expression in which `old` is the row that stands and `excluded` the new
    one.
    """
    if not records:
        return
    columns = list(records[0])
    listed = ", ".join(f'"{column}"' for column in columns)
    stage = f"load_{table}"
    tx.exec_driver_sql(
        f"CREATE TEMP TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS AS "
        f"SELECT {listed} FROM {table} WITH NO DATA"
    )
    copy(tx, stage, columns, ([record[column] for column in columns] for record in records))
    setting = ", ".join(f'"{column}" = {expression}' for column, expression in update.items())
    tx.exec_driver_sql(
        f"INSERT INTO {table} AS old ({listed}) SELECT {listed} FROM {stage} "
        f"ON CONFLICT ({key}) DO UPDATE SET {setting}"
    )


def copy(
    tx: Connection,
    table: str,
    columns: Sequence[str],
    values: Iterable[Sequence[Any]],
    null: str = r"\N",
) -> None:
    """COPY rows into a table without row-level security; `null` is the text that stands for no
    value.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN (NULL {})").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Literal(null)
    )
    with driver_of(tx).cursor().copy(statement) as stream:
        for row in values:
            stream.write_row(row)


def as_given(*columns: str) -> dict[str, str]:
    """Each column takes the new value."""
    return {column: f'excluded."{column}"' for column in columns}


@contextmanager
def alone(engine: Engine) -> Generator[None]:
    """Waits until nothing else is loaded on this database; who dies lets go by itself."""
    with locks.alone(engine, Lock.LOAD):
        yield
