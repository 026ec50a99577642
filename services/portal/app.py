"""The portal: pages for people, calls for their systems."""

from __future__ import annotations

import mimetypes

from fastapi import APIRouter, Response

from services.kit.errors import Refused, Words
from services.portal import (
    access_api,
    access_pages,
    api,
    arrivals,
    batches,
    batches_api,
    cases,
    dead_letters,
    dead_letters_api,
    department,
    departures,
    destinations,
    double_reports,
    double_reports_api,
    facts,
    floating,
    floating_api,
    member_followups,
    papers,
    papers_api,
    policy,
    pool_api,
    receipts_api,
    records_api,
    refusals,
    reviews,
    rosters,
    rules,
    sign_in,
    snapshots,
    tree_changes,
)
from services.portal.context import Portal
from services.portal.page import asset_url, assets

_NO_FILE = Words("没有这个文件。", "There is no such file.")


def routers(portal: Portal) -> list[APIRouter]:
    """Everything that the portal serves, to be included in an application with
    ``services.kit.web.problems`` installed.
    """
    pages = (
        sign_in,
        departures,
        arrivals,
        batches,
        reviews,
        dead_letters,
        destinations,
        policy,
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
        api.router(portal),
        access_api.router(portal),
        papers_api.router(portal),
        receipts_api.router(portal),
        batches_api.router(portal),
        pool_api.router(portal),
        rules.router(portal),
        records_api.router(portal),
        floating_api.router(portal),
        double_reports_api.router(portal),
        dead_letters_api.router(portal),
        _files(),
        *(page.router(portal) for page in pages),
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
