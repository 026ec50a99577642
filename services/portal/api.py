"""The calls of receivers and departments (interface.md §3): alerts, cases, commands, reviews, audit."""
from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from sqlalchemy import Connection

from services.cases import commands, queries
from services.kit.db import view_as
from services.kit.errors import Refused, Words
from services.matcher.reviews import decide_review, reviews
from services.registry.access import Caller, Keys
from services.registry.directory import Directory
from services.registry.tree import just_after

Authorization = Annotated[str | None, Header()]
Limit = Annotated[int, Query(ge=1, le=queries.LIMIT_MAX)]
BODY_BYTES_MAX = 1_000_000

_NOT_FOR_SENDERS = Words("报送密钥只能报送，不能查看办理情况。", "A sender's key posts events and reads nothing else.")
_ONLY_DEPARTMENTS = Words("审计视图只供组织部门使用。", "The audit view is for departments.")
_NOT_YOURS = Words("这个组织不在本组织之下。", "That organisation is not below this one.")
_BAD_JSON = Words("请求内容应是一个 JSON 对象。", "The body must be a JSON object.")
_NO_CASE = Words("没有这件转移，或本组织不是其中一方。", "There is no such case, or this organisation has no part in it.")
_NO_ORGANISATION = Words("没有这个代码的组织。", "There is no organisation of that code.")


def router(house: Any) -> APIRouter:
    """The routes; every one asks for a key and says for which roles it is."""
    routes = APIRouter(prefix="/v1")
    keys = Keys(house.web)

    def known(authorization: str | None, *roles: str) -> Caller:
        caller = keys.caller(authorization)
        if caller.role not in roles:
            words = _ONLY_DEPARTMENTS if roles == ("department", "admin") else _NOT_FOR_SENDERS
            raise Refused(403, "role-may-not", words)
        return caller

    @routes.get("/alerts")
    def get_alerts(authorization: Authorization = None, since: datetime | None = None, limit: Limit = 100,
                   cursor: str | None = None) -> Response:
        """What waits for the key's organisation. Roles: receiver, department, admin."""
        caller = known(authorization, "receiver", "department", "admin")
        if since is not None and since.tzinfo is None:
            raise Refused(422, "time-without-zone", Words("since 要写明时区，如 2026-11-23T09:00:00+08:00。",
                                                          "since needs a time zone."), field="since")
        with house.web.begin() as tx:
            view_as(tx, caller.path, just_after(caller.path), caller.organisation)
            return _json(queries.alerts(tx, house.clock.now(), caller.organisation, since=since, limit=limit,
                                        cursor=cursor))

    @routes.get("/cases")
    def get_cases(authorization: Authorization = None, state: str | None = None, organisation: str | None = None,
                  limit: Limit = 100, cursor: str | None = None) -> Response:
        """Cases in which the caller has a part; a department's whole tree. Roles: receiver, department, admin."""
        caller = known(authorization, "receiver", "department", "admin")
        with house.web.begin() as tx:
            queries.look_at_cases(tx, caller)
            return _json(queries.cases(tx, house.clock.now(), state=state, organisation=organisation,
                                       own=_own(caller), limit=limit, cursor=cursor))

    @routes.get("/cases/{case_id}")
    def get_case(case_id: str, authorization: Authorization = None) -> Response:
        """One case. Roles: receiver, department, admin with a part in it, and departments above."""
        caller = known(authorization, "receiver", "department", "admin")
        with house.web.begin() as tx:
            queries.look_at_cases(tx, caller)
            found = queries.case_view(tx, case_id, house.clock.now(), _own(caller))
            if found is None:
                raise Refused(404, "no-such-case", _NO_CASE)
            queries.record_look(tx, found["id"], caller.organisation, None, "api", house.clock.now())
            return _json(found)

    @routes.post("/cases/{case_id}/commands")
    async def post_command(case_id: str, request: Request, authorization: Authorization = None) -> Response:
        """One command. Roles: receiver, department, admin; who may give which is a matter of the case."""
        body = await _object(request)

        def give() -> dict[str, Any]:
            caller = known(authorization, "receiver", "department", "admin")
            command = body.pop("command", None)
            seen = body.pop("seen_state", None)
            return commands.give(house.web, caller, case_id, str(command), seen, body.get("with") or body,
                                 house.clock, None, house.ground)

        from starlette.concurrency import run_in_threadpool
        return _json(await run_in_threadpool(give))

    @routes.get("/reviews")
    def get_reviews(authorization: Authorization = None, limit: Limit = 100) -> Response:
        """Persons whose identity waits for a decision. Roles: sender of them, receiver, department, admin."""
        caller = keys.caller(authorization)
        with house.web.begin() as tx:
            queries.look_at_cases(tx, caller)
            return _json({"items": reviews(tx, limit=limit), "next": None})

    @routes.post("/reviews/{review_id}")
    async def post_review(review_id: str, request: Request, authorization: Authorization = None) -> Response:
        """Decides a review. Roles: the sender's organisation and those above it."""
        body = await _object(request)

        def decide() -> dict[str, Any]:
            caller = keys.caller(authorization)
            with house.web.begin() as tx:
                decide_review(tx, house, caller, review_id, body)
            return {"id": review_id, "decided": True}

        from starlette.concurrency import run_in_threadpool
        return _json(await run_in_threadpool(decide))

    @routes.get("/audit")
    def get_audit(organisation: str | None = None, authorization: Authorization = None) -> Response:
        """Counts of an organisation and all below it. Roles: department, admin."""
        caller = known(authorization, "department", "admin")
        with house.web.begin() as tx:
            return _json(queries.audit(tx, house.clock.now(), _below(tx, caller, organisation), house.ground))

    return routes


def _own(caller: Caller) -> str | None:
    return None if caller.role in ("department", "admin") else caller.organisation


def _below(tx: Connection, caller: Caller, organisation: str | None) -> str:
    directory, wanted = Directory.of(tx), organisation or caller.organisation
    if directory.get(wanted) is None:
        raise Refused(404, "no-such-organisation", _NO_ORGANISATION)
    if not directory.within(wanted, caller.organisation):
        raise Refused(403, "not-below", _NOT_YOURS)
    return wanted


async def _object(request: Request) -> dict[str, Any]:
    body = await request.body()
    try:
        found = orjson.loads(body) if len(body) <= BODY_BYTES_MAX else None
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Refused(422, "not-an-object", _BAD_JSON)
    return found


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
