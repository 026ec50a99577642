"""The calls of 双报到: the community registers, offers posts and notes hours; the unit reads the
cards (docs/records.md).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from schemas.days import NoDay, read_day
from services.cases.views import queries
from services.kit.db import paging
from services.kit.errors import Refused, Words
from services.portal.api import bodies
from services.portal.api import cases as api
from services.portal.asking import ThisPortal, callers
from services.portal.context import Portal
from services.records import double_reports
from services.registry.access import Caller

_FIELD = Words(
    "请把字段填全：日期写成 2026-11-23，编号照接口给出的写，人数、分钟数写整数。",
    "Fill in every field: a day as 2026-11-23, ids as these calls give them, places and minutes "
    "as whole numbers.",
)
_WHO = "role: receiver, department, admin"
_SENDING = bodies.problems(400, 409, 413)
_ENDING = bodies.problems(409)


routes = APIRouter(tags=["records"], responses=api.PROBLEMS, prefix="/v1/double-reports")
caller_of = callers(api.ACTING)


@routes.get(
    "",
    summary=f"Registrations at this community (side=community), or of this unit's members "
    f"(side=unit); {_WHO}",
)
def reports(
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
    side: Annotated[Literal["community", "unit"], Query()] = "community",
    limit: api.Limit = 1000,
    cursor: api.Cursor = None,
) -> Response:
    of_side = partial(double_reports.reports, side="unit" if side == "unit" else "organisation")
    return _shown(portal, caller, of_side, limit, cursor)


@routes.get(
    "/expected",
    summary=f"Members who live here, belong to a unit and have not registered; {_WHO}",
)
def expected(
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
    limit: api.Limit = 1000,
    cursor: api.Cursor = None,
) -> Response:
    return _shown(portal, caller, _expected, limit, cursor)


@routes.get("/posts", summary=f"The open posts of this community; {_WHO}")
def posts(
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
    limit: api.Limit = 1000,
    cursor: api.Cursor = None,
) -> Response:
    return _shown(portal, caller, double_reports.posts, limit, cursor)


@routes.get("/claims", summary=f"Who holds which post of this community; {_WHO}")
def claims(
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
    limit: api.Limit = 1000,
    cursor: api.Cursor = None,
) -> Response:
    return _shown(portal, caller, double_reports.claims, limit, cursor)


@routes.get(
    "/cards", summary=f"The quarterly cards that this community sent or this unit got; {_WHO}"
)
def cards(
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
    limit: api.Limit = 1000,
    cursor: api.Cursor = None,
) -> Response:
    return _shown(portal, caller, double_reports.cards, limit, cursor)


@routes.post(
    "",
    status_code=201,
    openapi_extra=bodies.body(bodies.REGISTRATION),
    responses=_SENDING,
    summary=f"Registers the member of a case who lives here; {_WHO}",
)
async def register(
    request: Request, caller: Annotated[Caller, Depends(caller_of)], portal: ThisPortal
) -> Response:
    case = str(_id(await api.json_body(request), "case"))
    made = await run_in_threadpool(
        _done,
        portal,
        double_reports.register,
        caller.organisation,
        case,
        None,
        portal.clock.now(),
    )
    return api.json_answer({"id": made}, 201)


@routes.post(
    "/posts",
    status_code=201,
    openapi_extra=bodies.body(bodies.POST),
    responses=_SENDING,
    summary=f"Opens a post that members may claim; {_WHO}",
)
async def open_post(
    request: Request, caller: Annotated[Caller, Depends(caller_of)], portal: ThisPortal
) -> Response:
    body = await api.json_body(request)
    title, places = body.get("title"), _whole(body, "places")
    if not isinstance(title, str):
        raise _wrong("title")
    made = await run_in_threadpool(
        _done,
        portal,
        double_reports.open_post,
        caller.organisation,
        title,
        places,
        portal.clock.now(),
    )
    return api.json_answer({"id": made}, 201)


@routes.post(
    "/posts/{post}/close",
    responses=_ENDING,
    summary=f"Closes a post; who holds it is released; {_WHO}",
)
def close_post(
    post: UUID, caller: Annotated[Caller, Depends(caller_of)], portal: ThisPortal
) -> Response:
    _done(portal, double_reports.close_post, caller.organisation, post, portal.clock.now())
    return api.json_answer({"id": str(post)})


@routes.post(
    "/{report}/claims",
    status_code=201,
    openapi_extra=bodies.body(bodies.POST_CLAIM),
    responses=_SENDING,
    summary=f"A registered member claims a post; {_WHO}",
)
async def claim(
    report: UUID,
    request: Request,
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
) -> Response:
    post = _id(await api.json_body(request), "post")
    made = await run_in_threadpool(
        _done,
        portal,
        double_reports.claim,
        caller.organisation,
        report,
        post,
        portal.clock.now(),
    )
    return api.json_answer({"id": made}, 201)


@routes.post(
    "/claims/{claim}/hours",
    status_code=201,
    openapi_extra=bodies.body(bodies.HOURS),
    responses=_SENDING,
    summary=f"Notes service in a post, in minutes; {_WHO}",
)
async def hours(
    claim: UUID, request: Request, caller: Annotated[Caller, Depends(caller_of)], portal: ThisPortal
) -> Response:
    body = await api.json_body(request)
    minutes, words = _whole(body, "minutes"), body.get("words")
    try:
        on = read_day(body.get("on"))
    except NoDay:
        raise _wrong("on") from None
    if words is not None and not isinstance(words, str):
        raise _wrong("words")
    await run_in_threadpool(
        _done,
        portal,
        double_reports.serve,
        caller.organisation,
        claim,
        on,
        minutes,
        words,
        None,
        portal.clock.now(),
    )
    return api.json_answer({"claim": str(claim), "on": on, "minutes": minutes}, 201)


@routes.post(
    "/{report}/end",
    responses=_ENDING,
    summary=f"Ends a registration: the member has moved away; {_WHO}",
)
def end(
    report: UUID, caller: Annotated[Caller, Depends(caller_of)], portal: ThisPortal
) -> Response:
    _done(portal, double_reports.end, caller.organisation, report, portal.clock.now())
    return api.json_answer({"id": str(report)})


@routes.post(
    "/{report}/cards/{quarter}/seen",
    responses=_ENDING,
    summary=f"The unit has taken note of a card; {_WHO}",
)
def seen(
    report: UUID, quarter: str, caller: Annotated[Caller, Depends(caller_of)], portal: ThisPortal
) -> Response:
    _done(
        portal,
        double_reports.mark_seen,
        caller.organisation,
        report,
        quarter.replace("\x00", ""),
        None,
        portal.clock.now(),
    )
    return api.json_answer({"report": str(report), "quarter": quarter})


def _shown(
    portal: Portal, caller: Caller, read: Callable[..., Any], limit: int, cursor: str | None
) -> Response:
    start = paging.start_of(cursor)
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, caller)
        found = read(tx, caller.organisation, limit=limit + 1, offset=start)
    page, more = paging.counted(found, start, limit)
    answer = {"items": [dict(one) for one in page], "next": more}
    return api.list_answer(portal, caller, "double_reports", answer)


def _done(portal: Portal, act: Callable[..., Any], *given: Any, **said: Any) -> Any:
    with portal.worker.begin() as tx:
        return act(tx, *given, **said)


def _expected(tx: Any, own: str, *, limit: int, offset: int) -> list[dict[str, Any]]:
    """The expected as systems see them."""
    found = double_reports.expected(tx, own, limit, offset)
    return [
        {"case": one["id"], "name": one["name"], "unit": one["origin"], "member": one["member"]}
        for one in found
    ]


def _wrong(field: str) -> Refused:
    return Refused(422, "field-wrong", _FIELD, field=field)


def _id(body: dict[str, Any], name: str) -> UUID:
    try:
        return UUID(str(body.get(name)))
    except ValueError:
        raise _wrong(name) from None


def _whole(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1_000_000:
        raise _wrong(name)
    return value
