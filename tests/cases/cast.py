"""The organisations of the move tests, a case between them, and what each command is given."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.cases.commands.arguments import Named
from services.cases.deadlines import calendar
from services.cases.deadlines import tasks as deadlines
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext, MemberFacts
from services.cases.policy import values as policy
from services.kit.clock import ZONE
from services.registry.directory import Directory

CITY, ORIGIN_COUNTY, UNIT, BRANCH = "330600010019", "330602010021", "330602010028", "330602010035"
COUNTY, STREET, COMMUNITY, COMMUNITY_BRANCH = (
    "330603010022",
    "330603010029",
    "330603010036",
    "330603010043",
)
NEIGHBOUR, ASKED, OUTSIDE = "330603010050", "330603010057", "130606010030"
HOST = "330603010064"
NOW = datetime(2026, 3, 20, 10, 0, tzinfo=ZONE)
CASE = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"

_COLUMNS = ["code", "name", "kind", "unit", "parent", "area", "serves_area", "authority", "outside"]
ORGANISATIONS = [
    dict(zip(_COLUMNS, row, strict=True))
    for row in (
        (
            CITY,
            "中共绍兴市委组织部",
            "organisation_department",
            "city",
            "",
            "3306",
            "yes",
            "yes",
            "",
        ),
        (
            ORIGIN_COUNTY,
            "中共越城区委组织部",
            "organisation_department",
            "county",
            CITY,
            "330602",
            "yes",
            "yes",
            "",
        ),
        (
            UNIT,
            "中共示例纺织有限公司委员会",
            "basic_committee",
            "enterprise_state",
            ORIGIN_COUNTY,
            "330602",
            "no",
            "yes",
            "",
        ),
        (
            BRANCH,
            "中共示例纺织第一支部委员会",
            "branch",
            "enterprise_state",
            UNIT,
            "330602",
            "no",
            "no",
            "",
        ),
        (
            COUNTY,
            "中共柯桥区委组织部",
            "organisation_department",
            "county",
            CITY,
            "330603",
            "yes",
            "yes",
            "",
        ),
        (
            STREET,
            "中共柯桥街道工作委员会",
            "basic_committee",
            "street",
            COUNTY,
            "330603001",
            "yes",
            "no",
            "",
        ),
        (
            COMMUNITY,
            "中共管墅社区总支部委员会",
            "general_branch",
            "community",
            STREET,
            "330603001008",
            "yes",
            "no",
            "",
        ),
        (
            COMMUNITY_BRANCH,
            "中共管墅社区第一支部委员会",
            "branch",
            "community",
            COMMUNITY,
            "330603001008",
            "no",
            "no",
            "",
        ),
        (
            NEIGHBOUR,
            "中共另一社区总支部委员会",
            "general_branch",
            "community",
            STREET,
            "330603001999",
            "yes",
            "no",
            "",
        ),
        (
            ASKED,
            "中共示例人才服务中心委员会",
            "basic_committee",
            "talent_service",
            COUNTY,
            "330603",
            "no",
            "yes",
            "",
        ),
        (
            HOST,
            "中共示例商会委员会",
            "basic_committee",
            "social_organisation",
            COUNTY,
            "330603",
            "no",
            "yes",
            "",
        ),
        (
            OUTSIDE,
            "中共和平里街道工作委员会",
            "basic_committee",
            "street",
            "",
            "130606001",
            "yes",
            "yes",
            "yes",
        ),
    )
]
ACTORS = [row["code"] for row in ORGANISATIONS]
DIRECTORY = Directory.build(ORGANISATIONS)
WORLD = DecisionContext(
    NOW, DIRECTORY, calendar.official(), policy.default(), MemberFacts("normal", date(2025, 8, 1))
)

_MEETING = {"decided_by": BRANCH, "meeting_on": "2026-03-19", "approved_by": ORIGIN_COUNTY}
GIVEN: dict[str, dict[str, Any]] = {
    "triage": {"category": "relocation", "circumstances": {"unit_has_organisation": False}},
    "confirm_destination": {"member_informed": True},
    "approve_stay": {"reason": "留厂", "review_on": "2027-03-20"},
    "register_floating": {"permit_no": "浙1", "host": HOST, "host_contact": "郑建国"},
    "acknowledge": {"contact": "郑建国"},
    "add_channel": {"reason": "系统内无人办理"},
    "reopen": {"reason": "情况有变"},
    "submit": {"dues_paid_to": "2026-03"},
    "send_back": {"reason": "缺材料"},
    "issue_letter": {"channel": "both"},
    "hand_over": {"handed_to": "member"},
    "record_arrival": {},
    "forward": {"organisation": STREET},
    "accept": {},
    "return_for_cure": {"defects": ["缺党费证明"]},
    "refuse": {"reason": "no_power"},
    "cure": {"evidence": "已补"},
    "redirect": {"organisation": HOST},
    "rule": {"decision": "redirect", "organisation": HOST, "meeting_on": "2026-03-20"},
    "place": {"branch": COMMUNITY_BRANCH},
    "record_talk": {"on": "2026-03-20"},
    "send_receipt": {"handler": "赵敏", "phone": "0575-1"},
    "record_receipt": {},
    "report_lost": {"reason": "遗失"},
    "reissue": {"reason": "补开", "channel": "paper"},
    "mark_unreachable": {"attempts": ["一", "二", "三"]},
    "found": {"how": "来电"},
    "mark_lost": {},
    "suspend": _MEETING,
    "restore": _MEETING,
    "strike_off": _MEETING,
    "merge": {"into": OTHER},
    "cancel": {"reason": "不走了"},
    "close": {"reason": "stay"},
    "reroute": {"reason": "改去向", "organisation": HOST},
    "record_paper_receipt": {"number": "12", "accepted_on": "2026-03-19"},
    "ask": {"organisation": ASKED, "text": "在何处"},
    "answer": {"text": "在此"},
    "note": {"text": "已致电"},
    "pause": {},
    "resume": {},
    "give_to_all": {"order": "submit", "with": {"dues_paid_to": "2026-03"}},
}


def case_in(state: str, command: str | None = None) -> Case:
    """A case in a state, with everything that ``command`` needs to succeed there."""
    issued = state not in (states.ANNOUNCED, states.TRIAGED, states.BULK_OPEN)
    case = Case(
        id=CASE,
        state=state,
        seq=7,
        member="m1",
        category="relocation",
        facts={"category": "relocation"},
        rule="B35" if command == "rule" else "B6",
        poster=UNIT,
        origin=BRANCH,
        destination=COMMUNITY,
        destination_source="address",
        area="330603001008",
        receiver=COUNTY,
        branch=COMMUNITY_BRANCH,
        host=HOST,
        opened_at=NOW,
        entered_at=NOW,
        touched_at=NOW,
        counted_from=NOW.date(),
        letter_number="L1" if issued else None,
        letter_issued_on=date(2026, 3, 5) if issued else None,
        letter_expires_on=date(2026, 4, 4) if issued else None,
        letter_status="valid" if issued else None,
        first_issued_on=date(2026, 3, 5) if issued else None,
        letters=int(issued),
        accepted_on=date(2026, 3, 12),
        receipt_due_on=date(2026, 4, 12),
        placed_at=NOW,
        suspended_on=date(2024, 3, 1),
        interrupted=states.TRIAGED,
        returned_for="cure",
        review_on=date(2026, 12, 1),
        asks=[
            {
                "to": ASKED,
                "by": UNIT,
                "at": NOW.isoformat(),
                "due_on": "2026-04-03",
                "answered_on": None,
            }
        ],
    )
    if command == "record_paper_receipt":
        case = case.replace(destination=OUTSIDE)
    if command == "suspend":
        case = case.replace(category="study_abroad", rule="B23")
    case = deadlines.parts(case, WORLD)
    return case.replace(ruling=CITY) if command == "rule" else case


# what the arguments of GIVEN name, as the two ends of the case see it: the member's other case, and
# the case itself
NAMED = Named({OTHER: case_in(states.ACCEPTED).replace(id=OTHER), CASE: case_in(states.TRIAGED)})


def uuid_of(number: int) -> UUID:
    """A made-up id."""
    return UUID(int=0x40008000000000000000 + (number << 96))


def to_the_letter(day: str, by: str) -> list[dict[str, Any]]:
    """The steps of a scenario in which an origin sends case A on its way, all on one day."""
    given = {
        "confirm_destination": (by, {"member_informed": True}),
        "submit": (by, {"dues_paid_to": "2026-03"}),
        "issue_letter": (UNIT, {"channel": "paper"}),
    }
    return [
        {"at": f"{day}T09:0{minute}:00+08:00", "by": code, "do": act, "case": "A", "with": said}
        for minute, (act, (code, said)) in enumerate(given.items())
    ]
