"""Turns whatever goes wrong in a FastAPI application into RFC 9457 problems."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import structlog
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kit.errors import TITLES, Refused, Text, language_of, problem
from services.kit.log import where
from services.kit.retry import is_infrastructure

log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"
TAKEN_OUT = frozenset(
    {
        "text/csv",
        "application/zip",
        "image/jpeg",
        "image/png",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    }
)
"""What leaves as a file."""
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")

INTERNAL = Text(
    "系统出了内部错误，已记录；请稍后再试，并报上追踪号。",
    "Something went wrong inside; it has been logged. Try again later and quote the trace id.",
)
STORE_DOWN = Text(
    "数据库暂时不可用，什么都没有保存；请稍后再试。",
    "The database is unavailable for the moment and nothing was stored; try again later.",
)
NO_SUCH_VALUE = Text(
    "有一项内容超出了范围，什么都没有保存；请核对数字、日期和编号。",
    "A value is out of range and nothing was stored; check numbers, days and ids.",
)
INVALID = Text(
    "请求中有内容不合要求，见 errors。", "Parts of the request are not valid, see errors."
)
# The words of pydantic's commonest errors; what was sent is never repeated, it may be personal.
_FIELD_WORDS = {
    "missing": Text("缺少此项", "is missing"),
    "extra_forbidden": Text("没有此项", "is not a known field"),
    "json_invalid": Text("不是合法的 JSON", "is not valid JSON"),
    "string_type": Text("应为文字", "must be text"),
    "string_too_short": Text("太短", "is too short"),
    "string_too_long": Text("太长", "is too long"),
    "string_pattern_mismatch": Text("格式不对", "has the wrong form"),
    "int_type": Text("应为整数", "must be a whole number"),
    "int_parsing": Text("应为整数", "must be a whole number"),
    "bool_type": Text("应为是或否", "must be true or false"),
    "bool_parsing": Text("应为是或否", "must be true or false"),
    "list_type": Text("应为列表", "must be a list"),
    "dict_type": Text("应为对象", "must be an object"),
    "model_type": Text("应为对象", "must be an object"),
    "model_attributes_type": Text("应为对象", "must be an object"),
    "literal_error": Text("不在允许的取值之内", "is not one of the allowed values"),
    "enum": Text("不在允许的取值之内", "is not one of the allowed values"),
    "uuid_parsing": Text("不是合法的编号", "is not a valid id"),
    "uuid_type": Text("不是合法的编号", "is not a valid id"),
    "timezone_aware": Text("时间须带时区", "must carry a time zone"),
}
_FAMILY_WORDS = {
    "date": Text("不是合法的日期", "is not a valid date"),
    "datetime": Text("不是合法的时间", "is not a valid time"),
    "greater": Text("太小", "is too small"),
    "less": Text("太大", "is too large"),
    "too": Text("长度不对", "has the wrong length"),
}
_ANY_FIELD = Text("不合要求", "is not valid")


def field_words(error_type: str) -> Text:
    """The sentence for one of pydantic's error types."""
    return _FIELD_WORDS.get(error_type) or _FAMILY_WORDS.get(error_type.split("_")[0], _ANY_FIELD)


def invalid(errors: Sequence[Mapping[str, Any]], language: str) -> list[dict[str, str]]:
    """pydantic's errors as `{"pointer", "detail"}`: a JSON Pointer (RFC 6901) and a sentence."""
    return [
        {
            "pointer": "/" + "/".join(_escaped(part) for part in error["loc"]),
            "detail": field_words(error["type"]).in_language(language),
        }
        for error in errors
    ]


