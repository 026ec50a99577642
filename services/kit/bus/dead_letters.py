"""The dead-letter desk: messages that fail alone, the later ones of their key that wait behind
them, and rows of loops.

A row of a loop (`topic` is LOOP, `consumer` the loop's name, `type` the part of the loop) is no
message: to try it again is to let the loop find it in its next round, to skip it is to leave it out
of the loop for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid5

from sqlalchemy import Connection, Engine

from schemas.envelope import NAMESPACE_GUIDUI, Message
from services.kit.clock import Clock, SystemClock
from services.kit.db.engine import Record, dumps, rows
from services.kit.errors import Poison, Refused, Text
from services.kit.log import where
from services.kit.retry import is_infrastructure

if TYPE_CHECKING:
    from services.kit.bus.consumer import Subscription

Handler = Callable[[Connection, Sequence[Message]], None]

LOOP = "loop"
_NO_SUCH = Text("没有这条死信。", "There is no such dead letter.")
_DECIDED = Text("这条死信已经处理过。", "This dead letter has been decided already.")
_NO_BODY = Text(
    "这条消息的内容按规定没有保留，请发送方重新报送。",
    "The content of this message is not kept; ask its sender to post it again.",
)
_NO_CONSUMER = Text("没有这个消费者。", "There is no such consumer.")


def failure(tx: Connection, message: Message, handler: Handler) -> Text | None:
    """Handles one message alone, in a savepoint; returns why it failed, None where it did not."""
    try:
        with tx.begin_nested():
            handler(tx, [message])
        return None
    except Exception as error:
        if is_infrastructure(error):
            raise
        return words_of(error)


def words_of(error: Exception) -> Text:
    """What the desk is told: the sentence of a Poison; of a bug its type and place, never its
    text.
    """
    if isinstance(error, Poison | Refused):
        return error.words
    origin = where(error)
    place = origin["at"][-1] if origin["at"] else "?"
    return Text(
        f"程序出错：{origin['error']}（{place}）",
        f"a fault in the program: {origin['error']} ({place})",
    )


def put(  # noqa: PLR0913
    tx: Connection,
    consumer: str,
    message: Message,
    words: Text,
    at: datetime,
    *,
    keeps_body: bool = True,
    attempts: int = 1,
) -> None:
    """Lays a message on the desk. Its key is shut from now on, unless the body may not be kept
    (`keeps_body`).
    """
    tx.exec_driver_sql(
        """
        INSERT INTO dead_letter (consumer, event_id, topic, key, type, time, cause, body, reason_zh,
            reason_en,
                                 attempts, state, at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'open', %s) ON CONFLICT DO NOTHING""",
        (
            consumer,
            message.id,
            message.topic,
            message.key if keeps_body else None,
            message.type,
            message.time,
            message.cause,
            dumps(message.body) if keeps_body else None,
            words.zh,
            words.en,
            attempts,
            at,
        ),
    )


def put_row(  # noqa: PLR0913
    tx: Connection,
    loop: str,
    part: str,
    key: str,
    organisation: str | None,
    words: Text,
    at: datetime,
) -> None:
    """Lays a row of a loop on the desk; one that was there before stands there again, with one
    attempt more.
    """
    ident = uuid5(NAMESPACE_GUIDUI, f"{LOOP}:{loop}:{part}:{key}")
    tx.exec_driver_sql(
        """
        INSERT INTO dead_letter (consumer, event_id, topic, key, type, time, body, reason_zh,
            reason_en, attempts, state, at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 1, 'open', %s)
        ON CONFLICT (consumer, event_id) DO UPDATE SET state = 'open',
            attempts = dead_letter.attempts + 1,
            reason_zh = excluded.reason_zh, reason_en = excluded.reason_en, body = excluded.body,
                at = excluded.at,
            decided_at = NULL""",
        (
            loop,
            ident,
            LOOP,
            key,
            part,
            at,
            dumps({"row": key, "organisation": organisation}),
            words.zh,
            words.en,
            at,
        ),
    )


def park(tx: Connection, consumer: str, messages: Sequence[Message], at: datetime) -> None:
    """Lets messages wait, in their order, behind the open dead letter of their key."""
    for message in messages:
        tx.exec_driver_sql(
            """
            INSERT INTO parked (consumer, event_id, topic, key, type, time, cause, body, at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
            (
                consumer,
                message.id,
                message.topic,
                message.key,
                message.type,
                message.time,
                message.cause,
                dumps(message.body),
                at,
            ),
        )


