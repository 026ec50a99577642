"""The calls about papers: letters, receipts and enquiries as files, the register of counterfoils,
number ranges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeGuard

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from services.cases.store import numbers
from services.cases.views import queries
from services.kit.db import paging
from services.kit.errors import Refused, Words
from services.portal.api import bodies
from services.portal.api import cases as api
from services.portal.api.cases import (
    ACTING,
    LIMIT_MAX,
    Text,
    json_answer,
    json_body,
    list_answer,
)
from services.portal.asking import ThisPortal, callers
from services.portal.context import Portal
from services.portal.paper_files import enquiry_pdf, letters_docx, letters_pdf, receipt_pdf
from services.records.letters import papers, word
from services.registry.access import Caller
from services.registry.directory import Directory

_NOT_BELOW = Words(
    "只能办理本组织及其以下组织的号段。", "Only for your own organisation and those below it."
)
_BAD_STATUS = Words(
    f"status 应为其一：{'、'.join(numbers.STATUSES)}。",
    f"status is one of {', '.join(numbers.STATUSES)}.",
)
_BAD_FIELD = Words("字段缺失或类型不对。", "A field is missing or of the wrong type.")
_WORD_MAX = Words(
    f"Word 一次至多 {word.SHEETS_MAX} 份，更多请用 PDF。",
    f"At most {word.SHEETS_MAX} letters as Word; take PDF for more.",
)
_WHO = "role: receiver, department, admin"
_PROBLEMS: dict[int | str, dict[str, Any]] = api.PROBLEMS | bodies.problems(409)
_SENDING = bodies.problems(400, 413)
_PDF, _WORD = (
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
)


routes = APIRouter(tags=["papers"], responses=_PROBLEMS)
acting = callers(ACTING)


@routes.get(
    "/v1/cases/{case_id}/letter.pdf",
    responses=bodies.file(_PDF),
    response_class=Response,
    summary=f"The letter; over=true: its values alone, for a stock form; {_WHO}",
)
def letter_pdf(
    case_id: str,
    request: Request,
    caller: Annotated[Caller, Depends(acting)],
    portal: ThisPortal,
    over: bool = False,
) -> Response:
    return letters_pdf(portal, caller, [case_id], None, over)


@routes.get(
    "/v1/cases/{case_id}/letter.docx",
    responses=bodies.file(_WORD),
    response_class=Response,
    summary=f"The letter as Word; {_WHO}",
)
def letter_docx(
    case_id: str, request: Request, caller: Annotated[Caller, Depends(acting)], portal: ThisPortal
) -> Response:
    return letters_docx(portal, caller, [case_id], None)


@routes.get(
    "/v1/cases/{case_id}/receipt.pdf",
    responses=bodies.file(_PDF),
    response_class=Response,
    summary=f"The receipt; {_WHO}",
)
def receipt(
    case_id: str, caller: Annotated[Caller, Depends(acting)], portal: ThisPortal, over: bool = False
) -> Response:
    return receipt_pdf(portal, caller, case_id, None, over)


@routes.get(
    "/v1/cases/{case_id}/enquiries/{place}.pdf",
    responses=bodies.file(_PDF),
    response_class=Response,
    summary=f"A letter of enquiry, by the order in which they were asked; {_WHO}",
)
def one_enquiry(
    case_id: str, place: int, caller: Annotated[Caller, Depends(acting)], portal: ThisPortal
) -> Response:
    return enquiry_pdf(portal, caller, case_id, place, None)


@routes.post(
    "/v1/letters/batch",
    responses=bodies.file(_PDF, _WORD) | _SENDING,
    openapi_extra=bodies.body(bodies.LETTERS),
    response_class=Response,
    summary=f"Up to 10,000 letters in one file; {_WHO}",
)
async def batch(
    request: Request, caller: Annotated[Caller, Depends(acting)], portal: ThisPortal
) -> Response:
    body = await json_body(request, 1 << 20)
    cases, over, kind = body.get("cases"), body.get("over", False), body.get("format", "pdf")
    if (
        not (cases is None or isinstance(cases, list) and all(isinstance(c, str) for c in cases))
        or not isinstance(over, bool)
        or kind not in ("pdf", "docx")
    ):
        raise Refused(422, "bad-field", _BAD_FIELD, fields=["cases", "over", "format"])

    def made() -> Response:
        ids = cases
        if ids is None:
            with portal.web.begin() as tx:
                ids = papers.printable(tx, caller)
        if kind == "pdf":
            return letters_pdf(portal, caller, ids, None, over)
        if len(ids) > word.SHEETS_MAX:
            raise Refused(422, "too-many", _WORD_MAX, field="cases")
        return letters_docx(portal, caller, ids, None)

    return await run_in_threadpool(made)


@routes.get("/v1/letters", summary=f"The register of counterfoils of one's own tree; {_WHO}")
def the_register(  # noqa: PLR0913
    caller: Annotated[Caller, Depends(acting)],
    portal: ThisPortal,
    status: Text = None,
    find: Text = None,
    no_receipt: bool = False,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
    cursor: api.Cursor = None,
) -> Response:
    if status is not None and status not in numbers.STATUSES:
        raise Refused(422, "bad-status", _BAD_STATUS, field="status")
    start = paging.start_of(cursor)
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, caller)
        found = numbers.register(
            tx,
            caller.own_organisation,
            status=status,
            find=find,
            no_receipt=no_receipt,
            limit=limit + 1,
            offset=start,
        )
    page, more = paging.counted(found, start, limit)
    answer = {"items": [_foil(one) for one in page], "next": more}
    return list_answer(portal, caller, "letters", answer)


@routes.get(
    "/v1/letters/ranges", summary=f"Number ranges, and how many numbers each has left; {_WHO}"
)
def the_ranges(
    caller: Annotated[Caller, Depends(acting)],
    portal: ThisPortal,
    limit: api.Limit = 200,
    cursor: api.Cursor = None,
) -> Response:
    start = paging.start_of(cursor)
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, caller)
        found = numbers.ranges(tx, caller.own_organisation, limit + 1, start)
    page, more = paging.counted(found, start, limit)
    return json_answer({"items": [dict(one) for one in page], "next": more})


@routes.post(
    "/v1/letters/ranges",
    status_code=201,
    responses=_SENDING,
    openapi_extra=bodies.body(bodies.RANGE),
    summary=f"Assigns a range of numbers to one's own organisation or one below; {_WHO}",
)
async def assign(
    request: Request, caller: Annotated[Caller, Depends(acting)], portal: ThisPortal
) -> Response:
    body = await json_body(request)
    code, prefix = body.get("organisation") or caller.organisation, body.get("prefix", "")
    first, last, digits = body.get("first"), body.get("last"), body.get("digits", 6)
    if (
        not isinstance(code, str)
        or not isinstance(prefix, str)
        or "\x00" in code + prefix
        or not _whole(first)
        or not _whole(last)
        or not _whole(digits)
    ):
        raise Refused(
            422,
            "bad-field",
            _BAD_FIELD,
            fields=["organisation", "prefix", "first", "last", "digits"],
        )

    def within() -> int:
        with portal.acts.begin() as tx:
            given = numbers.NumberRange(prefix, first, last, digits)
            return assign_below(tx, portal, caller, code, given, None)

    return json_answer({"assigned": await run_in_threadpool(within)}, 201)


@routes.post(
    "/v1/letters/void",
    responses=_SENDING,
    openapi_extra=bodies.body(bodies.VOID),
    summary=f"Makes a free number void, with the reason; {_WHO}",
)
async def void(
    request: Request, caller: Annotated[Caller, Depends(acting)], portal: ThisPortal
) -> Response:
    body = await json_body(request)
    number, reason = body.get("number"), body.get("reason", "")
    if not isinstance(number, str) or not isinstance(reason, str) or "\x00" in number + reason:
        raise Refused(422, "bad-field", _BAD_FIELD, fields=["number", "reason"])

    def within() -> None:
        with portal.acts.begin() as tx, queries.as_worker(tx):
            numbers.void_number(
                tx, caller.own_organisation, number, reason, portal.clock.now(), None
            )

    await run_in_threadpool(within)
    return json_answer({"number": number, "status": "void"})


def _whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**12


def assign_below(
    tx: Any,
    portal: Portal,
    caller: Caller,
    code: str,
    given: numbers.NumberRange,
    person: str | None,
) -> int:
    """Assigns a range to the caller's organisation or one below it; 403 for any other, also for one
    that there is not."""
    directory = Directory.of(tx)
    if not directory.within(code, caller.organisation):
        raise Refused(403, "not-below", _NOT_BELOW, field="organisation")
    with queries.as_worker(tx):
        return numbers.assign_range(
            tx, code, given, portal.clock.now(), by=caller.organisation, person=person
        )


def _foil(one: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the register as systems see it: no name."""
    return {
        name: one[name]
        for name in (
            "number",
            "organisation",
            "status",
            "void_reason",
            "issued_at",
            "destination",
            "receipt_due_on",
            "receipt_sent_on",
            "receipt_recorded_on",
            "photo",
        )
    } | {
        "case": str(one["case_id"]) if one["case_id"] else None,
        "expires_on": one["letter_expires_on"],
    }
