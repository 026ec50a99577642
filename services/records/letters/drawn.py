"""Draws a photo or scan anew, so that nothing but what is seen on it is left. Runs in a process of
its own.

Pictures become JPEG, PDFs become a PDF of page pictures: no metadata (EXIF, GPS, XMP, ICC,
comments, thumbnails), no text beside or behind what is seen, no attachments, scripts, annotations
or earlier revisions. See `kit.confined`.
"""

from __future__ import annotations

import gc
import io
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from PIL import Image, ImageOps

from services.kit.confined_job import next_part
from services.kit.errors import Refused, Text

SIDE_MAX = 2480  # pixels: A4 at 300 dots per inch is 2480 × 3508
LONG_SIDE_MAX = SIDE_MAX * 297 // 210
PIXELS_MAX = 60_000_000
# in memory, before it is made smaller: A4 at 600 dots per inch in colour is 140 MB
PICTURE_BYTES_MAX = 160 << 20
PAGES_MAX, PARTS_MAX = 20, 50_000
PAGE_DOTS_PER_INCH = 200
POINTS_PER_INCH = 72
PAGE_POINTS_MAX = 14_400  # ISO 32000-2, annex C: 200 inches
QUALITY, QUALITIES = 85, (85, 65, 45, 30)
DRAWN_BYTES_MAX = 8_000_000  # of all pages together, so that a scan of 20 pages may be kept

_ORIENTATION = 0x0112  # the EXIF tag (CIPA DC-008)
_LYING = (5, 6, 7, 8)  # its values for which width and height change places
_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2}  # by Pillow's mode; 4 for the others
# what makes a PDF act or carry something else (ISO 32000-2, 7.11, 12.6, 12.7, 13): keys, and types
# of actions
_ACTING = frozenset(
    {
        "/JS",
        "/JavaScript",
        "/AA",
        "/EF",
        "/EmbeddedFiles",
        "/RichMedia",
        "/XFA",
        "/RichMediaContent",
    }
)
_ACTIONS = frozenset(
    {
        "/JavaScript",
        "/Launch",
        "/SubmitForm",
        "/ImportData",
        "/GoToR",
        "/GoToE",
        "/Rendition",
        "/Movie",
        "/Sound",
        "/RichMediaExecute",
        "/Hide",
        "/Trans",
        "/SetOCGState",
    }
)
_NOT_A_PICTURE = Text(
    "这不是照片或扫描件。请上传 JPG、PNG 或 PDF。",
    "This is no photo or scan. Upload a JPG, PNG or PDF.",
)
TOO_LARGE = Text(
    "图片尺寸过大，请用普通照片质量重拍或缩小后再传。",
    "The picture has too many pixels; make it smaller.",
)
BROKEN = Text(
    "这份 PDF 读不出来，什么都没有保存。请重新扫描，或另存为 JPG。",
    "This PDF cannot be read; nothing was kept. Scan it again, or save it as JPG.",
)
_LOCKED = Text(
    "这份 PDF 加了密码，请去掉密码再传。", "This PDF is protected by a password; remove it first."
)
_ACTS = Text(
    "这份 PDF 里有脚本、附件或会自行动作的内容，不能保存。请重新扫描，或另存为 JPG。",
    "This PDF holds scripts, attachments or something that acts by itself and is not kept. Scan "
    "it again, or save it as JPG.",
)
_MANY = Text(
    f"这份 PDF 超过 {PAGES_MAX} 页，请只扫描回执。",
    f"This PDF has more than {PAGES_MAX} pages; scan the receipt alone.",
)


