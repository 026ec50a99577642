"""The pages of papers: print letters and receipts, file photos of receipts, the register of
counterfoils, number ranges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from services.cases.commands.arguments import bounded
from services.cases.model.case import Case
from services.cases.store import numbers, tables
from services.cases.views import queries
from services.cases.views.card import Card, card_of
from services.kit.errors import Refused, Text
from services.kit.translations import N_
from services.portal.asking import CheckedForm, SignedIn, ThisPortal
from services.portal.context import Portal
from services.portal.page import (
    Form,
    PageRoute,
    check_token,
    page_of,
    render,
    signed_in,
)
from services.portal.pages.cases import NO_CASE
from services.portal.pages.fields import AskedField, FormBox, arguments
from services.portal.paper_files import enquiry_pdf, letters_docx, letters_pdf, receipt_pdf
from services.portal.receipts import RECORDING, ReceiptGiven, filed, receipt_fields, recorded
from services.portal.sessions import Viewer
from services.portal.upload import read_upload
from services.records.letters import papers, photos, scans
from services.records.letters.fonts import fonts_of
from services.records.letters.glyphs import undrawable
from services.registry.access import Caller
from services.registry.directory import Directory, Organisation

ROWS = 50
STATUSES = (
    ("given", N_("已开出或作废")),
    ("all", N_("全部")),
    ("free", N_("未用")),
    ("valid", N_("有效")),
    ("expired", N_("已过期")),
    ("used", N_("已接收")),
    ("void", N_("已作废")),
)
VOID_REASONS = {
    "replaced": N_("已补开新号"),
    "letter_void": N_("遗失或作废"),
    "cancelled": N_("已撤销"),
    "destination_confirmed": N_("改了去向"),
    "stay_approved": N_("批准暂留"),
}
_NO_LETTER = Text(
    "没有这封介绍信，或本组织不是其中一方。请核对二维码或编号。",
    "There is no such letter, or your organisation has no part in it. Check the code or the "
    "number.",
)
_NUMBER = Text("请填整数或毫米数。", "Give a whole number, or millimetres.")
_SANDBOX = "default-src 'none'; sandbox; frame-ancestors 'none'"
_ROLES = "role: secretary, clerk, department, admin"
_NOT_BELOW = Text(
    "只能办理本组织及其以下组织的号段。", "Only for your own organisation and those below it."
)


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get(
    "/l/{token}",
    summary=f"Where the QR code of a letter leads: its case, for who may see it; {_ROLES}",
)
def scanned(token: str, portal: ThisPortal, viewer: SignedIn) -> Response:
    """Leads from the QR code of a letter to its case, for whoever may see it."""
    with portal.web.begin() as tx:
        with queries.as_worker(tx):
            case = numbers.case_of_token(tx, token) if token.isalnum() else None
        queries.look_at_cases(tx, viewer.caller)
        if case is None or queries.case_view(tx, case, portal.clock.now()) is None:
            raise Refused(404, "no-such-letter", _NO_LETTER)
    return RedirectResponse(f"/cases/{case}", 303)


@routes.get("/cases/{case_id}/papers", summary=f"The papers of one case; {_ROLES}")
def of_a_case(
    request: Request, case_id: str, portal: ThisPortal, viewer: SignedIn, done: str = ""
) -> Response:
    """The papers of one case."""
    return _papers(portal, request, viewer, case_id, done)


@routes.get("/cases/{case_id}/letter.pdf", summary=f"The letter; {_ROLES}")
def letter(request: Request, case_id: str, portal: ThisPortal, over: bool = False) -> Response:
    """The letter of a case as PDF."""
    viewer = signed_in(portal, request)
    return letters_pdf(portal, viewer.caller, [case_id], viewer.name, over)


@routes.get("/cases/{case_id}/letter.docx", summary=f"The letter as Word; {_ROLES}")
def letter_word(case_id: str, portal: ThisPortal, viewer: SignedIn) -> Response:
    """The letter of a case as Word."""
    return letters_docx(portal, viewer.caller, [case_id], viewer.name)


@routes.get("/cases/{case_id}/receipt.pdf", summary=f"The receipt; {_ROLES}")
def receipt(request: Request, case_id: str, portal: ThisPortal, over: bool = False) -> Response:
    """The receipt of a case as PDF."""
    viewer = signed_in(portal, request)
    return receipt_pdf(portal, viewer.caller, case_id, viewer.name, over)


@routes.get("/cases/{case_id}/enquiry-{place}.pdf", summary=f"A letter of enquiry; {_ROLES}")
def one_enquiry(request: Request, case_id: str, place: int, portal: ThisPortal) -> Response:
    """One letter of enquiry as PDF."""
    viewer = signed_in(portal, request)
    return enquiry_pdf(portal, viewer.caller, case_id, place, viewer.name)


@routes.get("/cases/{case_id}/photos/{photo}", summary=f"A photo of a paper receipt; {_ROLES}")
def one_photo(case_id: str, photo: str, portal: ThisPortal, viewer: SignedIn) -> Response:
    """A photo or scan of a paper receipt as it was filed."""
    with portal.web.begin() as tx:
        queries.must_see(tx, viewer.caller, case_id)
        kind, content = photos.photo(tx, case_id, photo)
    shown = (
        'attachment; filename="receipt.pdf"'
        if kind == scans.PDF
        else 'inline; filename="receipt.jpg"'
    )
    return Response(
        content,
        media_type=kind,
        headers={"Content-Disposition": shown, "Content-Security-Policy": _SANDBOX},
    )


@routes.get(
    "/cases/{case_id}/photos/{photo}/shown",
    summary=f"What is seen of a photo or of a scan's first page; {_ROLES}",
)
def seen(case_id: str, photo: str, portal: ThisPortal, viewer: SignedIn) -> Response:
    """A photo, or the first page of a scan, as a picture."""
    with portal.web.begin() as tx:
        queries.must_see(tx, viewer.caller, case_id)
        kind, content = photos.photo(tx, case_id, photo)
    if kind == scans.PDF:
        content = scans.first_page(content)
    return Response(
        content,
        media_type=scans.JPEG,
        headers={
            "Content-Disposition": 'inline; filename="receipt.jpg"',
            "Content-Security-Policy": _SANDBOX,
        },
    )


@routes.post(
    "/cases/{case_id}/photos",
    summary=f"Files a photo or scan of a paper receipt, and records the receipt with it; {_ROLES}",
)
async def file_photo(request: Request, case_id: str, portal: ThisPortal) -> Response:
    """Files a photo or scan, and records the receipt with it."""
    upload = await read_upload(request)
    return await run_in_threadpool(
        _file_photo, portal, request, case_id, upload.form, upload.content
    )


@dataclass(frozen=True, slots=True)
class RegisterQuery:
    """What the address of a page of the register says."""

    status: str = "given"
    find: str = ""
    no_receipt: bool = False
    page: Annotated[int, Query(ge=1, le=10_000)] = 1
    done: str = ""


@routes.get("/letters", summary=f"The register of counterfoils; {_ROLES}")
def register(
    request: Request, portal: ThisPortal, asked: Annotated[RegisterQuery, Depends()]
) -> Response:
    """A page of the register of counterfoils; a text to search for is never part of an address."""
    if asked.find:  # an old link: what is searched for may be a name, and an address ends in logs
        return RedirectResponse("/letters", 303)
    chosen = Chosen(
        status=asked.status, no_receipt=asked.no_receipt, page=asked.page, done=asked.done
    )
    return _register(portal, request, signed_in(portal, request), chosen)


@routes.post("/letters", summary=f"Searches the register, by name too; {_ROLES}")
def search(request: Request, form: CheckedForm, portal: ThisPortal, viewer: SignedIn) -> Response:
    """The register searched, by name too."""
    chosen = Chosen(
        status=form.get("status", "given"),
        find=form.get("find", "")[:100],
        no_receipt=form.get("no_receipt") == "true",
        page=page_of(form),
    )
    return _register(portal, request, viewer, chosen)


@routes.post(
    "/letters/{act}",
    summary=f"Batch print, a range, a void number, or how one prints; {_ROLES}",
)
def acted(
    request: Request, act: str, form: CheckedForm, portal: ThisPortal, viewer: SignedIn
) -> Response:
    """Prints a batch, assigns a range, makes a number void or sets how letters are printed."""
    try:
        if act == "print":
            return _batch(portal, request, viewer, form)
        _ACTS[act](portal, viewer, form)
    except KeyError:
        raise Refused(404, "no-such-letter", _NO_LETTER) from None
    except Refused as refused:
        if refused.status == 404:
            raise
        return _register(portal, request, viewer, Chosen(), refused)
    return RedirectResponse(f"/letters?done={act}", 303)


@dataclass(frozen=True)
class Enquiry:
    """A letter of enquiry: its place among them, whom it goes to, when it was asked for."""

    place: int
    to: Organisation | None
    at: str


@dataclass(frozen=True, kw_only=True)
class PapersPage:
    """What the page of a case's papers reads. ``recording``: the command that records the receipt,
    where it may be given; ``loose``: a photo that is the evidence of no step yet.
    """

    case: Mapping[str, Any]
    card: Card
    photos: Sequence[Any]
    asks: Sequence[Enquiry]
    recording: str | None
    loose: Any | None
    fields: Sequence[AskedField]
    form: FormBox
    may_print: bool
    may_receipt: bool
    may_file: bool


def _papers(  # noqa: PLR0913
    portal: Portal,
    request: Request,
    viewer: Viewer,
    case_id: str,
    done: str,
    refused: Refused | None = None,
    given: Mapping[str, str] | None = None,
) -> Response:
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, viewer.caller)
        card = card_of(tx, case_id, portal.clock.now(), viewer.own_organisation, portal.rule_source)
        if card is None:
            raise Refused(404, "no-such-case", NO_CASE)
        page = _papers_page(tx, viewer, card, given or {})
    return render(
        portal,
        request,
        "papers.html",
        viewer,
        status=refused.status if refused else 200,
        done=done,
        refused=refused,
        **vars(page),
    )


def _papers_page(
    tx: Connection, viewer: Viewer, card: Card, given: Mapping[str, str]
) -> PapersPage:
    directory = Directory.of(tx)
    kept = photos.photos(tx, card.id)
    with queries.as_worker(tx):
        case = tables.load(tx, [card.id])[card.id]
    ends = (case.origin_committee, case.receiving_committee)
    at_an_end = any(directory.within(end, viewer.organisation) for end in ends)
    recording = next((command for command in RECORDING if command in card.allowed), None)
    loose = [photo for photo in kept if photo.seq is None] if recording else []
    letter_valid = case.letter_status == "valid"
    return PapersPage(
        case=card.view,
        card=card,
        photos=kept,
        asks=_enquiries(case, viewer, directory),
        recording=recording,
        loose=loose[-1] if loose else None,
        fields=receipt_fields(recording, case.letter_number, given),
        form=FormBox(),
        may_print=letter_valid and papers.may_print_letter(case, viewer.caller, directory),
        may_receipt=bool(at_an_end and case.accepted_on and case.letter_number),
        may_file=bool(at_an_end and case.letter_number),
    )


def _enquiries(case: Case, viewer: Viewer, directory: Directory) -> list[Enquiry]:
    """The letters of enquiry that the viewer's organisation or one below it asked for."""
    return [
        Enquiry(place, directory.get(asked["to"]), asked["at"])
        for place, asked in enumerate(case.asks, start=1)
        if directory.within(asked["by"], viewer.organisation)
    ]


