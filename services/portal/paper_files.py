"""Papers as answers: a file made in memory or on disk, sent whole, kept by nobody on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

from fastapi import Response
from fastapi.responses import StreamingResponse

from services.portal.context import Portal
from services.records.letters import enquiry, papers, pdf, word
from services.records.letters.fonts import Fonts, fonts_of
from services.records.letters.form import Sheet
from services.registry.access import Caller

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_IN_MEMORY_MAX = 8 << 20
_PIECE = 256 * 1024


def letters_pdf(
    portal: Portal, caller: Caller, ids: list[str], person: str | None, over: bool
) -> Response:
    """The letters of these cases as PDF, over-printed as their caller's organisation set it."""
    fonts = fonts_of(portal.fonts)
    with portal.web.begin() as tx:
        sheets = papers.letters(tx, caller, ids, portal.clock.now(), portal.url, person)
        papers.check(sheets, fonts)
        offset = _offset(tx, caller) if over else None
    name = _name(sheets[0]) if len(sheets) == 1 else f"letters-{len(sheets)}"
    return sent(lambda out: pdf.write_letters(out, sheets, fonts, offset), PDF, f"{name}.pdf")


def letters_docx(portal: Portal, caller: Caller, ids: list[str], person: str | None) -> Response:
    """The same as Word."""
    with portal.web.begin() as tx:
        sheets = papers.letters(tx, caller, ids, portal.clock.now(), portal.url, person)
    name = _name(sheets[0]) if len(sheets) == 1 else f"letters-{len(sheets)}"
    return sent(lambda out: word.write_letters(out, sheets), DOCX, f"{name}.docx")


def receipt_pdf(
    portal: Portal, caller: Caller, case_id: str, person: str | None, over: bool
) -> Response:
    """The receipt of a case."""
    fonts: Fonts = fonts_of(portal.fonts)
    with portal.web.begin() as tx:
        sheet = papers.receipt(tx, caller, case_id, portal.clock.now(), person)
        papers.check([sheet], fonts)
        offset = _offset(tx, caller) if over else None
    return sent(lambda out: pdf.write_receipts(out, [sheet], fonts, offset), PDF, "receipt.pdf")


def enquiry_pdf(
    portal: Portal, caller: Caller, case_id: str, place: int, person: str | None
) -> Response:
    """A letter of enquiry."""
    fonts = fonts_of(portal.fonts)
    with portal.web.begin() as tx:
        letter = papers.enquiry(tx, caller, case_id, place, portal.clock.now(), person)
        enquiry.check(letter, fonts)
    return sent(lambda out: enquiry.write_enquiry(out, letter, fonts), PDF, f"enquiry-{place}.pdf")


def sent(write: Callable[[BinaryIO], Any], kind: str, name: str) -> Response:
    """What ``write`` writes, as a file to keep; it is gone from here once it was sent."""
    file = SpooledTemporaryFile(max_size=_IN_MEMORY_MAX)  # noqa: SIM115 - `_pieces` closes it
    try:
        write(cast(BinaryIO, file))  # it has the methods of one, and is not declared as one
        size = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return StreamingResponse(
        _pieces(file),
        media_type=kind,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(size),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _pieces(file: Any) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece


def _offset(tx: Any, caller: Caller) -> pdf.Offset:
    own = caller.own_organisation
    setting = papers.settings_of(tx, [own]).get(own, papers.Setting())
    return pdf.Offset(setting.right_mm, setting.down_mm)


def _name(sheet: Sheet) -> str:
    """A file name without the person's: the letters and digits of the number."""
    number = "".join(c for c in sheet.values["number"] if c.isascii() and c.isalnum())
    return f"letter-{number}" if number else "letter"
