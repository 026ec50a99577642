"""What comes of a roll beside the register, row by row, without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.identity.persons import Person
from services.records.comparison_outcome import (
    BAD,
    ELSEWHERE,
    NOT_HERE,
    NOT_IN_ROLL,
    REVIEW,
    Beside,
    Line,
    OpenCase,
    RegisteredMember,
    for_reader,
    outcome,
)
from services.registry.rosters import BadRow, Roll, RollRow
from tests.cases.cast import BRANCH, COMMUNITY, COUNTY, DIRECTORY, STREET, UNIT

HERE = {
    "m1": RegisteredMember("李娜", COMMUNITY),
    "m2": RegisteredMember("王伟", COMMUNITY),
}


@dataclass(frozen=True)
class Row:
    """What the matcher says of a row."""

    decision: str
    member: str | None = None
    organisation: str | None = None
    candidates: tuple[Mapping[str, Any], ...] = field(default=())


LI_NA = Row("match", "m1", COMMUNITY)
WANG_WEI = Row("match", "m2", COMMUNITY)


def compared(
    *rows: Row, bad: tuple[BadRow, ...] = (), by: str = COMMUNITY, **cases: OpenCase
) -> tuple[int, list[Line]]:
    community = DIRECTORY.get(COMMUNITY)
    assert community is not None
    numbered = [RollRow(number, Person(name=f"行{number}")) for number in range(2, len(rows) + 2)]
    beside = Beside(community, by, HERE, cases, DIRECTORY)
    return outcome(Roll(numbered, list(bad)), rows, beside)


def test_who_stands_in_both_is_in_no_list():
    assert compared(LI_NA, WANG_WEI) == (2, [])


def test_who_is_missing_from_the_roll_shall_be_announced_unless_a_case_is_open():
    _, (line,) = compared(LI_NA)
    assert (line.list, line.next, line.member) == (NOT_IN_ROLL, "announce_departure", "m2")
    _, (line,) = compared(LI_NA, m2=OpenCase("c2", None))
    assert (line.next, line.case_id, line.belongs_to) == ("case", "c2", COMMUNITY)


def test_the_second_row_of_a_member_is_bad_and_says_which_was_the_first():
    matched, lines = compared(LI_NA, LI_NA, WANG_WEI)
    assert matched == 2
    (line,) = lines
    assert (line.list, line.next, line.row_number) == (BAD, "mend", 3)
    assert line.faults is not None and "第 2 行" in line.faults["reason"]


def test_of_a_member_of_another_tree_it_says_elsewhere_and_no_more():
    foreign = Row("match", "m9", BRANCH)
    _, (line,) = compared(LI_NA, WANG_WEI, foreign, m9=OpenCase("c9", STREET))
    assert (line.list, line.next) == (NOT_HERE, "host_report")
    assert (line.belongs_to, line.member, line.case_id) == (ELSEWHERE, None, None)


def test_a_move_hither_is_named_by_its_case():
    foreign = Row("match", "m9", BRANCH)
    _, (line,) = compared(LI_NA, WANG_WEI, foreign, m9=OpenCase("c9", COMMUNITY))
    assert (line.next, line.case_id, line.member) == ("case", "c9", None)


def test_who_compares_from_above_learns_where_members_of_the_own_tree_belong():
    of_street = Row("match", "m9", STREET)
    _, (line,) = compared(LI_NA, WANG_WEI, of_street, by=COUNTY)
    assert (line.next, line.belongs_to, line.member) == ("host_report", STREET, "m9")


def test_whom_no_register_knows_may_be_reported():
    _, (line,) = compared(LI_NA, WANG_WEI, Row("not_a_member"))
    assert (line.list, line.next, line.person) == (NOT_HERE, "host_report", {"name": "行4"})


def test_a_doubtful_row_calls_none_of_its_candidates_missing_and_shows_only_ones_own():
    doubtful = Row("review", candidates=({"member": "m2"}, {"member": "m9"}))
    matched, (line,) = compared(LI_NA, doubtful)
    assert matched == 1
    assert (line.list, line.candidates) == (REVIEW, [{"member": "m2"}])


def test_who_bears_the_name_of_a_bad_row_is_not_called_missing():
    bad = BadRow(3, "身份证号码", "位数不对", "请核对", {"name": "王伟"})
    _, (line,) = compared(LI_NA, bad=(bad,))
    assert (line.list, line.row_number, line.person) == (BAD, 3, {"name": "王伟"})


def shown(reader: str, **line: Any) -> dict[str, Any]:
    usual = {"list": NOT_HERE, "belongs_to": BRANCH, "member": "m9", "case_id": "c9"}
    (row,) = for_reader([{**usual, **line}], reader, DIRECTORY)
    return row


def test_a_reader_below_who_compared_sees_only_its_own_tree():
    assert shown(UNIT)["member"] == "m9"
    hidden = shown(COMMUNITY)
    assert (hidden["belongs_to"], hidden["member"], hidden["case_id"]) == (ELSEWHERE, None, None)
    assert shown(COMMUNITY, list=NOT_IN_ROLL)["member"] == "m9"
