"""The fields that come with a command, each asked for by its kind; what is missing or impossible is
refused in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, overload
from uuid import UUID

from schemas.days import NoDay, read_day, read_month
from services.cases.commands.argument_kinds import ARGUMENTS, Kind
from services.cases.model.case import Case, DecisionContext, Statement
from services.kit.errors import Refused, Text

if TYPE_CHECKING:
    from services.cases.commands.reports import Report

TEXT_MAX = 2000
TEXTS_MAX = 50
REASON_MAX = 500  # why a person decided; shown in full on a line of history


def refuse(status: int, code: str, zh: str, en: str, **extra: Any) -> Refused:
    """A refusal with its sentence in both languages."""
    return Refused(status, code, Text(zh, en), **extra)


def too_long(field: str, letters: int, most: int) -> Refused:
    """The refusal of a text that is longer than may be kept: nothing is cut off in silence."""
    return refuse(
        422,
        "text-too-long",
        f"{field} 有 {letters} 字，至多 {most} 字；请缩短后再交。",
        f"{field} has {letters} characters; at most {most} can be kept. Shorten it.",
        field=field,
        limit=most,
    )


def bounded(text: str | None, most: int, field: str) -> str:
    """A text without blanks around it, "" for none; raises Refused 422 where it has more than
    `most` characters.
    """
    plain = (text or "").strip()
    if len(plain) > most:
        raise too_long(field, len(plain), most)
    return plain


@dataclass(frozen=True, slots=True)
class Named:
    """What the arguments of one command name, as far as its caller sees it (``named.look_up``); by
    itself nothing.
    """

    cases: Mapping[str, Case] = field(default_factory=dict)

    def case(self, text: str) -> Case | None:
        """The case of this id; None where there is none, or the caller has no part in it."""
        ident = canonical(text)
        return self.cases.get(ident) if ident else None


NOTHING = Named()


def canonical(text: str) -> str | None:
    """An id as the database writes it; None where the text is none."""
    try:
        return str(UUID(text))
    except ValueError:
        return None


class Undeclared(LookupError):
    """A command reads an argument that the table of ``argument_kinds`` does not have, or has as
    another kind.
    """


class Arguments:
    """What was given with a command; remembers what goes into the history row.

    Each reader takes arguments of its own kind only, as ``argument_kinds`` declares them for the
    command.
    """

    def __init__(
        self, given: Mapping[str, Any], actor: str, command: str, named: Named = NOTHING
    ) -> None:
        self._given = given
        self._declared = ARGUMENTS.get(command, {})
        self._command = command
        self._named = named
        self._kept: dict[str, Any] = {}
        self.actor = actor
        self.reason: str | None = None
        self.statement: Statement | None = None
        self.extra_steps: list[tuple[str, Mapping[str, Any]]] = []
        self.affects: list[tuple[str, str]] = []
        self.taken_over: Report | None = None

    def detail(self) -> dict[str, Any]:
        """The fields that were used, for the history."""
        return {k: v for k, v in self._kept.items() if v is not None and k != "reason"}

    def keep(self, *pairs: Any) -> dict[str, Any]:
        """Keeps ``name, value, name, value`` for the history; nothing for the case."""
        self._kept |= dict(zip(pairs[::2], pairs[1::2], strict=True))
        return {}

    def _value(self, name: str, *kinds: Kind) -> Any:
        """An argument as it was given, which the table declares as one of these kinds."""
        if self._declared.get(name) not in kinds:
            raise Undeclared(
                f"{self._command} reads {name} as {' or '.join(kinds)}; ARGUMENTS declares it as "
                f"{self._declared.get(name)}"
            )
        return self._given.get(name)

    def get(self, name: str) -> Any:
        """A field as text, or None."""
        return self._text(name, Kind.TEXT)

    def _text(self, name: str, *kinds: Kind) -> Any:
        value = self._value(name, *kinds)
        if value is None or value == "":
            return None
        if not isinstance(value, str | int):
            raise self._wrong(name, "应当是文字", "must be text")
        text = str(value)
        if len(text) > TEXT_MAX:
            raise too_long(name, len(text), TEXT_MAX)
        self._kept[name] = value
        return text

    def text(self, name: str) -> str:
        """A text that must be there."""
        value = self.get(name)
        if value is None or not value.strip():
            raise self._missing(name)
        return value.strip()

    def texts(self, name: str, least: int) -> Sequence[str]:
        """A list of texts, at least ``least`` of them."""
        value = self._value(name, Kind.TEXTS)
        if value is None:
            raise self._missing(name)
        if not isinstance(value, list) or not all(isinstance(v, str) and v.strip() for v in value):
            raise self._wrong(name, "应当是一组文字", "must be a list of texts")
        if not least <= len(value) <= TEXTS_MAX:
            raise self._wrong(
                name, f"应当有 {least} 到 {TEXTS_MAX} 条", f"needs {least} to {TEXTS_MAX} texts"
            )
        for text in value:
            bounded(text, TEXT_MAX, name)
        self._kept[name] = value
        return value

    def flag(self, name: str) -> bool | None:
        """True, False or None."""
        value = self._value(name, Kind.FLAG)
        if value is not None and not isinstance(value, bool):
            raise self._wrong(name, "应当是 true 或 false", "must be true or false")
        self._kept[name] = value
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object of plain values, empty if absent."""
        value = self._value(name, Kind.FACTS, Kind.ARGUMENTS) or {}
        if not isinstance(value, Mapping) or any(
            isinstance(v, list | Mapping) for v in value.values()
        ):
            raise self._wrong(name, "应当是一组字段", "must be an object of plain values")
        for key, inner in value.items():
            bounded(f"{key}{inner}", TEXT_MAX, f"{name}.{key[:50]}")
        self._kept[name] = dict(value)
        return value

    def number(self, name: str, least: int, most: int, required: bool = True) -> int | None:
        """A whole number within bounds."""
        value = self._value(name, Kind.NUMBER)
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

    def one_of(self, name: str, choices: Sequence[str], required: bool = True) -> Any:
        """One word of a closed list."""
        value = self._value(name, Kind.CHOICE)
        if value is None and not required:
            return None
        if value is None or value == "":
            raise self._missing(name, choices)
        if not isinstance(value, str) or value not in choices:
            listed = ", ".join(choices)
            raise self._wrong(name, f"应当是以下之一：{listed}", f"must be one of {listed}")
        self._kept[name] = value
        return value

    @overload
    def day(
        self,
        name: str,
        *,
        after: date | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> date: ...

    @overload
    def day(
        self,
        name: str,
        *,
        after: date | None = None,
        since: date | None = None,
        until: date | None = None,
        required: bool,
    ) -> date | None: ...

    def day(
        self,
        name: str,
        *,
        after: date | None = None,
        since: date | None = None,
        until: date | None = None,
        required: bool = True,
    ) -> date | None:
        """A day, written YYYY-MM-DD (schemas.days); later than ``after``, not before ``since``, not
        later than ``until``.
        """
        value = self._value(name, Kind.DAY)
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
            raise self._wrong(
                name,
                f"不能早于 {since}，即所依据事项的日期",
                f"must not be before {since}, the day of what it rests on",
            )
        if until is not None and day > until:
            raise self._wrong(name, f"不能晚于 {until}", f"must not be after {until}")
        self._kept[name] = value
        return day

    def month(self, name: str, *, until: str) -> str:
        """A month, written YYYY-MM; not later than ``until``."""
        value = self._value(name, Kind.MONTH)
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

    def organisation(
        self, name: str, context: DecisionContext, required: bool = True
    ) -> str | None:
        """The code of an organisation that the register knows; one that has ended gives way to its
        successor.
        """
        value = self._text(name, Kind.ORGANISATION)
        if value is None:
            if required:
                raise self._missing(name)
            return None
        if context.directory.get(value) is None:
            raise self._wrong(
                name, f"没有代码为 {value} 的党组织", f"no organisation has the code {value}"
            )
        return self._standing(name, value, context)

    def branch(self, name: str, within: str | None, context: DecisionContext) -> str:
        """The code of an organisation at or below ``within``; any other is refused alike, known or
        not.
        """
        value = self._text(name, Kind.BRANCH)
        if value is None:
            raise self._missing(name)
        elsewhere = refuse(
            422,
            "branch-elsewhere",
            f"没有代码为 {value} 的支部，或者它不在接收党委之下，请填本党委下的支部代码。",
            f"There is no branch with the code {value}, or it does not belong to the receiving "
            f"committee.",
            field=name,
        )
        if context.directory.get(value) is None or not context.directory.within(value, within):
            raise elsewhere
        standing = self._standing(name, value, context)
        if not context.directory.within(standing, within):
            raise elsewhere
        return standing

    def host(self, name: str, context: DecisionContext) -> tuple[str, str | None]:
        """What was written of a host, and its code where the register has it."""
        value = self._text(name, Kind.HOST)
        if value is None or not value.strip():
            raise self._missing(name)
        written = value.strip()
        return written, written if context.directory.get(written) else None

    def case(self, name: str) -> Case:
        """A case in which the caller has a part; one that there is not and one of others are
        refused alike.
        """
        value = self._text(name, Kind.CASE)
        if value is None or not value.strip():
            raise self._missing(name)
        known = self._named.case(value.strip())
        if known is None:
            raise refuse(
                422,
                "no-such-case",
                f"{name} 所填的那一件转移不存在，或本组织不是其中一方，请核对编号。",
                f"{name} names no transfer in which this organisation has a part; check its id.",
                field=name,
            )
        self._kept[name] = known.id
        return known

    def letter(self, name: str, number: str | None) -> str | None:
        """The number of this case's letter, or None; any other is refused alike, whoever's it
        is.
        """
        value = self._text(name, Kind.LETTER)
        if value is not None and value != number:
            raise refuse(
                409,
                "letter-not-valid",
                f"第 {value} 号介绍信已作废或不属于这件转移，不能据此登记报到。",
                f"Letter {value} is void or belongs to another transfer.",
                field=name,
            )
        return value

    def report(self, name: str) -> str | None:
        """What names a report of this case, or None: to be found among the case's own reports."""
        return self._text(name, Kind.REPORT)

    def department(self, name: str, code: str | None) -> bool:
        """Whether the department of this code is the one named."""
        value = self._text(name, Kind.DEPARTMENT)
        return value is not None and value == code

    def _standing(self, name: str, code: str, context: DecisionContext) -> str:
        """The organisation itself, or its successor once it has ended."""
        standing = context.directory.successor(code, context.today)
        if standing is None:
            ended = context.directory[code]
            raise self._wrong(
                name,
                f"填写的{ended.name}已于 {ended.effective_to} 撤销，没有接续组织，请另选",
                f"names {ended.name}, which ended on {ended.effective_to} and has no successor; "
                "choose another",
            )
        return standing.code

    def _missing(self, name: str, choices: Sequence[str] = ()) -> Refused:
        listed = ", ".join(choices)
        return refuse(
            422,
            "field-missing",
            f"缺少 {name}，请补上{f'（{listed} 之一）' if choices else ''}。",
            f"{name} is missing; give {f'one of {listed}' if choices else 'it'}.",
            field=name,
        )

    def _wrong(self, name: str, zh: str, en: str) -> Refused:
        return refuse(422, "field-wrong", f"{name} {zh}。", f"{name} {en}.", field=name)
