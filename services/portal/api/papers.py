"""The calls about papers: letters, receipts and enquiries as files, the register of counterfoils,
number ranges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from services.cases.store import numbers
from services.cases.views import queries
from services.kit.errors import Refused, Text
from services.portal.api.answers import (
    PROBLEMS,
    SENDING,
    file_of,
    json_answer,
    list_answer,
    members_answer,
    problems,
)
from services.portal.api.bodies import takes
from services.portal.api.models import papers as models
from services.portal.api.models.base import ListOf
from services.portal.api.parameters import Page100, Page200, QueryText
from services.portal.asking import ActingCaller, ThisPortal
from services.portal.pages.papers import assign_below
from services.portal.paper_files import (
    DOCX,
    PDF,
    enquiry_pdf,
    letters_docx,
    letters_pdf,
    receipt_pdf,
)
from services.records.letters import papers, word

_BAD_STATUS = Text(
    f"status 应为其一：{'、'.join(numbers.STATUSES)}。",
    f"status is one of {', '.join(numbers.STATUSES)}.",
)
_WORD_MAX = Text(
    f"Word 一次至多 {word.SHEETS_MAX} 份，更多请用 PDF。",
    f"At most {word.SHEETS_MAX} letters as Word; take PDF for more.",
)
_WHO = "role: receiver, department, admin"


routes = APIRouter(tags=["papers"], responses=PROBLEMS | problems(409))


@routes.get(
    "/v1/cases/{case_id}/letter.pdf",
    responses=file_of(PDF),
    response_class=Response,
    summary=f"The letter; over=true: its values alone, for a stock form; {_WHO}",
)
def letter_pdf(
    case_id: str, caller: ActingCaller, portal: ThisPortal, over: bool = False
) -> Response:
    """The letter of a case as PDF."""
    return letters_pdf(portal, caller, [case_id], None, over)


@routes.get(
    "/v1/cases/{case_id}/letter.docx",
    responses=file_of(DOCX),
    response_class=Response,
    summary=f"The letter as Word; {_WHO}",
)
def letter_docx(case_id: str, caller: ActingCaller, portal: ThisPortal) -> Response:
    """The letter of a case as Word."""
    return letters_docx(portal, caller, [case_id], None)


@routes.get(
    "/v1/cases/{case_id}/receipt.pdf",
    responses=file_of(PDF),
    response_class=Response,
    summary=f"The receipt; {_WHO}",
)
def receipt(case_id: str, caller: ActingCaller, portal: ThisPortal, over: bool = False) -> Response:
    """The receipt of a case as PDF."""
    return receipt_pdf(portal, caller, case_id, None, over)


@routes.get(
    "/v1/cases/{case_id}/enquiries/{place}.pdf",
    responses=file_of(PDF),
    response_class=Response,
    summary=f"A letter of enquiry, by the order in which they were asked; {_WHO}",
)
def enquiry(case_id: str, place: int, caller: ActingCaller, portal: ThisPortal) -> Response:
    """One letter of enquiry as PDF."""
    return enquiry_pdf(portal, caller, case_id, place, None)


@routes.post(
    "/v1/letters/batch",
    responses=file_of(PDF, DOCX) | SENDING,
    openapi_extra=takes(models.LettersWanted.described()),
    response_class=Response,
    summary=f"Up to 10,000 letters in one file; {_WHO}",
)
def batch(
    caller: ActingCaller,
    portal: ThisPortal,
    body: Annotated[models.LettersWanted, Depends(models.LettersWanted.sent)],
) -> Response:
    """The letters of the cases named, or of all that may be printed."""
    cases = body.cases
    if cases is None:
        with portal.web.begin() as tx:
            cases = papers.printable(tx, caller)
    if body.format == "pdf":
        return letters_pdf(portal, caller, cases, None, body.over)
    if len(cases) > word.SHEETS_MAX:
        raise Refused(422, "too-many", _WORD_MAX, field="cases")
    return letters_docx(portal, caller, cases, None)


@dataclass(frozen=True, slots=True)
class RegisterFilter:
    """Which counterfoils: of a status; with a number or a name; accepted and without a receipt."""

    status: str | None
    find: str | None
    no_receipt: bool


async def register_filter(
    status: QueryText = None, find: QueryText = None, no_receipt: bool = False
) -> RegisterFilter:
    """The counterfoils that a query asks for; Refused 422 for a status that there is not."""
    if status is not None and status not in numbers.STATUSES:
        raise Refused(422, "bad-status", _BAD_STATUS, field="status")
    return RegisterFilter(status, find, no_receipt)


@routes.get(
    "/v1/letters",
    response_model=ListOf[models.Counterfoil],
    summary=f"The register of counterfoils of one's own tree; {_WHO}",
)
def register(
    caller: ActingCaller,
    portal: ThisPortal,
    page: Page100,
    chosen: Annotated[RegisterFilter, Depends(register_filter)],
) -> Response:
    """A page of the register, the newest letter first."""
    with portal.read_as(caller) as tx:
        counterfoils = numbers.register(
            tx,
            caller.own_organisation,
            **asdict(chosen),
            limit=page.one_more,
            offset=page.start,
        )
    return members_answer(portal, caller, "letters", page.counted(counterfoils), _counterfoil)


@routes.get(
    "/v1/letters/ranges",
    response_model=ListOf[models.RangeAssigned],
    summary=f"Number ranges, and how many numbers each has left; {_WHO}",
)
def ranges(caller: ActingCaller, portal: ThisPortal, page: Page200) -> Response:
    """A page of the ranges of one's own tree, newest first."""
    with portal.read_as(caller) as tx:
        assigned = numbers.ranges(tx, caller.own_organisation, page.one_more, page.start)
    return list_answer(page.counted(assigned))


