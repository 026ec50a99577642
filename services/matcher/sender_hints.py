"""What a sender (and the desk) is told beside the decision on a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from services.kit.db.engine import rows
from services.kit.errors import Text
from services.matcher.announcements import Announcement, Place
from services.matcher.decision import Decision

TWICE = "twice_in_roster"
JOINED = "joined_open_case"
ENDED = "standing_ended"
SUSPENDED = "standing_suspended"
MOVED = "already_moved"
NO_KEY = "no_token_key"
NO_SUCH_TOKEN = "token_unknown"
OTHER_REFERENCE = "reference_differs"
# why a person of an event is rejected
OTHER_NAME = "reference_of_another"
OTHER_NUMBER = "number_of_another"
TOO_MANY_OPEN = "too_many_open_reviews"
_ALREADY_MOVED = """
SELECT a.member, a.path
FROM unnest(CAST(:members AS text[]), CAST(:paths AS text[])) AS a (member, path)
WHERE EXISTS (SELECT FROM transfer_case c
              WHERE c.member = a.member AND c.accepted_on IS NOT NULL
                  AND starts_with(c.origin_path, a.path))"""

WORDS: dict[str, Text] = {
    TWICE: Text(
        "名册里不止一行是这名党员，只办一件。",
        "More than one row of the roster is this member; one case covers them.",
    ),
    JOINED: Text(
        "这名党员已有一件转移在办，本次报送并入其中。",
        "This member's transfer is under way; this posting joined it.",
    ),
    ENDED: Text(
        "登记册载明这名党员已出党或去世，请先核对。",
        "The register says that this member has left the Party or died; check first.",
    ),
    SUSPENDED: Text(
        "登记册载明这名党员已停止党籍。",
        "The register says that this member's membership is suspended.",
    ),
    MOVED: Text(
        "这名党员的组织关系此前已从贵单位转出。",
        "This member's relation has been transferred out of your organisation before.",
    ),
    NO_KEY: Text(
        "尚未与贵单位约定令牌密钥，id_token 无法比对；请联系管理员。",
        "No token key is agreed with your organisation, so id_token cannot be compared; ask the "
        "administrator.",
    ),
    OTHER_REFERENCE: Text(
        "编号 member 所指的党员，姓名或身份证号码与报送的不符。",
        "The member whom the reference names has another name or number than was posted.",
    ),
    OTHER_NAME: Text(
        "编号 member 登记在别的姓名之下，这条报送没有受理；请核对编号和姓名，"
        "改正后用新编号重新报送。",
        "The reference member is registered under another name, so this was not taken; check both "
        "and post it again with a new id.",
    ),
    OTHER_NUMBER: Text(
        "身份证号码登记在别的姓名之下，这条报送没有受理；请核对号码和姓名，"
        "改正后用新编号重新报送。",
        "The id_number is registered under another name, so this was not taken; check both and "
        "post it again with a new id.",
    ),
    TOO_MANY_OPEN: Text(
        "贵单位报送的、要由别的组织核对身份的人已达上限，这条报送没有受理；请等前面的有了结论，"
        "或撤回不再需要的，再用新编号报送，并写明身份证号码以便直接认定。",
        "Too many persons whom you posted wait for other organisations to say who they are, so "
        "this was not taken; wait until some are decided, or withdraw what is not needed, then "
        "post it again with a new id, and with the id_number, which needs nobody's decision.",
    ),
    NO_SUCH_TOKEN: Text(
        "登记册中没有与 id_token 相符的号码。", "No number in the register fits the id_token."
    ),
}


def spoken(codes: Iterable[str] | None) -> list[tuple[str, Text]]:
    """Codes with their sentences."""
    return [(code, WORDS[code]) for code in codes or () if code in WORDS]


def shown(codes: Iterable[str] | None) -> list[dict[str, str]]:
    """Codes with their sentences, as a page or an answer shows them."""
    return [{"code": code, "zh": words.zh, "en": words.en} for code, words in spoken(codes)]


def hints_of(
    tx: Connection,
    announcements: Sequence[Announcement],
    decisions: Mapping[Place, Decision],
    joined: Collection[Place],
    reported: Sequence[Announcement] = (),
) -> dict[Place, list[str]]:
    """What the senders are told of their persons: named twice, joined a case that stood, had moved
    away before.

    Of those ``reported`` only this last is told, and only to the organisation they left.
    """
    hints = _hints_of_reports(tx, reported, decisions)
    named = _members_of([a for a in announcements if a.opens], decisions)
    rosters = Counter((_roster(announcement), member) for announcement, member in named)
    moved = already_moved(tx, [(member, announcement.path) for announcement, member in named])
    for announcement, member in named:
        codes: list[str] = []
        if rosters[_roster(announcement), member] > 1:
            codes.append(TWICE)
        if announcement.place in joined:
            codes.append(JOINED)
        if (member, announcement.path) in moved:
            codes.append(MOVED)
        hints[announcement.place] = codes
    return hints


def _hints_of_reports(
    tx: Connection, reported: Sequence[Announcement], decisions: Mapping[Place, Decision]
) -> dict[Place, list[str]]:
    named = _members_of([a for a in reported if a.opens], decisions)
    moved = already_moved(tx, [(member, announcement.path) for announcement, member in named])
    return {
        announcement.place: [MOVED]
        for announcement, member in named
        if (member, announcement.path) in moved
    }


def _members_of(
    announcements: Iterable[Announcement], decisions: Mapping[Place, Decision]
) -> list[tuple[Announcement, str]]:
    """The announcements that name a member, each with that member."""
    named: list[tuple[Announcement, str]] = []
    for announcement in announcements:
        member = decisions[announcement.place].member
        if member:
            named.append((announcement, member))
    return named


def _roster(announcement: Announcement) -> Any:
    """What tells apart the rosters in which nobody should stand twice: the bulk case, else the
    event.
    """
    return announcement.parent_id if announcement.group else announcement.event


def already_moved(tx: Connection, pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Of (member, path of the sender) those where a case of that member was accepted away from the
    sender's tree.
    """
    asked = sorted(set(pairs))
    if not asked:
        return set()
    members = [member for member, _ in asked]
    paths = [path for _, path in asked]
    moved = rows(tx, _ALREADY_MOVED, {"members": members, "paths": paths})
    return {(row.member, row.path) for row in moved}