def _file_photo(
    portal: Portal, request: Request, case_id: str, form: Form, content: bytes
) -> Response:
    """Keeps the photo, and records the receipt where that was asked for. A photo is kept though the
    act is refused: what was typed can be mended beside it.
    """
    viewer = signed_in(portal, request)
    check_token(portal, request, form)
    photo, command = form.get("photo", ""), form.get("command", "")
    try:
        if content or not photo:
            photo = filed(portal, viewer.caller, viewer.name, case_id, content)
        if command in RECORDING:
            given = ReceiptGiven(command, form.get("seen_state"), arguments(command, form))
            recorded(portal, viewer.caller, viewer.name, case_id, photo, given)
    except Refused as refused:
        if refused.status == 404:
            raise
        return _papers(portal, request, viewer, case_id, "", refused, form)
    return RedirectResponse(f"/cases/{case_id}/papers?done={command or 'photo'}", 303)


@dataclass(frozen=True)
class Chosen:
    """What of the register is shown: a status, digits of a number or a name, only those without a
    receipt; and what was done just before.
    """

    status: str = "given"
    find: str = ""
    no_receipt: bool = False
    page: int = 1
    done: str = ""


@dataclass(frozen=True, kw_only=True)
class RegisterPage:
    """What the register of counterfoils reads. ``rare``: names with characters that no font has;
    ``unprinted``: how many letters wait for print.
    """

    rows: Sequence[Mapping[str, Any]]
    more: bool
    counts: Mapping[str, int]
    ranges: Sequence[Mapping[str, Any]]
    unprinted: int
    setting: papers.Setting
    rare: Sequence[Any]


