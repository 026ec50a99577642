"""The calls of a department's own rules of destination (docs/destinations.md)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from services.cases.routing import overrides
from services.portal.api.answers import PROBLEMS, SENDING, json_answer, list_answer
from services.portal.api.bodies import takes
from services.portal.api.models import destinations as models
from services.portal.api.models.base import ListOf
from services.portal.api.parameters import Page1000
from services.portal.asking import OverseeingCaller, ThisPortal
from services.portal.pages import rules

routes = APIRouter(tags=["destinations"], responses=PROBLEMS, prefix="/v1/rules")
Sent = Annotated[models.Rule, Depends(models.Rule.sent)]


@routes.get(
    "",
    response_model=ListOf[models.RuleSet],
    summary="Where departments decide otherwise than the table; role: department, admin",
)
def listed(caller: OverseeingCaller, portal: ThisPortal, page: Page1000) -> Response:
    """A page of the rules that the caller may see, ended ones too."""
    with portal.read_as(caller) as tx:
        stored = overrides.stored(tx)
    return list_answer(page.keyed(stored, lambda rule: rule.id), _rule)


@routes.post(
    "",
    status_code=201,
    response_model=models.RuleSet,
    responses=SENDING,
    openapi_extra=takes(models.Rule.described()),
    summary="Decides otherwise than the table for moves that begin from now on; "
    "role: department, admin",
)
def put(caller: OverseeingCaller, portal: ThisPortal, body: Sent) -> Response:
    """The rule as it was set."""
    return json_answer(_rule(rules.put(portal, caller, body.given, None)), 201)


@routes.post(
    "/what-if",
    response_model=models.Trial,
    responses=SENDING,
    openapi_extra=takes(models.Rule.described()),
    summary="What a rule would have done to last year's cases; changes nothing; "
    "role: department, admin",
)
def tried(caller: OverseeingCaller, portal: ThisPortal, body: Sent) -> Response:
    """Which of the cases that the caller may see would have gone elsewhere."""
    return json_answer(rules.tried_on_last_year(portal, caller, body.given))


@routes.post(
    "/{rule_id}/end",
    response_model=models.RuleEnded,
    summary="Ends a rule for moves that begin from now on; role: department, admin",
)
def ended(rule_id: str, caller: OverseeingCaller, portal: ThisPortal) -> Response:
    """The rule counts no more for moves that begin from now on."""
    rules.end(portal, caller, rule_id, None)
    return json_answer({"id": rule_id, "ended": True})


def _rule(rule: overrides.Override) -> dict[str, Any]:
    """A rule as systems see it."""
    return {
        "id": rule.id,
        "organisation": rule.organisation,
        "row": rule.row,
        "area": rule.area,
        "under": rule.under,
        "destination": rule.destination,
        "from": rule.begins,
        "until": rule.until,
        "source": rule.source,
        "set_at": rule.set_at,
        "ended_at": rule.ended_at,
    }
