"""A consumer with the smallest effect there is: one row per message, in the order they took
effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine

from schemas.envelope import Message
from services.kit.bus.consumer import Subscription
from services.kit.clock import ZONE
from services.kit.db.engine import connect, dumps, rows
from services.kit.errors import Poison, Text

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=ZONE)
MINUTE = timedelta(minutes=1)
TABLE = """
CREATE TABLE effect (position bigint GENERATED ALWAYS AS IDENTITY, event_id uuid, key text, n int);
GRANT SELECT, INSERT ON effect TO guidui_worker"""
BAD = Text("第七号不收。", "Number seven is not taken.")


def add_table(owner_url: str) -> None:
    """Gives a database the toy's table."""
    owner = connect(owner_url, None, connections_max=1)
    with owner.begin() as tx:
        tx.exec_driver_sql(TABLE)
    owner.dispose()


def message(
    n: int, key: str = "k", topic: str = "toys", time: datetime = NOON, ident: UUID | None = None
) -> Message:
    return Message(ident or uuid4(), topic, "guidui.toy.v1", key, time, {"n": n})


def write(tx: Connection, messages: Sequence[Message]) -> None:
    """The effect: one statement per batch."""
    tx.exec_driver_sql(
        "INSERT INTO effect (event_id, key, n) SELECT id, key, n"
        " FROM json_to_recordset(%s::json) AS m(id uuid, key text, n int)",
        (dumps([{"id": m.id, "key": m.key, "n": m.body["n"]} for m in messages]),),
    )


def refusing(*numbers: int):
    """A handler that takes everything but these numbers."""

    def handle(tx: Connection, messages: Sequence[Message]) -> None:
        write(tx, messages)
        if any(m.body["n"] in numbers for m in messages):
            raise Poison(BAD)

    return handle


def subscription(
    handler=write, topics: tuple[str, ...] = ("toys",), consumer: str = "toy", **how
) -> Subscription:
    return Subscription(consumer, topics, handler, **how)


def effects(engine: Engine, key: str | None = None) -> list[int]:
    """The numbers that took effect, in that order."""
    with engine.connect() as tx:
        return [
            row["n"]
            for row in rows(
                tx,
                "SELECT n FROM effect WHERE CAST(:key AS text) IS NULL OR key = :key"
                " ORDER BY position",
                {"key": key},
            )
        ]
