"""Frozen tables of Chinese characters: simplified forms, readings, private-use codes.

They are data of ours and not calls into a library, because keys computed from them are stored: a
table that changed with a library's version would silently hide members from the look-up. Each file
names its source.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent

# GB 18030-2022 gives these a code point of their own; Python's codec still has the table of 2000
# and leaves them in the private use area.
_PRIVATE_2022 = {
    0xE816: "\U00020087",
    0xE817: "\U00020089",
    0xE818: "\U000200cc",
    0xE81E: "\u9fb4",
    0xE826: "\u9fb5",
    0xE82B: "\u9fb6",
    0xE82C: "\u9fb7",
    0xE831: "\U000215d7",
    0xE832: "\u9fb8",
    0xE83B: "\U0002298f",
    0xE843: "\u9fb9",
    0xE854: "\u9fba",
    0xE855: "\U000241fe",
    0xE864: "\u9fbb",
    0xE7C7: "\u1e3f",
}
# Characters with more than one reading that is usual in names, the usual one first (a surname's
# where it has one).
_POLYPHONES = {
    "单": "shan dan",
    "曾": "zeng ceng",
    "解": "xie jie",
    "仇": "qiu chou",
    "区": "ou qu",
    "查": "zha cha",
    "朴": "piao pu",
    "盖": "ge gai",
    "任": "ren",
    "覃": "qin tan",
    "乐": "le yue",
    "翟": "zhai di",
    "长": "chang zhang",
    "朝": "chao zhao",
    "重": "zhong chong",
    "行": "xing hang",
    "盛": "sheng cheng",
    "晟": "sheng cheng",
    "茜": "qian xi",
    "莎": "sha suo",
    "娜": "na nuo",
    "传": "chuan zhuan",
    "贾": "jia gu",
    "奇": "qi ji",
    "柏": "bai bo",
    "露": "lu lou",
    "薄": "bo bao",
    "都": "du dou",
    "宿": "su xiu",
    "秘": "mi bi",
    "召": "zhao shao",
    "冼": "xian",
    "洗": "xi xian",
    "尉": "wei yu",
    "员": "yuan yun",
    "缪": "miao mou",
    "隗": "wei kui",
    "祭": "ji zhai",
    "大": "da dai",
    "车": "che ju",
    "繁": "fan po",
    "能": "neng nai",
    "黑": "hei he",
    "谌": "chen shen",
    "郇": "xun huan",
    "卜": "bu bo",
    "曲": "qu",
    "樊": "fan",
    "会": "hui kuai",
    "参": "can shen",
    "藏": "cang zang",
    "石": "shi dan",
    "万": "wan mo",
    "俟": "si qi",
    "叶": "ye xie",
    "夏": "xia",
    "俞": "yu",
    "褚": "chu zhu",
    "訾": "zi",
    "撒": "sa",
    "佴": "nai er",
    "阿": "a e",
    "合": "he ge",
    "吾": "wu",
    "拉": "la",
    "克": "ke",
    "什": "shi shen",
    "地": "di de",
    "得": "de dei",
    "色": "se",
    "倩": "qian",
    "圳": "zhen",
    "芮": "rui",
    "晁": "chao",
    "钻": "zuan",
    "强": "qiang jiang",
    "弹": "tan dan",
    "调": "tiao diao",
    "堡": "bao pu",
    "系": "xi ji",
    "省": "sheng xing",
    "少": "shao",
    "相": "xiang",
    "兴": "xing",
    "华": "hua",
    "中": "zhong",
    "红": "hong",
    "和": "he",
    "正": "zheng",
    "应": "ying",
    "干": "gan qian",
    "乾": "qian gan",
    "呂": "lv",
}


def _lines(name: str) -> list[str]:
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


_ODD = re.compile("[\u2e80-\u2fdf\u3021-\u303a\u31c0-\u31ef\uf900-\ufaff\U0002f800-\U0002fa1f]")


@cache
def radicals() -> dict[str, str]:
    """Radical or stroke to the ordinary character that looks the same: `⻢` is 马, `⼀` is 一."""
    return {
        line[at]: line[at + 1] for line in _lines("radicals.txt") for at in range(0, len(line), 2)
    }


def ordinary(text: str) -> str:
    """The text with ordinary characters in place of radicals, strokes and compatibility ideographs.

    PDF readers and old fonts hand these over in place of what was written. Nothing else is changed:
    traditional characters, width and blanks stay. Done twice it changes nothing more.
    """
    if text.isascii() or _ODD.search(text) is None:
        return text
    return _ODD.sub(_ordinary_character, text)


def _ordinary_character(match: re.Match[str]) -> str:
    character = match[0]
    return radicals().get(character) or unicodedata.normalize("NFKC", character)


@cache
def simplified() -> dict[str, str]:
    """Character to its simplified form; only characters that have one."""
    return {
        line[i]: line[i + 1]
        for line in _lines("simplified.txt")
        for i in range(0, len(line) - 1, 2)
    }


@cache
def readings() -> dict[str, tuple[str, ...]]:
    """Character to its usual readings, without tone, ü as u: 吕 is ("lu",), as roster clerks type
    lv, lu, lyu or lü.
    """
    table: dict[str, tuple[str, ...]] = {}
    for line in _lines("readings.txt"):
        sound, _, characters = line.partition(" ")
        spelling = (sound.replace("v", "u"),)
        table.update(dict.fromkeys(characters, spelling))
    for character, sounds in _POLYPHONES.items():
        table[character] = tuple(sound.replace("v", "u") for sound in sounds.split())
    return table


@cache
def surname_readings() -> dict[str, tuple[str, ...]]:
    """Surname of one or more characters to all its readings, spelled as readings() spells them.

    A surname's own reading and those that clerks and systems give it by mistake: 乐 is le and yue,
    尉迟 is yuchi and weichi. The first is not always the one that keys are stored under: that is
    readings().
    """
    table: dict[str, tuple[str, ...]] = {}
    for line in _lines("surnames.txt"):
        surname, *spoken = line.split()
        table[surname] = tuple(sound.replace("v", "u") for sound in spoken)
    return table


@cache
def syllables() -> frozenset[str]:
    """All Mandarin syllables as readings() spells them."""
    return frozenset(sound for sounds in readings().values() for sound in sounds)


@cache
def private_use() -> dict[str, str]:
    """Private-use code to the character it stood for in GBK and in GB 18030-2000 (two-byte area
    FE50 to FEA0).
    """
    table = {chr(code): character for code, character in _PRIVATE_2022.items()}
    trails = [*range(0x50, 0x7F), *range(0x80, 0xA1)]
    for index, trail in enumerate(trails):
        code, character = chr(0xE815 + index), bytes([0xFE, trail]).decode("gb18030")
        if character != code:
            table.setdefault(code, character)
    return table


def is_rare(character: str) -> bool:
    """Outside GB 2312: what old input methods and old databases could not hold."""
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return True
    return False
