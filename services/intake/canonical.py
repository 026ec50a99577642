"""One form for one event, whatever the mode, the order of its fields or the writing of its time.

It is what is compared when the same (source, id) comes again.
"""

from __future__ import annotations

import base64
from datetime import UTC
from typing import Any

import orjson

from schemas.days import NoDay, read_moment
from services.intake.faults import invalid

_KNOWN = ("data", "specversion", "type", "source", "id", "time")


def posted_fields(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes in one form: null is absent, extensions are text, JSON data is parsed."""
    fields: dict[str, Any] = {}
    for name, value in attributes.items():
        if value is None:
            continue
        if name == "data_base64":
            fields["data"] = _from_base64(value)
        else:
            fields[name] = _in_one_form(name, value)
    if fields.get("datacontenttype") == "application/json":
        del fields["datacontenttype"]
    return fields


def _in_one_form(name: str, value: Any) -> Any:
    if name == "time":
        return _in_utc(value)
    if name == "datacontenttype" and isinstance(value, str):
        return value.partition(";")[0].strip().lower()
    is_extension = name not in _KNOWN
    if is_extension and isinstance(value, bool | int):
        return str(value).lower()
    return value


def _from_base64(value: Any) -> Any:
    try:
        return orjson.loads(base64.b64decode(value, validate=True))
    except (TypeError, ValueError):
        raise invalid(
            "/data_base64",
            "data_base64 不是 Base64 编码的 JSON；请改用 data 直接写 JSON。",
            "data_base64 is not JSON in Base64; write the JSON in data instead.",
        ) from None


def _in_utc(value: Any) -> Any:
    try:
        moment = read_moment(value)
    except NoDay:
        return value
    return moment.astimezone(UTC).isoformat() if moment.tzinfo else value


def canonical(event: dict[str, Any]) -> str:
    """The same text for the same event: keys sorted, no blanks."""
    try:
        body = orjson.dumps(event, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError as error:
        if "ecursion" in str(error):
            raise invalid(
                "",
                "内容套得太深；请去掉多余的层次。",
                "The content is nested too deeply; flatten it.",
            ) from None
        raise invalid(
            "",
            "内容里有大到无法保存的数，或不成对的代理字符；请改正。",
            "The content has a number too large to store, or half a surrogate pair; mend it.",
        ) from None
    if "\\u0000" in body and _has_nul(event):
        raise invalid(
            "",
            "内容里有空字符（U+0000），无法保存；请去掉。",
            "The content has the character U+0000, which cannot be stored; remove it.",
        )
    return body


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(map(_has_nul, value))
