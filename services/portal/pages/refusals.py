"""Who below sends people back: refusals and returns of the last twelve months, by organisation and
reason.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.cases.deadlines.calendar import add_months, midnight
from services.cases.views import queries, refusals
from services.kit.errors import Refused, Text
from services.portal.asking import SignedIn, ThisPortal
from services.portal.page import PageRoute, render

MONTHS = 12
_DEPARTMENTS = Text("这一页供组织部门使用。", "This page is for departments.")


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get(
    "/department/refusals", summary="Who refuses and returns, and why; role: department, admin"
)
def counted(request: Request, portal: ThisPortal, viewer: SignedIn) -> Response:
    """Who refused and returned in the last months, and why."""
    if not viewer.oversees:
        raise Refused(403, "departments-only", _DEPARTMENTS)
    since = add_months(portal.today, -MONTHS)
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, viewer.caller)
        lines = refusals.by_organisation(tx, viewer.own_organisation, midnight(since))
    return render(portal, request, "refusals.html", viewer, lines=lines, since=since)
