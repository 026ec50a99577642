"""What each announcement does, by who says it: it takes effect, or it is kept as a report
(interface.md §7.5).

The table itself is services.registry.announcement_rights; here the register and the cases say who
stands where.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import Any

from sqlalchemy import Connection

from services.cases.model.case import DecisionContext
from services.cases.model.states import (
    ACCEPTED,
    ARRIVED,
    FLOATING_REGISTERED,
    PLACED,
    RECEIPT_SENT,
    RETURNED,
)
from services.kit.db.engine import rows
from services.matcher import sender_hints
from services.matcher.announcements import Announcement, Place
from services.matcher.decision import Decision
from services.registry.announcement_rights import SIGNS, Subject, counts, in_line

_OF_THE_REGISTER = frozenset({sender_hints.ENDED, sender_hints.SUSPENDED})
_HOLDS = (ARRIVED, RETURNED, ACCEPTED, PLACED, RECEIPT_SENT)
_RESPONSIBLE = """
SELECT member, state, host, receiver, receiving_committee, branch, returned_for FROM transfer_case
WHERE member = ANY (:members) AND state = ANY (:states)"""


class Effect(Enum):
    """What becomes of one announcement of a person."""

    COUNTS = auto()
    REPORT = auto()


def effect_of(
    tx: Connection,
    announcements: Sequence[Announcement],
    decisions: Mapping[Place, Decision],
    context: DecisionContext,
) -> dict[Place, Effect]:
    """The effect of every announcement. One whose person is not known to be a member has none of
    its own to narrow.
    """
    signs = [a for a in announcements if a.kind in SIGNS]
    members = {decisions[a.place].member for a in _without_line(signs, decisions, context)}
    responsible = _responsible(tx, {member for member in members if member})
    effects: dict[Place, Effect] = {}
    for announcement in announcements:
        subject = _subject(decisions[announcement.place], responsible)
        effects[announcement.place] = _effect(announcement, subject, context)
    return effects


def _subject(decision: Decision, responsible: Mapping[str, Collection[str]]) -> Subject | None:
    """The member whom a decision names, where it names one."""
    is_member = decision.is_match and decision.member and decision.organisation
    if not is_member:
        return None
    return Subject(decision.organisation or "", responsible.get(decision.member or "", ()))


def _effect(
    announcement: Announcement, subject: Subject | None, context: DecisionContext
) -> Effect:
    if subject is None:
        return Effect.COUNTS
    poster = announcement.organisation
    if counts(announcement.kind, poster, subject, context.directory, context.today):
        return Effect.COUNTS
    return Effect.REPORT


def silenced(
    announcements: Sequence[Announcement],
    decisions: Mapping[Place, Decision],
    context: DecisionContext,
) -> dict[Place, Decision]:
    """The decisions without what the register says of a member's standing, where the sender is
    not of the line.
    """
    telling = [a for a in announcements if _OF_THE_REGISTER & set(decisions[a.place].notes)]
    quiet: dict[Place, Decision] = {}
    for announcement in _without_line(telling, decisions, context):
        decision = decisions[announcement.place]
        left = tuple(code for code in decision.notes if code not in _OF_THE_REGISTER)
        quiet[announcement.place] = replace(decision, notes=left)
    return quiet


def of_the_line(
    announcements: Sequence[Announcement],
    decisions: Mapping[Place, Decision],
    context: DecisionContext,
) -> list[Announcement]:
    """The announcements by organisations of their member's line."""
    return [a for a in announcements if _is_of_the_line(a, decisions, context)]


def _without_line(
    announcements: Sequence[Announcement],
    decisions: Mapping[Place, Decision],
    context: DecisionContext,
) -> list[Announcement]:
    """The announcements by others than organisations of their member's line."""
    return [a for a in announcements if not _is_of_the_line(a, decisions, context)]


def _is_of_the_line(
    announcement: Announcement, decisions: Mapping[Place, Decision], context: DecisionContext
) -> bool:
    home = decisions[announcement.place].organisation
    return in_line(announcement.organisation, home, context.directory, context.today)


def _responsible(tx: Connection, members: Collection[str]) -> dict[str, set[str]]:
    """Member -> the host of a floating registration, and whoever holds the arrival or received
    the member.
    """
    if not members:
        return {}
    responsible: dict[str, set[str]] = {}
    states = [FLOATING_REGISTERED, *_HOLDS]
    for row in rows(tx, _RESPONSIBLE, {"members": sorted(members), "states": states}):
        organisations = {code for code in _holders(row) if code}
        responsible.setdefault(row.member, set()).update(organisations)
    return responsible


def _holders(case: Any) -> tuple[str | None, ...]:
    """The organisations that answer for a member by the state of their case, a row of
    `_RESPONSIBLE`.
    """
    if case.state == FLOATING_REGISTERED:
        return (case.host,)
    if case.state == ARRIVED:
        return (case.receiver,)
    if case.state == RETURNED:
        # sent back so that the sender puts it right: the receiver holds it until then
        return (case.receiver,) if case.returned_for == "cure" else ()
    return case.receiver, case.receiving_committee, case.branch