def listed(
    tx: Connection, state: str | None = "open", consumer: str | None = None
) -> Sequence[Record]:
    """The desk, oldest first, each with the number of messages parked behind it; None: any state,
    any consumer.
    """
    return rows(
        tx,
        """
        SELECT d.*, (SELECT count(*) FROM parked p WHERE p.consumer = d.consumer
            AND p.key = d.key) AS parked
        FROM dead_letter d
        WHERE (CAST(:state AS text) IS NULL OR state = :state)
          AND (CAST(:consumer AS text) IS NULL OR consumer = :consumer)
        ORDER BY d.id""",
        {"state": state, "consumer": consumer},
    )


def retry(
    engine: Engine, letter: int, subscriptions: Iterable[Subscription], clock: Clock = SystemClock()
) -> Text | None:
    """Handles a dead letter once more, then what waited behind it; returns why it failed again,
    else None.

    A row of a loop is handled in the loop's next round: should it fail again, it stands on the desk
    again.
    """
    with engine.begin() as tx:
        if _of_a_loop(tx, letter, "again", clock):
            return None
        row, subscription = _open(tx, letter, subscriptions)
        if row["body"] is None:
            raise Refused(409, "body-not-kept", _NO_BODY)
        words = failure(tx, _message(row), subscription.handler)
        if words is None:
            _decide(tx, row, "retried", clock)
            _unpark(tx, row, subscription, clock)
        else:
            tx.exec_driver_sql(
                "UPDATE dead_letter SET attempts = attempts + 1, reason_zh = %s, reason_en = %s"
                " WHERE id = %s",
                (words.zh, words.en, letter),
            )
        return words


def skip(
    engine: Engine, letter: int, subscriptions: Iterable[Subscription], clock: Clock = SystemClock()
) -> None:
    """Gives a dead letter up, and handles what waited behind it."""
    with engine.begin() as tx:
        if _of_a_loop(tx, letter, "skipped", clock):
            return
        row, subscription = _open(tx, letter, subscriptions)
        _decide(tx, row, "skipped", clock)
        _unpark(tx, row, subscription, clock)


def _of_a_loop(tx: Connection, letter: int, state: str, clock: Clock) -> bool:
    """Decides a row of a loop that waits on the desk; False where the letter is none. One that was
    skipped may come back.
    """
    waiting = ("open", "skipped") if state == "again" else ("open",)
    return (
        tx.exec_driver_sql(
            "UPDATE dead_letter SET state = %s, decided_at = %s WHERE id = %s AND topic = %s"
            " AND state = ANY (%s) RETURNING 1",
            (state, clock.now(), letter, LOOP, list(waiting)),
        ).first()
        is not None
    )


def _open(
    tx: Connection, letter: int, subscriptions: Iterable[Subscription]
) -> tuple[Record, Subscription]:
    """Locks an open dead letter: a consumer that wants to know whether the key is shut waits for
    our commit.
    """
    row = next(
        iter(rows(tx, "SELECT * FROM dead_letter WHERE id = :id FOR UPDATE", {"id": letter})), None
    )
    if row is None:
        raise Refused(404, "no-such-dead-letter", _NO_SUCH)
    if row["state"] != "open":
        raise Refused(409, "dead-letter-decided", _DECIDED)
    subscription = next((s for s in subscriptions if s.consumer == row["consumer"]), None)
    if subscription is None:
        raise Refused(404, "no-such-consumer", _NO_CONSUMER)
    return row, subscription


def _decide(tx: Connection, row: Record, state: str, clock: Clock) -> None:
    tx.exec_driver_sql(
        "UPDATE dead_letter SET state = %s, decided_at = %s WHERE id = %s",
        (state, clock.now(), row["id"]),
    )


def _unpark(tx: Connection, row: Record, subscription: Subscription, clock: Clock) -> None:
    """Handles the parked messages of a key in their order; the first that fails shuts the key
    again.
    """
    which = {"consumer": row["consumer"], "key": row["key"]}
    if rows(
        tx,
        "SELECT 1 FROM dead_letter WHERE consumer = :consumer AND key = :key AND state = 'open'",
        which,
    ):
        return
    for waiting in rows(
        tx,
        "SELECT * FROM parked WHERE consumer = :consumer AND key = :key ORDER BY position",
        which,
    ):
        tx.exec_driver_sql("DELETE FROM parked WHERE position = %s", (waiting["position"],))
        words = failure(tx, _message(waiting), subscription.handler)
        if words is not None:
            put(tx, row["consumer"], _message(waiting), words, clock.now())
            return


def _message(row: Record) -> Message:
    return Message(
        row["event_id"],
        row["topic"],
        row["type"],
        row["key"],
        row["time"],
        row["body"],
        row["cause"],
    )
