"""The commands of a case, pure: ``decide(case, command, actor, args, world)`` gives the move or
refuses with a sentence.

Field names, legal states and rights are interface.md §6; each function says only what its command
changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from schemas.days import dues_month_last
from services.cases.commands import reports, rights
from services.cases.commands.arguments import NOTHING, Arguments, Named, refuse
from services.cases.deadlines import tasks as deadlines
from services.cases.deadlines.calendar import add_months, day_of
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext, Move, Statement, Step
from services.cases.routing.decision_table import table
from services.cases.routing.overrides import judge
from services.kit.errors import Refused

Effect = Callable[[Case, Arguments, DecisionContext], Case]


@dataclass(frozen=True)
class Command:
    """What a command changes of a case, and the rule that it follows, in one sentence."""

    effect: Effect
    rule: str


def decide(
    case: Case,
    command: str,
    actor: str,
    args: Mapping[str, Any],
    context: DecisionContext,
    named: Named = NOTHING,
) -> Move:
    """The move that ``command`` makes, given by organisation ``actor``; raises Refused where it may
    not.

    ``named``: what its arguments name, as the caller sees it. 409 the state does not allow it, 403
    the actor may not, 422 a field is missing or impossible.
    """
    if command not in states.COMMANDS:
        raise refuse(
            422,
            "unknown-command",
            f"没有「{command}」这个办理动作。",
            f"There is no command {command!r}.",
            commands=sorted(states.COMMANDS),
        )
    if (case.state, command) not in states.TRANSITIONS:
        raise _illegal(case, command, actor, context)
    if not rights.may(case, command, actor, context):
        raise _not_yours(case, command, actor, context)
    arguments = Arguments(args, actor, command, named)
    after = COMMANDS[command].effect(case, arguments, context)
    return finish(case, after, command, actor, arguments, context)


def finish(
    case: Case,
    after: Case,
    command: str,
    actor: str | None,
    arguments: Arguments,
    context: DecisionContext,
) -> Move:
    """The move from ``case`` to ``after``: entry dates, waiting and owner settled, one history
    row.
    """
    after = entered(case, after, context)
    after = deadlines.settle(
        after.replace(touched_at=context.now, policy=context.policy_now(after).version), context
    )
    on_paper = tuple(
        Step(act, case.state, case.state, actor, "on_paper", detail)
        for act, detail in arguments.extra_steps
    )
    step = Step(command, case.state, after.state, actor, arguments.reason, arguments.detail())
    return Move(
        after,
        (*on_paper, step),
        arguments.statement,
        tuple(arguments.affects),
        arguments.taken_over,
    )


def entered(case: Case, after: Case, context: DecisionContext) -> Case:
    """``after`` with its entry time, if it is in another state than ``case`` (or counts anew)."""
    if after.state != case.state or after.counted_from is None:
        return after.replace(entered_at=context.now, counted_from=context.today)
    return after


def _illegal(case: Case, command: str, actor: str, context: DecisionContext) -> Refused:
    state = states.STATES[case.state]
    now, zh, en = _what_now(case, actor, context)
    return refuse(
        409,
        "illegal-move",
        f"这件转移现在是「{state[0]}」，不能「{states.COMMANDS[command][0]}」。{zh}",
        f"This transfer is '{state[1]}' now; one cannot {states.COMMANDS[command][1]}. {en}",
        state=case.state,
        allowed=now,
    )


def _not_yours(case: Case, command: str, actor: str, context: DecisionContext) -> Refused:
    state = states.STATES[case.state]
    now, zh, en = _what_now(case, actor, context)
    return refuse(
        403,
        "not-yours",
        f"这件转移现在是「{state[0]}」，「{states.COMMANDS[command][0]}」不由本组织办理。{zh}",
        f"This transfer is '{state[1]}' now; it is not for this organisation to "
        f"{states.COMMANDS[command][1]}. {en}",
        allowed=now,
    )


def _what_now(case: Case, actor: str, context: DecisionContext) -> tuple[list[str], str, str]:
    """What ``actor`` may do now: the commands, and a sentence in each language."""
    now = sorted(rights.allowed(case, actor, context))
    verbs_zh = "、".join(states.COMMANDS[c][0] for c in now) or "无"
    verbs_en = ", ".join(states.COMMANDS[c][1] for c in now) or "nothing"
    return (
        now,
        f"本组织现在可以办理：{verbs_zh}。",
        f"What this organisation may do now: {verbs_en}.",
    )


def choose(case: Case, context: DecisionContext) -> Case:
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


def _retriage(case: Case, context: DecisionContext) -> Case:
    """Entering ``triaged`` again: the letter of the former attempt no longer counts for
    anything.
    """
    return choose(
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
    return choose(
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
    after = _to(case, arguments, context, "stated", required=not case.destination)
    _still_there(after, context)
    return after.replace(state=states.DESTINATION_CONFIRMED)


def _still_there(case: Case, context: DecisionContext) -> None:
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


def _to(
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


def reopen(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin takes up a stay, a floating registration or a cancelled move again."""
    arguments.reason = arguments.text("reason")
    return _retriage(case, context)


