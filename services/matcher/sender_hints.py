"""What a sender (and the desk) is told beside the decision on a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Connection

from services.kit.db.engine import rows
from services.kit.errors import Words
from services.matcher.announcements import Announcement

if TYPE_CHECKING:
    from services.matcher.people import Decision

TWICE, JOINED, ENDED, SUSPENDED = (
    "twice_in_roster",
    "joined_open_case",
    "standing_ended",
    "standing_suspended",
)
MOVED, NO_KEY, NO_SUCH_TOKEN, OTHER_REFERENCE = (
    "already_moved",
    "no_token_key",
    "token_unknown",
    "reference_differs",
)
# why a person of an event is rejected
OTHER_NAME, OTHER_NUMBER, TOO_MANY_OPEN = (
    "reference_of_another",
    "number_of_another",
    "too_many_open_reviews",
)

WORDS: dict[str, Words] = {
    TWICE: Words(
        "名册里不止一行是这名党员，只办一件。",
        "More than one row of the roster is this member; one case covers them.",
    ),
    JOINED: Words(
        "这名党员已有一件转移在办，本次报送并入其中。",
        "This member's transfer is under way; this posting joined it.",
    ),
    ENDED: Words(
        "登记册载明这名党员已出党或去世，请先核对。",
        "The register says that this member has left the Party or died; check first.",
    ),
    SUSPENDED: Words(
        "登记册载明这名党员已停止党籍。",
        "The register says that this member's membership is suspended.",
    ),
    MOVED: Words(
        "这名党员的组织关系此前已从贵单位转出。",
        "This member's relation has been transferred out of your organisation before.",
    ),
    NO_KEY: Words(
        "尚未与贵单位约定令牌密钥，id_token 无法比对；请联系管理员。",
        "No token key is agreed with your organisation, so id_token cannot be compared; ask the "
        "administrator.",
    ),
    OTHER_REFERENCE: Words(
        "编号 member 所指的党员，姓名或身份证号码与报送的不符。",
        "The member whom the reference names has another name or number than was posted.",
    ),
    OTHER_NAME: Words(
        "编号 member 登记在别的姓名之下，这条报送没有受理；请核对编号和姓名，"
        "改正后用新编号重新报送。",
        "The reference member is registered under another name, so this was not taken; check both "
        "and post "
        "it again with a new id.",
    ),
    OTHER_NUMBER: Words(
        "身份证号码登记在别的姓名之下，这条报送没有受理；请核对号码和姓名，"
        "改正后用新编号重新报送。",
        "The id_number is registered under another name, so this was not taken; check both and "
        "post it "
        "again with a new id.",
    ),
    TOO_MANY_OPEN: Words(
        "贵单位报送的、要由别的组织核对身份的人已达上限，这条报送没有受理；请等前面的有了结论，"
        "或撤回不再需要的，再用新编号报送，并写明身份证号码以便直接认定。",
        "Too many persons whom you posted wait for other organisations to say who they are, so "
        "this was "
        "not taken; wait until some are decided, or withdraw what is not needed, then post it "
        "again with "
        "a new id, and with the id_number, which needs nobody's decision.",
    ),
    NO_SUCH_TOKEN: Words(
        "登记册中没有与 id_token 相符的号码。", "No number in the register fits the id_token."
    ),
}


def spoken(codes: Iterable[str] | None) -> list[tuple[str, Words]]:
    """Codes with their sentences."""
    return [(code, WORDS[code]) for code in codes or () if code in WORDS]


def hints_of(
    tx: Connection,
    told: Sequence[Announcement],
    found: Mapping[Any, Decision],
    joined: set[tuple[UUID, int]],
    reported: Sequence[Announcement] = (),
) -> dict[tuple[UUID, int], list[str]]:
    """What the senders are told of their persons: named twice, joined a case that stood, had moved
    away before.

    Of those ``reported`` only this last is told, and only to the organisation they left.
    """
    codes = _reported(tx, reported, found)
    who = {(a.event, a.position): found[a.event, a.position].member for a in told}
    rosters = Counter(
        (a.parent_id if a.group else a.event, who[a.event, a.position]) for a in told if a.opens
    )
    away = {(member, a.path) for a in told if (member := who[a.event, a.position]) and a.opens}
    moved = already_moved(tx, sorted(away))
    for one in told:
        slot, member = (one.event, one.position), who[one.event, one.position]
        if member and one.opens:
            codes[slot] = [
                code
                for code, holds in (
                    (TWICE, rosters[one.parent_id if one.group else one.event, member] > 1),
                    (JOINED, slot in joined),
                    (MOVED, (member, one.path) in moved),
                )
                if holds
            ]
    return codes


def _reported(
    tx: Connection, reported: Sequence[Announcement], found: Mapping[Any, Decision]
) -> dict[tuple[UUID, int], list[str]]:
    named = [(one, found[one.event, one.position].member or "") for one in reported if one.opens]
    moved = already_moved(tx, sorted({(member, one.path) for one, member in named}))
    return {
        (one.event, one.position): [MOVED] for one, member in named if (member, one.path) in moved
    }


def already_moved(tx: Connection, pairs: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Of (member, path of the sender) those where a case of that member was accepted away from the
    sender's tree.
    """
    if not pairs:
        return set()
    found = rows(
        tx,
        """SELECT a.member, a.path
        FROM unnest(CAST(:m AS text[]), CAST(:p AS text[])) AS a (member, path)
        WHERE EXISTS (SELECT FROM transfer_case c WHERE c.member = a.member
            AND c.accepted_on IS NOT NULL
                      AND starts_with(c.origin_path, a.path))""",
        {"m": [m for m, _ in pairs], "p": [p for _, p in pairs]},
    )
    return {(row.member, row.path) for row in found}
