"""The receiving end: the arrival, what is wrong with it, the acceptance, a place in a branch."""

from __future__ import annotations

from services.cases.commands.arguments import Arguments, refuse
from services.cases.commands.destination import refuse_ended_destination, with_destination
from services.cases.deadlines.calendar import add_months
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext


def record_arrival(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The destination, or who stands in the letter's header, records that the member has come."""
    arguments.letter("letter_number", case.letter_number)
    return case.replace(state=states.ARRIVED, receiver=arguments.actor)


def forward(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Who holds the arrival passes the member on to the organisation that is meant."""
    after = with_destination(case, arguments, context, "stated", required=True)
    return after.replace(receiver=arguments.organisation("organisation", context))


def accept(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The receiving committee takes the member in: from here on the member belongs there."""
    refuse_ended_destination(case, context)
    expired_on = case.letter_expires_on
    late = expired_on is not None and context.today > expired_on
    if late and not arguments.get("late_decision"):
        raise refuse(
            409,
            "late-decision-required",
            f"介绍信有效期至 {expired_on}，逾期接收须写明本组织的决定（late_decision）。",
            f"The letter was good until {expired_on}; accepting it late "
            f"needs a recorded "
            "decision (late_decision).",
            field="late_decision",
        )
    if (
        arguments.flag("archive_checked") is not True
        and context.policy_now(case).archive_check == "required"
    ):
        raise refuse(
            422,
            "archive-not-checked",
            "按本地规定接收前须核对党员档案，请核对后填 archive_checked: true。",
            "Here the archive is checked before acceptance: check it, then give archive_checked: "
            "true.",
            field="archive_checked",
        )
    return case.replace(
        state=states.ACCEPTED,
        accepted_on=context.today,
        late=case.late or late,
        letter_status="used",
        receipt_due_on=add_months(context.today, context.policy_now(case).receipt_months),
    )


def return_for_cure(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The receiver sends the papers back and names all that is missing at once."""
    arguments.texts("defects", least=1)
    return case.replace(state=states.RETURNED, returned_for="cure", bounced=True)


def refuse_arrival(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The receiver refuses with a reason; an unlisted one, or the second, goes to the superior."""
    reason = arguments.reason = arguments.text("reason")
    policy = context.policy_now(case)
    listed = reason in policy.refusal_reasons and (
        reason != "archive_defect" or policy.archive_check != "none"
    )
    if reason == "wrong_organisation":
        arguments.organisation("proposed", context)
    if reason == "not_living_here":
        arguments.text("evidence")
    refusals = case.refusals + 1
    escalates = not listed or refusals >= 2
    return case.replace(
        state=states.ESCALATED if escalates else states.RETURNED,
        refusals=refusals,
        bounced=True,
        returned_for=None if escalates else "redirect",
    )


def cure(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin completes what the receiver found missing."""
    arguments.text("evidence")
    return case.replace(state=states.ARRIVED)


def place(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The receiving side puts the member into one of its branches."""
    branch = arguments.branch("branch", case.receiving_committee, context)
    state = states.RECEIPT_SENT if case.receipt_sent_on else states.PLACED
    return case.replace(state=state, branch=branch, placed_at=context.now)


def record_talk(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The branch records the day of its first talk with the new member."""
    return case.replace(talked_on=arguments.day("on", since=case.accepted_on, until=context.today))
