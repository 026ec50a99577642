"""What no request may hold, whatever its route: one dependency of the whole application, and its
words for bodies.

Ids have one spelling: a UUID in lower case with hyphens. `urn:uuid:`, braces, capitals and the like
name nothing: the route is asked for an id that nobody has, so that who may ask at all is decided
first, and the answer is that of an unknown one. NUL and other control characters stand nowhere.
Every parameter of a path is in `PARAMETERS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request

from services.kit.errors import Refused, Text

DEPTH_MAX = 32
WHOLE_MAX = 2**53  # what JSON numbers can hold exactly (RFC 8259, section 6)

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_REVIEW = re.compile(_ID.pattern + r":[0-9]{1,4}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CONTROL_LINE = re.compile("[\x00-\x1f\x7f]")
_IN_HEADER = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

_NOTHING_THERE = Text(
    "没有这个页面或编号；请核对后再试，或从列表重新进入。",
    "There is no such page or id; check it, or start from the list.",
)
_CONTROLS = Text(
    "内容里有看不见的控制字符，不能接收；请删去或重新输入这一项。",
    "There are control characters that cannot be seen; remove them, or type this again.",
)
_TOO_DEEP = Text(
    f"JSON 套得太深，至多 {DEPTH_MAX} 层。",
    f"The JSON is nested too deeply: at most {DEPTH_MAX} levels.",
)
_TOO_LARGE = Text("JSON 里有过大的数。", "There is a number in the JSON that is too large.")


def _is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _is_review(text: str) -> bool:
    return _REVIEW.fullmatch(text) is not None


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _is_word(text: str) -> bool:
    return _CONTROL_LINE.search(text) is None


# what a route is asked for instead of an id that is none
NOBODYS: Mapping[Callable[[str], bool], str] = {
    _is_id: "00000000-0000-0000-0000-000000000000",
    _is_review: "00000000-0000-0000-0000-000000000000:0",
}
# every parameter of every path -> what it may look like; a test compares this with the table of
# routes
PARAMETERS: Mapping[str, Callable[[str], bool]] = {
    "account": _is_id,
    "batch": _is_id,
    "case_id": _is_id,
    "claim": _is_id,
    "event_id": _is_id,
    "ident": _is_id,
    "key": _is_id,
    "order_id": _is_id,
    "photo": _is_id,
    "post": _is_id,
    "proposal": _is_id,
    "report": _is_id,
    "rule_id": _is_id,
    "scan": _is_id,
    "review_id": _is_review,
    "letter": _is_number,
    "place": _is_number,
    "position": _is_number,
    "act": _is_word,
    "command": _is_word,
    "decision": _is_word,
    "id": _is_word,
    "member": _is_word,
    "name": _is_word,
    "quarter": _is_word,
    "token": _is_word,
    "version": _is_word,
}


async def well_formed(request: Request) -> None:
    """Raises Refused 404 for a path that names nothing, 422 for control characters in the query or
    the headers. An id in another spelling becomes one that nobody has.
    """
    for name, value in list(request.path_params.items()):
        looks_right = PARAMETERS.get(name, _is_word)
        if looks_right(str(value)):
            continue
        if looks_right not in NOBODYS or not _is_word(str(value)):
            raise Refused(404, "no-such-page", _NOTHING_THERE)
        request.path_params[name] = NOBODYS[looks_right]
    for name, value in request.query_params.multi_items():
        if _CONTROL.search(name):
            raise Refused(422, "control-characters", _CONTROLS)
        refuse_controls(value, name)
    if any(_IN_HEADER.search(value) for _, value in request.scope["headers"]):
        raise Refused(422, "control-characters", _CONTROLS)


def refuse_controls(text: str, field: str | None = None) -> None:
    """Raises Refused 422 where a text holds NUL or other control characters; lines and tabs may
    be.
    """
    if _CONTROL.search(text):
        raise Refused(422, "control-characters", _CONTROLS, **({"field": field} if field else {}))


def refuse_malformed(value: Any) -> None:
    """Raises Refused 422 where JSON as parsed is nested too deeply, holds control characters or
    numbers out of range.
    """
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        part, depth = waiting.pop()
        if depth > DEPTH_MAX:
            raise Refused(422, "too-deep", _TOO_DEEP)
        if isinstance(part, Mapping):
            for name in part:
                refuse_controls(name)
            waiting += [(inner, depth + 1) for inner in part.values()]
        elif isinstance(part, list):
            waiting += [(inner, depth + 1) for inner in part]
        elif isinstance(part, str):
            refuse_controls(part)
        elif isinstance(part, int | float) and not abs(part) <= WHOLE_MAX:
            raise Refused(422, "number-too-large", _TOO_LARGE)
