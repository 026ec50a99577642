"""The same letters as Word, for those who print in their own office's fonts: one section of three
parts a letter.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from itertools import groupby
from typing import Any, BinaryIO

import segno
from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from docx.text.paragraph import Paragraph
from docx.text.run import Run

from services.records.letters.form import PAGE, PARTS, Blank, Line, Options, Part, Sheet

SHEETS_MAX = 500  # python-docx keeps the whole document in memory
FONT, RARE_FONT = "仿宋", "SimSun-ExtB"
_MM_A_CHARACTER = 4.3


def write_letters(out: BinaryIO, sheets: Iterable[Sheet]) -> int:
    """Writes a document with one page a letter; returns how many. No glyph is looked for: the
    reader's fonts draw.
    """
    document = Document()
    _set_page(document)
    count = 0
    for sheet in sheets:
        if count:
            document.paragraphs[-1].add_run().add_break(WD_BREAK.PAGE)
        for part in PARTS:
            _part(document, part, sheet)
        count += 1
    document.save(out)
    return count


def _set_page(document: Any) -> None:
    width, height = PAGE
    section = document.sections[0]
    section.page_width, section.page_height = Mm(width), Mm(height)
    section.left_margin = section.right_margin = Mm(20)
    section.top_margin = section.bottom_margin = Mm(12)


def _part(document: Any, part: Part, sheet: Sheet) -> None:
    """One of the three parts of a letter, and the seam below it."""
    for line in part.lines:
        _line(document.add_paragraph(), line, sheet)
    if part.name == "letter" and sheet.link:
        _qr(document.add_paragraph(), sheet.link)
    if part.seal_y is not None:
        seam = document.add_paragraph()
        seam.alignment = WD_ALIGN_PARAGRAPH.CENTER
        _tight(seam)
        _say(seam, "－ － － － － － － － － －（骑缝章）－ － － － － － － － － －", 9)


def _line(paragraph: Paragraph, line: Line, sheet: Sheet) -> None:
    _tight(paragraph)
    if line.centred:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    elif line.x > 60:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    size = line.size if line.centred else min(line.size, 12)
    for element in line.parts:
        if isinstance(element, str):
            _say(paragraph, element, size)
        elif isinstance(element, Blank):
            _value(paragraph, element, sheet.values.get(element.name, ""), size)
        else:
            _options(paragraph, element, sheet.chosen.get(element.name), size)


def _value(paragraph: Paragraph, blank: Blank, text: str, size: float) -> None:
    """A value in the middle of its blank, underlined."""
    room = round(blank.width / _MM_A_CHARACTER) - len(text)
    space = "　" * (max(0, room) // 2)
    for shown in (space, text, space):
        for run in _say(paragraph, shown, size):
            run.underline = True


def _options(paragraph: Paragraph, options: Options, chosen: str | None, size: float) -> None:
    for place, word in enumerate(options.words):
        if place:
            _say(paragraph, "/", size)
        for run in _say(paragraph, word, size):
            run.font.strike = chosen in options.words and word != chosen


def _say(paragraph: Paragraph, text: str, size: float) -> list[Run]:
    """Runs of one font each: what lies beyond the first plane gets the font that most offices have
    for it.
    """
    made = []
    for rare, characters in groupby(text, lambda c: ord(c) > 0xFFFF):
        run = paragraph.add_run("".join(characters))
        run.font.size = Pt(size)
        run.font.name = RARE_FONT if rare else FONT
        fonts = run._element.get_or_add_rPr().get_or_add_rFonts()
        fonts.set(qn("w:eastAsia"), run.font.name)
        made.append(run)
    return made


def _qr(paragraph: Paragraph, link: str) -> None:
    _tight(paragraph)
    paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    picture = io.BytesIO()
    segno.make(link, error="m", micro=False).save(picture, kind="png", scale=4, border=4)
    paragraph.add_run().add_picture(picture, width=Mm(20))


def _tight(paragraph: Paragraph) -> None:
    paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(1)
