"""The members of a batch over HTTP: where each stands, and what the last command to all did to them."""
# no postponed annotations here: FastAPI must see the dependencies that are local to `router`
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from services.cases import batches, queries, states
from services.kit.errors import Refused, Words
from services.portal import api
from services.portal.house import Portal
from services.registry.access import Caller, Keys

_NO_STATE = Words("没有这种状态。", "There is no such state.")


def router(portal: Portal) -> APIRouter:
    """The route under /v1/cases/{id}/children."""
    routes = APIRouter(tags=["cases"], responses=api._PROBLEMS)
    keys = Keys(portal.web)

    def caller_of(request: Request) -> Caller:
        if any("\x00" in value for value in request.query_params.values()) or "\x00" in request.url.path:
            raise Refused(404, "no-such-page", api._NO_CASE)
        return api._with_role(keys.caller(request.headers.get("authorization")), api.ACTING)

    @routes.get("/v1/cases/{case_id}/children",
                summary="The members of a batch and what the last command to all did; role: receiver, department, admin")
    def children(case_id: str, request: Request, caller: Annotated[Caller, Depends(caller_of)], state: api.Text = None,
                 refused: bool = False, limit: api.Limit = 100,
                 offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0) -> Response:
        if state and state not in states.STATES:
            raise Refused(422, "unknown-state", _NO_STATE, states=sorted(states.STATES))
        with portal.web.begin() as tx:
            queries.must_see(tx, caller, case_id)
            given = batches.orders(tx, case_id)
            found = batches.children(tx, case_id, seq=given[0]["seq"] if given else None, state=state, refused=refused,
                                     limit=limit + 1, offset=offset)
            counted = batches.by_state(tx, case_id)
        return api.json_answer({
            "by_state": counted,
            "orders": [{**one, "at": one["at"].isoformat(), "done_at": one["done_at"] and one["done_at"].isoformat()}
                       for one in given],
            "items": [{"case": one.id, "position": one.position, "state": one.state,
                       "outcome": one.status and {"status": one.status, "zh": one.zh, "en": one.en}}
                      for one in found[:limit]],
            "next": offset + limit if len(found) > limit else None})

    return routes
