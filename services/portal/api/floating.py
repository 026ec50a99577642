"""The calls of floating members: who is where, what the host notes, branches proposed
(docs/records.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from services.cases.views import queries
from services.portal.api.answers import (
    ACTING_ON,
    PROBLEMS,
    json_answer,
    list_answer,
    members_answer,
)
from services.portal.api.bodies import takes
from services.portal.api.models import floating as models
from services.portal.api.models.base import ListOf
from services.portal.api.parameters import OffsetPage, Page500, Page1000
from services.portal.asking import ActingCaller, OverseeingCaller, ThisPortal
from services.portal.pages.floating import note_of_host
from services.records import floating
from services.records.floating import HostNote

_WHO = "role: receiver, department, admin"


routes = APIRouter(tags=["records"], responses=PROBLEMS)


@routes.get(
    "/v1/floating",
    response_model=ListOf[models.FloatingMember],
    summary=f"Floating members at their origin or their host, the longest away first; {_WHO}",
)
def members(caller: ActingCaller, portal: ThisPortal, page: OffsetPage) -> Response:
    """A page of the floating members that the caller may see."""
    with portal.read_as(caller) as tx:
        floats = floating.floating(tx, page.one_more, page.start)
    return members_answer(portal, caller, "floating", page.counted(floats), _member)


@routes.get(
    "/v1/floating/{case_id}/notes",
    response_model=ListOf[models.HostRecord],
    summary=f"What hosts noted of a floating member, newest first; {_WHO}",
)
def notes(case_id: str, caller: ActingCaller, portal: ThisPortal, page: Page500) -> Response:
    """A page of the notes."""
    with portal.web.begin() as tx:
        queries.must_see(tx, caller, case_id)
        noted = floating.noted(tx, case_id, page.one_more, page.start)
    return list_answer(page.counted(noted))


@routes.post(
    "/v1/floating/{case_id}/notes",
    status_code=201,
    response_model=models.Noted,
    openapi_extra=takes(models.HostNote.described()),
    responses=ACTING_ON,
    summary=f"The host notes life, dues, service or an evaluation; {_WHO}",
)
def note(
    case_id: str,
    caller: ActingCaller,
    portal: ThisPortal,
    body: Annotated[models.HostNote, Depends(models.HostNote.sent)],
) -> Response:
    """What was noted."""
    noted = HostNote(body.kind, body.on, body.words or None)
    note_of_host(portal, caller, case_id, noted, None)
    return json_answer({"case": case_id, "kind": body.kind, "on": body.on}, 201)


@routes.get(
    "/v1/branch-proposals",
    response_model=models.Proposals,
    summary="Branches proposed where members float near each other, and what was "
    "decided; role: department, admin",
)
def proposals(caller: OverseeingCaller, portal: ThisPortal, page: Page1000) -> Response:
    """A page of the proposals, and what was decided last."""
    with portal.read_as(caller) as tx:
        decided = floating.decided(tx)
        with queries.as_worker(tx):
            proposed = floating.proposed(tx, caller.own_organisation, portal.today)
    part = page.keyed(proposed, lambda proposal: proposal.grouped)
    return list_answer(part, _proposal, decided=[dict(row) for row in decided])


@routes.post(
    "/v1/branch-proposals/{proposal}",
    response_model=models.Decided,
    openapi_extra=takes(models.ProposalDecision.described()),
    responses=ACTING_ON,
    summary="Approves or declines a proposal, with the reason; role: department, admin",
)
def decide(
    proposal: str,
    caller: OverseeingCaller,
    portal: ThisPortal,
    body: Annotated[models.ProposalDecision, Depends(models.ProposalDecision.sent)],
) -> Response:
    """What was decided."""
    own, now = caller.own_organisation, portal.clock.now()
    with portal.worker.begin() as tx:
        verdict = floating.Verdict(body.decision, body.reason)
        floating.decide(tx, own, proposal, verdict, None, now)
    return json_answer({"id": proposal, "decision": body.decision})


def _member(row: Mapping[str, Any]) -> dict[str, Any]:
    """A floating member as systems see it: no name."""
    return {
        "case": row["id"],
        "member": row["member"],
        "origin": row["origin"],
        "host": row["host"],
        "permit_no": row["permit_no"],
        "acknowledged_on": row["acknowledged_on"],
        "contacted_on": row["contacted_on"],
        "contact_due": row["contact_due"],
        "test_due": row["test_due"],
    }


def _proposal(proposal: floating.Proposal) -> dict[str, Any]:
    return {
        "id": proposal.grouped,
        "kind": proposal.kind,
        "key": proposal.key,
        "department": proposal.department,
        "members": proposal.members,
        "cases": proposal.cases,
    }
