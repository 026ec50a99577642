"""Where the member goes: what the origin says of the move, its destination, and who decides in
dispute.
"""

from __future__ import annotations

from services.cases.commands import reports
from services.cases.commands.arguments import Arguments, refuse
from services.cases.deadlines import tasks as deadlines
from services.cases.deadlines.calendar import day_of
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext, Statement
from services.cases.routing.decision_table import table
from services.cases.routing.overrides import judge


def choose_destination(case: Case, context: DecisionContext) -> Case:
    """The case with its row and destination chosen anew from its facts; announced or triaged
    accordingly.
    """
    category = case.facts.get("category")
    judgement = judge(
        case,
        table(),
        context.overrides,
        context.directory,
        context.today,
        case.opened_at or context.now,
    )
    row = judgement.row
    proposal = judgement.proposal
    override = judgement.override
    settled = row is not None or case.triaged_by_person
    return case.replace(
        state=states.TRIAGED if settled else states.ANNOUNCED,
        rule=row,
        category=category,
        policy=context.policy_now(case.replace(category=category)).version,
        destination=proposal.organisation,
        destination_source=proposal.source,
        area=proposal.area,
        chosen_by_person=False,
        override=override.id if override else None,
    )


def triage_again(case: Case, context: DecisionContext) -> Case:
    """Entering ``triaged`` again: the letter of the former attempt no longer counts for
    anything.
    """
    return choose_destination(
        case.replace(triaged_by_person=True, receiver=None, branch=None, counted_from=None), context
    )


def triage(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin branch says what kind of move it is; row and destination follow from the facts."""
    wanted = arguments.report("from_report")
    report = reports.named(context.reports, wanted) if wanted else None
    reported = dict(report.facts) if report else {}
    category = arguments.one_of(
        "category", tuple(states.CATEGORIES), required="category" not in reported
    )
    circumstances = {
        fact: value
        for fact, value in arguments.mapping("circumstances").items()
        if value is not None
    }
    stated = {**reported, **circumstances, "category": category or reported.get("category")}
    arguments.taken_over = report
    arguments.statement = Statement(
        None, f"urn:guidui:organisation:{arguments.actor}", "triage", context.now, "triage", stated
    )
    return choose_destination(
        case.replace(facts={**case.facts, **stated}, triaged_by_person=True, counted_from=None),
        context,
    )


def confirm_destination(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin settles where the member goes, after the member has been told."""
    if arguments.flag("member_informed") is not True:
        raise refuse(
            422,
            "member-not-informed",
            "请先告知本人去向，再填 member_informed: true。",
            "Tell the member first, then give member_informed: true.",
            field="member_informed",
        )
    after = with_destination(case, arguments, context, "stated", required=not case.destination)
    refuse_ended_destination(after, context)
    return after.replace(state=states.DESTINATION_CONFIRMED)


def redirect(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin sends a returned member to another organisation; the letter is void."""
    after = with_destination(case, arguments, context, "stated", required=True)
    return after.replace(
        state=states.DESTINATION_CONFIRMED, letter_status=voided(case), receiver=None
    )


def reroute(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee voids the letter and confirms another destination in one act."""
    arguments.reason = arguments.text("reason")
    named = arguments.organisation("organisation", context, required=False)
    code = named or deadlines.seen_elsewhere(case)
    if code is None:
        raise refuse(
            422,
            "where-to",
            "没有别处报告过本人，请填新的去向 organisation。",
            "Nobody elsewhere has reported the member; give the new organisation.",
            field="organisation",
        )
    organisation = context.directory.get(code)
    return case.replace(
        state=states.DESTINATION_CONFIRMED,
        destination=code,
        destination_source="stated" if named else "claim",
        area=organisation.area if organisation else None,
        letter_status=voided(case),
        receiver=None,
        chosen_by_person=True,
    )


def reopen(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin takes up a stay, a floating registration or a cancelled move again."""
    arguments.reason = arguments.text("reason")
    return triage_again(case, context)


def give_ruling(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The department above both ends decides where the member goes, or that the member stays."""
    if case.state == states.TRIAGED and case.rule != "B35":
        raise refuse(
            409,
            "no-doubt-to-rule-on",
            "这件转移已按规则定出去向，不需要裁定。",
            "A row of the decision table applies; there is nothing to rule on.",
            state=case.state,
        )
    choices = (
        ("redirect", "stay") if case.state == states.TRIAGED else ("accept", "redirect", "stay")
    )
    decision = arguments.one_of("decision", choices)
    keep_meeting_day(case, arguments, context)
    arguments.reason = decision
    if decision == "accept":
        return with_destination(case, arguments, context, "ruling", required=False).replace(
            state=states.ARRIVED
        )
    if decision == "stay":
        return case.replace(
            state=states.STAY_APPROVED,
            review_on=arguments.day("review_on", after=context.today),
            letter_status=voided(case),
            receiver=None,
        )
    after = with_destination(case, arguments, context, "ruling", required=True)
    return after.replace(
        state=states.DESTINATION_CONFIRMED,
        destination_source="ruling",
        letter_status=voided(case),
        receiver=None,
    )


def with_destination(
    case: Case, arguments: Arguments, context: DecisionContext, source: str, required: bool
) -> Case:
    """The case with the destination given in ``organisation``, if one is given."""
    code = arguments.organisation("organisation", context, required=required)
    if code is None or code == case.destination:
        return case
    organisation = context.directory.get(code)
    area = case.facts.get("to.area") or (organisation.area if organisation else None)
    return case.replace(
        destination=code, destination_source=source, area=area, chosen_by_person=True, override=None
    )


def refuse_ended_destination(case: Case, context: DecisionContext) -> None:
    """Nobody is sent to, or taken into, an organisation that has ended and has no successor."""
    destination = context.directory.get(case.destination)
    if destination is not None and destination.ended(context.today):
        raise refuse(
            409,
            "destination-ended",
            f"{destination.name}已于 {destination.effective_to} 撤销，没有接续组织；请另填去向组织"
            "（organisation），已到达的请先转交（forward）。",
            f"{destination.name} ended on {destination.effective_to} and has no successor; "
            "give another organisation, or forward a member who has arrived.",
            field="organisation",
        )


def voided(case: Case) -> str | None:
    return "void" if case.letter_number else None


def keep_meeting_day(case: Case, arguments: Arguments, context: DecisionContext) -> None:
    """The day of the meeting: past, and for a ruling or a suspended member not before what it
    decides upon.
    """
    since = None
    if case.state == states.ESCALATED and case.entered_at:
        since = day_of(case.entered_at)
    elif case.state == states.SUSPENDED:
        since = case.suspended_on
    arguments.day("meeting_on", since=since, until=context.today)
