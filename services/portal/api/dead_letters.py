"""The calls of the desk: what could not be handled, trying it again or giving it up, and
consumers that stand still.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from services.kit.bus import consumer
from services.kit.clock import ZONE
from services.kit.db import paging
from services.kit.web.problems import trace_id
from services.portal.api import bodies
from services.portal.api import cases as api
from services.portal.asking import ThisPortal, callers
from services.portal.pages.dead_letters import ROLES, Letter, decide, letters_of, resume
from services.registry.access import Caller
from services.registry.security_log import Actor

_WHO = "role: admin (its own tree), operator"


routes = APIRouter(tags=["operation"], responses=api.PROBLEMS)
at_the_desk = callers(ROLES)
operating = callers(("operator",))


@routes.get(
    "/v1/dead-letters",
    summary=f"Messages and rows of loops that could not be handled, oldest first; {_WHO}",
)
def waiting(
    caller: Annotated[Caller, Depends(at_the_desk)],
    portal: ThisPortal,
    limit: api.Limit = 100,
    cursor: api.Text = None,
) -> Response:
    with portal.worker.begin() as tx:
        letters = letters_of(tx, caller)
    page, following = paging.keyed(letters, limit, cursor, lambda letter: str(letter["id"]))
    return api.json_answer({"items": [_told(letter) for letter in page], "next": following})


@routes.post(
    "/v1/dead-letters/{letter}",
    openapi_extra=bodies.body(bodies.DEAD_LETTER),
    responses=bodies.problems(400, 409, 413),
    summary=f"Tries one again, or gives it up; {_WHO}",
)
async def decided(
    letter: Letter,
    request: Request,
    caller: Annotated[Caller, Depends(at_the_desk)],
    portal: ThisPortal,
) -> Response:
    decision = str((await api.json_body(request)).get("decision"))
    await run_in_threadpool(
        decide, portal, caller, Actor.of(caller), letter, decision, trace_id(request)
    )
    return api.json_answer({"id": letter, "decision": decision})


@routes.get(
    "/v1/consumers",
    summary="Consumers that stand still because too much failed; role: operator",
)
def standing(caller: Annotated[Caller, Depends(operating)], portal: ThisPortal) -> Response:
    with portal.worker.begin() as tx:
        stopped = consumer.stopped(tx)
    return api.json_answer(
        {
            "items": [
                {"consumer": one.consumer, "stopped_at": one.stopped_at.astimezone(ZONE)}
                for one in stopped
            ],
            "next": None,
        }
    )


@routes.post("/v1/consumers/{name}/resume", summary="Lets a stopped consumer go on; role: operator")
def resumed(
    name: str, request: Request, caller: Annotated[Caller, Depends(operating)], portal: ThisPortal
) -> Response:
    resume(portal, caller, Actor.of(caller), name, trace_id(request))
    return api.json_answer({"consumer": name, "resumed": True})


def _told(letter: dict[str, Any]) -> dict[str, Any]:
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
