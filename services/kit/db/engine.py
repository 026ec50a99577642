"""Engines with a role, and who looks."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, cast

import orjson
import psycopg
from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    RowMapping,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

Role = Literal["guidui_web", "guidui_worker"]
_LENDER = "guidui_lender"  # execution option of an engine of pages: the workers' engine
IDLE_IN_TRANSACTION_SECONDS_MAX = (
    30  # an idle writer would hold back the log's horizon for everybody
)


if TYPE_CHECKING:

    class Record(Mapping[str, Any]):
        """A row, whose columns are items and attributes. `RowMapping` is declared for keys that are
        no names too, and so fits no `Mapping[str, Any]`.
        """

        def __getattr__(self, name: str) -> Any: ...
else:
    Record = RowMapping


def address(url: str | URL) -> URL:
    """A PostgreSQL URL in SQLAlchemy's words: driver psycopg 3."""
    return make_url(url).set(drivername="postgresql+psycopg")


def connect(
    url: str | URL,
    role: Role | None,
    *,
    connections_max: int = 10,
    ping: bool = False,
    lender: Engine | None = None,
) -> Engine:
    """A pool whose every session acts as `role`; None stays the login itself (the owner, for
    migrations).

    `ping` asks a pooled connection whether it lives before each use: for pages, where nobody
    retries. `lender`: the login may not act as guidui_worker; within `lent` its transactions work
    on a connection of this engine instead. SQL parameters never appear in error messages: they may
    be personal.
    """
    options = [
        "-c timezone=Asia/Shanghai",
        f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS_MAX}s",
    ]
    if role is not None:
        options.append(f"-c role={role}")
    engine = create_engine(
        address(url),
        pool_size=connections_max,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=ping,
        hide_parameters=True,
        json_deserializer=orjson.loads,
        json_serializer=dumps,
        connect_args={
            "options": " ".join(options),
            "connect_timeout": 5,
            "application_name": "guidui",
        },
    )
    if lender is None:
        return engine
    event.listen(
        engine,
        "do_connect",
        lambda dialect, record, args, params: _Borrowing.connect(*args, **params),
    )
    return engine.execution_options(**{_LENDER: lender})


def driver_of(tx: Connection) -> psycopg.Connection:
    """The connection of psycopg under a transaction, for what SQLAlchemy has no words for."""
    driver = tx.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # None only once it is given back to the pool
    return driver


class _Borrowing(psycopg.Connection):
    """A connection of pages; while another is lent to it, statements go there."""

    borrowed: psycopg.Connection | None = None

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        return (
            super().cursor(*args, **kwargs)
            if self.borrowed is None
            else self.borrowed.cursor(*args, **kwargs)
        )

    def pipeline(self) -> Any:
        return super().pipeline() if self.borrowed is None else self.borrowed.pipeline()


def lends(tx: Connection) -> bool:
    """Whether `tx` is of a login that may not become guidui_worker, and borrows."""
    return _LENDER in tx.get_execution_options()


@contextmanager
def lent(tx: Connection) -> Generator[None]:
    """Inside, the statements of `tx` run in a transaction of a worker, which is committed at the
    end.

    Inside another such block nothing changes. `tx` itself has written nothing, since pages may not,
    and reads what is committed: it misses nothing by this.
    """
    own = driver_of(tx)
    assert isinstance(own, _Borrowing)
    if own.borrowed is not None:
        yield
        return
    with tx.get_execution_options()[_LENDER].begin() as worker:
        own.borrowed = driver_of(worker)
        try:
            yield
        finally:
            own.borrowed = None


def still_good(tx: Connection) -> bool:
    """Whether the transaction can go on: no statement of it has failed."""
    status = driver_of(tx).info.transaction_status
    return status is not psycopg.pq.TransactionStatus.INERROR


def dumps(value: Any) -> str:
    """JSON text, as a parameter of a statement that reads it with json_to_recordset."""
    return orjson.dumps(value).decode()


def rows(tx: Connection, sql: str, params: Mapping[str, Any] | None = None) -> Sequence[Record]:
    """All rows of one statement with `:name` parameters."""
    return records(tx.execute(text(sql), params or {}))


def records(result: CursorResult[Any]) -> Sequence[Record]:
    """All rows of a result."""
    return cast(Sequence[Record], result.mappings().all())


@contextmanager
def sent_ahead(tx: Connection) -> Generator[None]:
    """Inside, statements that return nothing are sent and not waited for: the server works while we
    do.

    What went wrong is raised at the end of the block, for whichever statement it was; none may
    return rows.
    """
    try:
        with driver_of(tx).pipeline():
            yield
    except psycopg.Error as error:
        raise DBAPIError.instance(None, None, error, psycopg.Error, hide_parameters=True) from error


_BY_BOUNDS = "context_of_bounds(%s, %s, %s)"
_BY_PROOF = "context_of_proof(%s, %s)"
_SET = """
SELECT set_config('guidui.lo', c.lo, true), set_config('guidui.hi', c.hi, true),
       set_config('guidui.own', c.own, true), set_config('guidui.seal', c.seal, true)
FROM {context} c"""


def view_as(tx: Connection, lo: str, hi: str, own: str) -> None:
    """Says for this transaction who looks: organisation paths in [lo, hi), and `own`, a receiver's
    code or ''.

    For logins that may become guidui_worker; any other looks by `view_by`, and the database refuses
    it here.
    """
    tx.exec_driver_sql(_SET.format(context=_BY_BOUNDS), (lo, hi, own))


def view_by(tx: Connection, proof: str, whole_tree: bool) -> bool:
    """Lets this transaction see what the holder of a key or session may: the database finds the
    bounds itself.

    `proof` is the SHA-256 of the key or of the session's cookie. `whole_tree`: with all that lies
    below, whatever the role. False, and nothing is seen, where no living key or session is like
    this.
    """
    return (
        tx.exec_driver_sql(_SET.format(context=_BY_PROOF), (proof, whole_tree)).first() is not None
    )
