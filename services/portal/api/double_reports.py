"""The calls of 双报到: the community registers, offers posts and notes hours; the unit reads the
cards (docs/records.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.kit.db.paging import Page
from services.portal.api.answers import (
    ACTING_ON,
    PROBLEMS,
    json_answer,
    members_answer,
    problems,
)
from services.portal.api.bodies import takes
from services.portal.api.models import double_reports as models
from services.portal.api.models.base import Id, ListOf
from services.portal.api.parameters import Page1000
from services.portal.asking import ActingCaller, ThisPortal
from services.portal.context import Portal
from services.records import double_reports
from services.registry.access import Caller

_WHO = "role: receiver, department, admin"
_ENDING = problems(409)
Side = Annotated[Literal["community", "unit"], Query()]


routes = APIRouter(tags=["records"], responses=PROBLEMS, prefix="/v1/double-reports")


@routes.get(
    "",
    response_model=ListOf[models.Registered],
    summary=f"Registrations at this community (side=community), or of this unit's members "
    f"(side=unit); {_WHO}",
)
def reports(
    caller: ActingCaller, portal: ThisPortal, page: Page1000, side: Side = "community"
) -> Response:
    """A page of the registrations on one side, those that stand first."""
    of_side = _reports_of_unit if side == "unit" else double_reports.reports
    return _listed(portal, caller, page, of_side)


@routes.get(
    "/expected",
    response_model=ListOf[models.Expected],
    summary=f"Members who live here, belong to a unit and have not registered; {_WHO}",
)
def expected(caller: ActingCaller, portal: ThisPortal, page: Page1000) -> Response:
    """A page of the members who are expected to register."""
    return _listed(portal, caller, page, double_reports.expected, _expected)


@routes.get(
    "/posts",
    response_model=ListOf[models.Post],
    summary=f"The open posts of this community; {_WHO}",
)
def posts(caller: ActingCaller, portal: ThisPortal, page: Page1000) -> Response:
    """A page of the open posts."""
    return _listed(portal, caller, page, double_reports.posts)


@routes.get(
    "/claims",
    response_model=ListOf[models.PostHeld],
    summary=f"Who holds which post of this community; {_WHO}",
)
def claims(caller: ActingCaller, portal: ThisPortal, page: Page1000) -> Response:
    """A page of the posts that are held."""
    return _listed(portal, caller, page, double_reports.claims)


@routes.get(
    "/cards",
    response_model=ListOf[models.Card],
    summary=f"The quarterly cards that this community sent or this unit got; {_WHO}",
)
def cards(caller: ActingCaller, portal: ThisPortal, page: Page1000) -> Response:
    """A page of the cards, newest first."""
    return _listed(portal, caller, page, double_reports.cards)


@routes.post(
    "",
    status_code=201,
    response_model=Id,
    openapi_extra=takes(models.Registration.described()),
    responses=ACTING_ON,
    summary=f"Registers the member of a case who lives here; {_WHO}",
)
def register(
    caller: ActingCaller,
    portal: ThisPortal,
    body: Annotated[models.Registration, Depends(models.Registration.sent)],
) -> Response:
    """The registration's id."""
    own, now = caller.own_organisation, portal.clock.now()
    with portal.worker.begin() as tx:
        made = double_reports.register(tx, own, str(body.case), None, now)
    return json_answer({"id": made}, 201)


@routes.post(
    "/posts",
    status_code=201,
    response_model=Id,
    openapi_extra=takes(models.NewPost.described()),
    responses=ACTING_ON,
    summary=f"Opens a post that members may claim; {_WHO}",
)
def open_post(
    caller: ActingCaller,
    portal: ThisPortal,
    body: Annotated[models.NewPost, Depends(models.NewPost.sent)],
) -> Response:
    """The post's id."""
    own, now = caller.own_organisation, portal.clock.now()
    with portal.worker.begin() as tx:
        made = double_reports.open_post(tx, own, body.title, body.places, now)
    return json_answer({"id": made}, 201)


