"""Who below sends people back: refusals and returns of the last twelve months, by organisation and
reason.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.cases import queries, refusals
from services.cases.calendar import add_months, midnight
from services.kit.errors import Refused, Words
from services.portal.context import Portal
from services.portal.page import page_route, render, signed_in

MONTHS = 12
_DEPARTMENTS = Words("这一页供组织部门使用。", "This page is for departments.")


def router(portal: Portal) -> APIRouter:
    """The page of refusals."""
    routes = APIRouter(route_class=page_route(portal), include_in_schema=False)

    @routes.get(
        "/department/refusals", summary="Who refuses and returns, and why; role: department, admin"
    )
    def counted(request: Request) -> Response:
        viewer = signed_in(portal, request)
        if not viewer.oversees:
            raise Refused(403, "departments-only", _DEPARTMENTS)
        since = add_months(portal.today, -MONTHS)
        with portal.web.begin() as tx:
            queries.look_at_cases(tx, viewer.caller)
            lines = refusals.by_organisation(tx, viewer.own_organisation, midnight(since))
        return render(portal, request, "refusals.html", viewer, lines=lines, since=since)

    return routes
