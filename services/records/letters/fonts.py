"""The fonts that letters are printed in, and what to say where none of them has a character.

Every character is looked for in the serif font that comes with guidui, then in the parts of the
font for rare planes (Extensions B to F), then in the TTF files of the operator's own folder
(GUIDUI_FONTS).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import SUBSETN, TTFError, TTFont

from services.kit.errors import Refused, Text

FOLDER = Path(__file__).with_name("fonts")
MAIN = "NotoSerifSC.ttf"
PROBE = "中共党员组织关系介绍信第号年月日零壹贰叁肆伍陆柒捌玖拾"
NAMED_MAX = 5  # names named in a refusal
_ASTRAL = re.compile(r"(<[0-9A-F]{2}>) <([0-9A-F]{5,6})>")


class LetterFont(TTFont):
    """ReportLab's font; characters beyond U+FFFF stand in the text layer as UTF-16, as PDF wants
    them (ISO 32000-2 §9.10.3), where ReportLab writes their bare number.
    """

    def addObjects(self, doc: Any) -> None:  # noqa: N802 - ReportLab calls it by this name
        subsets = self.state[doc].subsets
        super().addObjects(doc)
        for number in range(len(subsets)):
            name = (SUBSETN(number) + b"+" + self.face.name + self.face.subfontNameX).decode(
                "pdfdoc"
            )
            stream = doc.idToObject[f"toUnicodeCMap:{name}"]
            stream.content = _ASTRAL.sub(
                lambda m: f"{m[1]} <{chr(int(m[2], 16)).encode('utf-16-be').hex().upper()}>",
                stream.content,
            )


Ranges = list[list[int]]
"""First and last number of the characters that a font has, in order."""


def _parts_of(folder: Path) -> list[tuple[Path, Ranges]]:
    """The fonts that come with guidui, with the characters of each; the one for most of them
    first.
    """
    index = folder / "index.json"
    if not index.is_file():
        return []
    ranges_of: dict[str, Ranges] = json.loads(index.read_text())
    names = sorted(ranges_of, key=lambda name: name != MAIN)
    return [(folder / name, ranges_of[name]) for name in names if (folder / name).is_file()]


def _files_of(own: Path | None) -> list[Path]:
    """The operator's own fonts."""
    if own is None or not own.is_dir():
        return []
    return sorted(file for file in own.iterdir() if file.suffix.lower() == ".ttf")


class Fonts:
    """Which font draws which character. ``own`` is the operator's folder of more TTF files."""

    def __init__(self, folder: Path = FOLDER, own: Path | None = None) -> None:
        self._parts = _parts_of(folder)
        self._starts = [[first for first, _ in ranges] for _, ranges in self._parts]
        self._own = _files_of(own)
        self._of: dict[str, str | None] = {}
        self._widths: dict[str, float] = {}
        self._names: dict[Path, str | None] = {}
        self._fonts: dict[str, LetterFont] = {}

    def font_of(self, character: str) -> str | None:
        """The registered font that draws a character; None if there is none."""
        if character not in self._of:
            self._of[character] = self._find(ord(character))
        return self._of[character]

    def _find(self, code: int) -> str | None:
        for (file, ranges), starts in zip(self._parts, self._starts, strict=True):
            place = bisect_right(starts, code) - 1
            if place >= 0 and code <= ranges[place][1]:
                return self._registered(file)
        for file in self._own:
            name = self._registered(file)
            if name is not None and code in self._fonts[name].face.charToGlyph:
                return name
        return None

    def _registered(self, file: Path) -> str | None:
        if file not in self._names:
            name = f"guidui-{file.parent.name}-{file.stem}"
            try:
                font = LetterFont(name, str(file))
            except (TTFError, OSError):  # no TrueType outlines, or no font
                self._names[file] = None
                return None
            # parts of one family must not share the name of their objects
            font.face.name = name.encode()
            pdfmetrics.registerFont(font)
            self._fonts[name] = font
            self._names[file] = name
        return self._names[file]

    def runs(self, text: str) -> Iterator[tuple[str, str]]:
        """The text cut into (font, part). What has no glyph is left out: ``check`` first."""
        fonts = [(self.font_of(character), character) for character in text]
        drawn = [(name, character) for name, character in fonts if name is not None]
        for name, characters in groupby(drawn, key=itemgetter(0)):
            yield name, "".join(character for _, character in characters)

    def width(self, text: str) -> float:
        """How wide a text is at a size of 1."""
        total = 0.0
        for character in text:
            if character not in self._widths:
                name = self.font_of(character)
                self._widths[character] = (
                    pdfmetrics.stringWidth(character, name, 1) if name else 1.0
                )
            total += self._widths[character]
        return total

    def missing(self, text: str) -> list[str]:
        """The characters that no font draws, each once."""
        return list(dict.fromkeys(c for c in text if not self.font_of(c)))

    def check(self, texts: Iterable[tuple[str, str]]) -> None:
        """Raises Refused unless every character of every (whose, text) can be drawn: a letter never
        shows a box.

        503 where there is no Chinese font at all, else 409 naming characters, names and what to do.
        """
        if not all(self.font_of(c) for c in PROBE):
            raise Refused(503, "no-font", _NO_FONT)
        faults: dict[str, list[str]] = {}
        for owner, text in texts:
            lacking = self.missing(text)
            if lacking:
                faults.setdefault(owner, []).extend(lacking)
        if faults:
            raise _refused(faults)


_NO_FONT = Text(
    "没有安装中文字体，不能打印。请管理员重新运行 make install，或把中文字体（TTF）放进 "
    "GUIDUI_FONTS 文件夹。",
    "No Chinese font is installed, so nothing is printed. Run make install again, or put a "
    "Chinese font (TTF) into the folder GUIDUI_FONTS.",
)


def _refused(faults: dict[str, list[str]]) -> Refused:
    """The refusal that names the first few texts and their characters."""
    shown = [(owner, "".join(dict.fromkeys(lacking))) for owner, lacking in faults.items()]
    more = len(shown) - NAMED_MAX
    del shown[NAMED_MAX:]
    zh = "；".join(f"“{owner}”中的“{lacking}”（{_codes(lacking)}）" for owner, lacking in shown)
    en = "; ".join(f"{lacking} ({_codes(lacking)}) in “{owner}”" for owner, lacking in shown)
    if more > 0:
        zh += f"，另有 {more} 处"
        en += f", and {more} more"
    return Refused(
        409,
        "glyph-missing",
        Text(
            f"字体里没有这些字，没有打印：{zh}。"
            "请改用 Word 文件（由本机字体显示），或请管理员把含这些字的字体（TTF）放进 "
            "GUIDUI_FONTS 文件夹。",
            f"No font has these characters, so nothing was printed: {en}. "
            "Use the Word file, which takes the fonts of your computer, or have a font (TTF) with "
            "them put into the folder GUIDUI_FONTS.",
        ),
        missing=[{"text": owner, "characters": lacking} for owner, lacking in shown],
    )


def _codes(characters: str) -> str:
    return "、".join(f"U+{ord(c):04X}" for c in characters)


@lru_cache
def fonts_of(own: Path | None = None) -> Fonts:
    """The fonts of this process."""
    return Fonts(own=own)
