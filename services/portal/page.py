"""A page: who looks, in which language; errors as pages; the headers that keep it to itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, quote

import structlog
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from services.kit.errors import TITLES, Refused, Text, language_of
from services.kit.log import where
from services.kit.retry import is_infrastructure
from services.kit.web import problems
from services.kit.web.well_formed import refuse_controls
from services.portal import list_access
from services.portal.context import Portal
from services.portal.pages import sentences
from services.portal.sessions import (
    SESSION,
    VISITOR,
    Viewer,
    form_token,
    from_our_page,
    new_token,
    viewer_of,
)
from services.portal.translations import LANGUAGES, gettext_in

log = structlog.get_logger()
FORM_BYTES_MAX = 256 * 1024
FIELDS_MAX = 500
_BREAKS = {0x0B: "\n", 0x0C: "\n"}
# a path of this site: not of another (`//host`, `/\\host`), and no escape out of the place after a
# host
_OWN_PATH = re.compile(r"/(?![/\\])")
COOKIE_SECONDS = 365 * 24 * 3600
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_STALE = Text(
    "这张页面已过期（可能已在别处退出登录）。什么都没有办理，请重新打开后再试。",
    "This page is out of date (you may have signed out elsewhere). Nothing was done; open it "
    "again.",
)
_TOO_LARGE = Text("填写的内容太多，什么都没有保存。", "Too much was filled in; nothing was stored.")
_BAD_ADDRESS = Text(
    "没有这个页面，请从列表重新进入。", "There is no such page; start from the list."
)
# an operator belongs to no organisation: every page but these is about members of some
OPERATORS_PAGES = ("/desk", "/password", "/security")
_OPERATOR = Text(
    "这一页有党员的资料，运维人员不能查看。",
    "This page holds members' data, which an operator does not see.",
)


class SignInFirst(Exception):
    """Nobody is signed in, or a one-time password still has to be changed."""

    def __init__(self, to: str) -> None:
        super().__init__(to)
        self.to = to


class Form(dict[str, str]):
    """What was filled in; of a name given twice the last counts."""

    def lines(self, name: str) -> list[str]:
        """The lines of a text, without empty ones."""
        return [line.strip() for line in self.get(name, "").splitlines() if line.strip()]


class PageRoute(APIRoute):
    """A route of pages: errors become pages in the reader's language, headers are set."""

    def get_route_handler(self) -> Callable:
        """The handler of the route, with its errors answered as pages."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                response = await handle(request)
            except SignInFirst as first:
                response = RedirectResponse(first.to, 303)
            except Exception as error:
                refused = _as_refused(error, request)
                portal = request.app.state.portal
                response = await run_in_threadpool(_error_page, portal, request, refused)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return handled


def _as_refused(error: Exception, request: Request) -> Refused:
    if isinstance(error, Refused):
        return error
    if isinstance(error, RequestValidationError):
        return Refused(404, "no-such-page", _BAD_ADDRESS)
    if isinstance(error, HTTPException):
        return Refused(error.status_code, "bad-request", TITLES.get(error.status_code, TITLES[400]))
    if isinstance(error, SQLAlchemyError) and is_infrastructure(error):
        log.warning(
            "store_unavailable", trace_id=problems.trace_id(request), error=type(error).__name__
        )
        return Refused(503, "store-unavailable", problems.STORE_DOWN)
    if isinstance(error, DataError):
        return problems.no_such_value(error, problems.trace_id(request))
    log.error("unexpected_error", trace_id=problems.trace_id(request), **where(error))
    return Refused(500, "internal-error", problems.INTERNAL)


def _error_page(portal: Portal, request: Request, refused: Refused) -> Response:
    problems.note_refusal(request, refused)
    title = TITLES.get(refused.status, TITLES[500])
    try:
        viewer: Viewer | None = _viewer(portal, request)
    except (SignInFirst, SQLAlchemyError):
        viewer = None
    return render(
        portal,
        request,
        "error.html",
        viewer,
        status=refused.status,
        heading=title,
        words=refused.words,
        trace_id=problems.trace_id(request),
    )


def language(request: Request) -> str:
    """ "zh" or "en": what the reader chose, else what the browser asks for."""
    chosen = request.cookies.get("guidui_language", "")
    return chosen if chosen in LANGUAGES else language_of(request.headers.get("accept-language"))


def signed_in(portal: Portal, request: Request) -> Viewer:
    """Who looks; raises SignInFirst, and Refused 403 where an operator asks for members' data."""
    viewer = _viewer(portal, request)
    here = request.url.path
    if viewer.role == "operator" and here != "/" and not here.startswith(OPERATORS_PAGES):
        raise Refused(403, "sees-no-persons", _OPERATOR)
    return viewer