def _register(
    portal: Portal,
    request: Request,
    viewer: Viewer,
    chosen: Chosen,
    refused: Refused | None = None,
) -> Response:
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, viewer.caller)
        page = _register_page(portal, tx, viewer, chosen)
    return render(
        portal,
        request,
        "letters.html",
        viewer,
        status=refused.status if refused else 200,
        listed=("letters", len(page.rows)),
        chosen=chosen,
        refused=refused,
        statuses=STATUSES,
        void_reasons=VOID_REASONS,
        **vars(page),
    )


def _register_page(portal: Portal, tx: Connection, viewer: Viewer, chosen: Chosen) -> RegisterPage:
    own, directory = viewer.own_organisation, Directory.of(tx)
    numbers_shown = numbers.register(
        tx,
        own,
        status=chosen.status if chosen.status in ("given", *numbers.STATUSES) else None,
        find=chosen.find,
        limit=ROWS + 1,
        no_receipt=chosen.no_receipt,
        offset=(chosen.page - 1) * ROWS,
    )
    lines = []
    for row in numbers_shown[:ROWS]:
        issuer = _name(directory, row["organisation"])
        lines.append(dict(row) | {"issuer": issuer, "to": _name(directory, row["destination"])})
    ranges = []
    for row in numbers.ranges(tx, own):
        ranges.append(dict(row) | {"issuer": _name(directory, row["organisation"])})
    return RegisterPage(
        rows=lines,
        more=len(numbers_shown) > ROWS,
        counts=numbers.register_counts(tx, own),
        ranges=ranges,
        unprinted=len(papers.printable(tx, viewer.caller)),
        setting=papers.settings_of(tx, [own]).get(own, papers.Setting()),
        rare=undrawable(tx, own, fonts_of(portal.fonts)),
    )


