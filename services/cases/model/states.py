"""The states of a transfer case, its commands and the table of legal moves (interface.md §6,
rules.md §C.1).

``TRANSITIONS`` is the only place that says which move is legal. The database holds a copy in table
``transition`` (a test compares them), so that no SQL of the application can make another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

ANNOUNCED, TRIAGED, DESTINATION_CONFIRMED = "announced", "triaged", "destination_confirmed"
STAY_APPROVED, FLOATING_REGISTERED, OUT_APPROVAL = (
    "stay_approved",
    "floating_registered",
    "out_approval",
)
LETTER_ISSUED, IN_TRANSIT, ARRIVED, ACCEPTED, PLACED = (
    "letter_issued",
    "in_transit",
    "arrived",
    "accepted",
    "placed",
)
RETURNED, ESCALATED, LETTER_EXPIRED, LETTER_VOID = (
    "returned",
    "escalated",
    "letter_expired",
    "letter_void",
)
UNREACHABLE, RECEIPT_SENT, MOVED, LOST_CONTACT = (
    "unreachable",
    "receipt_sent",
    "moved",
    "lost_contact",
)
SUSPENDED, RESTORED, STRUCK_OFF, MERGED = "suspended", "restored", "struck_off", "merged"
CANCELLED, CLOSED, BULK_OPEN, BULK_CLOSED = (
    "cancelled",
    "closed_without_move",
    "bulk_open",
    "bulk_closed",
)

STATES: Mapping[str, tuple[str, str]] = {
    ANNOUNCED: ("已报离", "announced"),
    TRIAGED: ("已研判", "triaged"),
    DESTINATION_CONFIRMED: ("去向已确认", "destination confirmed"),
    STAY_APPROVED: ("批准暂留", "stay approved"),
    FLOATING_REGISTERED: ("流动登记", "floating, registered"),
    OUT_APPROVAL: ("转出审批", "in approval for transfer out"),
    LETTER_ISSUED: ("介绍信已开", "letter issued"),
    IN_TRANSIT: ("本人持信在途", "letter with the member"),
    ARRIVED: ("已报到", "arrived"),
    ACCEPTED: ("已接收", "accepted"),
    PLACED: ("已编入支部", "placed in a branch"),
    RETURNED: ("已退回", "returned"),
    ESCALATED: ("待上级裁定", "awaiting a ruling"),
    LETTER_EXPIRED: ("介绍信已过期", "letter expired"),
    LETTER_VOID: ("介绍信已作废", "letter void"),
    UNREACHABLE: ("联系不上", "member unreachable"),
    RECEIPT_SENT: ("回执已寄出", "receipt sent"),
    MOVED: ("已归队", "moved"),
    LOST_CONTACT: ("失联", "lost contact"),
    SUSPENDED: ("停止党籍", "membership suspended"),
    RESTORED: ("恢复党籍", "membership restored"),
    STRUCK_OFF: ("除名", "struck off"),
    MERGED: ("已并案", "merged"),
    CANCELLED: ("转出已撤销", "transfer cancelled"),
    CLOSED: ("未转移结案", "closed without a move"),
    BULK_OPEN: ("批次办理中", "batch open"),
    BULK_CLOSED: ("批次办结", "batch closed"),
}

ENDED = (MOVED, MERGED, STRUCK_OFF, CLOSED)
"""How the case of one member ends."""
TERMINAL = frozenset({*ENDED, BULK_CLOSED})
OPEN = frozenset(STATES) - TERMINAL
# a member has at most one case that stands before `accepted` (interface.md §7.1)
BEFORE_ACCEPTED = OPEN - {ACCEPTED, PLACED, RECEIPT_SENT, BULK_OPEN}
# a stay that was approved is where the member belongs
UNSETTLED = BEFORE_ACCEPTED - {STAY_APPROVED}
CUSTODY = frozenset({ACCEPTED, PLACED, RECEIPT_SENT})
LETTER_OUT = frozenset({LETTER_ISSUED, IN_TRANSIT})
EXPECTED = frozenset(
    {
        TRIAGED,
        DESTINATION_CONFIRMED,
        OUT_APPROVAL,
        LETTER_ISSUED,
        IN_TRANSIT,
        LETTER_EXPIRED,
        LETTER_VOID,
    }
)
# rules.md §C.3 "unaffiliated risk": C0-C8, C10, C11, C12, C13
RISK = frozenset(
    {
        ANNOUNCED,
        TRIAGED,
        DESTINATION_CONFIRMED,
        STAY_APPROVED,
        FLOATING_REGISTERED,
        OUT_APPROVAL,
        LETTER_ISSUED,
        IN_TRANSIT,
        ARRIVED,
        RETURNED,
        LETTER_EXPIRED,
        LETTER_VOID,
        UNREACHABLE,
    }
)

_MOVES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    # command, from, to ("=" leaves the state unchanged)
    ("triage", (ANNOUNCED,), (TRIAGED,)),
    ("match", (ANNOUNCED,), (TRIAGED,)),
    ("confirm_destination", (TRIAGED,), (DESTINATION_CONFIRMED,)),
    ("approve_stay", (TRIAGED, DESTINATION_CONFIRMED, FLOATING_REGISTERED), (STAY_APPROVED,)),
    ("register_floating", (TRIAGED, STAY_APPROVED), (FLOATING_REGISTERED,)),
    ("acknowledge", (FLOATING_REGISTERED,), ("=",)),
    ("reopen", (STAY_APPROVED, FLOATING_REGISTERED, CANCELLED, RESTORED), (TRIAGED,)),
    ("submit", (DESTINATION_CONFIRMED, RETURNED), (OUT_APPROVAL,)),
    ("send_back", (OUT_APPROVAL,), (TRIAGED,)),
    ("issue_letter", (OUT_APPROVAL,), (LETTER_ISSUED,)),
    ("hand_over", (LETTER_ISSUED,), (IN_TRANSIT,)),
    ("add_channel", (LETTER_ISSUED, IN_TRANSIT), ("=",)),
    ("record_arrival", (LETTER_ISSUED, IN_TRANSIT, LETTER_EXPIRED), (ARRIVED,)),
    ("forward", (ARRIVED,), ("=",)),
    ("accept", (ARRIVED,), (ACCEPTED,)),
    ("return_for_cure", (ARRIVED,), (RETURNED,)),
    ("refuse", (ARRIVED,), (RETURNED, ESCALATED)),
    ("cure", (RETURNED,), (ARRIVED,)),
    ("redirect", (RETURNED,), (DESTINATION_CONFIRMED,)),
    ("rule", (ESCALATED,), (ARRIVED, DESTINATION_CONFIRMED, STAY_APPROVED)),
    ("rule", (TRIAGED,), (DESTINATION_CONFIRMED, STAY_APPROVED)),
    ("place", (ACCEPTED,), (PLACED, RECEIPT_SENT)),
    ("record_talk", (PLACED, RECEIPT_SENT), ("=",)),
    ("send_receipt", (PLACED,), (RECEIPT_SENT,)),
    ("send_receipt", (ACCEPTED,), ("=",)),
    ("record_receipt", (RECEIPT_SENT,), (MOVED,)),
    ("report_lost", (LETTER_ISSUED, IN_TRANSIT, LETTER_EXPIRED), (LETTER_VOID,)),
    ("reissue", (LETTER_EXPIRED, LETTER_VOID), (LETTER_ISSUED,)),
    (
        "mark_unreachable",
        (TRIAGED, STAY_APPROVED, FLOATING_REGISTERED, IN_TRANSIT, LETTER_EXPIRED),
        (UNREACHABLE,),
    ),
    (
        "found",
        (UNREACHABLE,),
        (TRIAGED, STAY_APPROVED, FLOATING_REGISTERED, IN_TRANSIT, LETTER_EXPIRED),
    ),
    ("found", (LOST_CONTACT,), (TRIAGED,)),
    ("mark_lost", (UNREACHABLE,), (LOST_CONTACT,)),
    ("suspend", (LOST_CONTACT, STAY_APPROVED), (SUSPENDED,)),
    ("restore", (SUSPENDED,), (RESTORED,)),
    ("strike_off", (SUSPENDED,), (STRUCK_OFF,)),
    ("merge", tuple(sorted(OPEN - {BULK_OPEN})), (MERGED,)),
    (
        "cancel",
        (OUT_APPROVAL, LETTER_ISSUED, IN_TRANSIT, LETTER_EXPIRED, LETTER_VOID),
        (CANCELLED,),
    ),
    ("close", (ANNOUNCED, TRIAGED, STAY_APPROVED, FLOATING_REGISTERED, CANCELLED), (CLOSED,)),
    ("reroute", (LETTER_ISSUED, IN_TRANSIT, LETTER_EXPIRED, LETTER_VOID), (DESTINATION_CONFIRMED,)),
    ("record_paper_receipt", (LETTER_ISSUED, IN_TRANSIT, LETTER_EXPIRED), (MOVED,)),
    ("ask", tuple(sorted(OPEN)), ("=",)),
    ("answer", tuple(sorted(OPEN)), ("=",)),
    ("note", tuple(sorted(OPEN)), ("=",)),
    # what the clock and the matcher do, by themselves, without moving a standing
    ("expire", (LETTER_ISSUED, IN_TRANSIT), (LETTER_EXPIRED,)),
    ("fall_back", (LETTER_ISSUED, IN_TRANSIT), ("=",)),
    ("withdraw", (ANNOUNCED, TRIAGED), (CLOSED,)),
    ("undo_match", tuple(sorted(OPEN - {BULK_OPEN})), ("=",)),
    ("undo_match", tuple(sorted(BEFORE_ACCEPTED)), (CLOSED,)),
    ("undo_match", (MOVED, STRUCK_OFF, CLOSED), ("=",)),
    ("join", tuple(sorted(OPEN)), ("=",)),
    ("report", tuple(sorted(BEFORE_ACCEPTED)), ("=",)),
    ("state_facts", (ANNOUNCED, TRIAGED), (TRIAGED, ANNOUNCED)),
    ("identify", tuple(sorted(BEFORE_ACCEPTED)), ("=",)),
    ("identify", (ANNOUNCED, TRIAGED), (MERGED,)),
    ("on_paper", (LETTER_ISSUED, IN_TRANSIT, LETTER_EXPIRED), ("=",)),
    ("contact", tuple(sorted(OPEN)), ("=",)),
    ("tree_changed", tuple(sorted(OPEN)), ("=",)),
    ("close_bulk", (BULK_OPEN,), (BULK_CLOSED,)),
    ("pause", (BULK_OPEN,), ("=",)),
    ("resume", (BULK_OPEN,), ("=",)),
    ("give_to_all", (BULK_OPEN,), ("=",)),
)

# (from, command) -> where it may lead; opening has no state before it
TRANSITIONS: dict[tuple[str | None, str], frozenset[str]] = {
    (None, "open"): frozenset({ANNOUNCED}),
    (None, "open_bulk"): frozenset({BULK_OPEN}),
    (None, "open_backlog"): frozenset({LETTER_ISSUED}),
}
for _command, _from, _to in _MOVES:
    for _state in _from:
        _targets = frozenset(_state if t == "=" else t for t in _to)
        TRANSITIONS[_state, _command] = TRANSITIONS.get((_state, _command), frozenset()) | _targets

# what is written in these is for everybody with a part in the case: the two ends work with it
SHARED = frozenset(
    {
        "ask",
        "answer",
        "note",
        "return_for_cure",
        "refuse",
        "cure",
        "redirect",
        "rule",
        "reroute",
        "forward",
        "accept",
        "record_arrival",
        "record_talk",
        "send_receipt",
        "record_receipt",
        "record_paper_receipt",
        "register_floating",
        "acknowledge",
    }
)
# commands that people give over HTTP and on the pages; the others belong to the matcher and the
# clock
COMMANDS: Mapping[str, tuple[str, str]] = {
    "triage": ("研判", "triage"),
    "confirm_destination": ("确认去向", "confirm the destination"),
    "approve_stay": ("批准暂留", "approve a stay"),
    "register_floating": ("流动登记", "register as floating"),
    "acknowledge": ("确认活动证", "acknowledge the permit"),
    "reopen": ("重新研判", "reopen"),
    "submit": ("报送转出", "submit for approval"),
    "send_back": ("退回支部", "send back to the branch"),
    "issue_letter": ("开具介绍信", "issue the letter"),
    "hand_over": ("交本人", "hand the letter over"),
    "add_channel": ("加开另一渠道", "send by the other channel too"),
    "record_arrival": ("登记报到", "record the arrival"),
    "forward": ("转交", "forward"),
    "accept": ("接收", "accept"),
    "return_for_cure": ("一次告知缺项", "return for completion"),
    "refuse": ("退回（选理由）", "refuse with a reason"),
    "cure": ("补齐", "complete"),
    "redirect": ("改投", "redirect"),
    "rule": ("裁定", "rule"),
    "place": ("编入支部", "place in a branch"),
    "record_talk": ("登记谈话", "record the talk"),
    "send_receipt": ("寄回执", "send the receipt"),
    "record_receipt": ("登记回执", "record the receipt"),
    "report_lost": ("挂失介绍信", "report the letter lost"),
    "reissue": ("重开介绍信", "issue the letter again"),
    "mark_unreachable": ("登记联系不上", "mark as unreachable"),
    "found": ("已联系上", "found"),
    "mark_lost": ("登记失联", "mark as lost"),
    "suspend": ("停止党籍", "suspend"),
    "restore": ("恢复党籍", "restore"),
    "strike_off": ("除名", "strike off"),
    "merge": ("并案", "merge"),
    "cancel": ("撤销转出", "cancel"),
    "close": ("结案", "close"),
    "reroute": ("改变去向", "reroute"),
    "record_paper_receipt": ("登记纸质回执", "record the paper receipt"),
    "ask": ("询问", "ask"),
    "answer": ("答复", "answer"),
    "note": ("备注", "note"),
    "pause": ("暂停批次", "pause the batch"),
    "resume": ("恢复批次", "resume the batch"),
    "give_to_all": ("全批办理", "act for the whole batch"),
}

# what the matcher and the clock do, as the history page calls it
ACTS: Mapping[str, tuple[str, str]] = {
    **COMMANDS,
    "open": ("报来离开", "departure posted"),
    "open_bulk": ("报来批次", "batch posted"),
    "open_backlog": ("由存根建档", "opened from a counterfoil"),
    "match": ("系统研判", "matched"),
    "expire": ("介绍信过期", "letter ran out"),
    "fall_back": ("自动加走另一渠道", "sent by the other channel too"),
    "withdraw": ("报送撤回", "posting withdrawn"),
    "join": ("又有报送", "another posting joined"),
    "report": ("他方报告", "reported by another organisation"),
    "state_facts": ("情况更新", "facts restated"),
    "identify": ("核定本人", "person identified"),
    "on_paper": ("据纸质件登记", "recorded from paper"),
    "contact": ("联系到本人", "member contacted"),
    "tree_changed": ("组织调整", "organisations changed"),
    "close_bulk": ("批次办结", "batch closed"),
    "undo_match": ("纠正认错的人", "wrong identification undone"),
}

CATEGORIES: Mapping[str, tuple[str, str]] = {
    "relocation": ("搬迁", "relocation"),
    "retirement": ("退休", "retirement"),
    "layoff": ("下岗", "layoff"),
    "graduation": ("毕业", "graduation"),
    "demobilisation": ("退伍", "demobilisation"),
    "job_change": ("换工作", "job change"),
    "migrant_work": ("外出务工", "migrant work"),
    "study_abroad": ("出国学习", "study abroad"),
    "return_from_abroad": ("回国", "return from abroad"),
    "restructuring": ("企业改制", "restructuring"),
    "dispatch": ("劳务派遣", "dispatch"),
    "platform_work": ("新就业形态", "platform work"),
    "death": ("去世", "death"),
    "other": ("其他", "other"),
}

OBSTACLES = (
    "no_time",
    "no_contact",
    "hides_membership",
    "unwilling",
    "troublesome",
    "claims_old_unit",
    "still_in_old_unit",
    "job_hunting",
    "weak_awareness",
    "receiver_declines",
    "letter_lost",
    "address_unknown",
    "other",
)
REFUSAL_REASONS = (
    "no_power",
    "wrong_organisation",
    "not_a_member",
    "status_defect",
    "archive_defect",
    "not_living_here",
    "duplicate",
)
# what may be given to all members of a batch at once: acts of the side that sends, which need no
# paper of each member
TO_ALL = (
    "triage",
    "confirm_destination",
    "approve_stay",
    "reopen",
    "submit",
    "send_back",
    "issue_letter",
    "hand_over",
    "record_receipt",
    "cancel",
    "close",
    "note",
)
CLOSE_REASONS = ("stay", "deceased", "left_the_party", "event_withdrawn")
FLOATING_CLASS = {
    "migrant_work": 1,
    "relocation": 2,
    "layoff": 4,
    "restructuring": 4,
    "graduation": 5,
    "demobilisation": 5,
    "job_change": 6,
    "platform_work": 6,
    "dispatch": 6,
}


def in_sql(words: Iterable[str]) -> str:
    """States, or other words of this module, as a list in SQL: ``('moved', 'merged')``."""
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"
