"""Days, quarters and sums of the records, without a database."""

from __future__ import annotations

from datetime import date

import pytest

from services.records.double_reports import begins, quarter_of
from services.records.facts import DEFINITIONS, total
from services.records.letters.form import age_on, dues_words, ethnicity_words, validity_words
from services.records.letters.numerals import capital
from services.records.reconciliation import checks_begun, period
from services.records.snapshots import FIGURES, TALLIES, beside, month_ends
from tests.cases.cast import DIRECTORY, UNIT


@pytest.mark.parametrize(
    ("day", "quarter", "first"),
    [
        (date(2026, 1, 1), "2026Q1", date(2026, 1, 1)),
        (date(2026, 6, 30), "2026Q2", date(2026, 4, 1)),
        (date(2026, 12, 31), "2026Q4", date(2026, 10, 1)),
    ],
)
def test_a_day_lies_in_a_quarter_that_begins_on_its_first(day, quarter, first):
    assert quarter_of(day) == quarter
    assert begins(quarter) == first


def test_months_are_over_back_to_the_first_case():
    ends = month_ends(date(2026, 1, 15), date(2026, 3, 31))
    assert ends == [date(2026, 2, 28), date(2026, 1, 31)]
    assert month_ends(date(2026, 3, 1), date(2026, 3, 31)) == []


def test_of_a_long_past_two_years_are_enough():
    ends = month_ends(date(2010, 1, 1), date(2026, 3, 1))
    assert (len(ends), ends[0], ends[-1]) == (24, date(2026, 2, 28), date(2024, 3, 31))


@pytest.mark.parametrize(
    ("unit", "today", "begun"),
    [
        ("enterprise_state", date(2026, 9, 20), date(2026, 9, 1)),
        ("enterprise_state", date(2026, 3, 20), None),
        ("school", date(2026, 3, 20), date(2026, 3, 1)),
        ("school", date(2026, 5, 20), None),
    ],
)
def test_rolls_are_checked_in_september_and_at_schools_in_march_too(unit, today, begun):
    committee = DIRECTORY.get(UNIT)
    assert committee is not None
    assert period(committee._replace(unit=unit), today) == begun


def test_a_check_is_asked_of_standing_committees_by_the_end_of_the_month():
    committee = DIRECTORY.get(UNIT)
    assert committee is not None
    others = [
        committee._replace(kind="branch"),
        committee._replace(outside=True),
        committee._replace(effective_to=date(2026, 8, 31)),
    ]
    (check,) = checks_begun([committee, *others], date(2026, 9, 20))
    assert (check["organisation"], check["due_on"]) == (UNIT, date(2026, 9, 30))
    (again,) = checks_begun([committee], date(2026, 9, 21))
    assert again["id"] == check["id"]


def test_facts_are_summed_and_those_without_a_base_have_none():
    facts = total([{"announced": {"n": 2, "of": None}}, {"on_time": {"n": 1, "of": 3}}])
    assert list(facts) == list(DEFINITIONS)
    assert facts["announced"] == {"n": 2, "of": None}
    assert facts["on_time"] == {"n": 1, "of": 3}
    assert facts["silent"] == {"n": 0, "of": 0}


def test_two_snapshots_are_laid_beside_each_other_line_by_line():
    empty = {**dict.fromkeys(FIGURES, 0), **{tally: {} for tally in TALLIES}}
    after = {**empty, "members": 7, "by_state": {"moved": 2}}
    lines = beside(empty, after)
    assert ("", "members", 0, 7) in lines
    assert ("by_state", "moved", 0, 2) in lines
    assert len(lines) == len(FIGURES) + 1


@pytest.mark.parametrize(
    ("birth", "age"),
    [(date(2000, 3, 20), "26"), (date(2000, 3, 21), "25"), (None, "")],
)
def test_an_age_counts_full_years(birth, age):
    assert age_on(birth, date(2026, 3, 20)) == age


@pytest.mark.parametrize(
    ("ethnicity", "printed"),
    [("汉族", "汉"), ("汉", "汉"), ("族", "族"), (None, ""), (" 满族 ", "满")],
)
def test_the_form_prints_the_last_character_itself(ethnicity, printed):
    assert ethnicity_words(ethnicity) == printed


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "零"),
        (10, "壹拾"),
        (11, "壹拾壹"),
        (105, "壹佰零伍"),
        (1001, "壹仟零壹"),
        (9990, "玖仟玖佰玖拾"),
    ],
)
def test_a_number_is_written_in_capital_numerals(number, words):
    assert capital(number) == words


def test_a_letter_says_how_long_it_is_good_for_and_how_far_dues_are_paid():
    assert validity_words(date(2026, 3, 1), date(2026, 3, 31)) == "叁拾"
    assert validity_words(None, None) == ""
    assert dues_words("2026-11") == {"dues_year": "贰零贰陆", "dues_month": "壹拾壹"}
    assert dues_words(None) == {"dues_year": "", "dues_month": ""}
