"""The calls of floating members: who is where, what the host notes, branches proposed
(docs/records.md).
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from schemas.days import NoDay, read_day
from services.cases.views import queries
from services.kit.db import paging
from services.kit.errors import Refused, Words
from services.portal.api import bodies
from services.portal.api import cases as api
from services.portal.asking import ThisPortal, callers
from services.portal.pages.floating import note_of_host
from services.records import floating
from services.records.floating import HostNote
from services.registry.access import Caller

_NO_DAY = Words("on 应当是 2026-11-23 这样的日期。", "on must be a day such as 2026-11-23.")
_TEXTS = Words(
    "kind、words、decision、reason 应当是文字。", "kind, words, decision and reason must be text."
)
_WHO = "role: receiver, department, admin"
_SENDING = bodies.problems(400, 409, 413)


routes = APIRouter(tags=["records"], responses=api.PROBLEMS)
caller_of = callers(api.ACTING)
overseer_of = callers(("department", "admin"))


@routes.get(
    "/v1/floating",
    summary=f"Floating members at their origin or their host, the longest away first; {_WHO}",
)
def members(
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
    limit: api.Limit = 100,
    cursor: api.Cursor = None,
    offset: api.Offset = 0,
) -> Response:
    start = paging.start_of(cursor) or offset
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, caller)
        found = floating.floating(tx, limit + 1, start)
    shown = (
        "member",
        "origin",
        "host",
        "permit_no",
        "acknowledged_on",
        "contacted_on",
        "contact_due",
        "test_due",
    )
    page, more = paging.counted(found, start, limit)
    items = [{"case": one["id"], **{name: one[name] for name in shown}} for one in page]
    return api.list_answer(portal, caller, "floating", {"items": items, "next": more})


@routes.get(
    "/v1/floating/{case_id}/notes",
    summary=f"What hosts noted of a floating member, newest first; {_WHO}",
)
def notes(
    case_id: str,
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
    limit: api.Limit = 500,
    cursor: api.Cursor = None,
) -> Response:
    start = paging.start_of(cursor)
    with portal.web.begin() as tx:
        queries.must_see(tx, caller, case_id)
        found = floating.noted(tx, case_id, limit + 1, start)
    page, more = paging.counted(found, start, limit)
    return api.json_answer(
        {"items": [{**one, "at": one["at"].isoformat()} for one in page], "next": more}
    )


@routes.post(
    "/v1/floating/{case_id}/notes",
    status_code=201,
    openapi_extra=bodies.body(bodies.HOST_NOTE),
    responses=_SENDING,
    summary=f"The host notes life, dues, service or an evaluation; {_WHO}",
)
async def note(
    case_id: str,
    request: Request,
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
) -> Response:
    body = await api.json_body(request)
    kind, words = _text(body, "kind"), _text(body, "words")
    try:
        on = read_day(_text(body, "on"))
    except NoDay:
        raise Refused(422, "field-wrong", _NO_DAY, field="on") from None
    await run_in_threadpool(
        note_of_host, portal, caller, case_id, HostNote(kind, on, words or None), None
    )
    return api.json_answer({"case": case_id, "kind": kind, "on": on}, 201)


@routes.get(
    "/v1/branch-proposals",
    summary="Branches proposed where members float near each other, and what was "
    "decided; role: department, admin",
)
def proposals(
    caller: Annotated[Caller, Depends(overseer_of)],
    portal: ThisPortal,
    limit: api.Limit = 1000,
    cursor: api.Cursor = None,
) -> Response:
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, caller)
        decided = floating.decided(tx)
        with queries.as_worker(tx):
            found = floating.proposed(tx, caller.own_organisation, portal.today)
    page, more = paging.keyed(found, limit, cursor, lambda one: one.grouped)
    return api.json_answer(
        {
            "items": [
                {
                    "id": one.grouped,
                    "kind": one.kind,
                    "key": one.key,
                    "department": one.department,
                    "members": one.members,
                    "cases": one.cases,
                }
                for one in page
            ],
            "decided": [{**one, "decided_at": one["decided_at"].isoformat()} for one in decided],
            "next": more,
        }
    )


@routes.post(
    "/v1/branch-proposals/{proposal}",
    openapi_extra=bodies.body(bodies.PROPOSAL),
    responses=_SENDING,
    summary="Approves or declines a proposal, with the reason; role: department, admin",
)
async def decide(
    proposal: str,
    request: Request,
    caller: Annotated[Caller, Depends(overseer_of)],
    portal: ThisPortal,
) -> Response:
    body = await api.json_body(request)
    decision, reason = _text(body, "decision"), _text(body, "reason")

    def within() -> None:
        with portal.worker.begin() as tx:
            floating.decide(
                tx,
                caller.own_organisation,
                proposal,
                decision,
                reason,
                None,
                portal.clock.now(),
            )

    await run_in_threadpool(within)
    return api.json_answer({"id": proposal, "decision": decision})


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise Refused(422, "field-wrong", _TEXTS, field=name)
    return value
