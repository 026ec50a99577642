"""The commands of a case, pure: ``decide(case, command, actor, args, world)`` gives the move or
refuses with a sentence.

Field names, legal states and rights are interface.md §6; each function says only what its command
changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from schemas.days import dues_month_last
from services.cases import deadlines, reports, rights
from services.cases import states as s
from services.cases.arguments import NOTHING, Arguments, Named, refuse
from services.cases.calendar import add_months, day_of
from services.cases.model import Case, DecisionContext, Move, Statement, Step
from services.cases.overrides import judge
from services.cases.routing import table
from services.kit.errors import Refused

Command = Callable[[Case, Arguments, DecisionContext], Case]
_COMMANDS: dict[str, Command] = {}


def _command(function: Command) -> Command:
    _COMMANDS[function.__name__.rstrip("_")] = function
    return function


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
    if command not in s.COMMANDS:
        raise refuse(
            422,
            "unknown-command",
            f"没有「{command}」这个办理动作。",
            f"There is no command {command!r}.",
            commands=sorted(s.COMMANDS),
        )
    if (case.state, command) not in s.TRANSITIONS:
        raise _illegal(case, command, actor, context)
    if not rights.may(case, command, actor, context):
        raise _not_yours(case, command, actor, context)
    given = Arguments(args, actor, command, named)
    after = _COMMANDS[command](case, given, context)
    return finish(case, after, command, actor, given, context)


def finish(
    case: Case,
    after: Case,
    command: str,
    actor: str | None,
    given: Arguments,
    context: DecisionContext,
) -> Move:
    """The move from ``case`` to ``after``: entry dates, waiting and owner settled, one history
    row.
    """
    after = entered(case, after, context)
    after = deadlines.settle(
        after.replace(touched_at=context.now, policy=context.policy_now(after).version), context
    )
    extra = tuple(
        Step(c, case.state, case.state, actor, "on_paper", d) for c, d in given.extra_steps
    )
    step = Step(command, case.state, after.state, actor, given.reason, given.detail())
    return Move(after, (*extra, step), given.statement, tuple(given.affects), given.taken_over)


def entered(case: Case, after: Case, context: DecisionContext) -> Case:
    """``after`` with its entry time, if it is in another state than ``case`` (or counts anew)."""
    if after.state != case.state or after.counted_from is None:
        return after.replace(entered_at=context.now, counted_from=context.today)
    return after


def _illegal(case: Case, command: str, actor: str, context: DecisionContext) -> Refused:
    state, (now, zh, en) = s.STATES[case.state], _what_now(case, actor, context)
    return refuse(
        409,
        "illegal-move",
        f"这件转移现在是「{state[0]}」，不能「{s.COMMANDS[command][0]}」。{zh}",
        f"This transfer is '{state[1]}' now; one cannot {s.COMMANDS[command][1]}. {en}",
        state=case.state,
        allowed=now,
    )


def _not_yours(case: Case, command: str, actor: str, context: DecisionContext) -> Refused:
    state, (now, zh, en) = s.STATES[case.state], _what_now(case, actor, context)
    return refuse(
        403,
        "not-yours",
        f"这件转移现在是「{state[0]}」，「{s.COMMANDS[command][0]}」不由本组织办理。{zh}",
        f"This transfer is '{state[1]}' now; it is not for this organisation to "
        f"{s.COMMANDS[command][1]}. {en}",
        allowed=now,
    )


def _what_now(case: Case, actor: str, context: DecisionContext) -> tuple[list[str], str, str]:
    """What ``actor`` may do now: the commands, and a sentence in each language."""
    now = sorted(rights.allowed(case, actor, context))
    verbs_zh = "、".join(s.COMMANDS[c][0] for c in now) or "无"
    verbs_en = ", ".join(s.COMMANDS[c][1] for c in now) or "nothing"
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
    found = judge(
        case,
        table(),
        context.overrides,
        context.directory,
        context.today,
        case.opened_at or context.now,
    )
    row, proposal = found.row, found.proposal
    state = s.TRIAGED if row or case.triaged_by_person else s.ANNOUNCED
    return case.replace(
        state=state,
        rule=row,
        category=category,
        policy=context.policy_now(case.replace(category=category)).version,
        destination=proposal.organisation,
        destination_source=proposal.source,
        area=proposal.area,
        chosen_by_person=False,
        override=found.override.id if found.override else None,
    )


def _retriage(case: Case, context: DecisionContext) -> Case:
    """Entering ``triaged`` again: the letter of the former attempt no longer counts for
    anything.
    """
    return choose(
        case.replace(triaged_by_person=True, receiver=None, branch=None, counted_from=None), context
    )


@_command
def triage(case: Case, given: Arguments, context: DecisionContext) -> Case:
    wanted = given.report("from_report")
    report = reports.named(context.reports, wanted) if wanted else None
    reported = dict(report.facts) if report else {}
    category = given.one_of("category", tuple(s.CATEGORIES), required="category" not in reported)
    circumstances = {k: v for k, v in given.mapping("circumstances").items() if v is not None}
    stated = {**reported, **circumstances, "category": category or reported.get("category")}
    given.taken_over = report
    given.statement = Statement(
        None, f"urn:guidui:organisation:{given.actor}", "triage", context.now, "triage", stated
    )
    return choose(
        case.replace(facts={**case.facts, **stated}, triaged_by_person=True, counted_from=None),
        context,
    )


@_command
def confirm_destination(case: Case, given: Arguments, context: DecisionContext) -> Case:
    if given.flag("member_informed") is not True:
        raise refuse(
            422,
            "member-not-informed",
            "请先告知本人去向，再填 member_informed: true。",
            "Tell the member first, then give member_informed: true.",
            field="member_informed",
        )
    after = _to(case, given, context, "stated", required=not case.destination)
    _still_there(after, context)
    return after.replace(state=s.DESTINATION_CONFIRMED)


def _still_there(case: Case, context: DecisionContext) -> None:
    """Nobody is sent to, or taken into, an organisation that has ended and has no successor."""
    one = context.directory.get(case.destination)
    if one is not None and one.ended(context.today):
        raise refuse(
            409,
            "destination-ended",
            f"{one.name}已于 {one.effective_to} 撤销，没有接续组织；请另填去向组织"
            "（organisation），已到达的请先转交（forward）。",
            f"{one.name} ended on {one.effective_to} and has no successor; give another "
            f"organisation, or forward "
            "a member who has arrived.",
            field="organisation",
        )


def _to(
    case: Case, given: Arguments, context: DecisionContext, source: str, required: bool
) -> Case:
    """The case with the destination given in ``organisation``, if one is given."""
    code = given.organisation("organisation", context, required=required)
    if code is None or code == case.destination:
        return case
    organisation = context.directory.get(code)
    area = case.facts.get("to.area") or (organisation.area if organisation else None)
    return case.replace(
        destination=code, destination_source=source, area=area, chosen_by_person=True, override=None
    )


@_command
def approve_stay(case: Case, given: Arguments, context: DecisionContext) -> Case:
    reason = given.reason = given.text("reason")
    listed = context.policy_now(case).stay_reasons
    if listed and reason not in listed:
        raise refuse(
            422,
            "stay-reason-unlisted",
            f"reason 应当是规定的暂留理由之一：{'、'.join(listed)}。",
            f"reason must be one of the prescribed reasons for a stay: {', '.join(listed)}.",
            field="reason",
        )
    review = given.day("review_on", after=context.today)
    return case.replace(
        state=s.STAY_APPROVED,
        review_on=review,
        contact_interval=given.number("contact_interval", 1, 60, required=False),
        contacted_on=None,
    )


@_command
def register_floating(case: Case, given: Arguments, context: DecisionContext) -> Case:
    written, host = given.host("host", context)
    return case.replace(
        state=s.FLOATING_REGISTERED,
        permit_no=given.text("permit_no"),
        contacted_on=None,
        acknowledged_on=None,
        host=host,
        **given.keep("host", written, "host_contact", given.text("host_contact")),
    )


@_command
def acknowledge(case: Case, given: Arguments, context: DecisionContext) -> Case:
    if case.acknowledged_on:
        raise refuse(
            409,
            "acknowledged-already",
            f"活动证已于 {case.acknowledged_on.isoformat()} 确认。",
            f"The permit was acknowledged on {case.acknowledged_on.isoformat()}.",
            state=case.state,
        )
    given.text("contact")
    return case.replace(acknowledged_on=context.today)


@_command
def reopen(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.reason = given.text("reason")
    return _retriage(case, context)


@_command
def submit(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.month("dues_paid_to", until=dues_month_last(context.now))
    return case.replace(state=s.OUT_APPROVAL)


@_command
def send_back(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.reason = given.text("reason")
    return _retriage(case, context)


def _letter(case: Case, given: Arguments, context: DecisionContext, **changes: Any) -> Case:
    """The case with a new letter of today."""
    channel, policy = given.one_of("channel", ("system", "paper", "both")), context.policy_now(case)
    days = given.number("validity_days", 1, policy.validity_days_max, required=False)
    ends = [context.directory.get(code) for code in (case.origin, case.destination) if code]
    if days is None:
        areas = [(one.area or "") if one else "" for one in ends]
        days = policy.validity(areas[0], areas[1]) if len(areas) == 2 else policy.validity_days_max
    issuing = deadlines.issuer(case, context) or given.actor
    number = f"{issuing}-{context.today.year}-{case.id[:8]}-{case.letters + 1}"
    return case.replace(
        state=s.LETTER_ISSUED,
        letter_number=number,
        letter_issued_on=context.today,
        letter_expires_on=context.today + timedelta(days=days),
        letter_channel=channel,
        letter_status="valid",
        letters=case.letters + 1,
        first_issued_on=case.first_issued_on or context.today,
        **changes,
    )


@_command
def issue_letter(case: Case, given: Arguments, context: DecisionContext) -> Case:
    return _letter(case, given, context, receiver=None)


@_command
def reissue(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.reason = given.text("reason")
    until = deadlines.reissue_until(case, context)
    if until and context.today > until:
        department = context.directory.department_above(case.origin_committee)
        if not given.department("approval", department.code if department else None):
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
    return _letter(case, given, context, receiver=None)


@_command
def hand_over(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.one_of("handed_to", ("member",))
    return case.replace(state=s.IN_TRANSIT)


@_command
def add_channel(case: Case, given: Arguments, context: DecisionContext) -> Case:
    if case.letter_channel == "both":
        raise refuse(
            409,
            "both-channels-already",
            "这封介绍信已经系统内和纸质都走，不必再加。",
            "This letter goes by system and paper already.",
            state=case.state,
        )
    given.reason = given.get("reason")
    return case.replace(letter_channel="both")


@_command
def record_arrival(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.letter("letter_number", case.letter_number)
    return case.replace(state=s.ARRIVED, receiver=given.actor)


@_command
def forward(case: Case, given: Arguments, context: DecisionContext) -> Case:
    after = _to(case, given, context, "stated", required=True)
    return after.replace(receiver=given.organisation("organisation", context))


@_command
def accept(case: Case, given: Arguments, context: DecisionContext) -> Case:
    _still_there(case, context)
    expired_on = case.letter_expires_on
    late = expired_on is not None and context.today > expired_on
    if late and not given.get("late_decision"):
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
        given.flag("archive_checked") is not True
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
        state=s.ACCEPTED,
        accepted_on=context.today,
        late=case.late or late,
        letter_status="used",
        receipt_due_on=add_months(context.today, context.policy_now(case).receipt_months),
    )


@_command
def return_for_cure(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.texts("defects", least=1)
    return case.replace(state=s.RETURNED, returned_for="cure", bounced=True)


@_command
def refuse_(case: Case, given: Arguments, context: DecisionContext) -> Case:
    reason = given.reason = given.text("reason")
    policy = context.policy_now(case)
    listed = reason in policy.refusal_reasons and (
        reason != "archive_defect" or policy.archive_check != "none"
    )
    if reason == "wrong_organisation":
        given.organisation("proposed", context)
    if reason == "not_living_here":
        given.text("evidence")
    refusals = case.refusals + 1
    up = not listed or refusals >= 2
    return case.replace(
        state=s.ESCALATED if up else s.RETURNED,
        refusals=refusals,
        bounced=True,
        returned_for=None if up else "redirect",
    )


@_command
def cure(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.text("evidence")
    return case.replace(state=s.ARRIVED)


@_command
def redirect(case: Case, given: Arguments, context: DecisionContext) -> Case:
    after = _to(case, given, context, "stated", required=True)
    return after.replace(state=s.DESTINATION_CONFIRMED, letter_status=_voided(case), receiver=None)


def _voided(case: Case) -> str | None:
    return "void" if case.letter_number else None


@_command
def rule(case: Case, given: Arguments, context: DecisionContext) -> Case:
    if case.state == s.TRIAGED and case.rule != "B35":
        raise refuse(
            409,
            "no-doubt-to-rule-on",
            "这件转移已按规则定出去向，不需要裁定。",
            "A row of the decision table applies; there is nothing to rule on.",
            state=case.state,
        )
    choices = ("redirect", "stay") if case.state == s.TRIAGED else ("accept", "redirect", "stay")
    decision = given.one_of("decision", choices)
    _met_on(case, given, context)
    given.reason = decision
    if decision == "accept":
        return _to(case, given, context, "ruling", required=False).replace(state=s.ARRIVED)
    if decision == "stay":
        return case.replace(
            state=s.STAY_APPROVED,
            review_on=given.day("review_on", after=context.today),
            letter_status=_voided(case),
            receiver=None,
        )
    after = _to(case, given, context, "ruling", required=True)
    return after.replace(
        state=s.DESTINATION_CONFIRMED,
        destination_source="ruling",
        letter_status=_voided(case),
        receiver=None,
    )


@_command
def place(case: Case, given: Arguments, context: DecisionContext) -> Case:
    branch = given.branch("branch", case.receiving_committee, context)
    state = s.RECEIPT_SENT if case.receipt_sent_on else s.PLACED
    return case.replace(state=state, branch=branch, placed_at=context.now)


@_command
def record_talk(case: Case, given: Arguments, context: DecisionContext) -> Case:
    return case.replace(talked_on=given.day("on", since=case.accepted_on, until=context.today))


@_command
def send_receipt(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.text("handler")
    given.text("phone")
    if case.receipt_sent_on:
        raise refuse(
            409,
            "receipt-already-sent",
            f"回执已于 {case.receipt_sent_on.isoformat()} 寄出。",
            f"The receipt was sent on {case.receipt_sent_on.isoformat()}.",
            state=case.state,
        )
    late = case.receipt_due_on is not None and context.today > case.receipt_due_on
    state = s.RECEIPT_SENT if case.state == s.PLACED else s.ACCEPTED
    return case.replace(state=state, receipt_sent_on=context.today, late=case.late or late)


@_command
def record_receipt(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.get("number")
    given.get("handler")
    given.day("on", since=case.accepted_on, until=context.today, required=False)
    return case.replace(state=s.MOVED, receipt_recorded_on=context.today)


@_command
def report_lost(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.reason = given.text("reason")
    return case.replace(state=s.LETTER_VOID, letter_status="void")


@_command
def mark_unreachable(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.texts("attempts", least=context.policy_now(case).unreachable_attempts)
    return case.replace(state=s.UNREACHABLE, interrupted=case.state)


@_command
def found(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.text("how")
    if case.state == s.LOST_CONTACT:
        return _retriage(case, context)
    back = case.interrupted or s.TRIAGED
    expired = case.letter_expires_on is not None and context.today > case.letter_expires_on
    if back == s.IN_TRANSIT and expired:
        return case.replace(state=s.LETTER_EXPIRED, letter_status="expired", interrupted=None)
    if back == s.TRIAGED:
        return _retriage(case, context).replace(interrupted=None)
    return case.replace(state=back, interrupted=None)


@_command
def mark_lost(case: Case, given: Arguments, context: DecisionContext) -> Case:
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
    return case.replace(state=s.LOST_CONTACT)


def _decision(case: Case, given: Arguments, context: DecisionContext) -> None:
    """No standing changes without a named human decision, its meeting and its approver (rules.md
    §C.4 no. 7).
    """
    given.text("decided_by")
    _met_on(case, given, context)
    given.text("approved_by")


def _met_on(case: Case, given: Arguments, context: DecisionContext) -> None:
    """The day of the meeting: past, and for a ruling or a suspended member not before what it
    decides upon.
    """
    since = {
        s.ESCALATED: case.entered_at and day_of(case.entered_at),
        s.SUSPENDED: case.suspended_on,
    }.get(case.state)
    given.day("meeting_on", since=since, until=context.today)


@_command
def suspend(case: Case, given: Arguments, context: DecisionContext) -> Case:
    _decision(case, given, context)
    if case.state == s.STAY_APPROVED and not case.abroad:
        raise refuse(
            409,
            "stay-not-abroad",
            "只有出国（境）暂留的，才可由暂留直接停止党籍。",
            "Only a stay abroad may lead to suspension.",
            state=case.state,
        )
    return case.replace(state=s.SUSPENDED, suspended_on=context.today)


@_command
def restore(case: Case, given: Arguments, context: DecisionContext) -> Case:
    _decision(case, given, context)
    return case.replace(state=s.RESTORED)


@_command
def strike_off(case: Case, given: Arguments, context: DecisionContext) -> Case:
    _decision(case, given, context)
    first = deadlines.strike_off_from(case, context)
    if first and context.today < first:
        raise refuse(
            409,
            "not-yet-two-years",
            f"停止党籍未满两年，{first.isoformat()} 起方可除名。",
            f"Suspended for less than two years; possible from {first.isoformat()}.",
            possible_from=first.isoformat(),
        )
    return case.replace(state=s.STRUCK_OFF)


@_command
def merge(case: Case, given: Arguments, context: DecisionContext) -> Case:
    into = given.case("into")
    if into.id == case.id:
        raise refuse(
            422,
            "merge-into-itself",
            "不能并入本件自身。",
            "A case cannot be merged into itself.",
            field="into",
        )
    _may_be_joined(case, into, given.actor, context)
    given.affects.append(("merge", into.id))
    return case.replace(state=s.MERGED, merged_into=into.id)


def _may_be_joined(case: Case, into: Case, actor: str, context: DecisionContext) -> None:
    """Two cases are made one by whoever answers for the member in both, and only once it is sure
    that it is one member.
    """
    if (into.state, "merge") not in s.TRANSITIONS:
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


@_command
def cancel(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.reason = given.text("reason")
    return case.replace(state=s.CANCELLED, letter_status=_voided(case))


@_command
def close(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.reason = given.one_of("reason", s.CLOSE_REASONS)
    return case.replace(state=s.CLOSED)


@_command
def reroute(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.reason = given.text("reason")
    named = given.organisation("organisation", context, required=False)
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
        state=s.DESTINATION_CONFIRMED,
        destination=code,
        destination_source="stated" if named else "claim",
        area=organisation.area if organisation else None,
        letter_status=_voided(case),
        receiver=None,
        chosen_by_person=True,
    )


@_command
def record_paper_receipt(case: Case, given: Arguments, context: DecisionContext) -> Case:
    destination = context.directory.get(case.destination) if case.destination else None
    if destination is None or not destination.outside:
        raise refuse(
            409,
            "destination-uses-guidui",
            "接收方使用本系统，应由其登记接收和回执。",
            "The receiver uses guidui and records acceptance and receipt itself.",
            state=case.state,
        )
    given.text("number")
    given.get("handler")
    accepted = given.day("accepted_on", since=case.letter_issued_on, until=context.today)
    due = add_months(accepted, context.policy_now(case).receipt_months)
    late = bool(case.letter_expires_on and accepted > case.letter_expires_on)
    given.extra_steps += [
        ("on_paper", {"act": "accept", "on": accepted.isoformat()}),
        ("on_paper", {"act": "send_receipt", "number": given.get("number")}),
    ]
    given.reason = "on_paper"
    return case.replace(
        state=s.MOVED,
        accepted_on=accepted,
        letter_status="used",
        receipt_due_on=due,
        receipt_recorded_on=context.today,
        receiver=case.destination,
        late=case.late or late,
    )


@_command
def ask(case: Case, given: Arguments, context: DecisionContext) -> Case:
    to = given.organisation("organisation", context)
    given.text("text")
    due = given.day(
        "due_on", after=context.today - timedelta(days=1), required=False
    ) or context.calendar.add_workdays(context.today, context.policy_now(case).ask_wd)
    asked = {
        "to": to,
        "by": given.actor,
        "at": context.now.isoformat(),
        "due_on": due.isoformat(),
        "answered_on": None,
    }
    return case.replace(asks=[*case.asks, asked])


@_command
def answer(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.text("text")
    asks, open_one = [], True
    for one in case.asks:
        if open_one and rights.may_answer(one, given.actor, context):
            one, open_one = {**one, "answered_on": context.today.isoformat()}, False
        asks.append(one)
    return case.replace(asks=asks)


@_command
def note(case: Case, given: Arguments, context: DecisionContext) -> Case:
    text = given.get("text")
    obstacle = given.one_of("obstacle", s.OBSTACLES, required=False)
    if not text and not obstacle:
        raise refuse(
            422,
            "nothing-noted",
            "请填备注 text 或未转原因 obstacle。",
            "Give a text or an obstacle.",
        )
    given.reason = obstacle or None
    return case.replace(obstacle=obstacle or case.obstacle)


@_command
def give_to_all(case: Case, given: Arguments, context: DecisionContext) -> Case:
    given.reason = given.one_of("order", s.TO_ALL)
    given.mapping("with")
    start = given.day("start_on", since=context.today, required=False)
    return case.replace(start_on=start)


@_command
def pause(case: Case, given: Arguments, context: DecisionContext) -> Case:
    return case.replace(paused=True)


@_command
def resume(case: Case, given: Arguments, context: DecisionContext) -> Case:
    return case.replace(paused=False)


def fall_back(case: Case, context: DecisionContext) -> Move:
    """The clock's, where policy says so: a letter that stalls on its one channel goes by the other
    too.
    """
    after = deadlines.settle(case.replace(letter_channel="both"), context)
    return Move(after, (Step("fall_back", case.state, after.state, None),))


def expire(case: Case, context: DecisionContext) -> Move:
    """The clock's: a letter that is still out has run out."""
    after = case.replace(state=s.LETTER_EXPIRED, letter_status="expired")
    after = deadlines.settle(entered(case, after, context), context)
    return Move(after, (Step("expire", case.state, after.state, None),))


def last_sign(life: date | None, dues: date | None, accepted: date | None) -> date | None:
    """The last sign of organisational life: life or dues, else the day of the last acceptance
    (interface.md §7.4).
    """
    signs = [d for d in (life, dues) if d]
    return max(signs) if signs else accepted
