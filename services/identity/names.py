"""Names of persons in one comparable form, whatever the system or the hand that wrote them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from services.identity import han

LONGEST = 80
LOST = "?"
_BLANK = re.compile(
    r"[\s\-—–_/\\.·、,，'\"“”]*|(?:同上.{0,4}|同前|〃|″|\"|无|没有|暂无|不详|未知|空|待补.{0,2}"
    r"|null|none|nan|nil|n/?a|#n/a|unknown)",
    re.IGNORECASE,
)
_NO_NAME = frozenset(
    ["同上", "同上行", "同上格", "同前", "没有", "暂无", "不详", "未知", "待补", "待补充"]
)
_NOTE = re.compile(r"[(（\[【<《]([^)）\]】>》]*)[)）\]】>》]?")
_LATIN_RUN = re.compile(r"[a-z]+")
_PLAIN = re.compile(r"[\u4e00-\u9fff]{2,4}")
_SEPARATOR = re.compile(r"[·•．。・⋅●∙‧･.\-\s\u00b7\u2000-\u200f\u3000]+")
_LOST_SIGNS = frozenset("?□■◻◼▢○◯〇*#�×✕＊※△囗")
_MARKS = "*＊★☆※#＃△▲●◆◇✓√"
_LEADING_MARKS = re.compile(rf"[\s{_MARKS}]+(?=[^\s{_MARKS}].*[^\s{_MARKS}])")
_TRAILING_MARKS = re.compile(rf"(?<=[^\s{_MARKS}?]{{2}})[\s{_MARKS}]+$")
_NOTE_WORDS = (
    "男|女|男性|女性|预备期?|预备党员|正式|正式党员|中共预备党员|中共党员|党员|流动|流动党员|困难党员|老党员"
    "|退休|离休|在职|离职|新发展|转入|转出|已转出|待转出|已故|去世|出国|[\u4e00-\u9fff]{1,4}族"
)
_TAIL_NOTE = re.compile(
    rf"(?<=[\u4e00-\u9fff?]{{2}})[\s\-—–_/|,，、;；:：]+(?:{_NOTE_WORDS})"
    rf"(?:[\s\-—–_/|,，、;；:：]+(?:{_NOTE_WORDS}))*\s*$"
)
_FORMER_WORDS = "曾用名|原名|又名|别名|曾名|原用名|亦名"
_FORMER_TAIL = re.compile(
    rf"[\s,，、;；/]*(?:{_FORMER_WORDS})[\s:：为叫是]*([^\s,，、;；/()（）]{{2,}}).*$"
)
_FORMER = re.compile(rf"(?:{_FORMER_WORDS})[\s:：为叫是]*([^\s,，、;；/()（）\[\]【】]{{2,}})")
_SEX_NOTE = re.compile(r"(?<![\u4e00-\u9fff])([男女])性?(?![\u4e00-\u9fff])")
_INSIDE = re.compile(r"[(（\[【<《]([^)）\]】>》]*)")


class _Fold(dict):
    """Translation table that learns a code point when it first meets it."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_character(chr(code))
        return folded


def _fold_character(character: str) -> str:
    if character in _LOST_SIGNS or character == "某":  # 张某某: nobody is called so
        return LOST
    if character in han.radicals():
        return _FOLD[ord(han.radicals()[character])]
    character = han.private_use().get(character, character)
    category = unicodedata.category(character[0])
    if category == "Co":
        return LOST
    if _is_han(character):
        plain = unicodedata.normalize("NFKC", character)
        return han.simplified().get(plain, plain)
    if character in "üÜǖǘǚǜǕǗǙǛ":
        return "v"
    plain = unicodedata.normalize("NFKD", character.casefold())
    if plain != character:
        parts = [part for part in plain if part != character]
        return "".join(_FOLD[ord(part)] for part in parts)
    return character if category[0] == "L" else ""


def _is_han(character: str) -> bool:
    """A Chinese character of the basic block or of one of its extensions."""
    in_basic_block = "\u3400" <= character <= "\u9fff"
    in_extension = "\U00020000" <= character <= "\U0003ffff"
    return in_basic_block or in_extension