def picture(content: bytes) -> bytes:
    """A JPG or PNG as a new JPEG, upright, at most A4 at 300 dots per inch. Raises Refused 422 if
    it is none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as given:
                return _jpeg(_upright(given), QUALITY)
    except (Refused, MemoryError):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise _too_large() from None
    except Exception as error:  # a broken picture may fail in any way within its decoder
        raise Refused(422, "not-a-picture", _NOT_A_PICTURE, field="file") from error


def _upright(given: Image.Image) -> Image.Image:
    """The picture in RGB, made smaller before anything that would double it, turned as its camera
    said.
    """
    bytes_per_pixel = _BYTES_PER_PIXEL.get(given.mode, 4)
    if given.width * given.height > PIXELS_MAX:
        raise _too_large()
    # a large JPEG is decoded at a half, a quarter, an eighth
    given.draft("RGB", (SIDE_MAX, SIDE_MAX))
    if given.width * given.height * bytes_per_pixel > PICTURE_BYTES_MAX:
        raise _too_large()
    turned = given.getexif().get(_ORIENTATION, 1)
    given.load()
    shrink = min(given.width, given.height) // SIDE_MAX
    small = given.reduce(shrink) if shrink > 1 and given.mode != "P" else given
    plain = small if small.mode == "RGB" else small.convert("RGB")
    if turned in _LYING:
        plain.thumbnail((LONG_SIDE_MAX, SIDE_MAX))
    else:
        plain.thumbnail((SIDE_MAX, LONG_SIDE_MAX))
    plain.getexif()[_ORIENTATION] = turned
    return ImageOps.exif_transpose(plain)


def _too_large() -> Refused:
    return Refused(422, "picture-too-large", TOO_LARGE, field="file")


def _jpeg(seen: Image.Image, quality: int) -> bytes:
    """The pixels alone: a new picture has none of what Pillow would carry over (a comment, a
    profile).
    """
    bare = Image.new("RGB", seen.size)
    bare.paste(seen)
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def scan(content: bytes) -> bytes:
    """The pages of a PDF as pictures in a new PDF. Raises Refused 422 where it is none, is locked,
    acts, or is long.
    """
    if content.count(b" obj") > PARTS_MAX:
        raise Refused(422, "not-a-pdf", BROKEN, field="file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _refuse_what_acts(content)
            # what was read of the file's parts points in circles, and a page needs the room
            gc.collect()
            return _document(list(_pages(content)))
    except (Refused, MemoryError):
        raise
    except Exception as error:  # a broken file may fail in any way within its reader
        raise Refused(422, "not-a-pdf", BROKEN, field="file") from error


def first_page(content: bytes) -> bytes:
    """What is seen on the first page of a PDF, as JPEG. Raises Refused 422 where it cannot be
    drawn.
    """
    try:
        _, drawn = next(_pages(content))
        return drawn
    except (Refused, MemoryError):
        raise
    except Exception as error:
        raise Refused(422, "not-a-pdf", BROKEN, field="file") from error


Page = tuple[tuple[float, float, int, int], bytes]


def _pages(content: bytes) -> Iterator[Page]:
    """((width, height in points, width, height in pixels), JPEG) of each page as it is seen,
    annotations left out.
    """
    import pypdfium2

    with pypdfium2.PdfDocument(content) as document:
        count = len(document)
    if not 0 < count <= PAGES_MAX:
        raise Refused(422, "pdf-too-long", _MANY, field="file")
    for number in range(count):
        next_part()
        # opened anew: it would keep the pictures of every page
        with pypdfium2.PdfDocument(content) as document:
            yield _page(document[number], DRAWN_BYTES_MAX // count)


def _page(page: Any, bytes_max: int) -> Page:
    width, height = (min(side, PAGE_POINTS_MAX) for side in page.get_size())
    scale = min(PAGE_DOTS_PER_INCH / POINTS_PER_INCH, LONG_SIDE_MAX / max(page.get_size()))
    bitmap = page.render(scale=scale, draw_annots=False, may_draw_forms=False)
    seen = bitmap.to_pil()
    drawn = _fitting(seen, bytes_max)
    bitmap.close()
    page.close()
    return (width, height, *seen.size), drawn


def _fitting(seen: Image.Image, most: int) -> bytes:
    """The page as JPEG of at most so many bytes, as well as that allows."""
    drawn = b""
    for quality in QUALITIES:
        drawn = _jpeg(seen, quality)
        if len(drawn) <= most:
            break
    return drawn


def _document(pages: list[Page]) -> bytes:
    """A PDF of these page pictures and nothing else: no information dictionary, no identifier, no
    date.
    """
    first_page = 3  # after the catalogue and the list of pages
    kids = b" ".join(b"%d 0 R" % (first_page + 3 * place) for place in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(pages)),
    ]
    for place, page in enumerate(pages):
        objects += _objects_of(page, first_page + 3 * place)
    return pdf_of(objects)


def _objects_of(page: Page, number: int) -> tuple[bytes, bytes, bytes]:
    """A page, which gets that number in the file; the stream that shows its picture; the
    picture.
    """
    (width, height, across, down), drawn = page
    entry = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %.2f %.2f] /Contents %d 0 R "
        b"/Resources << /XObject << /Seen %d 0 R >> >> >>" % (width, height, number + 1, number + 2)
    )
    shows = _stream(b"", b"q %.2f 0 0 %.2f 0 0 cm /Seen Do Q" % (width, height))
    picture_entries = (
        b" /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB"
        b" /BitsPerComponent 8 /Filter /DCTDecode" % (across, down)
    )
    return entry, shows, _stream(picture_entries, drawn)


def _stream(entries: bytes, body: bytes) -> bytes:
    return b"<< /Length %d%b >>\nstream\n%b\nendstream" % (len(body), entries, body)


def pdf_of(objects: list[bytes]) -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalogue."""
    out = io.BytesIO()
    places: list[int] = []
    out.write(b"%PDF-1.4\n")
    for number, body in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%b\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for place in places:
        out.write(b"%010d 00000 n \n" % place)
    out.write(
        b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    )
    return out.getvalue()


