"""The pages of floating members: who is where, the host's record, and branches proposed for the
county's approval.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from schemas.days import NoDay, read_day
from schemas.departures import SOURCE_PREFIX
from services.cases.views import queries
from services.cases.views.card import Card, card_of
from services.cases.views.queries import as_worker
from services.kit.errors import Refused, Text
from services.kit.translations import N_
from services.portal.asking import CheckedForm, SignedIn, ThisPortal
from services.portal.context import Portal
from services.portal.page import Form, PageRoute, check_token, read_form, render, signed_in
from services.portal.pages.cases import NO_CASE, masked
from services.records import floating
from services.registry.access import Caller
from services.registry.directory import Directory, Organisation
from services.registry.queries import division_names

ROWS = 100
KINDS = {
    "life": N_("参加组织生活"),
    "dues": N_("交纳党费"),
    "service": N_("服务、活动"),
    "evaluation": N_("表现评价"),
}
SIGNS = ("life", "dues")
GROUPS = {"host": N_("同一流入地党组织"), "place": N_("同一街道乡镇"), "trade": N_("同一用工单位")}
_WHO = "role: secretary, clerk, department, admin"
_NO_DAY = Text("请填写日期，如 2026-11-23。", "Give the day, such as 2026-11-23.")
_NO_MEMBER = Text(
    "这件登记没有对应的党员，不能登记组织生活和党费。",
    "No member of the register stands behind this case.",
)


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/floating", summary=f"Floating members, and branches proposed for them; {_WHO}")
def members(
    request: Request,
    portal: ThisPortal,
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
    done: bool = False,
) -> Response:
    """A page of floating members, and branches proposed for them."""
    return _members(portal, request, page, done)


@routes.post(
    "/floating/proposals",
    summary="Approves or declines a branch proposed; role: department, admin",
)
def decide(request: Request, form: CheckedForm, portal: ThisPortal, viewer: SignedIn) -> Response:
    """Approves or declines a branch proposed, with the reason."""
    if not viewer.oversees:
        raise Refused(
            403,
            "departments-only",
            Text("组建党支部由组织部门决定。", "Branches are for departments to decide."),
        )
    try:
        with portal.worker.begin() as tx:
            floating.decide(
                tx,
                viewer.own_organisation,
                form.get("grouped", ""),
                floating.Verdict(form.get("decision", ""), form.get("reason", "")),
                viewer.name,
                portal.clock.now(),
            )
    except Refused as refused:
        return _members(portal, request, 1, False, refused)
    return RedirectResponse("/floating?done=1", 303)


@routes.get("/floating/{case_id}", summary=f"What the host noted of a member; {_WHO}")
def record(request: Request, case_id: UUID, portal: ThisPortal, done: bool = False) -> Response:
    """What the host noted of a member, with the form for more."""
    return _record(portal, request, case_id, None, done)


@routes.post("/floating/{case_id}", summary=f"The host notes life, dues or service; {_WHO}")
def note(
    request: Request, case_id: UUID, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """The host notes life, dues, service or an evaluation."""
    viewer = signed_in(portal, request)
    check_token(portal, request, form)
    try:
        on = _day_of_note(form.get("on", ""))
        noted = floating.HostNote(form.get("kind", ""), on, form.get("words"))
        note_of_host(portal, viewer.caller, str(case_id), noted, viewer.name)
    except Refused as refused:
        if refused.status == 404:
            raise
        return _record(portal, request, case_id, refused)
    return RedirectResponse(f"/floating/{case_id}?done=1", 303)


def _members(
    portal: Portal, request: Request, page: int, done: bool, refused: Refused | None = None
) -> Response:
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, viewer.caller)
        members = floating.floating(tx, ROWS + 1, (page - 1) * ROWS)
        decided, names, calendar = floating.decided(tx), Directory.of(tx), portal.calendar(tx)
        proposed, places = [], {}
        if viewer.oversees:
            with as_worker(tx):
                proposed = floating.proposed(tx, viewer.own_organisation, portal.today)
            places = division_names(
                tx,
                [proposal.key for proposal in proposed if proposal.kind == "place"]
                + [proposal.key for proposal in decided if proposal.kind == "place"],
            )
    return render(
        portal,
        request,
        "floating.html",
        viewer,
        status=refused.status if refused else 200,
        found=members[:ROWS],
        listed=("floating", len(members[:ROWS])),
        more=len(members) > ROWS,
        page=page,
        names=names,
        calendar=calendar,
        proposed=proposed,
        decided=decided,
        groups=GROUPS,
        refused=refused,
        done=done,
        where=lambda place: _where(place, names, places),
    )


def _where(place: Any, names: Directory, places: Any) -> str:
    """The place, host or employer that a group shares, in words."""
    at: Organisation | None = names.get(place.key) if place.kind == "host" else None
    return at.name if at else places.get(place.key, place.key)


def _record(
    portal: Portal, request: Request, case_id: UUID, refused: Refused | None, done: bool = False
) -> Response:
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        card = _seen(portal, tx, viewer, case_id)
        host = tx.exec_driver_sql(
            "SELECT host, permit_no, acknowledged_on FROM transfer_case WHERE id = %s", (case_id,)
        ).one()
        notes, names = floating.noted(tx, card.id), Directory.of(tx)
    return render(
        portal,
        request,
        "floating_record.html",
        viewer,
        status=refused.status if refused else 200,
        card=card,
        host=host,
        found=notes,
        names=names,
        kinds=KINDS,
        refused=refused,
        done=done,
    )


def _seen(portal: Portal, tx: Any, viewer: Any, case_id: UUID) -> Card:
    queries.look_at_cases(tx, viewer.caller)
    card = card_of(tx, str(case_id), portal.clock.now(), viewer.organisation, portal.rule_source)
    if card is None:
        raise Refused(404, "no-such-case", NO_CASE)
    return masked(card, viewer.organisation)


def _day_of_note(text: str) -> date:
    try:
        return read_day(text)
    except NoDay:
        raise Refused(422, "field-wrong", _NO_DAY, field="on") from None


def note_of_host(
    portal: Portal,
    caller: Caller,
    case_id: str,
    noted: floating.HostNote,
    person: str | None,
) -> None:
    """Keeps what the host notes of a floating member; life and dues are posted as events too.

    404 no part in the case, 403 not its host, 409 nobody of the register, 422 a field is wrong.
    """
    with portal.acts.begin() as tx:
        queries.must_see(tx, caller, case_id)
        with as_worker(tx):
            member, name = tx.exec_driver_sql(
                "SELECT c.member, m.name FROM transfer_case c LEFT JOIN member m ON m.member = "
                "c.member "
                "WHERE c.id = %s::uuid",
                (case_id,),
            ).one()
            floating.note(tx, case_id, caller.own_organisation, noted, person, portal.clock.now())
        if noted.kind in SIGNS and not member:
            raise Refused(409, "no-member", _NO_MEMBER)
    if noted.kind in SIGNS:
        _sign(
            portal,
            Caller(caller.organisation, caller.path, "sender"),
            {"member": member, "name": name},
            noted.kind,
            noted.on,
        )


def _sign(portal: Portal, caller: Caller, person: Mapping[str, str], kind: str, on: date) -> None:
    """The host's note as the event that any system would post: it resets the clocks of the
    member.
    """
    fact = {"on": on.isoformat()} if kind == "life" else {"paid_to": f"{on:%Y-%m}"}
    sent = {
        "specversion": "1.0",
        "type": "guidui.life.attended.v1" if kind == "life" else "guidui.dues.paid.v1",
        "source": SOURCE_PREFIX + caller.own_organisation,
        "id": f"host-{uuid4()}",
        "datacontenttype": "application/json",
        "data": {"person": dict(person), **fact},
    }
    outcome = portal.post(caller, [sent])[0]
    if outcome not in ("accepted", "duplicate"):
        raise Refused(
            422, "not-accepted", outcome.words() if hasattr(outcome, "words") else _NO_DAY
        )