_FOLD = _Fold()


def is_blank(text: object) -> bool:
    """Nothing was given: empty, 同上, 无, a dash, N/A. 「同上」 points to a row that the system may
    not guess.
    """
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
    folded = _without_notes(without if without.strip() else text).translate(_FOLD)
    if not folded.isascii():
        folded = _LATIN_RUN.sub(_reading_or_lost, folded)
    return folded if folded == text else _fold(folded)


def _without_notes(text: str) -> str:
    """A name without the marks before and behind it (*张三, 李四＊) and without notes behind it
    (张三 女，回族).
    """
    text = _FORMER_TAIL.sub("", text.strip()) or text
    text = _TAIL_NOTE.sub("", text)
    return _TRAILING_MARKS.sub("", _LEADING_MARKS.sub("", text, count=1))


@dataclass(frozen=True, slots=True)
class NameNotes:
    """What a cell says beside the name itself: sex, whether on probation (None: not said), former
    names, folded; `marked`: a mark stands behind the name, which may also hide a last character
    (王小*).
    """

    sex: str | None = None
    probationary: bool | None = None
    former: tuple[str, ...] = ()
    marked: bool = False


_NO_NOTES = NameNotes()


@lru_cache(maxsize=65536)
def name_notes(text: str | None) -> NameNotes:
    """The notes of a name's cell: 王五(女) is female, 张三（预备） on probation,
    李四（曾用名李小四） was 李小四.
    """
    if text is None or _PLAIN.fullmatch(text):
        return _NO_NOTES
    text = text[:LONGEST]
    behind = _TAIL_NOTE.search(text) or _FORMER_TAIL.search(text)
    beside = " ".join([*_INSIDE.findall(text), behind[0] if behind else ""])
    sex = _SEX_NOTE.search(beside)
    probationary = True if "预备" in beside else False if "正式" in beside else None
    former = tuple(dict.fromkeys(filter(None, map(fold_name, _FORMER.findall(beside)))))
    marked = _TRAILING_MARKS.search(text.strip()) is not None
    return NameNotes(
        {"男": "male", "女": "female"}[sex[1]] if sex else None, probationary, former, marked
    )


def _reading_or_lost(run: re.Match[str]) -> str:
    """Letters between characters stand for a character only where they are a reading."""
    return run[0] if _joined(_syllable(run[0])) in han.syllables() else LOST


def fold_name(text: object) -> str:
    """The comparable form of a name: simplified characters, no blanks, dots or marks, Latin in
    small letters.

    Private-use forms become the character they stood for; a character that was lost (`□`, `?`, an
    unknown private glyph) is `?`; a reading put in its place stays as letters. Remarks in brackets
    go. "" where nothing was given. Any text comes in, none raises; folding twice changes nothing.
    """
    return "" if text is None else _fold(text if isinstance(text, str) else str(text))


def name_parts(text: object) -> tuple[str, ...]:
    """The parts of a name written with `·` or what people type for it, each folded: 买买提·艾力 is
    two parts.
    """
    if text is None:
        return ()
    return tuple(part for part in map(fold_name, _SEPARATOR.split(str(text)[:LONGEST])) if part)


def _syllable(letters: str) -> str:
    """ü as u. In "tianyu" nobody can tell nyu from n-yu, so whole names take `_joined` on both
    sides.
    """
    return letters.replace("lyu", "lu").replace("v", "u")


def _joined(letters: str) -> str:
    return letters.replace("nyu", "nu")


def tokens(folded: str) -> list[str]:
    """One item for each character of a folded name; a reading in the place of a character is one
    item.
    """
    if _LATIN_RUN.search(folded) is None:
        return list(folded)
    return re.findall(r"[a-z]+|[^a-z]", folded)


def sounds(token: str) -> tuple[str, ...]:
    """The usual readings of one token; a token of letters is its own reading, a lost character has
    none.
    """
    if token.isascii():
        return () if token == LOST else (_joined(_syllable(token)),)
    return han.readings().get(token, ())


@lru_cache(maxsize=65536)
def sound_of(folded: str) -> str:
    """First readings joined: 吕伟 is "luwei". Lost characters leave nothing behind."""
    return _joined("".join(spoken[0] for spoken in map(sounds, tokens(folded)) if spoken))


