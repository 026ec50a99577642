"""What came of a load, counted and in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from services.kit.errors import Text

WARNED_NAMED_MAX = 20


@dataclass
class LoadResult:
    """What came of a load, in rows. `good` went in, `unchanged` stood there already, `bad` are in
    the file `errors`.

    `warnings`: sentence -> rows that went in although something is wrong with them; `warned` names
    the first of them, the file `doubts` holds all. `faults`: the first bad rows as (row, column,
    reason).
    """

    kind: str
    good: int = 0
    unchanged: int = 0
    bad: int = 0
    warnings: Counter[Text] = field(default_factory=Counter)
    warned: dict[Text, list[Text]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    errors: Path | None = None
    doubts: Path | None = None
    faults: list[tuple[int, str, str]] = field(default_factory=list)

    def warn(self, sentence: Text, name: Text) -> None:
        """Something went in although `sentence` is to be said of it; `name` is how its sender finds
        it.
        """
        self.warnings[sentence] += 1
        named = self.warned.setdefault(sentence, [])
        if len(named) < WARNED_NAMED_MAX:
            named.append(name)

    @property
    def words(self) -> Text:
        """The summary for the one who loads."""
        zh = [f"新增或更新 {self.good} 行，未变 {self.unchanged} 行，有误 {self.bad} 行"]
        en = [f"{self.good} rows new or changed, {self.unchanged} unchanged, {self.bad} bad"]
        if not self.good and not self.bad:
            zh[0], en[0] = (
                f"与现有数据相同，没有改动（{self.unchanged} 行）",
                f"Nothing changed: all {self.unchanged} rows are there already",
            )
        if self.errors:
            zh.append(f"有误的行见 {self.errors}，改好后可直接导入该文件")
            en.append(f"The bad rows are in {self.errors}: mend them and load that file")
        if self.unknown:
            zh.append(f"不认识的列（未导入）：{'、'.join(self.unknown)}")
            en.append(f"Unknown columns, left out: {', '.join(self.unknown)}")
        for warning, count in self.warnings.most_common():
            named = self.warned.get(warning, [])
            more = count > len(named)
            zh.append(f"注意：{count} 行——{warning.zh}{_named_in_chinese(named, more)}")
            en.append(f"Note: {count} rows: {warning.en}{_named_in_english(named, more)}")
        if self.doubts:
            zh.append(f"这些行都在 {self.doubts}，已经导入；改好后可直接导入该文件")
            en.append(
                f"All of these rows are in {self.doubts}. They went in; mend them and load that "
                f"file"
            )
        return Text("\n".join(zh), "\n".join(en))


def _named_in_chinese(named: list[Text], more: bool) -> str:
    if not named:
        return ""
    return f"：{'、'.join(name.zh for name in named)}{' 等' if more else ''}"


def _named_in_english(named: list[Text], more: bool) -> str:
    if not named:
        return ""
    return f": {', '.join(name.en for name in named)}{', …' if more else ''}"
