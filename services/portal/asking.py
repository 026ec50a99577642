"""What a route asks of a request: which portal serves it, whose key it carries, who is signed in,
and the form they sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from services.kit.errors import Refused, Text
from services.kit.web.problems import acts
from services.portal.context import Portal
from services.portal.page import Form, check_token, read_form, signed_in
from services.portal.sessions import Viewer
from services.registry.access import Caller
from services.registry.security_log import Actor

_ROLE = Text(
    "这把密钥的角色不能用这个接口；请管理员发一把合适的密钥。",
    "This key's role may not use this call; ask your administrator for a fitting key.",
)


async def portal_of(request: Request) -> Portal:
    """The portal that the application of a request serves, its ``state.portal``.

    It is asynchronous only so that FastAPI takes no thread for it.
    """
    return request.app.state.portal


ThisPortal = Annotated[Portal, Depends(portal_of)]
ACTING = ("receiver", "department", "admin")
OVERSEEING = ("department", "admin")


def callers(roles: tuple[str, ...]) -> Callable[[Request, Portal], Caller]:
    """The dependency of routes that says whose key a request carries.

    It raises Refused 401 where there is no living key, and 403 for a key of any role but these.
    What is refused from then on is noted with the caller.
    """

    def caller_of(request: Request, portal: ThisPortal) -> Caller:
        caller = portal.keys.caller(request.headers.get("authorization"))
        acts(request, Actor.of(caller))
        if caller.role not in roles:
            raise Refused(403, "role-may-not", _ROLE, roles=list(roles))
        return caller

    return caller_of


ActingCaller = Annotated[Caller, Depends(callers(ACTING))]
OverseeingCaller = Annotated[Caller, Depends(callers(OVERSEEING))]


def viewer_of_page(request: Request, portal: ThisPortal) -> Viewer:
    """Who is signed in; raises SignInFirst, and Refused 403 where an operator asks for members'
    data.

    FastAPI asks this before it reads the path and the query: a page whose path or query may be
    malformed calls ``signed_in`` itself, so that a wrong address is told to everybody alike.
    """
    return signed_in(portal, request)


SignedIn = Annotated[Viewer, Depends(viewer_of_page)]


async def checked_form(
    request: Request,
    portal: ThisPortal,
    form: Annotated[Form, Depends(read_form)],
    viewer: SignedIn,
) -> Form:
    """The form that the viewer sent from a page of ours.

    The form is read first, then the viewer is asked for, then the token: Refused 403 where the
    form came from elsewhere or from another session.
    """
    check_token(portal, request, form)
    return form


CheckedForm = Annotated[Form, Depends(checked_form)]
