"""/healthz, /readyz, /metrics and the descriptions of what this process serves; no key needed."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from services.intake.openapi import described
from services.kit.errors import Refused, Text, language_of
from services.kit.health import Readiness

_ELSEWHERE = Text(
    "这里没有运行指标，请到运维端口查看。", "There are no metrics here; ask the operations port."
)


def router(app: FastAPI, readiness: Readiness, *, apart: bool = False) -> APIRouter:
    """The operational routes of `app`; they are not part of its own description.

    `/readyz?own=yes` asks about this process alone, so that a balancer does not take pages away
    because a worker stands still. `apart`: metrics and the reasons why it is not ready are for
    operators and stand on a port of their own (`kit.health`); here only whether it is ready.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/healthz")
    async def healthz() -> dict[str, Any]:
        return {"alive": True}

    @routes.get("/readyz")
    def readyz(request: Request) -> JSONResponse:
        answer = readiness.answer(
            language_of(request.headers.get("accept-language")),
            bool(request.query_params.get("own")),
        )
        return JSONResponse(
            {"ready": answer["ready"]} if apart else answer, 200 if answer["ready"] else 503
        )

    @routes.get("/metrics")
    def metrics() -> Response:
        if apart:
            raise Refused(404, "no-such-page", _ELSEWHERE)
        return Response(generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @routes.get("/openapi.json")
    def openapi_json() -> JSONResponse:
        return JSONResponse(described(app))

    @routes.get("/asyncapi.yaml")
    def asyncapi_yaml() -> Response:
        text = files("schemas").joinpath("asyncapi.yaml").read_text("utf-8")
        return PlainTextResponse(text, media_type="application/yaml")

    return routes
