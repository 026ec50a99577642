"""The branch's page for its own members: whom to contact or talk to, and a form that notes what came of it."""
from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from schemas.departures import SOURCE_PREFIX
from services.cases.queries import look_at_cases
from services.kit.errors import Refused, Words
from services.portal.house import Portal
from services.portal.page import Form, check_token, page_route, read_form, render, signed_in
from services.portal.sessions import new_token
from services.portal.words import zh
from services.records import upkeep
from services.registry.access import Caller
from services.registry.queries import members

ROWS = 50
OUTCOMES = {"phone": zh("电话联系上了"), "visit": zh("上门见到了"), "message": zh("信息联系上了"), "family": zh("由家人转告"),
            "not_reached": zh("没有联系上"), "life": zh("参加了组织生活"), "dues": zh("交了党费")}
_WHO = "role: secretary, clerk, department, admin"
_FILL = Words("请选择结果，并填写不晚于今天的日期。", "Choose what came of it and give a day not after today.")
_NOT_OURS = Words("没有这名党员，或组织关系不在本组织及其下级。", "There is no such member in your organisation or below it.")


def router(portal: Portal) -> APIRouter:
    """The list and its form."""
    routes = APIRouter(route_class=page_route(portal), include_in_schema=False)

    @routes.get("/upkeep", summary=f"Members to contact or talk to; {_WHO}")
    def shown(request: Request, page: Annotated[int, Query(ge=1, le=1000)] = 1, done: bool = False) -> Response:
        return _page(portal, request, page, done, None)

    @routes.post("/upkeep", summary=f"Notes a contact, organisational life or dues; {_WHO}")
    def note(request: Request, form: Annotated[Form, Depends(read_form)]) -> Response:
        viewer = signed_in(portal, request)
        check_token(portal, request, form)
        try:
            with portal.web.begin() as tx:
                look_at_cases(tx, viewer.caller)
                if form.get("member", "") not in members(tx, [form.get("member", "")]):
                    raise Refused(404, "no-such-member", _NOT_OURS)
            sent = event(viewer.organisation, form, portal.today)
            outcome = portal.post(Caller(viewer.organisation, viewer.path, "sender"), [sent])[0]
            if outcome not in ("accepted", "duplicate"):
                raise Refused(422, "not-accepted", outcome.words() if hasattr(outcome, "words") else _FILL)
        except Refused as refused:
            if refused.status == 404:
                raise
            return _page(portal, request, 1, False, refused)
        return RedirectResponse("/upkeep?done=1", 303)

    return routes


def event(organisation: str, form: Form, today: date) -> dict[str, Any]:
    """The CloudEvent that the form stands for; raises Refused where it says nothing usable."""
    outcome = form.get("outcome", "")
    try:
        on = date.fromisoformat(form.get("on", ""))
    except ValueError:
        on = None
    if outcome not in OUTCOMES or on is None or on > today:
        raise Refused(422, "field-missing", _FILL)
    data: dict[str, Any] = {"person": {"member": form["member"]}}
    if outcome == "dues":
        kind, data["paid_to"] = "dues.paid", f"{on:%Y-%m}"
    elif outcome == "life":
        kind, data["on"] = "life.attended", on.isoformat()
    else:
        kind = "contact.attempt"
        data |= {"on": on.isoformat(), "reached": outcome != "not_reached"}
        data |= {"channel": outcome} if outcome != "not_reached" else {}
    return {"specversion": "1.0", "type": f"guidui.{kind}.v1", "source": SOURCE_PREFIX + organisation,
            "id": f"upkeep-{form.get('key', '')[:40]}", "datacontenttype": "application/json", "data": data}


def _page(portal: Portal, request: Request, page: int, done: bool, refused: Refused | None) -> Response:
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        look_at_cases(tx, viewer.caller)
        found = upkeep.due(tx, viewer.organisation, ROWS + 1, (page - 1) * ROWS)
        calendar = portal.calendar(tx)
    return render(portal, request, "upkeep.html", viewer, status=refused.status if refused else 200, found=found[:ROWS],
                  more=len(found) > ROWS, page=page, calendar=calendar, outcomes=OUTCOMES, refused=refused, done=done,
                  keys=[new_token()[:24] for _ in found[:ROWS]])
