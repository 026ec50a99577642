"""The calls about records: rolls compared, the two lists of reconciliation, month-end snapshots,
facts by month.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from schemas.days import NoDay, read_day
from services.cases.views.queries import as_worker
from services.kit.db import paging
from services.kit.errors import Refused, Text
from services.portal.api.answers import (
    PROBLEMS,
    json_answer,
    list_answer,
    members_answer,
    problems,
)
from services.portal.api.models import records as models
from services.portal.api.models.base import ListOf
from services.portal.api.parameters import Code, Page100, Page1000
from services.portal.asking import ActingCaller, OverseeingCaller, ThisPortal
from services.portal.pages.facts import is_month
from services.portal.pages.reviews import masked_person
from services.portal.pages.rosters import LISTS, RECONCILED, organisation_below, report_row, seen
from services.portal.upload import read_body
from services.records import comparisons, facts, reconciliation, snapshots
from services.registry.directory import Directory
from services.registry.rosters import Roll, read_roll, roll_of
from services.registry.tabular import BadFile

_TOO_LARGE = Text("名册超过 8 MB，请分开上传。", "The roll is larger than 8 MB; send it in parts.")
_NO_LIST = Text(
    f"没有这张清单；可用：{'、'.join(LISTS)}。",
    f"There is no such list; choose one of {', '.join(LISTS)}.",
)
_NO_RECONCILED = Text(
    f"没有这张清单；可用：{'、'.join(RECONCILED)}。",
    f"There is no such list; choose one of {', '.join(RECONCILED)}.",
)
_BAD_DAY = Text("day 应当是 2026-11-30 这样的日期。", "day must be a date such as 2026-11-30.")
_BAD_MONTH = Text("month 应当是 2026-11 这样的年月。", "month must be a month such as 2026-11.")
_SENDING = problems(400, 411, 413)
_FILE = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": models.RollSent.described()},
            "text/csv": {"schema": {"type": "string"}},
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {
                "schema": {"type": "string", "format": "binary"}
            },
        },
    }
}
_WHO = "role: receiver, department, admin"
ROWS_MAX = 10**8  # a comparison has fewer rows
Position = Annotated[int, Path(ge=0, le=10**8)]
ListName = Annotated[str, Query(alias="list", max_length=20)]


routes = APIRouter(tags=["records"], responses=PROBLEMS)


async def roll_content(request: Request) -> bytes:
    """The file, or the JSON, that a request brings."""
    return await read_body(request, _TOO_LARGE)


def roll_sent(request: Request, content: Annotated[bytes, Depends(roll_content)]) -> Roll:
    """The roll in a request: JSON objects, or a file as it is."""
    try:
        if not request.headers.get("content-type", "").startswith("application/json"):
            return read_roll(content)
        given = orjson.loads(content)
        if not isinstance(given, dict):
            raise models.RollSent.refusal("persons")
        return roll_of(models.RollSent.read(given).persons)
    except orjson.JSONDecodeError:
        raise Refused(400, "bad-json", models.RollSent.sentence) from None
    except BadFile as bad:
        raise Refused(422, "bad-file", bad.words) from None


@routes.post(
    "/v1/comparisons",
    status_code=201,
    response_model=models.Comparison,
    responses=_SENDING,
    openapi_extra=_FILE,
    summary=f"Compares a roll with the register; {_WHO}",
)
def compare(
    caller: ActingCaller,
    portal: ThisPortal,
    roll: Annotated[Roll, Depends(roll_sent)],
    organisation: Code = "",
) -> Response:
    """How many rows are on which list."""
    with portal.web.begin() as tx:
        compared = organisation_below(tx, caller, organisation)
    ident = portal.compare(compared, roll, by=caller.organisation)
    with portal.web.begin() as tx:
        comparison = seen(tx, caller, ident)
    return json_answer(_comparison(comparison), 201)


@routes.get(
    "/v1/comparisons",
    response_model=ListOf[models.Comparison],
    summary=f"Rolls compared, newest first; {_WHO}",
)
def made(caller: ActingCaller, portal: ThisPortal, page: Page100) -> Response:
    """A page of the comparisons that the caller may see."""
    with portal.read_as(caller) as tx:
        made = comparisons.made(tx, limit=page.one_more, offset=page.start)
    return list_answer(page.counted(made), _comparison)


@routes.get(
    "/v1/comparisons/{ident}",
    response_model=models.ComparedRows,
    summary=f"The rows of one list of a comparison; {_WHO}",
)
def rows(
    ident: UUID, caller: ActingCaller, portal: ThisPortal, page: Page100, chosen: ListName = ""
) -> Response:
    """A page of the rows, in their order in the roll."""
    if chosen and chosen not in LISTS:
        raise Refused(422, "unknown-list", _NO_LIST, field="list")
    last = page.after(paging.whole)
    after = min(last[0], ROWS_MAX) if last else -1
    with portal.web.begin() as tx:
        comparison = seen(tx, caller, ident)
        lines = comparisons.lines_of(tx, ident, chosen or None, after, page.one_more)
        lines = comparisons.for_reader(lines, caller.own_organisation, Directory.of(tx))
    part = page.placed(lines, lambda line: (line["position"],))
    return members_answer(portal, caller, "roll", part, _line, **_comparison(comparison))


@routes.post(
    "/v1/comparisons/{ident}/rows/{position}/report",
    status_code=202,
    response_model=models.Reported,
    summary=f"Reports a row's person as being here (host.report); {_WHO}",
)
def report(ident: UUID, position: Position, caller: ActingCaller, portal: ThisPortal) -> Response:
    """The event that the row became; the same one however often it is reported."""
    event = report_row(portal, caller, ident, position, None)
    return json_answer({"event": str(event)}, 202)


@routes.get(
    "/v1/reconciliation",
    response_model=ListOf[models.Unreconciled],
    summary=f"Announced and never arrived, or arrived and never announced; {_WHO}",
)
def reconciled(
    caller: ActingCaller,
    portal: ThisPortal,
    page: Page100,
    chosen: ListName,
    organisation: Code = "",
) -> Response:
    """A page of one of the two lists, the longest open first."""
    if chosen not in RECONCILED:
        raise Refused(422, "unknown-list", _NO_RECONCILED, field="list")
    now = portal.clock.now()
    with portal.web.begin() as tx:
        top = organisation_below(tx, caller, organisation)
        cases = reconciliation.unreconciled(
            tx,
            reconciliation.PocketList(chosen, top.code, now, portal.rule_source),
            limit=page.one_more,
            offset=page.start,
        )
    shape = _announced if chosen == "announced" else _arrived
    return members_answer(portal, caller, "reconciliation", page.counted(cases), shape)


async def day_asked_for(day: Annotated[str, Query(max_length=10)] = "") -> date | None:
    """The day that a query names, if any; Refused 422 for what is none."""
    try:
        return read_day(day) if day else None
    except NoDay:
        raise Refused(422, "bad-day", _BAD_DAY, field="day") from None


@routes.get(
    "/v1/audit/snapshots",
    response_model=ListOf[models.Snapshot],
    summary="The audit figures at the ends of months; role: department, admin",
)
def snapshots_of(
    caller: OverseeingCaller,
    portal: ThisPortal,
    page: Page100,
    day: Annotated[date | None, Depends(day_asked_for)],
    organisation: Code = "",
    rebuild: bool = False,
) -> Response:
    """A page of an organisation's snapshots, newest first; or that of one day, counted again from
    history where ``rebuild`` asks for it.
    """
    with portal.web.begin() as tx:
        top = organisation_below(tx, caller, organisation)
        part = page.counted(snapshots.taken(tx, top.code, day, page.one_more, page.start))
        if rebuild and day and part.items:
            with as_worker(tx):
                figures = snapshots.rebuilt(tx, day, portal.rule_source).get(top.code)
            part = part.reshaped(lambda snapshot: _beside_rebuilt(snapshot, figures))
    return list_answer(part)


@routes.get(
    "/v1/facts",
    response_model=models.Facts,
    summary=f"What organisations did in a month, counted from history; {_WHO}",
)
def facts_of(
    caller: ActingCaller,
    portal: ThisPortal,
    page: Page1000,
    month: Annotated[str, Query(max_length=7)] = "",
    organisation: Code = "",
) -> Response:
    """A page of the organisations that did anything, with the sum of all."""
    if month and not is_month(month):
        raise Refused(422, "bad-month", _BAD_MONTH, field="month")
    now = portal.clock.now()
    chosen = month or f"{now:%Y-%m}"
    with portal.web.begin() as tx:
        top = organisation_below(tx, caller, organisation)
        with as_worker(tx):
            counted = facts.facts(tx, chosen, top.code, now, portal.rule_source)
    return list_answer(
        page.keyed(sorted(counted), str),
        lambda code: {"organisation": code, "facts": counted[code]},
        month=chosen,
        organisation=top.code,
        total=facts.total(list(counted.values())),
        definitions={name: meant.words.en for name, meant in facts.DEFINITIONS.items()},
    )


def _comparison(comparison: dict[str, Any]) -> dict[str, Any]:
    """A comparison as systems see it."""
    return {
        "id": comparison["id"],
        "organisation": comparison["organisation"],
        "made_at": comparison["made_at"],
        "by": comparison["by_organisation"],
        "rows": comparison["rows"],
        "matched": comparison["matched"],
        "not_here": comparison["not_here"],
        "not_in_roll": comparison["not_in_roll"],
        "review": comparison["in_review"],
        "bad": comparison["bad"],
        "erased": comparison["erase_at"] is None,
        "notes": comparison["notes"] or [],
    }


def _line(line: dict[str, Any]) -> dict[str, Any]:
    """A row of a comparison as systems see it."""
    return {
        "position": line["position"],
        "list": line["list"],
        "row": line["row_number"],
        "next": line["next"],
        "member": line["member"] if line["list"] == "not_in_roll" else None,
        "name": line["member_name"],
        "person": masked_person(line["person"]) or None,
        "belongs_to": line["belongs_to"],
        "case": line["case_id"],
        "problem": line["faults"],
        "reported_at": line["done_at"],
        "event": line["event_id"],
    }


def _announced(case: dict[str, Any]) -> dict[str, Any]:
    """A case that a unit announced and no place has reported."""
    return _unreconciled(case, "announced_by")


def _arrived(case: dict[str, Any]) -> dict[str, Any]:
    """A case that a place reported and no unit announced."""
    return _unreconciled(case, "reported_by")


def _unreconciled(case: dict[str, Any], poster: str) -> dict[str, Any]:
    return {
        "case": case["id"],
        "state": case["state"],
        "origin": case["origin"],
        "destination": case["destination"],
        poster: case["poster"],
        "opened_at": case["opened_at"],
        "waiting_on": {
            "organisation": case["wait_organisation"],
            "act": case["wait_act"],
            "due_on": case["wait_due"],
        },
    }


def _beside_rebuilt(snapshot: dict[str, Any], figures: Any) -> dict[str, Any]:
    """A snapshot, and whether history gives the same figures."""
    return snapshot | {"rebuilt": figures, "equal": figures == snapshot["figures"]}
