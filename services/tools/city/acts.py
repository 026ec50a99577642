"""What the organisations of the city do about a case: one of the commands that the system says are
possible.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from services.cases.commands import rights
from services.cases.model import states as s
from services.cases.model.case import Case, DecisionContext
from services.tools.city.people import IMPOSSIBLE_DAYS
from services.tools.city.town import COUNTY, FAR_STREET, Town

# state -> how often each command is what somebody does next
HABITS: Mapping[str, Mapping[str, int]] = {
    s.ANNOUNCED: {"triage": 80, "close": 6, "note": 5, "ask": 9},
    s.TRIAGED: {
        "confirm_destination": 70,
        "approve_stay": 10,
        "register_floating": 8,
        "mark_unreachable": 4,
        "note": 3,
        "close": 4,
        "ask": 3,
        "rule": 40,
    },
    s.DESTINATION_CONFIRMED: {"submit": 88, "approve_stay": 6, "note": 4, "ask": 2},
    s.STAY_APPROVED: {
        "reopen": 45,
        "close": 20,
        "register_floating": 10,
        "mark_unreachable": 12,
        "suspend": 5,
        "note": 8,
    },
    s.FLOATING_REGISTERED: {
        "reopen": 45,
        "approve_stay": 15,
        "mark_unreachable": 15,
        "close": 10,
        "note": 5,
    },
    s.OUT_APPROVAL: {"issue_letter": 86, "send_back": 8, "cancel": 4, "note": 2},
    s.LETTER_ISSUED: {
        "hand_over": 40,
        "record_arrival": 44,
        "report_lost": 3,
        "reroute": 3,
        "cancel": 2,
        "ask": 3,
        "record_paper_receipt": 30,
        "note": 2,
    },
    s.IN_TRANSIT: {
        "record_arrival": 66,
        "report_lost": 8,
        "mark_unreachable": 6,
        "reroute": 5,
        "cancel": 3,
        "record_paper_receipt": 40,
        "note": 4,
    },
    s.ARRIVED: {"accept": 68, "forward": 6, "return_for_cure": 9, "refuse": 15, "note": 2},
    s.ACCEPTED: {"place": 60, "send_receipt": 36, "note": 4},
    s.PLACED: {"send_receipt": 60, "record_talk": 38, "note": 2},
    s.RECEIPT_SENT: {"record_receipt": 78, "record_talk": 22},
    s.RETURNED: {"cure": 45, "redirect": 40, "submit": 10, "note": 5},
    s.ESCALATED: {"rule": 90, "note": 10},
    s.LETTER_EXPIRED: {
        "reissue": 38,
        "record_arrival": 25,
        "report_lost": 6,
        "reroute": 9,
        "cancel": 5,
        "mark_unreachable": 12,
        "record_paper_receipt": 10,
        "note": 5,
    },
    s.LETTER_VOID: {"reissue": 62, "reroute": 18, "cancel": 14, "note": 6},
    s.UNREACHABLE: {"found": 50, "mark_lost": 40, "note": 10},
    s.LOST_CONTACT: {"suspend": 45, "found": 35, "note": 20},
    s.SUSPENDED: {"restore": 35, "strike_off": 45, "note": 20},
    s.RESTORED: {"reopen": 90, "note": 10},
    s.CANCELLED: {"close": 65, "reopen": 35},
    s.BULK_OPEN: {"pause": 50, "resume": 50},
}
# organisations differ in how soon they act: working days, the least and the most
TEMPERS: Mapping[str, tuple[int, int]] = {
    "prompt": (0, 2),
    "usual": (1, 6),
    "slow": (4, 18),
    "asleep": (25, 80),
}
_TEMPER_SHARES = {"prompt": 40, "usual": 38, "slow": 16, "asleep": 6}
_CARRIED = {
    s.LETTER_ISSUED: (2, 25),
    s.IN_TRANSIT: (3, 35),
    s.LETTER_EXPIRED: (20, 120),
    s.UNREACHABLE: (30, 190),
    s.LOST_CONTACT: (30, 120),
    s.FLOATING_REGISTERED: (60, 260),
    s.SUSPENDED: (200, 800),
}
FORGETS = 0.12


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody's act on a case: a command with its fields, given by organisation ``actor``."""

    case: str
    actor: str
    command: str
    args: Mapping[str, Any]


def temper(random: Random) -> str:
    """How soon a new secretary acts."""
    return random.choices(list(_TEMPER_SHARES), list(_TEMPER_SHARES.values()))[0]


