"""A department's own rules of destination: set, tried on last year's cases before they count,
ended.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.cases.routing import overrides
from services.cases.routing.decision_table import table
from services.cases.routing.rule_trial import what_if
from services.cases.views import queries
from services.kit.errors import Refused, Text
from services.portal.asking import CheckedForm, SignedIn, ThisPortal
from services.portal.context import Portal
from services.portal.organisation_search import chosen_and_found
from services.portal.page import PageRoute, render, signed_in
from services.registry.access import Caller
from services.registry.directory import Directory

LOOK_BACK = timedelta(days=365)
_DEPARTMENTS = Text("这一页供组织部门使用。", "This page is for departments.")
_NO_RULE = Text("没有这条另定的规则，或已停用。", "There is no such rule, or it has ended.")


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get(
    "/department/rules",
    summary="A department's own rules of destination; role: department, admin",
)
def the_rules(request: Request, portal: ThisPortal, done: str = "") -> Response:
    """The rules that stand, and the form for one more."""
    return _page(portal, request, {"from": portal.today.isoformat()}, done=done)


@routes.post(
    "/department/rules", summary="Tries or sets a rule of destination; role: department, admin"
)
def act(request: Request, form: CheckedForm, portal: ThisPortal, viewer: SignedIn) -> Response:
    """Looks for an organisation, tries a rule or sets it, as the form asks."""
    if not viewer.oversees:
        raise Refused(403, "departments-only", _DEPARTMENTS)
    if form.get("find"):
        return _page(portal, request, form)
    try:
        if form.get("act") == "set":
            put(portal, viewer.caller, form, viewer.name)
            return RedirectResponse("/department/rules?done=set", 303)
        return _page(portal, request, form, outcome=tried_on_last_year(portal, viewer.caller, form))
    except Refused as refused:
        return _page(portal, request, form, refused=refused)


@routes.post(
    "/department/rules/{rule_id}/end",
    summary="Ends a rule of destination; role: department, admin",
)
def ended_on_page(
    rule_id: str, form: CheckedForm, portal: ThisPortal, viewer: SignedIn
) -> Response:
    """The rule counts no more for moves that begin from now on."""
    if not viewer.oversees:
        raise Refused(403, "departments-only", _DEPARTMENTS)
    end(portal, viewer.caller, rule_id, viewer.name)
    return RedirectResponse("/department/rules?done=end", 303)


def put(portal: Portal, caller: Caller, given: Any, person: str | None) -> overrides.Override:
    """Sets one rule of the caller's department; Refused where it is wrong or not the department's
    to set.
    """
    with portal.worker.begin() as tx:
        directory = Directory.of(tx)
        override = overrides.read(given, caller.own_organisation, directory, portal.clock.now())
        overrides.keep(tx, [override], directory, person)
    return override


def tried_on_last_year(portal: Portal, caller: Caller, given: Any) -> dict[str, Any]:
    """What the rule would have done to the cases of the last year that the caller may see."""
    now = portal.clock.now()
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, caller)
        draft = overrides.read(given, caller.own_organisation, Directory.of(tx), now)
        return what_if(tx, now - LOOK_BACK, drafts=[draft])


def end(portal: Portal, caller: Caller, rule_id: str, person: str | None) -> None:
    """Ends a rule that the caller sees; Refused 404 otherwise."""
    with portal.acts.begin() as tx:
        queries.look_at_cases(tx, caller)
        seen = any(o.id == rule_id for o in overrides.stored(tx))
        with queries.as_worker(tx):
            if not seen or not overrides.end(tx, rule_id, portal.clock.now(), person):
                raise Refused(404, "no-such-rule", _NO_RULE)


def _page(
    portal: Portal,
    request: Request,
    form: Any,
    *,
    done: str = "",
    outcome: Any = None,
    refused: Refused | None = None,
) -> Response:
    viewer = signed_in(portal, request)
    if not viewer.oversees:
        raise Refused(403, "departments-only", _DEPARTMENTS)
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, viewer.caller)
        standing = [o for o in overrides.stored(tx) if o.ended_at is None]
        directory = Directory.of(tx)
    organisations = chosen_and_found(
        directory, form.get("destination"), form.get("destination_text", ""), portal.today
    )
    return render(
        portal,
        request,
        "rules.html",
        viewer,
        status=refused.status if refused else 200,
        rules=standing,
        names=directory,
        rows=table().counting,
        form=form,
        done=done,
        outcome=outcome,
        refused=refused,
        found=organisations,
        looking=form.get("find", ""),
    )
