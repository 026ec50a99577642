"""The directory of organisations: interface §7.3 and §7.4 as tables, without a database."""

from __future__ import annotations

from datetime import date

import pytest

from services.registry.directory import Directory, Organisation
from services.registry.tree import just_after, paths

ROWS = [
    # code, parent, kind, unit, name, and what else is said
    (
        "city",
        None,
        "organisation_department",
        "city",
        "中共某市委组织部",
        {"area": "3306", "serves_area": "yes", "authority": "yes"},
    ),
    (
        "east",
        "city",
        "organisation_department",
        "county",
        "中共东区区委组织部",
        {"area": "330602", "serves_area": "yes", "authority": "yes"},
    ),
    (
        "west",
        "city",
        "organisation_department",
        "county",
        "中共西区区委组织部",
        {"area": "330603", "serves_area": "yes", "authority": "yes"},
    ),
    (
        "works",
        "east",
        "basic_committee",
        "enterprise_state",
        "中共东区纺织（集团）有限公司委员会",
        {"authority": "yes"},
    ),
    (
        "works1",
        "works",
        "branch",
        "enterprise_state",
        "中共东区纺织（集团）有限公司第一支部委员会",
        {},
    ),
    (
        "street",
        "west",
        "basic_committee",
        "street",
        "中共西区柯桥街道工作委员会",
        {"area": "330603001", "serves_area": "yes", "authority": "yes"},
    ),
    (
        "court",
        "street",
        "general_branch",
        "community",
        "中共西区柯桥街道管墅社区总支部委员会",
        {"area": "330603001008", "serves_area": "yes"},
    ),
    (
        "court1",
        "court",
        "branch",
        "community",
        "中共西区柯桥街道管墅社区第一支部委员会",
        {"area": "330603001008", "serves_area": "yes"},
    ),
    ("loose", "west", "branch", "organ", "中共西区档案馆支部委员会", {}),
    ("alone", None, "branch", "park", "中共外地驻某市联络处支部委员会", {}),
    (
        "talent",
        "city",
        "basic_committee",
        "talent_service",
        "中共某市人才服务中心委员会",
        {"area": "3306", "authority": "yes"},
    ),
    (
        "talent3",
        "west",
        "basic_committee",
        "talent_service",
        "中共西区人才服务中心委员会",
        {"area": "330603", "authority": "yes"},
    ),
    (
        "old",
        "street",
        "general_branch",
        "community",
        "中共西区柯桥街道旧村社区总支部委员会",
        {
            "area": "330603001009",
            "serves_area": True,
            "effective_to": "2025-12-31",
            "successor": "mid",
        },
    ),
    (
        "mid",
        "street",
        "general_branch",
        "community",
        "中共西区柯桥街道中村社区总支部委员会",
        {
            "area": "330603001010",
            "serves_area": True,
            "effective_from": date(2026, 1, 1),
            "effective_to": date(2026, 5, 31),
            "successor": "court",
        },
    ),
    (
        "gone",
        "east",
        "branch",
        "enterprise_private",
        "中共东区歇业商行支部委员会",
        {"effective_to": "2024-01-01"},
    ),
    (
        "ring1",
        "east",
        "branch",
        "organ",
        "中共东区甲支部委员会",
        {"effective_to": "2024-01-01", "successor": "ring2"},
    ),
    (
        "ring2",
        "east",
        "branch",
        "organ",
        "中共东区乙支部委员会",
        {"effective_to": "2024-01-01", "successor": "ring1"},
    ),
]


@pytest.fixture(scope="module")
def directory() -> Directory:
    return Directory.build(
        {"code": code, "parent": parent, "kind": kind, "unit": unit, "name": name, **more}
        for code, parent, kind, unit, name, more in ROWS
    )


def code(one: Organisation | None) -> str | None:
    return one.code if one else None


def test_the_line_of_superiors_runs_from_itself_up(directory):
    assert [one.code for one in directory.superiors("court1")] == [
        "court1",
        "court",
        "street",
        "west",
        "city",
    ]
    assert directory.path("court") == "city.west.street.court."
    assert directory.superiors("nobody") == ()


