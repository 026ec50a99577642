"""Where rows of a file stand in the tree, and which are refused: without a database."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from services.registry.directory import Directory, Organisation
from services.registry.load_tree import Arrangement
from services.registry.tree import LEVELS_MAX, paths
from services.registry.upsert import Entry

REGISTER = {"city": None, "east": "city", "west": "city", "branch": "east"}
"""Organisation -> its superior."""


def organisation(code: str, path: str, parent: str | None) -> Organisation:
    return Organisation(code, path, f"{code} committee", "committee", "area", parent)


def directory(parents: Mapping[str, str | None]) -> Directory:
    path = paths(parents)
    return Directory([organisation(code, path[code], parents[code]) for code in parents])


def row(code: str, parent: str | None, successor: str | None = None) -> Entry:
    values = organisation(code, "", parent)._replace(successor=successor)._asdict()
    del values["path"]
    return Entry(None, values)


def placed(arrangement: Arrangement) -> dict[str, str]:
    return {entry.values["code"]: entry.values["path"] for entry in arrangement.placed}


def refused(arrangement: Arrangement) -> dict[str, str]:
    return {entry.values["code"]: str(fault) for entry, fault in arrangement.refused}


def test_superiors_come_first_in_whatever_order_the_file_has_them():
    arrangement = Arrangement([row("c", "b"), row("b", "a"), row("a", None)], directory({}))
    assert [entry.values["path"] for entry in arrangement.placed] == ["a.", "a.b.", "a.b.c."]
    assert not arrangement.refused


def test_the_file_counts_before_the_register_and_who_stands_below_follows():
    arrangement = Arrangement([row("east", "west")], directory(REGISTER))
    assert placed(arrangement) == {"east": "city.west.east."}
    followers = {entry.values["code"]: entry.values["path"] for entry in arrangement.followers}
    assert followers == {"branch": "city.west.east.branch."}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (row("new", "new"), "上级组织写成了本组织自己"),
        (row("new", "city", successor="new"), "接续组织写成了本组织自己"),
        (row("new", "nowhere"), "上级组织 nowhere 不在文件里，也不在组织库里"),
        (row("new", "city", successor="nowhere"), "接续组织 nowhere 不在文件里，也不在组织库里"),
        (row("city", "branch"), "上级组织成了一个圈：city → branch → east → city"),
    ],
)
def test_a_row_that_cannot_stand_is_refused(wrong: Entry, reason: str):
    arrangement = Arrangement([wrong], directory(REGISTER))
    assert refused(arrangement) == {wrong.values["code"]: reason}
    assert not arrangement.placed


def test_a_refused_row_takes_down_only_rows_that_need_it():
    rows = [row("new", "nowhere"), row("below", "new"), row("west", "nowhere"), row("w1", "west")]
    arrangement = Arrangement(rows, directory(REGISTER))
    assert refused(arrangement).keys() == {"new", "below", "west"}
    assert refused(arrangement)["below"] == "上级组织 new 未能导入"
    assert placed(arrangement) == {"w1": "city.west.w1."}, "the register's own west stays"


def test_a_long_circle_is_named_in_short():
    codes = [f"o{number}" for number in range(8)]
    rows = [row(code, codes[number - 1]) for number, code in enumerate(codes)]
    reasons = set(refused(Arrangement(rows, directory({}))).values())
    assert len(reasons) == 1
    assert reasons.pop().count("→") == 7, "six codes, an ellipsis, and the first again"


def test_what_stands_too_deep_is_refused():
    codes = [f"o{number}" for number in range(LEVELS_MAX + 1)]
    rows = [row(codes[0], None)]
    rows += [row(code, above) for above, code in zip(codes, codes[1:], strict=False)]
    arrangement = Arrangement(rows, directory({}))
    assert refused(arrangement) == {codes[-1]: f"组织层级超过 {LEVELS_MAX} 级"}
    assert len(arrangement.placed) == LEVELS_MAX
