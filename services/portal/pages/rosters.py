"""The pages of a roll beside the register: upload, the lists that come of it, and the two lists of
reconciliation.
"""

from __future__ import annotations

import csv
import io
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from schemas.departures import SOURCE_PREFIX, posted_id
from services.cases.views import queries
from services.kit.errors import Refused, Text
from services.kit.translations import N_
from services.portal.asking import ThisPortal
from services.portal.context import Portal
from services.portal.page import Form, PageRoute, check_token, read_form, render, signed_in
from services.portal.pages.department import RECONCILED
from services.portal.pages.reviews import masked_person
from services.portal.upload import Upload, read_upload
from services.records import comparisons, reconciliation
from services.registry.access import Caller
from services.registry.directory import Directory, Organisation
from services.registry.rosters import TITLES, read_roll
from services.registry.tabular import FORMULA, BadFile

ROWS = 50
LISTS = {
    "not_here": N_("名册上有，库里不在本组织"),
    "not_in_roll": N_("库里在本组织，名册上没有"),
    "review": N_("身份要由人核对"),
    "bad": N_("有误的行"),
}
NEXT = {
    "host_report": N_("报为已在本地"),
    "case": N_("转移在办"),
    "announce_departure": N_("报送离开"),
    "look": N_("补全身份信息后重传"),
    "mend": N_("改好后重传"),
}
_WHO = "role: secretary, clerk, department, admin"
NO_SUCH = Text(
    "没有这次比对，或不归本组织查看。",
    "There is no such comparison, or it is not for your organisation.",
)
NOT_BELOW = Text(
    "只能比对本组织及其以下的组织。",
    "You can only compare your own organisation and those below it.",
)
_NO_FILE = Text("请选择名册文件（.xlsx 或 .csv）。", "Choose the file of the roll (.xlsx or .csv).")


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/rolls", summary=f"Rolls compared with the register; {_WHO}")
def start(request: Request, portal: ThisPortal) -> Response:
    """The rolls that were compared, with the form for one more."""
    return _start(portal, request)


@routes.post("/rolls", summary=f"Compares a roll; {_WHO}")
def upload(
    request: Request, sent: Annotated[Upload, Depends(read_upload)], portal: ThisPortal
) -> Response:
    """Compares a roll with the register."""
    viewer = signed_in(portal, request)
    check_token(portal, request, sent.form)
    with portal.web.begin() as tx:
        organisation = organisation_below(tx, viewer.caller, sent.form.get("organisation", ""))
    try:
        if not sent.content:
            raise BadFile(*_NO_FILE)
        roll = read_roll(sent.content)
    except BadFile as bad:
        return _start(portal, request, Refused(422, "bad-file", bad.words))
    ident = portal.compare(
        organisation, roll, by=viewer.organisation, person=viewer.name, file=sent.name
    )
    return RedirectResponse(f"/rolls/{ident}", 303)


@routes.get("/rolls/{ident}", summary=f"What came of a roll; {_WHO}")
def outcome(
    request: Request,
    ident: UUID,
    portal: ThisPortal,
    chosen: Annotated[str, Query(alias="list")] = "not_here",
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
    done: bool = False,
) -> Response:
    """A page of one of the lists that came of a roll."""
    viewer = signed_in(portal, request)
    chosen = chosen if chosen in LISTS else "not_here"
    with portal.web.begin() as tx:
        comparison = seen(tx, viewer.caller, ident)
        after = _position_before(tx, ident, chosen, (page - 1) * ROWS)
        lines = comparisons.lines_of(tx, ident, chosen, after, ROWS + 1)
        names = Directory.of(tx)
        lines = comparisons.for_reader(lines, viewer.own_organisation, names)
    for line in lines:
        line["person"] = masked_person(line["person"])
    return render(
        portal,
        request,
        "roll.html",
        viewer,
        one=comparison,
        lines=lines[:ROWS],
        more=len(lines) > ROWS,
        listed=("roll", len(lines[:ROWS])),
        page=page,
        list=chosen,
        lists=LISTS,
        next_words=NEXT,
        names=names,
        done=done,
    )


@routes.get("/rolls/{ident}/bad.csv", summary=f"The bad rows, to be mended and sent again; {_WHO}")
def bad(request: Request, ident: UUID, portal: ThisPortal) -> Response:
    """The bad rows of a roll as CSV, to be mended and sent again."""
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        seen(tx, viewer.caller, ident)
        lines = comparisons.lines_of(tx, ident, "bad", -1, 30_000)
    return Response(
        to_mend(lines),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": 'attachment; filename="bad-rows.csv"',
            "Cache-Control": "no-store",
        },
    )


@routes.post(
    "/rolls/{ident}/{position}/report", summary=f"Reports a row's person as being here; {_WHO}"
)
def report(
    request: Request,
    ident: UUID,
    position: int,
    form: Annotated[Form, Depends(read_form)],
    portal: ThisPortal,
) -> Response:
    """Reports a row's person as being here."""
    viewer = signed_in(portal, request)
    check_token(portal, request, form)
    report_row(portal, viewer.caller, ident, position, viewer.name)
    return RedirectResponse(f"/rolls/{ident}?list=not_here&done=1", 303)


