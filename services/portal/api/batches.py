"""A batch over HTTP: where each member stands, what the last command to all did to them; the same
for who receives some.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from services.cases.commands import batches, receiving
from services.cases.model import states
from services.cases.views import queries
from services.kit.errors import Refused, Text
from services.portal.api.answers import (
    PROBLEMS,
    SENDING,
    json_answer,
    list_answer,
    members_answer,
)
from services.portal.api.bodies import takes
from services.portal.api.models import batches as models
from services.portal.api.models.base import Id, ListOf
from services.portal.api.models.commands import Order
from services.portal.api.parameters import OffsetPage, QueryText
from services.portal.asking import ActingCaller, ThisPortal

_WHO = "role: receiver, department, admin"
_NO_SIDE = Text("side 应为 received（到来的）或 posted（报来的）。", "side is received or posted.")
_NO_STATE = Text("没有这种状态。", "There is no such state.")


routes = APIRouter(tags=["cases"], responses=PROBLEMS)


@dataclass(frozen=True, slots=True)
class MemberFilter:
    """Which members of a batch: those in a state; those for whom the last order was refused."""

    state: str | None
    refused: bool


async def member_filter(
    state: QueryText = None, refused: Annotated[bool, Query()] = False
) -> MemberFilter:
    """The members that a query asks for; Refused 422 for a state that there is not."""
    if state and state not in states.STATES:
        raise Refused(422, "unknown-state", _NO_STATE, states=sorted(states.STATES))
    return MemberFilter(state, refused)


Chosen = Annotated[MemberFilter, Depends(member_filter)]


@routes.get(
    "/v1/cases/{case_id}/children",
    response_model=models.Children,
    summary="The members of a batch and what the last command to all did; role: receiver, "
    "department, admin",
)
def children(
    case_id: str, caller: ActingCaller, portal: ThisPortal, page: OffsetPage, chosen: Chosen
) -> Response:
    """A page of the members, with all orders and how many stand in each state."""
    with portal.web.begin() as tx:
        queries.must_see(tx, caller, case_id)
        orders = batches.orders(tx, case_id)
        members = batches.children(
            tx,
            case_id,
            seq=orders[0]["seq"] if orders else None,
            state=chosen.state,
            refused=chosen.refused,
            limit=page.one_more,
            offset=page.start,
        )
        by_state = batches.by_state(tx, case_id)
    part = page.counted(members)
    return members_answer(portal, caller, "batch", part, _member, by_state=by_state, orders=orders)


@routes.get(
    "/v1/batches",
    response_model=ListOf[models.BatchReceived | models.BatchPosted],
    summary=f"The batches of which members come to this organisation, or (side=posted) those "
    f"that it or one below it has posted; {_WHO}",
)
def received(
    caller: ActingCaller, portal: ThisPortal, page: OffsetPage, side: QueryText = None
) -> Response:
    """A page of the batches on one side."""
    if side not in (None, "received", "posted"):
        raise Refused(422, "unknown-side", _NO_SIDE, field="side")
    of_side = batches.posted if side == "posted" else receiving.batches
    with portal.read_as(caller) as tx:
        rows = of_side(tx, caller.own_organisation, page.one_more, page.start)
    return list_answer(page.counted(rows))


@routes.get(
    "/v1/batches/{batch}",
    response_model=models.InHand,
    summary=f"The members of a batch in this organisation's hands; {_WHO}",
)
def in_hand(
    batch: str, caller: ActingCaller, portal: ThisPortal, page: OffsetPage, chosen: Chosen
) -> Response:
    """A page of the members, with the organisation's own orders."""
    own = caller.own_organisation
    with portal.web.begin() as tx:
        receiving.must_hold(tx, caller, batch)
        orders = receiving.orders(tx, own, batch)
        members = receiving.members(
            tx,
            own,
            batch,
            order=orders[0]["id"] if orders else None,
            state=chosen.state,
            refused=chosen.refused,
            limit=page.one_more,
            offset=page.start,
        )
        by_state = receiving.by_state(tx, own, batch)
    part = page.counted(members)
    return members_answer(portal, caller, "batch", part, _member, by_state=by_state, orders=orders)


@routes.post(
    "/v1/batches/{batch}/orders",
    status_code=201,
    response_model=Id,
    openapi_extra=takes(Order.described()),
    responses=SENDING,
    summary=f"One act for all of a batch in this organisation's hands; {_WHO}",
)
def order(
    batch: str,
    caller: ActingCaller,
    portal: ThisPortal,
    body: Annotated[Order, Depends(Order.sent)],
) -> Response:
    """The order's id; it begins with the next round of the clock."""
    with portal.acts.begin() as tx:
        ident = receiving.give(
            tx,
            caller,
            batch,
            body.given.get("order"),
            body.given.get("with"),
            body.given.get("start_on"),
            portal.clock.now(),
        )
    return json_answer({"id": str(ident)}, 201)


@routes.post(
    "/v1/batches/{batch}/orders/{order_id}",
    response_model=models.Paused,
    openapi_extra=takes(models.Pause.described()),
    responses=SENDING,
    summary=f"Pauses such an order between two waves, or lets it go on; {_WHO}",
)
def pause(
    batch: str,
    order_id: str,
    caller: ActingCaller,
    portal: ThisPortal,
    body: Annotated[models.Pause, Depends(models.Pause.sent)],
) -> Response:
    """Whether the order stands still now."""
    with portal.acts.begin() as tx:
        receiving.pause(tx, caller, batch, order_id, body.paused)
    return json_answer({"id": order_id, "paused": body.paused})


def _member(row: Any) -> dict[str, Any]:
    """A member of a batch as systems see it: no name."""
    outcome = {"status": row.status, "zh": row.zh, "en": row.en} if row.status else None
    return {"case": row.id, "position": row.position, "state": row.state, "outcome": outcome}
