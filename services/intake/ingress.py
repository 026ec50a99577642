"""The Kafka topic `ingress`: outside senders' CloudEvents, structured JSON, stored as over HTTP.

The sender's right comes with each event: the CloudEvents extension attribute `guiduikey` holds the
API key. It takes no part in the comparison of bodies and is not stored. What cannot be taken goes
to the dead-letter desk with the fields at fault, without what stood in them, and shuts no key: one
sender's mistakes must not hold up another's events.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import uuid5

import orjson
from sqlalchemy import Connection

from schemas.envelope import NAMESPACE_GUIDUI, Message, Undecodable
from schemas.topics import INGRESS
from services.intake.auth import require_own_source, require_sender
from services.intake.faults import Invalid
from services.intake.modes import BODY_BYTES_MAX
from services.intake.parse import Posted, parse
from services.intake.store import accept
from services.kit.bus import dead_letters
from services.kit.bus.consumer import Subscription
from services.kit.clock import Clock
from services.kit.errors import Refused, Text
from services.registry.access import Caller, caller_within

CONSUMER = "intake"
KEY_ATTRIBUTE = "guiduikey"


def subscription(clock: Clock, secret: bytes) -> Subscription:
    """Intake's consumer of `ingress`, for the Faust shell."""
    return Subscription(
        CONSUMER, (INGRESS,), Ingress(clock, secret), decode=Decoder(clock), keeps_body=False
    )


class Decoder:
    """Reads a record's bytes as a message, whose id is made of the bytes: a repeat is the same
    message; the same (source, id) with other content is another message and meets the rule of POST
    /v1/events.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, topic: str, value: bytes | None) -> Message:
        content = value or b""
        try:
            event = orjson.loads(content)
        except orjson.JSONDecodeError:
            raise Undecodable("no JSON in a record of ingress") from None
        if not isinstance(event, dict) or len(content) > BODY_BYTES_MAX:
            raise Undecodable("no CloudEvent in a record of ingress")
        return Message(
            uuid5(NAMESPACE_GUIDUI, sha256(content).hexdigest()),
            topic,
            "guidui.ingress.v1",
            "",
            self._clock.now(),
            {"event": event},
        )


class Ingress:
    """The handler: stores what can be taken, lays the rest on the desk."""

    def __init__(self, clock: Clock, secret: bytes) -> None:
        self._clock = clock
        self._secret = secret

    def __call__(self, tx: Connection, messages: Sequence[Message]) -> None:
        callers: dict[str, Caller | None] = {}
        good: dict[Caller, list[tuple[Message, Posted]]] = {}
        for message in messages:
            try:
                caller, posted = self._read(tx, message, callers)
            except (Invalid, Refused) as error:
                self._lay_aside(tx, message, error)
            else:
                good.setdefault(caller, []).append((message, posted))
        for caller, taken in good.items():
            self._store(tx, caller, taken)

    def _read(
        self, tx: Connection, message: Message, callers: dict[str, Caller | None]
    ) -> tuple[Caller, Posted]:
        """The event with its sender; raises Invalid or Refused where it cannot be taken."""
        event = dict(message.body["event"])
        key = event.pop(KEY_ATTRIBUTE, None)
        caller = self._caller(tx, key, callers)
        require_own_source(event, caller)
        return caller, parse(event, self._secret, self._clock.now())

    def _store(
        self, tx: Connection, caller: Caller, taken: Sequence[tuple[Message, Posted]]
    ) -> None:
        """Stores one sender's events; lays aside those that the store does not take."""
        events = [posted for _, posted in taken]
        outcomes = accept(tx, caller, events, self._clock.now())
        for (message, _), outcome in zip(taken, outcomes, strict=True):
            if isinstance(outcome, Invalid):
                self._lay_aside(tx, message, outcome)

    def _caller(self, tx: Connection, key: Any, callers: dict[str, Caller | None]) -> Caller:
        if not isinstance(key, str):
            raise Refused(401, "no-key", Text("", ""))
        if key not in callers:
            callers[key] = caller_within(tx, key)
        caller = callers[key]
        if caller is None:
            raise Refused(401, "bad-key", Text("", ""))
        return require_sender(caller)

    def _lay_aside(self, tx: Connection, message: Message, error: Invalid | Refused) -> None:
        dead_letters.put(tx, CONSUMER, message, reason(error), self._clock.now(), keeps_body=False)


def reason(error: Invalid | Refused) -> Text:
    """Why an event was not taken: a code and the fields at fault, never what stood in them."""
    faults = error.faults[:10] if isinstance(error, Invalid) else []
    fields = ", ".join(fault.pointer or "/" for fault in faults) or KEY_ATTRIBUTE
    return Text(
        f"不能收：{error.code}，问题在 {fields}。请发送方用 POST /v1/events 试发，可看到逐项说明。",
        f"Not taken: {error.code}, at {fields}. Posted to /v1/events, it gets a full answer.",
    )
