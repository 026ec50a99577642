"""The 介绍信 and its receipt: approved, written, carried, lost, written anew, and closed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from schemas.days import dues_month_last
from services.cases.commands.arguments import Arguments, refuse
from services.cases.commands.destination import triage_again, voided
from services.cases.deadlines import tasks as deadlines
from services.cases.deadlines.calendar import add_months
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext


def submit(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin branch hands the move to its committee and names the month dues are paid to."""
    arguments.month("dues_paid_to", until=dues_month_last(context.now))
    return case.replace(state=states.OUT_APPROVAL)


def send_back(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee gives the case back to the branch, with a reason; it is triaged anew."""
    arguments.reason = arguments.text("reason")
    return triage_again(case, context)


def issue_letter(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee, or its superior with authority, writes a 介绍信."""
    return _with_new_letter(case, arguments, context, receiver=None)


def reissue(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee writes a new letter for one that expired or is void."""
    arguments.reason = arguments.text("reason")
    until = deadlines.reissue_until(case, context)
    if until and context.today > until:
        department = context.directory.department_above(case.origin_committee)
        if not arguments.department("approval", department.code if department else None):
            raise refuse(
                409,
                "reissue-window-closed",
                f"首次转出已满六个月（{until.isoformat()}），重开须经县级组织部门批准，请在 "
                f"approval 填其代码。",
                f"Six months have passed since the first transfer-out ({until.isoformat()}); "
                f"issuing again needs the "
                "county department's approval: give its code as approval.",
                until=until.isoformat(),
            )
    return _with_new_letter(case, arguments, context, receiver=None)


def hand_over(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee gives the letter to the member, who carries it."""
    arguments.one_of("handed_to", ("member",))
    return case.replace(state=states.IN_TRANSIT)


def add_channel(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee sends the same letter by its other channel too."""
    if case.letter_channel == "both":
        raise refuse(
            409,
            "both-channels-already",
            "这封介绍信已经系统内和纸质都走，不必再加。",
            "This letter goes by system and paper already.",
            state=case.state,
        )
    arguments.reason = arguments.get("reason")
    return case.replace(letter_channel="both")


def report_lost(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin reports the letter lost; its number is void."""
    arguments.reason = arguments.text("reason")
    return case.replace(state=states.LETTER_VOID, letter_status="void")


def cancel(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee calls the move off before anybody accepts; the letter is void."""
    arguments.reason = arguments.text("reason")
    return case.replace(state=states.CANCELLED, letter_status=voided(case))


def send_receipt(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The receiving committee sends the 回执, once, and names who handles it and the phone."""
    arguments.text("handler")
    arguments.text("phone")
    if case.receipt_sent_on:
        raise refuse(
            409,
            "receipt-already-sent",
            f"回执已于 {case.receipt_sent_on.isoformat()} 寄出。",
            f"The receipt was sent on {case.receipt_sent_on.isoformat()}.",
            state=case.state,
        )
    late = case.receipt_due_on is not None and context.today > case.receipt_due_on
    state = states.RECEIPT_SENT if case.state == states.PLACED else states.ACCEPTED
    return case.replace(state=state, receipt_sent_on=context.today, late=case.late or late)


def record_receipt(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee enters the receipt on its counterfoil; the member has moved."""
    arguments.get("number")
    arguments.get("handler")
    arguments.day("on", since=case.accepted_on, until=context.today, required=False)
    return case.replace(state=states.MOVED, receipt_recorded_on=context.today)


def record_paper_receipt(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee records what a receiver outside guidui did on paper."""
    destination = context.directory.get(case.destination) if case.destination else None
    if destination is None or not destination.outside:
        raise refuse(
            409,
            "destination-uses-guidui",
            "接收方使用本系统，应由其登记接收和回执。",
            "The receiver uses guidui and records acceptance and receipt itself.",
            state=case.state,
        )
    arguments.text("number")
    arguments.get("handler")
    accepted = arguments.day("accepted_on", since=case.letter_issued_on, until=context.today)
    due = add_months(accepted, context.policy_now(case).receipt_months)
    late = bool(case.letter_expires_on and accepted > case.letter_expires_on)
    arguments.extra_steps += [
        ("on_paper", {"act": "accept", "on": accepted.isoformat()}),
        ("on_paper", {"act": "send_receipt", "number": arguments.get("number")}),
    ]
    arguments.reason = "on_paper"
    return case.replace(
        state=states.MOVED,
        accepted_on=accepted,
        letter_status="used",
        receipt_due_on=due,
        receipt_recorded_on=context.today,
        receiver=case.destination,
        late=case.late or late,
    )


def _with_new_letter(
    case: Case, arguments: Arguments, context: DecisionContext, **changes: Any
) -> Case:
    """The case with a new letter of today."""
    channel = arguments.one_of("channel", ("system", "paper", "both"))
    most = context.policy_now(case).validity_days_max
    days = arguments.number("validity_days", 1, most, required=False)
    if days is None:
        days = _usual_validity(case, context)
    issuing = deadlines.issuer(case, context) or arguments.actor
    number = f"{issuing}-{context.today.year}-{case.id[:8]}-{case.letters + 1}"
    return case.replace(
        state=states.LETTER_ISSUED,
        letter_number=number,
        letter_issued_on=context.today,
        letter_expires_on=context.today + timedelta(days=days),
        letter_channel=channel,
        letter_status="valid",
        letters=case.letters + 1,
        first_issued_on=case.first_issued_on or context.today,
        **changes,
    )


def _usual_validity(case: Case, context: DecisionContext) -> int:
    """How many days a letter holds where nobody says: by the way from one end to the other."""
    policy = context.policy_now(case)
    if not case.origin or not case.destination:
        return policy.validity_days_max
    return policy.validity(_area(case.origin, context), _area(case.destination, context))


def _area(code: str, context: DecisionContext) -> str:
    organisation = context.directory.get(code)
    if organisation is None:
        return ""
    return organisation.area or ""
