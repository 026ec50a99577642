"""Who may give which command: the parts organisations play in a case (interface.md §6, last
paragraph).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.cases.deadlines import tasks as deadlines
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext

# command -> the parts that may give it. "+" after a part: an organisation above it may too.
RIGHTS: dict[str, tuple[str, ...]] = {
    "triage": ("origin", "committee+"),
    "confirm_destination": ("origin", "committee+"),
    "register_floating": ("origin", "committee+"),
    "reopen": ("origin", "committee+"),
    "cure": ("origin", "committee+"),
    "redirect": ("origin", "committee+"),
    "report_lost": ("origin", "committee+"),
    "merge": ("origin", "committee+"),
    "close": ("origin", "committee+"),
    "submit": ("origin",),
    "mark_unreachable": ("origin",),
    "found": ("origin",),
    "mark_lost": ("origin",),
    "approve_stay": ("committee+",),
    "send_back": ("committee+",),
    "hand_over": ("committee+",),
    "record_receipt": ("committee+",),
    "reissue": ("committee+",),
    "suspend": ("committee+",),
    "restore": ("committee+",),
    "strike_off": ("committee+",),
    "cancel": ("committee+",),
    "reroute": ("committee+",),
    "record_paper_receipt": ("committee+",),
    "issue_letter": ("issuer+",),
    "add_channel": ("committee+",),
    "acknowledge": ("host",),
    "record_arrival": ("destination", "header"),
    "forward": ("receiver",),
    "return_for_cure": ("receiver",),
    "refuse": ("receiver",),
    "accept": ("receiving_committee+",),
    "send_receipt": ("receiving_committee+",),
    "place": ("destination", "receiving_committee+"),
    "record_talk": ("branch",),
    "rule": ("ruling",),
    "ask": ("any",),
    "answer": ("asked",),
    "note": ("any", "acted"),
    "pause": ("poster+",),
    "resume": ("poster+",),
    "give_to_all": ("poster+",),
}


def parties(case: Case, context: DecisionContext) -> dict[str, str]:
    """Part -> organisation, for every part that is filled."""
    acting_parts = {
        "origin": case.origin,
        "committee": case.origin_committee,
        "issuer": deadlines.issuer(case, context),
        "destination": case.destination,
        "header": case.header,
        "receiver": case.receiver,
        "receiving_committee": case.receiving_committee,
        "branch": case.branch,
        "ruling": case.ruling,
        "poster": case.poster,
        "host": case.host,
        "community": deadlines.double_reports_at(case, context),
    }
    return {part: code for part, code in acting_parts.items() if code}


def may(case: Case, command: str, actor: str, context: DecisionContext) -> bool:
    """Whether ``actor`` may give ``command`` in the part it plays (whatever the state)."""
    played = parties(case, context)
    if case.inflow and not case.origin:
        played |= {"origin": case.poster or "", "committee": case.poster or ""}
    return any(_plays(part, case, actor, played, context) for part in RIGHTS.get(command, ()))


def _plays(
    part: str, case: Case, actor: str, played: Mapping[str, str], context: DecisionContext
) -> bool:
    """Whether ``actor`` is whom a part of `RIGHTS` names."""
    if part == "asked":
        return any(may_answer(asked, actor, context) for asked in case.asks)
    if part == "any":
        return _has_a_part(case, actor, played, context)
    if part == "acted":
        return actor in context.acted
    if part.endswith("+"):  # whoever plays the part, and whoever stands above it
        players = _now(played.get(part[:-1]), context)
        return any(context.directory.within(code, actor) for code in players)
    return actor in _now(played.get(part), context)


def may_join(into: Case, actor: str, context: DecisionContext) -> bool:
    """Whether ``actor`` may let another case of the member become part of ``into``: whoever may
    merge it itself, and once the member was accepted there whoever then holds the member.
    """
    if may(into, "merge", actor, context):
        return True
    if into.state not in states.CUSTODY:
        return False
    holding = (*_now(into.destination, context), *_now(into.receiving_committee, context))
    return any(context.directory.within(code, actor) for code in holding)


def may_answer(asked: Mapping[str, Any], actor: str, context: DecisionContext) -> bool:
    """Whether ``actor`` may answer a question that is open: whoever was asked; for an organisation
    outside, whoever asked records what came on paper or by telephone.
    """
    to = context.directory.get(asked["to"])
    outside = to is not None and to.outside and actor in _now(asked["by"], context)
    return not asked.get("answered_on") and (outside or actor in _now(asked["to"], context))


def _now(code: str | None, context: DecisionContext) -> tuple[str, ...]:
    """An organisation, and once its last day is over who acts for it."""
    if not code:
        return ()
    acting = context.acting(code)
    return (code,) if acting == code else (code, acting)


def _has_a_part(
    case: Case, actor: str, played: Mapping[str, str], context: DecisionContext
) -> bool:
    if any(
        actor in _now(code, context) for code in (*played.values(), *(a["to"] for a in case.asks))
    ):
        return True
    return any(
        context.directory.within(played[p], actor) for p in ("origin", "destination") if p in played
    )


def allowed(case: Case, actor: str, context: DecisionContext) -> Iterator[str]:
    """The commands that ``actor`` may give now: legal in this state and within its part."""
    for command in states.COMMANDS:
        legal = (case.state, command) in states.TRANSITIONS
        if (
            legal
            and may(case, command, actor, context)
            and not _nothing_to_do(case, command, context)
        ):
            yield command


def _nothing_to_do(case: Case, command: str, context: DecisionContext) -> bool:
    """Whether there is nothing (left) for the command to do, though the state allows it."""
    if command == "record_paper_receipt":  # a receiver who uses guidui records it
        receiver = context.directory.get(case.destination)
        return receiver is None or not receiver.outside
    if command == "rule":
        return case.state == states.TRIAGED and case.rule != "B35"
    if command in ("pause", "resume"):
        return bool(case.paused) == (command == "pause")
    if command == "acknowledge":
        return case.acknowledged_on is not None
    return command == "add_channel" and case.letter_channel == "both"
