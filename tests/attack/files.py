"""Files made to bring down whoever opens them. Small to send, huge to read; made here, never
kept.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable

from services.records.letters.drawn import pdf_of

NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPES = """<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml"
ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>"""
_RELS = """<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Target="{to}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"/>
{more}</Relationships>"""
_SHARED = """<Relationship Id="rId2" Target="sharedStrings.xml"
Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"/>"""
_BOOK = f"""<?xml version="1.0"?><workbook xmlns="{NAMESPACE}"
xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>
<sheet name="s" sheetId="1" r:id="rId1"/></sheets></workbook>"""


def workbook(sheet_data: str, shared: str = "", before: str = "") -> bytes:
    """A workbook of one sheet from the inside of `sheetData`, with shared strings; `before`
    precedes the root.
    """
    sheet = (
        f'<?xml version="1.0"?>{before}<worksheet '
        f'xmlns="{NAMESPACE}"><sheetData>{sheet_data}</sheetData></worksheet>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        packed.writestr("[Content_Types].xml", _TYPES)
        packed.writestr(
            "_rels/.rels", _RELS.format(to="xl/workbook.xml", kind="officeDocument", more="")
        )
        more = _SHARED if shared else ""
        packed.writestr(
            "xl/_rels/workbook.xml.rels",
            _RELS.format(to="worksheets/sheet1.xml", kind="worksheet", more=more),
        )
        packed.writestr("xl/workbook.xml", _BOOK)
        packed.writestr("xl/worksheets/sheet1.xml", sheet)
        if shared:
            packed.writestr(
                "xl/sharedStrings.xml",
                f'<?xml version="1.0"?><sst xmlns="{NAMESPACE}">{shared}</sst>',
            )
    return out.getvalue()


def _letter(number: int) -> str:
    name = ""
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name


def grid(rows: int, columns: int, cell: str) -> str:
    """The inside of `sheetData`: `cell` in every place, its address put for `@`."""
    letters = [_letter(number) for number in range(1, columns + 1)]
    return "".join(
        f'<row r="{row}">{"".join(cell.replace("@", f"{letter}{row}") for letter in letters)}</row>'
        for row in range(1, rows + 1)
    )


def a_cell_at_the_end() -> bytes:
    """2 KB: one letter in A1, one in the last cell there can be."""
    return workbook(
        '<row r="1"><c r="A1" t="str"><v>x</v></c></row>'
        '<row r="1048576"><c r="XFD1048576" t="str"><v>x</v></c></row>'
    )


def a_cell_at_the_end_in_disguise() -> bytes:
    """The same, its address written as no pattern expects it."""
    return workbook(
        "<row r='1'><c r='A1' t='str'><v>x</v></c></row>"
        "<row r='1048576'><c r = 'XFD1048576' t='str'><v>x</v></c></row>"
    )


def a_long_text_everywhere() -> bytes:
    """30,000 letters kept once and shown in 50,000 cells."""
    return workbook(
        grid(25_000, 2, '<c r="@" t="s"><v>0</v></c>'), f"<si><t>{'A' * 30_000}</t></si>"
    )


def a_text_everywhere() -> bytes:
    """A text of a length that is allowed, in a million cells: 2 GB."""
    return workbook(
        grid(29_000, 38, '<c r="@" t="s"><v>0</v></c>'), f"<si><t>{'A' * 1_900}</t></si>"
    )


def a_sheet_of_blanks() -> bytes:
    """A sheet of 300 MB of blanks."""
    return workbook('<row r="1"><c r="A1" t="str"><v>x</v></c></row>' + " " * 300_000_000)


def a_sheet_that_lies_about_its_size() -> bytes:
    """The same in 70 MB, said to be 100 bytes in the directory and before the part itself."""
    content = bytearray(
        workbook('<row r="1"><c r="A1" t="str"><v>x</v></c></row>' + " " * 70_000_000)
    )
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        part = packed.getinfo("xl/worksheets/sheet1.xml")
        size = struct.pack("<I", part.file_size)
    while (at := content.find(size)) >= 0:
        content[at : at + 4] = struct.pack("<I", 100)
    return bytes(content)


def entities_within_entities() -> bytes:
    """An entity of 100,000 letters, named 20,000 times in one cell (2 GB when written out)."""
    entity = f'<!DOCTYPE w [<!ENTITY a "{"A" * 100_000}">]>'
    return workbook(
        f'<row r="1"><c r="A1" t="str"><v>{"&a;" * 20_000}</v></c></row>', before=entity
    )


def many_sheets() -> bytes:
    """A zip of 60,000 parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for number in range(60_000):
            packed.writestr(f"xl/worksheets/sheet{number}.xml", "")
    return out.getvalue()


def a_zip_in_a_zip(depth: int = 8) -> bytes:
    """Zips within zips, ten in each, the innermost 100 MB of nothing."""
    inner, name = b"\0" * 100_000_000, "0.bin"
    for level in range(depth):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for copy in range(10 if level else 1):
                packed.writestr(f"{copy}-{name}", inner)
        inner, name = out.getvalue(), f"{level}.zip"
    return inner


def parts_over_one_another() -> bytes:
    """Many parts in the directory that share one packed body (each unpacks to 5 MB)."""
    content = workbook('<row r="1"><c r="A1" t="str"><v>x</v></c></row>' + " " * 5_000_000)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        start, parts = packed.start_dir, packed.infolist()
        part = packed.getinfo("xl/worksheets/sheet1.xml")
    extra = b"".join(
        _directory_entry(part, f"xl/worksheets/sheet{n:05}.xml") for n in range(2, 1_500)
    )
    end = content.rindex(b"PK\x05\x06")
    directory, total = content[start:end] + extra, len(parts) + 1_498
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, total, total, len(directory), start, 0)
    return content[:start] + directory + tail


def _directory_entry(part: zipfile.ZipInfo, name: str) -> bytes:
    head = struct.pack(
        "<4s4B4H3L5H2L",
        b"PK\x01\x02",
        20,
        3,
        20,
        0,
        0,
        8,
        0,
        0,
        part.CRC,
        part.compress_size,
        part.file_size,
        len(name),
        0,
        0,
        0,
        0,
        0,
        part.header_offset,
    )
    return head + name.encode()


def png(width: int, height: int, colour: int = 2, rows: Iterable[bytes] | None = None) -> bytes:
    """A PNG of one colour (or of `rows`), colour type 2 (RGB) or 6 (RGBA), as small as deflate
    makes it.
    """
    channels = {0: 1, 2: 3, 6: 4}[colour]
    packer = zlib.compressobj(9)
    line = b"\0" + b"\xff" * (width * channels)
    body = (
        b"".join(packer.compress(one) for one in (rows or (line for _ in range(height))))
        + packer.flush()
    )
    header = struct.pack(">2I5B", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(*one) for one in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def a_picture_of_744_megabytes() -> bytes:
    """Some 170 KB of PNG whose pixels take hundreds of megabytes."""
    return png(7_745, 7_745, 6)


def a_picture_that_never_ends() -> bytes:
    """A small picture by its header, with 1 GB of pixels behind it."""
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(b"\0" * 10_000_000) for _ in range(100)) + packer.flush()
    header = struct.pack(">2I5B", 100, 100, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(*one) for one in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    )


def a_text_chunk_that_unpacks() -> bytes:
    """A PNG with a compressed text of 500 MB beside its picture."""
    packer = zlib.compressobj(9)
    text = b"".join(packer.compress(b"A" * 10_000_000) for _ in range(50)) + packer.flush()
    plain = png(50, 50)
    return plain[:33] + _chunk(b"zTXt", b"note\0\0" + text) + plain[33:]


def _stream(body: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %b >> stream\n%b\nendstream" % (len(body), entries, body)


def a_page(
    content: bytes, entries: bytes = b"", resources: bytes = b"", more: list[bytes] | None = None
) -> bytes:
    """A PDF of one page with this content stream; further objects are numbered from 5."""
    return pdf_of(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << "
            b"%b >> >>" % resources,
            _stream(content, entries),
            *(more or []),
        ]
    )


def a_pdf_of_many_objects() -> bytes:
    """A million little objects."""
    return a_page(b"", more=[b"1"] * 180_000)


def a_pdf_with_a_million_objects_in_streams() -> bytes:
    """A million objects in packed streams of objects."""
    one = (
        b"".join(b"%d %d " % (number, number * 2) for number in range(10, 100_010))
        + b"1 " * 100_000
    )
    head = len(b"".join(b"%d %d " % (number, number * 2) for number in range(10, 100_010)))
    entries = b"/Type /ObjStm /N 100000 /First %d /Filter /FlateDecode" % head
    return a_page(b"", more=[_stream(zlib.compress(one, 9), entries)] * 10)


def a_page_that_unpacks() -> bytes:
    """A page whose drawing is 1 GB of it, packed twice."""
    packer = zlib.compressobj(9)
    once = b"".join(packer.compress(b"0 0 m " * 1_500_000) for _ in range(100)) + packer.flush()
    return a_page(zlib.compress(once, 9), b"/Filter [/FlateDecode /FlateDecode]")


def forms_within_forms(depth: int = 12) -> bytes:
    """A drawing that draws ten of the next, twelve times over."""
    more = []
    for level in range(depth):
        inner = b"/Next Do " * 10 if level < depth - 1 else b"0 0 9 9 re f "
        entries = (
            b"/Type /XObject /Subtype /Form /BBox [0 0 600 900] /Resources << /XObject << /Next "
            b"%d 0 R >> >>" % (6 + level if level < depth - 1 else 5)
        )
        more.append(_stream(inner, entries))
    return a_page(b"/Next Do", resources=b"/XObject << /Next 5 0 R >>", more=more)


def a_huge_page() -> bytes:
    """A page of some kilometres."""
    return pdf_of(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9000000 9000000] /Contents 4 0 R "
            b"/Resources << >> >>",
            _stream(b"0 0 9 9 re f"),
        ]
    )


def a_picture_within_a_pdf() -> bytes:
    """A page with a picture of 30,000 by 30,000 points, a megabyte packed."""
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(b"\xff" * 9_000_000) for _ in range(300)) + packer.flush()
    entries = (
        b"/Type /XObject /Subtype /Image /Width 30000 /Height 30000 /ColorSpace /DeviceRGB "
        b"/BitsPerComponent 8 /Filter /FlateDecode"
    )
    return a_page(
        b"q 595 0 0 842 0 0 cm /Im Do Q",
        resources=b"/XObject << /Im 5 0 R >>",
        more=[_stream(body, entries)],
    )


def pages_within_pages() -> bytes:
    """A tree of pages that leads back into itself."""
    return pdf_of(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [2 0 R 2 0 R 3 0 R] /Count 1000000 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
        ]
    )


WORKBOOKS = (
    a_cell_at_the_end,
    a_cell_at_the_end_in_disguise,
    a_long_text_everywhere,
    a_text_everywhere,
    a_sheet_of_blanks,
    a_sheet_that_lies_about_its_size,
    entities_within_entities,
    many_sheets,
    a_zip_in_a_zip,
    parts_over_one_another,
)
PICTURES = (a_picture_of_744_megabytes, a_picture_that_never_ends, a_text_chunk_that_unpacks)
PDFS = (
    a_pdf_of_many_objects,
    a_pdf_with_a_million_objects_in_streams,
    a_page_that_unpacks,
    forms_within_forms,
    a_huge_page,
    a_picture_within_a_pdf,
    pages_within_pages,
)