def next_day(case: Case, tempers: Mapping[str, str], today: date, random: Random) -> date | None:
    """The day on which somebody acts on the case; None if nobody will."""
    if case.state in s.TERMINAL or case.state == s.BULK_OPEN and random.random() < 0.9:
        return None
    if case.state == s.STAY_APPROVED and case.review_on:
        return max(
            today + timedelta(days=1), case.review_on - timedelta(days=random.randrange(-40, 20))
        )
    if case.state in _CARRIED:
        least, most = _CARRIED[case.state]
        if case.state in s.LETTER_OUT and random.random() < FORGETS:
            least, most = 70, 240
    else:
        least, most = TEMPERS[tempers.get(case.wait_organisation or case.owner or "", "usual")]
    return today + timedelta(days=random.randrange(least, most + 1))


def choose(case: Case, context: DecisionContext, town: Town, random: Random) -> Act | None:
    """An act that the system allows somebody now; None where nobody has a mind to."""
    habits = HABITS.get(case.state, {})
    possible = [c for c in habits if not _pointless(case, c, context)]
    random_order = sorted(possible, key=lambda c: random.random() ** (1 / habits[c]), reverse=True)
    for command in random_order:
        actors = [a for a in _parties(case, context) if rights.may(case, command, a, context)]
        if actors:
            actor = actors[0] if random.random() < 0.85 else random.choice(actors)
            return Act(case.id, actor, command, fields(case, command, actor, context, town, random))
    return None


def anything(
    case: Case,
    context: DecisionContext,
    town: Town,
    codes: list[str],
    cases: list[str],
    random: Random,
) -> Act:
    """An act at a venture: any command by any organisation, most often an illegal one.

    ``cases`` are those that a case might be merged into.
    """
    command = "merge" if random.random() < 0.1 else random.choice(list(s.COMMANDS))
    actor = random.choice(codes) if random.random() < 0.5 else case.owner or random.choice(codes)
    args = dict(fields(case, command, actor, context, town, random))
    if args and random.random() < 0.4:
        key = random.choice(sorted(args))
        args[key] = random.choice((None, "", "1899-01-01", 91, [], {"a": [1]}, *IMPOSSIBLE_DAYS))
    if command == "merge":
        args = {"into": random.choice(cases)}
    return Act(case.id, actor, command, args)


def _parties(case: Case, context: DecisionContext) -> list[str]:
    """Who could act, the one waited for first; whoever is outside does nothing here."""
    played = rights.parties(case, context)
    codes = dict.fromkeys([case.wait_organisation, *played.values(), *(a["to"] for a in case.asks)])
    known = [context.directory.get(code) for code in codes if code]
    return [
        organisation.code for organisation in known if organisation and not organisation.outside
    ]


def _pointless(case: Case, command: str, context: DecisionContext) -> bool:
    """What nobody would think of here, though it may be tried at a venture."""
    if case.category == "death":
        return command not in ("close", "note", "reopen") and case.state in (s.ANNOUNCED, s.TRIAGED)
    if command == "rule" and case.state == s.TRIAGED:
        return case.rule != "B35"
    if command in ("redirect", "cure") and case.state == s.RETURNED:
        return case.returned_for != command and case.returned_for is not None
    if command == "suspend" and case.state == s.STAY_APPROVED:
        return not case.abroad
    destination = context.directory.get(case.destination) if case.destination else None
    if command == "record_paper_receipt":
        return destination is None or not destination.outside
    return command == "confirm_destination" and case.rule == "B35"


_CATEGORIES = ("relocation", "job_change", "migrant_work", "other", "retirement")


def fields(
    case: Case, command: str, actor: str, context: DecisionContext, town: Town, random: Random
) -> Mapping[str, Any]:
    """What is given with a command."""
    fill = _OF_COMMAND.get(command)
    if fill is None:
        return {}
    return fill(_Desk(case, command, actor, context, town, random))


@dataclass(frozen=True, slots=True)
class _Desk:
    """Who fills in the fields of a command to a case, and what they find there."""

    case: Case
    command: str
    actor: str
    context: DecisionContext
    town: Town
    random: Random

    def later(self, least: int, most: int) -> str:
        return (self.context.today + timedelta(days=self.random.randrange(least, most))).isoformat()

    def earlier(self) -> str:
        return (self.context.today - timedelta(days=self.random.randrange(0, 10))).isoformat()

    def somewhere(self) -> str:
        if self.random.random() < 0.08:
            return FAR_STREET
        return self.random.choice(self.town.places).code

    def in_some(self, share: float, given: dict[str, Any]) -> dict[str, Any]:
        """What is given in a share of the cases, else nothing."""
        return given if self.random.random() < share else {}


def _destination(desk: _Desk) -> Mapping[str, Any]:
    confirms = desk.command == "confirm_destination"
    known = confirms and desk.case.destination
    chosen = {} if known else {"organisation": desk.somewhere()}
    return chosen | ({"member_informed": True} if confirms else {"reason": "改去向"})


