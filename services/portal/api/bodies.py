"""What the calls under /v1 take and give, as /openapi.json says it (OpenAPI 3.1); the fields of a
command from the table of its form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.cases.commands import receiving
from services.cases.model import states
from services.portal.pages.fields import FACTS, FIELDS, Field
from services.portal.receipts import RECORDING
from services.records import floating

Schema = Mapping[str, Any]
_TEXT: Schema = {"type": "string", "minLength": 1}
_DAY: Schema = {"type": "string", "format": "date"}
_CODE: Schema = {"type": "string", "pattern": "^[0-9]{12}$"}
_ID: Schema = {"type": "string", "format": "uuid"}
_STATE: Schema = {"enum": sorted(states.STATES)}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(
    required: Mapping[str, Any], optional: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }


def body(schema: Schema) -> dict[str, Any]:
    """``openapi_extra`` of a route that reads this JSON by hand."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def answer(schema: Schema, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route that gives this JSON."""
    return {status: {"description": "done", "content": {"application/json": {"schema": schema}}}}


def file(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route that gives a file of one of these media types."""
    return {
        200: {
            "description": "the file",
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds},
        }
    }


PROBLEM: dict[str, Any] = {
    "description": "RFC 9457",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route that may refuse with these statuses."""
    return {status: PROBLEM for status in statuses}


def _circumstances() -> Schema:
    said: dict[str, Schema] = {}
    for name, (_, answers) in FACTS.items():
        values = [value for value, _ in answers]
        said[name] = (
            {"type": "number"}
            if not values
            else {"type": "boolean"}
            if values == ["true", "false"]
            else {"enum": values}
        )
    return _object({}, said)


_KINDS: Mapping[str, Schema] = {
    "text": _TEXT,
    "long": _TEXT,
    "lines": {"type": "array", "items": _TEXT, "minItems": 1},
    "day": _DAY,
    "month": {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"},
    "number": {"type": "integer"},
    "yes": {"type": "boolean"},
    "organisation": _CODE,
    "branch": _CODE,
    "facts": _circumstances(),
}


def _of(command: str, field: Field) -> Schema:
    if field.kind == "fixed":
        return {"const": field.value}
    if command == "refuse" and field.name == "reason":
        return {
            "type": "string",
            "description": f"one of {', '.join(states.REFUSAL_REASONS)}; "
            "any other text is unlisted",
        }
    if field.kind == "choice":
        return {"enum": [value for value, _ in field.choices if value]}
    return _KINDS[field.kind]


def _with(command: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(required, optional) fields of a command; those asked for only beside a certain choice are
    optional.
    """
    if command == "give_to_all":
        return {"order": {"enum": list(states.TO_ALL)}}, {
            "with": {"type": "object"},
            "start_on": _DAY,
        }
    fields = [field for field in FIELDS[command] if field.name != "other_reason"]
    needed = {
        field.name: _of(command, field)
        for field in fields
        if field.required and not field.only_with
    }
    return needed, {field.name: _of(command, field) for field in fields if field.name not in needed}


def _command(name: str) -> Schema:
    needed, more = _with(name)
    if name == "triage":  # taken over from a report, the category may be left out
        needed, more = {}, {**more, **needed, "from_report": _TEXT}
    return {
        "title": name,
        "description": states.COMMANDS[name][1],
        **_object({"command": {"const": name}, "seen_state": _STATE, **needed}, more),
    }


COMMAND: Schema = {"oneOf": [_command(name) for name in states.COMMANDS]}
REVIEW: Schema = {
    "anyOf": [
        {"title": "the person is this member", **_object({"member": _TEXT})},
        {
            "title": "the person is no member",
            **_object({"not_a_member": {"const": True}, "reason": _TEXT}),
        },
        {"title": "a question to the sender", **_object({"ask": _TEXT})},
        {"title": "the sender's answer", **_object({"answer": _TEXT})},
        {
            "title": "a match undone; who it is instead may be left to the desk",
            **_object(
                {"undo": {"const": True}, "reason": _TEXT},
                {"member": _TEXT, "not_a_member": {"const": True}},
            ),
        },
    ]
}
RECEIPT: Schema = _object(
    {"seen_state": _STATE},
    {
        "command": {"enum": list(RECORDING)},
        **{
            name: schema
            for one in RECORDING
            for part in _with(one)
            for name, schema in part.items()
        },
    },
)
LETTERS: Schema = _object(
    {},
    {
        "cases": {
            "type": "array",
            "items": _ID,
            "description": "all that may be printed, if left out",
        },
        "over": {"type": "boolean"},
        "format": {"enum": ["pdf", "docx"]},
    },
)
RANGE: Schema = _object(
    {"first": {"type": "integer"}, "last": {"type": "integer"}},
    {"organisation": _CODE, "prefix": {"type": "string"}, "digits": {"type": "integer"}},
)
VOID: Schema = _object({"number": _TEXT, "reason": _TEXT})
CLAIM: Schema = _object({"name": {**_TEXT, "description": "the member's full name"}})
WITHDRAW: Schema = _object({"source": _TEXT, "reason": _TEXT})
ORDER: Schema = _object(
    {"order": {"enum": list(receiving.ORDERS)}}, {"with": {"type": "object"}, "start_on": _DAY}
)
DEAD_LETTER: Schema = _object({"decision": {"enum": ["retry", "skip"]}})
PAUSE: Schema = _object({"paused": {"type": "boolean"}})
RULE: Schema = _object(
    {"destination": _CODE, "from": _DAY, "source": _TEXT},
    {
        "row": {"type": "string", "pattern": "^B[0-9]+$"},
        "under": _CODE,
        "until": _DAY,
        "area": {"type": "string", "pattern": "^[0-9]{2,12}$"},
    },
)
HOST_NOTE: Schema = _object(
    {"kind": {"enum": list(floating.KINDS)}, "on": _DAY}, {"words": {"type": "string"}}
)
PROPOSAL: Schema = _object({"decision": {"enum": ["approve", "decline"]}, "reason": _TEXT})
REGISTRATION: Schema = _object({"case": _ID})
POST: Schema = _object({"title": _TEXT, "places": {"type": "integer", "minimum": 1}})
POST_CLAIM: Schema = _object({"post": _ID})
HOURS: Schema = _object(
    {"on": _DAY, "minutes": {"type": "integer", "minimum": 1}}, {"words": {"type": "string"}}
)
ROLL: Schema = _object({"persons": {"type": "array", "items": {"type": "object"}}})

_ANY = _or_null({"type": "string"})
_ANY_DAY = _or_null(_DAY)
CASE: Schema = _object(
    {
        "id": _ID,
        "member": _ANY,
        "category": _ANY,
        "rule": _ANY,
        "state": _STATE,
        "owner": _ANY,
        "owner_person": _ANY,
        "origin": _ANY,
        "destination": _object(
            {"organisation": _ANY, "header": _ANY, "area": _ANY, "source": _ANY}
        ),
        "affiliation": _ANY,
        "letter": _object(
            {
                "number": _ANY,
                "issued_on": _ANY_DAY,
                "expires_on": _ANY_DAY,
                "channel": _ANY,
                "status": _ANY,
            }
        ),
        "receipt": _object({"due_on": _ANY_DAY, "sent_on": _ANY_DAY, "recorded_on": _ANY_DAY}),
        "waiting_on": _object(
            {"organisation": _ANY, "act": _ANY, "due_on": _ANY_DAY, "person": _ANY}
        ),
        "tasks": {
            "type": "array",
            "items": _object(
                {
                    "kind": _TEXT,
                    "organisation": _TEXT,
                    "due_on": _ANY_DAY,
                    "overdue": {"type": "boolean"},
                }
            ),
        },
        "flags": {"type": "array", "items": _TEXT},
        "obstacle": _ANY,
        "parent": _ANY,
        "history": {
            "type": "array",
            "items": _object(
                {
                    "at": {"type": "string", "format": "date-time"},
                    "by": _ANY,
                    "command": _TEXT,
                    "from": _ANY,
                    "to": _ANY,
                    "reason": _ANY,
                }
            ),
        },
    }
)
_NEXT = {"next": _or_null({"type": ["string", "integer"]})}
CASES: Schema = _object({"items": {"type": "array", "items": CASE}, **_NEXT})
ALERTS: Schema = _object(
    {
        "items": {
            "type": "array",
            "items": _object(
                {
                    "id": _ID,
                    "case": _ANY,
                    "kind": _TEXT,
                    "act": _TEXT,
                    "due_on": _ANY_DAY,
                    "overdue": {"type": "boolean"},
                    "at": {"type": "string", "format": "date-time"},
                },
                {"grid": _or_null({"type": "object"})},
            ),
        },
        **_NEXT,
    }
)
_COUNTS: Schema = {"type": "object", "additionalProperties": {"type": "integer"}}
AUDIT: Schema = _object(
    {
        "as_of": {"type": "string", "format": "date-time"},
        **{name: {"type": "integer"} for name in ("members", "pocket", "pocket_early", "at_risk")},
        **dict.fromkeys(
            (
                "by_state",
                "overdue_by_task",
                "by_category",
                "by_floating_class",
                "by_obstacle",
                "expiring",
            ),
            _COUNTS,
        ),
    }
)
