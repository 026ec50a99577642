"""Names of persons in one comparable form, whatever the system or the hand that wrote them."""
from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from services.registry import han

LONGEST = 80
LOST = "?"
_BLANK = re.compile(
    r"[\s\-—–_/\\.·、,，'\"“”]*|(?:同上.{0,4}|同前|〃|″|\"|无|没有|暂无|不详|未知|空|待补.{0,2}"
    r"|null|none|nan|nil|n/?a|#n/a|unknown)",
    re.IGNORECASE)
_NO_NAME = frozenset("同上 同上行 同上格 同前 没有 暂无 不详 未知 待补 待补充".split())
_NOTE = re.compile(r"[(（\[【<《]([^)）\]】>》]*)[)）\]】>》]?")
_LATIN_RUN = re.compile(r"[a-z]+")
_PLAIN = re.compile(r"[\u4e00-\u9fff]{2,4}")
_SEPARATOR = re.compile(r"[·•．。・⋅●∙‧･.\-\s\u00b7\u2000-\u200f\u3000]+")
_LOST_SIGNS = frozenset("?□■◻◼▢○◯〇*#�×✕＊※△囗")
COMPOUND_SURNAMES = frozenset(
    "欧阳 司马 诸葛 上官 司徒 东方 独孤 南宫 夏侯 皇甫 尉迟 公孙 慕容 长孙 宇文 司空 令狐 端木 轩辕 百里 呼延 申屠 "
    "太史 澹台 公冶 宗政 濮阳 淳于 单于 公羊 赫连 钟离 闾丘 仲孙 亓官 拓跋 万俟 闻人 第五 梁丘 左丘 东郭 南门 西门".split())


class _Fold(dict):
    """Translation table that learns a code point when it first meets it."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_character(chr(code))
        return folded


def _fold_character(character: str) -> str:
    if character in _LOST_SIGNS:
        return LOST
    character = han.private_use().get(character, character)
    category = unicodedata.category(character[0])
    if category == "Co":
        return LOST
    if "\u3400" <= character <= "\u9fff" or "\U00020000" <= character <= "\U0003ffff":
        plain = unicodedata.normalize("NFKC", character)
        return han.simplified().get(plain, plain)
    if character in "üÜǖǘǚǜǕǗǙǛ":
        return "v"
    plain = unicodedata.normalize("NFKD", character.casefold())
    if plain != character:
        return "".join(_FOLD[ord(one)] for one in plain if one != character)
    return character if category[0] == "L" else ""


_FOLD = _Fold()


def is_blank(text: object) -> bool:
    """Nothing was given: empty, 同上, 无, a dash, N/A. 「同上」 points to a row that the system may not guess."""
    if text is None:
        return True
    return _BLANK.fullmatch(str(text)[:LONGEST].strip()) is not None


def _drop_note(match: re.Match[str]) -> str:
    inside = match.group(1).strip()
    return inside if inside.isascii() and inside.isalpha() and len(inside) > 1 else ""


@lru_cache(maxsize=65536)
def _fold(text: str) -> str:
    if _PLAIN.fullmatch(text) and text not in _NO_NAME:
        return text.translate(_FOLD)
    text = text[:LONGEST]
    if is_blank(text):
        return ""
    without = _NOTE.sub(_drop_note, text)
    folded = (without if without.strip() else text).translate(_FOLD)
    if not folded.isascii():
        folded = _LATIN_RUN.sub(_reading_or_lost, folded)
    return folded if folded == text else _fold(folded)


def _reading_or_lost(run: re.Match[str]) -> str:
    """Letters between characters stand for a character only where they are a reading."""
    return run[0] if _joined(_syllable(run[0])) in han.syllables() else LOST


def fold_name(text: object) -> str:
    """The comparable form of a name: simplified characters, no blanks, dots or marks, Latin in small letters.

    Private-use forms become the character they stood for; a character that was lost (`□`, `?`, an unknown
    private glyph) is `?`; a reading put in its place stays as letters. Remarks in brackets go. "" where nothing
    was given.
    Any text comes in, none raises; folding twice changes nothing.
    """
    return "" if text is None else _fold(text if isinstance(text, str) else str(text))


def name_parts(text: object) -> tuple[str, ...]:
    """The parts of a name written with `·` or what people type for it, each folded: 买买提·艾力 is two parts."""
    if text is None:
        return ()
    return tuple(part for part in map(fold_name, _SEPARATOR.split(str(text)[:LONGEST])) if part)


def _syllable(letters: str) -> str:
    """ü as u. In "tianyu" nobody can tell nyu from n-yu, so whole names take `_joined` on both sides."""
    return letters.replace("lyu", "lu").replace("v", "u")


def _joined(letters: str) -> str:
    return letters.replace("nyu", "nu")


def tokens(folded: str) -> list[str]:
    """One item for each character of a folded name; a reading in the place of a character is one item."""
    if _LATIN_RUN.search(folded) is None:
        return list(folded)
    return re.findall(r"[a-z]+|[^a-z]", folded)


def sounds(token: str) -> tuple[str, ...]:
    """The usual readings of one token; a token of letters is its own reading, a lost character has none."""
    if token.isascii():
        return () if token == LOST else (_joined(_syllable(token)),)
    return han.readings().get(token, ())


@lru_cache(maxsize=65536)
def sound_of(folded: str) -> str:
    """First readings joined: 吕伟 is "luwei". Lost characters leave nothing behind."""
    return _joined("".join(spoken[0] for spoken in map(sounds, tokens(folded)) if spoken))


@lru_cache(maxsize=65536)
def all_sounds(folded: str) -> tuple[str, ...]:
    """Every usual reading of the whole name, at most eight: 单长乐 may be shanchangle, danzhangyue and so on."""
    spoken = [""]
    for token in tokens(folded):
        spoken = [before + sound for before in spoken for sound in sounds(token) or ("",)][:8]
    return tuple(dict.fromkeys(map(_joined, spoken)))


def is_latin(folded: str) -> bool:
    """The name came in letters only, as from a system that lost the characters."""
    return folded.isascii() and _LATIN_RUN.fullmatch(folded) is not None


@lru_cache(maxsize=4096)
def spoken_orders(folded: str) -> tuple[str, ...]:
    """A name in letters as it may stand in the register: as written, then with its last one or two syllables first.

    Given name first ("guodong sun") is the habit of foreign systems; without blanks the border is unknown, so
    every ending that is a syllable, and every compound surname, counts.
    """
    spelled = _syllable(folded)
    orders = [spelled]
    known = han.syllables()
    for size in range(min(6, len(spelled) - 1), 0, -1):
        if spelled[-size:] in known:
            orders.append(spelled[-size:] + spelled[:-size])
    for surname in _compound_sounds():
        if spelled.endswith(surname) and len(spelled) > len(surname):
            orders.append(surname + spelled[:-len(surname)])
    return tuple(dict.fromkeys(map(_joined, orders)))


@lru_cache(maxsize=1)
def _compound_sounds() -> frozenset[str]:
    return frozenset(sound_of(surname) for surname in COMPOUND_SURNAMES)
