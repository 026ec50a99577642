"""Members whom nobody reaches, and decisions on their membership."""

from __future__ import annotations

from services.cases.commands.arguments import Arguments, refuse
from services.cases.commands.destination import keep_meeting_day, triage_again
from services.cases.deadlines import tasks as deadlines
from services.cases.deadlines.calendar import add_months
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext


def mark_unreachable(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin branch says that nobody can reach the member, and how it tried."""
    arguments.texts("attempts", least=context.policy_now(case).unreachable_attempts)
    return case.replace(state=states.UNREACHABLE, interrupted=case.state)


def find_member(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin branch has reached the member; the case goes on where it was interrupted."""
    arguments.text("how")
    if case.state == states.LOST_CONTACT:
        return triage_again(case, context)
    back = case.interrupted or states.TRIAGED
    expired = case.letter_expires_on is not None and context.today > case.letter_expires_on
    if back == states.IN_TRANSIT and expired:
        return case.replace(state=states.LETTER_EXPIRED, letter_status="expired", interrupted=None)
    if back == states.TRIAGED:
        return triage_again(case, context).replace(interrupted=None)
    return case.replace(state=back, interrupted=None)


def mark_lost(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin branch registers a member as out of contact, six months after the last sign."""
    last = context.member.last_seen_on
    if last is None:
        raise refuse(
            409,
            "no-last-life",
            "没有最后一次参加组织生活或交纳党费的记录，无从起算六个月，请先登记。",
            "No last organisational life or dues on record to count six months from; record it "
            "first.",
        )
    from_day = add_months(last, context.policy_now(case).lost_months)
    if context.today < from_day:
        raise refuse(
            409,
            "not-yet-six-months",
            f"距最后一次组织生活或党费（{last.isoformat()}）未满六个月，"
            f"{from_day.isoformat()} 起方可登记失联。",
            f"Less than six months since the last life or dues ({last.isoformat()}); possible from "
            f"{from_day.isoformat()}.",
            possible_from=from_day.isoformat(),
        )
    return case.replace(state=states.LOST_CONTACT)


def suspend(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee records the decision to suspend membership (停止党籍)."""
    _keep_decision(case, arguments, context)
    if case.state == states.STAY_APPROVED and not case.abroad:
        raise refuse(
            409,
            "stay-not-abroad",
            "只有出国（境）暂留的，才可由暂留直接停止党籍。",
            "Only a stay abroad may lead to suspension.",
            state=case.state,
        )
    return case.replace(state=states.SUSPENDED, suspended_on=context.today)


def restore(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee records the decision to restore membership."""
    _keep_decision(case, arguments, context)
    return case.replace(state=states.RESTORED)


def strike_off(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee records the decision to strike the member off (除名)."""
    _keep_decision(case, arguments, context)
    first = deadlines.strike_off_from(case, context)
    if first and context.today < first:
        raise refuse(
            409,
            "not-yet-two-years",
            f"停止党籍未满两年，{first.isoformat()} 起方可除名。",
            f"Suspended for less than two years; possible from {first.isoformat()}.",
            possible_from=first.isoformat(),
        )
    return case.replace(state=states.STRUCK_OFF)


def close(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin ends the case without a move, for one of the listed reasons."""
    arguments.reason = arguments.one_of("reason", states.CLOSE_REASONS)
    return case.replace(state=states.CLOSED)


def _keep_decision(case: Case, arguments: Arguments, context: DecisionContext) -> None:
    """No standing changes without a named human decision, its meeting and its approver (rules.md
    §C.4 no. 7).
    """
    arguments.text("decided_by")
    keep_meeting_day(case, arguments, context)
    arguments.text("approved_by")
