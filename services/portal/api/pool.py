"""The calls of the pool and of confirmed addresses (docs/address.md)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from services.cases.model import states
from services.cases.views import pool, queries
from services.kit.db import paging
from services.kit.errors import Refused, Words
from services.portal.api import bodies
from services.portal.api import cases as api
from services.portal.asking import ThisPortal, callers
from services.portal.pages.destinations import claim, count_name, guesses_a_name
from services.registry.access import Caller

_NO_CATEGORY = Words("没有这种离开的原因。", "There is no such category.")
_NO_NAME = Words("缺少 name，请写本人全名。", "name is missing: the member's full name.")


routes = APIRouter(tags=["destinations"], responses=api.PROBLEMS)
caller_of = callers(api.ACTING)
overseeing = callers(("department", "admin"))


@routes.get(
    "/v1/pool",
    summary="Members whose destination nobody knows; role: receiver (its county), department, "
    "admin",
)
def the_pool(  # noqa: PLR0913
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
    text: api.Text = None,
    area: Annotated[str | None, Query(pattern="^[0-9]{1,12}$")] = None,
    category: api.Text = None,
    limit: api.Limit = 100,
    cursor: api.Cursor = None,
) -> Response:
    if category and category not in states.CATEGORIES:
        raise Refused(422, "unknown-category", _NO_CATEGORY, categories=sorted(states.CATEGORIES))
    if guesses_a_name(caller, text or "", cursor):
        count_name(portal, caller)
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, caller)
        found = pool.search(
            tx,
            caller,
            text=text or "",
            area=area or "",
            category=category or "",
            limit=limit,
            cursor=cursor,
        )
    return api.list_answer(portal, caller, "pool", found)


@routes.post(
    "/v1/pool/{case_id}/claim",
    status_code=202,
    openapi_extra=bodies.body(bodies.CLAIM),
    responses=bodies.problems(400, 413),
    summary="Says that a member of the pool lives here; role: receiver, department, admin",
)
async def claimed(
    case_id: str,
    request: Request,
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
) -> Response:
    name = (await api.json_body(request)).get("name")
    if not isinstance(name, str):
        raise Refused(422, "field-missing", _NO_NAME, field="name")
    await run_in_threadpool(claim, portal, caller, case_id, name)
    return Response(b'{"status":"accepted"}', 202, media_type="application/json")


@routes.get("/v1/addresses", summary="What was learned of addresses; role: department, admin")
def addresses(  # noqa: PLR0913
    caller: Annotated[Caller, Depends(overseeing)],
    portal: ThisPortal,
    text: api.Text = None,
    withdrawn: bool = False,
    limit: api.Limit = 100,
    cursor: api.Cursor = None,
    offset: api.Offset = 0,
) -> Response:
    start = paging.start_of(cursor) or offset
    with portal.web.begin() as tx:
        found = portal.places.listed(
            tx, caller, text or "", withdrawn=withdrawn, limit=limit + 1, offset=start
        )
    page, more = paging.counted(found, start, limit)
    return api.json_answer({"items": page, "next": more})


@routes.get(
    "/v1/addresses/differing",
    summary="Open cases whose address would be read otherwise today; role: department, admin",
)
def differing(
    caller: Annotated[Caller, Depends(overseeing)],
    portal: ThisPortal,
    limit: api.Limit = 200,
    cursor: api.Cursor = None,
) -> Response:
    start = paging.start_of(cursor)
    with portal.web.begin() as tx:
        found = portal.places.differing(tx, caller, start + limit + 1)
    page, more = paging.counted(found[start:], start, limit)
    return api.json_answer({"items": page, "next": more})


@routes.post(
    "/v1/addresses/withdraw",
    openapi_extra=bodies.body(bodies.WITHDRAW),
    responses=bodies.problems(400, 409, 413),
    summary="Takes back what was learned of an address; role: department, admin",
)
async def withdraw(
    request: Request, caller: Annotated[Caller, Depends(overseeing)], portal: ThisPortal
) -> Response:
    body: dict[str, Any] = await api.json_body(request)

    def within() -> None:
        with portal.acts.begin() as tx:
            portal.places.withdraw(
                tx, caller, str(body.get("source") or ""), str(body.get("reason") or "")
            )

    await run_in_threadpool(within)
    return api.json_answer({"source": body.get("source"), "withdrawn": True})
