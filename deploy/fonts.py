"""Makes the fonts of the letters ready: TrueType files, and which characters each of them really
draws.

A woff2 part of a family becomes a TTF, since PDF takes no woff2. `index.json` beside the files
names for each the ranges of code points whose glyph has an outline: a character that is only mapped
to an empty box is not one of them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from fontTools.ttLib import TTFont
from fontTools.ttLib.woff2 import decompress

BLANKS = {0x20, 0xA0, 0x3000}


def prepare(modules: Path, wanted: dict[str, str], target: Path) -> None:
    """Fills `target` from an npm `node_modules`; `wanted` maps a file name, or the name of a
    family, to a pattern.
    """
    fresh = target.with_name(target.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    index = {}
    for name, pattern in wanted.items():
        parts = sorted(modules.glob(pattern))
        if not parts:
            raise SystemExit(f"no font file is like {pattern}")
        for number, part in enumerate(parts, start=1):
            made = fresh / (name if name.endswith(".ttf") else f"{name}-{number:02}.ttf")
            index[made.name] = _ttf(part, made)
        for licence in sorted(parts[0].parent.parent.glob("LICENSE_FONT")):
            shutil.copy(licence, fresh / f"{name}.LICENSE")
    (fresh / "index.json").write_text(json.dumps(index, separators=(",", ":")))
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def _ttf(part: Path, made: Path) -> list[list[int]]:
    """Writes a font as TTF and returns the ranges of what it draws: a glyph without bytes draws
    nothing.
    """
    if part.suffix == ".ttf":
        shutil.copy(part, made)
    else:
        decompress(part, made)
    with TTFont(made, lazy=True) as font:
        place, at = font.getReverseGlyphMap(), font["loca"].locations
        characters = font.getBestCmap()
        assert characters is not None, f"{part} maps no characters to glyphs"
        drawn = sorted(
            code
            for code, glyph in characters.items()
            if code in BLANKS or at[place[glyph]] < at[place[glyph] + 1]
        )
    return _ranges(drawn)


def _ranges(codes: list[int]) -> list[list[int]]:
    found: list[list[int]] = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found
