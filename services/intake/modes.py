"""How CloudEvents come over HTTP: structured, batch, binary (CloudEvents HTTP binding 1.0.2,
section 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson

from services.intake.faults import invalid
from services.kit.errors import Refused, Text

BODY_BYTES_MAX = 5 * 1024 * 1024
DROPPED_BYTES_MAX = 8 * BODY_BYTES_MAX  # as much is read, though only to answer
BATCH_EVENTS_MAX = 1_000
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_NO_ATTRIBUTES = ("ce-data", "ce-data_base64")  # the data is the body

_FORMATS = Text(
    f"Content-Type 应为 {STRUCTURED}（一个事件）或 {BATCH}（一批）；或用二进制模式："
    "application/json 加 ce-id、ce-source、ce-type、ce-specversion 请求头。"
    "编码只用 UTF-8，不压缩。",
    f"Content-Type must be {STRUCTURED} (one event) or {BATCH} (a batch); or binary mode: "
    "application/json with the headers ce-id, ce-source, ce-type, ce-specversion. "
    "UTF-8 only, not compressed.",
)
TOO_LARGE = Text(
    "内容超过 5 MiB，什么都没有保存；请分成几次发，用同一个 data.batch。",
    "The content exceeds 5 MiB and nothing was stored; send several requests with one data.batch.",
)


class Received(NamedTuple):
    """The events of one request, as parsed JSON; `alone` unless it is a batch."""

    events: list[Any]
    alone: bool


def read(headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Received:
    """Raises Refused (413, 415) or Invalid (422) where the request as a whole cannot be read."""
    fields = {name.decode("latin-1").lower(): value for name, value in headers}
    media, parameters = _content_type(fields)
    if not _is_plain_utf8(parameters, fields):
        raise Refused(415, "unsupported-media-type", _FORMATS)
    if media == BATCH:
        return Received(_batch(_json(body)), alone=False)
    if media == STRUCTURED:
        return Received([_json(body)], alone=True)
    is_json = media == "application/json" or media.endswith("+json")
    if is_json and any(name.startswith("ce-") for name in fields):
        return Received([_binary(fields, media, body)], alone=True)
    raise Refused(415, "unsupported-media-type", _FORMATS)


def _content_type(fields: Mapping[str, bytes]) -> tuple[str, str]:
    """The media type of the body, and its parameters."""
    written = fields.get("content-type", b"").decode("latin-1")
    media, _, parameters = written.partition(";")
    return media.strip().lower(), parameters.lower()


def _is_plain_utf8(parameters: str, fields: Mapping[str, bytes]) -> bool:
    """Whether the body is UTF-8, and not compressed."""
    _, _, charset = parameters.replace('"', "").partition("charset=")
    encoding = fields.get("content-encoding", b"identity").lower()
    return charset.strip() in ("", "utf-8", "utf8") and encoding == b"identity"


def _batch(events: Any) -> list[Any]:
    if not isinstance(events, list):
        raise invalid("", "一批事件应是一个列表 […]。", "A batch must be a list […].")
    if len(events) > BATCH_EVENTS_MAX:
        raise Refused(
            413,
            "batch-too-long",
            Text(
                f"一批最多 {BATCH_EVENTS_MAX} 个事件，这里有 {len(events)} 个，什么都没有保存；"
                f"请分成几批。",
                f"A batch may have at most {BATCH_EVENTS_MAX} events, this one has {len(events)} "
                "and nothing was stored; split it.",
            ),
        )
    return events


def _binary(fields: dict[str, bytes], media: str, body: bytes) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for name, value in fields.items():
        if name.startswith("ce-") and name not in _NO_ATTRIBUTES:
            attributes[name.removeprefix("ce-")] = _attribute(name, value)
    attributes["datacontenttype"] = media
    if body:
        attributes["data"] = _json(body)
    return attributes


def _attribute(name: str, value: bytes) -> str:
    """A header's value: UTF-8, percent-encoded where it is not plain ASCII, perhaps in quotes."""
    try:
        text = unquote(value.decode("utf-8"), errors="strict")
    except UnicodeDecodeError:
        raise invalid(
            "",
            f"请求头 {name} 不是 UTF-8 文字；请按百分号编码。",
            f"The header {name} is not UTF-8 text; percent-encode it.",
        ) from None
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('\\"', '"')
    return text


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "recursion" in error.msg or "depth" in error.msg:
            raise invalid(
                "",
                "内容套得太深；请去掉多余的层次。",
                "The content is nested too deeply; flatten it.",
            ) from None
        line, column = error.lineno, error.colno
        raise invalid(
            "",
            f"内容不是合法的 JSON：第 {line} 行第 {column} 列读不下去，可能被截断或编码不是 "
            f"UTF-8；请重发完整内容。",
            f"The content is not valid JSON: it cannot be read from line {line}, column {column} "
            "on, perhaps cut off or not UTF-8; send it whole.",
        ) from None
