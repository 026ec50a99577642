"""Whose move is it, by when, and which tasks stand: pure functions of a case and the day
(interface.md §7.4).

``settle`` is called after every change; ``tasks`` and ``wake_at`` again whenever the clock reaches
``wake_at``, so a service that was off for a week computes what stands today, once, instead of
replaying what it missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import chain, count

from schemas.days import stored_day, stored_moment
from services.cases.deadlines.calendar import add_months, day_of, midnight
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext, Task
from services.cases.policy.values import AUTOMATIC, WHO_RULES
from services.cases.routing.decision_table import table

COMMON, _, ABOVE_ORIGIN = WHO_RULES
ALERT_ONLY = frozenset({"expected", "double_report", "seen_elsewhere", "permit", "other_channel"})
Waiting = tuple[str | None, str | None, date | None]
"""Whose move it is, which act, and by when."""
NOBODY: Waiting = (None, None, None)


def parts(case: Case, context: DecisionContext) -> Case:
    """The case with the organisations derived from origin and destination filled in.

    In the place of one that has ended stands who acts for it.
    """
    directory = context.directory
    committee = directory.committee(case.origin) if case.origin else None
    header = directory.with_authority(case.destination) if case.destination else None
    receiving = directory.committee(case.destination) if case.destination else None
    return case.replace(
        origin_path=directory.path(case.origin) if case.origin else None,
        origin_committee=context.acting(committee.code if committee else case.origin),
        destination_path=directory.path(case.destination) if case.destination else None,
        header=context.acting(header.code) if header else None,
        receiving_committee=context.acting(receiving.code if receiving else case.destination),
        ruling=context.acting(ruling_department(case, context)),
    )


def ruling_department(case: Case, context: DecisionContext) -> str | None:
    """Lowest organisation department above both ends, else the nearest above the destination; B35:
    above the origin.

    Policy may name another (``who_rules``).
    """
    directory, who_rules = context.directory, context.policy_of(case).who_rules
    if case.rule != "B35" and case.destination and who_rules != ABOVE_ORIGIN:
        superior = (
            directory.common_department(case.origin, case.destination)
            if case.origin and who_rules == COMMON
            else None
        )
        superior = superior or directory.department_above(case.destination)
        if superior:
            return superior.code
    superior = directory.department_above(case.origin) if case.origin else None
    return superior.code if superior else None


def issuer(case: Case, context: DecisionContext) -> str | None:
    """Who may issue the letter: the origin committee if it has authority, else its nearest superior
    that has.
    """
    superior = (
        context.directory.with_authority(case.origin_committee) if case.origin_committee else None
    )
    return superior.code if superior else case.origin_committee


def settle(case: Case, context: DecisionContext) -> Case:
    """The case with its owner, whom it waits for, and the next moment at which the clock must look
    at it.
    """
    case = parts(case, context)
    organisation, act, due = waiting_on(case, context)
    case = case.replace(
        owner=context.acting(owner(case)),
        wait_organisation=context.acting(organisation),
        wait_act=act,
        wait_due=due,
    )
    return case.replace(wake_at=wake_at(case, context))


def owner(case: Case) -> str | None:
    """The one organisation accountable for the case; nobody once it has ended."""
    if case.state in states.TERMINAL:
        return None
    if case.state == states.ANNOUNCED:
        return case.poster
    return {
        states.TRIAGED: case.origin,
        states.DESTINATION_CONFIRMED: case.origin,
        states.FLOATING_REGISTERED: case.origin,
        states.UNREACHABLE: case.origin,
        states.LOST_CONTACT: case.origin,
        states.ARRIVED: case.receiver,
        states.ACCEPTED: case.receiving_committee,
        states.PLACED: case.branch,
        states.ESCALATED: case.ruling or case.origin_committee,
    }.get(case.state, case.origin_committee) or case.poster


def waiting_on(case: Case, context: DecisionContext) -> Waiting:
    """(organisation, act, due day) of the next act; three Nones in a state that waits for
    nobody.
    """
    if case.state in _COUNTED_IN_WORKDAYS:
        return _waiting_for_workdays(case, context)
    origin, committee = case.origin, case.origin_committee
    waits: dict[str, Waiting] = {
        states.STAY_APPROVED: (committee, "reopen", case.review_on),
        states.FLOATING_REGISTERED: (origin, "reopen", None),
        states.LETTER_ISSUED: (case.header, "record_arrival", case.letter_expires_on),
        states.IN_TRANSIT: (case.header, "record_arrival", case.letter_expires_on),
        states.PLACED: (case.receiving_committee, "send_receipt", case.receipt_due_on),
        states.RECEIPT_SENT: (committee, "record_receipt", None),
        states.RETURNED: (committee, case.returned_for, None),
        states.UNREACHABLE: (origin, "found", None),
        states.LOST_CONTACT: (committee, "suspend", None),
        states.RESTORED: (committee, "reopen", None),
        states.CANCELLED: (committee, "close", None),
        states.LETTER_EXPIRED: (committee, "reissue", reissue_until(case, context)),
        states.LETTER_VOID: (committee, "reissue", reissue_until(case, context)),
        states.SUSPENDED: (committee, "strike_off", strike_off_from(case, context)),
    }
    return waits.get(case.state, NOBODY)


_COUNTED_IN_WORKDAYS = frozenset(
    {
        states.ANNOUNCED,
        states.TRIAGED,
        states.DESTINATION_CONFIRMED,
        states.OUT_APPROVAL,
        states.ARRIVED,
        states.ACCEPTED,
        states.ESCALATED,
    }
)


def _waiting_for_workdays(case: Case, context: DecisionContext) -> Waiting:
    """Whose move it is in the states whose time is counted in working days from their entry."""
    policy = context.policy_of(case)
    start = case.counted_from or day_of(case.entered_at or context.now)

    def after(workdays: int) -> date:
        return context.calendar.add_workdays(start, workdays)

    match case.state:
        case states.ANNOUNCED:
            return _announced(case, after(policy.triage_wd))
        case states.TRIAGED if case.rule == "B35":
            return case.ruling, "rule", after(policy.ruling_wd)
        case states.TRIAGED:
            return case.origin, _triaged_act(case), after(policy.destination_wd)
        case states.DESTINATION_CONFIRMED:
            return case.origin, "submit", after(policy.submit_wd)
        case states.OUT_APPROVAL:
            return issuer(case, context), "issue_letter", after(policy.out_approval_wd)
        case states.ARRIVED:
            return case.receiver, "accept", after(policy.acceptance_wd)
        case states.ACCEPTED:
            return case.destination, "place", after(policy.placement_wd)
        case _:
            return case.ruling, "rule", after(policy.ruling_wd)


def _announced(case: Case, due: date) -> Waiting:
    """Who must move on an announced case: of an arrival whom the poster asked, else the poster."""
    if not case.inflow:
        return case.origin, "close" if case.category == "death" else "triage", due
    for question in case.asks:
        if not question.get("answered_on"):
            return question["to"], "answer", stored_day(question["due_on"])
    return case.poster, "ask", due


def _triaged_act(case: Case) -> str:
    if case.category == "death":
        return "close"
    row = table().rows.get(case.rule or "")
    if row and row.act:
        return row.act
    return "confirm_destination" if case.destination else "approve_stay"


def reissue_until(case: Case, context: DecisionContext) -> date | None:
    """The last day on which the origin may issue the letter again by itself (t11)."""
    if case.first_issued_on is None:
        return None
    return add_months(case.first_issued_on, context.policy_of(case).reissue_months)


def strike_off_from(case: Case, context: DecisionContext) -> date | None:
    """The first day on which a decision to strike off may be recorded (t16)."""
    if case.suspended_on is None:
        return None
    return add_months(case.suspended_on, 12 * context.policy_of(case).strike_off_years)


def tasks(case: Case, context: DecisionContext) -> list[Task]:
    """Every task and alert of the case that stands now. Of a kind that recurs only the newest
    stands.

    What an organisation owes that has ended, who acts for it owes: at nobody's desk nothing waits.
    """
    if case.state in states.TERMINAL or case.state == states.BULK_OPEN:
        return []
    owed = chain(
        _state_tasks(case, context),
        _receiving_tasks(case, context),
        _clock_tasks(case, context),
        _asks(case),
        _alerts(case, context),
        _letter_alerts(case, context),
    )
    tasks_by_key: dict[tuple, Task] = {}
    for task in owed:
        if not task.organisation:
            continue
        code = context.acting(task.organisation)
        if code != task.organisation:
            task = replace(task, organisation=code)
        tasks_by_key.setdefault((task.kind, code, task.opened_at), task)
    return list(tasks_by_key.values())


_STATE_TASKS = {
    states.ANNOUNCED: "triage",
    states.TRIAGED: "destination",
    states.OUT_APPROVAL: "out_approval",
    states.ARRIVED: "acceptance",
    states.ACCEPTED: "placement",
    states.ESCALATED: "ruling",
    states.LETTER_EXPIRED: "reissue_window",
    states.LETTER_VOID: "reissue_window",
}


def _state_tasks(case: Case, context: DecisionContext) -> Iterator[Task]:
    """What the state of a case asks of whom it waits for."""
    kind = _STATE_TASKS.get(case.state)
    entered_at = case.entered_at
    asks_somebody_else = case.inflow and case.wait_act == "answer"
    if kind is None or entered_at is None or asks_somebody_else:
        return
    if case.state == states.TRIAGED and case.rule == "B35":
        kind = "ruling"
    organisation = case.wait_organisation or ""
    yield Task(kind, case.wait_act or "", organisation, entered_at, case.wait_due)


def _receiving_tasks(case: Case, context: DecisionContext) -> Iterator[Task]:
    """What the receiving side still owes after an acceptance: the receipt, and the talk."""
    accepted = case.state in (states.ACCEPTED, states.PLACED)
    if accepted and case.receipt_sent_on is None and case.accepted_on:
        yield Task(
            "receipt",
            "send_receipt",
            case.receiving_committee or "",
            midnight(case.accepted_on),
            case.receipt_due_on,
        )
    placed = case.state in (states.PLACED, states.RECEIPT_SENT)
    if placed and case.talked_on is None and case.placed_at:
        talk_days = timedelta(days=context.policy_of(case).talk_days)
        due = day_of(case.placed_at) + talk_days
        yield Task("talk", "record_talk", case.branch or "", case.placed_at, due)


def _clock_tasks(case: Case, context: DecisionContext) -> Iterator[Task]:
    """The tasks that days open: of each line of the schedule the newest."""
    for line in _schedule(case, context):
        opened = [day for day in line.days if midnight(day) <= context.now]
        if not opened:
            continue
        day = max(opened)
        usual_due = context.calendar.add_workdays(day, context.policy_of(case).review_wd)
        due = line.due or usual_due
        yield Task(line.kind, line.act, line.organisation or "", midnight(day), due)


@dataclass(frozen=True, slots=True)
class ScheduleLine:
    """A task that opens on certain days. ``due``: None for the usual working days after that."""

    kind: str
    act: str
    organisation: str | None
    days: Sequence[date]
    due: date | None = None


def _schedule(case: Case, context: DecisionContext) -> Iterator[ScheduleLine]:
    """The tasks that days open while the case stands as it does."""
    committee = case.origin_committee
    if case.state in states.LETTER_OUT:
        yield from _letter_schedule(case, context)
    if case.state == states.STAY_APPROVED and case.review_on:
        yield ScheduleLine("stay_review", "reopen", committee, [case.review_on])
    if case.state == states.SUSPENDED and case.suspended_on:
        day = strike_off_from(case, context)
        yield ScheduleLine("suspension", "strike_off", committee, [day] if day else [])
    if case.entered_at:
        yield from _membership_schedule(case, day_of(case.entered_at), context)


def _letter_schedule(case: Case, context: DecisionContext) -> Iterator[ScheduleLine]:
    """Of a letter that is out: it runs out soon (t6), and nobody has heard of it (t5)."""
    issued, expires = case.letter_issued_on, case.letter_expires_on
    if issued is None or expires is None:
        return
    policy, committee = context.policy_of(case), case.origin_committee
    warning = expires - timedelta(days=policy.validity_warning_days)
    yield ScheduleLine("validity", "record_arrival", committee, [warning], expires)
    silent = [issued + timedelta(days=days) for days in policy.arrival_silence_days]
    yield ScheduleLine("arrival_silence", "record_arrival", committee, silent)


def _membership_schedule(
    case: Case, entered: date, context: DecisionContext
) -> Iterator[ScheduleLine]:
    """Of members who stay or float: the permit is checked and they are contacted, again and
    again.
    """
    if case.state == states.FLOATING_REGISTERED:
        checks = _every(entered, context.policy_of(case).permit_check_months, context)
        yield ScheduleLine("permit_check", "reopen", case.origin, checks)
    interval = contact_interval(case, context)
    if interval is None:
        return
    days = _every(entered, interval, context)
    if case.contacted_on:
        days = [day for day in days if day > case.contacted_on]
    yield ScheduleLine("contact", "contact", case.origin, days)


def contact_interval(case: Case, context: DecisionContext) -> int | None:
    """Months between contacts (t18) with a member who stays or floats; None in any other state."""
    if case.state == states.FLOATING_REGISTERED:
        return context.policy_of(case).floating_contact_months
    if case.state != states.STAY_APPROVED:
        return None
    if case.contact_interval:
        return case.contact_interval
    months = context.policy_of(case).stay_contact_months
    if case.abroad:
        return months["abroad"]
    origin = context.directory.get(case.origin) if case.origin else None
    return months["school"] if origin and origin.unit == "school" else months["other"]


def _every(start: date, months: int, context: DecisionContext) -> list[date]:
    """The days every ``months`` after ``start``, up to the first one after today."""
    days = []
    for turn in count(1):
        day = add_months(start, months * turn)
        days.append(day)
        if day > context.today:
            break
    return days


def _asks(case: Case) -> Iterator[Task]:
    for ask in case.asks:
        if not ask.get("answered_on"):
            yield Task(
                "contact", "answer", ask["to"], stored_moment(ask["at"]), stored_day(ask["due_on"])
            )


def _alerts(case: Case, context: DecisionContext) -> Iterator[Task]:
    """Alerts that are not tasks: who is expected where, who was seen elsewhere, who reports twice
    (B5).
    """
    at = case.touched_at or context.now
    yield from _expected(case, at)
    community = double_reports_at(case, context)
    if community:
        yield Task("double_report", "note", community, at, None)
    if case.state == states.FLOATING_REGISTERED and case.host and not case.acknowledged_on:
        yield Task("permit", "acknowledge", case.host, at, None)


def _expected(case: Case, at: datetime) -> Iterator[Task]:
    """The destination, and who stands in the letter's header, expect the member.

    Who cannot be reached is still expected: the destination may be where they turn up.
    """
    state = case.interrupted if case.state == states.UNREACHABLE else case.state
    if state not in states.EXPECTED or not case.destination:
        return
    due = case.letter_expires_on if state in states.LETTER_OUT else None
    for organisation in dict.fromkeys((case.destination, case.header)):
        yield Task("expected", "record_arrival", organisation or "", at, due)


def _letter_alerts(case: Case, context: DecisionContext) -> Iterator[Task]:
    """A letter that stalls on its channel, or whose member was seen elsewhere."""
    committee = case.origin_committee or ""
    stall = channel_stalls_on(case, context)
    if stall and stall <= context.today:
        yield Task("other_channel", "add_channel", committee, midnight(stall), None)
    paper = hands_over_on(case, context)
    if paper and paper <= context.today:
        yield Task("other_channel", "hand_over", committee, midnight(paper), None)
    if seen_elsewhere(case):
        yield Task("seen_elsewhere", "reroute", committee, case.touched_at or context.now, None)


def double_reports_at(case: Case, context: DecisionContext) -> str | None:
    """The community, else its street, where a member who belongs to a unit lives and registers
    (B5).
    """
    area = case.facts.get("to.area")
    registers = case.rule == "B5" and case.state in (states.TRIAGED, states.STAY_APPROVED)
    if not registers or not area:
        return None
    community = context.directory.serving(area, context.today)
    street = context.directory.serving(area[:9], context.today)
    serving = community or street
    return serving.code if serving else None


def channel_stalls_on(case: Case, context: DecisionContext) -> date | None:
    """The day from which a letter that goes by one channel alone counts as stalled there, so that
    the other is proposed, or taken where `channel_fall_back` is automatic.
    """
    return _silent_from(case, context) if case.letter_channel in ("system", "paper") else None


def falls_back(case: Case, context: DecisionContext) -> bool:
    """Whether a stalled letter goes by the other channel by itself."""
    stall = channel_stalls_on(case, context)
    return (
        stall is not None
        and stall <= context.today
        and context.policy_of(case).channel_fall_back == AUTOMATIC
    )


def hands_over_on(case: Case, context: DecisionContext) -> date | None:
    """Where letters fall back by themselves, the day from which one that goes on paper too should
    be handed over.
    """
    if (
        case.state != states.LETTER_ISSUED
        or case.letter_channel != "both"
        or context.policy_of(case).channel_fall_back != AUTOMATIC
    ):
        return None
    return _silent_from(case, context)


def _silent_from(case: Case, context: DecisionContext) -> date | None:
    if case.state not in states.LETTER_OUT or not case.letter_issued_on:
        return None
    return case.letter_issued_on + timedelta(days=context.policy_of(case).channel_stall_days)


def seen_elsewhere(case: Case) -> str | None:
    """The organisation that reported the member of an issued, expired or void letter from another
    place.
    """
    if case.state not in (
        states.LETTER_ISSUED,
        states.IN_TRANSIT,
        states.LETTER_EXPIRED,
        states.LETTER_VOID,
    ):
        return None
    expected = {case.destination, case.header, case.receiving_committee}
    issued = case.letter_issued_on.isoformat() if case.letter_issued_on else ""
    others = [
        r for r in case.reports if r["organisation"] not in expected and r["at"][:10] >= issued
    ]
    return others[-1]["organisation"] if others else None


def wake_at(case: Case, context: DecisionContext) -> datetime | None:
    """The next moment at which the clock changes this case or its tasks; None if it never does."""
    days: list[date] = []
    for line in _schedule(case, context):
        days += line.days
    if case.state in states.LETTER_OUT and case.letter_expires_on:
        days.append(case.letter_expires_on + timedelta(days=1))
    for day in (channel_stalls_on(case, context), hands_over_on(case, context)):
        if day:
            days.append(day)
    return _next_moment(days, context)


def _next_moment(days: Iterable[date], context: DecisionContext) -> datetime | None:
    """The beginning of the first of these days that has not begun; None where all have."""
    moments = [midnight(day) for day in days]
    return min([moment for moment in moments if moment > context.now], default=None)


def expired(case: Case, context: DecisionContext) -> bool:
    """Whether a letter that is still out has run out: the day after its last good day has begun."""
    return (
        case.state in states.LETTER_OUT
        and case.letter_expires_on is not None
        and context.today > case.letter_expires_on
    )


def flags(case: Case, today: date, pocket_early_days: int = 30, silent_days: int = 30) -> list[str]:
    """The words of rules.md §C.3 that hold of the case on a day."""
    expired_letter = case.state == states.LETTER_EXPIRED
    letter_age = _days_since(case.letter_issued_on, today)
    silence = _days_since(day_of(case.touched_at) if case.touched_at else None, today)
    overdue = case.wait_due is not None and today > case.wait_due
    raised = {
        "pocket": expired_letter,
        "pocket_early": case.state in states.LETTER_OUT and letter_age >= pocket_early_days,
        "at_risk": expired_letter or (case.state in states.RISK and overdue),
        "silent": case.state in states.OPEN and silence >= silent_days,
        "bounced": case.bounced,
        "late": case.late,
        "double_custody": case.state in states.CUSTODY,
    }
    return [flag for flag, holds in raised.items() if holds]


def _days_since(day: date | None, today: date) -> int:
    """Days from a day to today; -1 where the day is not known."""
    return (today - day).days if day else -1


def life_tasks(
    organisation: str, last: date | None, lost: bool, context: DecisionContext
) -> list[Task]:
    """t12 three, four and five months after the last sign of organisational life, t13 (which
    replaces it) after six.
    """
    if last is None or lost:
        return []
    policy = context.policy_at(organisation)
    days = [(add_months(last, months), "organisation_life") for months in policy.life_months]
    days.append((add_months(last, policy.lost_months), "six_months"))
    opened = [(day, kind) for day, kind in days if midnight(day) <= context.now]
    if not opened:
        return []
    day, kind = max(opened)
    owes = context.acting(organisation) or organisation
    due = context.calendar.add_workdays(day, policy.review_wd)
    return [Task(kind, "record_life", owes, midnight(day), due)]


def life_wake_at(
    organisation: str, last: date | None, lost: bool, context: DecisionContext
) -> datetime | None:
    """When the member's own clock (t12, t13) next opens something."""
    if last is None or lost:
        return None
    policy = context.policy_at(organisation)
    months = (*policy.life_months, policy.lost_months)
    return _next_moment([add_months(last, month) for month in months], context)


def last_sign(life: date | None, dues: date | None, accepted: date | None) -> date | None:
    """The last sign of organisational life: life or dues, else the day of the last acceptance
    (interface.md §7.4).
    """
    signs = [day for day in (life, dues) if day]
    return max(signs, default=accepted)
