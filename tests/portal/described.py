"""Holds what the calls answer to what /openapi.json says of them, whatever a test asks for."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from jsonschema import Draft202012Validator

from services.intake.openapi import described


class Described:
    """An application whose JSON answers under /v1 are compared with their descriptions; ``wrong``
    are those that differ.

    Descriptions are taken at their strictest: an answer has no field that its model does not name.
    """

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.wrong: list[str] = []
        self._document = deepcopy(described(app))
        self._validators: dict[str, Draft202012Validator] = {}
        for schema in self._document["components"]["schemas"].values():
            if "properties" in schema:
                schema.setdefault("additionalProperties", False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
            return
        status, kind, body = 0, "", b""

        async def noting(message: Any) -> None:
            nonlocal status, kind, body
            if message["type"] == "http.response.start":
                status = message["status"]
                kind = dict(message["headers"]).get(b"content-type", b"").decode("latin-1")
            else:
                body += message.get("body", b"")
            await send(message)

        await self.app(scope, receive, noting)
        if status < 300 and kind == "application/json":
            self._compare(scope["method"], scope["route"].path, status, body)

    def _compare(self, method: str, path: str, status: int, body: bytes) -> None:
        validator = self._validator(method, path.replace(":path}", "}"), status)
        for error in list(validator.iter_errors(json.loads(body)))[:3]:
            self.wrong.append(f"{method} {path} {error.json_path}: {error.message[:300]}")

    def _validator(self, method: str, path: str, status: int) -> Draft202012Validator:
        name = f"{method} {path} {status}"
        if name not in self._validators:
            answers = self._document["paths"][path][method.lower()]["responses"]
            schema = answers[str(status)]["content"]["application/json"]["schema"]
            assert schema, f"{name} has no model"
            whole = {**schema, "components": self._document["components"]}
            self._validators[name] = Draft202012Validator(whole)
        return self._validators[name]
