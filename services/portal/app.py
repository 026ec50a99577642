"""The portal: pages for people, calls for their systems."""

from __future__ import annotations

import mimetypes

from fastapi import APIRouter, Response

from services.kit.errors import Refused, Text
from services.portal.api import batches as batches_api
from services.portal.api import cases as cases_api
from services.portal.api import destinations as destinations_api
from services.portal.api import double_reports as double_reports_api
from services.portal.api import floating as floating_api
from services.portal.api import operation as operation_api
from services.portal.api import papers as papers_api
from services.portal.api import receipts as receipts_api
from services.portal.api import records as records_api
from services.portal.api import rules as rules_api
from services.portal.page import asset_url, assets, environment
from services.portal.pages import access as access_pages
from services.portal.pages import (
    arrivals,
    batches,
    cases,
    dead_letters,
    department,
    departures,
    destinations,
    double_reports,
    facts,
    floating,
    member_followups,
    papers,
    policy,
    refusals,
    reviews,
    rosters,
    rules,
    sign_in,
    snapshots,
    tree_changes,
)
from services.portal.translations import LANGUAGES

_NO_FILE = Text("没有这个文件。", "There is no such file.")


def routers() -> list[APIRouter]:
    """Everything that the portal serves, to be included in an application with
    ``services.kit.web.problems`` installed and the ``Portal`` as its ``state.portal``.

    Raises CannotStart where translations were not compiled.
    """
    for language in LANGUAGES:
        environment(language)
    pages = (
        sign_in,
        departures,
        arrivals,
        batches,
        reviews,
        dead_letters,
        destinations,
        policy,
        rules,
        refusals,
        tree_changes,
        department,
        rosters,
        snapshots,
        facts,
        floating,
        double_reports,
        member_followups,
        papers,
        access_pages,
        cases,
    )
    return [
        cases_api.routes,
        operation_api.log_routes,
        papers_api.routes,
        receipts_api.routes,
        batches_api.routes,
        destinations_api.routes,
        rules_api.routes,
        records_api.routes,
        floating_api.routes,
        double_reports_api.routes,
        operation_api.routes,
        _files(),
        *(page.routes for page in pages),
    ]


def _files() -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/static/{version}/{name}", summary="What pages load; role: everybody")
    def file(version: str, name: str) -> Response:
        if asset_url(name) != f"/static/{version}/{name}":
            raise Refused(404, "no-such-file", _NO_FILE)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(
            assets()[name],
            media_type=kind,
            headers={
                "Cache-Control": "public, max-age=31536000, immutable",
                "X-Content-Type-Options": "nosniff",
            },
        )

    return routes
