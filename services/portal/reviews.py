"""The review desk: what was posted beside the records it may be; a person says which, or none."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from services.kit.errors import Refused, Words
from services.portal.house import Portal
from services.portal.page import Form, check_token, page_route, read_form, render, signed_in
from services.registry.access import look_as
from services.registry.directory import Directory

SHOWN_MAX = 100
_NO_SUCH = Words("没有这条待核对，可能已有结论。", "There is no such review; it may have been decided.")
_CHOOSE = Words("请选一项：是其中哪一名党员，或者都不是。", "Choose one: which member it is, or none of them.")
_WHO = "role: secretary, clerk, department, admin"


def masked_person(person: Mapping[str, Any] | None) -> dict[str, Any]:
    """What was posted of a person, the identity number down to its last four characters, the phone to its ends."""
    shown = dict(person or {})
    if number := shown.get("id_number"):
        shown["id_number"] = "*" * (len(number) - 4) + number[-4:]
    if phone := shown.get("phone"):
        shown["phone"] = phone[:3] + "****" + phone[-4:] if len(phone) >= 8 else "****"
    return shown


def masked_review(review: Mapping[str, Any]) -> dict[str, Any]:
    """A review as people and receivers see it."""
    def candidate(one: Mapping[str, Any]) -> dict[str, Any]:
        record = dict(one["record"] or {}) if one.get("record") else {}
        end = record.pop("id_number_end", None)
        return {**one, "record": masked_person(record) | ({"id_number": "*" * 14 + end} if end else {})}
    return {**review, "person": masked_person(review["person"]),
            "candidates": [candidate(one) for one in review["candidates"]]}


def router(portal: Portal) -> APIRouter:
    """The desk and its decisions."""
    routes = APIRouter(route_class=page_route(portal), include_in_schema=False)

    @routes.get("/reviews", summary=f"Persons whose identity waits for a decision; {_WHO}")
    def desk(request: Request, done: bool = False) -> Response:
        viewer = signed_in(portal, request)
        with portal.web.begin() as tx:
            look_as(tx, viewer.caller)
            found = [masked_review(one) for one in portal.reviews(tx, limit=SHOWN_MAX)]
            names = Directory.of(tx)
        return render(portal, request, "reviews.html", viewer, reviews=found, names=names, done=done)

    @routes.get("/reviews/{review_id}", summary=f"One person beside the candidates; {_WHO}")
    def one(request: Request, review_id: str) -> Response:
        return _page(portal, request, review_id, None, {})

    @routes.post("/reviews/{review_id}", summary=f"Says who it is; {_WHO}")
    def decide(request: Request, review_id: str, form: Annotated[Form, Depends(read_form)]) -> Response:
        viewer = signed_in(portal, request)
        check_token(portal, request, form)
        choice = form.get("who", "")
        body = {"not_a_member": True, "reason": form.get("reason", "")} if choice == "none" else {"member": choice}
        try:
            if not choice:
                raise Refused(422, "nothing-chosen", _CHOOSE)
            with portal.web.begin() as tx:
                portal.decide_review(tx, viewer.caller, review_id, body, viewer.name)
        except Refused as refused:
            if refused.status != 422:
                raise
            return _page(portal, request, review_id, refused, form)
        return RedirectResponse("/reviews?done=1", 303)

    return routes


def _page(portal: Portal, request: Request, review_id: str, refused: Refused | None, form: Mapping[str, str]) -> Response:
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        look_as(tx, viewer.caller)
        found = next((one for one in portal.reviews(tx, limit=1000) if one["id"] == review_id), None)
        names = Directory.of(tx)
    if found is None:
        raise Refused(404, "no-such-review", _NO_SUCH)
    return render(portal, request, "review.html", viewer, status=refused.status if refused else 200,
                  review=masked_review(found), names=names, refused=refused, form=form)
