"""The counter of a community: a member stands here. A form on a phone, posted as the host's report
that a system would post.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from schemas.departures import SOURCE_PREFIX, posted_id
from services.kit.errors import Text
from services.portal.asking import CheckedForm, SignedIn, ThisPortal
from services.portal.context import Portal
from services.portal.organisation_search import chosen_and_found
from services.portal.page import PageRoute, render, signed_in
from services.portal.sessions import new_token
from services.registry.access import Caller
from services.registry.directory import Directory

TYPE = "guidui.host.report.v1"
# what stands at the place an event's fault points to
_AT = {
    "/data/person/name": "name",
    "/data/person/id_number": "id_number",
    "/data/person/phone": "phone",
    "/data/person/birth_date": "birth_date",
    "/data/to/address": "address",
    "/data/to/since": "since",
    "/data/from/name": "from_name",
    "/data/from/organisation": "from",
    "/data/from/letter_number": "letter_number",
    "/data/from/permit_no": "permit_no",
}
_WHO = "role: secretary, clerk, department, admin"


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/arrivals/new", summary=f"Report a member who is here; {_WHO}")
def new(request: Request, portal: ThisPortal) -> Response:
    """The form that reports somebody who is here."""
    return _page(portal, request, {"key": new_token()[:24]})


@routes.post("/arrivals", summary=f"Report a member who is here; {_WHO}")
def post(request: Request, form: CheckedForm, portal: ThisPortal, viewer: SignedIn) -> Response:
    """Posts the report as the organisation's own event, or looks for an organisation."""
    if form.get("find"):
        return _page(portal, request, form)
    sent = event(viewer.own_organisation, form)
    outcome = portal.post(Caller(viewer.organisation, viewer.path, "sender"), [sent])[0]
    if isinstance(outcome, str) and outcome != "conflict":
        return RedirectResponse(f"/departures/{posted_id(sent['source'], sent['id'])}", 303)
    faults = {
        _AT.get(fault.pointer, fault.pointer): fault.words
        for fault in getattr(outcome, "faults", ())
    }
    return _page(portal, request, form, faults, 422)


def event(organisation: str, form: Mapping[str, str]) -> dict[str, Any]:
    """The CloudEvent that a filled-in form stands for; ``key`` makes a second press of the button
    the same event.
    """

    def filled(**names: str) -> dict[str, str]:
        return {
            name: form[field].strip()
            for name, field in names.items()
            if form.get(field, "").strip()
        }

    data: dict[str, Any] = {
        "person": filled(name="name", id_number="id_number", birth_date="birth_date", phone="phone")
    }
    if to := filled(address="address", since="since"):
        data["to"] = to
    if origin := filled(
        organisation="from", name="from_name", permit_no="permit_no", letter_number="letter_number"
    ):
        data["from"] = origin
    return {
        "specversion": "1.0",
        "type": TYPE,
        "source": SOURCE_PREFIX + organisation,
        "id": f"counter-{form.get('key', '')[:40]}",
        "datacontenttype": "application/json",
        "data": data,
    }


def _page(
    portal: Portal,
    request: Request,
    form: Mapping[str, str],
    faults: Mapping[str, Text] | None = None,
    status: int = 200,
) -> Response:
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        directory = Directory.of(tx)
    organisations = chosen_and_found(
        directory, form.get("from"), form.get("from_text", ""), portal.today
    )
    return render(
        portal,
        request,
        "arrival.html",
        viewer,
        status=status,
        form=form,
        faults=faults or {},
        found=organisations,
        known=set(_AT.values()),
    )