@routes.post(
    "/v1/letters/ranges",
    status_code=201,
    response_model=models.Assigned,
    responses=SENDING,
    openapi_extra=takes(models.Range.described()),
    summary=f"Assigns a range of numbers to one's own organisation or one below; {_WHO}",
)
def assign(
    caller: ActingCaller,
    portal: ThisPortal,
    body: Annotated[models.Range, Depends(models.Range.sent)],
) -> Response:
    """How many numbers were assigned."""
    code = body.organisation or caller.own_organisation
    given = numbers.NumberRange(body.prefix, body.first, body.last, body.digits)
    with portal.acts.begin() as tx:
        assigned = assign_below(tx, portal, caller, code, given, None)
    return json_answer({"assigned": assigned}, 201)


@routes.post(
    "/v1/letters/void",
    response_model=models.Voided,
    responses=SENDING,
    openapi_extra=takes(models.Void.described()),
    summary=f"Makes a free number void, with the reason; {_WHO}",
)
def void(
    caller: ActingCaller,
    portal: ThisPortal,
    body: Annotated[models.Void, Depends(models.Void.sent)],
) -> Response:
    """The number, void now."""
    own, now = caller.own_organisation, portal.clock.now()
    with portal.acts.begin() as tx, queries.as_worker(tx):
        numbers.void_number(tx, own, body.number, body.reason, now, None)
    return json_answer({"number": body.number, "status": "void"})


def _counterfoil(row: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the register as systems see it: no name."""
    return {
        "number": row["number"],
        "organisation": row["organisation"],
        "status": row["status"],
        "void_reason": row["void_reason"],
        "issued_at": row["issued_at"],
        "destination": row["destination"],
        "receipt_due_on": row["receipt_due_on"],
        "receipt_sent_on": row["receipt_sent_on"],
        "receipt_recorded_on": row["receipt_recorded_on"],
        "photo": row["photo"],
        "case": str(row["case_id"]) if row["case_id"] else None,
        "expires_on": row["letter_expires_on"],
    }
