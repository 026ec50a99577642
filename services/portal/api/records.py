"""The calls about records: rolls compared, the two lists of reconciliation, month-end snapshots,
facts by month.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from schemas.days import NoDay, read_day
from services.cases.views.queries import as_worker, look_at_cases
from services.kit.db import paging
from services.kit.errors import Refused, Words
from services.portal.api import bodies
from services.portal.api import cases as api
from services.portal.asking import ThisPortal, callers
from services.portal.pages.facts import is_month
from services.portal.pages.reviews import masked_person
from services.portal.pages.rosters import LISTS, RECONCILED, organisation_below, report_row, seen
from services.portal.upload import read_body
from services.records import comparisons, facts, reconciliation, snapshots
from services.registry.access import Caller
from services.registry.directory import Directory
from services.registry.rosters import Roll, read_roll, roll_of
from services.registry.tabular import BadFile

_BAD_JSON = Words(
    '请求内容应当是 {"persons": [{"name": "…"}, …]}，或者名册文件本身。',
    'The body must be {"persons": [{"name": "…"}, …]}, or the file of the roll itself.',
)
_TOO_LARGE = Words("名册超过 8 MB，请分开上传。", "The roll is larger than 8 MB; send it in parts.")
_NO_LIST = Words(
    f"没有这张清单；可用：{'、'.join(LISTS)}。",
    f"There is no such list; choose one of {', '.join(LISTS)}.",
)
_NO_RECONCILED = Words(
    f"没有这张清单；可用：{'、'.join(RECONCILED)}。",
    f"There is no such list; choose one of {', '.join(RECONCILED)}.",
)
_BAD_DAY = Words("day 应当是 2026-11-30 这样的日期。", "day must be a date such as 2026-11-30.")
_BAD_MONTH = Words("month 应当是 2026-11 这样的年月。", "month must be a month such as 2026-11.")
_SENDING = bodies.problems(400, 411, 413)
_FILE = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": bodies.ROLL},
            "text/csv": {"schema": {"type": "string"}},
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {
                "schema": {"type": "string", "format": "binary"}
            },
        },
    }
}
_WHO = "role: receiver, department, admin"
Code = Annotated[str, Query(max_length=20)]
ROWS_MAX = 10**8  # a comparison has fewer rows


routes = APIRouter(tags=["records"], responses=api.PROBLEMS)
acting = callers(api.ACTING)
overseeing = callers(("department", "admin"))


@routes.post(
    "/v1/comparisons",
    status_code=201,
    responses=_SENDING,
    openapi_extra=_FILE,
    summary=f"Compares a roll with the register; {_WHO}",
)
async def compare(
    request: Request,
    caller: Annotated[Caller, Depends(acting)],
    portal: ThisPortal,
    organisation: Code = "",
) -> Response:
    roll = await run_in_threadpool(
        _roll, await read_body(request, _TOO_LARGE), request.headers.get("content-type", "")
    )

    def within() -> dict[str, Any]:
        with portal.web.begin() as tx:
            one = organisation_below(tx, caller, organisation)
        ident = portal.compare(one, roll, by=caller.organisation)
        with portal.web.begin() as tx:
            return _told(seen(tx, caller, ident))

    return api.json_answer(await run_in_threadpool(within), 201)


@routes.get("/v1/comparisons", summary=f"Rolls compared, newest first; {_WHO}")
def made(
    caller: Annotated[Caller, Depends(acting)],
    portal: ThisPortal,
    limit: api.Limit = 100,
    cursor: api.Cursor = None,
) -> Response:
    start = paging.start_of(cursor)
    with portal.web.begin() as tx:
        look_at_cases(tx, caller)
        found = comparisons.made(tx, limit=limit + 1, offset=start)
    page, more = paging.counted(found, start, limit)
    return api.json_answer({"items": [_told(one) for one in page], "next": more})


@routes.get("/v1/comparisons/{ident}", summary=f"The rows of one list of a comparison; {_WHO}")
def rows(
    ident: UUID,
    caller: Annotated[Caller, Depends(acting)],
    portal: ThisPortal,
    chosen: Annotated[str, Query(alias="list", max_length=20)] = "",
    limit: api.Limit = 100,
    cursor: api.Cursor = None,
) -> Response:
    if chosen and chosen not in LISTS:
        raise Refused(422, "unknown-list", _NO_LIST, field="list")
    last = paging.decode(cursor, paging.whole)
    after = min(last[0], ROWS_MAX) if last else -1
    with portal.web.begin() as tx:
        one = seen(tx, caller, ident)
        found = comparisons.lines_of(tx, ident, chosen or None, after, limit + 1)
        found = comparisons.for_reader(found, caller.own_organisation, Directory.of(tx))
    page = found[:limit]
    more = paging.encode(page[-1]["position"]) if len(found) > limit else None
    answer = _told(one) | {"items": [_line(line) for line in page], "next": more}
    return api.list_answer(portal, caller, "roll", answer)


@routes.post(
    "/v1/comparisons/{ident}/rows/{position}/report",
    status_code=202,
    summary=f"Reports a row's person as being here (host.report); {_WHO}",
)
def report(
    ident: UUID,
    position: Annotated[int, Path(ge=0, le=10**8)],
    caller: Annotated[Caller, Depends(acting)],
    portal: ThisPortal,
) -> Response:
    return api.json_answer({"event": str(report_row(portal, caller, ident, position, None))}, 202)


@routes.get(
    "/v1/reconciliation",
    summary=f"Announced and never arrived, or arrived and never announced; {_WHO}",
)
def reconciled(
    caller: Annotated[Caller, Depends(acting)],
    chosen: Annotated[str, Query(alias="list", max_length=20)],
    portal: ThisPortal,
    organisation: Code = "",
    limit: api.Limit = 100,
    cursor: api.Cursor = None,
) -> Response:
    if chosen not in RECONCILED:
        raise Refused(422, "unknown-list", _NO_RECONCILED, field="list")
    start, now = paging.start_of(cursor), portal.clock.now()
    with portal.web.begin() as tx:
        top = organisation_below(tx, caller, organisation)
        found = reconciliation.unreconciled(
            tx, now, top.code, chosen, portal.rule_source, limit=limit + 1, offset=start
        )
    page, more = paging.counted(found, start, limit)
    items = [
        {
            "case": row["id"],
            "state": row["state"],
            "origin": row["origin"],
            "destination": row["destination"],
            "announced_by" if chosen == "announced" else "reported_by": row["poster"],
            "opened_at": row["opened_at"],
            "waiting_on": {
                "organisation": row["wait_organisation"],
                "act": row["wait_act"],
                "due_on": row["wait_due"],
            },
        }
        for row in page
    ]
    return api.list_answer(portal, caller, "reconciliation", {"items": items, "next": more})


@routes.get(
    "/v1/audit/snapshots",
    summary="The audit figures at the ends of months; role: department, admin",
)
def snapshots_of(  # noqa: PLR0913
    caller: Annotated[Caller, Depends(overseeing)],
    portal: ThisPortal,
    organisation: Code = "",
    day: Annotated[str, Query(max_length=10)] = "",
    rebuild: bool = False,
    limit: api.Limit = 100,
    cursor: api.Cursor = None,
) -> Response:
    chosen, start = _day_asked_for(day), paging.start_of(cursor)
    with portal.web.begin() as tx:
        top = organisation_below(tx, caller, organisation)
        found = snapshots.taken(tx, top.code, chosen, limit + 1, start)
        items, more = paging.counted(found, start, limit)
        if rebuild and chosen and items:
            with as_worker(tx):
                again = snapshots.rebuilt(tx, chosen, portal.rule_source).get(top.code)
            items[0] = items[0] | {"rebuilt": again, "equal": again == items[0]["figures"]}
    return api.json_answer({"items": items, "next": more})


@routes.get("/v1/facts", summary=f"What organisations did in a month, counted from history; {_WHO}")
def facts_of(
    caller: Annotated[Caller, Depends(acting)],
    portal: ThisPortal,
    month: Annotated[str, Query(max_length=7)] = "",
    organisation: Code = "",
    limit: api.Limit = 1000,
    cursor: api.Cursor = None,
) -> Response:
    now = portal.clock.now()
    if month and not is_month(month):
        raise Refused(422, "bad-month", _BAD_MONTH, field="month")
    chosen = month or f"{now:%Y-%m}"
    with portal.web.begin() as tx:
        top = organisation_below(tx, caller, organisation)
        with as_worker(tx):
            found = facts.facts(tx, chosen, top.code, now, portal.rule_source)
    codes, more = paging.keyed(sorted(found), limit, cursor, str)
    return api.json_answer(
        {
            "month": chosen,
            "organisation": top.code,
            "total": facts.total(list(found.values())),
            "items": [{"organisation": code, "facts": found[code]} for code in codes],
            "definitions": {name: d.words.en for name, d in facts.DEFINITIONS.items()},
            "next": more,
        }
    )


def _day_asked_for(text: str) -> date | None:
    try:
        return read_day(text) if text else None
    except NoDay:
        raise Refused(422, "bad-day", _BAD_DAY, field="day") from None


def _told(one: dict[str, Any]) -> dict[str, Any]:
    """A comparison as systems see it."""
    return {
        "id": one["id"],
        "organisation": one["organisation"],
        "made_at": one["made_at"],
        "by": one["by_organisation"],
        "rows": one["rows"],
        "matched": one["matched"],
        "not_here": one["not_here"],
        "not_in_roll": one["not_in_roll"],
        "review": one["in_review"],
        "bad": one["bad"],
        "erased": one["erase_at"] is None,
        "notes": one["notes"] or [],
    }


def _line(line: dict[str, Any]) -> dict[str, Any]:
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


def _roll(body: bytes, kind: str) -> Roll:
    """The roll in a request: JSON objects, or a file as it is."""
    try:
        if not kind.startswith("application/json"):
            return read_roll(body)
        given = orjson.loads(body)
        persons = given.get("persons") if isinstance(given, dict) else None
        if not isinstance(persons, list) or not all(isinstance(one, dict) for one in persons):
            raise Refused(422, "bad-json", _BAD_JSON)
        return roll_of(persons)
    except orjson.JSONDecodeError:
        raise Refused(400, "bad-json", _BAD_JSON) from None
    except BadFile as bad:
        raise Refused(422, "bad-file", bad.words) from None
