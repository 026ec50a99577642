"""Why two records look like one person, in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from services.identity.compare import FIELDS
from services.kit.errors import Text


@dataclass(frozen=True, slots=True)
class Reason:
    """One field's level and what it means."""

    field: str
    level: str
    words: Text


_WORDS = {
    "number": {
        "same": Text("身份证号码相同", "same ID number"),
        "card": Text("军人证件号码相同", "same military card"),
        "same_damaged": Text(
            "身份证号码逐位相同，但校验位不符", "same ID number, but its check digit fails"
        ),
        "repaired": Text(
            "身份证号码只差一处：一位写错、相邻两位颠倒或多少一位",
            "ID number differs in one slip: a wrong, swapped, missing or extra digit",
        ),
        "cut": Text(
            "身份证号码前 15 位相同，后几位已丢失",
            "first 15 characters of the ID number agree, the rest is lost",
        ),
        "masked": Text(
            "身份证号码没有遮盖的各位都相符",
            "what is not masked of the ID number agrees, its end among it",
        ),
        "shown": Text(
            "身份证号码没有遮盖的前几位相符",
            "the beginning of the ID number, which is not masked, agrees",
        ),
        "begins": Text("身份证号码剩下的前几位相符", "what is left of the ID number agrees"),
        "near": Text(
            "身份证号码有效但不同，只差一两位",
            "a different valid ID number, one or two digits away",
        ),
        "twin": Text(
            "身份证号码有效但不同，出生日期部分相同（或为双胞胎、同名同日生）",
            "a different valid ID number with the same birth date (a twin or a namesake?)",
        ),
        "other": Text("身份证号码有效但不同", "a different valid ID number"),
        "unfit": Text(
            "身份证号码有误，且改一处也对不上",
            "the ID number is damaged and no single slip explains it",
        ),
        "doubtful": Text(
            "身份证号码与本行所写的出生日期或性别矛盾，或为他人号码",
            "the row's ID number contradicts its own birth date or sex: perhaps another person's",
        ),
    },
    "name": {
        "same": Text("姓名相同", "same name"),
        "sound": Text("姓名同音不同字", "name sounds the same, written differently"),
        "shape": Text("姓名有一个字不同", "one character of the name differs"),
        "lost": Text(
            "姓名有字丢失，其余相同", "a character of the name was lost, the others agree"
        ),
        "pinyin": Text("姓名拼音相符", "name agrees in pinyin"),
        "part": Text("姓名少一个音节或一部分", "a syllable or a part of the name is missing"),
        "surname": Text("只有姓相同", "only the surname agrees"),
        "other": Text("姓名不同", "different name"),
    },
    "birth": {
        "same": Text("出生日期相同", "same birth date"),
        "month": Text("出生年月相符", "birth year and month agree"),
        "year": Text("出生年份相符", "birth year agrees"),
        "swapped": Text("出生日期的月和日颠倒", "day and month of birth are exchanged"),
        "slip": Text("出生年份相同，月或日不同", "same birth year; day or month differs"),
        "year_off": Text(
            "出生月日相同，年份差 1、2 或 10 年", "same day of birth; the year is 1, 2 or 10 off"
        ),
        "lunar": Text(
            "出生日期早十几至五十几天，或为农历",
            "birth date weeks earlier: perhaps by the lunar calendar",
        ),
        "other": Text("出生日期不同", "different birth date"),
    },
    "sex": {"same": Text("性别相同", "same sex"), "other": Text("性别不同", "different sex")},
    "phone": {
        "same": Text("电话相同", "same phone"),
        "masked": Text("电话没有遮盖的各位都相符", "what is not masked of the phone agrees"),
        "other": Text("电话不同", "different phone"),
    },
    "address": {
        "same": Text("住址相同", "same address"),
        "place": Text("同一村居，门牌不同", "same community, another door"),
        "other": Text("住址不同", "different address"),
    },
    "organisation": {
        "same": Text("同一党支部", "same branch"),
        "committee": Text("同一党委", "same committee"),
        "other": Text("组织不同", "different organisation"),
    },
}


@lru_cache(maxsize=8192)
def reasons(levels: tuple[str, ...]) -> tuple[Reason, ...]:
    """The reasons of a pair, one for each field that both records state."""
    return tuple(
        Reason(
            "id_number" if field == "number" else "birth_date" if field == "birth" else field,
            level,
            _WORDS[field][level],
        )
        for field, level in zip(FIELDS, levels, strict=False)
        if level not in ("none", "unread")
    )
