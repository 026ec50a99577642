"""Where do they belong: the pool of the unknown, claims from it, and the desk of confirmed
addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from schemas.departures import SOURCE_PREFIX
from services.cases.model import states
from services.cases.views import case_access, pool, queries
from services.cases.views.card import Card
from services.kit.db.paging import Page
from services.kit.errors import Refused, Text
from services.portal.asking import CheckedForm, SignedIn, ThisPortal
from services.portal.context import Portal
from services.portal.page import (
    Form,
    PageRoute,
    check_token,
    page_of,
    read_form,
    render,
    signed_in,
)
from services.registry.access import Caller
from services.registry.directory import Directory, Organisation

ROWS = 50
_WHO = "role: secretary, clerk, department, admin"
_DEPARTMENTS = Text("这一页供组织部门使用。", "This page is for departments.")
_NOT_TAKEN = Text("认领没有登记上，请稍后再试。", "The claim was not recorded; try again later.")


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class PoolQuery:
    """What the address of a page of the pool says."""

    text: str = ""
    area: str = ""
    category: str = ""
    cursor: str = ""
    done: bool = False


@dataclass(frozen=True, slots=True)
class ClaimMade:
    """What became of a claim: it was made, or why not, and of whom."""

    done: bool = False
    refused: Refused | None = None
    case: str = ""


@routes.get("/pool", summary=f"Members whose destination nobody knows; {_WHO}")
def the_pool(
    request: Request, portal: ThisPortal, asked: Annotated[PoolQuery, Depends()]
) -> Response:
    """A page of the pool; a text to search for is never part of an address."""
    if asked.text:  # an old link: what is searched for may be a name, and an address ends in logs
        return RedirectResponse("/pool", 303)
    chosen = pool.PoolFilter("", asked.area[:12], asked.category)
    page = Page(ROWS, asked.cursor or None)
    return _pool(portal, request, chosen, page, ClaimMade(asked.done))


@routes.post("/pool", summary=f"Searches them, by name too; {_WHO}")
def search(
    request: Request, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """The pool searched, by name too; looking for a name is counted."""
    caller = signed_in(portal, request).caller
    check_token(portal, request, form)
    text, cursor = form.get("text", "")[:100], form.get("cursor") or None
    if guesses_a_name(caller, text, cursor or ""):
        count_name(portal, caller)
    chosen = pool.PoolFilter(text, form.get("area", "")[:12], form.get("category", ""))
    return _pool(portal, request, chosen, Page(ROWS, cursor), ClaimMade())


@routes.post("/pool/{case_id}/claim", summary=f"Says that a member lives here; {_WHO}")
def claim_page(
    request: Request, case_id: str, form: CheckedForm, portal: ThisPortal, viewer: SignedIn
) -> Response:
    """Claims a member of the pool by their full name."""
    try:
        claim(portal, viewer.caller, case_id, form.get("name", ""))
    except Refused as refused:
        chosen = pool.PoolFilter(form.get("text", "")[:100])
        not_made = ClaimMade(refused=refused, case=case_id)
        return _pool(portal, request, chosen, Page(ROWS), not_made)
    return RedirectResponse("/pool?done=1", 303)


@dataclass(frozen=True, slots=True)
class LearnedQuery:
    """Which confirmed addresses a page shows: of a text, those withdrawn too, from which page on;
    and whether some were just withdrawn.
    """

    text: str = ""
    withdrawn: bool = False
    page: Annotated[int, Query(ge=1, le=10_000)] = 1
    done: bool = False


@routes.get(
    "/department/addresses", summary="What was learned of addresses; role: department, admin"
)
def learned(
    request: Request, portal: ThisPortal, asked: Annotated[LearnedQuery, Depends()]
) -> Response:
    """A page of confirmed addresses; a text to search for is never part of an address."""
    if asked.text:
        return RedirectResponse("/department/addresses", 303)
    return _learned(portal, request, asked)


@routes.post(
    "/department/addresses/search", summary="Searches what was learned; role: department, admin"
)
def search_learned(
    request: Request, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Confirmed addresses searched."""
    signed_in(portal, request)
    check_token(portal, request, form)
    text, withdrawn = form.get("text", "")[:100], form.get("withdrawn") == "1"
    return _learned(portal, request, LearnedQuery(text, withdrawn, page_of(form)))


@routes.post(
    "/department/addresses",
    summary="Takes back what was learned of an address; role: department, admin",
)
def withdraw(request: Request, form: CheckedForm, portal: ThisPortal, viewer: SignedIn) -> Response:
    """Takes a confirmed address back, with the reason."""
    if not viewer.oversees:
        raise Refused(403, "departments-only", _DEPARTMENTS)
    try:
        with portal.acts.begin() as tx:
            portal.places.withdraw(
                tx, viewer.caller, form.get("source", ""), form.get("reason", ""), viewer.name
            )
    except Refused as refused:
        if refused.status == 404:
            raise
        return _learned(portal, request, LearnedQuery(form.get("text", "")), refused)
    return RedirectResponse("/department/addresses?done=1", 303)


