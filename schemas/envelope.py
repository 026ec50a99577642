"""The envelope around every message on the bus: CloudEvents 1.0, structured mode, nothing personal
inside.

`Message` is what handlers see; `to_wire` and `from_wire` are its JSON on Kafka. `Envelope` is the
same shape as a pydantic model, for the generated JSON Schema and AsyncAPI.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.days import stored_moment

NAMESPACE_GUIDUI = uuid5(NAMESPACE_URL, "urn:guidui")
SOURCE = "urn:guidui:service"


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that happened. `key` orders: messages of one key are handled in the order they were
    recorded.
    """

    id: UUID
    topic: str
    type: str
    key: str
    time: datetime
    body: dict[str, Any]
    cause: UUID | None = None


class Envelope(BaseModel):
    """CloudEvents 1.0 (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md).

    `partitionkey` is the partitioning extension of that specification; `cause` is ours: the id of
    the message whose handling led to this one.
    """

    model_config = ConfigDict(extra="forbid")

    specversion: Literal["1.0"]
    id: UUID
    source: str = Field(examples=[SOURCE])
    type: str = Field(examples=["guidui.case.moved.v1"])
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    partitionkey: str
    cause: UUID | None = None
    data: dict[str, Any]


class Undecodable(ValueError):
    """Bytes on a topic that are no message of ours."""


def derived(cause: UUID, role: str) -> UUID:
    """The id of what the handling of `cause` creates in `role`: the same on every repetition."""
    return uuid5(cause, role)


def to_wire(message: Message) -> bytes:
    """The message as the value of a Kafka record."""
    envelope = {
        "specversion": "1.0",
        "id": message.id,
        "source": SOURCE,
        "type": message.type,
        "time": message.time,
        "datacontenttype": "application/json",
        "partitionkey": message.key,
        "data": message.body,
    }
    if message.cause is not None:
        envelope["cause"] = message.cause
    return orjson.dumps(envelope)


def from_wire(topic: str, value: bytes | None) -> Message:
    """The message in a Kafka record's value; raises Undecodable where it is none."""
    try:
        value_read = orjson.loads(value or b"")
        if value_read["specversion"] != "1.0" or not isinstance(value_read["data"], dict):
            raise ValueError("not a CloudEvent 1.0 with an object as data")
        time = stored_moment(value_read["time"])
        if time.tzinfo is None:
            raise ValueError("time without an offset")
        cause = value_read.get("cause")
        return Message(
            UUID(value_read["id"]),
            topic,
            str(value_read["type"]),
            str(value_read["partitionkey"]),
            time,
            value_read["data"],
            UUID(cause) if cause else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Undecodable(f"{type(error).__name__} in a record of {topic}") from error
