"""The part of /openapi.json that FastAPI cannot see: bodies read by hand, problems, the key."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from schemas.answers import Problem
from schemas.departures import EVENTS
from services.intake.modes import BATCH, BATCH_EVENTS_MAX, STRUCTURED
from services.kit.errors import TITLES

_REF = "#/components/schemas/{model}"
_ANY_EVENT = {
    "oneOf": [{"$ref": _REF.format(model=model.__name__)} for model in EVENTS.values()],
    "discriminator": {
        "propertyName": "type",
        "mapping": {kind: _REF.format(model=model.__name__) for kind, model in EVENTS.items()},
    },
}

REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": _ANY_EVENT},
            BATCH: {"schema": {"type": "array", "maxItems": BATCH_EVENTS_MAX, "items": _ANY_EVENT}},
            "application/json": {
                "schema": {
                    "type": "object",
                    "description": "Binary mode: the event's data; its attributes are ce- headers.",
                }
            },
        },
    }
}


def problem_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that may refuse with these statuses."""
    content = {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}}
    return {status: {"description": TITLES[status].en, "content": content} for status in statuses}


PROBLEMS_OF_POST = problem_answers(400, 401, 403, 408, 409, 413, 414, 415, 422, 431, 503)
PROBLEMS_OF_GET = problem_answers(401, 403, 404, 414, 422, 431, 503)


def described(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 of all that `app` serves, made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _document(app)
    return app.openapi_schema


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    parts = document.setdefault("components", {})
    parts["schemas"] = {**_schemas_read_by_hand(), **parts.get("schemas", {})}
    parts["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "guidui key create"}
    }
    document["security"] = [{"key": []}]
    for path in document["paths"].values():
        for operation in path.values():
            if "422" in operation["responses"]:  # FastAPI would promise its own shape
                operation["responses"]["422"] = problem_answers(422)[422]
    for unused in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(unused, None)
    return document


def _schemas_read_by_hand() -> dict[str, Any]:
    """The schemas of posted events and of problems."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "validation") for model in (*EVENTS.values(), Problem)
    ]
    _, schemas = models_json_schema(models, ref_template=_REF)
    return schemas["$defs"]
