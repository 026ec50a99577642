"""The same letters as Word, for those who print in their own office's fonts: one section of three
parts a letter.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from itertools import groupby
from typing import BinaryIO

import segno
from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from docx.text.paragraph import Paragraph
from docx.text.run import Run

from services.records.letters.form import PAGE, PARTS, Blank, Line, Options, Sheet

SHEETS_MAX = 500  # python-docx keeps the whole document in memory
FONT, RARE_FONT = "仿宋", "SimSun-ExtB"
_MM_A_CHARACTER = 4.3


def write_letters(out: BinaryIO, sheets: Iterable[Sheet]) -> int:
    """Writes a document with one page a letter; returns how many. No glyph is looked for: the
    reader's fonts draw.
    """
    document, count = Document(), 0
    section = document.sections[0]
    section.page_width, section.page_height = Mm(PAGE[0]), Mm(PAGE[1])
    section.left_margin = section.right_margin = Mm(20)
    section.top_margin = section.bottom_margin = Mm(12)
    for sheet in sheets:
        if count:
            document.paragraphs[-1].add_run().add_break(WD_BREAK.PAGE)
        for part in PARTS:
            for line in part.lines:
                _line(document.add_paragraph(), line, sheet)
            if part.name == "letter" and sheet.link:
                _qr(document.add_paragraph(), sheet.link)
            if part.seal_y is not None:
                seam = document.add_paragraph()
                seam.alignment = WD_ALIGN_PARAGRAPH.CENTER
                _tight(seam)
                _say(
                    seam, "－ － － － － － － － － －（骑缝章）－ － － － － － － － － －", 9
                )
        count += 1
    document.save(out)
    return count


def _line(paragraph: Paragraph, line: Line, sheet: Sheet) -> None:
    _tight(paragraph)
    if line.centred:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    elif line.x > 60:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    size = min(line.size, 12) if not line.centred else line.size
    for part in line.parts:
        if isinstance(part, str):
            _say(paragraph, part, size)
        elif isinstance(part, Blank):
            text = sheet.values.get(part.name, "")
            room = max(0, round(part.width / _MM_A_CHARACTER) - len(text)) // 2
            for shown in ("　" * room, text, "　" * room):
                for run in _say(paragraph, shown, size):
                    run.underline = True
        else:
            _options(paragraph, part, sheet.chosen.get(part.name), size)


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
        run.font.size, run.font.name = Pt(size), RARE_FONT if rare else FONT
        run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), run.font.name)
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
