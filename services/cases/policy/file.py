"""Policy versions from a file, checked before anything is stored: row, field, reason and how to
mend it.

JSON Lines (one version a line), or one JSON object or array. A file with one bad row changes
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from schemas.said import Category, Day
from services.cases.policy import values as policy
from services.cases.policy.book import Book, Version
from services.cases.policy.values import (
    FOR_ALL,
    ArchiveCheck,
    FallBack,
    Policy,
    PolicyError,
    Route,
    WhoRules,
)
from services.kit.errors import Text

_STRICT = ConfigDict(extra="forbid", strict=True)
Workdays = Annotated[int, Field(ge=1, le=60)]
Days = Annotated[int, Field(ge=1, le=366)]
Months = Annotated[int, Field(ge=1, le=60)]
Number = Annotated[int, Field(ge=1, le=1_000_000)]
LetterDays = Annotated[int, Field(ge=1, le=90)]
ShortText = Annotated[str, Field(min_length=1, max_length=200)]
Code = Annotated[str, Field(pattern=r"^[a-z_]{2,40}$")]


class ValidityDays(BaseModel):
    """Days a letter is good, by route."""

    model_config = _STRICT
    in_city: LetterDays | None = None
    in_province: LetterDays | None = None
    cross_province: LetterDays | None = None


class StayContactMonths(BaseModel):
    """Months between contacts with one who stays."""

    model_config = _STRICT
    abroad: Months | None = None
    school: Months | None = None
    other: Months | None = None


_KINDS: dict[str, Any] = {
    "validity_days": ValidityDays,
    "validity_days_max": LetterDays,
    "stay_contact_months": StayContactMonths,
    "arrival_silence_days": Annotated[list[Days], Field(min_length=1, max_length=10)],
    "life_months": Annotated[list[Months], Field(min_length=1, max_length=10)],
    "unreachable_attempts": Annotated[int, Field(ge=1, le=20)],
    "strike_off_years": Annotated[int, Field(ge=2, le=10)],
    "lost_months": Annotated[int, Field(ge=6, le=60)],
    "refusal_reasons": Annotated[list[Code], Field(min_length=1, max_length=40)],
    "stay_reasons": Annotated[list[ShortText], Field(max_length=40)],
    "channel_fall_back": FallBack,
    "archive_check": ArchiveCheck,
    "who_rules": WhoRules,
}
_BY_UNIT = {"wd": Workdays, "days": Days, "months": Months, "most": Number}


def _kind(name: str) -> Any:
    return _KINDS.get(name) or _BY_UNIT[name.rpartition("_")[2]]


if TYPE_CHECKING:
    Values = BaseModel
else:  # a field for every value of the policy that ships
    Values = create_model(
        "Values",
        __config__=_STRICT,
        **{name: (_kind(name) | None, None) for name in policy.shipped()["values"]},
    )


class Scope(BaseModel):
    """Which cases a version is for; what is left out stands for all."""

    model_config = _STRICT
    city: Annotated[str, Field(pattern=r"^[0-9]{4}$")] | None = None
    route: Route | None = None
    category: Category | None = None


class Row(BaseModel):
    """One version as a file gives it."""

    model_config = _STRICT
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,60}$")]
    effective_from: Day
    document: ShortText
    source: ShortText
    scope: Scope = Scope()
    values: Values


class Fault(NamedTuple):
    """What is wrong with a row, and how to mend it."""

    row: int
    field: str
    reason: Text
    fix: Text


class BadPolicy(Exception):
    """A file that is not taken; nothing was changed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(
            "; ".join(f"row {f.row}, {f.field}: {f.reason.en}; {f.fix.en}" for f in faults)
        )
        self.faults = faults


def read(file: Path, base: Policy, stored: Sequence[Version], today: date) -> list[Version]:
    """The versions of a file that are not stored yet; raises BadPolicy naming every fault."""
    known, new, faults = {version.version: version for version in stored}, [], []
    for number, line in _rows(file):
        try:
            version = _version(Row.model_validate_json(line))
        except ValidationError as error:
            faults += [_said(number, e) for e in error.errors()]
            continue
        if known.get(version.version) == version:
            continue
        faults += _misfit(number, version, version.version in known, base, [*stored, *new], today)
        known[version.version] = version
        new.append(version)
    if faults:
        raise BadPolicy(faults)
    return new


