"""pydantic's errors as sentences for whoever sends."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from schemas import said
from schemas.departures import Event
from services.intake.faults import Fault
from services.kit.errors import Text

VALUE_SHOWN_MAX = 40

_CODE = Text("应是 12 位数字的组织代码", "it must be the 12 digits of an organisation's code")
_EXTERNAL_ID = Text(
    "应是 1 到 200 个字符的编号，不含控制字符",
    "it must be an id of 1 to 200 characters without control characters",
)
_PATTERNS = {
    "source": Text(
        "应是 urn:guidui:organisation: 加 12 位组织代码",
        "it must be urn:guidui:organisation: and the 12-digit code",
    ),
    "id": _EXTERNAL_ID,
    "corrects": _EXTERNAL_ID,
    "organisation": _CODE,
    "successor": _CODE,
    "parent": _CODE,
    "code": _CODE,
    "area": Text(
        "应是 2、4、6、9 或 12 位的区划代码",
        "it must be a division code of 2, 4, 6, 9 or 12 digits",
    ),
    "paid_to": Text("应写成年-月，如 2026-06", "it must be year-month, such as 2026-06"),
}
_DATE = Text(
    "应是日期，写成年-月-日，如 2026-06-30", "it must be a date, year-month-day, such as 2026-06-30"
)
_TIME = Text(
    "应是带时区的时间，如 2026-06-30T10:00:00+08:00",
    "it must be a time with its zone, such as 2026-06-30T10:00:00+08:00",
)
_TEXT = Text("应是加引号的文字", "it must be text in quotes")
_OBJECT = Text("应是一个对象 {…}", "it must be an object {…}")
_LIST = Text("应是一个列表 […]", "it must be a list […]")
_EARLY = Text(
    "早于 1900 年，多半是笔误；请核对年份", "it is before 1900, probably a slip; check the year"
)
_LATE = Text(
    "晚于 2100 年，多半是笔误；请核对年份", "it is after 2100, probably a slip; check the year"
)
_WANTED = {
    "string_type": _TEXT,
    "list_type": _LIST,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "bool_type": Text(
        "应是 true 或 false（不加引号）；不知道就不写",
        "it must be true or false without quotes; leave it out if unknown",
    ),
    "int_type": Text("应是不加引号的整数", "it must be a whole number without quotes"),
    "float_type": Text("应是不加引号的数", "it must be a number without quotes"),
    "finite_number": Text("应是不加引号的数", "it must be a number without quotes"),
    "timezone_aware": _TIME,
    "day_too_early": _EARLY,
    "day_too_late": _LATE,
}

# by kind: the sentence, and the name of the limit in pydantic's context
_LIMITS = {
    "string_too_long": (
        Text("最多 {limit} 个字符；请缩短", "it may have at most {limit} characters; shorten it"),
        "max_length",
    ),
    "too_long": (
        Text(
            "最多 {limit} 项；请分成几次发，用同一个 batch",
            "it may have at most {limit} items; send several events with one batch",
        ),
        "max_length",
    ),
    "too_short": (Text("至少要有 {limit} 项", "it needs at least {limit}"), "min_length"),
    "greater_than_equal": (
        Text("不能小于 {limit:g}", "it may not be less than {limit:g}"),
        "ge",
    ),
    "less_than_equal": (Text("不能大于 {limit:g}", "it may not be more than {limit:g}"), "le"),
}
# errors whose sentence needs nothing but the name of the field
_SENTENCES = {
    "person_or_persons": Text(
        "{name} 里 person（一人）与 persons（多人）必须有且只有一个；请留下其中一个。",
        "{name} must have exactly one of person (one) and persons (many); keep one of them.",
    ),
    "reached_or_result": Text(
        "{name} 没有写联系上没有；请写 reached（true 或 false）。",
        "{name} does not say whether the member was reached; add reached (true or false).",
    ),
    "changed_or_founded": Text(
        "{name} 里 organisation（变更的组织）与 founded（新建的组织）必须有且只有一个；"
        "新建组织的各项写在 founded 里面。",
        "{name} must have exactly one of organisation (which changes) and founded (which is new); "
        "the columns of a new one stand within founded.",
    ),
    "change_states_nothing": Text(
        "{name} 没有写变更了什么；请写明 name、parent、effective_to、successor 等变更后的值。",
        "{name} says nothing of what changes; state the new name, parent, effective_to, successor "
        "...",
    ),
    "json_invalid": Text(
        "内容套得太深；请去掉多余的层次。", "The content is nested too deeply; flatten it."
    ),
}


def faults_of(errors: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """One fault per error of a ValidationError of an event's model."""
    return [Fault(_pointer(error["loc"]), _words(error)) for error in errors]


