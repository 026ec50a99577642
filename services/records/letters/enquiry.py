"""The letter of enquiry (沟通函) to an organisation that does not use guidui, with a slip for its
answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from services.records.letters.fonts import Fonts
from services.records.letters.form import PAGE
from services.records.letters.pdf import Offset, Pen

_LEFT, _WIDTH, _TOP, _BOTTOM, _STEP, _SIZE = 28.0, 156.0, 60.0, 262.0, 9.0, 12.0
_SLIP = 74.0  # the room that the slip needs


def write_enquiry(out: BinaryIO, statements: Mapping[str, str], fonts: Fonts) -> None:
    """Writes the letter that ``said`` describes: to, name, text, due, from, contact, phone, date,
    address.

    Raises Refused where a character cannot be drawn.
    """
    check(statements, fonts)
    pen = Pen(
        Canvas(out, pagesize=(PAGE[0] * mm, PAGE[1] * mm), pageCompression=1, invariant=1),
        fonts,
        Offset(),
    )
    pen.canvas.setTitle("党员组织关系沟通函")
    pen.write(
        (PAGE[0] - fonts.width("党员组织关系沟通函") * 20 / mm) / 2, 40, "党员组织关系沟通函", 20
    )
    y = _TOP
    for line in _body(statements, fonts):
        if y > _BOTTOM:
            pen.canvas.showPage()
            y = 30.0
        pen.write(_LEFT, y, line, _SIZE)
        y += _STEP
    if y + _SLIP > PAGE[1] - 15:
        pen.canvas.showPage()
        y = 30.0
    _slip(pen, y + 6, statements)
    pen.canvas.showPage()
    pen.canvas.save()


def check(statements: Mapping[str, str], fonts: Fonts) -> None:
    """Raises Refused where a character of the letter cannot be drawn."""
    fonts.check(
        (statements["name"] or statements["to"], line.replace("\t", " "))
        for value in statements.values()
        for line in value.splitlines()
    )


def _body(statements: Mapping[str, str], fonts: Fonts) -> Iterator[str]:
    subject = f"{statements['name']}同志" if statements["name"] else "一名党员"
    paragraphs = [
        f"{statements['to']}：",
        f"　　为做好{subject}组织关系转接工作，现就下列事项商请贵组织协助：",
        *(
            f"　　{line.strip()}".replace("\t", " ")
            for line in statements["text"].splitlines()
            if line.strip()
        ),
        f"　　请于{statements['due']}前函复。感谢支持。",
        "",
        f"　　联系人：{statements['contact']}　电话：{statements['phone']}",
        f"　　通讯地址：{statements['address']}",
        "",
        f"　　　　　　　　　　　　{statements['from']}（盖章）",
        f"　　　　　　　　　　　　　　　　{statements['date']}",
    ]
    for paragraph in paragraphs:
        yield from wrapped(paragraph, _WIDTH, fonts)


def wrapped(text: str, width: float, fonts: Fonts) -> Iterator[str]:
    """The lines of a paragraph that fit into ``width`` mm; at least one, even if empty."""
    line = ""
    for character in text:
        if line and fonts.width(line + character) * _SIZE / mm > width:
            yield line
            line = ""
        line += character
    yield line


def _slip(pen: Pen, y: float, statements: Mapping[str, str]) -> None:
    left, up = 12 * mm, (PAGE[1] - y) * mm
    pen.canvas.setDash(4, 3)
    pen.canvas.line(left, up, (PAGE[0] - 12) * mm, up)
    pen.canvas.setDash()
    pen.write((PAGE[0] - 6 * 15 / mm) / 2, y + 12, "沟通函回复单", 15)
    for step, line in enumerate(
        (
            f"{statements['from']}：",
            f"　　关于{statements['name'] or '来函所询党员'}的回复：",
            "",
            "",
        )
    ):
        pen.write(_LEFT, y + 22 + step * _STEP, line, _SIZE)
        if not line:
            pen.rule(_LEFT, y + 22 + step * _STEP, _WIDTH)
    pen.write(
        _LEFT,
        y + 62,
        "经办人：　　　　　　联系电话：　　　　　　　（盖章）　　年　　月　　日",
        _SIZE,
    )