def versions(file: Path) -> list[Version]:
    """All versions of a file that ``read`` takes, stored already or not."""
    return [_version(Row.model_validate_json(line)) for _, line in _rows(file)]


def _rows(file: Path) -> Iterator[tuple[int, str]]:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadPolicy(
            [
                Fault(
                    0,
                    "",
                    Text(
                        "文件读不出来，应为 UTF-8 的 JSON", "the file is not readable as UTF-8 JSON"
                    ),
                    Text("请另存为 UTF-8", "save it as UTF-8"),
                )
            ]
        ) from error
    try:
        whole = json.loads(text)
        lines = [json.dumps(line) for line in (whole if isinstance(whole, list) else [whole])]
        yield from enumerate(lines, start=1)
    except ValueError:
        yield from ((n, line) for n, line in enumerate(text.splitlines(), start=1) if line.strip())


def _version(row: Row) -> Version:
    values = {name: value for name, value in row.values.model_dump(exclude_none=True).items()}
    return Version(
        row.version, row.effective_from, row.document, row.source, values, **row.scope.model_dump()
    )


def _misfit(
    number: int, version: Version, taken: bool, base: Policy, others: Sequence[Version], today: date
) -> list[Fault]:
    """What no single field shows: a name taken, a day gone by, values that do not go together where
    the version counts.
    """
    if taken:
        return [
            Fault(
                number,
                "version",
                Text(
                    f"{version.version} 已存入，内容不同；存入的版本不再改动",
                    f"{version.version} is stored with other content, and stored versions stay",
                ),
                Text("换一个版本名", "give it another name"),
            )
        ]
    if version.effective_from < today:
        return [
            Fault(
                number,
                "effective_from",
                Text(
                    f"{version.effective_from} 已过；新规定只管今后的办理",
                    f"{version.effective_from} has passed; a change is "
                    "for what happens from its day on",
                ),
                Text(f"填 {today} 或以后的日期", f"give {today} or a later day"),
            )
        ]
    if not version.values:
        return [
            Fault(
                number,
                "values",
                Text("没有任何数值", "there is no value"),
                Text("至少填一项", "give at least one"),
            )
        ]
    if version.scope and (alike := [name for name in FOR_ALL if name in version.values]):
        return [
            Fault(
                number,
                f"values.{name}",
                Text(
                    "各地按同一口径统计，不能只对一部分转移另定",
                    "all are counted by the same number; it cannot differ for some",
                ),
                Text("另写一个不分范围的版本", "put it into a version without a scope"),
            )
            for name in alike
        ]
    try:
        Book.of(base, [*others, version]).at(
            version.effective_from, version.city, version.route, version.category
        )
    except PolicyError as error:
        return [
            Fault(
                number,
                "values",
                Text(
                    f"与别的规定合起来不成立：{error}",
                    f"together with what counts beside it: {error}",
                ),
                Text("改数值，或一并改上限", "change the value, or the limit with it"),
            )
        ]
    return []


def _said(number: int, error: Any) -> Fault:
    """A fault of pydantic in words."""
    place = ".".join(str(part) for part in error["loc"])
    limits = error.get("ctx") or {}
    kind = error["type"]
    if kind == "missing":
        return Fault(number, place, Text("缺少这一项", "it is missing"), Text("请补上", "add it"))
    if kind == "extra_forbidden":
        return Fault(
            number,
            place,
            Text("没有这一项", "there is no such field"),
            Text(
                "删去或改正名称（见 docs/policy.md）", "remove it or mend its name (docs/policy.md)"
            ),
        )
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = limits.get("ge", limits.get("le"))
        side = (
            ("不能小于", "must not be less than")
            if "ge" in limits
            else ("不能大于", "must not be more than")
        )
        return Fault(
            number,
            place,
            Text(f"是 {error['input']}", f"it is {error['input']}"),
            Text(f"{side[0]} {bound}", f"{side[1]} {bound}"),
        )
    return Fault(
        number,
        place,
        Text(f"不合要求：{error['msg']}", error["msg"]),
        Text("照 docs/policy.md 改正", "mend it as docs/policy.md says"),
    )
