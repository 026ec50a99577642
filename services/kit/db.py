"""Engines with a role, and who looks."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import orjson
import psycopg
from sqlalchemy import Connection, Engine, RowMapping, create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

Role = Literal["guidui_web", "guidui_worker"]
IDLE_IN_TRANSACTION_SECONDS_MAX = 30  # an idle writer would hold back the log's horizon for everybody


def address(url: str | URL) -> URL:
    """A PostgreSQL URL in SQLAlchemy's words: driver psycopg 3."""
    return make_url(url).set(drivername="postgresql+psycopg")


def connect(url: str | URL, role: Role | None, *, connections_max: int = 10, ping: bool = False) -> Engine:
    """A pool whose every session acts as `role`; None stays the login itself (the owner, for migrations).

    `ping` asks a pooled connection whether it lives before each use: for pages, where nobody retries.
    SQL parameters never appear in error messages: they may be personal.
    """
    options = ["-c timezone=Asia/Shanghai",
               f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS_MAX}s"]
    if role is not None:
        options.append(f"-c role={role}")
    return create_engine(
        address(url), pool_size=connections_max, max_overflow=0, pool_timeout=10, pool_pre_ping=ping,
        hide_parameters=True, json_deserializer=orjson.loads, json_serializer=dumps,
        connect_args={"options": " ".join(options), "connect_timeout": 5, "application_name": "guidui"})


def dumps(value: Any) -> str:
    """JSON text, as a parameter of a statement that reads it with json_to_recordset."""
    return orjson.dumps(value).decode()


def rows(tx: Connection, sql: str, params: Mapping[str, Any] | None = None) -> Sequence[RowMapping]:
    """All rows of one statement with `:name` parameters."""
    return tx.execute(text(sql), params or {}).mappings().all()


@contextmanager
def sent_ahead(tx: Connection) -> Iterator[None]:
    """Inside, statements that return nothing are sent and not waited for: the server works while we do.

    What went wrong is raised at the end of the block, for whichever statement it was; none may return rows.
    """
    try:
        with tx.connection.driver_connection.pipeline():
            yield
    except psycopg.Error as error:
        raise DBAPIError.instance(None, None, error, psycopg.Error, hide_parameters=True) from error


def view_as(tx: Connection, lo: str, hi: str, own: str) -> None:
    """Says for this transaction who looks: organisation paths in [lo, hi), and `own`, a receiver's code or ''."""
    tx.exec_driver_sql(
        "SELECT set_config('guidui.lo', %s, true), set_config('guidui.hi', %s, true), "
        "set_config('guidui.own', %s, true)", (lo, hi, own))
