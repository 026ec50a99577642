"""The append-only log: outbox and log in one table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from schemas.envelope import Message, derived
from services.kit.db.engine import dumps

__all__ = ["CHANNEL", "RELAY", "Message", "derived", "record"]

# NOTIFY wakes relay and tailers; the payload is empty, so one transaction notifies once
CHANNEL = "event_log"
RELAY = "relay"  # the relay's name among the cursors

_RECORD = """
WITH written AS (
    INSERT INTO event_log (topic, key, event_id, type, body, time, cause, at)
    SELECT topic, key, id, type, body, time, cause, coalesce(%s::timestamptz, time)
    FROM json_to_recordset(%s::json)
         AS m(topic text, key text, id uuid, type text, body json, time timestamptz, cause uuid)
    ON CONFLICT (event_id) DO NOTHING)
SELECT pg_notify('event_log', '')"""


def record(tx: Connection, messages: Sequence[Message], at: datetime | None = None) -> None:
    """Writes messages to the log in the given order; one already there is left alone.

    `at` is when they were written (default: each message's own time); the reconciler counts from
    it.
    """
    if messages:
        tx.exec_driver_sql(_RECORD, (at, dumps([_row(m) for m in messages])))


def _row(message: Message) -> dict:
    return {
        "topic": message.topic,
        "key": message.key,
        "id": message.id,
        "type": message.type,
        "body": message.body,
        "time": message.time,
        "cause": message.cause,
    }
