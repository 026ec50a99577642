"""The calls of receivers and departments: alerts, cases, commands, reviews, audit (interface.md
§3).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from schemas.days import NoDay, read_moment
from services.cases.commands.apply import GivenCommand
from services.cases.views import queries
from services.cases.views.alerts import alerts as alerts_of
from services.kit.clock import ZONE
from services.kit.db import paging
from services.kit.errors import Refused, Words
from services.kit.web.well_formed import refuse_malformed
from services.portal import list_access
from services.portal.api import bodies
from services.portal.asking import ThisPortal, callers
from services.portal.context import Portal
from services.portal.pages.reviews import masked_review
from services.registry.access import Caller, look_as
from services.registry.directory import Directory

BODY_BYTES_MAX = 256 * 1024
LIMIT_MAX = paging.LIMIT_MAX
TEXT_MAX = 200

_BAD_SINCE = Words(
    "since 应当是带时区的时间，如 2026-11-23T08:30:00+08:00。",
    "since must be a time with its zone, such as 2026-11-23T08:30:00+08:00.",
)
_BAD_JSON = Words("请求内容不是合法的 JSON 对象。", "The body is not a valid JSON object.")
_TOO_LARGE = Words("请求内容过大。", "The body is too large.")
_CUT_OFF = Words(
    "内容没有传完连接就断了，什么都没有办理。",
    "The connection broke before the body was whole; nothing was done.",
)
_NO_COMMAND = Words("缺少 command，请写明办理动作。", "command is missing: name the act.")
_NO_STATE = Words(
    "缺少 seen_state，请写明所看到的状态，以免办理时情况已变。",
    "seen_state is missing: name the state you saw, lest it has changed meanwhile.",
)
_NOT_BELOW = Words(
    "只能查询本组织及其以下的组织。",
    "You can only ask about your own organisation and those below it.",
)

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Text = Annotated[str | None, Query(max_length=TEXT_MAX)]
Cursor = Annotated[str | None, Query(max_length=paging.CURSOR_LETTERS_MAX)]
# how three older lists were leafed through; `cursor` takes its place
Offset = Annotated[int, Query(ge=0, le=1_000_000, deprecated=True)]
PROBLEMS = bodies.problems(401, 403, 404, 414, 422, 431, 503)
ACTING = ("receiver", "department", "admin")


routes = APIRouter(tags=["cases"], responses=PROBLEMS)
acting = callers(ACTING)
of_some_organisation = callers(("sender", *ACTING))
overseeing = callers(("department", "admin"))


@routes.get(
    "/v1/alerts",
    responses=bodies.answer(bodies.ALERTS),
    summary="What waits for this organisation; role: receiver, department, admin",
)
def alerts(
    caller: Annotated[Caller, Depends(acting)],
    portal: ThisPortal,
    since: Text = None,
    limit: Limit = 100,
    cursor: Text = None,
) -> Response:
    with portal.web.begin() as tx:
        look_as(tx, caller)
        return json_answer(
            alerts_of(
                tx,
                portal.clock.now(),
                caller.own_organisation,
                since=_moment(since),
                limit=limit,
                cursor=cursor,
            )
        )


@routes.get(
    "/v1/cases",
    responses=bodies.answer(bodies.CASES),
    summary="Cases, newest first; role: receiver, department, admin",
)
def cases(
    caller: Annotated[Caller, Depends(acting)],
    portal: ThisPortal,
    state: Text = None,
    organisation: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    with portal.web.begin() as tx:
        own = _look(tx, caller)
        found = queries.cases(
            tx,
            portal.clock.now(),
            state=state,
            organisation=organisation,
            own=own,
            limit=limit,
            cursor=cursor,
            viewer=caller.organisation,
        )
    return list_answer(portal, caller, "cases", found)


@routes.get(
    "/v1/cases/{case_id}",
    responses=bodies.answer(bodies.CASE),
    summary="One case; role: receiver, department, admin",
)
def case(case_id: str, caller: Annotated[Caller, Depends(acting)], portal: ThisPortal) -> Response:
    now = portal.clock.now()
    with portal.web.begin() as tx:
        found = queries.case_view(
            tx, case_id, now, own=_look(tx, caller), viewer=caller.organisation
        )
        if found is None:
            raise Refused(404, "no-such-case", queries.NO_CASE)
        queries.record_look(tx, found["id"], caller.own_organisation, None, "api", now)
        return json_answer(found)


@routes.post(
    "/v1/cases/{case_id}/commands",
    responses=bodies.problems(400, 409, 413) | bodies.answer(bodies.CASE),
    openapi_extra=bodies.body(bodies.COMMAND),
    summary="Gives a command to a case; role: receiver, department, admin",
)
async def command(
    case_id: str, request: Request, caller: Annotated[Caller, Depends(acting)], portal: ThisPortal
) -> Response:
    body = await json_body(request)
    name, seen = body.pop("command", None), body.pop("seen_state", None)
    if not isinstance(name, str):
        raise Refused(422, "field-missing", _NO_COMMAND, field="command")
    if not isinstance(seen, str):
        raise Refused(422, "field-missing", _NO_STATE, field="seen_state")
    given = GivenCommand(case_id, name, body, seen)
    return json_answer(await run_in_threadpool(portal.apply, caller, None, given))


@routes.get(
    "/v1/reviews",
    summary="Persons whose identity waits for a decision; role: sender, receiver, "
    "department, admin",
)
def reviews(
    caller: Annotated[Caller, Depends(of_some_organisation)],
    portal: ThisPortal,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    with portal.web.begin() as tx:
        found = portal.reviews(tx, caller, limit=limit + 1, cursor=_position(cursor))
    page = found[:limit]
    more = _cursor(page[-1]) if len(found) > limit else None
    items = [masked_review(one) for one in page]
    return list_answer(portal, caller, "reviews", {"items": items, "next": more})


@routes.post(
    "/v1/reviews/{review_id}",
    responses=bodies.problems(400, 409, 413),
    openapi_extra=bodies.body(bodies.REVIEW),
    summary="Says who a posted person is, asks the sender, answers, or undoes a match; role: "
    "sender, receiver, department, admin",
)
async def decide(
    review_id: str,
    request: Request,
    caller: Annotated[Caller, Depends(of_some_organisation)],
    portal: ThisPortal,
) -> Response:
    body = await json_body(request)

    def within() -> Mapping[str, Any]:
        with portal.acts.begin() as tx:
            return portal.decide_review(tx, caller, review_id, body, None)

    return json_answer(await run_in_threadpool(within))


@routes.get(
    "/v1/audit",
    responses=bodies.answer(bodies.AUDIT),
    summary="Who is unsettled, counted; role: department, admin",
)
def audit(
    caller: Annotated[Caller, Depends(overseeing)], portal: ThisPortal, organisation: Text = None
) -> Response:
    with portal.web.begin() as tx:
        look_as(tx, caller)
        code = organisation or caller.own_organisation
        if not Directory.of(tx).within(code, caller.organisation):
            raise Refused(403, "not-below", _NOT_BELOW)
        return json_answer(queries.audit(tx, portal.clock.now(), code, portal.rule_source))


def _look(tx: Any, caller: Caller) -> str | None:
    """Sets what the caller sees; returns its code where it sees only what it has a part in."""
    queries.look_at_cases(tx, caller)
    return caller.organisation if caller.role == "receiver" else None


def list_answer(portal: Portal, caller: Caller, name: str, value: Mapping[str, Any]) -> Response:
    """A JSON answer whose ``items`` are members or their cases: who opens it leaves a trace."""
    list_access.opened(portal, caller, None, name, len(value["items"]))
    return json_answer(value)


def json_answer(value: Any, status: int = 200) -> Response:
    """A JSON answer that nobody keeps."""
    return Response(
        orjson.dumps(value, default=str), status, {"Cache-Control": "no-store"}, "application/json"
    )


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        time = read_moment(text.replace(" ", "+"))
    except NoDay:
        raise Refused(422, "bad-since", _BAD_SINCE, field="since") from None
    return (time if time.tzinfo else time.replace(tzinfo=ZONE)).astimezone(ZONE)


async def json_body(request: Request, limit: int = BODY_BYTES_MAX) -> dict[str, Any]:
    """A JSON object; raises Refused for anything else."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise Refused(413, "content-too-large", _TOO_LARGE)
    except ClientDisconnect:
        raise Refused(400, "cut-off", _CUT_OFF) from None
    try:
        given = orjson.loads(bytes(body))
    except orjson.JSONDecodeError:
        raise Refused(400, "bad-json", _BAD_JSON) from None
    if not isinstance(given, dict):
        raise Refused(422, "bad-json", _BAD_JSON)
    refuse_malformed(given)
    return given


def _cursor(last: Mapping[str, Any]) -> str:
    event, _, position = last["id"].partition(":")
    return paging.encode(last["at"], event, int(position))


def _position(cursor: str | None) -> tuple[datetime, str, int] | None:
    return paging.decode(cursor, paging.moment, paging.ident, paging.whole)
