"""The security log as a call: for the systems of departments, and for operators."""

# no postponed annotations here: FastAPI must see the dependency that is local to `router`
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.portal import api
from services.portal.access_pages import READERS, read_log
from services.portal.context import Portal
from services.registry.access import Caller, Keys


def router(portal: Portal) -> APIRouter:
    """The route of the log."""
    routes = APIRouter(tags=["security"], responses=api.PROBLEMS)
    reading = api.callers(Keys(portal.web), READERS)

    @routes.get(
        "/v1/security-log",
        summary="The security log, newest first; role: department, admin, operator",
    )
    def log(
        caller: Annotated[Caller, Depends(reading)],
        event: api.Text = None,
        limit: api.Limit = 100,
        cursor: api.Text = None,
    ) -> Response:
        return api.json_answer(read_log(portal, caller, event or "", limit, cursor))

    return routes
