"""Signing in and out, changing a password, choosing language and size of letters."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.kit.errors import Refused, Text
from services.kit.web.problems import trace_id
from services.portal import accounts
from services.portal.asking import CheckedForm, SignedIn, ThisPortal
from services.portal.brake import DEVICE_KNOWN, Attempt
from services.portal.context import Portal
from services.portal.page import (
    COOKIE_SECONDS,
    Form,
    PageRoute,
    check_token,
    own_path,
    read_form,
    render,
    set_cookie,
)
from services.portal.sessions import (
    DEVICE,
    SESSION,
    VISITOR,
    Viewer,
    end_session,
    new_token,
    open_session,
    viewer_of,
)
from services.registry import security_log

DEVICE_SECONDS = int(DEVICE_KNOWN.total_seconds())
_DIFFERENT = Text(
    "两次输入的新密码不一样，请重新输入。", "The two new passwords differ; enter them again."
)
_OLD_WRONG = Text("原密码不对，请核对后再试。", "The present password is wrong.")
_OLD_AGAIN = Text("新密码不能和原密码一样。", "The new password must be another one.")


def attempt_of(request: Request, organisation: str, name: str) -> Attempt:
    """Who is tried, and from where: the client that the nearest trusted proxy names."""
    address = request.client.host if request.client else ""
    return Attempt(organisation, name, address, request.cookies.get(DEVICE, ""))


def _refused_sign_in(portal: Portal, request: Request, form: Form, refused: Refused) -> Response:
    answer = render(
        portal,
        request,
        "sign_in.html",
        None,
        status=refused.status,
        form=form,
        next=own_path(form.get("next")),
        refused=refused,
    )
    if "retry_after" in refused.extra:
        answer.headers["Retry-After"] = str(refused.extra["retry_after"])
    return answer


def _changed(portal: Portal, request: Request, viewer: Viewer, form: Form) -> str:
    """Sets a new password and returns the cookie of the session that stays; Refused where the old
    one is wrong or the new one is no good.
    """
    old, new, now = form.get("old", ""), form.get("new", ""), portal.clock.now()
    fault = _password_fault(viewer, form)
    if fault:
        raise Refused(422, "bad-password", fault)
    attempt = attempt_of(request, viewer.organisation or "", viewer.name)
    trace = trace_id(request)
    if accounts.verified(portal.worker, portal.secret, attempt, old, now) is None:
        security_log.record(
            portal.worker, now, "password_changed", viewer.actor, result="failed", trace=trace
        )
        raise Refused(422, "old-password-wrong", _OLD_WRONG)
    with portal.worker.begin() as tx:
        accounts.set_password(tx, viewer.account, new, now)
        security_log.record(tx, now, "password_changed", viewer.actor, trace=trace)
        return open_session(tx, viewer.account, now)


def _password_fault(viewer: Viewer, form: Form) -> Text | None:
    """What is wrong with the new password of a form, if anything."""
    new = form.get("new", "")
    if new != form.get("again", ""):
        return _DIFFERENT
    if new == form.get("old", ""):
        return _OLD_AGAIN
    return accounts.password_fault(new, viewer.name, viewer.organisation)


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/sign-in", summary="Sign in; role: everybody")
def sign_in_page(
    request: Request,
    portal: ThisPortal,
    target: Annotated[str, Query(alias="next")] = "/",
    organisation: str = "",
) -> Response:
    """The form to sign in; who is signed in is led on."""
    with portal.web.begin() as tx:
        if viewer_of(tx, request.cookies.get(SESSION), portal.clock.now()):
            return RedirectResponse(own_path(target), 303)
    known = organisation or request.cookies.get("guidui_organisation", "")
    return render(
        portal,
        request,
        "sign_in.html",
        None,
        next=own_path(target),
        form={"organisation": known[:12]},
        refused=None,
    )


@routes.post("/sign-in", summary="Sign in; role: everybody")
def sign_in(
    request: Request, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Begins a session, or says that organisation, name and password do not fit."""
    check_token(portal, request, form)
    now = portal.clock.now()
    attempt = attempt_of(
        request, form.get("organisation", "").strip(), form.get("name", "").strip()
    )
    try:
        account = accounts.verified(
            portal.worker, portal.secret, attempt, form.get("password", ""), now
        )
        if account is None:
            raise accounts.wrong()
    except Refused as refused:
        if refused.status != 429:  # what is not looked at fills no log
            accounts.note_failure(
                portal.worker, portal.secret, attempt, now, refused.code, trace_id(request)
            )
        return _refused_sign_in(portal, request, form, refused)
    device = new_token()
    with portal.worker.begin() as tx:
        token = open_session(tx, account.id, now)
        accounts.note_sign_in(tx, account, attempt, device, now, trace_id(request))
    answer = RedirectResponse(own_path(form.get("next")), 303)
    set_cookie(portal, answer, SESSION, token)
    set_cookie(portal, answer, DEVICE, device, DEVICE_SECONDS)
    set_cookie(portal, answer, "guidui_organisation", attempt.organisation, COOKIE_SECONDS)
    answer.delete_cookie(VISITOR)
    return answer


@routes.post("/sign-out", summary="Sign out; role: everybody")
def sign_out(
    request: Request, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Ends the session."""
    check_token(portal, request, form)
    if token := request.cookies.get(SESSION):
        now = portal.clock.now()
        with portal.web.begin() as tx:
            viewer = viewer_of(tx, token, now)
        with portal.worker.begin() as tx:
            end_session(tx, token)
            if viewer is not None:
                security_log.record(tx, now, "sign_out", viewer.actor, trace=trace_id(request))
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(SESSION)
    return answer


@routes.get(
    "/password",
    summary="Change one's password; role: secretary, clerk, department, admin, operator",
)
def password_page(request: Request, portal: ThisPortal, viewer: SignedIn) -> Response:
    """The form to change one's password."""
    return render(portal, request, "password.html", viewer, refused=None)


@routes.post(
    "/password",
    summary="Change one's password; role: secretary, clerk, department, admin, operator",
)
def change_password(
    request: Request, form: CheckedForm, portal: ThisPortal, viewer: SignedIn
) -> Response:
    """Changes the viewer's password; all other sessions end."""
    try:
        token = _changed(portal, request, viewer, form)
    except Refused as refused:
        return render(
            portal, request, "password.html", viewer, status=refused.status, refused=refused
        )
    answer = RedirectResponse("/", 303)
    set_cookie(portal, answer, SESSION, token)
    return answer


@routes.post("/view", summary="Choose language and size of letters; role: everybody")
def choose_view(
    request: Request, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Keeps the language and the size of letters in cookies."""
    answer = RedirectResponse(own_path(form.get("back")), 303)
    if form.get("language") in ("zh", "en"):
        set_cookie(portal, answer, "guidui_language", form["language"], COOKIE_SECONDS)
    if form.get("size") in ("large", "normal"):
        set_cookie(portal, answer, "guidui_size", form["size"], COOKIE_SECONDS)
    return answer
