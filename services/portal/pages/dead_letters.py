"""The desk of what could not be handled: messages and rows of loops, each with its reason; somebody
tries one again or gives it up, and the operator lets a consumer go on that has stopped because too
many failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from services.kit.bus import consumer, dead_letters
from services.kit.db.paging import WHOLE_MAX
from services.kit.errors import Refused, Text
from services.kit.web.problems import trace_id
from services.portal.asking import ThisPortal
from services.portal.context import Portal
from services.portal.page import Form, PageRoute, check_token, read_form, render, signed_in
from services.portal.sessions import Viewer
from services.registry import security_log
from services.registry.access import Caller
from services.registry.directory import Directory
from services.registry.security_log import Actor

DECISIONS = ("retry", "skip")
ROLES = ("admin", "operator")
Letter = Annotated[int, Path(ge=0, le=WHOLE_MAX)]
_FOR_OTHERS = Text(
    "异常消息由本组织的管理员或运维人员处理。",
    "Failed messages are for your administrator or the operator.",
)
_OPERATOR_ONLY = Text("消费程序由运维人员管理。", "Consumers are for the operator.")
_UNKNOWN = Text("没有这种处理办法。", "There is no such decision.")
_NO_LETTER = Text(
    "没有这条异常消息，或它不属于本组织及其下级。",
    "There is no such failed message, or it does not belong to your organisation or one below it.",
)
_NO_CONSUMER = Text("没有这个消费程序。", "There is no such consumer.")


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/desk", summary="What could not be handled; role: admin (its own tree), operator")
def desk(request: Request, portal: ThisPortal, done: str = "") -> Response:
    """What waits on the desk for the viewer."""
    return _page(portal, request, _at_the_desk(portal, request), done)


@routes.post(
    "/desk/{letter}/{decision}",
    summary="Tries one again or gives it up; role: admin (its own tree), operator",
)
def decided(
    request: Request,
    letter: Letter,
    decision: str,
    form: Annotated[Form, Depends(read_form)],
    portal: ThisPortal,
) -> Response:
    """Tries a failed message again or gives it up."""
    viewer = _at_the_desk(portal, request)
    check_token(portal, request, form)
    try:
        decide(portal, viewer.caller, viewer.actor, letter, decision, trace_id(request))
    except Refused as refused:
        if refused.code != "failed-again":
            raise
        return _page(portal, request, viewer, "", refused)
    return RedirectResponse(f"/desk?done={decision}", 303)


@routes.post(
    "/desk/consumers/{name}/resume", summary="Lets a stopped consumer go on; role: operator"
)
def resumed(
    request: Request, name: str, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Lets a stopped consumer go on."""
    viewer = _at_the_desk(portal, request)
    check_token(portal, request, form)
    resume(portal, viewer.caller, viewer.actor, name, trace_id(request))
    return RedirectResponse("/desk?done=resume", 303)


def no_such_decision() -> Refused:
    """What a decision that is none of ``DECISIONS`` is answered with."""
    return Refused(404, "unknown-decision", _UNKNOWN)


def letters_of(tx: Connection, caller: Caller) -> Sequence[Any]:
    """What waits on the desk for a caller: an operator's all of it, an administrator's what belongs
    to its own tree.

    ``tx`` acts as the worker. Each with the ``owner``'s name where one is known.
    """
    directory = Directory.of(tx)
    waiting = [
        letter
        for letter in dead_letters.listed(tx)
        if _may_decide(letter.organisation, caller, directory)
    ]
    return [{**letter, "owner": _name(directory, letter.organisation)} for letter in waiting]


def decide(
    portal: Portal, caller: Caller, actor: Actor, letter: int, decision: str, trace: str
) -> None:
    """Tries a letter again or gives it up, and keeps that it was done.

    404 there is no such letter, or it is of another tree; 409 it failed again, or was decided
    before.
    """
    if decision not in DECISIONS:
        raise no_such_decision()
    with portal.worker.begin() as tx:
        letters = tx.exec_driver_sql(
            "SELECT organisation FROM dead_letter WHERE id = %s", (letter,)
        ).first()
        if letters is None or not _may_decide(letters.organisation, caller, Directory.of(tx)):
            raise Refused(404, "no-such-dead-letter", _NO_LETTER)
        security_log.record(
            tx,
            portal.clock.now(),
            "operator_act",
            actor,
            about="dead_letter",
            reference=letter,
            detail=decision,
            trace=trace,
        )
    if decision == "skip":
        dead_letters.skip(portal.worker, letter, portal.subscriptions, portal.clock)
        return
    words = dead_letters.retry(portal.worker, letter, portal.subscriptions, portal.clock)
    if words is not None:
        raise Refused(409, "failed-again", words)


def resume(portal: Portal, caller: Caller, actor: Actor, name: str, trace: str) -> None:
    """Lets a stopped consumer go on, and keeps that it was done; 403 for anybody but an
    operator, who serves everybody.
    """
    if caller.role != "operator":
        raise Refused(403, "operator-only", _OPERATOR_ONLY)
    if name not in {subscription.consumer for subscription in portal.subscriptions} | _stopped(
        portal
    ):
        raise Refused(404, "no-such-consumer", _NO_CONSUMER)
    security_log.record(
        portal.worker,
        portal.clock.now(),
        "operator_act",
        actor,
        about="consumer",
        reference=name,
        detail="resume",
        trace=trace,
    )
    consumer.resume(portal.worker, name)


def _stopped(portal: Portal) -> set[str]:
    """Consumers that stand still, also of other processes."""
    with portal.worker.connect() as tx:
        return {row.consumer for row in consumer.stopped(tx)}


def _may_decide(organisation: str | None, caller: Caller, directory: Directory) -> bool:
    if caller.role == "operator":
        return True
    return organisation is not None and directory.within(organisation, caller.organisation)


def _name(directory: Directory, code: str | None) -> str:
    known = directory.get(code)
    return known.name if known else code or ""


def _at_the_desk(portal: Portal, request: Request) -> Viewer:
    viewer = signed_in(portal, request)
    if viewer.role not in ROLES:
        raise Refused(403, "not-at-the-desk", _FOR_OTHERS)
    return viewer


def _page(
    portal: Portal, request: Request, viewer: Viewer, done: str, refused: Refused | None = None
) -> Response:
    with portal.worker.begin() as tx:
        letters = letters_of(tx, viewer.caller)
        stopped = consumer.stopped(tx) if viewer.role == "operator" else ()
    return render(
        portal,
        request,
        "desk.html",
        viewer,
        status=refused.status if refused else 200,
        letters=letters,
        stopped=stopped,
        done=done,
        refused=refused,
    )
