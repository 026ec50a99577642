"""Letters and receipts as PDF: whole, or over-printed on stock forms; one sheet a page, any number
of pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import BinaryIO, NamedTuple

import segno
from reportlab import rl_config
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from services.records.letters.fonts import Fonts
from services.records.letters.form import (
    PAGE,
    PARTS,
    QR,
    RECEIPT,
    RECEIPT_UP,
    TEXT_PT_MIN,
    Blank,
    Line,
    Options,
    Part,
    Sheet,
)

rl_config.useA85 = 0  # streams as bytes: a quarter smaller, and faster than as ASCII
_BASELINE_MM = 0.8  # a value stands that far above the rule of its blank
_SEAM_MARGIN_MM = 12
_QUIET = 4  # modules round a QR code that stay white
_FORM = "form"

Element = str | Blank | Options


class Offset(NamedTuple):
    """How far over-printing is moved on the sheet, in mm to the right and down: printers differ."""

    right: float = 0.0
    down: float = 0.0


def write_letters(
    out: BinaryIO, sheets: Iterable[Sheet], fonts: Fonts, over: Offset | None = None
) -> int:
    """Writes one page a sheet with all three parts; returns how many. ``over``: the values alone,
    moved so far.

    Raises Refused before anything is written where a character cannot be drawn.
    """
    return _write(out, list(sheets), fonts, _Layout(PARTS, over, has_code=True))


def write_receipts(
    out: BinaryIO, sheets: Iterable[Sheet], fonts: Fonts, over: Offset | None = None
) -> int:
    """The same for the receipt alone, at the top of its page (over-printed: where the stock form
    has it).
    """
    up = 0.0 if over else RECEIPT_UP
    return _write(out, list(sheets), fonts, _Layout((RECEIPT,), over, up=up))


class _Layout(NamedTuple):
    """What stands on each page: the parts of the form, moved ``up`` by mm; of an over-print
    (``over``) the values alone. ``has_code``: with a QR code.
    """

    parts: Sequence[Part]
    over: Offset | None
    up: float = 0.0
    has_code: bool = False

    @property
    def offset(self) -> Offset:
        """How far everything is moved."""
        return self.over or Offset(0.0, -self.up)


def _write(out: BinaryIO, sheets: Sequence[Sheet], fonts: Fonts, layout: _Layout) -> int:
    fonts.check((sheet.whose, value) for sheet in sheets for value in sheet.values.values())
    pen = Pen(canvas_of(out), fonts, layout.offset)
    pen.canvas.setTitle("党员组织关系介绍信")
    if layout.over is None:
        pen.keep_blank_form(layout.parts)
    for sheet in sheets:
        if layout.over is None:
            pen.canvas.doForm(_FORM)
        for part in layout.parts:
            pen.fill(part, sheet)
        if sheet.link and layout.has_code:
            pen.qr(sheet.link)
        pen.canvas.showPage()
    pen.canvas.save()
    return len(sheets)


def canvas_of(out: BinaryIO) -> Canvas:
    """A document of A4 sheets; the same bytes for the same content."""
    width, height = PAGE
    return Canvas(out, pagesize=(width * mm, height * mm), pageCompression=1, invariant=1)


class Pen:
    """Draws in millimetres from the upper left, moved by an offset."""

    def __init__(self, canvas: Canvas, fonts: Fonts, offset: Offset) -> None:
        self.canvas = canvas
        self._fonts = fonts
        self._offset = offset
        self._places: dict[int, list[tuple[float, Element]]] = {}

    def _point(self, x: float, y: float) -> tuple[float, float]:
        return (x + self._offset.right) * mm, (PAGE[1] - y - self._offset.down) * mm

    def write(self, x: float, y: float, text: str, size: float) -> None:
        """Text that begins at x and stands on y."""
        line_of_text = self.canvas.beginText(*self._point(x, y))
        for name, run in self._fonts.runs(text):
            line_of_text.setFont(name, size)
            line_of_text.textOut(run)
        self.canvas.drawText(line_of_text)

    def rule(self, x: float, y: float, width: float) -> None:
        """The line below a blank."""
        left, up = self._point(x, y + 1.2)
        self.canvas.setLineWidth(0.5)
        self.canvas.line(left, up, left + width * mm, up)

    def keep_blank_form(self, parts: Iterable[Part]) -> None:
        """Keeps the form without values once for all pages."""
        self.canvas.beginForm(_FORM)
        for part in parts:
            for line in part.lines:
                for x, element in self._placed(line):
                    self._blank_element(x, line, element)
            if part.seal_y is not None:
                self._seam(part.seal_y)
        self.canvas.endForm()

    def _blank_element(self, x: float, line: Line, element: Element) -> None:
        """The printed words, or the rule of a blank."""
        if isinstance(element, Blank):
            self.rule(x, line.y, element.width)
        else:
            self.write(x, line.y, _printed(element), line.size)

    def _seam(self, y: float) -> None:
        """The line that the seal straddles."""
        left, up = self._point(_SEAM_MARGIN_MM, y)
        self.canvas.setDash(4, 3)
        self.canvas.line(left, up, left + (PAGE[0] - 2 * _SEAM_MARGIN_MM) * mm, up)
        self.canvas.setDash()
        self.write(96, y - 1.5, "（骑缝章）", 9)

    def fill(self, part: Part, sheet: Sheet) -> None:
        """The values in their blanks; of options the wrong words struck out."""
        for line in part.lines:
            for x, element in self._placed(line):
                if isinstance(element, Blank):
                    self._value(x, line, element.width, sheet.values.get(element.name, ""))
                elif isinstance(element, Options):
                    self._strike(x, line, element, sheet.chosen.get(element.name))

    def _placed(self, line: Line) -> list[tuple[float, Element]]:
        """The elements of a line, each with where it begins; worked out once for all sheets."""
        if id(line) not in self._places:
            self._places[id(line)] = self._place(line)
        return self._places[id(line)]

    def _place(self, line: Line) -> list[tuple[float, Element]]:
        widths = [self._width_of(element, line.size) for element in line.parts]
        x = (PAGE[0] - sum(widths)) / 2 if line.centred else line.x
        places: list[tuple[float, Element]] = []
        for element, width in zip(line.parts, widths, strict=True):
            places.append((x, element))
            x += width
        return places

    def _width_of(self, element: Element, size: float) -> float:
        if isinstance(element, Blank):
            return element.width
        return self._wide(_printed(element), size)

    def _wide(self, text: str, size: float) -> float:
        return self._fonts.width(text) * size / mm

    def _value(self, x: float, line: Line, width: float, text: str) -> None:
        """A value in the middle of its blank, as large as it fits."""
        if not text:
            return
        room = width - 2.0
        size = min(line.size, line.size * room / self._wide(text, line.size))
        if size < TEXT_PT_MIN:
            self._value_in_two_lines(x, line, room, text)
            return
        middle = x + (width - self._wide(text, size)) / 2
        self.write(middle, line.y - _BASELINE_MM, text, size)

    def _value_in_two_lines(self, x: float, line: Line, room: float, text: str) -> None:
        """A value that would be too small to read on one line."""
        half = (len(text) + 1) // 2
        upper, lower = text[:half], text[half:]
        widest = max(self._wide(upper, TEXT_PT_MIN), self._wide(lower, TEXT_PT_MIN))
        size = min(TEXT_PT_MIN, TEXT_PT_MIN * room / widest)
        self.write(x + 1, line.y - _BASELINE_MM - size * 0.42, upper, size)
        self.write(x + 1, line.y - _BASELINE_MM + 0.5, lower, size)

    def _strike(self, x: float, line: Line, options: Options, chosen: str | None) -> None:
        """Strikes each word that does not hold; none where nothing was chosen."""
        for word in options.words:
            width = self._wide(word, line.size)
            if chosen in options.words and word != chosen:
                self._strike_word(x, line.y, width)
            x += width + self._wide("/", line.size)

    def _strike_word(self, x: float, y: float, width: float) -> None:
        """A circle with a bar over a word."""
        left, low = self._point(x, y + 0.9)
        right, high = self._point(x + width, y - 3.9)
        self.canvas.setLineWidth(0.8)
        self.canvas.ellipse(left, low, right, high)
        self.canvas.line(left, low, right, high)

    def qr(self, link: str) -> None:
        """A QR code; its four modules of quiet zone lie within its side."""
        code = segno.make(link, error="m", micro=False, boost_error=False, mask=2, encoding="utf-8")
        x, y, size = QR
        left, top = self._point(x, y)
        side = size * mm / (len(code.matrix) + 2 * _QUIET)
        dark: list[str] = []
        for row, cells in enumerate(code.matrix, start=_QUIET):
            for start, length in _runs_of_dark(cells):
                dark.append(f"{start + _QUIET} {row} {length} 1 re")
        self.canvas.addLiteral(
            f"q {side:.4f} 0 0 {-side:.4f} {left:.2f} {top:.2f} cm {' '.join(dark)} f Q"
        )


def _runs_of_dark(cells: Sequence[int]) -> Iterable[tuple[int, int]]:
    place = 0
    for dark, run in groupby(cells):
        length = len(list(run))
        if dark:
            yield place, length
        place += length


def _printed(element: str | Options) -> str:
    return element if isinstance(element, str) else "/".join(element.words)