@pytest.mark.parametrize(
    "method, asked, answer",
    [
        ("committee", "works1", "works"),
        ("committee", "works", "works"),
        ("committee", "court1", "street"),
        ("committee", "loose", "west"),
        ("committee", "alone", None),
        ("committee", "nobody", None),
        ("with_authority", "court1", "street"),
        ("with_authority", "street", "street"),
        ("with_authority", "alone", None),
        ("department_above", "works1", "east"),
        ("department_above", "east", "east"),
        ("department_above", "alone", None),
    ],
)
def test_who_stands_above(directory, method, asked, answer):
    assert code(getattr(directory, method)(asked)) == answer


@pytest.mark.parametrize(
    "a, b, answer",
    [
        ("works1", "court", "city"),
        ("court1", "loose", "west"),
        ("court1", "street", "west"),
        ("works", "alone", None),
        ("nobody", "works", None),
    ],
)
def test_the_lowest_department_above_both(directory, a, b, answer):
    assert code(directory.common_department(a, b)) == answer
    assert code(directory.common_department(b, a)) == answer


@pytest.mark.parametrize(
    "area, on, answer",
    [
        ("330603001008", date(2026, 3, 2), "court"),  # of two with that area the higher one
        ("330603001", date(2026, 3, 2), "street"),
        ("330603001099", date(2026, 3, 2), None),
        ("330603001009", date(2025, 12, 31), "old"),
        ("330603001009", date(2026, 1, 1), "mid"),
        ("330603001009", date(2026, 6, 1), "court"),
        ("330603001009", None, "old"),
        ("330603001010", date(2025, 6, 1), None),
        ("", date(2026, 3, 2), None),
    ],
)
def test_who_serves_a_place_on_a_day(directory, area, on, answer):
    assert code(directory.serving(area, on)) == answer


@pytest.mark.parametrize(
    "text, answer",
    [
        ("东区纺织", "works"),
        ("东区纺织(集团)", "works"),
        ("东区纺织 （集团）有限公司第一支部", "works1"),
        ("works1", "works1"),
        ("管墅社区", None),
        ("street", None),
        ("没有的公司", None),
        ("", None),
        ("东", None),
        ("  ", None),
        (None, None),
    ],
)
def test_a_unit_by_code_or_name_and_never_a_territorial_one(directory, text, answer):
    assert code(directory.unit_named(text, date(2026, 3, 2))) == answer


def test_a_unit_past_its_end_names_nobody_unless_somebody_succeeds_it(directory):
    assert code(directory.unit_named("歇业商行", date(2026, 1, 1))) is None
    assert code(directory.unit_named("歇业商行", date(2023, 1, 1))) == "gone"
    assert directory.successor("ring1", date(2026, 1, 1)) is None


def test_the_newline_between_names_joins_no_two(directory):
    assert directory.unit_named("委员会中共") is None


@pytest.mark.parametrize(
    "place, answer",
    [
        ("330603001008", "talent3"),
        ("330602001001", "talent"),
        ("3306", "talent"),
        ("44", None),
        (None, None),
    ],
)
def test_the_nearest_talent_service(directory, place, answer):
    assert code(directory.talent_service_for(place)) == answer


def test_within_asks_the_tree_not_the_text(directory):
    assert directory.within("court1", "west") and directory.within("west", "west")
    assert not directory.within("west", "court1")
    assert not directory.within("works1", "west")
    assert not directory.within("nobody", "west") and not directory.within("west", None)


def test_paths_leave_out_what_never_reaches_a_top():
    tree = {"a": None, "b": "a", "c": "b", "x": "y", "y": "x", "z": "y", "w": "nowhere", "v": "w"}
    assert paths(tree) == {"a": "a.", "b": "a.b.", "c": "a.b.c."}


def test_a_range_of_paths_holds_the_tree_and_no_neighbour():
    low, high = "1.2.", just_after("1.2.")
    assert all(low <= path < high for path in ("1.2.", "1.2.3.", "1.2.999999999999."))
    assert not any(low <= path < high for path in ("1.", "1.20.", "1.3.", "1.1.9."))