@lru_cache(maxsize=65536)
def all_sounds(folded: str) -> tuple[str, ...]:
    """Every usual reading of the whole name, at most eight, and of its surname every reading that a
    surname has: 单长乐 may be shanchangle, danzhangyue and so on, 尉迟恭 yuchigong and weichigong.
    """
    spoken = _combined([""], tokens(folded))
    surname = _surname(folded)
    if surname:
        heads = [_joined(sound) for sound in han.surname_readings()[surname]]
        spoken += _combined(heads, tokens(folded[len(surname) :]))
    return tuple(dict.fromkeys(map(_joined, spoken)))


def _combined(spoken: list[str], rest: list[str]) -> list[str]:
    for token in rest:
        spoken = [before + sound for before in spoken for sound in sounds(token) or ("",)][:8]
    return spoken


def _surname(folded: str) -> str:
    """The surname of a name in characters, if it is one with readings of its own; the longest
    counts.
    """
    known = han.surname_readings()
    return next(
        (folded[:size] for size in (4, 2, 1) if folded[:size] in known and len(folded) > size), ""
    )


def is_latin(folded: str) -> bool:
    """The name came in letters only, as from a system that lost the characters."""
    return folded.isascii() and _LATIN_RUN.fullmatch(folded) is not None


@lru_cache(maxsize=4096)
def spoken_orders(folded: str) -> tuple[str, ...]:
    """A name in letters as it may stand in the register: as written, then with its last one or two
    syllables first.

    Given name first ("guodong sun") is the habit of foreign systems; without blanks the border is
    unknown, so every ending that is a syllable, and every compound surname, counts.
    """
    spelled = _syllable(folded)
    orders = [spelled]
    known = han.syllables()
    for size in range(min(6, len(spelled) - 1), 0, -1):
        if spelled[-size:] in known:
            orders.append(spelled[-size:] + spelled[:-size])
    for surname in _compound_sounds():
        if spelled.endswith(surname) and len(spelled) > len(surname):
            orders.append(surname + spelled[: -len(surname)])
    return tuple(dict.fromkeys(map(_joined, orders)))


@lru_cache(maxsize=4096)
def stored_orders(folded: str) -> tuple[str, ...]:
    """A name in letters as `sound_of` the name in the register may read: a surname's other readings
    (YUE, GAI, YUCHI) become the one that keys are stored under (le, ge, weichi).
    """
    orders = spoken_orders(folded)
    more = [
        stored + order[len(spoken) :]
        for order in orders
        for spoken, stored in _other_surnames()
        if order.startswith(spoken) and len(order) > len(spoken)
    ]
    return tuple(dict.fromkeys((*orders, *map(_joined, more))))


@lru_cache(maxsize=1)
def _other_surnames() -> tuple[tuple[str, str], ...]:
    """(reading of a surname, the reading it is stored under) where these differ."""
    pairs = [
        (_joined(sound), sound_of(surname))
        for surname, spoken in han.surname_readings().items()
        for sound in spoken
    ]
    return tuple(dict.fromkeys(pair for pair in pairs if pair[0] != pair[1]))


@lru_cache(maxsize=1024)
def stored_heads(syllable: str) -> tuple[str, ...]:
    """First syllables under which a surname of this reading may be stored: "yue" is also "le", "yu"
    also "wei".
    """
    heads = [
        sound_of(surname[0])
        for surname, spoken in han.surname_readings().items()
        for sound in spoken
        if _begins_with(_joined(sound), syllable, len(surname))
    ]
    return tuple(dict.fromkeys((syllable, *heads)))


def _begins_with(sound: str, syllable: str, characters: int) -> bool:
    return sound == syllable if characters == 1 else sound.startswith(syllable)


@lru_cache(maxsize=1)
def _compound_sounds() -> frozenset[str]:
    """The readings of all surnames of more than one character."""
    return frozenset(
        _joined(sound)
        for surname, spoken in han.surname_readings().items()
        if len(surname) > 1
        for sound in spoken
    )
