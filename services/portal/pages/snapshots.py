"""Two month ends side by side, for a department and everything below it."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter, Request, Response

from services.kit.translations import N_
from services.portal.asking import SignedIn, ThisPortal
from services.portal.page import PageRoute, language, render
from services.portal.pages.department import CLASSES, above, scope
from services.portal.translations import gettext_in
from services.records import snapshots

NAMES = {
    "members": N_("在册党员"),
    "pocket": N_("口袋党员：信已过期"),
    "pocket_early": N_("开信后久无音讯"),
    "at_risk": N_("有失联风险"),
}
GROUPS = {
    "by_state": N_("按状态"),
    "overdue_by_task": N_("逾期的事项"),
    "by_category": N_("按离开的原因"),
    "by_floating_class": N_("流动党员六类"),
    "by_obstacle": N_("为何还没有转"),
}


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/snapshots", summary="Two month ends side by side; role: department, admin")
def compared(
    request: Request,
    portal: ThisPortal,
    viewer: SignedIn,
    organisation: str = "",
    before: str = "",
    after: str = "",
) -> Response:
    """The figures of two month ends side by side."""
    with portal.web.begin() as tx:
        top = scope(tx, viewer, organisation)
        days = snapshots.days_taken(tx, top.code)
        now = _one_of(after, days) or (days[0] if days else None)
        then = _one_of(before, days) or next((d for d in days[1:]), now)
        pair = [snapshots.taken(tx, top.code, d)[0] for d in (then, now) if d]
        line = above(tx, viewer, top)
    gettext = gettext_in(language(request))
    return render(
        portal,
        request,
        "snapshots.html",
        viewer,
        top=top,
        above=line,
        days=days,
        pair=pair,
        names=NAMES,
        groups=GROUPS,
        lines=snapshots.beside(pair[0]["figures"], pair[1]["figures"]) if len(pair) == 2 else [],
        class_name=lambda number: gettext(CLASSES[int(number)]),
    )


def _one_of(text: str, days: list[date]) -> date | None:
    """The day of a snapshot there is, written ISO 8601."""
    return next((day for day in days if day.isoformat() == text), None)
