"""The pages of who receives many of one batch: who is in its hands, one act for all of them, what
each came to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.cases.commands import batches, receiving
from services.cases.views import queries
from services.kit.errors import Refused
from services.portal.asking import CheckedForm, SignedIn, ThisPortal
from services.portal.context import Portal
from services.portal.organisation_search import branches, find
from services.portal.page import PageRoute, render, signed_in
from services.portal.pages import fields
from services.portal.sessions import Viewer
from services.registry.directory import Directory

MEMBERS_MAX, ROWS = 500, 50
FIELDS = fields.fields_for_all(receiving.ORDERS)
_ROLES = "role: secretary, clerk, department, admin"


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get(
    "/batches",
    summary=f"The batches of which members come here, and those posted from here; {_ROLES}",
)
def listed(
    request: Request, portal: ThisPortal, page: Annotated[int, Query(ge=1, le=1000)] = 1
) -> Response:
    """The batches of which members come here, and those posted from here."""
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, viewer.caller)
        received, names = receiving.batches(tx, viewer.own_organisation), Directory.of(tx)
        posted = batches.posted(tx, viewer.own_organisation, ROWS + 1, (page - 1) * ROWS)
    return render(
        portal,
        request,
        "batches.html",
        viewer,
        found=received,
        names=names,
        posted=posted[:ROWS],
        more=len(posted) > ROWS,
        page=page,
    )


@routes.get("/batches/{batch}", summary=f"Who of a batch is in one's hands; {_ROLES}")
def of_one(request: Request, batch: str, portal: ThisPortal, done: bool = False) -> Response:
    """The members of a batch in the viewer's hands, with the form of one act for all."""
    return _batch(portal, request, signed_in(portal, request), batch, {}, done=done)


@routes.post("/batches/{batch}", summary=f"One act for all of them; {_ROLES}")
def give(
    request: Request, batch: str, form: CheckedForm, portal: ThisPortal, viewer: SignedIn
) -> Response:
    """Orders one act for all of the batch, or looks for an organisation."""
    if form.get("find"):
        return _batch(portal, request, viewer, batch, form)
    orders = fields.for_all(form, receiving.ORDERS)
    try:
        with portal.acts.begin() as tx:
            receiving.give(
                tx,
                viewer.caller,
                batch,
                orders["order"],
                orders["with"],
                orders.get("start_on"),
                portal.clock.now(),
                viewer.name,
            )
    except Refused as refused:
        if refused.status == 404:
            raise
        return _batch(portal, request, viewer, batch, form, refused)
    return RedirectResponse(f"/batches/{batch}?done=true", 303)


@routes.post(
    "/batches/{batch}/pause",
    summary=f"Stops such an act between two waves, or lets it go on; {_ROLES}",
)
def pause(batch: str, form: CheckedForm, portal: ThisPortal, viewer: SignedIn) -> Response:
    """Stops an order between two waves, or lets it go on."""
    with portal.acts.begin() as tx:
        receiving.pause(
            tx, viewer.caller, batch, form.get("order", ""), form.get("paused") == "true"
        )
    return RedirectResponse(f"/batches/{batch}", 303)


def _batch(  # noqa: PLR0913
    portal: Portal,
    request: Request,
    viewer: Viewer,
    batch: str,
    given: Mapping[str, str],
    refused: Refused | None = None,
    done: bool = False,
) -> Response:
    own, looking = viewer.own_organisation, given.get("find", "")
    with portal.web.begin() as tx:
        receiving.must_hold(tx, viewer.caller, batch)
        orders = receiving.orders(tx, own, batch)
        latest = orders[0]["id"] if orders else None
        members = receiving.members(tx, own, batch, order=latest, limit=MEMBERS_MAX)
        failed = (
            receiving.members(tx, own, batch, order=latest, refused=True, limit=MEMBERS_MAX)
            if latest
            else []
        )
        by_state, directory = receiving.by_state(tx, own, batch), Directory.of(tx)
        committee = directory.committee(own)
        places = [
            (branch.code, branch.name)
            for branch in branches(directory, committee.code if committee else own, portal.today)
        ]
        matching = (
            {looking: find(directory, given.get(f"{looking}_text", ""), portal.today)}
            if looking
            else {}
        )
    known = {"today": portal.today.isoformat(), "me": viewer.name}
    asked = []
    for field in FIELDS:
        branches_or_choices = places if field.kind == "branch" else field.choices
        required = field.required and field.only_with is None
        value = known.get(field.value, "")
        asked.append(fields.AskedField(field, branches_or_choices, required, value))
    return render(
        portal,
        request,
        "batch.html",
        viewer,
        status=refused.status if refused else 200,
        batch=batch,
        listed=("batch", len(members)),
        orders=orders,
        members=members,
        failed=failed,
        by_state=by_state,
        fields=asked,
        form=fields.FormBox(values=given, hits=matching, looking=looking),
        refused=refused,
        done=done,
    )
