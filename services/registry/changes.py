"""Changes of organisations that departments announce: who may, what stands in the way, and what is
newer. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from schemas.days import stored_day
from services.kit.errors import Text
from services.registry.directory import Directory, Organisation
from services.registry.organisation_history import Stamp, line
from services.registry.tree import LEVELS_MAX

OWN = frozenset({"address"})  # what an organisation may say of itself, with nobody above
_DAYS = ("effective_from", "effective_to")
_FOUND_BY_AREA = frozenset({"area", "serves_area", "kind", "unit"})
_REFERENCES = {
    "parent": Text("上级组织", "the superior"),
    "successor": Text("接续组织", "the successor"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One posted change: the `columns` stated of organisation `code`, which is `founded` or stands
    already.

    `order`: of two that state the same column the larger one is the newer.
    """

    event: str
    by: str
    code: str
    founded: bool
    columns: Mapping[str, Any]
    time: datetime
    said_by: str
    effective_on: date

    @property
    def order(self) -> Stamp:
        return self.time, self.said_by

    @property
    def needs(self) -> dict[str, str]:
        """The organisations it refers to, by column."""
        return {column: self.columns[column] for column in _REFERENCES if self.columns.get(column)}


class Tree:
    """The register with some organisations as they are about to be."""

    def __init__(self, directory: Directory) -> None:
        self.directory, self.rows = directory, dict[str, Organisation]()

    def get(self, code: str | None) -> Organisation | None:
        """The organisation as it is about to be; None if there is none."""
        return self.rows.get(code or "") or self.directory.get(code)

    def line(self, code: str | None) -> Iterator[Organisation]:
        """Itself and all above it."""
        for _ in range(LEVELS_MAX + 1):
            organisation = self.get(code)
            if organisation is None:
                return
            yield organisation
            code = organisation.parent

    def within(self, code: str, ancestor: str) -> bool:
        """Whether the organisation is `ancestor` or lies below it."""
        return any(organisation.code == ancestor for organisation in self.line(code))

    def changed(self, change: Change) -> Organisation:
        """The organisation as the change leaves it."""
        stated = {column: _value(column, value) for column, value in change.columns.items()}
        if not change.founded:
            standing = self.get(change.code)
            assert standing is not None, f"{change.code} is neither founded nor known"
            return standing._replace(**stated)
        founded: dict[str, Any] = {"effective_from": change.effective_on} | stated
        return Organisation(change.code, "", **founded)


def fault(change: Change, tree: Tree) -> Text | None:
    """Why the change cannot be; None where it can.

    Who posts it must be an organisation department above the organisation, above its new superior
    (or that superior itself) and above its successor; an organisation may say its own address.
    """
    if change.founded and tree.get(change.code) is not None:
        return Text(
            f"代码 {change.code} 已有组织，不能再新建；要变更它请写 organisation。",
            f"There is an organisation {change.code} already; to change it, say organisation.",
        )
    return (
        _no_right(change, tree)
        or _beyond_the_area(change, tree)
        or _no_tree(change, tree)
        or _no_days(change, tree)
    )


def _beyond_the_area(change: Change, tree: Tree) -> Text | None:
    """Why the organisation may not stand for that area: it lies outside the area of who posts it.

    Whoever serves an area is proposed to everybody who moves into it, so a department lets its
    organisations serve within its own area alone.
    """
    if not change.founded and not change.columns.keys() & _FOUND_BY_AREA:
        return None
    after = tree.changed(change)
    if not after.area or not _is_found_by_area(after):
        return None
    own_area = _area_of(change.by, tree)
    if own_area is not None and after.area.startswith(own_area):
        return None
    return Text(
        f"{after.area} 不在报送单位 {change.by} 的地域之内，不能由它定由谁管这里；"
        f"请由地域包括这里的上级组织部门报送。",
        f"{after.area} lies outside the area of {change.by}, which cannot say who serves it; "
        "a department above, whose area it lies in, must report this.",
    )


def _area_of(code: str, tree: Tree) -> str | None:
    """The area of an organisation: its own, else that of the nearest superior that has one."""
    for organisation in tree.line(code):
        if organisation.area:
            return organisation.area
    return None


def _is_found_by_area(organisation: Organisation) -> bool:
    """Whether cases find the organisation by the area that it stands for."""
    is_department = organisation.kind == "organisation_department"
    return organisation.serves_area or is_department or organisation.unit == "talent_service"


