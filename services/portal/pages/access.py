"""Who may get in: accounts and keys of one's own tree for a department, and the security log for
departments and operators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from services.cases.views.queries import as_worker
from services.kit.db import paging
from services.kit.db.engine import rows
from services.kit.errors import Refused, Text
from services.kit.translations import N_
from services.kit.web.problems import trace_id
from services.portal import accounts, issuing
from services.portal.asking import ThisPortal
from services.portal.context import Portal
from services.portal.page import Form, PageRoute, check_token, read_form, render, signed_in
from services.portal.sessions import Viewer
from services.registry import security_log
from services.registry.access import Caller, list_keys, look_at_tree
from services.registry.directory import Directory

ROWS = 100
ACCOUNT_ROLES = {
    "secretary": N_("书记"),
    "clerk": N_("经办人"),
    "department": N_("组织部门"),
    "admin": N_("管理员"),
    "operator": N_("运维"),
}
KEY_ROLES = {
    "sender": N_("只报送"),
    "receiver": N_("接收与办理"),
    "department": N_("组织部门"),
    "admin": N_("管理员"),
    "operator": N_("运维"),
}
RESULTS = {"done": N_("成功"), "failed": N_("未成功"), "refused": N_("被拒")}
DONE = {"ended": N_("账户已停用，其登录已全部退出。"), "revoked": N_("密钥已作废，即刻不能再用。")}
_WHO = "role: department, admin"
READERS = ("department", "admin", "operator")
_OVERSEERS = Text(
    "账户和密钥由组织部门或管理员办理。",
    "Accounts and keys are for departments and administrators.",
)
_READING = Text(
    "安全日志由组织部门、管理员和运维查看。",
    "The security log is for departments, administrators and operators.",
)
_ABOVE = Text(
    "这个角色高于本账户的角色，不能由本账户开设、重置或停用。",
    "This role is above your own: your account cannot open, reset or end it.",
)
_NOT_BELOW = Text(
    "没有这个组织，或不在本组织及以下。", "There is no such organisation at or below yours."
)
_ONESELF = Text(
    "不能停用或重置自己正在使用的账户；改密码请用“修改密码”。",
    "You cannot end or reset the account you are using; change your password instead.",
)


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/accounts", summary=f"Accounts and keys of one's tree; {_WHO}")
def listed(
    request: Request, portal: ThisPortal, organisation: str = "", done: str = ""
) -> Response:
    """The accounts and keys of the viewer's tree, or of one organisation in it."""
    viewer = _overseer(portal, request)
    return _page(portal, request, viewer, organisation, Outcome(done=done))