def claim(portal: Portal, caller: Caller, case_id: str, name: str) -> None:
    """Posts the report of a host that the claim is; the origin decides about it as about any
    other.
    """
    now = portal.clock.now()
    count_name(portal, caller)
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, caller)
        member = pool.to_claim(tx, caller, case_id, name)
        queries.record_look(tx, member["case"], caller.own_organisation, None, "claim", now)
    event = {
        "specversion": "1.0",
        "type": "guidui.host.report.v1",
        "source": SOURCE_PREFIX + caller.own_organisation,
        "id": f"claim-{member['case']}",
        "time": now.isoformat(),
        "datacontenttype": "application/json",
        "data": {"person": {"name": member["name"], "member": member["member"]}},
    }
    outcome = portal.post(Caller(caller.organisation, caller.path, "sender"), [event])[0]
    if outcome not in (
        "accepted",
        "duplicate",
        "conflict",
    ):  # a conflict is the same claim at another minute
        raise Refused(409, "claim-not-recorded", _NOT_TAKEN)


def count_name(portal: Portal, caller: Caller) -> None:
    """Counts a name that somebody looks for; Refused 429 beyond what policy allows in a day."""
    with portal.worker.connect() as tx:
        context = portal.rule_source.context(tx, portal.clock.now())
    most = context.policy_at(caller.own_organisation).name_guesses_most
    case_access.count(
        portal.worker, caller.own_organisation, context.today, case_access.NAME_GUESSES, 1, most
    )


def guesses_a_name(caller: Caller, text: str, cursor: str | None) -> bool:
    """Whether a look into the pool asks for somebody by name; departments see the whole pool
    anyway.
    """
    return bool(text.strip()) and not cursor and caller.role not in ("department", "admin")


def _pool(
    portal: Portal, request: Request, chosen: pool.PoolFilter, page: Page, claim_made: ClaimMade
) -> Response:
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, viewer.caller)
        category = chosen.category if chosen.category in states.CATEGORIES else ""
        wanted = replace(chosen, category=category)
        pooled = pool.search(tx, viewer.caller, wanted, page)
        directory = Directory.of(tx)
        me = directory.get(viewer.organisation)
    return render(
        portal,
        request,
        "pool.html",
        viewer,
        status=claim_made.refused.status if claim_made.refused else 200,
        rows=pooled.items,
        listed=("pool", len(pooled.items)),
        next=pooled.next,
        chosen=chosen,
        categories=states.CATEGORIES,
        names=directory,
        done=claim_made.done,
        refused=claim_made.refused,
        claimed=claim_made.case,
        serves=bool(me and me.serves_area and not viewer.oversees),
    )


def _learned(
    portal: Portal, request: Request, asked: LearnedQuery, refused: Refused | None = None
) -> Response:
    viewer = signed_in(portal, request)
    if not viewer.oversees:
        raise Refused(403, "departments-only", _DEPARTMENTS)
    with portal.web.begin() as tx:
        rows = portal.places.listed(
            tx,
            viewer.caller,
            asked.text,
            withdrawn=asked.withdrawn,
            limit=ROWS + 1,
            offset=(asked.page - 1) * ROWS,
        )
        differing = []
        if asked.page == 1 and not asked.text:
            differing = portal.places.differing(tx, viewer.caller)
        directory = Directory.of(tx)
    return render(
        portal,
        request,
        "addresses.html",
        viewer,
        status=refused.status if refused else 200,
        rows=rows[:ROWS],
        listed=("addresses", len(differing)),
        more=len(rows) > ROWS,
        page=asked.page,
        text=asked.text,
        withdrawn=asked.withdrawn,
        done=asked.done,
        refused=refused,
        differing=differing,
        names=directory,
    )


@dataclass(frozen=True)
class DestinationChoice:
    """An organisation that may be the destination. ``source``: ``address``, with the ``place`` that
    it serves, how sure that is, and why (``words``); or ``claim``.
    """

    organisation: Organisation
    source: str
    place: str = ""
    confidence: float | None = None
    words: Sequence[Mapping[str, str]] = ()


def choices(card: Card, directory: Directory, today: date) -> list[DestinationChoice]:
    """What the origin may choose from while nobody is proposed: who claims, and who serves each
    candidate place, the surest first; empty unless the case waits for a destination that the
    organisation may confirm.
    """
    decided = card.state != states.TRIAGED or card.view["destination"]["organisation"]
    if decided or "confirm_destination" not in card.allowed:
        return []
    serving = _serving_candidates(card, directory, today)
    claiming = [directory.get(code) for code in card.claims]
    claims = [
        DestinationChoice(organisation, "claim")
        for organisation in claiming
        if organisation is not None and organisation.code not in serving
    ]
    return claims + list(serving.values())


def _serving_candidates(
    card: Card, directory: Directory, today: date
) -> dict[str, DestinationChoice]:
    """Code -> who serves a place that the new address may lie in, the surest place of each."""
    serving: dict[str, DestinationChoice] = {}
    for candidate in card.evidence.get("candidates", ()):
        organisation = serving_place(directory, candidate["code"], today)
        if organisation is None or organisation.code in serving:
            continue
        serving[organisation.code] = DestinationChoice(
            organisation,
            "address",
            candidate["name"],
            candidate.get("confidence"),
            candidate.get("evidence") or [],
        )
    return serving


def serving_place(directory: Directory, code: str, today: date) -> Organisation | None:
    """Which party organisation serves a division code today: the community's, else its street's,
    else the county's.
    """
    parts: Sequence[str] = [code[:digits] for digits in (12, 9, 6) if len(code) >= digits]
    return next(
        (
            organisation
            for part in parts
            if (organisation := directory.serving(part, today)) is not None
        ),
        None,
    )
