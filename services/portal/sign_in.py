"""Signing in and out, changing a password, choosing language and size of letters."""
from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from services.kit.errors import Refused, Words
from services.portal import accounts
from services.portal.house import Portal
from services.portal.page import (
    COOKIE_SECONDS,
    Form,
    check_token,
    own_path,
    page_route,
    read_form,
    render,
    set_cookie,
    signed_in,
)
from services.portal.sessions import SESSION, VISITOR, end_session, open_session, viewer_of

_DIFFERENT = Words("两次输入的新密码不一样，请重新输入。", "The two new passwords differ; enter them again.")
_OLD_WRONG = Words("原密码不对，请核对后再试。", "The present password is wrong.")
_OLD_AGAIN = Words("新密码不能和原密码一样。", "The new password must be another one.")


def router(portal: Portal) -> APIRouter:
    """The pages that need nobody to be signed in yet."""
    routes = APIRouter(route_class=page_route(portal), include_in_schema=False)

    @routes.get("/sign-in", summary="Sign in; role: everybody")
    def sign_in_page(request: Request, next: str = "/", organisation: str = "") -> Response:
        with portal.web.begin() as tx:
            if viewer_of(tx, request.cookies.get(SESSION), portal.clock.now()):
                return RedirectResponse(own_path(next), 303)
        known = organisation or request.cookies.get("guidui_organisation", "")
        return render(portal, request, "sign_in.html", None, next=own_path(next),
                      form={"organisation": known[:12]}, refused=None)

    @routes.post("/sign-in", summary="Sign in; role: everybody")
    def sign_in(request: Request, form: Annotated[Form, Depends(read_form)]) -> Response:
        check_token(portal, request, form)
        now, address = portal.clock.now(), request.client.host if request.client else ""
        organisation, name = form.get("organisation", "").strip(), form.get("name", "").strip()
        refused, token = None, None
        with portal.worker.begin() as tx:
            try:
                account = accounts.verified(tx, portal.secret, organisation, name, form.get("password", ""), address, now)
                refused = accounts.wrong() if account is None else None
                token = open_session(tx, account.id, now) if account else None
            except Refused as error:
                refused = error
        if refused or token is None:
            return render(portal, request, "sign_in.html", None, status=refused.status if refused else 422, form=form,
                          next=own_path(form.get("next")), refused=refused)
        answer = RedirectResponse(own_path(form.get("next")), 303)
        set_cookie(portal, answer, SESSION, token)
        set_cookie(portal, answer, "guidui_organisation", organisation, COOKIE_SECONDS)
        answer.delete_cookie(VISITOR)
        return answer

    @routes.post("/sign-out", summary="Sign out; role: everybody")
    def sign_out(request: Request, form: Annotated[Form, Depends(read_form)]) -> Response:
        check_token(portal, request, form)
        if token := request.cookies.get(SESSION):
            with portal.worker.begin() as tx:
                end_session(tx, token)
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(SESSION)
        return answer

    @routes.get("/password", summary="Change one's password; role: secretary, clerk, department, admin")
    def password_page(request: Request) -> Response:
        return render(portal, request, "password.html", signed_in(portal, request), refused=None)

    @routes.post("/password", summary="Change one's password; role: secretary, clerk, department, admin")
    def change_password(request: Request, form: Annotated[Form, Depends(read_form)]) -> Response:
        viewer = signed_in(portal, request)
        check_token(portal, request, form)
        now, new = portal.clock.now(), form.get("new", "")
        fault = accounts.password_fault(new, viewer.name, viewer.organisation)
        if new != form.get("again", ""):
            fault = _DIFFERENT
        elif new == form.get("old", ""):
            fault = _OLD_AGAIN
        refused, token = Refused(422, "bad-password", fault) if fault else None, ""
        if refused is None:
            with portal.worker.begin() as tx:
                try:
                    if accounts.verified(tx, portal.secret, viewer.organisation, viewer.name, form.get("old", ""),
                                         request.client.host if request.client else "", now):
                        accounts.set_password(tx, viewer.account, new, now)
                        token = open_session(tx, viewer.account, now)
                    else:
                        refused = Refused(422, "old-password-wrong", _OLD_WRONG)
                except Refused as error:
                    refused = error
        if refused:
            return render(portal, request, "password.html", viewer, status=refused.status, refused=refused)
        answer = RedirectResponse("/", 303)
        set_cookie(portal, answer, SESSION, token)
        return answer

    @routes.post("/view", summary="Choose language and size of letters; role: everybody")
    def choose_view(request: Request, form: Annotated[Form, Depends(read_form)]) -> Response:
        answer = RedirectResponse(own_path(form.get("back")), 303)
        if form.get("language") in ("zh", "en"):
            set_cookie(portal, answer, "guidui_language", form["language"], COOKIE_SECONDS)
        if form.get("size") in ("large", "normal"):
            set_cookie(portal, answer, "guidui_size", form["size"], COOKIE_SECONDS)
        return answer

    return routes