@routes.get(
    "/reconciliation",
    summary=f"Announced and never arrived, arrived and never announced; {_WHO}",
)
def lists(
    request: Request,
    portal: ThisPortal,
    chosen: Annotated[str, Query(alias="list")] = "announced",
    organisation: str = "",
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:
    """A page of those announced who never arrived, or arrived and were never announced."""
    viewer, now = signed_in(portal, request), portal.clock.now()
    chosen = chosen if chosen in RECONCILED else "announced"
    with portal.web.begin() as tx:
        top = organisation_below(tx, viewer.caller, organisation)
        counts = {
            name: reconciliation.unreconciled_count(
                tx, reconciliation.PocketList(name, top.code, now, portal.rule_source)
            )
            for name in RECONCILED
        }
        cases = reconciliation.unreconciled(
            tx,
            reconciliation.PocketList(chosen, top.code, now, portal.rule_source),
            limit=ROWS,
            offset=(page - 1) * ROWS,
        )
        names = Directory.of(tx)
    return render(
        portal,
        request,
        "reconciliation.html",
        viewer,
        top=top,
        lists=RECONCILED,
        list=chosen,
        listed=("reconciliation", len(cases)),
        counts=counts,
        found=cases,
        names=names,
        page=page,
        more=counts[chosen] > page * ROWS,
    )


def _start(portal: Portal, request: Request, refused: Refused | None = None) -> Response:
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, viewer.caller)
        past, names, calendar = comparisons.made(tx), Directory.of(tx), portal.calendar(tx)
        check = reconciliation.check_due(tx, viewer.own_organisation)
    return render(
        portal,
        request,
        "rolls.html",
        viewer,
        status=refused.status if refused else 200,
        past=past,
        names=names,
        refused=refused,
        columns=TITLES,
        check=check,
        calendar=calendar,
    )


def organisation_below(tx: Connection, caller: Caller, code: str) -> Organisation:
    """The organisation named, or the caller's own; lets the transaction see the caller's tree."""
    queries.look_at_cases(tx, caller)
    directory = Directory.of(tx)
    organisation = directory.get(code or caller.organisation)
    if organisation is None or not directory.within(organisation.code, caller.organisation):
        raise Refused(403, "not-below", NOT_BELOW)
    return organisation


def seen(tx: Connection, caller: Caller, ident: UUID) -> dict[str, Any]:
    """One comparison of the caller's tree; raises Refused 404."""
    queries.look_at_cases(tx, caller)
    made = comparisons.made(tx, ident)
    if not made:
        raise Refused(404, "no-such-comparison", NO_SUCH)
    return made[0]


def report_row(
    portal: Portal, caller: Caller, ident: UUID, position: int, person: str | None
) -> UUID:
    """Posts the host.report of one row as the organisation that was compared's own act; returns the
    event.
    """
    with portal.web.begin() as tx:
        seen(tx, caller, ident)
        lines = comparisons.lines_of(tx, ident, "not_here", position - 1, 1)
    if not lines or lines[0]["position"] != position or lines[0]["next"] != "host_report":
        raise Refused(404, "no-such-row", NO_SUCH)
    sent = comparisons.report_of(lines[0], ident, SOURCE_PREFIX + caller.own_organisation)
    outcome = portal.post(Caller(caller.organisation, caller.path, "sender"), [sent])[0]
    if outcome not in ("accepted", "duplicate"):
        words = outcome.words() if hasattr(outcome, "words") else NO_SUCH
        raise Refused(422, "row-not-accepted", words)
    event = posted_id(sent["source"], sent["id"])
    with portal.worker.begin() as tx:
        comparisons.done(
            tx, ident, position, event, person or caller.own_organisation, portal.clock.now()
        )
    return event


def to_mend(lines: list[dict[str, Any]]) -> bytes:
    """Bad rows as CSV for a spreadsheet: what is wrong, then the cells under the headings that an
    upload understands.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["行", "列", "原因", "怎么改", *TITLES.values()])
    for line in lines:
        fault, person = line["faults"] or {}, line["person"] or {}
        cells = [
            fault.get("column"),
            fault.get("reason"),
            fault.get("fix"),
            *(person.get(name) for name in TITLES),
        ]
        writer.writerow([line["row_number"], *(harmless(cell or "") for cell in cells)])
    return out.getvalue().encode("utf-8-sig")


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula, nor a long number for a figure."""
    return "'" + cell if cell.startswith(FORMULA) or (cell.isdigit() and len(cell) > 11) else cell


def _position_before(tx: Connection, ident: UUID, list_: str, offset: int) -> int:
    """The position after which a page of a list begins."""
    if not offset:
        return -1
    skipped = comparisons.lines_of(tx, ident, list_, -1, offset)
    return skipped[-1]["position"] if skipped else -1