def _name(directory: Directory, code: str | None) -> str:
    organisation = directory.get(code)
    return organisation.name if organisation else code or ""


def _batch(portal: Portal, request: Request, viewer: Viewer, form: Form) -> Response:
    with portal.web.begin() as tx:
        ids = papers.printable(tx, viewer.caller)
    return letters_pdf(portal, viewer.caller, ids, viewer.name, form.get("over") == "true")


def _whole(form: Form, name: str) -> int:
    text = form.get(name, "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise Refused(422, "bad-field", _NUMBER, field=name)
    return int(text)


def assign_below(
    tx: Connection,
    portal: Portal,
    caller: Caller,
    code: str,
    given: numbers.NumberRange,
    person: str | None,
) -> int:
    """Assigns a range to the caller's organisation or one below it; returns how many numbers.

    403 for any other organisation, also for one that there is not.
    """
    if not Directory.of(tx).within(code, caller.organisation):
        raise Refused(403, "not-below", _NOT_BELOW, field="organisation")
    with queries.as_worker(tx):
        return numbers.assign_range(
            tx, code, given, portal.clock.now(), by=caller.organisation, person=person
        )


def _range(portal: Portal, viewer: Viewer, form: Form) -> None:
    code = form.get("organisation", "").strip() or viewer.own_organisation
    given = numbers.NumberRange(
        form.get("prefix", ""),
        _whole(form, "first"),
        _whole(form, "last"),
        _whole(form, "digits"),
    )
    with portal.acts.begin() as tx:
        assign_below(tx, portal, viewer.caller, code, given, viewer.name)


def _void(portal: Portal, viewer: Viewer, form: Form) -> None:
    with portal.acts.begin() as tx, queries.as_worker(tx):
        numbers.void_number(
            tx,
            viewer.own_organisation,
            form.get("number", "").strip(),
            form.get("reason", ""),
            portal.clock.now(),
            viewer.name,
        )


def _setting(portal: Portal, viewer: Viewer, form: Form) -> None:
    try:
        right_mm, down_mm = (
            round(float(form.get(name, "").strip() or 0), 1) for name in ("right_mm", "down_mm")
        )
    except ValueError:
        raise Refused(422, "bad-field", _NUMBER, field="right_mm") from None
    fields = {
        name: bounded(form.get(name), 100, name) or None
        for name in ("address", "phone", "fax", "postcode")
    }
    setting = papers.Setting(right_mm, down_mm, **fields)
    with portal.acts.begin() as tx, queries.as_worker(tx):
        papers.set_printing(tx, viewer.own_organisation, setting, portal.clock.now())


_ACTS = {"range": _range, "void": _void, "setting": _setting}
