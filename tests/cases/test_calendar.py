"""Dates counted as the interface page says, beside a list worked out by hand from the State
Council's notices.
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import pytest

from services.cases.deadlines.calendar import Calendar, add_months, midnight, month_end, official
from services.cases.routing.rule_source import stored_calendar

FILE = Path(__file__).parent.parent / "data" / "calendar-golden.csv"
GOLDEN = list(csv.DictReader(FILE.read_text("utf-8").splitlines()))


def test_the_list_is_long_enough_to_mean_something():
    assert len(GOLDEN) >= 200


@pytest.mark.parametrize("year", sorted({row["start"][:4] for row in GOLDEN}))
def test_dates_are_those_worked_out_by_hand(year: str):
    for row in (r for r in GOLDEN if r["start"].startswith(year)):
        count = official().add_workdays if row["count"] == "workdays" else add_months
        assert (
            count(date.fromisoformat(row["start"]), int(row["number"])).isoformat()
            == row["expected"]
        ), row


# from the General Office of the State Council's notices of the holidays of 2024, 2025 and 2026
@pytest.mark.parametrize(
    "day, works",
    [
        ("2024-02-04", True),
        ("2024-02-09", True),
        ("2024-02-10", False),
        ("2024-02-17", False),
        ("2024-02-18", True),
        ("2025-01-26", True),
        ("2025-01-28", False),
        ("2025-02-04", False),
        ("2025-02-08", True),
        ("2025-10-08", False),
        ("2026-01-02", False),
        ("2026-01-04", True),
        ("2026-02-14", True),
        ("2026-02-15", False),
        ("2026-02-23", False),
        ("2026-02-28", True),
        ("2026-05-09", True),
        ("2026-09-20", True),
        ("2026-10-07", False),
        ("2026-10-10", True),
    ],
)
def test_spring_festival_and_the_days_made_up_for(day: str, works: bool):
    assert official().is_workday(date.fromisoformat(day)) is works


@pytest.mark.parametrize("year", [2019, 2027, 2035])
def test_a_year_without_a_list_is_provisional_and_counts_week_ends(year: int):
    assert official().provisional(date(year, 6, 1)) and not official().provisional(date(2026, 6, 1))
    day = date(year, 1, 1)
    while day.year == year:
        assert official().is_workday(day) == (day.isoweekday() <= 5)
        day += timedelta(days=1)


def test_working_days_between_are_those_that_were_added():
    for row in (r for r in GOLDEN if r["count"] == "workdays"):
        start, end = date.fromisoformat(row["start"]), date.fromisoformat(row["expected"])
        assert official().workdays_until(start, end) == int(row["number"])
        assert official().workdays_until(end, start) == -int(row["number"])


def test_a_day_begins_at_midnight_in_shanghai():
    assert midnight(date(2026, 7, 1)).isoformat() == "2026-07-01T00:00:00+08:00"
    assert month_end("2028-02") == date(2028, 2, 29)


def test_a_loaded_year_takes_the_place_of_the_shipped_one(worker):
    with worker.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO calendar_day (day, kind) VALUES ('2027-02-05', 'holiday'), "
            "('2027-02-06', 'workday'), ('2026-12-31', 'holiday')"
        )
        calendar = stored_calendar(tx)
    assert isinstance(calendar, Calendar) and not calendar.provisional(date(2027, 3, 1))
    assert calendar.add_workdays(date(2027, 2, 4), 1) == date(2027, 2, 6)
    assert calendar.is_workday(date(2026, 10, 1)), (
        "the loaded list of 2026 is the whole list of 2026"
    )
    assert not calendar.is_workday(date(2025, 10, 1))
