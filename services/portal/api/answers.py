"""What calls answer with: JSON that nobody keeps, lists in their one form, and how /openapi.json
describes files and problems.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from fastapi import Response

from services.kit.db.paging import Part
from services.portal import list_access
from services.portal.context import Portal
from services.registry.access import Caller

Described = dict[int | str, dict[str, Any]]
_PROBLEM: dict[str, Any] = {
    "description": "RFC 9457",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def problems(*statuses: int) -> Described:
    """``responses`` of a route that may refuse with these statuses."""
    return {status: _PROBLEM for status in statuses}


PROBLEMS = problems(401, 403, 404, 414, 422, 431, 503)
SENDING = problems(400, 413)
ACTING_ON = problems(400, 409, 413)


def file_of(*kinds: str) -> Described:
    """``responses`` of a route that gives a file of one of these media types."""
    binary = {"type": "string", "format": "binary"}
    content = {kind: {"schema": binary} for kind in kinds}
    return {200: {"description": "the file", "content": content}}


def json_answer(value: Any, status: int = 200) -> Response:
    """A JSON answer that nobody keeps."""
    return Response(
        orjson.dumps(value, default=str), status, {"Cache-Control": "no-store"}, "application/json"
    )


def list_answer(part: Part, shape: Callable[[Any], Any] = dict, **beside: Any) -> Response:
    """The one form of a list: what stands ``beside`` it, its ``items`` each in its shape, and the
    cursor of the ``next`` page or null.
    """
    items = [shape(item) for item in part.items]
    return json_answer({**beside, "items": items, "next": part.next})


def members_answer(
    portal: Portal,
    caller: Caller,
    name: str,
    part: Part,
    shape: Callable[[Any], Any] = dict,
    **beside: Any,
) -> Response:
    """A list whose items are members or their cases: that the caller opens it leaves a trace under
    this name.
    """
    list_access.opened(portal, caller, None, name, len(part.items))
    return list_answer(part, shape, **beside)
