"""The page of facts: what each organisation did in a month, each figure beside its definition."""

from __future__ import annotations

import re
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from services.cases.views.queries import as_worker
from services.portal.asking import SignedIn, ThisPortal
from services.portal.context import Portal
from services.portal.page import PageRoute, render
from services.portal.pages.rosters import organisation_below
from services.records import facts
from services.registry.directory import Directory

MONTHS = 13


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get(
    "/facts",
    summary="What organisations did in a month; role: secretary, clerk, department, admin",
)
def shown(
    request: Request, portal: ThisPortal, viewer: SignedIn, organisation: str = "", month: str = ""
) -> Response:
    """What an organisation and all below it did in a month."""
    now = portal.clock.now()
    chosen = month if is_month(month) and month <= f"{now:%Y-%m}" else f"{now:%Y-%m}"
    with portal.web.begin() as tx:
        top = organisation_below(tx, viewer.caller, organisation)
        with as_worker(tx):
            counted = facts.facts(tx, chosen, top.code, now, portal.rule_source)
        names = Directory.of(tx)
    lines = [(names.get(code), figures) for code, figures in counted.items()]
    return render(
        portal,
        request,
        "facts.html",
        viewer,
        top=top,
        month=chosen,
        months=_months(portal),
        lines=lines,
        total=facts.total(list(counted.values())),
        definitions=facts.DEFINITIONS,
    )


def is_month(text: str) -> bool:
    """Whether it is a month written YYYY-MM."""
    return re.fullmatch(r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])", text) is not None


def _months(portal: Portal) -> list[str]:
    """This month and a year of months before it."""
    day, months = portal.today.replace(day=1), []
    while len(months) < MONTHS:
        months.append(f"{day:%Y-%m}")
        day = (day - timedelta(days=1)).replace(day=1)
    return months
