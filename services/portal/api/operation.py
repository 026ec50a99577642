"""The calls of operation: what could not be handled, consumers that stand still, and the security
log.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from services.kit.bus import consumer
from services.kit.clock import ZONE
from services.kit.web.problems import trace_id
from services.portal.api.answers import ACTING_ON, PROBLEMS, json_answer, list_answer
from services.portal.api.bodies import takes
from services.portal.api.models import operation as models
from services.portal.api.models.base import ListOf
from services.portal.api.parameters import Page100, QueryText
from services.portal.asking import ThisPortal, callers
from services.portal.pages.access import READERS, read_log
from services.portal.pages.dead_letters import ROLES, Letter, decide, letters_of, resume
from services.registry.access import Caller
from services.registry.security_log import Actor

_WHO = "role: admin (its own tree), operator"


routes = APIRouter(tags=["operation"], responses=PROBLEMS)
log_routes = APIRouter(tags=["security"], responses=PROBLEMS)
CallerAtTheDesk = Annotated[Caller, Depends(callers(ROLES))]
Operator = Annotated[Caller, Depends(callers(("operator",)))]
ReaderOfTheLog = Annotated[Caller, Depends(callers(READERS))]


@routes.get(
    "/v1/dead-letters",
    response_model=ListOf[models.DeadLetter],
    summary=f"Messages and rows of loops that could not be handled, oldest first; {_WHO}",
)
def waiting(caller: CallerAtTheDesk, portal: ThisPortal, page: Page100) -> Response:
    """A page of what waits on the desk for the caller."""
    with portal.worker.begin() as tx:
        letters = letters_of(tx, caller)
    return list_answer(page.keyed(letters, lambda letter: str(letter["id"])), _letter)


@routes.post(
    "/v1/dead-letters/{letter}",
    response_model=models.Decided,
    openapi_extra=takes(models.Decision.described()),
    responses=ACTING_ON,
    summary=f"Tries one again, or gives it up; {_WHO}",
)
def decided(
    letter: Letter,
    request: Request,
    caller: CallerAtTheDesk,
    portal: ThisPortal,
    body: Annotated[models.Decision, Depends(models.Decision.sent)],
) -> Response:
    """What was decided."""
    decide(portal, caller, Actor.of(caller), letter, body.decision, trace_id(request))
    return json_answer({"id": letter, "decision": body.decision})


@routes.get(
    "/v1/consumers",
    response_model=ListOf[models.StandingConsumer],
    summary="Consumers that stand still because too much failed; role: operator",
)
def standing(caller: Operator, portal: ThisPortal, page: Page100) -> Response:
    """A page of the stopped consumers."""
    with portal.worker.begin() as tx:
        stopped = consumer.stopped(tx)
    return list_answer(page.keyed(stopped, lambda row: row.consumer), _consumer)


@routes.post(
    "/v1/consumers/{name}/resume",
    response_model=models.Resumed,
    summary="Lets a stopped consumer go on; role: operator",
)
def resumed(name: str, request: Request, caller: Operator, portal: ThisPortal) -> Response:
    """The consumer goes on where it stopped."""
    resume(portal, caller, Actor.of(caller), name, trace_id(request))
    return json_answer({"consumer": name, "resumed": True})


@log_routes.get(
    "/v1/security-log",
    response_model=ListOf[models.SecurityEvent],
    summary="The security log, newest first; role: department, admin, operator",
)
def log(
    caller: ReaderOfTheLog, portal: ThisPortal, page: Page100, event: QueryText = None
) -> Response:
    """A page of the log: a department its tree, an operator all of it."""
    return list_answer(read_log(portal, caller, event or "", page))


def _letter(letter: dict[str, Any]) -> dict[str, Any]:
    """A dead letter as systems see it: whose it is and why it failed, nothing of what it says."""
    return {
        "id": letter["id"],
        "consumer": letter["consumer"],
        "type": letter["type"],
        "organisation": letter["organisation"],
        "reason": {"zh": letter["reason_zh"], "en": letter["reason_en"]},
        "attempts": letter["attempts"],
        "parked": letter["parked"],
        "at": letter["at"].astimezone(ZONE),
    }


def _consumer(row: Any) -> dict[str, Any]:
    return {"consumer": row.consumer, "stopped_at": row.stopped_at.astimezone(ZONE)}
