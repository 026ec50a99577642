"""The letter of enquiry (沟通函) to an organisation that does not use guidui, with a slip for its
answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from reportlab.lib.units import mm

from services.records.letters.fonts import Fonts
from services.records.letters.form import PAGE
from services.records.letters.pdf import Offset, Pen, canvas_of

_LEFT = 28.0
_WIDTH = 156.0
_TOP = 60.0
_TOP_OF_NEXT = 30.0
_BOTTOM = 262.0
_STEP = 9.0
_SIZE = 12.0
_SLIP = 74.0  # the room that the slip needs
_TITLE = "党员组织关系沟通函"


def write_enquiry(out: BinaryIO, statements: Mapping[str, str], fonts: Fonts) -> None:
    """Writes the letter that ``statements`` describe: to, name, text, due, from, contact, phone,
    date, address.

    Raises Refused where a character cannot be drawn.
    """
    check(statements, fonts)
    pen = Pen(canvas_of(out), fonts, Offset())
    pen.canvas.setTitle(_TITLE)
    width = fonts.width(_TITLE) * 20 / mm
    pen.write((PAGE[0] - width) / 2, 40, _TITLE, 20)
    y = _TOP
    for line in _body(statements, fonts):
        if y > _BOTTOM:
            pen.canvas.showPage()
            y = _TOP_OF_NEXT
        pen.write(_LEFT, y, line, _SIZE)
        y += _STEP
    if y + _SLIP > PAGE[1] - 15:
        pen.canvas.showPage()
        y = _TOP_OF_NEXT
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
    yield from wrapped(f"{statements['to']}：", _WIDTH, fonts)
    opening = f"　　为做好{subject}组织关系转接工作，现就下列事项商请贵组织协助："
    yield from wrapped(opening, _WIDTH, fonts)
    for line in statements["text"].splitlines():
        if line.strip():
            yield from wrapped(f"　　{line.strip()}".replace("\t", " "), _WIDTH, fonts)
    closing = (
        f"　　请于{statements['due']}前函复。感谢支持。",
        "",
        f"　　联系人：{statements['contact']}　电话：{statements['phone']}",
        f"　　通讯地址：{statements['address']}",
        "",
        f"　　　　　　　　　　　　{statements['from']}（盖章）",
        f"　　　　　　　　　　　　　　　　{statements['date']}",
    )
    for paragraph in closing:
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
    """The slip for the answer, to be cut off."""
    left, up = 12 * mm, (PAGE[1] - y) * mm
    pen.canvas.setDash(4, 3)
    pen.canvas.line(left, up, (PAGE[0] - 12) * mm, up)
    pen.canvas.setDash()
    pen.write((PAGE[0] - 6 * 15 / mm) / 2, y + 12, "沟通函回复单", 15)
    subject = statements["name"] or "来函所询党员"
    first = y + 22
    pen.write(_LEFT, first, f"{statements['from']}：", _SIZE)
    pen.write(_LEFT, first + _STEP, f"　　关于{subject}的回复：", _SIZE)
    pen.rule(_LEFT, first + 2 * _STEP, _WIDTH)
    pen.rule(_LEFT, first + 3 * _STEP, _WIDTH)
    pen.write(
        _LEFT,
        y + 62,
        "经办人：　　　　　　联系电话：　　　　　　　（盖章）　　年　　月　　日",
        _SIZE,
    )
