"""The desk of failed messages: each with its reason; an administrator tries it again or gives it up, and lets a
consumer go on that has stopped because too many failed."""
from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from services.kit import consumer, dead_letters
from services.kit.errors import Refused, Words
from services.portal.house import Portal
from services.portal.page import Form, check_token, page_route, read_form, render, signed_in
from services.portal.sessions import Viewer

_ADMINS = Words("异常消息由管理员处理；请联系本系统的管理员。",
                "Failed messages are for administrators; ask yours.")
_UNKNOWN = Words("没有这种处理办法。", "There is no such decision.")


def router(portal: Portal) -> APIRouter:
    """The desk."""
    routes = APIRouter(route_class=page_route(portal), include_in_schema=False)

    @routes.get("/desk", summary="Failed messages; role: admin")
    def desk(request: Request, done: str = "") -> Response:
        return _page(portal, request, _admin(portal, request), done)

    @routes.post("/desk/{letter}/{decision}", summary="Tries a failed message again or gives it up; role: admin")
    def decide(request: Request, letter: int, decision: str, form: Annotated[Form, Depends(read_form)]) -> Response:
        viewer = _admin(portal, request)
        check_token(portal, request, form)
        if decision == "retry":
            words = dead_letters.retry(portal.worker, letter, portal.subscriptions, portal.clock)
            if words is not None:
                return _page(portal, request, viewer, "", Refused(409, "failed-again", words))
        elif decision == "skip":
            dead_letters.skip(portal.worker, letter, portal.subscriptions, portal.clock)
        else:
            raise Refused(404, "unknown-decision", _UNKNOWN)
        return RedirectResponse(f"/desk?done={decision}", 303)

    @routes.post("/desk/consumers/{name}/resume", summary="Lets a stopped consumer go on; role: admin")
    def resume(request: Request, name: str, form: Annotated[Form, Depends(read_form)]) -> Response:
        _admin(portal, request)
        check_token(portal, request, form)
        consumer.resume(portal.worker, name)
        return RedirectResponse("/desk?done=resume", 303)

    return routes


def _admin(portal: Portal, request: Request) -> Viewer:
    viewer = signed_in(portal, request)
    if viewer.role != "admin":
        raise Refused(403, "admins-only", _ADMINS)
    return viewer


def _page(portal: Portal, request: Request, viewer: Viewer, done: str, refused: Refused | None = None) -> Response:
    with portal.worker.begin() as tx:
        letters, stopped = dead_letters.listed(tx), consumer.stopped(tx)
    return render(portal, request, "desk.html", viewer, status=refused.status if refused else 200, letters=letters, stopped=stopped,
                  done=done, refused=refused)
