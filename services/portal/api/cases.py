"""The calls of receivers and departments: alerts, cases, commands, reviews, audit (interface.md
§3).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from schemas.days import NoDay, read_moment
from services.cases.commands.apply import GivenCommand, apply
from services.cases.views import queries
from services.cases.views.alerts import alerts as alerts_of
from services.kit.clock import ZONE
from services.kit.db import paging
from services.kit.errors import Refused, Text
from services.portal.api.answers import (
    ACTING_ON,
    PROBLEMS,
    json_answer,
    list_answer,
    members_answer,
)
from services.portal.api.bodies import takes
from services.portal.api.models import cases as models
from services.portal.api.models.base import ListOf
from services.portal.api.models.commands import Command
from services.portal.api.parameters import Page100, QueryText
from services.portal.asking import (
    ACTING,
    ActingCaller,
    OverseeingCaller,
    ThisPortal,
    callers,
)
from services.portal.pages.reviews import masked_review
from services.registry.access import Caller, look_as
from services.registry.directory import Directory

_BAD_SINCE = Text(
    "since 应当是带时区的时间，如 2026-11-23T08:30:00+08:00。",
    "since must be a time with its zone, such as 2026-11-23T08:30:00+08:00.",
)
_NOT_BELOW = Text(
    "只能查询本组织及其以下的组织。",
    "You can only ask about your own organisation and those below it.",
)

routes = APIRouter(tags=["cases"], responses=PROBLEMS)
OfSomeOrganisation = Annotated[Caller, Depends(callers(("sender", *ACTING)))]


@routes.get(
    "/v1/alerts",
    response_model=ListOf[models.Alert],
    summary="What waits for this organisation; role: receiver, department, admin",
)
def alerts(
    caller: ActingCaller, portal: ThisPortal, page: Page100, since: QueryText = None
) -> Response:
    """A page of the organisation's open tasks; its ``next`` is given at the end too."""
    with portal.web.begin() as tx:
        look_as(tx, caller)
        now, own = portal.clock.now(), caller.own_organisation
        part = alerts_of(tx, now, own, page, _moment(since))
    return list_answer(part)


@routes.get(
    "/v1/cases",
    response_model=ListOf[models.Case],
    summary="Cases, newest first; role: receiver, department, admin",
)
def cases(
    caller: ActingCaller,
    portal: ThisPortal,
    page: Page100,
    state: QueryText = None,
    organisation: QueryText = None,
) -> Response:
    """A page of the cases that the caller has a part in, or oversees."""
    chosen = queries.CaseFilter(state, organisation, _only_own(caller))
    with portal.read_as(caller) as tx:
        part = queries.cases(tx, portal.clock.now(), page, chosen, caller.own_organisation)
    return members_answer(portal, caller, "cases", part)


@routes.get(
    "/v1/cases/{case_id}",
    response_model=models.Case,
    summary="One case; role: receiver, department, admin",
)
def case(case_id: str, caller: ActingCaller, portal: ThisPortal) -> Response:
    """The case view; that somebody looked is kept."""
    now, viewer = portal.clock.now(), caller.own_organisation
    with portal.read_as(caller) as tx:
        view = queries.case_view(tx, case_id, now, own=_only_own(caller), viewer=viewer)
        if view is None:
            raise Refused(404, "no-such-case", queries.NO_CASE)
        queries.record_look(tx, view["id"], viewer, None, "api", now)
    return json_answer(view)


@routes.post(
    "/v1/cases/{case_id}/commands",
    response_model=models.Case,
    responses=ACTING_ON,
    openapi_extra=takes(Command.described()),
    summary="Gives a command to a case; role: receiver, department, admin",
)
def command(
    case_id: str,
    caller: ActingCaller,
    portal: ThisPortal,
    body: Annotated[Command, Depends(Command.sent)],
) -> Response:
    """The new case view, once the command is carried out."""
    given = GivenCommand(case_id, body.command, body.arguments, body.seen_state)
    with portal.acts.begin() as tx:
        view = apply(tx, portal.acting(caller, None), given)
    return json_answer(view)


@routes.get(
    "/v1/reviews",
    response_model=ListOf[models.Review],
    summary="Persons whose identity waits for a decision; role: sender, receiver, "
    "department, admin",
)
def reviews(caller: OfSomeOrganisation, portal: ThisPortal, page: Page100) -> Response:
    """A page of the open reviews that the caller's tree posted or that may mean a member of it."""
    after = page.after(paging.moment, paging.ident, paging.whole)
    with portal.web.begin() as tx:
        reviews = portal.reviews(tx, caller, limit=page.one_more, cursor=after)
    part = page.placed(reviews, _place_of_review)
    return members_answer(portal, caller, "reviews", part, masked_review)


@routes.post(
    "/v1/reviews/{review_id}",
    response_model=models.ReviewDecided,
    responses=ACTING_ON,
    openapi_extra=takes(models.ReviewAct.described()),
    summary="Says who a posted person is, asks the sender, answers, or undoes a match; role: "
    "sender, receiver, department, admin",
)
def decide(
    review_id: str,
    caller: OfSomeOrganisation,
    portal: ThisPortal,
    body: Annotated[models.ReviewAct, Depends(models.ReviewAct.sent)],
) -> Response:
    """What became of the review."""
    with portal.acts.begin() as tx:
        outcome = portal.decide_review(tx, caller, review_id, body.given, None)
    return json_answer(outcome)


@routes.get(
    "/v1/audit",
    response_model=models.Audit,
    summary="Who is unsettled, counted; role: department, admin",
)
def audit(caller: OverseeingCaller, portal: ThisPortal, organisation: QueryText = None) -> Response:
    """The audit view of an organisation at or below the caller's own."""
    code = organisation or caller.own_organisation
    with portal.web.begin() as tx:
        look_as(tx, caller)
        if not Directory.of(tx).within(code, caller.organisation):
            raise Refused(403, "not-below", _NOT_BELOW)
        figures = queries.audit(tx, portal.clock.now(), code, portal.rule_source)
    return json_answer(figures)


def _only_own(caller: Caller) -> str | None:
    """The caller's code where it sees only what it has a part in itself."""
    return caller.organisation if caller.role == "receiver" else None


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        time = read_moment(text.replace(" ", "+"))
    except NoDay:
        raise Refused(422, "bad-since", _BAD_SINCE, field="since") from None
    return (time if time.tzinfo else time.replace(tzinfo=ZONE)).astimezone(ZONE)


def _place_of_review(review: Mapping[str, Any]) -> tuple[Any, ...]:
    """By what reviews are ordered: when it began to wait, the event, the person's position in
    it.
    """
    event, _, position = review["id"].partition(":")
    return review["at"], event, int(position)
