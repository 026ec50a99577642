"""The branch's pages for its own members: whom to contact or talk to, a form that notes what came
of it, and what has been noted of one member, where what was noted by mistake is taken back.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from schemas.days import NoDay, read_day
from schemas.departures import SOURCE_PREFIX
from services.cases.views.queries import look_at_cases
from services.kit.errors import Refused, Text
from services.kit.translations import N_
from services.portal.asking import CheckedForm, SignedIn, ThisPortal
from services.portal.context import Portal
from services.portal.page import Form, PageRoute, render, signed_in
from services.portal.sessions import new_token
from services.records import member_followups
from services.registry.access import Caller
from services.registry.directory import Directory

ROWS, SHOWN_MAX = 50, 5_000
Page = Annotated[int, Query(ge=1, le=1000)]
OUTCOMES = {
    "phone": N_("电话联系上了"),
    "visit": N_("上门见到了"),
    "message": N_("信息联系上了"),
    "family": N_("由家人转告"),
    "not_reached": N_("没有联系上"),
    "life": N_("参加了组织生活"),
    "dues": N_("交了党费"),
}
_WHO = "role: secretary, clerk, department, admin"
KINDS = {
    "guidui.life.attended.v1": N_("组织生活"),
    "guidui.dues.paid.v1": N_("党费"),
    "guidui.contact.attempt.v1": N_("联系"),
}
DONE = {
    "noted": N_("已记下，期限重新起算。"),
    "withdrawn": N_("已撤回；稍后期限按其余记录重新计算。"),
}
_NOT_YOURS = Text(
    "只有登记的党组织能撤回这一条；一次报送多名党员的，请由报送单位更正那一次报送。",
    "Only the organisation that noted this takes it back; where one posting names several "
    "members, its sender corrects it.",
)
_FILL = Text(
    "请选择结果，并填写不晚于今天的日期。", "Choose what came of it and give a day not after today."
)
_NOT_OURS = Text(
    "没有这名党员，或组织关系不在本组织及其下级。",
    "There is no such member in your organisation or below it.",
)


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/upkeep", summary=f"Members to contact or talk to; {_WHO}")
def shown(request: Request, portal: ThisPortal, page: Page = 1, done: str = "") -> Response:
    """A page of the members to contact or talk to."""
    return _page(portal, request, page, done, None)


@routes.get("/upkeep/{member}", summary=f"What has been noted of a member; {_WHO}")
def one_member(
    request: Request, member: str, portal: ThisPortal, page: Page = 1, done: str = ""
) -> Response:
    """A page of what has been noted of a member."""
    return _member(portal, request, member, page, done, None)


@routes.post("/upkeep/{member}/withdraw", summary=f"Takes back what was noted of a member; {_WHO}")
def withdraw(
    request: Request, member: str, form: CheckedForm, portal: ThisPortal, viewer: SignedIn
) -> Response:
    """Takes back what the viewer's organisation noted of a member."""
    with portal.web.begin() as tx:
        look_at_cases(tx, viewer.caller)
        _theirs(tx, member)
        notes = [
            line
            for line in member_followups.noted(tx, member, SHOWN_MAX)
            if line["event"] == form.get("event")
            and line["organisation"] == viewer.organisation
            and line["persons"] == 1
        ]
    if not notes:
        return _member(portal, request, member, 1, "", Refused(403, "not-the-sender", _NOT_YOURS))
    portal.post(
        Caller(viewer.organisation, viewer.path, "sender"),
        [
            _event(
                viewer.own_organisation,
                "departure.withdrawn",
                f"back-{notes[0]['event']}"[:100],
                {"corrects": notes[0]["event"]},
            )
        ],
    )
    return RedirectResponse(f"/upkeep/{quote(member, safe='')}?done=withdrawn", 303)


@routes.post("/upkeep", summary=f"Notes a contact, organisational life or dues; {_WHO}")
def note(request: Request, form: CheckedForm, portal: ThisPortal, viewer: SignedIn) -> Response:
    """Notes a contact, organisational life or dues, as an event of the organisation."""
    try:
        with portal.web.begin() as tx:
            look_at_cases(tx, viewer.caller)
            _theirs(tx, form.get("member", ""))
        sent = event(viewer.own_organisation, form, portal.today)
        outcome = portal.post(Caller(viewer.organisation, viewer.path, "sender"), [sent])[0]
        if outcome not in ("accepted", "duplicate"):
            raise Refused(
                422, "not-accepted", outcome.words() if hasattr(outcome, "words") else _FILL
            )
    except Refused as refused:
        if refused.status == 404:
            raise
        if form.get("back") == "member":
            return _member(portal, request, form["member"], 1, "", refused)
        return _page(portal, request, 1, "", refused)
    back = (
        f"/upkeep/{quote(form['member'], safe='')}" if form.get("back") == "member" else "/upkeep"
    )
    return RedirectResponse(f"{back}?done=noted", 303)


def event(organisation: str, form: Form, today: date) -> dict[str, Any]:
    """The CloudEvent that the form stands for; raises Refused where it says nothing usable."""
    outcome = form.get("outcome", "")
    try:
        on = read_day(form.get("on"))
    except NoDay:
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
    return _event(organisation, kind, f"upkeep-{form.get('key', '')[:40]}", data)


def _event(organisation: str, kind: str, ident: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": f"guidui.{kind}.v1",
        "source": SOURCE_PREFIX + organisation,
        "id": ident,
        "datacontenttype": "application/json",
        "data": data,
    }


def _theirs(tx: Connection, member: str) -> dict[str, Any]:
    """The member; Refused 404 where they are not the caller's to look after."""
    member_row = member_followups.member_of(tx, member)
    if member_row is None:
        raise Refused(404, "no-such-member", _NOT_OURS)
    return member_row


def _member(
    portal: Portal, request: Request, member: str, page: int, done: str, refused: Refused | None
) -> Response:
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        look_at_cases(tx, viewer.caller)
        member_row = _theirs(tx, member)
        lines = member_followups.noted(tx, member, ROWS + 1, (page - 1) * ROWS)
        others = member_followups.reported(tx, member)
        names = {
            code: o.name
            for code in {
                member_row["organisation"],
                *(line["organisation"] for line in [*lines, *others]),
            }
            if (o := Directory.of(tx).get(code))
        }
    return render(
        portal,
        request,
        "upkeep_member.html",
        viewer,
        status=refused.status if refused else 200,
        one=member_row,
        listed=("upkeep_member", 1),
        others=others,
        lines=lines[:ROWS],
        more=len(lines) > ROWS,
        page=page,
        names=names,
        kinds=KINDS,
        outcomes=OUTCOMES,
        refused=refused,
        done=DONE.get(done),
        key=new_token()[:24],
    )


def _page(
    portal: Portal, request: Request, page: int, done: str, refused: Refused | None
) -> Response:
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        look_at_cases(tx, viewer.caller)
        due = member_followups.due(tx, viewer.own_organisation, ROWS + 1, (page - 1) * ROWS)
        calendar = portal.calendar(tx)
    return render(
        portal,
        request,
        "upkeep.html",
        viewer,
        status=refused.status if refused else 200,
        found=due[:ROWS],
        listed=("upkeep", len(due[:ROWS])),
        more=len(due) > ROWS,
        page=page,
        calendar=calendar,
        outcomes=OUTCOMES,
        refused=refused,
        done=DONE.get(done),
        keys=[new_token()[:24] for _ in due[:ROWS]],
    )