def _viewer(portal: Portal, request: Request) -> Viewer:
    with portal.web.begin() as tx:
        viewer = viewer_of(tx, request.cookies.get(SESSION), portal.clock.now())
    if viewer is None:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise SignInFirst(
            "/sign-in" + (f"?next={quote(here)}" if request.method == "GET" and here != "/" else "")
        )
    if viewer.must_change and request.url.path != "/password":
        raise SignInFirst("/password")
    problems.acts(request, viewer.actor)
    return viewer


async def read_form(request: Request) -> Form:
    """The fields of a form that a page of ours posted; raises Refused for any other."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > FORM_BYTES_MAX:
                raise Refused(413, "content-too-large", _TOO_LARGE)
        pairs = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_MAX
        )
    except (ClientDisconnect, ValueError):
        raise Refused(400, "bad-form", _STALE) from None
    return form_of(pairs)


def form_of(pairs: Iterable[tuple[str, str]]) -> Form:
    """A form of its fields; raises Refused 422 for control characters. The breaks of a text
    processor are lines.
    """
    form = Form()
    for name, value in pairs:
        form[name] = value.replace("\r\n", "\n").translate(_BREAKS)
        refuse_controls(name)
        refuse_controls(form[name], name)
    return form


def page_of(form: Form) -> int:
    """The page of a list that a form asks for, 1 where it says nothing of sense."""
    text = form.get("page", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 and int(text) else 1


def check_token(portal: Portal, request: Request, form: Form) -> None:
    """Raises Refused 403 unless the form came from a page that we made for this session."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    cookie = request.cookies.get(SESSION) or request.cookies.get(VISITOR)
    if site not in ("same-origin", "none") or not from_our_page(
        portal.secret, cookie, form.pop("token", "")
    ):
        raise Refused(403, "stale-form", _STALE)


def own_path(text: str | None) -> str:
    """A path on this site that may be gone to, else the start."""
    if not text or not text.isprintable() or not _OWN_PATH.match(text):
        return "/"
    return text


def render(
    portal: Portal,
    request: Request,
    template: str,
    viewer: Viewer | None,
    *,
    status: int = 200,
    listed: tuple[str, int] | None = None,
    **context: Any,
) -> Response:
    """A page for a reader; a reader without a cookie gets one, so that forms can be bound to it.

    ``listed``: the list of members that the page shows, and how many; its reader leaves a trace.
    """
    if isinstance(context.get("refused"), Refused):
        problems.note_refusal(request, context["refused"])
    if listed and viewer:
        list_access.opened(portal, viewer.caller, viewer.name, *listed)
    spoken = language(request)
    cookie = request.cookies.get(SESSION) or request.cookies.get(VISITOR)
    fresh = None if cookie else new_token()
    html = (
        environment(spoken)
        .get_template(template)
        .render(
            viewer=viewer,
            elder=request.cookies.get("guidui_size") == "large",
            token=form_token(portal.secret, cookie or fresh or ""),
            here=request.url.path,
            now=portal.clock.now(),
            address=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            today=portal.today,
            s=sentences.Speaker(spoken, portal.today),
            **context,
        )
    )
    response = HTMLResponse(
        html, status, {"Content-Language": LANGUAGES[spoken], "Vary": "Accept-Language, Cookie"}
    )
    if fresh:
        set_cookie(portal, response, VISITOR, fresh)
    return response


def set_cookie(
    portal: Portal, response: Response, name: str, value: str, seconds: int | None = None
) -> None:
    """A cookie that scripts cannot read and other sites cannot use."""
    response.set_cookie(
        name, value, max_age=seconds, httponly=True, samesite="lax", secure=portal.secure, path="/"
    )


@lru_cache
def environment(language: str) -> Environment:
    """The templates in a language, every value escaped, an unknown name an error."""
    templates = Environment(
        loader=PackageLoader("services.portal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known_to_all: dict[str, Any] = {
        "_": gettext_in(language),
        "language": language,
        "lang": LANGUAGES[language],
        "asset": asset_url,
    }
    templates.globals.update(known_to_all)
    return templates


@lru_cache
def assets() -> dict[str, bytes]:
    """The files that pages load, by name."""
    folder = files("services.portal").joinpath("static")
    contents = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    vendor = folder.joinpath("vendor")
    if vendor.is_dir():
        contents |= {path.name: path.read_bytes() for path in vendor.iterdir() if path.is_file()}
    return contents


@lru_cache
def asset_url(name: str) -> str | None:
    """Where a page loads a file from: its address changes with its content. None where it was not
    installed.
    """
    content = assets().get(name)
    return (
        f"/static/{hashlib.sha256(content).hexdigest()[:12]}/{name}"
        if content is not None
        else None
    )
