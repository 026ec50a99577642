"""The unit's page for one departure: a form on a phone, posted as the event that a system would
post.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from schemas.departures import SOURCE_PREFIX, posted_id
from services.cases.model import states
from services.cases.views.queries import look_at_cases
from services.kit.errors import Refused, Text
from services.kit.translations import N_
from services.portal.asking import CheckedForm, SignedIn, ThisPortal
from services.portal.context import Portal
from services.portal.organisation_search import chosen_and_found
from services.portal.page import Form, PageRoute, render, signed_in
from services.portal.pages import fields
from services.portal.sessions import new_token
from services.registry.access import Caller, look_as
from services.registry.directory import Directory
from services.registry.queries import members

TYPE = "guidui.departure.effective.v1"
STEPS = {
    "received": N_("已收到，正在核对身份和去向。"),
    "identified": N_("已核对身份，正在定去向。"),
    "review": N_("身份还不能确定，已转身份核对。"),
    "not_a_member": N_("登记册中没有这名党员，已结束，个人信息不再保留。"),
    "routed": N_("已定出去向，请确认。"),
    "letter_issued": N_("介绍信已开。"),
    "arrived": N_("本人已报到。"),
    "accepted": N_("对方已接收。"),
    "moved": N_("已归队。"),
    "closed": N_("已结案。"),
    "rejected": N_("没有受理。"),
}
# what stands at the place an event's fault points to
_AT = {
    "/data/person/name": "name",
    "/data/person/id_number": "id_number",
    "/data/person/phone": "phone",
    "/data/person/birth_date": "birth_date",
    "/data/to/address": "address",
    "/data/effective_on": "effective_on",
    "/data/to/employer": "employer",
    "/data/category": "category",
    "/data/to/organisation": "organisation",
}
_NO_SUCH = Text(
    "没有这条报送，或不是本组织报送的。", "There is no such posting of your organisation."
)
_WHO = "role: secretary, clerk, department, admin"


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/departures/new", summary=f"Report one departure; {_WHO}")
def new(request: Request, portal: ThisPortal, category: str = "", member: str = "") -> Response:
    """The form that reports one departure, filled in for a known member."""
    form = _known(portal, request, member) | {
        "category": category if category in states.CATEGORIES else "",
        "key": new_token()[:24],
        "effective_on": portal.today.isoformat(),
    }
    return _page(portal, request, form)


@routes.post("/departures", summary=f"Report one departure; {_WHO}")
def post(request: Request, form: CheckedForm, portal: ThisPortal, viewer: SignedIn) -> Response:
    """Posts the departure as the organisation's own event, or looks for an organisation or
    member.
    """
    if form.get("find") or form.get("choose"):
        return _page(portal, request, form)
    caller = Caller(viewer.organisation, viewer.path, "sender")
    sent = event(viewer.own_organisation, form)
    outcome = portal.post(caller, [sent])[0]
    if isinstance(outcome, str) and outcome != "conflict":
        return RedirectResponse(f"/departures/{posted_id(sent['source'], sent['id'])}", 303)
    faults = {
        _AT.get(fault.pointer, fault.pointer): fault.words
        for fault in getattr(outcome, "faults", ())
    }
    return _page(portal, request, form, faults, 422)


@routes.get("/departures/{event_id}", summary=f"How far a posted departure came; {_WHO}")
def posted(request: Request, event_id: UUID, portal: ThisPortal) -> Response:
    """How far a posted departure came."""
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        look_as(tx, viewer.caller)
        far = portal.how_far(tx, event_id, "zh")
    if far is None:
        raise Refused(404, "no-such-posting", _NO_SUCH)
    return render(portal, request, "posted.html", viewer, far=far, words_of=STEPS)


def event(organisation: str, form: Form) -> dict[str, Any]:
    """The CloudEvent that a filled-in form stands for; ``key`` makes a second press of the button
    the same event.
    """

    def filled(*names: str) -> dict[str, str]:
        return {name: form[name].strip() for name in names if form.get(name, "").strip()}

    data: dict[str, Any] = filled("category", "effective_on") | {
        "person": filled("name", "id_number", "birth_date", "phone", "member")
    }
    if to := filled("address", "employer", "organisation"):
        data["to"] = to
    if circumstances := fields.facts(form):
        data["circumstances"] = circumstances
    return {
        "specversion": "1.0",
        "type": TYPE,
        "source": SOURCE_PREFIX + organisation,
        "id": f"form-{form.get('key', '')[:40]}",
        "datacontenttype": "application/json",
        "data": data,
    }


def _known(portal: Portal, request: Request, member: str) -> dict[str, str]:
    """The member of the viewer's own register that the form is opened for, if one is named."""
    if not member:
        return {}
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        look_at_cases(tx, viewer.caller)
        known = members(tx, [member]).get(member)
    return {"member": known.member, "name": known.name} if known else {}


def _page(
    portal: Portal,
    request: Request,
    form: dict[str, str],
    faults: dict[str, Text] | None = None,
    status: int = 200,
) -> Response:
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        directory = Directory.of(tx)
    organisations = chosen_and_found(
        directory, form.get("organisation"), form.get("organisation_text", ""), portal.today
    )
    return render(
        portal,
        request,
        "departure.html",
        viewer,
        status=status,
        form=form,
        faults=faults or {},
        categories=states.CATEGORIES,
        facts=fields.FACTS,
        asked=fields.questions(form.get("category") or None),
        found=organisations,
        known=set(_AT.values()),
    )
