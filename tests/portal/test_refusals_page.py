"""Refusals are counted per organisation and shown to the department above it, not to its
neighbours.
"""

from __future__ import annotations

from tests.portal.town import BRANCH, COMMUNITY, UNIT, text
from tests.stories import county_service


def bounced(town) -> None:
    """One case returned twice for cure, then refused for a reason that is not on the list; another
    refused once.
    """
    for number in (0, 1):
        case = town.leaves(number, "record_arrival")
        if number == 1:
            town.give(
                COMMUNITY, case, "refuse", reason="not_living_here", evidence="上门两次，查无此人"
            )
            continue
        for _ in range(2):
            town.give(COMMUNITY, case, "return_for_cure", defects=["缺党费证明"])
            town.give(UNIT, case, "cure", evidence="已补")
        town.give(COMMUNITY, case, "refuse", reason="今年不接收")
        town.give(
            county_service.CITY,
            case,
            "rule",
            decision="accept",
            meeting_on=town.clock.now().date().isoformat(),
        )
        assert town.state(case) == "arrived"


def test_the_department_above_reads_who_refuses_and_why(town, reader):
    bounced(town)
    said = text(reader("other_department").get("/department/refusals"))
    assert "2 1 1 2 1" in said and "今年不接收 1" in said
    assert "2 1 1 2 1" not in text(reader("department").get("/department/refusals")), (
        "not of another county"
    )
    assert reader("secretary").get("/department/refusals").status_code == 403
    assert BRANCH not in said
