"""The review desk: what was posted beside the records it may be; a person says which, or none, or
asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.cases.deadlines.calendar import day_of
from services.cases.views.queries import NO_CASE, look_at_cases
from services.kit.errors import Refused, Text
from services.kit.translations import N_
from services.portal.asking import CheckedForm, SignedIn, ThisPortal
from services.portal.context import Portal
from services.portal.page import (
    PageRoute,
    language,
    render,
    signed_in,
)
from services.portal.translations import gettext_in
from services.records.erasure import erasure
from services.registry.access import look_as
from services.registry.directory import Directory

SHOWN_MAX = 100
MATCHED_MAX = 20
_NO_SUCH = Text(
    "没有这条待核对，可能已有结论。", "There is no such review; it may have been decided."
)
_CHOOSE = Text(
    "请选一项：是其中哪一名党员，或者都不是。", "Choose one: which member it is, or none of them."
)
_WHO = "role: secretary, clerk, department, admin"
SAID = {
    "denied": N_("已记下不是本组织的党员，还要其他相近党员所在的组织认定。"),
    "decided": N_("已记下结论，报送按此继续办理。"),
    "proposed": N_("已记下您的认定，还要另一人认定。"),
    "asked": N_("已问报送单位，答复会显示在这里。"),
    "answered": N_("已答复。"),
    "undone": N_("已纠正。"),
    "undone_stays": N_(
        "已纠正。组织已按那件转移处理过原来认定的党员：组织关系和党籍保持现状，要改变须另行办理；"
        "记录中不再有别人的情况。"
    ),
}


def masked_person(person: Mapping[str, Any] | None) -> dict[str, Any]:
    """What was posted of a person, the identity number down to its last four characters, the phone
    to its ends.
    """
    shown = dict(person or {})
    if number := shown.get("id_number"):
        shown["id_number"] = "*" * (len(number) - 4) + number[-4:]
    if card := shown.get("military_card"):
        shown["military_card"] = "*" * (len(card) - 3) + card[-3:]
    if phone := shown.get("phone"):
        shown["phone"] = phone[:3] + "****" + phone[-4:] if len(phone) >= 8 else "****"
    return shown


def masked_review(review: Mapping[str, Any]) -> dict[str, Any]:
    """A review as people and receivers see it."""

    def candidate(shown: Mapping[str, Any]) -> dict[str, Any]:
        if not shown["record"]:
            return dict(shown)
        record = dict(shown["record"])
        end = record.pop("id_number_end", None)
        return {
            **shown,
            "record": masked_person(record) | ({"id_number": "*" * 14 + end} if end else {}),
        }

    proposal = review.get("proposal")
    return {
        **review,
        "person": masked_person(review["person"]),
        "proposal": {k: v for k, v in proposal.items() if k != "mark"} if proposal else None,
        "candidates": [candidate(shown) for shown in review["candidates"]],
    }


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/reviews", summary=f"Persons whose identity waits for a decision; {_WHO}")
def desk(request: Request, portal: ThisPortal, viewer: SignedIn, done: str = "") -> Response:
    """The persons whose identity waits for a decision."""
    with portal.web.begin() as tx:
        look_as(tx, viewer.caller)
        reviews = [
            masked_review(review)
            for review in portal.reviews(tx, viewer.caller, person=viewer.name, limit=SHOWN_MAX)
        ]
        names = Directory.of(tx)
        matched = (
            portal.reviews(tx, viewer.caller, limit=MATCHED_MAX, matched=True)
            if viewer.oversees
            else ()
        )
        figure = erasure(tx, portal.clock.now(), viewer.path) if viewer.oversees else None
    return render(
        portal,
        request,
        "reviews.html",
        viewer,
        reviews=reviews,
        names=names,
        matched=matched,
        listed=("reviews", len(reviews)),
        figure=figure,
        done=_said(request, done),
    )


@routes.get("/reviews/case/{case_id}", summary=f"How the person of a case was identified; {_WHO}")
def explained(request: Request, case_id: str, portal: ThisPortal, viewer: SignedIn) -> Response:
    """How the person of a case was identified."""
    with portal.web.begin() as tx:
        look_at_cases(tx, viewer.caller)
        explained = portal.explained(tx, viewer.caller, case_id)
        names = Directory.of(tx)
    if explained is None:
        raise Refused(404, "no-such-case", NO_CASE)
    return render(
        portal, request, "identity.html", viewer, case=case_id, postings=explained, names=names
    )


@routes.get("/reviews/{review_id}", summary=f"One person beside the candidates; {_WHO}")
def one_review(request: Request, review_id: str, portal: ThisPortal, done: str = "") -> Response:
    """One posted person beside the candidates."""
    return _page(portal, request, review_id, None, {}, done)


@routes.post("/reviews/{review_id}", summary=f"Says who it is, asks or answers; {_WHO}")
def decide(
    request: Request, review_id: str, form: CheckedForm, portal: ThisPortal, viewer: SignedIn
) -> Response:
    """Says who a person is, asks the sender or answers."""
    choice = form.get("who", "")
    try:
        with portal.acts.begin() as tx:
            answer = portal.decide_review(
                tx, viewer.caller, review_id, _body(choice, form), viewer.name
            )
            following = (
                portal.reviews(tx, viewer.caller, person=viewer.name, limit=1)
                if answer["decided"]
                else ()
            )
    except Refused as refused:
        if refused.status != 422 and refused.code != "second-person-needed":
            raise
        return _page(portal, request, review_id, refused, form)
    if choice in ("ask", "answer"):
        return RedirectResponse(f"/reviews/{review_id}?done={choice}ed", 303)
    if not answer["decided"]:
        return RedirectResponse(
            f"/reviews?done={'denied' if answer.get('denied') else 'proposed'}", 303
        )
    return RedirectResponse(
        f"/reviews/{following[0]['id']}?done=decided" if following else "/reviews?done=decided",
        303,
    )


@routes.get(
    "/reviews/{review_id}/undo",
    summary="To undo a wrong identification; role: department, admin",
)
def wrong(request: Request, review_id: str, portal: ThisPortal, viewer: SignedIn) -> Response:
    """The form that undoes a wrong identification."""
    with portal.web.begin() as tx:
        proposed = {
            review["id"]: review["undo_proposed_by"]
            for review in portal.reviews(tx, viewer.caller, limit=SHOWN_MAX, matched=True)
        }
    return render(
        portal,
        request,
        "review_undo.html",
        viewer,
        review_id=review_id,
        refused=None,
        form={},
        proposed=proposed.get(review_id),
    )


@routes.post(
    "/reviews/{review_id}/undo",
    summary="Undoes a wrong identification; role: department, admin",
)
def undo(
    request: Request, review_id: str, form: CheckedForm, portal: ThisPortal, viewer: SignedIn
) -> Response:
    """Undoes a wrong identification, or proposes it to a second person."""
    choice = form.get("who", "desk")
    body: dict[str, Any] = {"undo": True, "reason": form.get("reason", "")}
    body |= (
        {"not_a_member": True}
        if choice == "none"
        else {"member": form.get("member", "")}
        if choice == "member"
        else {}
    )
    try:
        with portal.acts.begin() as tx:
            answer = portal.decide_review(tx, viewer.caller, review_id, body, viewer.name)
    except Refused as refused:
        if refused.status != 422 and refused.code != "second-person-needed":
            raise
        return render(
            portal,
            request,
            "review_undo.html",
            viewer,
            status=refused.status,
            review_id=review_id,
            refused=refused,
            form=form,
            proposed=None,
        )
    done = (
        "proposed" if not answer["undone"] else "undone_stays" if answer["case_stays"] else "undone"
    )
    return RedirectResponse(f"/reviews?done={done}", 303)


def _body(choice: str, form: Mapping[str, str]) -> dict[str, Any]:
    """What the pressed button means."""
    if not choice:
        raise Refused(422, "nothing-chosen", _CHOOSE)
    if choice in ("ask", "answer"):
        return {choice: form.get(choice, "")}
    return (
        {"not_a_member": True, "reason": form.get("reason", "")}
        if choice == "none"
        else {"member": choice}
    )


def _said(request: Request, done: str) -> str:
    return gettext_in(language(request))(SAID[done]) if done in SAID else ""


def _page(
    portal: Portal,
    request: Request,
    review_id: str,
    refused: Refused | None,
    form: Mapping[str, str],
    done: str = "",
) -> Response:
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        review = next(
            iter(portal.reviews(tx, viewer.caller, person=viewer.name, limit=1, only=review_id)),
            None,
        )
        names = Directory.of(tx)
    if review is None:
        raise Refused(404, "no-such-review", _NO_SUCH)
    asked = names.desk_of(review["source"].rpartition(":")[2], day_of(portal.clock.now()))
    return render(
        portal,
        request,
        "review.html",
        viewer,
        status=refused.status if refused else 200,
        review=masked_review(review),
        names=names,
        refused=refused,
        form=form,
        done=_said(request, done),
        ours=asked is not None and asked.code == viewer.organisation,
    )
