"""A batch over HTTP: where each member stands, what the last command to all did to them; the same
for who receives some.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from services.cases.commands import batches, receiving
from services.cases.model import states
from services.cases.views import queries
from services.kit.db import paging
from services.kit.errors import Refused, Words
from services.portal.api import bodies
from services.portal.api import cases as api
from services.portal.asking import ThisPortal, callers
from services.registry.access import Caller

_WHO = "role: receiver, department, admin"
_NOT_PAUSED = Words(
    "请写明 paused：true 暂停，false 恢复。", "Say paused: true to pause, false to go on."
)
_NO_SIDE = Words("side 应为 received（到来的）或 posted（报来的）。", "side is received or posted.")
_NO_STATE = Words("没有这种状态。", "There is no such state.")


routes = APIRouter(tags=["cases"], responses=api.PROBLEMS)
caller_of = callers(api.ACTING)


@routes.get(
    "/v1/cases/{case_id}/children",
    summary="The members of a batch and what the last command to all did; role: receiver, "
    "department, admin",
)
def children(  # noqa: PLR0913
    case_id: str,
    request: Request,
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
    state: api.Text = None,
    refused: bool = False,
    limit: api.Limit = 100,
    cursor: api.Cursor = None,
    offset: api.Offset = 0,
) -> Response:
    start = paging.start_of(cursor) or offset
    if state and state not in states.STATES:
        raise Refused(422, "unknown-state", _NO_STATE, states=sorted(states.STATES))
    with portal.web.begin() as tx:
        queries.must_see(tx, caller, case_id)
        given = batches.orders(tx, case_id)
        found = batches.children(
            tx,
            case_id,
            seq=given[0]["seq"] if given else None,
            state=state,
            refused=refused,
            limit=limit + 1,
            offset=start,
        )
        counted = batches.by_state(tx, case_id)
    page, more = paging.counted(found, start, limit)
    return api.list_answer(
        portal,
        caller,
        "batch",
        {
            "by_state": counted,
            "orders": [
                {
                    **one,
                    "at": one["at"].isoformat(),
                    "done_at": one["done_at"] and one["done_at"].isoformat(),
                }
                for one in given
            ],
            "items": [_told(one) for one in page],
            "next": more,
        },
    )


@routes.get(
    "/v1/batches",
    summary=f"The batches of which members come to this organisation, or (side=posted) those "
    f"that it or one below it has posted; {_WHO}",
)
def received(
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
    side: api.Text = None,
    limit: api.Limit = 100,
    cursor: api.Cursor = None,
    offset: api.Offset = 0,
) -> Response:
    start = paging.start_of(cursor) or offset
    if side not in (None, "received", "posted"):
        raise Refused(422, "unknown-side", _NO_SIDE, field="side")
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, caller)
        if side == "posted":
            found = batches.posted(tx, caller.own_organisation, limit + 1, start)
        else:
            found = receiving.batches(tx, caller.own_organisation, limit + 1, start)
    page, more = paging.counted(found, start, limit)
    items = [{**one, "opened_at": one["opened_at"].isoformat()} for one in page]
    return api.json_answer({"items": items, "next": more})


@routes.get(
    "/v1/batches/{batch}",
    summary=f"The members of a batch in this organisation's hands; {_WHO}",
)
def in_hand(  # noqa: PLR0913
    batch: str,
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
    state: api.Text = None,
    refused: bool = False,
    limit: api.Limit = 100,
    cursor: api.Cursor = None,
    offset: api.Offset = 0,
) -> Response:
    start = paging.start_of(cursor) or offset
    if state and state not in states.STATES:
        raise Refused(422, "unknown-state", _NO_STATE, states=sorted(states.STATES))
    with portal.web.begin() as tx:
        receiving.must_hold(tx, caller, batch)
        given = receiving.orders(tx, caller.own_organisation, batch)
        found = receiving.members(
            tx,
            caller.own_organisation,
            batch,
            order=given[0]["id"] if given else None,
            state=state,
            refused=refused,
            limit=limit + 1,
            offset=start,
        )
        counted = receiving.by_state(tx, caller.own_organisation, batch)
    page, more = paging.counted(found, start, limit)
    return api.list_answer(
        portal,
        caller,
        "batch",
        {
            "by_state": counted,
            "orders": [{**one, "at": one["at"].isoformat()} for one in given],
            "items": [_told(one) for one in page],
            "next": more,
        },
    )


@routes.post(
    "/v1/batches/{batch}/orders",
    status_code=201,
    openapi_extra=bodies.body(bodies.ORDER),
    responses=bodies.problems(400, 413),
    summary=f"One act for all of a batch in this organisation's hands; {_WHO}",
)
async def order(
    batch: str, request: Request, caller: Annotated[Caller, Depends(caller_of)], portal: ThisPortal
) -> Response:
    body = await api.json_body(request)

    def within() -> dict[str, Any]:
        with portal.acts.begin() as tx:
            return {
                "id": str(
                    receiving.give(
                        tx,
                        caller,
                        batch,
                        body.get("order"),
                        body.get("with"),
                        body.get("start_on"),
                        portal.clock.now(),
                    )
                )
            }

    return api.json_answer(await run_in_threadpool(within), 201)


@routes.post(
    "/v1/batches/{batch}/orders/{order_id}",
    openapi_extra=bodies.body(bodies.PAUSE),
    responses=bodies.problems(400, 413),
    summary=f"Pauses such an order between two waves, or lets it go on; {_WHO}",
)
async def pause(
    batch: str,
    order_id: str,
    request: Request,
    caller: Annotated[Caller, Depends(caller_of)],
    portal: ThisPortal,
) -> Response:
    paused = (await api.json_body(request)).get("paused")
    if not isinstance(paused, bool):
        raise Refused(422, "field-missing", _NOT_PAUSED, field="paused")

    def within() -> None:
        with portal.acts.begin() as tx:
            receiving.pause(tx, caller, batch, order_id, paused)

    await run_in_threadpool(within)
    return api.json_answer({"id": order_id, "paused": paused})


def _told(one: Any) -> dict[str, Any]:
    """A member of a batch as systems see it: no name."""
    return {
        "case": one.id,
        "position": one.position,
        "state": one.state,
        "outcome": one.status and {"status": one.status, "zh": one.zh, "en": one.en},
    }