@routes.post("/accounts", summary=f"Opens an account; {_WHO}")
def opened(
    request: Request, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Opens an account; its one-time password stands on the page that answers, and nowhere
    again.
    """

    def act(tx: Connection, viewer: Viewer, now: datetime) -> str:
        code, role = (
            _below(tx, viewer, form),
            _at_most(viewer, form.get("role", ""), ACCOUNT_ROLES),
        )
        name = form.get("name", "")
        with as_worker(tx):
            return issuing.open_account(tx, viewer.actor, code, role, name, now, trace_id(request))

    return _given(portal, request, form, act, "password")


@routes.post("/accounts/{account}/reset", summary=f"A fresh one-time password; {_WHO}")
def reset(
    request: Request, account: UUID, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Gives a fresh one-time password, which stands on the page that answers alone."""

    def act(tx: Connection, viewer: Viewer, now: datetime) -> str:
        _theirs(tx, viewer, account)
        with as_worker(tx):
            return issuing.reset_account(tx, viewer.actor, account, now, trace_id(request))

    return _given(portal, request, form, act, "password")


@routes.post("/accounts/{account}/end", summary=f"Ends an account; {_WHO}")
def ended(
    request: Request, account: UUID, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Ends an account with its sessions."""

    def act(tx: Connection, viewer: Viewer, now: datetime) -> None:
        _theirs(tx, viewer, account)
        with as_worker(tx):
            issuing.end_account(tx, viewer.actor, account, now, trace_id(request))

    return _given(portal, request, form, act, "ended")


@routes.post("/keys", summary=f"Issues an API key; {_WHO}")
def issued(
    request: Request, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Issues a key, which stands on the page that answers and nowhere again."""

    def act(tx: Connection, viewer: Viewer, now: datetime) -> str:
        code, role = _below(tx, viewer, form), _at_most(viewer, form.get("role", ""), KEY_ROLES)
        with as_worker(tx):
            return issuing.issue_key(tx, viewer.actor, code, role, now, trace_id(request))

    return _given(portal, request, form, act, "key")


@routes.post("/keys/{key}/revoke", summary=f"Revokes an API key; {_WHO}")
def revoked(
    request: Request, key: UUID, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Makes a key void at once."""

    def act(tx: Connection, viewer: Viewer, now: datetime) -> None:
        known = rows(tx, "SELECT role FROM api_key WHERE id = :id", {"id": key})
        if not known:
            raise Refused(404, "no-such-key", issuing.NO_KEY)
        _at_most(viewer, known[0].role, KEY_ROLES)
        with as_worker(tx):
            issuing.end_key(tx, viewer.actor, key, now, trace_id(request))

    return _given(portal, request, form, act, "revoked")


@routes.get("/security", summary="The security log; role: department, admin, operator")
def log(
    request: Request,
    portal: ThisPortal,
    event: str = "",
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """A page of the security log as the viewer may read it."""
    viewer = signed_in(portal, request)
    if viewer.role not in READERS:
        raise Refused(403, "departments-only", _READING)
    entries = read_log(portal, viewer.caller, event, paging.Page(ROWS, cursor or None))
    with portal.web.begin() as tx:
        names = Directory.of(tx)
    return render(
        portal,
        request,
        "security.html",
        viewer,
        found=entries.items,
        next=entries.next,
        event=event,
        events=security_log.EVENTS,
        names=names,
        roles=ACCOUNT_ROLES | KEY_ROLES,
        results=RESULTS,
    )


def read_log(
    portal: Portal, caller: Caller, event: str, page: paging.Page
) -> paging.Part[dict[str, Any]]:
    """The log as the caller may read it, newest first: a department its tree, an operator all of
    it.
    """
    after = page.after(paging.moment, paging.ident)
    only = event or None
    if caller.role == "operator":
        with portal.worker.connect() as tx:
            entries = security_log.listed(tx, event=only, limit=page.one_more, after=after)
    else:
        with portal.web.begin() as tx:
            look_at_tree(tx, caller)
            entries = security_log.listed(tx, event=only, limit=page.one_more, after=after)
    return page.placed(entries, lambda entry: (entry["at"], entry["id"]))


def _overseer(portal: Portal, request: Request) -> Viewer:
    viewer = signed_in(portal, request)
    if not viewer.oversees:
        raise Refused(403, "departments-only", _OVERSEERS)
    return viewer


def _at_most(viewer: Viewer, role: str, roles: dict[str, str]) -> str:
    """A role that the viewer may give and take: nobody hands out more than they have."""
    if role not in roles or role == "operator":
        raise Refused(422, "unknown-role", Text("请选择角色。", "Choose a role."), field="role")
    if role == "admin" and viewer.role != "admin":
        raise Refused(403, "role-above-ones-own", _ABOVE)
    return role


def _below(tx: Connection, viewer: Viewer, form: Form) -> str:
    """The organisation named in a form, at or below the viewer's own."""
    code, directory = form.get("organisation", "").strip(), Directory.of(tx)
    if directory.get(code) is None or not directory.within(code, viewer.organisation):
        raise Refused(422, "unknown-organisation", _NOT_BELOW, field="organisation")
    return code


def _theirs(tx: Connection, viewer: Viewer, account: UUID) -> None:
    """Raises Refused unless the account lies in the viewer's tree and its role is not above
    theirs.
    """
    known = rows(tx, "SELECT role FROM account WHERE id = :id", {"id": account})
    if not known:
        raise Refused(404, "no-such-account", accounts.NO_ACCOUNT)
    if account == viewer.account:
        raise Refused(409, "ones-own-account", _ONESELF)
    _at_most(viewer, known[0].role, ACCOUNT_ROLES)


def _given(
    portal: Portal,
    request: Request,
    form: Form,
    act: Callable[[Connection, Viewer, datetime], str | None],
    what: str,
) -> Response:
    """Does what a form asks; a secret that comes of it is shown on this one page and nowhere
    again.
    """
    viewer, organisation = _overseer(portal, request), form.get("organisation", "")
    check_token(portal, request, form)
    try:
        with portal.acts.begin() as tx:
            look_at_tree(tx, viewer.caller)
            secret = act(tx, viewer, portal.clock.now())
    except Refused as refused:
        if refused.status == 404:
            raise
        return _page(portal, request, viewer, organisation, Outcome(refused=refused, form=form))
    if secret is None:
        return RedirectResponse(f"/accounts?done={what}", 303)
    return _page(portal, request, viewer, organisation, Outcome(secret=secret, what=what))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the form before: done, or a secret that is shown this once and what it is, or
    why not and what was typed.
    """

    done: str = ""
    secret: str = ""
    what: str = ""
    refused: Refused | None = None
    form: Mapping[str, str] = field(default_factory=dict)


def _may_give(viewer: Viewer, roles: Mapping[str, str]) -> dict[str, str]:
    """The roles that the viewer may give: none above their own."""
    may = {}
    for role, label in roles.items():
        above_ones_own = role == "operator" or (role == "admin" and viewer.role != "admin")
        if not above_ones_own:
            may[role] = label
    return may


def _page(
    portal: Portal, request: Request, viewer: Viewer, organisation: str, outcome: Outcome
) -> Response:
    now = portal.clock.now()
    with portal.web.begin() as tx:
        look_at_tree(tx, viewer.caller)
        names = Directory.of(tx)
        only = organisation if names.within(organisation, viewer.organisation) else None
        persons, keys = accounts.list_accounts(tx, only), list_keys(tx, only)
    return render(
        portal,
        request,
        "accounts.html",
        viewer,
        status=outcome.refused.status if outcome.refused else 200,
        persons=persons,
        keys=keys,
        names=names,
        only=only or "",
        done=DONE.get(outcome.done),
        secret=outcome.secret,
        what=outcome.what,
        refused=outcome.refused,
        form=outcome.form,
        roles=ACCOUNT_ROLES,
        key_roles=KEY_ROLES,
        may=_may_give(viewer, ACCOUNT_ROLES),
        may_key=_may_give(viewer, KEY_ROLES),
        expired=lambda person: bool(person.given_at and person.given_at < now - accounts.ONE_TIME),
        until=lambda person: (
            person.given_at + accounts.ONE_TIME if person.given_at else timedelta()
        ),
    )
