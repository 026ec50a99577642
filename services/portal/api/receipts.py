"""The calls about photos and scans of paper receipts: filed, listed, handed out, and the receipt
recorded with one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from services.cases.views import queries
from services.kit.errors import Text
from services.portal.api.answers import (
    PROBLEMS,
    file_of,
    json_answer,
    list_answer,
    problems,
)
from services.portal.api.bodies import takes
from services.portal.api.models import cases
from services.portal.api.models import papers as models
from services.portal.api.models.base import ListOf
from services.portal.api.models.commands import Receipt
from services.portal.api.parameters import Page1000
from services.portal.asking import ActingCaller, ThisPortal
from services.portal.receipts import ReceiptGiven, filed, recorded
from services.portal.upload import read_body
from services.records.letters import photos, scans

_TOO_LARGE = Text(
    "文件超过 8 MB，什么都没有保存。", "The file is larger than 8 MB; nothing was kept."
)
_WHO = "role: receiver, department, admin"
_SENDING = problems(400, 409, 411, 413)
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FILE = {"image/jpeg": _BINARY, "image/png": _BINARY, scans.PDF: _BINARY}


routes = APIRouter(tags=["papers"], responses=PROBLEMS)


async def scan_sent(request: Request) -> bytes:
    """The photo or scan that a request brings."""
    return await read_body(request, _TOO_LARGE)


@routes.post(
    "/v1/cases/{case_id}/receipt-scans",
    status_code=201,
    response_model=models.Scan,
    responses=_SENDING,
    openapi_extra={"requestBody": {"required": True, "content": _FILE}},
    summary=f"Files a photo or scan of a paper receipt to its counterfoil; {_WHO}",
)
def file(
    case_id: str,
    caller: ActingCaller,
    portal: ThisPortal,
    content: Annotated[bytes, Depends(scan_sent)],
) -> Response:
    """The photo or scan as it was filed."""
    ident = filed(portal, caller, None, case_id, content)
    with portal.web.begin() as tx:
        queries.must_see(tx, caller, case_id)
        kept = {str(photo["id"]): photo for photo in photos.photos(tx, case_id)}
    return json_answer(_scan(kept[ident]), 201)


@routes.get(
    "/v1/cases/{case_id}/receipt-scans",
    response_model=ListOf[models.Scan],
    summary=f"The photos and scans of a case's receipts; {_WHO}",
)
def kept(case_id: str, caller: ActingCaller, portal: ThisPortal, page: Page1000) -> Response:
    """A page of the photos and scans, the oldest first."""
    with portal.web.begin() as tx:
        queries.must_see(tx, caller, case_id)
        of_case = photos.photos(tx, case_id)
    return list_answer(page.keyed(of_case, lambda photo: str(photo["id"])), _scan)


@routes.get(
    "/v1/cases/{case_id}/receipt-scans/{scan}",
    responses=file_of(scans.JPEG, scans.PDF),
    response_class=Response,
    summary=f"One photo or scan, as a file; {_WHO}",
)
def one_scan(case_id: str, scan: str, caller: ActingCaller, portal: ThisPortal) -> Response:
    """The photo or scan, to be kept as a file."""
    with portal.web.begin() as tx:
        queries.must_see(tx, caller, case_id)
        kind, content = photos.photo(tx, case_id, scan)
    name = "receipt.pdf" if kind == scans.PDF else "receipt.jpg"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=kind, headers=headers)


@routes.post(
    "/v1/cases/{case_id}/receipt-scans/{scan}/record",
    response_model=cases.Case,
    responses=_SENDING,
    openapi_extra=takes(Receipt.described()),
    summary=f"Records the receipt of which this is the photo or scan, in one act; {_WHO}",
)
def record(
    case_id: str,
    scan: str,
    caller: ActingCaller,
    portal: ThisPortal,
    body: Annotated[Receipt, Depends(Receipt.sent)],
) -> Response:
    """The new case view."""
    receipt = ReceiptGiven(body.command, body.seen_state, body.arguments)
    view = recorded(portal, caller, None, case_id, scan, receipt)
    return json_answer(view)


def _scan(photo: Mapping[str, Any]) -> dict[str, Any]:
    """A photo or scan as systems see it."""
    return {
        "id": str(photo["id"]),
        "number": photo["number"],
        "type": photo["type"],
        "by": photo["by_organisation"],
        "at": photo["at"],
        "seq": photo["seq"],
    }
