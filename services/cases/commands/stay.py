"""Members who stay with their organisation for a time, and those whose place is not fixed."""

from __future__ import annotations

from services.cases.commands.arguments import Arguments, refuse
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext


def approve_stay(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee lets the member stay, for a reason and until a day of review."""
    reason = arguments.reason = arguments.text("reason")
    listed = context.policy_now(case).stay_reasons
    if listed and reason not in listed:
        raise refuse(
            422,
            "stay-reason-unlisted",
            f"reason 应当是规定的暂留理由之一：{'、'.join(listed)}。",
            f"reason must be one of the prescribed reasons for a stay: {', '.join(listed)}.",
            field="reason",
        )
    review = arguments.day("review_on", after=context.today)
    return case.replace(
        state=states.STAY_APPROVED,
        review_on=review,
        contact_interval=arguments.number("contact_interval", 1, 60, required=False),
        contacted_on=None,
    )


def register_floating(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin registers a member whose place is not fixed, with the permit and the host."""
    written, host = arguments.host("host", context)
    return case.replace(
        state=states.FLOATING_REGISTERED,
        permit_no=arguments.text("permit_no"),
        contacted_on=None,
        acknowledged_on=None,
        host=host,
        **arguments.keep("host", written, "host_contact", arguments.text("host_contact")),
    )


def acknowledge(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The host confirms the permit of a floating member, once."""
    if case.acknowledged_on:
        raise refuse(
            409,
            "acknowledged-already",
            f"活动证已于 {case.acknowledged_on.isoformat()} 确认。",
            f"The permit was acknowledged on {case.acknowledged_on.isoformat()}.",
            state=case.state,
        )
    arguments.text("contact")
    return case.replace(acknowledged_on=context.today)
