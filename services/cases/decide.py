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
from services.cases.model import Case, Move, Statement, Step, World
from services.cases.overrides import judge
from services.cases.routing import table
from services.kit.errors import Refused

Command = Callable[[Case, Arguments, World], Case]
_COMMANDS: dict[str, Command] = {}


def _command(function: Command) -> Command:
    _COMMANDS[function.__name__.rstrip("_")] = function
    return function


def decide(
    case: Case,
    command: str,
    actor: str,
    args: Mapping[str, Any],
    world: World,
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
        raise _illegal(case, command, actor, world)
    if not rights.may(case, command, actor, world):
        raise _not_yours(case, command, actor, world)
    given = Arguments(args, actor, command, named)
    after = _COMMANDS[command](case, given, world)
    return finish(case, after, command, actor, given, world)


def finish(
    case: Case, after: Case, command: str, actor: str | None, given: Arguments, world: World
) -> Move:
    """The move from ``case`` to ``after``: entry dates, waiting and owner settled, one history
    row.
    """
    after = entered(case, after, world)
    after = deadlines.settle(
        after.but(touched_at=world.now, policy=world.policy_now(after).version), world
    )
    extra = tuple(
        Step(c, case.state, case.state, actor, "on_paper", d) for c, d in given.extra_steps
    )
    step = Step(command, case.state, after.state, actor, given.reason, given.detail())
    return Move(after, (*extra, step), given.statement, tuple(given.affects), given.taken_over)


def entered(case: Case, after: Case, world: World) -> Case:
    """``after`` with its entry time, if it is in another state than ``case`` (or counts anew)."""
    if after.state != case.state or after.counted_from is None:
        return after.but(entered_at=world.now, counted_from=world.today)
    return after


def _illegal(case: Case, command: str, actor: str, world: World) -> Refused:
    state, (now, zh, en) = s.STATES[case.state], _what_now(case, actor, world)
    return refuse(
        409,
        "illegal-move",
        f"这件转移现在是「{state[0]}」，不能「{s.COMMANDS[command][0]}」。{zh}",
        f"This transfer is '{state[1]}' now; one cannot {s.COMMANDS[command][1]}. {en}",
        state=case.state,
        allowed=now,
    )


def _not_yours(case: Case, command: str, actor: str, world: World) -> Refused:
    state, (now, zh, en) = s.STATES[case.state], _what_now(case, actor, world)
    return refuse(
        403,
        "not-yours",
        f"这件转移现在是「{state[0]}」，「{s.COMMANDS[command][0]}」不由本组织办理。{zh}",
        f"This transfer is '{state[1]}' now; it is not for this organisation to "
        f"{s.COMMANDS[command][1]}. {en}",
        allowed=now,
    )


def _what_now(case: Case, actor: str, world: World) -> tuple[list[str], str, str]:
    """What ``actor`` may do now: the commands, and a sentence in each language."""
    now = sorted(rights.allowed(case, actor, world))
    verbs_zh = "、".join(s.COMMANDS[c][0] for c in now) or "无"
    verbs_en = ", ".join(s.COMMANDS[c][1] for c in now) or "nothing"
    return (
        now,
        f"本组织现在可以办理：{verbs_zh}。",
        f"What this organisation may do now: {verbs_en}.",
    )


def choose(case: Case, world: World) -> Case:
    """The case with its row and destination chosen anew from its facts; announced or triaged
    accordingly.
    """
    category = case.facts.get("category")
    found = judge(
        case, table(), world.overrides, world.directory, world.today, case.opened_at or world.now
    )
    row, proposal = found.row, found.proposal
    state = s.TRIAGED if row or case.triaged_by_person else s.ANNOUNCED
    return case.but(
        state=state,
        rule=row,
        category=category,
        policy=world.policy_now(case.but(category=category)).version,
        destination=proposal.organisation,
        destination_source=proposal.source,
        area=proposal.area,
        chosen_by_person=False,
        override=found.override.id if found.override else None,
    )


def _retriage(case: Case, world: World) -> Case:
    """Entering ``triaged`` again: the letter of the former attempt no longer counts for
    anything.
    """
    return choose(
        case.but(triaged_by_person=True, receiver=None, branch=None, counted_from=None), world
    )


@_command
def triage(case: Case, given: Arguments, world: World) -> Case:
    wanted = given.report("from_report")
    report = reports.named(world.reports, wanted) if wanted else None
    reported = dict(report.facts) if report else {}
    category = given.one_of("category", tuple(s.CATEGORIES), required="category" not in reported)
    circumstances = {k: v for k, v in given.mapping("circumstances").items() if v is not None}
    stated = {**reported, **circumstances, "category": category or reported.get("category")}
    given.taken_over = report
    given.statement = Statement(
        None, f"urn:guidui:organisation:{given.actor}", "triage", world.now, "triage", stated
    )
    return choose(
        case.but(facts={**case.facts, **stated}, triaged_by_person=True, counted_from=None), world
    )


@_command
def confirm_destination(case: Case, given: Arguments, world: World) -> Case:
    if given.flag("member_informed") is not True:
        raise refuse(
            422,
            "member-not-informed",
            "请先告知本人去向，再填 member_informed: true。",
            "Tell the member first, then give member_informed: true.",
            field="member_informed",
        )
    after = _to(case, given, world, "stated", required=not case.destination)
    _still_there(after, world)
    return after.but(state=s.DESTINATION_CONFIRMED)


def _still_there(case: Case, world: World) -> None:
    """Nobody is sent to, or taken into, an organisation that has ended and has no successor."""
    one = world.directory.get(case.destination)
    if one is not None and one.ended(world.today):
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


def _to(case: Case, given: Arguments, world: World, source: str, required: bool) -> Case:
    """The case with the destination given in ``organisation``, if one is given."""
    code = given.organisation("organisation", world, required=required)
    if code is None or code == case.destination:
        return case
    organisation = world.directory.get(code)
    area = case.facts.get("to.area") or (organisation.area if organisation else None)
    return case.but(
        destination=code, destination_source=source, area=area, chosen_by_person=True, override=None
    )


@_command
def approve_stay(case: Case, given: Arguments, world: World) -> Case:
    reason = given.reason = given.text("reason")
    listed = world.policy_now(case).stay_reasons
    if listed and reason not in listed:
        raise refuse(
            422,
            "stay-reason-unlisted",
            f"reason 应当是规定的暂留理由之一：{'、'.join(listed)}。",
            f"reason must be one of the prescribed reasons for a stay: {', '.join(listed)}.",
            field="reason",
        )
    review = given.day("review_on", after=world.today)
    return case.but(
        state=s.STAY_APPROVED,
        review_on=review,
        contact_interval=given.number("contact_interval", 1, 60, required=False),
        contacted_on=None,
    )


@_command
def register_floating(case: Case, given: Arguments, world: World) -> Case:
    written, host = given.host("host", world)
    return case.but(
        state=s.FLOATING_REGISTERED,
        permit_no=given.text("permit_no"),
        contacted_on=None,
        acknowledged_on=None,
        host=host,
        **given.keep("host", written, "host_contact", given.text("host_contact")),
    )


@_command
def acknowledge(case: Case, given: Arguments, world: World) -> Case:
    if case.acknowledged_on:
        raise refuse(
            409,
            "acknowledged-already",
            f"活动证已于 {case.acknowledged_on.isoformat()} 确认。",
            f"The permit was acknowledged on {case.acknowledged_on.isoformat()}.",
            state=case.state,
        )
    given.text("contact")
    return case.but(acknowledged_on=world.today)


@_command
def reopen(case: Case, given: Arguments, world: World) -> Case:
    given.reason = given.text("reason")
    return _retriage(case, world)


@_command
def submit(case: Case, given: Arguments, world: World) -> Case:
    given.month("dues_paid_to", until=dues_month_last(world.now))
    return case.but(state=s.OUT_APPROVAL)


@_command
def send_back(case: Case, given: Arguments, world: World) -> Case:
    given.reason = given.text("reason")
    return _retriage(case, world)


def _letter(case: Case, given: Arguments, world: World, **changes: Any) -> Case:
    """The case with a new letter of today."""
    channel, policy = given.one_of("channel", ("system", "paper", "both")), world.policy_now(case)
    days = given.number("validity_days", 1, policy.validity_days_max, required=False)
    ends = [world.directory.get(code) for code in (case.origin, case.destination) if code]
    if days is None:
        areas = [(one.area or "") if one else "" for one in ends]
        days = policy.validity(areas[0], areas[1]) if len(areas) == 2 else policy.validity_days_max
    issuing = deadlines.issuer(case, world) or given.actor
    number = f"{issuing}-{world.today.year}-{case.id[:8]}-{case.letters + 1}"
    return case.but(
        state=s.LETTER_ISSUED,
        letter_number=number,
        letter_issued_on=world.today,
        letter_expires_on=world.today + timedelta(days=days),
        letter_channel=channel,
        letter_status="valid",
        letters=case.letters + 1,
        first_issued_on=case.first_issued_on or world.today,
        **changes,
    )


@_command
def issue_letter(case: Case, given: Arguments, world: World) -> Case:
    return _letter(case, given, world, receiver=None)


@_command
def reissue(case: Case, given: Arguments, world: World) -> Case:
    given.reason = given.text("reason")
    until = deadlines.reissue_until(case, world)
    if until and world.today > until:
        department = world.directory.department_above(case.origin_committee)
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
    return _letter(case, given, world, receiver=None)


@_command
def hand_over(case: Case, given: Arguments, world: World) -> Case:
    given.one_of("handed_to", ("member",))
    return case.but(state=s.IN_TRANSIT)


@_command
def add_channel(case: Case, given: Arguments, world: World) -> Case:
    if case.letter_channel == "both":
        raise refuse(
            409,
            "both-channels-already",
            "这封介绍信已经系统内和纸质都走，不必再加。",
            "This letter goes by system and paper already.",
            state=case.state,
        )
    given.reason = given.get("reason")
    return case.but(letter_channel="both")


@_command
def record_arrival(case: Case, given: Arguments, world: World) -> Case:
    given.letter("letter_number", case.letter_number)
    return case.but(state=s.ARRIVED, receiver=given.actor)


@_command
def forward(case: Case, given: Arguments, world: World) -> Case:
    after = _to(case, given, world, "stated", required=True)
    return after.but(receiver=given.organisation("organisation", world))


@_command
def accept(case: Case, given: Arguments, world: World) -> Case:
    _still_there(case, world)
    expired_on = case.letter_expires_on
    late = expired_on is not None and world.today > expired_on
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
        and world.policy_now(case).archive_check == "required"
    ):
        raise refuse(
            422,
            "archive-not-checked",
            "按本地规定接收前须核对党员档案，请核对后填 archive_checked: true。",
            "Here the archive is checked before acceptance: check it, then give archive_checked: "
            "true.",
            field="archive_checked",
        )
    return case.but(
        state=s.ACCEPTED,
        accepted_on=world.today,
        late=case.late or late,
        letter_status="used",
        receipt_due_on=add_months(world.today, world.policy_now(case).receipt_months),
    )


