"""Who stands in a member's line where organisations have ended."""

from __future__ import annotations

from datetime import date

import pytest

from services.registry.announcement_rights import in_line
from services.registry.directory import Directory, Organisation

TODAY = date(2027, 7, 12)
ENDED_ON = date(2026, 9, 29)
DEPARTMENT, MERGED, SUCCESSOR = "620100000001", "620100000100", "620100000200"
BRANCH, BRANCH_OF_SUCCESSOR, STRANGER = "620100000101", "620100000201", "620100000301"


def organisation(code: str, parent: str | None, kind: str = "branch", **more) -> Organisation:
    above = {DEPARTMENT: "", MERGED: f"{DEPARTMENT}.", SUCCESSOR: f"{DEPARTMENT}."}
    line = above.get(code, f"{DEPARTMENT}.{parent}.")
    return Organisation(code, f"{line}{code}.", code, kind, "enterprise_state", parent, **more)


@pytest.fixture
def directory() -> Directory:
    """A committee that has merged into another; its branch stands below it still."""
    return Directory(
        [
            organisation(DEPARTMENT, None, "organisation_department"),
            organisation(
                MERGED, DEPARTMENT, "basic_committee", effective_to=ENDED_ON, successor=SUCCESSOR
            ),
            organisation(SUCCESSOR, DEPARTMENT, "basic_committee"),
            organisation(BRANCH, MERGED),
            organisation(BRANCH_OF_SUCCESSOR, SUCCESSOR),
            organisation(STRANGER, "620100000300"),
        ]
    )


@pytest.mark.parametrize("poster", [BRANCH, MERGED, DEPARTMENT, SUCCESSOR, BRANCH_OF_SUCCESSOR])
def test_whoever_acts_for_a_committee_that_ended_stands_in_its_place(directory, poster):
    assert in_line(poster, BRANCH, directory, TODAY)


@pytest.mark.parametrize("poster", [SUCCESSOR, BRANCH_OF_SUCCESSOR])
def test_before_its_last_day_nobody_acts_for_it(directory, poster):
    assert not in_line(poster, BRANCH, directory, ENDED_ON)


def test_a_stranger_stays_a_stranger(directory):
    assert not in_line(STRANGER, BRANCH, directory, TODAY)