def _ruling(desk: _Desk) -> Mapping[str, Any]:
    triaged = desk.case.state == s.TRIAGED
    choices = ("redirect", "stay") if triaged else ("accept", "accept", "redirect", "stay")
    return {
        "decision": desk.random.choice(choices),
        "meeting_on": desk.earlier(),
        "organisation": desk.somewhere(),
        "review_on": desk.later(60, 400),
    }


def _refusal(desk: _Desk) -> Mapping[str, Any]:
    reason = desk.random.choice((*s.REFUSAL_REASONS, "今年不接收", "没有房产"))
    return {"reason": reason, "proposed": desk.somewhere(), "evidence": "入户走访"}


def _meeting(desk: _Desk) -> Mapping[str, Any]:
    return {"decided_by": desk.actor, "meeting_on": desk.earlier(), "approved_by": COUNTY}


def _place(desk: _Desk) -> Mapping[str, Any]:
    below = _branches(desk.case, desk.context)
    return {"branch": desk.random.choice(below) if below else desk.case.receiving_committee}


def _acceptance(desk: _Desk) -> Mapping[str, Any]:
    expires_on = desk.case.letter_expires_on
    if expires_on is None or desk.context.today <= expires_on:
        return {}
    return desk.in_some(0.8, {"late_decision": "逾期，经研究同意接收"})


def _closing(desk: _Desk) -> Mapping[str, Any]:
    usual = desk.random.choice(("stay", "stay", "event_withdrawn", "left_the_party"))
    return {"reason": "deceased" if desk.case.category == "death" else usual}


def _triage(desk: _Desk) -> Mapping[str, Any]:
    return {
        "category": desk.case.facts.get("category") or desk.random.choice(_CATEGORIES),
        "circumstances": desk.random.choice(({}, {"unit_has_organisation": False})),
    }


def _floating(desk: _Desk) -> Mapping[str, Any]:
    host = desk.random.choice(desk.town.places).code
    return {"permit_no": "流动1", "host": host, "host_contact": "郑建国"}


def _letter(desk: _Desk) -> Mapping[str, Any]:
    channel = {"channel": desk.random.choice(("system", "paper", "both"))}
    if desk.random.random() >= 0.1:
        return channel
    return channel | {"validity_days": desk.random.choice((10, 45, 90, 91))}


def _second_letter(desk: _Desk) -> Mapping[str, Any]:
    return {"reason": "补开", "channel": "paper"} | desk.in_some(0.7, {"approval": COUNTY})


_OF_COMMAND: Mapping[str, Callable[[_Desk], Mapping[str, Any]]] = {
    **dict.fromkeys(("confirm_destination", "redirect", "forward", "reroute"), _destination),
    **dict.fromkeys(("suspend", "restore", "strike_off"), _meeting),
    **dict.fromkeys(
        ("reopen", "send_back", "report_lost", "cancel"), lambda _: {"reason": "情况有变"}
    ),
    "rule": _ruling,
    "refuse": _refusal,
    "place": _place,
    "accept": _acceptance,
    "close": _closing,
    "triage": _triage,
    "register_floating": _floating,
    "issue_letter": _letter,
    "reissue": _second_letter,
    "ask": lambda desk: {
        "organisation": desk.case.destination or COUNTY,
        "text": "本人现在何处",
    },
    "note": lambda desk: {"text": "已致电", "obstacle": desk.random.choice(s.OBSTACLES)},
    "approve_stay": lambda desk: {"reason": "暂留", "review_on": desk.later(30, 400)},
    "submit": lambda desk: {"dues_paid_to": f"{desk.context.today:%Y-%m}"},
    "hand_over": lambda _: {"handed_to": "member"},
    "record_arrival": lambda desk: desk.in_some(0.7, {"letter_number": desk.case.letter_number}),
    "return_for_cure": lambda _: {"defects": ["缺党费证明", "缺政审材料"]},
    "cure": lambda _: {"evidence": "已补"},
    "record_talk": lambda desk: {"on": desk.context.today.isoformat()},
    "send_receipt": lambda _: {"handler": "经办人", "phone": "0931-0000000"},
    "record_paper_receipt": lambda desk: {"number": "12", "accepted_on": desk.earlier()},
    "mark_unreachable": lambda _: {"attempts": ["电话", "微信", "上门"]},
    "found": lambda _: {"how": "来电"},
    "answer": lambda _: {"text": "在本社区"},
}


def _branches(case: Case, context: DecisionContext) -> list[str]:
    """Branches of the destination, else of the receiving committee."""
    for top in (case.destination, case.receiving_committee):
        branches = [
            o.code
            for o in context.directory
            if o.kind == "branch" and context.directory.within(o.code, top)
        ]
        if branches:
            return sorted(branches)
    return []
