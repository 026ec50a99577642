"""What is wrong with a command is refused in a sentence of each language that names the field and
what it should be.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.cases.commands.decide import decide
from services.cases.model import states
from services.kit.errors import Refused
from tests.cases.cast import COMMUNITY, GIVEN, NAMED, NOW, OUTSIDE, WORLD, case_in
from tests.cases.test_table_of_moves import FIRST, case_of, who

# interface.md §6, column "with": what must be there
REQUIRED: dict[str, tuple[str, ...]] = {
    "triage": ("category",),
    "confirm_destination": ("member_informed",),
    "approve_stay": ("reason", "review_on"),
    "register_floating": ("permit_no", "host", "host_contact"),
    "reopen": ("reason",),
    "submit": ("dues_paid_to",),
    "acknowledge": ("contact",),
    "send_back": ("reason",),
    "issue_letter": ("channel",),
    "hand_over": ("handed_to",),
    "forward": ("organisation",),
    "return_for_cure": ("defects",),
    "refuse": ("reason",),
    "cure": ("evidence",),
    "redirect": ("organisation",),
    "rule": ("decision", "meeting_on"),
    "place": ("branch",),
    "record_talk": ("on",),
    "send_receipt": ("handler", "phone"),
    "report_lost": ("reason",),
    "reissue": ("reason", "channel"),
    "mark_unreachable": ("attempts",),
    "found": ("how",),
    "suspend": ("decided_by", "meeting_on", "approved_by"),
    "restore": ("decided_by", "meeting_on", "approved_by"),
    "strike_off": ("decided_by", "meeting_on", "approved_by"),
    "merge": ("into",),
    "cancel": ("reason",),
    "close": ("reason",),
    "reroute": ("reason",),
    "give_to_all": ("order",),
    "record_paper_receipt": ("number", "accepted_on"),
    "ask": ("organisation", "text"),
    "answer": ("text",),
}
STATE = {
    command: next(state for state, name in FIRST if name == command) for command in states.COMMANDS
}


def refused(
    command: str, given: dict[str, Any], state: str | None = None, **changes: Any
) -> Refused:
    """How the command is refused to one who may give it."""
    line = FIRST[state or STATE[command], command]
    case = case_of(line).replace(**changes)
    with pytest.raises(Refused) as told:
        decide(case, command, min(who(line, case)), given, WORLD, NAMED)
    said = told.value
    assert (
        said.words.zh.endswith("。")
        and said.words.en.endswith(".")
        and said.words.zh != said.words.en
    )
    return said


@pytest.mark.parametrize("command, field", [(c, f) for c, names in REQUIRED.items() for f in names])
@pytest.mark.parametrize("left", [None, "", 7.5, {"a": 1}])
def test_a_field_that_is_left_out_or_no_value_is_named(command: str, field: str, left: Any):
    given = {k: v for k, v in GIVEN[command].items() if k != field} | (
        {} if left is None else {field: left}
    )
    said = refused(command, given)
    assert (
        said.status == 422
        and said.extra["field"] == field
        and field in said.words.zh + said.words.en
    )


@pytest.mark.parametrize(
    "command, changed, words",
    [
        ("issue_letter", {"validity_days": 91}, "1 到 90"),
        ("issue_letter", {"validity_days": 0}, "1 到 90"),
        ("issue_letter", {"validity_days": True}, "整数"),
        ("issue_letter", {"channel": "fax"}, "system, paper, both"),
        ("reissue", {"validity_days": 91}, "1 到 90"),
        ("triage", {"category": "holiday"}, "relocation"),
        ("triage", {"circumstances": {"a": [1]}}, "circumstances"),
        ("triage", {"circumstances": "x"}, "circumstances"),
        ("confirm_destination", {"member_informed": False}, "告知本人"),
        ("confirm_destination", {"organisation": "330699990001"}, "330699990001"),
        ("approve_stay", {"review_on": "2026-03-20"}, "晚于 2026-03-20"),
        ("approve_stay", {"review_on": "明年"}, "日期"),
        ("approve_stay", {"contact_interval": 0}, "1 到 60"),
        ("submit", {"dues_paid_to": "2026-13"}, "年月"),
        ("place", {"branch": COMMUNITY[:-2] + "99"}, "没有代码"),
        ("place", {"branch": OUTSIDE}, "不在接收党委之下"),
        ("record_talk", {"on": "2026-03-11"}, "不能早于 2026-03-12"),
        ("record_talk", {"on": "2026-03-21"}, "不能晚于 2026-03-20"),
        ("rule", {"meeting_on": "2026-03-21"}, "不能晚于"),
        ("rule", {"decision": "perhaps"}, "accept, redirect, stay"),
        ("rule", {"decision": "stay"}, "review_on"),
        ("strike_off", {"meeting_on": "2024-02-29"}, "不能早于 2024-03-01"),
        ("suspend", {"meeting_on": "2026-03-21"}, "不能晚于"),
        ("refuse", {"reason": "wrong_organisation"}, "proposed"),
        ("refuse", {"reason": "not_living_here"}, "evidence"),
        ("return_for_cure", {"defects": []}, "1 到 50"),
        ("mark_unreachable", {"attempts": ["一", "二"]}, "3"),
        ("close", {"reason": "tired"}, "deceased"),
        ("merge", {"into": "11111111-1111-4111-8111-111111111111"}, "自身"),
        ("record_paper_receipt", {"accepted_on": "2026-03-04"}, "不能早于 2026-03-05"),
        ("record_paper_receipt", {"accepted_on": "2026-03-21"}, "不能晚于"),
        ("ask", {"due_on": "2026-03-19"}, "due_on"),
        ("give_to_all", {"order": "accept"}, "confirm_destination"),
        ("give_to_all", {"start_on": "2026-03-19"}, "2026-03-20"),
        ("give_to_all", {"with": ["a"]}, "with"),
        ("note", {"text": None, "obstacle": "rain"}, "no_time"),
        ("note", {"text": None}, "备注"),
    ],
)
def test_an_impossible_value_is_refused_with_what_would_do(
    command: str, changed: dict[str, Any], words: str
):
    state = "escalated" if command == "rule" else None
    said = refused(
        command,
        GIVEN[command] | changed,
        state,
        **({"entered_at": NOW - timedelta(days=5)} if state else {}),
    )
    assert said.status == 422 and words in said.words.zh


def test_a_ruling_is_not_made_before_the_question_was_put():
    said = refused(
        "rule",
        GIVEN["rule"] | {"meeting_on": "2026-03-14"},
        "escalated",
        entered_at=NOW - timedelta(days=5),
    )
    assert said.status == 422 and "2026-03-15" in said.words.zh and "2026-03-15" in said.words.en


def test_the_number_of_a_void_letter_brings_nobody_in():
    said = refused("record_arrival", {"letter_number": "L0"})
    assert (
        said.status == 409
        and said.code == "letter-not-valid"
        and "L0" in said.words.zh
        and "void" in said.words.en
    )


def test_an_expired_letter_is_accepted_only_by_a_recorded_decision():
    said = refused("accept", {}, letter_expires_on=NOW.date() - timedelta(days=1))
    assert said.status == 409 and said.extra["field"] == "late_decision"


@pytest.mark.parametrize("command", states.COMMANDS)
def test_who_may_not_is_told_the_state_and_what_it_may_do(command: str):
    case = case_in(STATE[command], command)
    with pytest.raises(Refused) as told:
        decide(
            case,
            command,
            OUTSIDE if case.destination != OUTSIDE else COMMUNITY,
            GIVEN[command],
            WORLD,
            NAMED,
        )
    assert told.value.status == 403 and "allowed" in told.value.extra
    assert states.STATES[case.state][0] in told.value.words.zh and "可以办理" in told.value.words.zh
    assert (
        states.STATES[case.state][1] in told.value.words.en and "may do now" in told.value.words.en
    )


def test_a_command_that_there_is_not_is_answered_with_those_there_are():
    with pytest.raises(Refused) as told:
        decide(case_in("triaged"), "promote", COMMUNITY, {}, WORLD, NAMED)
    assert told.value.status == 422 and set(told.value.extra["commands"]) == set(states.COMMANDS)
