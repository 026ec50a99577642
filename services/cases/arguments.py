"""The fields that come with a command, each asked for by its kind; what is missing or impossible is refused in words."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any


from schemas.days import NoDay, read_day, read_month
from services.cases.model import Statement, World
from services.kit.errors import Refused, Words

TEXT_MAX = 2000


def refuse(status: int, code: str, zh: str, en: str, **extra: Any) -> Refused:
    """A refusal with its sentence in both languages."""
    return Refused(status, code, Words(zh, en), **extra)


class Arguments:
    """What was given with a command; remembers what goes into the history row."""

    def __init__(self, given: Mapping[str, Any], actor: str) -> None:
        self._given = given
        self._kept: dict[str, Any] = {}
        self.actor = actor
        self.reason: str | None = None
        self.statement: Statement | None = None
        self.extra_steps: list[tuple[str, Mapping[str, Any]]] = []
        self.affects: list[tuple[str, str]] = []

    def detail(self) -> dict[str, Any]:
        """The fields that were used, for the history."""
        return {k: v for k, v in self._kept.items() if v is not None and k != "reason"}

    def keep(self, *pairs: Any) -> dict[str, Any]:
        """Keeps ``name, value, name, value`` for the history; nothing for the case."""
        self._kept |= dict(zip(pairs[::2], pairs[1::2], strict=True))
        return {}

    def get(self, name: str) -> Any:
        """A field as text, or None."""
        value = self._given.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str | int):
            raise self._wrong(name, "应当是文字", "must be text")
        self._kept[name] = value
        return str(value)[:TEXT_MAX]

    def text(self, name: str) -> str:
        """A text that must be there."""
        value = self.get(name)
        if value is None or not value.strip():
            raise self._missing(name)
        return value.strip()

    def texts(self, name: str, least: int) -> Sequence[str]:
        """A list of texts, at least ``least`` of them."""
        value = self._given.get(name)
        if value is None:
            raise self._missing(name)
        if not isinstance(value, list) or not all(isinstance(v, str) and v.strip() for v in value):
            raise self._wrong(name, "应当是一组文字", "must be a list of texts")
        if len(value) < least:
            raise self._wrong(name, f"至少要有 {least} 条", f"needs at least {least}")
        self._kept[name] = value
        return value

    def flag(self, name: str) -> bool | None:
        """True, False or None."""
        value = self._given.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._wrong(name, "应当是 true 或 false", "must be true or false")
        self._kept[name] = value
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object of plain values, empty if absent."""
        value = self._given.get(name) or {}
        if not isinstance(value, Mapping) or any(isinstance(v, list | Mapping) for v in value.values()):
            raise self._wrong(name, "应当是一组字段", "must be an object of plain values")
        self._kept[name] = dict(value)
        return value

    def number(self, name: str, least: int, most: int, required: bool = True) -> int | None:
        """A whole number within bounds."""
        value = self._given.get(name)
        if value is None and not required:
            return None
        if value is None:
            raise self._missing(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(name, "应当是整数", "must be a whole number")
        if not least <= value <= most:
            raise self._wrong(name, f"应当在 {least} 到 {most} 之间", f"must be {least} to {most}")
        self._kept[name] = value
        return value

    def one_of(self, name: str, choices: Sequence[str], required: bool = True, field_name: str = "") -> Any:
        """One word of a closed list."""
        value = self._given.get(name)
        if value is None and not required:
            return None
        if value is None or value == "":
            raise self._missing(name, choices)
        if not isinstance(value, str) or value not in choices:
            listed = ", ".join(choices)
            raise self._wrong(name, f"应当是以下之一：{listed}", f"must be one of {listed}")
        self._kept[name] = value
        return value

    def day(self, name: str, *, after: date | None = None, since: date | None = None, until: date | None = None,
            required: bool = True) -> date | None:
        """A day, written YYYY-MM-DD (schemas.days); later than ``after``, not before ``since``, not later than ``until``."""
        value = self._given.get(name)
        if value is None and not required:
            return None
        if value is None or value == "":
            raise self._missing(name)
        try:
            day = read_day(value)
        except NoDay as fault:
            raise self._wrong(name, fault.zh, fault.en) from None
        if after is not None and day <= after:
            raise self._wrong(name, f"应当晚于 {after}", f"must be after {after}")
        if since is not None and day < since:
            raise self._wrong(name, f"不能早于 {since}，即所依据事项的日期",
                              f"must not be before {since}, the day of what it rests on")
        if until is not None and day > until:
            raise self._wrong(name, f"不能晚于 {until}", f"must not be after {until}")
        self._kept[name] = value
        return day

    def month(self, name: str, *, until: str) -> str:
        """A month, written YYYY-MM; not later than ``until``."""
        value = self._given.get(name)
        if value is None or value == "":
            raise self._missing(name)
        try:
            month = read_month(value)
        except NoDay as fault:
            raise self._wrong(name, fault.zh, fault.en) from None
        if month > until:
            raise self._wrong(name, f"不能晚于 {until}", f"must not be after {until}")
        self._kept[name] = value
        return value

    def organisation(self, name: str, world: World, required: bool = True) -> str | None:
        """The code of an organisation that the register knows; one that has ended gives way to its successor."""
        value = self.get(name)
        if value is None:
            if required:
                raise self._missing(name)
            return None
        if world.directory.get(value) is None:
            raise self._wrong(name, f"没有代码为 {value} 的党组织", f"no organisation has the code {value}")
        standing = world.directory.successor(value, world.today)
        if standing is None:
            one = world.directory.get(value)
            raise self._wrong(name, f"填写的{one.name}已于 {one.effective_to} 撤销，没有接续组织，请另选",
                              f"names {one.name}, which ended on {one.effective_to} and has no successor; choose another")
        return standing.code

    def _missing(self, name: str, choices: Sequence[str] = ()) -> Refused:
        listed = ", ".join(choices)
        return refuse(422, "field-missing", f"缺少 {name}，请补上{f'（{listed} 之一）' if choices else ''}。",
                      f"{name} is missing; give {f'one of {listed}' if choices else 'it'}.", field=name)

    def _wrong(self, name: str, zh: str, en: str) -> Refused:
        return refuse(422, "field-wrong", f"{name} {zh}。", f"{name} {en}.", field=name)
