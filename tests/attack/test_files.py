"""Files made to bring the reader down: each gets a sentence, none takes more than 300 MB, and good
ones are read as before.
"""

from __future__ import annotations

import io
import lzma
import re
import tracemalloc
from collections.abc import Callable
from datetime import date

import openpyxl
import pytest
from PIL import Image, PngImagePlugin
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, TextStringObject

from services.kit.errors import Refused
from services.records.letters import scans
from services.registry import tabular
from services.registry.rosters import ROWS_MAX, read_roll
from services.registry.tabular import BadFile
from tests.attack import files
from tests.attack.watch import watched

MEGABYTE = 1 << 20
CHINESE = re.compile("[\u4e00-\u9fff]")
# these hold little when they are read as they are meant, and may be read: what counts is what it
# takes
HARMLESS = {"a_picture_that_never_ends", "a_huge_page", "a_pdf_with_a_million_objects_in_streams"}


def _named(make: Callable[[], bytes]) -> str:
    return make.__name__


@pytest.mark.parametrize("make", files.WORKBOOKS, ids=_named)
def test_a_workbook_that_unpacks_without_end_is_refused_in_a_sentence(make):
    content = make()
    with watched() as watch, pytest.raises(BadFile) as bad:
        read_roll(content)
    assert watch.peak_bytes < 300 * MEGABYTE
    assert CHINESE.search(bad.value.words.zh) and bad.value.words.en


@pytest.mark.parametrize("make", [*files.PICTURES, *files.PDFS], ids=_named)
def test_a_picture_or_pdf_that_unpacks_without_end_is_refused_in_a_sentence(make):
    content, refused = make(), None
    with watched() as watch:
        try:
            scans.cleaned(content)
        except Refused as error:
            refused = error
    assert watch.peak_bytes < 300 * MEGABYTE
    assert refused or make.__name__ in HARMLESS
    assert refused is None or refused.status == 422 and CHINESE.search(refused.words.zh)


def test_the_cell_that_stands_outside_is_named():
    with pytest.raises(BadFile) as bad:
        read_roll(files.a_cell_at_the_end())
    assert "XFD1048576" in bad.value.words.zh and "XFD1048576" in bad.value.words.en


def test_cells_that_are_formatted_and_empty_do_no_harm():
    styled = '<row r="1048576"><c r="A1048576" s="0"/><c r="XFD1048576" s="0"/></row>'
    named = (
        '<row r="1"><c r="A1" t="str"><v>姓名</v></c></row><row r="2"><c r="A2" '
        't="str"><v>张三</v></c></row>'
    )
    assert [row.person.name for row in read_roll(files.workbook(named + styled)).rows] == ["张三"]


def test_a_long_roll_is_read_whole():
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["姓名", "出生日期", "住址"])
    for number in range(ROWS_MAX - 1):
        sheet.append(
            [f"张{number % 97}", date(1950 + number % 50, 1, 1 + number % 28), f"示例路{number}号"]
        )
    out = io.BytesIO()
    book.save(out)
    with watched() as watch:
        roll = read_roll(out.getvalue())
    assert len(roll.rows) == ROWS_MAX - 1 and not roll.bad
    assert roll.rows[5].number == 7 and roll.rows[5].person.birth_date == "1955-01-06"
    assert watch.children == 1 and watch.peak_bytes < 300 * MEGABYTE


def _photo(**more) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((400, 300), 50).convert("RGB").save(out, more.pop("format", "JPEG"), **more)
    return out.getvalue()


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0131] = "SecretCamera", "SecretProgram"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (39.9, 54.0, 20.0)
    return exif


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><secret>SecretPlace</secret></x:xmpmeta>'
PROFILE = b"SecretProfile" * 20


def _pictures() -> dict[str, bytes]:
    noted = PngImagePlugin.PngInfo()
    noted.add_text("Author", "SecretAuthor")
    noted.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    return {
        "jpeg": _photo(
            exif=_exif(), xmp=XMP, icc_profile=PROFILE, comment=b"SecretComment", dpi=(311, 311)
        ),
        "png": _photo(format="PNG", pnginfo=noted, exif=_exif(), icc_profile=PROFILE),
        "behind the end": _photo() + b"SecretTail",
    }


@pytest.mark.parametrize("name", _pictures())
def test_nothing_but_what_is_seen_is_left_of_a_photo(name):
    kind, kept = scans.cleaned(_pictures()[name])
    assert kind == "image/jpeg" and b"Secret" not in kept
    assert not {marker for marker, _ in _segments(kept)} & {
        0xE1,
        0xE2,
        0xED,
        0xFE,
    }  # EXIF and XMP, ICC, IPTC, comment
    seen = Image.open(io.BytesIO(kept))
    assert (
        seen.size == (400, 300)
        and not seen.getexif()
        and "icc_profile" not in seen.info
        and "comment" not in seen.info
    )


