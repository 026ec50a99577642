"""Why two records look like one person, in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from services.identity.compare import FIELDS
from services.kit.errors import Words


@dataclass(frozen=True, slots=True)
class Reason:
    """One field's level and what it means."""

    field: str
    level: str
    words: Words


_WORDS = {
    "number": {
        "same": Words("身份证号码相同", "same ID number"),
        "card": Words("军人证件号码相同", "same military card"),
        "same_damaged": Words(
            "身份证号码逐位相同，但校验位不符", "same ID number, but its check digit fails"
        ),
        "repaired": Words(
            "身份证号码只差一处：一位写错、相邻两位颠倒或多少一位",
            "ID number differs in one slip: a wrong, swapped, missing or extra digit",
        ),
        "cut": Words(
            "身份证号码前 15 位相同，后几位已丢失",
            "first 15 characters of the ID number agree, the rest is lost",
        ),
        "masked": Words(
            "身份证号码没有遮盖的各位都相符",
            "what is not masked of the ID number agrees, its end among it",
        ),
        "shown": Words(
            "身份证号码没有遮盖的前几位相符",
            "the beginning of the ID number, which is not masked, agrees",
        ),
        "begins": Words("身份证号码剩下的前几位相符", "what is left of the ID number agrees"),
        "near": Words(
            "身份证号码有效但不同，只差一两位",
            "a different valid ID number, one or two digits away",
        ),
        "twin": Words(
            "身份证号码有效但不同，出生日期部分相同（或为双胞胎、同名同日生）",
            "a different valid ID number with the same birth date (a twin or a namesake?)",
        ),
        "other": Words("身份证号码有效但不同", "a different valid ID number"),
        "unfit": Words(
            "身份证号码有误，且改一处也对不上",
            "the ID number is damaged and no single slip explains it",
        ),
        "doubtful": Words(
            "身份证号码与本行所写的出生日期或性别矛盾，或为他人号码",
            "the row's ID number contradicts its own birth date or sex: perhaps another person's",
        ),
    },
    "name": {
        "same": Words("姓名相同", "same name"),
        "sound": Words("姓名同音不同字", "name sounds the same, written differently"),
        "shape": Words("姓名有一个字不同", "one character of the name differs"),
        "lost": Words(
            "姓名有字丢失，其余相同", "a character of the name was lost, the others agree"
        ),
        "pinyin": Words("姓名拼音相符", "name agrees in pinyin"),
        "part": Words("姓名少一个音节或一部分", "a syllable or a part of the name is missing"),
        "surname": Words("只有姓相同", "only the surname agrees"),
        "other": Words("姓名不同", "different name"),
    },
    "birth": {
        "same": Words("出生日期相同", "same birth date"),
        "month": Words("出生年月相符", "birth year and month agree"),
        "year": Words("出生年份相符", "birth year agrees"),
        "swapped": Words("出生日期的月和日颠倒", "day and month of birth are exchanged"),
        "slip": Words("出生年份相同，月或日不同", "same birth year; day or month differs"),
        "year_off": Words(
            "出生月日相同，年份差 1、2 或 10 年", "same day of birth; the year is 1, 2 or 10 off"
        ),
        "lunar": Words(
            "出生日期早十几至五十几天，或为农历",
            "birth date weeks earlier: perhaps by the lunar calendar",
        ),
        "other": Words("出生日期不同", "different birth date"),
    },
    "sex": {"same": Words("性别相同", "same sex"), "other": Words("性别不同", "different sex")},
    "phone": {
        "same": Words("电话相同", "same phone"),
        "masked": Words("电话没有遮盖的各位都相符", "what is not masked of the phone agrees"),
        "other": Words("电话不同", "different phone"),
    },
    "address": {
        "same": Words("住址相同", "same address"),
        "place": Words("同一村居，门牌不同", "same community, another door"),
        "other": Words("住址不同", "different address"),
    },
    "organisation": {
        "same": Words("同一党支部", "same branch"),
        "committee": Words("同一党委", "same committee"),
        "other": Words("组织不同", "different organisation"),
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