def submit(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin branch hands the move to its committee and names the month dues are paid to."""
    arguments.month("dues_paid_to", until=dues_month_last(context.now))
    return case.replace(state=states.OUT_APPROVAL)


def send_back(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee gives the case back to the branch, with a reason; it is triaged anew."""
    arguments.reason = arguments.text("reason")
    return _retriage(case, context)


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


def _letter(case: Case, arguments: Arguments, context: DecisionContext, **changes: Any) -> Case:
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


def issue_letter(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee, or its superior with authority, writes a 介绍信."""
    return _letter(case, arguments, context, receiver=None)


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
    return _letter(case, arguments, context, receiver=None)


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


def record_arrival(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The destination, or who stands in the letter's header, records that the member has come."""
    arguments.letter("letter_number", case.letter_number)
    return case.replace(state=states.ARRIVED, receiver=arguments.actor)


def forward(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Who holds the arrival passes the member on to the organisation that is meant."""
    after = _to(case, arguments, context, "stated", required=True)
    return after.replace(receiver=arguments.organisation("organisation", context))


def accept(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The receiving committee takes the member in: from here on the member belongs there."""
    _still_there(case, context)
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


def redirect(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin sends a returned member to another organisation; the letter is void."""
    after = _to(case, arguments, context, "stated", required=True)
    return after.replace(
        state=states.DESTINATION_CONFIRMED, letter_status=_voided(case), receiver=None
    )


def _voided(case: Case) -> str | None:
    return "void" if case.letter_number else None


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
    _met_on(case, arguments, context)
    arguments.reason = decision
    if decision == "accept":
        return _to(case, arguments, context, "ruling", required=False).replace(state=states.ARRIVED)
    if decision == "stay":
        return case.replace(
            state=states.STAY_APPROVED,
            review_on=arguments.day("review_on", after=context.today),
            letter_status=_voided(case),
            receiver=None,
        )
    after = _to(case, arguments, context, "ruling", required=True)
    return after.replace(
        state=states.DESTINATION_CONFIRMED,
        destination_source="ruling",
        letter_status=_voided(case),
        receiver=None,
    )


def place(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The receiving side puts the member into one of its branches."""
    branch = arguments.branch("branch", case.receiving_committee, context)
    state = states.RECEIPT_SENT if case.receipt_sent_on else states.PLACED
    return case.replace(state=state, branch=branch, placed_at=context.now)


def record_talk(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The branch records the day of its first talk with the new member."""
    return case.replace(talked_on=arguments.day("on", since=case.accepted_on, until=context.today))


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


def report_lost(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin reports the letter lost; its number is void."""
    arguments.reason = arguments.text("reason")
    return case.replace(state=states.LETTER_VOID, letter_status="void")


def mark_unreachable(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin branch says that nobody can reach the member, and how it tried."""
    arguments.texts("attempts", least=context.policy_now(case).unreachable_attempts)
    return case.replace(state=states.UNREACHABLE, interrupted=case.state)


def find_member(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin branch has reached the member; the case goes on where it was interrupted."""
    arguments.text("how")
    if case.state == states.LOST_CONTACT:
        return _retriage(case, context)
    back = case.interrupted or states.TRIAGED
    expired = case.letter_expires_on is not None and context.today > case.letter_expires_on
    if back == states.IN_TRANSIT and expired:
        return case.replace(state=states.LETTER_EXPIRED, letter_status="expired", interrupted=None)
    if back == states.TRIAGED:
        return _retriage(case, context).replace(interrupted=None)
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


def _decision(case: Case, arguments: Arguments, context: DecisionContext) -> None:
    """No standing changes without a named human decision, its meeting and its approver (rules.md
    §C.4 no. 7).
    """
    arguments.text("decided_by")
    _met_on(case, arguments, context)
    arguments.text("approved_by")


def _met_on(case: Case, arguments: Arguments, context: DecisionContext) -> None:
    """The day of the meeting: past, and for a ruling or a suspended member not before what it
    decides upon.
    """
    since = None
    if case.state == states.ESCALATED and case.entered_at:
        since = day_of(case.entered_at)
    elif case.state == states.SUSPENDED:
        since = case.suspended_on
    arguments.day("meeting_on", since=since, until=context.today)


def suspend(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee records the decision to suspend membership (停止党籍)."""
    _decision(case, arguments, context)
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
    _decision(case, arguments, context)
    return case.replace(state=states.RESTORED)


def strike_off(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee records the decision to strike the member off (除名)."""
    _decision(case, arguments, context)
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


def merge(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Whoever answers for the member in both cases makes them one."""
    into = arguments.case("into")
    if into.id == case.id:
        raise refuse(
            422,
            "merge-into-itself",
            "不能并入本件自身。",
            "A case cannot be merged into itself.",
            field="into",
        )
    _may_be_joined(case, into, arguments.actor, context)
    arguments.affects.append(("merge", into.id))
    return case.replace(state=states.MERGED, merged_into=into.id)


def _may_be_joined(case: Case, into: Case, actor: str, context: DecisionContext) -> None:
    """Two cases are made one by whoever answers for the member in both, and only once it is sure
    that it is one member.
    """
    if (into.state, "merge") not in states.TRANSITIONS:
        raise refuse(
            422,
            "merge-into-what",
            "要并入的那一件已经办结或是整批，请核对 into。",
            "The case to merge into has ended or is a batch; check into.",
            field="into",
        )
    if not rights.may_join(into, actor, context):
        raise refuse(
            422,
            "merge-not-yours",
            "要并入的那一件不由本组织转出，也没有接收到本组织，不能由本组织并案。",
            "The case to merge into neither leaves nor has been accepted by this organisation, "
            "which may not "
            "merge into it.",
            field="into",
        )
    if (case.member is None) != (into.member is None):
        raise refuse(
            409,
            "identify-first",
            "其中一件还没有核定是哪名党员。请先核定本人：名册里有了此人，或在审核台认定，"
            "系统会自动并入，不必另行并案。",
            "One of the two is not known to be any member's yet. Identify the person first: once "
            "the register has "
            "them, or the review desk says who it is, the cases are joined by themselves.",
            field="into",
        )
    if case.member != into.member:
        raise refuse(
            422,
            "merge-other-member",
            "两件不是同一名党员，不能并案。",
            "The two cases are not of the same member.",
            field="into",
        )


def cancel(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin committee calls the move off before anybody accepts; the letter is void."""
    arguments.reason = arguments.text("reason")
    return case.replace(state=states.CANCELLED, letter_status=_voided(case))


def close(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """The origin ends the case without a move, for one of the listed reasons."""
    arguments.reason = arguments.one_of("reason", states.CLOSE_REASONS)
    return case.replace(state=states.CLOSED)


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
        letter_status=_voided(case),
        receiver=None,
        chosen_by_person=True,
    )


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


def ask(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Either end asks another organisation; it has until a day to answer."""
    to = arguments.organisation("organisation", context)
    arguments.text("text")
    yesterday = context.today - timedelta(days=1)
    due = arguments.day("due_on", after=yesterday, required=False)
    if due is None:
        workdays = context.policy_now(case).ask_wd
        due = context.calendar.add_workdays(context.today, workdays)
    asked = {
        "to": to,
        "by": arguments.actor,
        "at": context.now.isoformat(),
        "due_on": due.isoformat(),
        "answered_on": None,
    }
    return case.replace(asks=[*case.asks, asked])


def answer(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Who was asked answers the first question that is open to it."""
    arguments.text("text")
    asks = list(case.asks)
    for place, question in enumerate(asks):
        if rights.may_answer(question, arguments.actor, context):
            asks[place] = {**question, "answered_on": context.today.isoformat()}
            break
    return case.replace(asks=asks)


def note(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Whoever has a part writes a remark, or why the member has not moved."""
    text = arguments.get("text")
    obstacle = arguments.one_of("obstacle", states.OBSTACLES, required=False)
    if not text and not obstacle:
        raise refuse(
            422,
            "nothing-noted",
            "请填备注 text 或未转原因 obstacle。",
            "Give a text or an obstacle.",
        )
    arguments.reason = obstacle or None
    return case.replace(obstacle=obstacle or case.obstacle)


def give_to_all(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Whoever answers for a batch gives one command to all its members, from a day on."""
    arguments.reason = arguments.one_of("order", states.TO_ALL)
    arguments.mapping("with")
    start = arguments.day("start_on", since=context.today, required=False)
    return case.replace(start_on=start)


def pause(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Whoever answers for a batch stops what runs for all its members."""
    return case.replace(paused=True)


def resume(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Whoever answers for a batch lets it run on."""
    return case.replace(paused=False)


COMMANDS: Mapping[str, Command] = {
    "triage": Command(
        triage,
        "Whoever leaves a unit or a home for good must move, and the category decides "
        "where to (条例 art. 25; rules.md §2.1 T2, §3).",
    ),
    "confirm_destination": Command(
        confirm_destination,
        "A letter goes only to a destination that the directory knows and the member has "
        "heard of (rules.md T22, §C.1 C2).",
    ),
    "approve_stay": Command(
        approve_stay,
        "A stay is legitimate only with a reason and a review date (rules.md §3, §C.1 C3).",
    ),
    "register_floating": Command(
        register_floating,
        "Where place or time is uncertain the member travels with a 活动证 and stays "
        "with the origin (rules.md §2.3, B3).",
    ),
    "acknowledge": Command(
        acknowledge,
        "The host takes a floating member into its organisational life and names a "
        "contact (rules.md §2.3, §C.1 C4).",
    ),
    "reopen": Command(
        reopen,
        "A stay or a floating registration ends where the place becomes fixed or the "
        "review is due (rules.md §C.1 C3, C4, C17, C15r).",
    ),
    "submit": Command(
        submit,
        "Dues are paid up to the month of the transfer (rules.md T11).",
    ),
    "send_back": Command(
        send_back,
        "A committee that does not approve returns the case to the branch (rules.md §C.1 C5).",
    ),
    "issue_letter": Command(
        issue_letter,
        "A committee with authority transfers directly nationwide, by a letter valid "
        "for at most 3 months (条例 art. 25; rules.md T3, T9).",
    ),
    "hand_over": Command(
        hand_over,
        "The member carries the letter in person (rules.md T8, §C.1 C7).",
    ),
    "add_channel": Command(
        add_channel,
        "A destination outside the exchange of the national system needs the letter on "
        "paper as well (rules.md §2.2 step 6).",
    ),
    "record_arrival": Command(
        record_arrival,
        "Who sees the member first may be the header organisation or a county department "
        "(rules.md §C.1 C8).",
    ),
    "forward": Command(
        forward,
        "A county department routes a letter to the organisation that receives (rules.md "
        "§2.2 step 6, §C.1 C8).",
    ),
    "accept": Command(
        accept,
        "Only acceptance moves the member, and after expiry only by a recorded "
        "decision (条例 art. 25; rules.md §C.4 no. 1, 6).",
    ),
    "return_for_cure": Command(
        return_for_cure,
        "A receiver tells all curable defects once (rules.md §C.1 C10).",
    ),
    "refuse": Command(
        refuse_arrival,
        "No organisation refuses without cause; an unlisted reason or a second refusal "
        "escalates (条例 art. 25; rules.md T5, C10e).",
    ),
    "cure": Command(
        cure,
        "What has been cured is before the receiver again, as an arrival (rules.md §C.1 C10).",
    ),
    "redirect": Command(
        redirect,
        "A refusal gives the case back to the origin, which looks for another "
        "destination (rules.md §C.1 C10, §C.4 no. 2, 3).",
    ),
    "rule": Command(
        give_ruling,
        "The lowest common superior decides where the ends disagree, the county "
        "department where doubt remains (rules.md C10e, B35).",
    ),
    "place": Command(
        place,
        "Every member is placed in a branch, group or other specific organisation (条例 "
        "art. 25; rules.md T1).",
    ),
    "record_talk": Command(
        record_talk,
        "The branch talks with a member within 7 days of placement (rules.md §C.2 t8).",
    ),
    "send_receipt": Command(
        send_receipt,
        "The receiving committee returns the receipt within one month of acceptance "
        "(rules.md T13, §C.2 t9).",
    ),
    "record_receipt": Command(
        record_receipt,
        "The receipt is pasted on the counterfoil, and with it the origin closes its "
        "record (rules.md T13, §C.1 C14).",
    ),
    "report_lost": Command(
        report_lost,
        "A lost letter is reported at once and its number made void (rules.md T19, §C.4 no. 3).",
    ),
    "reissue": Command(
        reissue,
        "Within 6 months of the transfer-out the issuer writes again, later only "
        "with the county's approval (组通字〔2015〕33号; rules.md T17, t11).",
    ),
    "mark_unreachable": Command(
        mark_unreachable,
        "A member counts as unreachable only after recorded attempts; the state "
        "interrupted is remembered (rules.md §C.1 C13).",
    ),
    "found": Command(
        find_member,
        "A member who is found resumes the state that was interrupted (rules.md §C.1 C13, C15).",
    ),
    "mark_lost": Command(
        mark_lost,
        "失联 counts from 6 months after the last organisational life or dues (条例 art. "
        "24; rules.md §C.2 t13).",
    ),
    "suspend": Command(
        suspend,
        "A branch meeting decides on suspension and a superior approves; no clock does "
        "(条例 art. 24; rules.md §C.4 no. 7).",
    ),
    "restore": Command(
        restore,
        "A member found again applies, is examined and is restored with approval from "
        "above (rules.md §C.1 C15r).",
    ),
    "strike_off": Command(
        strike_off,
        "A member still not found 2 years after suspension is struck off, by decision "
        "(条例 art. 24; rules.md §C.2 t16).",
    ),
    "merge": Command(
        merge,
        "A member has one open move; a duplicate points to the case that survives "
        "(rules.md §C.1 C16, §C.4 no. 4).",
    ),
    "cancel": Command(
        cancel,
        "Until acceptance the origin may revoke, and the member stays where they were "
        "(rules.md §C.1 C17).",
    ),
    "close": Command(
        close,
        "A case ends without a move for a stay, a death, leaving the party or a "
        "withdrawn event (rules.md §C.1 C18).",
    ),
    "reroute": Command(
        reroute,
        "A job changed before the letter landed: void it and route anew, the member "
        "waits for nothing (rules.md B21).",
    ),
    "record_paper_receipt": Command(
        record_paper_receipt,
        "Where the target is not connected, the origin closes its record after the paper "
        "receipt (rules.md §2.2 step 6).",
    ),
    "ask": Command(
        ask,
        "The origin contacts the destination regularly, and the destination feeds back "
        "(rules.md T20).",
    ),
    "answer": Command(
        answer,
        "The destination verifies and feeds back (rules.md T20).",
    ),
    "note": Command(
        note,
        "Why a member does not move is kept as a code of the six groups (rules.md §1.1).",
    ),
    "pause": Command(
        pause,
        "A batch runs as its sending committee says, each member a full case (rules.md §C.1 CB).",
    ),
    "resume": Command(
        resume,
        "A batch runs as its sending committee says, each member a full case (rules.md §C.1 CB).",
    ),
    "give_to_all": Command(
        give_to_all,
        "One letter with a roster moves a whole organisation, yet success is visible per "
        "member (rules.md T7, §C.4 no. 8).",
    ),
}
"""What people may do to a case: the function that says what changes, and the rule behind it."""


def fall_back(case: Case, context: DecisionContext) -> Move:
    """The clock's, where policy says so: a letter that stalls on its one channel goes by the other
    too.
    """
    after = deadlines.settle(case.replace(letter_channel="both"), context)
    return Move(after, (Step("fall_back", case.state, after.state, None),))


def expire(case: Case, context: DecisionContext) -> Move:
    """The clock's: a letter that is still out has run out."""
    after = case.replace(state=states.LETTER_EXPIRED, letter_status="expired")
    after = deadlines.settle(entered(case, after, context), context)
    return Move(after, (Step("expire", case.state, after.state, None),))


def last_sign(life: date | None, dues: date | None, accepted: date | None) -> date | None:
    """The last sign of organisational life: life or dues, else the day of the last acceptance
    (interface.md §7.4).
    """
    signs = [day for day in (life, dues) if day]
    return max(signs, default=accepted)