def _refuse_what_acts(content: bytes) -> None:
    """Whoever sends a PDF that would do something should know that it was not taken as it is."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted:
        raise Refused(422, "pdf-locked", _LOCKED, field="file")
    for part in _parts(reader):
        if _acts(part):
            raise Refused(422, "pdf-acts", _ACTS, field="file")
        if _pixels(part) > PIXELS_MAX:
            raise _too_large()


def _acts(part: Any) -> bool:
    if _ACTING & part.keys():
        return True
    return str(part.get("/S", "")) in _ACTIONS and part.get("/Type") in (None, "/Action")


def _pixels(part: Any) -> int:
    sides = part.get("/Width"), part.get("/Height")
    return sides[0] * sides[1] if all(isinstance(side, int) for side in sides) else 0


def _parts(reader: Any) -> Iterator[Any]:
    """Every dictionary of the file, each once, whatever leads to it."""
    from pypdf.generic import DictionaryObject, IndirectObject

    waiting: list[Any] = [reader.trailer]
    for numbers in (*reader.xref.values(), reader.xref_objStm):
        waiting += [IndirectObject(number, 0, reader) for number in numbers]
    seen: set[tuple[int, int]] = set()
    looked = 0
    while waiting:
        part = waiting.pop()
        looked += 1
        if looked > PARTS_MAX:
            raise Refused(422, "not-a-pdf", BROKEN, field="file")
        if isinstance(part, IndirectObject):
            place = part.idnum, part.generation
            if place in seen:
                continue
            seen.add(place)
            part = part.get_object()
        if isinstance(part, DictionaryObject):
            yield part
        waiting += _leading_on(part)


def _leading_on(part: Any) -> list[Any]:
    """The references, dictionaries and arrays within a part. References stay unresolved: each is
    followed but once.
    """
    from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

    values: Iterable[Any] = ()
    if isinstance(part, DictionaryObject):
        values = map(part.raw_get, part)
    elif isinstance(part, ArrayObject):
        values = list.__iter__(part)
    leading = (IndirectObject, DictionaryObject, ArrayObject)
    return [value for value in values if isinstance(value, leading)]