def _segments(jpeg: bytes) -> list[tuple[int, bytes]]:
    """(marker, body) of every segment before the pixels (ITU-T T.81, annex B)."""
    found, at = [], 2
    while jpeg[at + 1] != 0xDA:
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        found.append((jpeg[at + 1], jpeg[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


def test_a_photo_is_kept_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    _, kept = scans.cleaned(_photo(exif=exif))
    assert Image.open(io.BytesIO(kept)).size == (300, 400)


def _scan_with_secrets() -> bytes:
    """A PDF of a photo with EXIF, with hidden text, XMP, an annotation, a thumbnail, and an earlier
    revision.
    """
    photo = _photo(exif=_exif(), xmp=XMP, comment=b"SecretComment")
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    image = (
        b"<< /Type /XObject /Subtype /Image /Width 400 /Height 300 /ColorSpace /DeviceRGB "
        b"/BitsPerComponent 8 "
        b"/Filter /DCTDecode /Length %d >> stream\n%b\nendstream" % (len(photo), photo)
    )
    drawing = b"q 595 0 0 842 0 0 cm /Im Do Q BT 3 Tr /F 12 Tf 50 50 Td (SecretText) Tj ET"
    plain = files.a_page(
        drawing, resources=b"/XObject << /Im 5 0 R >> /Font << /F 6 0 R >>", more=[image, font]
    )
    writer = PdfWriter(clone_from=io.BytesIO(plain))
    writer.add_metadata({"/Author": "SecretAuthor", "/Title": "SecretTitle"})
    page = writer.pages[0]
    for name in ("/Metadata", "/Thumb", "/PieceInfo"):
        hidden = DecodedStreamObject()
        hidden.set_data(b"Secret" + name.encode())
        page[NameObject(name)] = writer._add_object(hidden)
    note = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Annot"),
            NameObject("/Subtype"): NameObject("/Text"),
            NameObject("/Contents"): TextStringObject("SecretNote"),
        }
    )
    page[NameObject("/Annots")] = writer._add_object(note)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue() + b"\n% SecretRevision\n"


def test_nothing_but_what_is_seen_is_left_of_a_pdf():
    sent = _scan_with_secrets()
    assert (
        b"SecretCamera" in sent
        and "SecretText" in PdfReader(io.BytesIO(sent)).pages[0].extract_text()
    )
    kind, kept = scans.cleaned(sent)
    assert kind == "application/pdf" and b"Secret" not in kept
    reader = PdfReader(io.BytesIO(kept))
    assert (
        len(reader.pages) == 1 and reader.metadata is None and reader.pages[0].extract_text() == ""
    )
    assert set(reader.trailer) == {"/Size", "/Root"} and set(reader.root_object) == {
        "/Type",
        "/Pages",
    }
    for number in range(1, len(reader.xref[0]) + 1):
        body = reader.get_object(number)
        if hasattr(body, "get_data"):
            assert b"Secret" not in body.get_data() and b"Exif" not in body.get_data()
    [seen] = reader.pages[0].images
    assert not seen.image.getexif() and seen.image.getextrema() != ((255, 255),) * 3


def test_the_pages_of_a_scan_keep_their_size_and_number():
    pages = [Image.new("RGB", size, "white") for size in ((595, 842), (842, 595))]
    out = io.BytesIO()
    pages[0].save(out, "PDF", save_all=True, append_images=pages[1:])
    boxes = [
        page.mediabox for page in PdfReader(io.BytesIO(scans.cleaned(out.getvalue())[1])).pages
    ]
    assert [(round(box.width), round(box.height)) for box in boxes] == [(595, 842), (842, 595)]


def test_a_line_without_end_is_one_bad_row_and_the_others_are_loaded(tmp_path):
    file = tmp_path / "members.csv.xz"
    with lzma.open(file, "wt", encoding="utf-8", preset=0) as out:
        out.write("member,name\nm1,张三\nm2,")
        for _ in range(300):
            out.write("x" * MEGABYTE)
        out.write("\nm3,李四\n")
    tracemalloc.start()
    with tabular.open_sheet(file, ("member", "name"), ("member",)) as sheet:
        rows = [(row.number, row.cells[:1], bool(row.fault)) for row in sheet.rows()]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (
        rows == [(2, ("m1",), False), (3, (), True), (4, ("m3",), False)] and peak < 50 * MEGABYTE
    )


@pytest.mark.parametrize("content", [b"," * 8_000_000, b"x" * 8_000_000, b'"' + b"\n" * 8_000_000])
def test_a_csv_of_one_endless_row_is_refused(content):
    tracemalloc.start()
    with pytest.raises(BadFile):
        read_roll(content)
    assert tracemalloc.get_traced_memory()[1] < 100 * MEGABYTE
    tracemalloc.stop()
