"""PDF scans of paper receipts: read by a real reader, refused if anything in them acts, kept as bare pages."""
from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import Any

from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

from services.kit.errors import Refused, Words

PAGES_MAX, PARTS_MAX = 20, 50_000
PIXELS_MAX = 60_000_000
BYTES_MAX = 8 << 20
# what makes a PDF act or carry something else (ISO 32000-2, 7.11, 12.6, 12.7, 13): keys, and types of actions
_ACTING = frozenset({"/JS", "/JavaScript", "/AA", "/EF", "/EmbeddedFiles", "/RichMedia", "/XFA", "/RichMediaContent"})
_ACTIONS = frozenset({"/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/GoToR", "/GoToE", "/Rendition", "/Movie",
                      "/Sound", "/RichMediaExecute", "/Hide", "/Trans", "/SetOCGState"})
_PAGE = frozenset({"/Type", "/Parent", "/MediaBox", "/CropBox", "/Rotate", "/Resources", "/Contents"})
_BROKEN = Words("这份 PDF 读不出来，什么都没有保存。请重新扫描，或另存为 JPG。",
                "This PDF cannot be read; nothing was kept. Scan it again, or save it as JPG.")
_LOCKED = Words("这份 PDF 加了密码，请去掉密码再传。", "This PDF is protected by a password; remove it first.")
_ACTS = Words("这份 PDF 里有脚本、附件或会自行动作的内容，不能保存。请重新扫描，或另存为 JPG。",
              "This PDF holds scripts, attachments or something that acts by itself and is not kept. Scan it again, or save "
              "it as JPG.")
_MANY = Words(f"这份 PDF 超过 {PAGES_MAX} 页，请只扫描回执。", f"This PDF has more than {PAGES_MAX} pages; scan the receipt alone.")


def is_pdf(content: bytes) -> bool:
    """Whether the bytes claim to be a PDF."""
    return b"%PDF-" in content[:1024]


def bare(content: bytes) -> bytes:
    """The pages of a scan as a new PDF: without metadata, annotations, forms, attachments. Raises Refused 422."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _bare(content)
    except Refused:
        raise
    except Exception as error:  # a broken file may fail in any way within its reader
        raise Refused(422, "not-a-pdf", _BROKEN, field="file") from error


def _bare(content: bytes) -> bytes:
    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted:
        raise Refused(422, "pdf-locked", _LOCKED, field="file")
    if len(reader.pages) > PAGES_MAX:
        raise Refused(422, "pdf-too-long", _MANY, field="file")
    if not len(reader.pages) or any(_acts(part) for part in _parts(reader)):
        raise Refused(422, "pdf-acts", _ACTS, field="file")
    writer = PdfWriter()
    for page in reader.pages:
        writer.add_page(page, excluded_keys=[key for key in page if key not in _PAGE])
    writer.metadata = None
    out = io.BytesIO()
    writer.write(out)
    if out.tell() > BYTES_MAX:
        raise Refused(422, "not-a-pdf", _BROKEN, field="file")
    return out.getvalue()


def first_picture(content: bytes) -> bytes | None:
    """The largest picture on the first page of a kept scan, as it is stored in the PDF; None where the page is drawn."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = [one for one in _pictures(PdfReader(io.BytesIO(content)).pages[0])
                     if one.get("/Width", 0) * one.get("/Height", 0) <= PIXELS_MAX]
            if not found:
                return None
            out = io.BytesIO()
            largest = max(found, key=lambda one: one["/Width"] * one["/Height"])
            largest.decode_as_image().convert("RGB").save(out, "PNG", compress_level=1)
            return out.getvalue()
    except Exception:  # whatever a reader of pictures does not know: the file can still be opened
        return None


def _pictures(page: DictionaryObject) -> list[Any]:
    inside = page.get("/Resources", DictionaryObject()).get_object().get("/XObject", DictionaryObject()).get_object()
    return [one for part in inside.values() if (one := part.get_object()).get("/Subtype") == "/Image"]


def _acts(part: DictionaryObject) -> bool:
    return bool(_ACTING & part.keys()) or str(part.get("/S", "")) in _ACTIONS and part.get("/Type") in (None, "/Action")


def _parts(reader: PdfReader) -> Iterator[DictionaryObject]:
    """Every dictionary of the file, each once, whatever leads to it."""
    waiting: list[Any] = [reader.trailer]
    seen: set[tuple[int, int]] = set()
    for ident in (number for numbers in (*reader.xref.values(), reader.xref_objStm) for number in numbers):
        waiting.append(IndirectObject(ident, 0, reader))
    looked = 0
    while waiting:
        part = waiting.pop()
        looked += 1
        if looked > PARTS_MAX:
            raise Refused(422, "not-a-pdf", _BROKEN, field="file")
        if isinstance(part, IndirectObject):
            if (part.idnum, part.generation) in seen:
                continue
            seen.add((part.idnum, part.generation))
            part = part.get_object()
        if isinstance(part, DictionaryObject):
            yield part
            waiting += [value for value in map(part.raw_get, part) if isinstance(value, (IndirectObject, DictionaryObject, ArrayObject))]
        elif isinstance(part, ArrayObject):
            waiting += [value for value in list.__iter__(part) if isinstance(value, (IndirectObject, DictionaryObject, ArrayObject))]