@_command
def return_for_cure(case: Case, given: Arguments, world: World) -> Case:
    given.texts("defects", least=1)
    return case.but(state=s.RETURNED, returned_for="cure", bounced=True)


@_command
def refuse_(case: Case, given: Arguments, world: World) -> Case:
    reason = given.reason = given.text("reason")
    policy = world.policy_now(case)
    listed = reason in policy.refusal_reasons and (
        reason != "archive_defect" or policy.archive_check != "none"
    )
    if reason == "wrong_organisation":
        given.organisation("proposed", world)
    if reason == "not_living_here":
        given.text("evidence")
    refusals = case.refusals + 1
    up = not listed or refusals >= 2
    return case.but(
        state=s.ESCALATED if up else s.RETURNED,
        refusals=refusals,
        bounced=True,
        returned_for=None if up else "redirect",
    )


@_command
def cure(case: Case, given: Arguments, world: World) -> Case:
    given.text("evidence")
    return case.but(state=s.ARRIVED)


@_command
def redirect(case: Case, given: Arguments, world: World) -> Case:
    after = _to(case, given, world, "stated", required=True)
    return after.but(state=s.DESTINATION_CONFIRMED, letter_status=_voided(case), receiver=None)


def _voided(case: Case) -> str | None:
    return "void" if case.letter_number else None


