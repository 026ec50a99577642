"""Whose move is it, by when, and which tasks stand: pure functions of a case and the day
(interface.md §7.4).

``settle`` is called after every change; ``tasks`` and ``wake_at`` again whenever the clock reaches
``wake_at``, so a service that was off for a week computes what stands today, once, instead of
replaying what it missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

from schemas.days import stored_day, stored_moment
from services.cases.deadlines.calendar import add_months, day_of, midnight
from services.cases.model import states as s
from services.cases.model.case import Case, DecisionContext, Task
from services.cases.policy.values import AUTOMATIC, WHO_RULES
from services.cases.routing.decision_table import table

COMMON, _, ABOVE_ORIGIN = WHO_RULES
ALERT_ONLY = frozenset({"expected", "double_report", "seen_elsewhere", "permit", "other_channel"})
Waiting = tuple[str | None, str | None, date | None]


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
    if case.state in s.TERMINAL:
        return None
    if case.state == s.ANNOUNCED:
        return case.poster
    return {
        s.TRIAGED: case.origin,
        s.DESTINATION_CONFIRMED: case.origin,
        s.FLOATING_REGISTERED: case.origin,
        s.UNREACHABLE: case.origin,
        s.LOST_CONTACT: case.origin,
        s.ARRIVED: case.receiver,
        s.ACCEPTED: case.receiving_committee,
        s.PLACED: case.branch,
        s.ESCALATED: case.ruling or case.origin_committee,
    }.get(case.state, case.origin_committee) or case.poster


def waiting_on(case: Case, context: DecisionContext) -> Waiting:
    """(organisation, act, due day) of the next act; three Nones in a state that waits for
    nobody.
    """
    policy, start = (
        context.policy_of(case),
        case.counted_from or day_of(case.entered_at or context.now),
    )

    def workdays(count: int) -> date:
        return context.calendar.add_workdays(start, count)

    state, origin, committee = case.state, case.origin, case.origin_committee
    if state == s.ANNOUNCED:
        return _announced(case, workdays(policy.triage_wd))
    if state == s.TRIAGED:
        if case.rule == "B35":
            return case.ruling, "rule", workdays(policy.ruling_wd)
        return origin, _triaged_act(case), workdays(policy.destination_wd)
    waits: dict[str, Waiting] = {
        s.STAY_APPROVED: (committee, "reopen", case.review_on),
        s.FLOATING_REGISTERED: (origin, "reopen", None),
        s.LETTER_ISSUED: (case.header, "record_arrival", case.letter_expires_on),
        s.IN_TRANSIT: (case.header, "record_arrival", case.letter_expires_on),
        s.PLACED: (case.receiving_committee, "send_receipt", case.receipt_due_on),
        s.RECEIPT_SENT: (committee, "record_receipt", None),
        s.RETURNED: (committee, case.returned_for, None),
        s.UNREACHABLE: (origin, "found", None),
        s.LOST_CONTACT: (committee, "suspend", None),
        s.RESTORED: (committee, "reopen", None),
        s.CANCELLED: (committee, "close", None),
    }
    if state in waits:
        return waits[state]
    if state in (s.LETTER_EXPIRED, s.LETTER_VOID):
        return committee, "reissue", reissue_until(case, context)
    if state == s.SUSPENDED:
        return committee, "strike_off", strike_off_from(case, context)
    counted = {
        s.DESTINATION_CONFIRMED: (origin, "submit", policy.submit_wd),
        s.OUT_APPROVAL: (issuer(case, context), "issue_letter", policy.out_approval_wd),
        s.ARRIVED: (case.receiver, "accept", policy.acceptance_wd),
        s.ACCEPTED: (case.destination, "place", policy.placement_wd),
        s.ESCALATED: (case.ruling, "rule", policy.ruling_wd),
    }.get(state)
    return (counted[0], counted[1], workdays(counted[2])) if counted else (None, None, None)


def _announced(case: Case, due: date) -> Waiting:
    if case.inflow:
        asked = next((a for a in case.asks if not a.get("answered_on")), None)
        if asked:
            return asked["to"], "answer", stored_day(asked["due_on"])
        return case.poster, "ask", due
    return case.origin, "close" if case.category == "death" else "triage", due


def _triaged_act(case: Case) -> str:
    if case.category == "death":
        return "close"
    row = table().rows.get(case.rule or "")
    if row and row.act:
        return row.act
    return "confirm_destination" if case.destination else "approve_stay"


def reissue_until(case: Case, context: DecisionContext) -> date | None:
    """The last day on which the origin may issue the letter again by itself (t11)."""
    return (
        add_months(case.first_issued_on, context.policy_of(case).reissue_months)
        if case.first_issued_on
        else None
    )


def strike_off_from(case: Case, context: DecisionContext) -> date | None:
    """The first day on which a decision to strike off may be recorded (t16)."""
    return (
        add_months(case.suspended_on, 12 * context.policy_of(case).strike_off_years)
        if case.suspended_on
        else None
    )


def tasks(case: Case, context: DecisionContext) -> list[Task]:
    """Every task and alert of the case that stands now. Of a kind that recurs only the newest
    stands.

    What an organisation owes that has ended, who acts for it owes: at nobody's desk nothing waits.
    """
    if case.state in s.TERMINAL or case.state == s.BULK_OPEN:
        return []
    tasks_by_key: dict[tuple, Task] = {}
    for task in (
        *_state_tasks(case, context),
        *_clock_tasks(case, context),
        *_asks(case),
        *_alerts(case, context),
    ):
        if task.organisation:
            code = context.acting(task.organisation)
            if code != task.organisation:
                task = replace(task, organisation=code)
            tasks_by_key.setdefault((task.kind, code, task.opened_at), task)
    return list(tasks_by_key.values())


_STATE_TASKS = {
    s.ANNOUNCED: "triage",
    s.TRIAGED: "destination",
    s.OUT_APPROVAL: "out_approval",
    s.ARRIVED: "acceptance",
    s.ACCEPTED: "placement",
    s.ESCALATED: "ruling",
    s.LETTER_EXPIRED: "reissue_window",
    s.LETTER_VOID: "reissue_window",
}


def _state_tasks(case: Case, context: DecisionContext) -> Iterator[Task]:
    kind = _STATE_TASKS.get(case.state)
    at = case.entered_at
    if kind and at and not (case.inflow and case.wait_act == "answer"):
        if case.state == s.TRIAGED and case.rule == "B35":
            kind = "ruling"
        yield Task(kind, case.wait_act or "", case.wait_organisation or "", at, case.wait_due)
    if case.state in (s.ACCEPTED, s.PLACED) and case.receipt_sent_on is None and case.accepted_on:
        yield Task(
            "receipt",
            "send_receipt",
            case.receiving_committee or "",
            midnight(case.accepted_on),
            case.receipt_due_on,
        )
    if case.state in (s.PLACED, s.RECEIPT_SENT) and case.talked_on is None and case.placed_at:
        yield Task(
            "talk",
            "record_talk",
            case.branch or "",
            case.placed_at,
            day_of(case.placed_at) + timedelta(days=context.policy_of(case).talk_days),
        )


def _clock_tasks(case: Case, context: DecisionContext) -> Iterator[Task]:
    for kind, act, organisation, days, due in _schedule(case, context):
        opened = [day for day in days if midnight(day) <= context.now]
        if opened:
            day = max(opened)
            yield Task(
                kind,
                act,
                organisation or "",
                midnight(day),
                due or context.calendar.add_workdays(day, context.policy_of(case).review_wd),
            )


Line = tuple[str, str, str | None, list[date], date | None]


def _schedule(case: Case, context: DecisionContext) -> Iterator[Line]:
    """(kind, act, organisation, the days it opens on, due day or None for the usual working
    days).
    """
    policy, committee = context.policy_of(case), case.origin_committee
    if case.state in s.LETTER_OUT and case.letter_issued_on and case.letter_expires_on:
        issued, expires = case.letter_issued_on, case.letter_expires_on
        warn = expires - timedelta(days=policy.validity_warning_days)
        yield "validity", "record_arrival", committee, [warn], expires
        silence = [issued + timedelta(days=n) for n in policy.arrival_silence_days]
        yield "arrival_silence", "record_arrival", committee, silence, None
    if case.state == s.STAY_APPROVED and case.review_on:
        yield "stay_review", "reopen", committee, [case.review_on], None
    if case.state == s.SUSPENDED and (day := strike_off_from(case, context)):
        yield "suspension", "strike_off", committee, [day], None
    entered = day_of(case.entered_at) if case.entered_at else None
    if case.state == s.FLOATING_REGISTERED and entered:
        yield (
            "permit_check",
            "reopen",
            case.origin,
            _every(entered, policy.permit_check_months, context),
            None,
        )
    interval = contact_interval(case, context)
    if interval and entered:
        days = [
            day
            for day in _every(entered, interval, context)
            if not case.contacted_on or day > case.contacted_on
        ]
        yield "contact", "contact", case.origin, days, None


def contact_interval(case: Case, context: DecisionContext) -> int | None:
    """Months between contacts (t18) with a member who stays or floats; None in any other state."""
    if case.state == s.FLOATING_REGISTERED:
        return context.policy_of(case).floating_contact_months
    if case.state != s.STAY_APPROVED:
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
    days, k = [], 1
    while True:
        day = add_months(start, months * k)
        days.append(day)
        if day > context.today:
            return days
        k += 1


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
    # who cannot be reached is still expected: the destination may be where they turn up
    state = case.interrupted if case.state == s.UNREACHABLE else case.state
    if state in s.EXPECTED and case.destination:
        due = case.letter_expires_on if state in s.LETTER_OUT else None
        for organisation in dict.fromkeys((case.destination, case.header)):
            yield Task("expected", "record_arrival", organisation or "", at, due)
    if community := double_reports_at(case, context):
        yield Task("double_report", "note", community, at, None)
    if case.state == s.FLOATING_REGISTERED and case.host and not case.acknowledged_on:
        yield Task("permit", "acknowledge", case.host, at, None)
    stall = channel_stalls_on(case, context)
    if stall and stall <= context.today:
        yield Task(
            "other_channel", "add_channel", case.origin_committee or "", midnight(stall), None
        )
    paper = hands_over_on(case, context)
    if paper and paper <= context.today:
        yield Task("other_channel", "hand_over", case.origin_committee or "", midnight(paper), None)
    if seen_elsewhere(case):
        yield Task("seen_elsewhere", "reroute", case.origin_committee or "", at, None)


def double_reports_at(case: Case, context: DecisionContext) -> str | None:
    """The community, else its street, where a member who belongs to a unit lives and registers
    (B5).
    """
    area = (
        case.facts.get("to.area")
        if case.rule == "B5" and case.state in (s.TRIAGED, s.STAY_APPROVED)
        else None
    )
    if not area:
        return None
    serving = context.directory.serving(area, context.today) or context.directory.serving(
        area[:9], context.today
    )
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
        case.state != s.LETTER_ISSUED
        or case.letter_channel != "both"
        or context.policy_of(case).channel_fall_back != AUTOMATIC
    ):
        return None
    return _silent_from(case, context)


def _silent_from(case: Case, context: DecisionContext) -> date | None:
    if case.state not in s.LETTER_OUT or not case.letter_issued_on:
        return None
    return case.letter_issued_on + timedelta(days=context.policy_of(case).channel_stall_days)


def seen_elsewhere(case: Case) -> str | None:
    """The organisation that reported the member of an issued, expired or void letter from another
    place.
    """
    if case.state not in (s.LETTER_ISSUED, s.IN_TRANSIT, s.LETTER_EXPIRED, s.LETTER_VOID):
        return None
    expected = {case.destination, case.header, case.receiving_committee}
    issued = case.letter_issued_on.isoformat() if case.letter_issued_on else ""
    others = [
        r for r in case.reports if r["organisation"] not in expected and r["at"][:10] >= issued
    ]
    return others[-1]["organisation"] if others else None


def wake_at(case: Case, context: DecisionContext) -> datetime | None:
    """The next moment at which the clock changes this case or its tasks; None if it never does."""
    moments = [midnight(day) for _, _, _, days, _ in _schedule(case, context) for day in days]
    if case.state in s.LETTER_OUT and case.letter_expires_on:
        moments.append(midnight(case.letter_expires_on + timedelta(days=1)))
    moments += [
        midnight(day)
        for day in (channel_stalls_on(case, context), hands_over_on(case, context))
        if day
    ]
    return min((m for m in moments if m > context.now), default=None)


def expired(case: Case, context: DecisionContext) -> bool:
    """Whether a letter that is still out has run out: the day after its last good day has begun."""
    return (
        case.state in s.LETTER_OUT
        and case.letter_expires_on is not None
        and context.today > case.letter_expires_on
    )


def flags(case: Case, today: date, pocket_early_days: int = 30, silent_days: int = 30) -> list[str]:
    """The words of rules.md §C.3 that hold of the case on a day."""
    issued, touched = case.letter_issued_on, case.touched_at
    out = case.state in s.LETTER_OUT
    raised = {
        "pocket": case.state == s.LETTER_EXPIRED,
        "pocket_early": bool(
            out and issued and today >= issued + timedelta(days=pocket_early_days)
        ),
        "at_risk": case.state == s.LETTER_EXPIRED
        or (case.state in s.RISK and case.wait_due is not None and today > case.wait_due),
        "silent": bool(
            case.state in s.OPEN
            and touched
            and today >= day_of(touched) + timedelta(days=silent_days)
        ),
        "bounced": case.bounced,
        "late": case.late,
        "double_custody": case.state in s.CUSTODY,
    }
    return [flag for flag, holds in raised.items() if holds]


def life_tasks(
    organisation: str, last: date | None, lost: bool, context: DecisionContext
) -> list[Task]:
    """t12 three, four and five months after the last sign of organisational life, t13 (which
    replaces it) after six.
    """
    if last is None or lost:
        return []
    policy = context.policy_at(organisation)
    days = [(add_months(last, m), "organisation_life", "record_life") for m in policy.life_months]
    days.append((add_months(last, policy.lost_months), "six_months", "record_life"))
    opened = [line for line in days if midnight(line[0]) <= context.now]
    if not opened:
        return []
    day, kind, act = max(opened)
    return [
        Task(
            kind,
            act,
            context.acting(organisation) or organisation,
            midnight(day),
            context.calendar.add_workdays(day, policy.review_wd),
        )
    ]


def life_wake_at(
    organisation: str, last: date | None, lost: bool, context: DecisionContext
) -> datetime | None:
    """When the member's own clock (t12, t13) next opens something."""
    if last is None or lost:
        return None
    policy = context.policy_at(organisation)
    months = (*policy.life_months, policy.lost_months)
    return min(
        (m for n in months if (m := midnight(add_months(last, n))) > context.now), default=None
    )


def last_sign(life: date | None, dues: date | None, accepted: date | None) -> date | None:
    """The last sign of organisational life: life or dues, else the day of the last acceptance
    (interface.md §7.4).
    """
    signs = [day for day in (life, dues) if day]
    return max(signs, default=accepted)
