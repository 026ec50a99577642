"""One reader of days for every machine door: nothing else turns text into a day."""

from __future__ import annotations

import ast
from datetime import date, datetime

import pytest

from schemas.days import FIRST, LAST, NoDay, read_day, read_moment, read_month
from tests.structure.test_walls import FILES, ROOT

READER = "schemas/days.py"
_PARSERS = {"fromisoformat", "fromisocalendar", "strptime"}


def test_text_becomes_a_day_in_one_place():
    """A time of day (``time.fromisoformat``) is no day."""
    wrong = []
    for file in FILES:
        name = str(file.relative_to(ROOT))
        if name == READER:
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in _PARSERS
                and ast.unparse(node.value) != "time"
            ):
                wrong.append(f"{name}:{node.lineno}")
    assert not wrong, f"read days with {READER}: {wrong}"


@pytest.mark.parametrize(
    "text",
    [
        "2026-W50-1",
        "2026W501",
        "20261001",
        "2026-274",
        "2026-10-01T00:00:00",
        "2026-10-1",
        "2026-02-30",
        "2026/10/01",
        " 2026-10-01",
        "2026-10-01\n",
        "２０２６-10-01",
        "1899-12-31",
        "2101-01-01",
        "9999-12-31",
        "0001-01-01",
        "",
        None,
        20261001,
        1.5,
        [],
        True,
    ],
)
def test_nothing_but_a_plain_day_within_bounds_is_one(text):
    with pytest.raises(NoDay) as refused:
        read_day(text)
    assert refused.value.zh and refused.value.en


def test_days_months_and_moments_are_read():
    assert read_day("2026-10-01") == date(2026, 10, 1)
    assert (read_day(FIRST.isoformat()), read_day(LAST.isoformat())) == (FIRST, LAST)
    assert read_month("2026-10") == "2026-10"
    assert read_moment("2026-10-01T09:00:00+08:00") == datetime.fromisoformat(
        "2026-10-01T09:00:00+08:00"
    )


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-1", "202610", "1899-12", "2101-01", "0000-01", None, 202610]
)
def test_a_month_is_bounded_as_well(text):
    with pytest.raises(NoDay):
        read_month(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-W50-1T10:00:00+08:00",
        "20261001T100000Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "2026-10-01T25:00:00Z",
        "2026-10-01",
        "soon",
        None,
    ],
)
def test_a_moment_is_bounded_as_well(text):
    with pytest.raises(NoDay):
        read_moment(text)