def _escaped(part: Any) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def response(refused: Refused, language: str, trace_id: str) -> JSONResponse:
    """The problem as an HTTP answer."""
    headers = {"Content-Language": "en" if language == "en" else "zh-CN"}
    if refused.status == 503:
        headers["Retry-After"] = "5"
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(problem(refused, language, trace_id), refused.status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Makes every error of `app` a problem in the caller's language, with the trace id that the log
    line has.
    """
    app.add_middleware(Trace)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)


def acts(request: Request, actor: Any) -> None:
    """Notes who makes this request, for whoever keeps what is refused."""
    request.state.actor = actor


class Keeper(Protocol):
    """Whoever keeps what is to be accounted for; `app.state.keeper` where there is one."""

    def refused(self, actor: Any, status: int, code: str, about: str | None, trace: str) -> None:
        """Somebody was refused."""

    def taken_out(self, actor: Any, how: str, about: str | None, trace: str) -> None:
        """Somebody took papers or a table out of the system: how is `print` or `export`."""


def note_refusal(request: Request, refused: Refused) -> None:
    """Hands a refusal to the application's keeper: every one that becomes an answer passes here."""
    keeper = getattr(request.app.state, "keeper", None)
    if keeper is not None and refused.status < 500:
        _kept(
            request.scope,
            lambda: keeper.refused(
                getattr(request.state, "actor", None),
                refused.status,
                refused.code,
                _kind(request.scope),
                trace_id(request),
            ),
        )


def _leaves(scope: Scope, message: Message) -> str:
    """ "print" or "export" where somebody known takes papers, pictures or a table out of the
    system, else ''.
    """
    if message["status"] != 200 or "actor" not in scope["state"]:
        return ""
    media = next(
        (value for name, value in message["headers"] if name.lower() == b"content-type"), b""
    ).decode("latin-1")
    if media == "application/pdf" or b"print=" in scope["query_string"]:
        return "print"
    return "export" if media.split(";")[0] in TAKEN_OUT else ""


def _note_taking(scope: Scope, how: str) -> None:
    """Hands what leaves to the application's keeper."""
    keeper = getattr(scope["app"].state, "keeper", None)
    if keeper is not None:
        _kept(
            scope,
            lambda: keeper.taken_out(scope["state"]["actor"], how, _kind(scope), scope["trace_id"]),
        )


def _kept(scope: Scope, keep: Callable[[], None]) -> None:
    try:
        keep()
    except SQLAlchemyError as error:  # the answer goes out all the same
        log.error("security_log_unavailable", trace_id=scope["trace_id"], **where(error))


def _kind(scope: Scope) -> str | None:
    """What a route is about: `cases` of /v1/cases/{case_id}. Never what was asked for."""
    path = getattr(scope.get("route"), "path", "")
    words = [part for part in path.split("/") if part and part != "v1" and not part.startswith("{")]
    return words[0] if words else None


def trace_id(request: Request) -> str:
    """The id of this request: W3C traceparent where it came with one."""
    return request.scope["trace_id"]


class Trace:
    """Gives each request its trace id, and the unexpected a calm answer and a log line without
    personal data.

    What does not say itself how long it may be kept (as files of pages do) is kept by nobody on the
    way.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        scope["trace_id"] = _trace_id(scope)
        scope.setdefault("state", {})
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if how := _leaves(scope, message):
                    await run_in_threadpool(_note_taking, scope, how)
                message = {**message, "headers": _kept_by_nobody(message.get("headers", ()))}
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            if started:
                raise
            answer = response(_unexpected(error, scope), _language(scope), scope["trace_id"])
            await answer(scope, receive, send)


def _kept_by_nobody(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    response_headers = list(headers)
    if not any(name.lower() == b"cache-control" for name, _ in response_headers):
        response_headers.append((b"cache-control", b"no-store"))
    return response_headers


def _unexpected(error: Exception, scope: Scope) -> Refused:
    if isinstance(error, SQLAlchemyError) and is_infrastructure(error):
        log.warning("store_unavailable", trace_id=scope["trace_id"], error=type(error).__name__)
        return Refused(503, "store-unavailable", STORE_DOWN)
    if isinstance(error, DataError):
        return no_such_value(error, scope["trace_id"])
    log.error(
        "unexpected_error",
        trace_id=scope["trace_id"],
        route=getattr(scope.get("route"), "path", None),
        **where(error),
    )
    return Refused(500, "internal-error", INTERNAL)


def no_such_value(error: DataError, trace_id: str) -> Refused:
    """What to answer where the database has no place for a value that was sent. The log says where:
    it is ours to mend.
    """
    log.warning("value_out_of_range", trace_id=trace_id, **where(error))
    return Refused(422, "value-out-of-range", NO_SUCH_VALUE)


def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    note_refusal(request, error)
    return response(error, _language(request.scope), trace_id(request))


def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    language = _language(request.scope)
    refused = Refused(422, "invalid-request", INVALID, errors=invalid(error.errors(), language))
    return response(refused, language, trace_id(request))


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    words = TITLES.get(error.status_code, TITLES[400])
    code = words.en.lower().replace(" ", "-")
    answer = response(
        Refused(error.status_code, code, words), _language(request.scope), trace_id(request)
    )
    answer.headers.update(error.headers or {})
    return answer


def _language(scope: Scope) -> str:
    return language_of(_header(scope, b"accept-language"))


def _trace_id(scope: Scope) -> str:
    match = _TRACEPARENT.match(_header(scope, b"traceparent") or "")
    return match[1] if match else secrets.token_hex(16)


def _header(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)
