"""/healthz, /readyz, /metrics and the descriptions of what this process serves; no key needed."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from services.intake.openapi import described
from services.kit.errors import Refused, Words, language_of

_ELSEWHERE = Words("这里没有运行指标，请到运维端口查看。", "There are no metrics here; ask the operations port.")

Unready = Callable[[], Mapping[str, Words]]
SetAside = Callable[[], Mapping[str, int]]

def router(app: FastAPI, unready: Unready, own: Unready | None = None, set_aside: SetAside = lambda: {}, *,
           apart: bool = False) -> APIRouter:
    """The operational routes of `app`; they are not part of its own description.

    `unready` says why parts do not work, in whatever process; `own`, for `/readyz?own=yes`, of this process alone, so that
    a balancer does not take pages away because a worker stands still. `set_aside`: what waits on the dead-letter desk.
    `apart`: metrics and the reasons why it is not ready are for operators and stand on a port of their own
    (`kit.health`); here only whether it is ready.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/healthz")
    async def healthz() -> dict[str, Any]:
        return {"alive": True}

    @routes.get("/readyz")
    def readyz(request: Request) -> JSONResponse:
        asked = own if own and request.query_params.get("own") else unready
        if apart:
            ready = not asked()
            return JSONResponse({"ready": ready}, 200 if ready else 503)
        language = language_of(request.headers.get("accept-language"))
        reasons = {part: words.in_language(language) for part, words in asked().items()}
        waiting = {} if "database" in reasons else set_aside()
        body = {"ready": not reasons, "unready": reasons} | ({"set_aside": waiting} if waiting else {})
        return JSONResponse(body, 503 if reasons else 200)

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