@_command
def rule(case: Case, given: Arguments, world: World) -> Case:
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
    _met_on(case, given, world)
    given.reason = decision
    if decision == "accept":
        return _to(case, given, world, "ruling", required=False).but(state=s.ARRIVED)
    if decision == "stay":
        return case.but(
            state=s.STAY_APPROVED,
            review_on=given.day("review_on", after=world.today),
            letter_status=_voided(case),
            receiver=None,
        )
    after = _to(case, given, world, "ruling", required=True)
    return after.but(
        state=s.DESTINATION_CONFIRMED,
        destination_source="ruling",
        letter_status=_voided(case),
        receiver=None,
    )


@_command
def place(case: Case, given: Arguments, world: World) -> Case:
    branch = given.branch("branch", case.receiving_committee, world)
    state = s.RECEIPT_SENT if case.receipt_sent_on else s.PLACED
    return case.but(state=state, branch=branch, placed_at=world.now)


@_command
def record_talk(case: Case, given: Arguments, world: World) -> Case:
    return case.but(talked_on=given.day("on", since=case.accepted_on, until=world.today))


@_command
def send_receipt(case: Case, given: Arguments, world: World) -> Case:
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
    late = case.receipt_due_on is not None and world.today > case.receipt_due_on
    state = s.RECEIPT_SENT if case.state == s.PLACED else s.ACCEPTED
    return case.but(state=state, receipt_sent_on=world.today, late=case.late or late)