def _no_right(change: Change, tree: Tree) -> Text | None:
    if change.code == change.by and change.columns.keys() <= OWN:
        return None
    poster = tree.get(change.by)
    if poster is None or poster.kind != "organisation_department" or change.code == change.by:
        return Text(
            "组织的变更由其上级组织部门报送；本组织自己只能更新地址 address。",
            "An organisation department above reports changes of an organisation; itself it may "
            "only report its address.",
        )
    codes = list(change.needs.values())
    if not change.founded:
        codes.append(change.code)
    for code in codes:
        if not tree.within(code, change.by):
            return _not_below(code, change.by)
    return None


def _not_below(code: str, by: str) -> Text:
    """The same for an unknown organisation and for somebody else's: which of them there are is not
    told.
    """
    return Text(
        f"{code} 不在报送单位 {by} 之下，或不在组织库里。请核对代码；属于别处的，由双方共同的"
        "上级组织部门报送；新设的，先报送它的新建。",
        f"{code} does not stand below {by}, or there is no such organisation. Check the code; "
        "of another's organisation a department above both must report; of a new one post its "
        "founding first.",
    )


def _no_tree(change: Change, tree: Tree) -> Text | None:
    parent, successor = change.columns.get("parent"), change.columns.get("successor")
    if parent and not change.founded and tree.within(parent, change.code):
        return Text(
            f"新的上级 {parent} 就是 {change.code} 或在其之下，会成为一个圈。",
            f"The new superior {parent} is {change.code} itself or lies below it: a circle.",
        )
    if parent and len(list(tree.line(parent))) >= LEVELS_MAX:
        return Text(
            f"组织层级会超过 {LEVELS_MAX} 级。",
            f"The tree would have more than {LEVELS_MAX} levels.",
        )
    if _is_among_successors(change.code, successor, tree):
        return Text(
            "接续组织最终又指回本组织。", "The successors lead back to the organisation itself."
        )
    return None


def _is_among_successors(code: str, successor: str | None, tree: Tree) -> bool:
    """Whether the successor, or one that carries it on in turn, is the organisation itself."""
    seen = set()
    while successor and successor not in seen:
        if successor == code:
            return True
        seen.add(successor)
        organisation = tree.get(successor)
        successor = organisation.successor if organisation else None
    return False


def _no_days(change: Change, tree: Tree) -> Text | None:
    after = tree.changed(change)
    if after.effective_from and after.effective_to and after.effective_to < after.effective_from:
        return Text(
            f"撤销日 effective_to {after.effective_to} 早于成立日 effective_from "
            f"{after.effective_from}。",
            f"effective_to {after.effective_to} lies before effective_from {after.effective_from}.",
        )
    if change.columns.get("successor") and after.effective_to is None:
        return Text(
            "写了接续组织 successor，还要写撤销日 effective_to（存续的最后一天）。",
            "A successor needs effective_to too, the last day of the organisation.",
        )
    return None


@dataclass
class Folded:
    """What changes come to: the organisations afterwards, lines for the past, and what is told of
    each change.
    """

    tree: Tree
    stamps: dict[tuple[str, str], Stamp]
    lines: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, Text] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)


def fold(
    changes: Iterable[Change], tree: Tree, stamps: Mapping[tuple[str, str], Stamp], at: datetime
) -> Folded:
    """Takes changes one after the other; a column of which something newer was said is left out
    (docs/data-formats.md).
    """
    folded = Folded(tree, dict(stamps))
    for change in changes:
        older = _outdated_columns(change, folded.stamps)
        newer = {name: value for name, value in change.columns.items() if name not in older}
        counting = replace(change, columns=newer)
        words = fault(counting, tree)
        if words:
            folded.faults[change.event] = words
            continue
        folded.left_out[change.event] = sorted(older)
        before = tree.get(change.code)
        after = tree.changed(counting)
        for column in counting.columns:
            old = getattr(before, column, None)
            new = getattr(after, column)
            folded.stamps[change.code, column] = change.order
            folded.lines.append(line(change.code, column, old, new, at, *change.order))
        tree.rows[change.code] = after
    return folded


def _outdated_columns(change: Change, stamps: Mapping[tuple[str, str], Stamp]) -> list[str]:
    """The columns of a change of which something newer was said."""
    outdated = []
    for column in change.columns:
        newest = stamps.get((change.code, column))
        if newest is not None and change.order < newest:
            outdated.append(column)
    return outdated


def _value(column: str, value: Any) -> Any:
    if column in _DAYS and isinstance(value, str):
        return stored_day(value)
    return value
