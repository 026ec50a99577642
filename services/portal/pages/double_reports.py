"""双报到 on pages: the community registers, offers posts and notes hours; the unit reads the card
of each quarter.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from schemas.days import NoDay, read_day
from services.cases.views import queries
from services.kit.errors import Refused, Text
from services.portal.asking import ThisPortal
from services.portal.context import Portal
from services.portal.page import Form, PageRoute, check_token, read_form, render, signed_in
from services.portal.sessions import Viewer
from services.records import double_reports
from services.registry.directory import Directory

_WHO = "role: secretary, clerk, department, admin"
_FILL = Text("请把日期、岗位和时长填全。", "Fill in the day, the post and the time.")


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/double-reports", summary=f"双报到: who registered, posts, hours, cards; {_WHO}")
def shown(request: Request, portal: ThisPortal, done: bool = False) -> Response:
    """Registrations, posts, claims and cards of the viewer's organisation."""
    return _page(portal, request, None, done)


@routes.post("/double-reports", summary=f"Registers a member who lives here; {_WHO}")
def register(
    request: Request, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Registers a member who lives here."""
    return _done(
        portal,
        request,
        form,
        lambda tx, viewer: double_reports.register(
            tx, viewer.own_organisation, form.get("case", ""), viewer.name, portal.clock.now()
        ),
    )


@routes.post("/double-reports/posts", summary=f"Opens or closes a post; {_WHO}")
def post(
    request: Request, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Opens a post, or closes one."""

    def within(tx: Connection, viewer: Viewer) -> None:
        if form.get("close"):
            double_reports.close_post(
                tx, viewer.own_organisation, _uuid(form["close"]), portal.clock.now()
            )
        else:
            double_reports.open_post(
                tx,
                viewer.own_organisation,
                form.get("title", ""),
                _number(form.get("places", "")),
                portal.clock.now(),
            )

    return _done(portal, request, form, within)


@routes.post("/double-reports/claims", summary=f"A member claims a post; {_WHO}")
def claim(
    request: Request, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """A registered member claims a post."""
    return _done(
        portal,
        request,
        form,
        lambda tx, viewer: double_reports.claim(
            tx,
            viewer.own_organisation,
            _uuid(form.get("report", "")),
            _uuid(form.get("post", "")),
            portal.clock.now(),
        ),
    )


@routes.post("/double-reports/hours", summary=f"Notes service in a post; {_WHO}")
def hours(
    request: Request, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Notes service in a post."""
    return _done(
        portal,
        request,
        form,
        lambda tx, viewer: double_reports.serve(
            tx,
            viewer.own_organisation,
            _uuid(form.get("claim", "")),
            double_reports.Service(
                _day_of_service(form.get("on", "")),
                _minutes(form.get("hours", "")),
                form.get("words"),
            ),
            viewer.name,
            portal.clock.now(),
        ),
    )


@routes.post("/double-reports/{report}/end", summary=f"Ends a registration; {_WHO}")
def end(
    request: Request, report: UUID, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Ends a registration."""
    return _done(
        portal,
        request,
        form,
        lambda tx, viewer: double_reports.end(
            tx, viewer.own_organisation, report, portal.clock.now()
        ),
    )


@routes.post(
    "/double-reports/{report}/{quarter}/seen",
    summary=f"The unit has taken note of a card; {_WHO}",
)
def seen(
    request: Request,
    report: UUID,
    quarter: str,
    form: Annotated[Form, Depends(read_form)],
    portal: ThisPortal,
) -> Response:
    """Notes that the unit has seen a card."""
    return _done(
        portal,
        request,
        form,
        lambda tx, viewer: double_reports.mark_seen(
            tx, viewer.own_organisation, report, quarter, viewer.name, portal.clock.now()
        ),
    )


def _done(
    portal: Portal, request: Request, form: Form, act: Callable[[Connection, Viewer], Any]
) -> Response:
    """Carries an act out; the page says why where it is refused."""
    viewer = signed_in(portal, request)
    check_token(portal, request, form)
    try:
        with portal.worker.begin() as tx:
            act(tx, viewer)
    except Refused as refused:
        if refused.status == 404:
            raise
        return _page(portal, request, refused, False)
    return RedirectResponse("/double-reports?done=1", 303)


def _page(portal: Portal, request: Request, refused: Refused | None, done: bool) -> Response:
    viewer = signed_in(portal, request)
    own = viewer.own_organisation
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, viewer.caller)
        names = Directory.of(tx)
        me = names.get(own)
        context: dict[str, Any] = dict(
            community=bool(me and me.serves_area),
            expected=double_reports.expected(tx, own),
            here=double_reports.reports(tx, own),
            away=double_reports.reports(tx, own, "unit"),
            posts=double_reports.posts(tx, own),
            claims=double_reports.claims(tx, own),
            cards=double_reports.cards(tx, own),
        )
    context["registered"] = context.pop("here")
    shown = sum(len(context[name]) for name in ("expected", "registered", "away"))
    return render(
        portal,
        request,
        "double_reports.html",
        viewer,
        status=refused.status if refused else 200,
        names=names,
        listed=("double_reports", shown),
        refused=refused,
        done=done,
        own=own,
        **context,
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Refused(422, "field-missing", _FILL) from None


def _day_of_service(text: str) -> date:
    try:
        return read_day(text)
    except NoDay:
        raise Refused(422, "field-missing", _FILL, field="on") from None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _minutes(text: str) -> int:
    """Hours as written, halves allowed, in minutes."""
    try:
        hours = float(text)
    except ValueError:
        raise Refused(422, "field-missing", _FILL, field="hours") from None
    return round(hours * 60) if 0 < hours <= 24 else 0
