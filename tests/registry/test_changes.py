"""Which changes of organisations may be posted, and which of two is the newer: no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.registry.changes import Change, Tree, fault, fold
from services.registry.directory import Directory, Organisation

DEPARTMENT = "organisation_department"
NOW = datetime(2026, 11, 5, tzinfo=UTC)
ROWS = [
    Organisation("city", "city.", "市委组织部", DEPARTMENT, "area", area="330600"),
    Organisation("east", "city.east.", "东区委", DEPARTMENT, "area", "city", area="330602"),
    Organisation("branch", "city.east.branch.", "支部", "branch", "community", "east"),
    Organisation("other", "city.other.", "西区支部", "branch", "community", "city"),
]


def tree() -> Tree:
    return Tree(Directory(ROWS))


def change(by: str = "east", code: str = "branch", founded: bool = False, **columns) -> Change:
    return Change("event", by, code, founded, columns, NOW, "sender", date(2026, 11, 5))


def founding(**columns) -> Change:
    needed = {"name": "新支部", "kind": "branch", "unit": "community", "parent": "east"}
    return change(code="new", founded=True, **needed | columns)


@pytest.mark.parametrize(
    "allowed",
    [
        change(name="改名"),
        change(by="branch", address="新址"),
        change(parent="east"),
        change(by="city", parent="other"),
        founding(),
        founding(area="330602001", serves_area=True),
        change(effective_to="2026-12-31", successor="east"),
    ],
)
def test_a_department_above_may_change(allowed: Change):
    assert fault(allowed, tree()) is None


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (replace(founding(), code="other"), "already"),
        (change(by="branch", name="自己改名"), "An organisation department above"),
        (change(by="east", code="east", name="自己改名"), "An organisation department above"),
        (change(by="nobody", name="改名"), "An organisation department above"),
        (change(code="other", name="改名"), "other does not stand below east"),
        (change(code="nowhere", name="改名"), "nowhere does not stand below east"),
        (change(parent="other"), "other does not stand below east"),
        (founding(area="330603001", serves_area=True), "lies outside the area of east"),
        (change(by="city", code="east", parent="branch"), "a circle"),
        (change(successor="branch", effective_to="2026-12-31"), "lead back"),
        (change(successor="east"), "needs effective_to"),
        (change(effective_from="2026-12-31", effective_to="2026-11-30"), "lies before"),
    ],
)
def test_what_may_not_be_says_why(refused: Change, why: str):
    words = fault(refused, tree())
    assert words is not None
    assert why in words.en


def test_the_newer_of_two_changes_counts_whichever_comes_first():
    older = replace(change(name="旧名", address="旧址"), event="older")
    newer = replace(change(name="新名"), event="newer", time=NOW + timedelta(hours=1))
    folded = fold([newer, older], tree(), {}, NOW)
    after = folded.tree.get("branch")
    assert after is not None
    assert (after.name, after.address) == ("新名", "旧址")
    assert folded.left_out == {"newer": [], "older": ["name"]}
    assert [line["field"] for line in folded.lines] == ["name", "address"]


def test_a_change_that_cannot_be_changes_nothing():
    folded = fold([change(successor="east")], tree(), {}, NOW)
    assert folded.faults.keys() == {"event"}
    assert not folded.lines
    assert not folded.tree.rows
