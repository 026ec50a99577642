"""The calls of the pool and of confirmed addresses (docs/address.md)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from services.cases.model import states
from services.cases.views import pool
from services.kit.errors import Refused, Text
from services.portal.api.answers import (
    ACTING_ON,
    PROBLEMS,
    SENDING,
    json_answer,
    list_answer,
    members_answer,
)
from services.portal.api.bodies import takes
from services.portal.api.models import destinations as models
from services.portal.api.models.base import ListOf
from services.portal.api.parameters import OffsetPage, Page100, Page200, QueryText
from services.portal.asking import ActingCaller, OverseeingCaller, ThisPortal
from services.portal.pages.destinations import claim, count_name, guesses_a_name

_NO_CATEGORY = Text("没有这种离开的原因。", "There is no such category.")


routes = APIRouter(tags=["destinations"], responses=PROBLEMS)


async def pool_filter(
    text: QueryText = None,
    area: Annotated[str | None, Query(pattern="^[0-9]{1,12}$")] = None,
    category: QueryText = None,
) -> pool.PoolFilter:
    """Whom a query looks for; Refused 422 for a category that there is not."""
    if category and category not in states.CATEGORIES:
        raise Refused(422, "unknown-category", _NO_CATEGORY, categories=sorted(states.CATEGORIES))
    return pool.PoolFilter(text or "", area or "", category or "")


@routes.get(
    "/v1/pool",
    response_model=ListOf[models.PooledMember],
    summary="Members whose destination nobody knows; role: receiver (its county), department, "
    "admin",
)
def the_pool(
    caller: ActingCaller,
    portal: ThisPortal,
    page: Page100,
    wanted: Annotated[pool.PoolFilter, Depends(pool_filter)],
) -> Response:
    """A page of the pool as the caller may see it; looking for a name is counted."""
    if guesses_a_name(caller, wanted.text, page.cursor):
        count_name(portal, caller)
    with portal.read_as(caller) as tx:
        part = pool.search(tx, caller, wanted, page)
    return members_answer(portal, caller, "pool", part)


@routes.post(
    "/v1/pool/{case_id}/claim",
    status_code=202,
    response_model=models.Claimed,
    openapi_extra=takes(models.Claim.described()),
    responses=SENDING,
    summary="Says that a member of the pool lives here; role: receiver, department, admin",
)
def claimed(
    case_id: str,
    caller: ActingCaller,
    portal: ThisPortal,
    body: Annotated[models.Claim, Depends(models.Claim.sent)],
) -> Response:
    """The claim is posted as the report of a host."""
    claim(portal, caller, case_id, body.name)
    return json_answer({"status": "accepted"}, 202)


@routes.get(
    "/v1/addresses",
    response_model=ListOf[models.ConfirmedAddress],
    summary="What was learned of addresses; role: department, admin",
)
def addresses(
    caller: OverseeingCaller,
    portal: ThisPortal,
    page: OffsetPage,
    text: QueryText = None,
    withdrawn: bool = False,
) -> Response:
    """A page of confirmed addresses in the caller's tree, newest first."""
    with portal.web.begin() as tx:
        listed = portal.places.listed(
            tx,
            caller,
            text or "",
            withdrawn=withdrawn,
            limit=page.one_more,
            offset=page.start,
        )
    return list_answer(page.counted(listed))


@routes.get(
    "/v1/addresses/differing",
    response_model=ListOf[models.Differing],
    summary="Open cases whose address would be read otherwise today; role: department, admin",
)
def differing(caller: OverseeingCaller, portal: ThisPortal, page: Page200) -> Response:
    """A page of those cases; none of them is changed."""
    with portal.web.begin() as tx:
        read_otherwise = portal.places.differing(tx, caller, page.start + page.one_more)
    return list_answer(page.counted(read_otherwise[page.start :]))


@routes.post(
    "/v1/addresses/withdraw",
    response_model=models.Withdrawn,
    openapi_extra=takes(models.Withdraw.described()),
    responses=ACTING_ON,
    summary="Takes back what was learned of an address; role: department, admin",
)
def withdraw(
    caller: OverseeingCaller,
    portal: ThisPortal,
    body: Annotated[models.Withdraw, Depends(models.Withdraw.sent)],
) -> Response:
    """The source, which counts no more."""
    with portal.acts.begin() as tx:
        portal.places.withdraw(tx, caller, body.source, body.reason)
    return json_answer({"source": body.source, "withdrawn": True})
