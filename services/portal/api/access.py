"""The security log as a call: for the systems of departments, and for operators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.portal.api import cases as api
from services.portal.asking import ThisPortal, callers
from services.portal.pages.access import READERS, read_log
from services.registry.access import Caller

routes = APIRouter(tags=["security"], responses=api.PROBLEMS)
reading = callers(READERS)


@routes.get(
    "/v1/security-log",
    summary="The security log, newest first; role: department, admin, operator",
)
def log(
    caller: Annotated[Caller, Depends(reading)],
    portal: ThisPortal,
    event: api.Text = None,
    limit: api.Limit = 100,
    cursor: api.Text = None,
) -> Response:
    return api.json_answer(read_log(portal, caller, event or "", limit, cursor))