@_command
def record_receipt(case: Case, given: Arguments, world: World) -> Case:
    given.get("number")
    given.get("handler")
    given.day("on", since=case.accepted_on, until=world.today, required=False)
    return case.but(state=s.MOVED, receipt_recorded_on=world.today)


@_command
def report_lost(case: Case, given: Arguments, world: World) -> Case:
    given.reason = given.text("reason")
    return case.but(state=s.LETTER_VOID, letter_status="void")


@_command
def mark_unreachable(case: Case, given: Arguments, world: World) -> Case:
    given.texts("attempts", least=world.policy_now(case).unreachable_attempts)
    return case.but(state=s.UNREACHABLE, interrupted=case.state)


@_command
def found(case: Case, given: Arguments, world: World) -> Case:
    given.text("how")
    if case.state == s.LOST_CONTACT:
        return _retriage(case, world)
    back = case.interrupted or s.TRIAGED
    expired = case.letter_expires_on is not None and world.today > case.letter_expires_on
    if back == s.IN_TRANSIT and expired:
        return case.but(state=s.LETTER_EXPIRED, letter_status="expired", interrupted=None)
    if back == s.TRIAGED:
        return _retriage(case, world).but(interrupted=None)
    return case.but(state=back, interrupted=None)


@_command
def mark_lost(case: Case, given: Arguments, world: World) -> Case:
    last = world.member.last_seen_on
    if last is None:
        raise refuse(
            409,
            "no-last-life",
            "没有最后一次参加组织生活或交纳党费的记录，无从起算六个月，请先登记。",
            "No last organisational life or dues on record to count six months from; record it "
            "first.",
        )
    from_day = add_months(last, world.policy_now(case).lost_months)
    if world.today < from_day:
        raise refuse(
            409,
            "not-yet-six-months",
            f"距最后一次组织生活或党费（{last.isoformat()}）未满六个月，"
            f"{from_day.isoformat()} 起方可登记失联。",
            f"Less than six months since the last life or dues ({last.isoformat()}); possible from "
            f"{from_day.isoformat()}.",
            possible_from=from_day.isoformat(),
        )
    return case.but(state=s.LOST_CONTACT)


def _decision(case: Case, given: Arguments, world: World) -> None:
    """No standing changes without a named human decision, its meeting and its approver (rules.md
    §C.4 no. 7).
    """
    given.text("decided_by")
    _met_on(case, given, world)
    given.text("approved_by")


def _met_on(case: Case, given: Arguments, world: World) -> None:
    """The day of the meeting: past, and for a ruling or a suspended member not before what it
    decides upon.
    """
    since = {
        s.ESCALATED: case.entered_at and day_of(case.entered_at),
        s.SUSPENDED: case.suspended_on,
    }.get(case.state)
    given.day("meeting_on", since=since, until=world.today)


@_command
def suspend(case: Case, given: Arguments, world: World) -> Case:
    _decision(case, given, world)
    if case.state == s.STAY_APPROVED and not case.abroad:
        raise refuse(
            409,
            "stay-not-abroad",
            "只有出国（境）暂留的，才可由暂留直接停止党籍。",
            "Only a stay abroad may lead to suspension.",
            state=case.state,
        )
    return case.but(state=s.SUSPENDED, suspended_on=world.today)


@_command
def restore(case: Case, given: Arguments, world: World) -> Case:
    _decision(case, given, world)
    return case.but(state=s.RESTORED)


@_command
def strike_off(case: Case, given: Arguments, world: World) -> Case:
    _decision(case, given, world)
    first = deadlines.strike_off_from(case, world)
    if first and world.today < first:
        raise refuse(
            409,
            "not-yet-two-years",
            f"停止党籍未满两年，{first.isoformat()} 起方可除名。",
            f"Suspended for less than two years; possible from {first.isoformat()}.",
            possible_from=first.isoformat(),
        )
    return case.but(state=s.STRUCK_OFF)


@_command
def merge(case: Case, given: Arguments, world: World) -> Case:
    into = given.case("into")
    if into.id == case.id:
        raise refuse(
            422,
            "merge-into-itself",
            "不能并入本件自身。",
            "A case cannot be merged into itself.",
            field="into",
        )
    _may_be_joined(case, into, given.actor, world)
    given.affects.append(("merge", into.id))
    return case.but(state=s.MERGED, merged_into=into.id)