@routes.post(
    "/posts/{post}/close",
    response_model=Id,
    responses=_ENDING,
    summary=f"Closes a post; who holds it is released; {_WHO}",
)
def close_post(post: UUID, caller: ActingCaller, portal: ThisPortal) -> Response:
    """The post, closed now."""
    with portal.worker.begin() as tx:
        double_reports.close_post(tx, caller.own_organisation, post, portal.clock.now())
    return json_answer({"id": str(post)})


@routes.post(
    "/{report}/claims",
    status_code=201,
    response_model=Id,
    openapi_extra=takes(models.Claim.described()),
    responses=ACTING_ON,
    summary=f"A registered member claims a post; {_WHO}",
)
def claim(
    report: UUID,
    caller: ActingCaller,
    portal: ThisPortal,
    body: Annotated[models.Claim, Depends(models.Claim.sent)],
) -> Response:
    """The id of the claim, which hours are noted to."""
    own, now = caller.own_organisation, portal.clock.now()
    with portal.worker.begin() as tx:
        made = double_reports.claim(tx, own, report, body.post, now)
    return json_answer({"id": made}, 201)


@routes.post(
    "/claims/{claim}/hours",
    status_code=201,
    response_model=models.Served,
    openapi_extra=takes(models.Hours.described()),
    responses=ACTING_ON,
    summary=f"Notes service in a post, in minutes; {_WHO}",
)
def hours(
    claim: UUID,
    caller: ActingCaller,
    portal: ThisPortal,
    body: Annotated[models.Hours, Depends(models.Hours.sent)],
) -> Response:
    """The service as it was noted."""
    own, now = caller.own_organisation, portal.clock.now()
    with portal.worker.begin() as tx:
        service = double_reports.Service(body.on, body.minutes, body.words)
        double_reports.serve(tx, own, claim, service, None, now)
    return json_answer({"claim": str(claim), "on": body.on, "minutes": body.minutes}, 201)


@routes.post(
    "/{report}/end",
    response_model=Id,
    responses=_ENDING,
    summary=f"Ends a registration: the member has moved away; {_WHO}",
)
def end(report: UUID, caller: ActingCaller, portal: ThisPortal) -> Response:
    """The registration, ended now."""
    with portal.worker.begin() as tx:
        double_reports.end(tx, caller.own_organisation, report, portal.clock.now())
    return json_answer({"id": str(report)})


@routes.post(
    "/{report}/cards/{quarter}/seen",
    response_model=models.CardSeen,
    responses=_ENDING,
    summary=f"The unit has taken note of a card; {_WHO}",
)
def seen(report: UUID, quarter: str, caller: ActingCaller, portal: ThisPortal) -> Response:
    """The card, noted now."""
    own, now = caller.own_organisation, portal.clock.now()
    with portal.worker.begin() as tx:
        double_reports.mark_seen(tx, own, report, quarter, None, now)
    return json_answer({"report": str(report), "quarter": quarter})


def _listed(
    portal: Portal,
    caller: Caller,
    page: Page,
    read: Callable[..., Sequence[Any]],
    shape: Callable[[Any], Any] = dict,
) -> Response:
    """A page of what one of the lists of double reports has for the caller's own organisation."""
    with portal.read_as(caller) as tx:
        rows = read(tx, caller.own_organisation, limit=page.one_more, offset=page.start)
    return members_answer(portal, caller, "double_reports", page.counted(rows), shape)


def _reports_of_unit(tx: Any, unit: str, *, limit: int, offset: int) -> Sequence[Any]:
    return double_reports.reports(tx, unit, "unit", limit, offset)


def _expected(row: Mapping[str, Any]) -> dict[str, Any]:
    """Somebody expected, as systems see them."""
    return {
        "case": row["id"],
        "name": row["name"],
        "unit": row["origin"],
        "member": row["member"],
    }
