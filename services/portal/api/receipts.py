"""The calls about photos and scans of paper receipts: filed, listed, handed out, and the receipt
recorded with one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from services.cases.views import queries
from services.kit.db import paging
from services.kit.errors import Refused, Words
from services.portal.api import bodies
from services.portal.api import cases as api
from services.portal.asking import ThisPortal, callers
from services.portal.receipts import RECORDING, filed, recorded
from services.portal.upload import read_body
from services.records.letters import photos, scans
from services.registry.access import Caller

_TOO_LARGE = Words(
    "文件超过 8 MB，什么都没有保存。", "The file is larger than 8 MB; nothing was kept."
)
_COMMAND = Words(
    f"command 应为其一：{'、'.join(RECORDING)}。", f"command is one of {', '.join(RECORDING)}."
)
_NO_STATE = Words(
    "缺少 seen_state，请写明所看到的状态，以免办理时情况已变。",
    "seen_state is missing: name the state you saw, lest it has changed meanwhile.",
)
_WHO = "role: receiver, department, admin"
_KINDS = ("image/jpeg", "image/png", scans.PDF)
_SCAN = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _KINDS}
_SENDING = bodies.problems(400, 409, 411, 413)
_KEPT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the photo or scan",
        "content": {kind: _SCAN[kind] for kind in (scans.JPEG, scans.PDF)},
    }
}


routes = APIRouter(tags=["papers"], responses=api.PROBLEMS)
acting = callers(api.ACTING)


@routes.post(
    "/v1/cases/{case_id}/receipt-scans",
    status_code=201,
    responses=_SENDING,
    openapi_extra={"requestBody": {"required": True, "content": _SCAN}},
    summary=f"Files a photo or scan of a paper receipt to its counterfoil; {_WHO}",
)
async def file(
    case_id: str, request: Request, caller: Annotated[Caller, Depends(acting)], portal: ThisPortal
) -> Response:
    content = await read_body(request, _TOO_LARGE)

    def within() -> dict[str, Any]:
        ident = filed(portal, caller, None, case_id, content)
        with portal.web.begin() as tx:
            queries.must_see(tx, caller, case_id)
            return _told(next(one for one in photos.photos(tx, case_id) if str(one["id"]) == ident))

    return api.json_answer(await run_in_threadpool(within), 201)


@routes.get(
    "/v1/cases/{case_id}/receipt-scans",
    summary=f"The photos and scans of a case's receipts; {_WHO}",
)
def kept(
    case_id: str,
    caller: Annotated[Caller, Depends(acting)],
    portal: ThisPortal,
    limit: api.Limit = 1000,
    cursor: api.Cursor = None,
) -> Response:
    with portal.web.begin() as tx:
        queries.must_see(tx, caller, case_id)
        found = photos.photos(tx, case_id)
    page, more = paging.keyed(found, limit, cursor, lambda one: str(one["id"]))
    return api.json_answer({"items": [_told(one) for one in page], "next": more})


@routes.get(
    "/v1/cases/{case_id}/receipt-scans/{scan}",
    responses=_KEPT,
    response_class=Response,
    summary=f"One photo or scan, as a file; {_WHO}",
)
def one(
    case_id: str, scan: str, caller: Annotated[Caller, Depends(acting)], portal: ThisPortal
) -> Response:
    with portal.web.begin() as tx:
        queries.must_see(tx, caller, case_id)
        kind, content = photos.photo(tx, case_id, scan)
    name = "receipt.pdf" if kind == scans.PDF else "receipt.jpg"
    return Response(
        content,
        media_type=kind,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


@routes.post(
    "/v1/cases/{case_id}/receipt-scans/{scan}/record",
    responses=_SENDING,
    openapi_extra=bodies.body(bodies.RECEIPT),
    summary=f"Records the receipt of which this is the photo or scan, in one act; {_WHO}",
)
async def record(
    case_id: str,
    scan: str,
    request: Request,
    caller: Annotated[Caller, Depends(acting)],
    portal: ThisPortal,
) -> Response:
    body = await api.json_body(request)
    command, seen = body.pop("command", RECORDING[0]), body.pop("seen_state", None)
    if command not in RECORDING:
        raise Refused(422, "bad-field", _COMMAND, field="command")
    if not isinstance(seen, str):
        raise Refused(422, "field-missing", _NO_STATE, field="seen_state")
    return api.json_answer(
        await run_in_threadpool(recorded, portal, caller, None, case_id, command, seen, body, scan)
    )


def _told(one: Mapping[str, Any]) -> dict[str, Any]:
    """A photo or scan as systems see it; ``seq``: the row of history that it is the evidence of,
    else null.
    """
    return {
        "id": str(one["id"]),
        "number": one["number"],
        "type": one["type"],
        "by": one["by_organisation"],
        "at": one["at"],
        "seq": one["seq"],
    }
