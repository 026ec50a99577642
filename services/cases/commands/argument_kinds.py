"""What each argument of a command is: the table that every reader of ``Arguments`` is held to.

A kind that *names* something (``NAMING``) is looked up as the caller: ``Arguments`` has no reader
that would take such an argument as mere text. Whoever adds a command adds its line here; without
one no argument of it can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """What an argument is."""

    TEXT = "text"
    TEXTS = "texts"
    FLAG = "flag"
    CHOICE = "choice"
    NUMBER = "number"
    DAY = "day"
    MONTH = "month"
    FACTS = "facts"  # circumstances, plain values
    ARGUMENTS = "arguments"  # of another command: what is given to all of a batch
    # any of the register: sending somebody there, or asking there, is what it is for
    ORGANISATION = "organisation"
    HOST = "host"  # the same, or the name of one that the register does not have
    BRANCH = "branch"  # an organisation within the receiving committee of this case
    CASE = "case"  # a case in which the caller has a part
    LETTER = "letter"  # the number of this case's letter
    DEPARTMENT = "department"  # the code of the department whose approval this case needs
    REPORT = "report"  # the id of an event that is kept as a report beside this case


# an unknown one and one of somebody else's are answered alike: 422 naming the field, in the same
# words
NAMING = frozenset({Kind.BRANCH, Kind.CASE, Kind.LETTER, Kind.DEPARTMENT, Kind.REPORT})
# names of the register, which everybody may look up: there is nothing to hide in them
PUBLIC = frozenset({Kind.ORGANISATION, Kind.HOST})

_DECISION = {"decided_by": Kind.TEXT, "meeting_on": Kind.DAY, "approved_by": Kind.TEXT}
_LETTER = {"channel": Kind.CHOICE, "validity_days": Kind.NUMBER}
_REASON = {"reason": Kind.TEXT}

ARGUMENTS: Mapping[str, Mapping[str, Kind]] = {
    "triage": {"category": Kind.CHOICE, "circumstances": Kind.FACTS, "from_report": Kind.REPORT},
    "confirm_destination": {"organisation": Kind.ORGANISATION, "member_informed": Kind.FLAG},
    "approve_stay": {"reason": Kind.TEXT, "review_on": Kind.DAY, "contact_interval": Kind.NUMBER},
    "register_floating": {"permit_no": Kind.TEXT, "host": Kind.HOST, "host_contact": Kind.TEXT},
    "acknowledge": {"contact": Kind.TEXT},
    "reopen": _REASON,
    "submit": {"dues_paid_to": Kind.MONTH},
    "send_back": _REASON,
    "issue_letter": _LETTER,
    "hand_over": {"handed_to": Kind.CHOICE},
    "add_channel": _REASON,
    "record_arrival": {"letter_number": Kind.LETTER},
    "forward": {"organisation": Kind.ORGANISATION},
    "accept": {"late_decision": Kind.TEXT, "archive_checked": Kind.FLAG},
    "return_for_cure": {"defects": Kind.TEXTS},
    "refuse": {"reason": Kind.TEXT, "proposed": Kind.ORGANISATION, "evidence": Kind.TEXT},
    "cure": {"evidence": Kind.TEXT},
    "redirect": {"organisation": Kind.ORGANISATION},
    "rule": {
        "decision": Kind.CHOICE,
        "organisation": Kind.ORGANISATION,
        "meeting_on": Kind.DAY,
        "review_on": Kind.DAY,
    },
    "place": {"branch": Kind.BRANCH},
    "record_talk": {"on": Kind.DAY},
    "send_receipt": {"handler": Kind.TEXT, "phone": Kind.TEXT},
    "record_receipt": {"number": Kind.TEXT, "handler": Kind.TEXT, "on": Kind.DAY},
    "report_lost": _REASON,
    "reissue": {**_REASON, **_LETTER, "approval": Kind.DEPARTMENT},
    "mark_unreachable": {"attempts": Kind.TEXTS},
    "found": {"how": Kind.TEXT},
    "mark_lost": {},
    "suspend": _DECISION,
    "restore": _DECISION,
    "strike_off": _DECISION,
    "merge": {"into": Kind.CASE},
    "cancel": _REASON,
    "close": {"reason": Kind.CHOICE},
    "reroute": {"organisation": Kind.ORGANISATION, "reason": Kind.TEXT},
    "record_paper_receipt": {"number": Kind.TEXT, "accepted_on": Kind.DAY, "handler": Kind.TEXT},
    "ask": {"organisation": Kind.ORGANISATION, "text": Kind.TEXT, "due_on": Kind.DAY},
    "answer": {"text": Kind.TEXT},
    "note": {"text": Kind.TEXT, "obstacle": Kind.CHOICE},
    "pause": {},
    "resume": {},
    "give_to_all": {"order": Kind.CHOICE, "with": Kind.ARGUMENTS, "start_on": Kind.DAY},
}


def named_in(command: str, kind: Kind) -> tuple[str, ...]:
    """The arguments of a command that are of this kind."""
    return tuple(name for name, declared in ARGUMENTS.get(command, {}).items() if declared is kind)