def _may_be_joined(case: Case, into: Case, actor: str, world: World) -> None:
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
    if not rights.may_join(into, actor, world):
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
def cancel(case: Case, given: Arguments, world: World) -> Case:
    given.reason = given.text("reason")
    return case.but(state=s.CANCELLED, letter_status=_voided(case))


@_command
def close(case: Case, given: Arguments, world: World) -> Case:
    given.reason = given.one_of("reason", s.CLOSE_REASONS)
    return case.but(state=s.CLOSED)


@_command
def reroute(case: Case, given: Arguments, world: World) -> Case:
    given.reason = given.text("reason")
    named = given.organisation("organisation", world, required=False)
    code = named or deadlines.seen_elsewhere(case)
    if code is None:
        raise refuse(
            422,
            "where-to",
            "没有别处报告过本人，请填新的去向 organisation。",
            "Nobody elsewhere has reported the member; give the new organisation.",
            field="organisation",
        )
    organisation = world.directory.get(code)
    return case.but(
        state=s.DESTINATION_CONFIRMED,
        destination=code,
        destination_source="stated" if named else "claim",
        area=organisation.area if organisation else None,
        letter_status=_voided(case),
        receiver=None,
        chosen_by_person=True,
    )


@_command
def record_paper_receipt(case: Case, given: Arguments, world: World) -> Case:
    destination = world.directory.get(case.destination) if case.destination else None
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
    accepted = given.day("accepted_on", since=case.letter_issued_on, until=world.today)
    due = add_months(accepted, world.policy_now(case).receipt_months)
    late = bool(case.letter_expires_on and accepted > case.letter_expires_on)
    given.extra_steps += [
        ("on_paper", {"act": "accept", "on": accepted.isoformat()}),
        ("on_paper", {"act": "send_receipt", "number": given.get("number")}),
    ]
    given.reason = "on_paper"
    return case.but(
        state=s.MOVED,
        accepted_on=accepted,
        letter_status="used",
        receipt_due_on=due,
        receipt_recorded_on=world.today,
        receiver=case.destination,
        late=case.late or late,
    )


@_command
def ask(case: Case, given: Arguments, world: World) -> Case:
    to = given.organisation("organisation", world)
    given.text("text")
    due = given.day(
        "due_on", after=world.today - timedelta(days=1), required=False
    ) or world.calendar.add_workdays(world.today, world.policy_now(case).ask_wd)
    asked = {
        "to": to,
        "by": given.actor,
        "at": world.now.isoformat(),
        "due_on": due.isoformat(),
        "answered_on": None,
    }
    return case.but(asks=[*case.asks, asked])


@_command
def answer(case: Case, given: Arguments, world: World) -> Case:
    given.text("text")
    asks, open_one = [], True
    for one in case.asks:
        if open_one and rights.may_answer(one, given.actor, world):
            one, open_one = {**one, "answered_on": world.today.isoformat()}, False
        asks.append(one)
    return case.but(asks=asks)


@_command
def note(case: Case, given: Arguments, world: World) -> Case:
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
    return case.but(obstacle=obstacle or case.obstacle)


@_command
def give_to_all(case: Case, given: Arguments, world: World) -> Case:
    given.reason = given.one_of("order", s.TO_ALL)
    given.mapping("with")
    start = given.day("start_on", since=world.today, required=False)
    return case.but(start_on=start)


@_command
def pause(case: Case, given: Arguments, world: World) -> Case:
    return case.but(paused=True)


@_command
def resume(case: Case, given: Arguments, world: World) -> Case:
    return case.but(paused=False)


def fall_back(case: Case, world: World) -> Move:
    """The clock's, where policy says so: a letter that stalls on its one channel goes by the other
    too.
    """
    after = deadlines.settle(case.but(letter_channel="both"), world)
    return Move(after, (Step("fall_back", case.state, after.state, None),))


def expire(case: Case, world: World) -> Move:
    """The clock's: a letter that is still out has run out."""
    after = case.but(state=s.LETTER_EXPIRED, letter_status="expired")
    after = deadlines.settle(entered(case, after, world), world)
    return Move(after, (Step("expire", case.state, after.state, None),))


def last_sign(life: date | None, dues: date | None, accepted: date | None) -> date | None:
    """The last sign of organisational life: life or dues, else the day of the last acceptance
    (interface.md §7.4).
    """
    signs = [d for d in (life, dues) if d]
    return max(signs) if signs else accepted
