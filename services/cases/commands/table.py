"""The table of commands: what each changes of a case, and the rule that it follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.cases.commands import (
    correspondence,
    destination,
    letter,
    reception,
    standing,
    stay,
    whole_batch,
)
from services.cases.commands.arguments import Arguments
from services.cases.model.case import Case, DecisionContext

Effect = Callable[[Case, Arguments, DecisionContext], Case]


@dataclass(frozen=True)
class Command:
    """What a command changes of a case, and the rule that it follows, in one sentence."""

    effect: Effect
    rule: str


COMMANDS: Mapping[str, Command] = {
    "triage": Command(
        destination.triage,
        "Whoever leaves a unit or a home for good must move, and the category decides "
        "where to (条例 art. 25; rules.md §2.1 T2, §3).",
    ),
    "confirm_destination": Command(
        destination.confirm_destination,
        "A letter goes only to a destination that the directory knows and the member has "
        "heard of (rules.md T22, §C.1 C2).",
    ),
    "approve_stay": Command(
        stay.approve_stay,
        "A stay is legitimate only with a reason and a review date (rules.md §3, §C.1 C3).",
    ),
    "register_floating": Command(
        stay.register_floating,
        "Where place or time is uncertain the member travels with a 活动证 and stays "
        "with the origin (rules.md §2.3, B3).",
    ),
    "acknowledge": Command(
        stay.acknowledge,
        "The host takes a floating member into its organisational life and names a "
        "contact (rules.md §2.3, §C.1 C4).",
    ),
    "reopen": Command(
        destination.reopen,
        "A stay or a floating registration ends where the place becomes fixed or the "
        "review is due (rules.md §C.1 C3, C4, C17, C15r).",
    ),
    "submit": Command(
        letter.submit,
        "Dues are paid up to the month of the transfer (rules.md T11).",
    ),
    "send_back": Command(
        letter.send_back,
        "A committee that does not approve returns the case to the branch (rules.md §C.1 C5).",
    ),
    "issue_letter": Command(
        letter.issue_letter,
        "A committee with authority transfers directly nationwide, by a letter valid "
        "for at most 3 months (条例 art. 25; rules.md T3, T9).",
    ),
    "hand_over": Command(
        letter.hand_over,
        "The member carries the letter in person (rules.md T8, §C.1 C7).",
    ),
    "add_channel": Command(
        letter.add_channel,
        "A destination outside the exchange of the national system needs the letter on "
        "paper as well (rules.md §2.2 step 6).",
    ),
    "record_arrival": Command(
        reception.record_arrival,
        "Who sees the member first may be the header organisation or a county department "
        "(rules.md §C.1 C8).",
    ),
    "forward": Command(
        reception.forward,
        "A county department routes a letter to the organisation that receives (rules.md "
        "§2.2 step 6, §C.1 C8).",
    ),
    "accept": Command(
        reception.accept,
        "Only acceptance moves the member, and after expiry only by a recorded "
        "decision (条例 art. 25; rules.md §C.4 no. 1, 6).",
    ),
    "return_for_cure": Command(
        reception.return_for_cure,
        "A receiver tells all curable defects once (rules.md §C.1 C10).",
    ),
    "refuse": Command(
        reception.refuse_arrival,
        "No organisation refuses without cause; an unlisted reason or a second refusal "
        "escalates (条例 art. 25; rules.md T5, C10e).",
    ),
    "cure": Command(
        reception.cure,
        "What has been cured is before the receiver again, as an arrival (rules.md §C.1 C10).",
    ),
    "redirect": Command(
        destination.redirect,
        "A refusal gives the case back to the origin, which looks for another "
        "destination (rules.md §C.1 C10, §C.4 no. 2, 3).",
    ),
    "rule": Command(
        destination.give_ruling,
        "The lowest common superior decides where the ends disagree, the county "
        "department where doubt remains (rules.md C10e, B35).",
    ),
    "place": Command(
        reception.place,
        "Every member is placed in a branch, group or other specific organisation (条例 "
        "art. 25; rules.md T1).",
    ),
    "record_talk": Command(
        reception.record_talk,
        "The branch talks with a member within 7 days of placement (rules.md §C.2 t8).",
    ),
    "send_receipt": Command(
        letter.send_receipt,
        "The receiving committee returns the receipt within one month of acceptance "
        "(rules.md T13, §C.2 t9).",
    ),
    "record_receipt": Command(
        letter.record_receipt,
        "The receipt is pasted on the counterfoil, and with it the origin closes its "
        "record (rules.md T13, §C.1 C14).",
    ),
    "report_lost": Command(
        letter.report_lost,
        "A lost letter is reported at once and its number made void (rules.md T19, §C.4 no. 3).",
    ),
    "reissue": Command(
        letter.reissue,
        "Within 6 months of the transfer-out the issuer writes again, later only "
        "with the county's approval (组通字〔2015〕33号; rules.md T17, t11).",
    ),
    "mark_unreachable": Command(
        standing.mark_unreachable,
        "A member counts as unreachable only after recorded attempts; the state "
        "interrupted is remembered (rules.md §C.1 C13).",
    ),
    "found": Command(
        standing.find_member,
        "A member who is found resumes the state that was interrupted (rules.md §C.1 C13, C15).",
    ),
    "mark_lost": Command(
        standing.mark_lost,
        "失联 counts from 6 months after the last organisational life or dues (条例 art. "
        "24; rules.md §C.2 t13).",
    ),
    "suspend": Command(
        standing.suspend,
        "A branch meeting decides on suspension and a superior approves; no clock does "
        "(条例 art. 24; rules.md §C.4 no. 7).",
    ),
    "restore": Command(
        standing.restore,
        "A member found again applies, is examined and is restored with approval from "
        "above (rules.md §C.1 C15r).",
    ),
    "strike_off": Command(
        standing.strike_off,
        "A member still not found 2 years after suspension is struck off, by decision "
        "(条例 art. 24; rules.md §C.2 t16).",
    ),
    "merge": Command(
        correspondence.merge,
        "A member has one open move; a duplicate points to the case that survives "
        "(rules.md §C.1 C16, §C.4 no. 4).",
    ),
    "cancel": Command(
        letter.cancel,
        "Until acceptance the origin may revoke, and the member stays where they were "
        "(rules.md §C.1 C17).",
    ),
    "close": Command(
        standing.close,
        "A case ends without a move for a stay, a death, leaving the party or a "
        "withdrawn event (rules.md §C.1 C18).",
    ),
    "reroute": Command(
        destination.reroute,
        "A job changed before the letter landed: void it and route anew, the member "
        "waits for nothing (rules.md B21).",
    ),
    "record_paper_receipt": Command(
        letter.record_paper_receipt,
        "Where the target is not connected, the origin closes its record after the paper "
        "receipt (rules.md §2.2 step 6).",
    ),
    "ask": Command(
        correspondence.ask,
        "The origin contacts the destination regularly, and the destination feeds back "
        "(rules.md T20).",
    ),
    "answer": Command(
        correspondence.answer,
        "The destination verifies and feeds back (rules.md T20).",
    ),
    "note": Command(
        correspondence.note,
        "Why a member does not move is kept as a code of the six groups (rules.md §1.1).",
    ),
    "pause": Command(
        whole_batch.pause,
        "A batch runs as its sending committee says, each member a full case (rules.md §C.1 CB).",
    ),
    "resume": Command(
        whole_batch.resume,
        "A batch runs as its sending committee says, each member a full case (rules.md §C.1 CB).",
    ),
    "give_to_all": Command(
        whole_batch.give_to_all,
        "One letter with a roster moves a whole organisation, yet success is visible per "
        "member (rules.md T7, §C.4 no. 8).",
    ),
}
"""What people may do to a case: the function that says what changes, and the rule behind it."""
