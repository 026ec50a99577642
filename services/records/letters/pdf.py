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
    return _write(out, sheets, fonts, PARTS, over, 0.0)


def write_receipts(
    out: BinaryIO, sheets: Iterable[Sheet], fonts: Fonts, over: Offset | None = None
) -> int:
    """The same for the receipt alone, at the top of its page (over-printed: where the stock form
    has it).
    """
    return _write(out, sheets, fonts, (RECEIPT,), over, 0.0 if over else RECEIPT_UP)


def _write(
    out: BinaryIO,
    sheets: Iterable[Sheet],
    fonts: Fonts,
    parts: Sequence[Part],
    over: Offset | None,
    up: float,
) -> int:
    sheets = list(sheets)
    fonts.check((sheet.whose, value) for sheet in sheets for value in sheet.values.values())
    pen = Pen(
        Canvas(out, pagesize=(PAGE[0] * mm, PAGE[1] * mm), pageCompression=1, invariant=1),
        fonts,
        over or Offset(0.0, -up),
    )
    pen.canvas.setTitle("党员组织关系介绍信")
    if over is None:
        pen.canvas.beginForm("form")
        for part in parts:
            pen.blank_form(part)
        pen.canvas.endForm()
    for sheet in sheets:
        if over is None:
            pen.canvas.doForm("form")
        for part in parts:
            pen.fill(part, sheet)
        if sheet.link and len(parts) > 1:
            pen.qr(sheet.link)
        pen.canvas.showPage()
    pen.canvas.save()
    return len(sheets)


class Pen:
    """Draws in millimetres from the upper left, moved by an offset."""

    def __init__(self, canvas: Canvas, fonts: Fonts, offset: Offset) -> None:
        self.canvas, self._fonts, self._offset = canvas, fonts, offset
        self._places: dict[int, list[tuple[float, str | Blank | Options]]] = {}

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
        left, up = self._point(x, y + 1.2)
        self.canvas.setLineWidth(0.5)
        self.canvas.line(left, up, left + width * mm, up)

    def blank_form(self, part: Part) -> None:
        """The printed words, the rules of the blanks, and the line that the seal straddles."""
        for line in part.lines:
            for x, element in self._placed(line):
                if isinstance(element, str):
                    self.write(x, line.y, element, line.size)
                elif isinstance(element, Options):
                    self.write(x, line.y, "/".join(element.words), line.size)
                else:
                    self.rule(x, line.y, element.width)
        if part.seal_y is not None:
            left, up = self._point(12, part.seal_y)
            self.canvas.setDash(4, 3)
            self.canvas.line(left, up, left + (PAGE[0] - 24) * mm, up)
            self.canvas.setDash()
            self.write(96, part.seal_y - 1.5, "（骑缝章）", 9)

    def fill(self, part: Part, sheet: Sheet) -> None:
        """The values in their blanks; of options the wrong words struck out."""
        for line in part.lines:
            for x, element in self._placed(line):
                if isinstance(element, Blank):
                    self._value(x, line, element.width, sheet.values.get(element.name, ""))
                elif isinstance(element, Options):
                    self._strike(x, line, element, sheet.chosen.get(element.name))

    def _placed(self, line: Line) -> list[tuple[float, str | Blank | Options]]:
        if id(line) not in self._places:
            widths = [
                element.width
                if isinstance(element, Blank)
                else self._wide(_printed(element), line.size)
                for element in line.parts
            ]
            x = (PAGE[0] - sum(widths)) / 2 if line.centred else line.x
            places = self._places[id(line)] = []
            for element, width in zip(line.parts, widths, strict=True):
                places.append((x, element))
                x += width
        return self._places[id(line)]

    def _wide(self, text: str, size: float) -> float:
        return self._fonts.width(text) * size / mm

    def _value(self, x: float, line: Line, width: float, text: str) -> None:
        if not text:
            return
        room = width - 2.0
        size = min(line.size, line.size * room / self._wide(text, line.size))
        if size >= TEXT_PT_MIN:
            self.write(x + (width - self._wide(text, size)) / 2, line.y - _BASELINE_MM, text, size)
            return
        half = (len(text) + 1) // 2
        size = min(
            TEXT_PT_MIN,
            TEXT_PT_MIN
            * room
            / max(self._wide(t, TEXT_PT_MIN) for t in (text[:half], text[half:])),
        )
        self.write(x + 1, line.y - _BASELINE_MM - size * 0.42, text[:half], size)
        self.write(x + 1, line.y - _BASELINE_MM + 0.5, text[half:], size)

    def _strike(self, x: float, line: Line, options: Options, chosen: str | None) -> None:
        """A circle with a bar over each word that does not hold."""
        for word in options.words:
            width = self._wide(word, line.size)
            if chosen in options.words and word != chosen:
                left, low = self._point(x, line.y + 0.9)
                right, high = self._point(x + width, line.y - 3.9)
                self.canvas.setLineWidth(0.8)
                self.canvas.ellipse(left, low, right, high)
                self.canvas.line(left, low, right, high)
            x += width + self._wide("/", line.size)

    def qr(self, link: str) -> None:
        """A QR code; its four modules of quiet zone lie within its side."""
        code = segno.make(link, error="m", micro=False, boost_error=False, mask=2, encoding="utf-8")
        left, top = self._point(QR[0], QR[1])
        side = QR[2] * mm / (len(code.matrix) + 8)
        dark = [
            f"{start + 4} {row} {length} 1 re"
            for row, cells in enumerate(code.matrix, start=4)
            for start, length in _runs_of_dark(cells)
        ]
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