def shown(value: Any, field: str = "") -> Text:
    """What stands there, short; an identity number with its middle hidden."""
    if isinstance(value, dict):
        return Text("一个对象", "an object")
    if isinstance(value, list):
        return Text("一个列表", "a list")
    if field == "id_number" and isinstance(value, str):
        value = _masked(value)
    written = json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace").decode()
    if len(written) > VALUE_SHOWN_MAX:
        written = written[:VALUE_SHOWN_MAX] + "…"
    return Text(written, written)


def _masked(number: str) -> str:
    """A number with all but its first six and last four characters hidden."""
    if len(number) <= 10:
        return number
    return number[:6] + "*" * len(number[6:-4]) + number[-4:]


def _words(error: Mapping[str, Any]) -> Text:
    kind = error["type"]
    name = _name(error["loc"])
    whole = _whole(kind, name, error)
    if whole:
        return whole
    field = str(error["loc"][-1]) if error["loc"] else ""
    stands = shown(error["input"], field)
    wanted = _wanted(kind, error)
    return Text(f"{name} 写成了 {stands.zh}，{wanted.zh}。", f"{name} is {stands.en}; {wanted.en}.")


def _whole(kind: str, name: str, error: Mapping[str, Any]) -> Text | None:
    """Errors whose sentence does not quote a value."""
    if kind == "missing":
        near = _near(str(error["loc"][-1]), error["input"])
        return Text(f"缺少 {name}{near.zh}；请补上。", f"{name} is missing{near.en}; add it.")
    if kind == "person_empty":
        near = _near("id_number", error["input"], "name", "member")
        return Text(
            f"{name} 里没有说是谁{near.zh}；请给出 id_number、name 或 member 中至少一项。",
            f"{name} names nobody{near.en}; give at least one of id_number, name, member.",
        )
    sentence = _SENTENCES.get(kind)
    if sentence is None:
        return None
    return Text(sentence.zh.format(name=name), sentence.en.format(name=name))


def _wanted(kind: str, error: Mapping[str, Any]) -> Text:
    """What should stand there."""
    if kind in _WANTED:
        return _WANTED[kind]
    context = error.get("ctx", {})
    if kind == "literal_error":
        allowed = context["expected"].replace("'", "").replace(" or ", ", ")
        return Text(f"只能是 {allowed} 之一", f"it must be one of {allowed}")
    if kind == "string_pattern_mismatch":
        return _wanted_pattern(error["loc"])
    if kind in _LIMITS:
        sentence, limit = _LIMITS[kind]
        return Text(
            sentence.zh.format(limit=context[limit]), sentence.en.format(limit=context[limit])
        )
    if kind.startswith("datetime"):
        return _TIME
    if kind.startswith("date"):
        return _DATE
    return Text("不合要求", "it is not valid")


def _wanted_pattern(loc: Sequence[Any]) -> Text:
    """What the field asks for; of an item of a list, the list's field."""
    names = [part for part in loc if isinstance(part, str)]
    return _PATTERNS.get(names[-1], _TEXT) if names else _TEXT


def _near(wanted: str, given: Any, *others: str) -> Text:
    """A hint where something very like the wanted name stands there."""
    if not isinstance(given, dict):
        return Text("", "")
    known = {*said.Person.model_fields, *said.Departure.model_fields, *Event.model_fields}
    strangers = [key for key in given if key not in known][:50]
    for name in (wanted, *others):
        matches = difflib.get_close_matches(name, strangers, 1, 0.6)
        if matches:
            spelt = shown(matches[0])
            return Text(f"（写成了 {spelt.zh}？）", f" (spelt {spelt.en}?)")
    return Text("", "")


def _name(loc: tuple[Any, ...]) -> str:
    """A place as a sender would write it: ``data.persons[3].person``."""
    name = ""
    for part in loc:
        if isinstance(part, int):
            name += f"[{part}]"
        elif name:
            name += f".{part}"
        else:
            name = str(part)
    return name or "data"


def _pointer(loc: tuple[Any, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in loc)
