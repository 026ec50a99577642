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
from services.matcher.people import Decision
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
    told: Sequence[Announcement],
    found: Mapping[Any, Decision],
    context: DecisionContext,
) -> dict[Place, Effect]:
    """The effect of every announcement. One whose person is not known to be a member has none of
    its own to narrow."""
    signs = [a for a in told if a.kind in SIGNS and not _of_the_line(a, found, context)]
    members = {found[a.event, a.position].member for a in signs}
    responsible = _responsible(tx, {member for member in members if member})
    effects: dict[Place, Effect] = {}
    for one in told:
        person = found[one.event, one.position]
        effects[one.event, one.position] = Effect.COUNTS
        if person.decision == "match" and person.member and person.organisation:
            subject = Subject(person.organisation, responsible.get(person.member, ()))
            if not counts(one.kind, one.organisation, subject, context.directory, context.today):
                effects[one.event, one.position] = Effect.REPORT
    return effects


def silenced(
    told: Sequence[Announcement],
    found: Mapping[Any, Decision],
    context: DecisionContext,
) -> dict[Place, Decision]:
    """The decisions without what the register says of a member's standing, where the sender is
    not of the line."""
    quiet: dict[Place, Decision] = {}
    for one in told:
        person = found[one.event, one.position]
        if _OF_THE_REGISTER & set(person.notes) and not _of_the_line(one, found, context):
            left = tuple(code for code in person.notes if code not in _OF_THE_REGISTER)
            quiet[one.event, one.position] = replace(person, notes=left)
    return quiet


def of_the_line(
    told: Sequence[Announcement],
    found: Mapping[Any, Decision],
    context: DecisionContext,
) -> list[Announcement]:
    """The announcements by organisations of their member's line."""
    return [one for one in told if _of_the_line(one, found, context)]


def _of_the_line(
    one: Announcement, found: Mapping[Any, Decision], context: DecisionContext
) -> bool:
    home = found[one.event, one.position].organisation
    return in_line(one.organisation, home, context.directory, context.today)


def _responsible(tx: Connection, members: Collection[str]) -> dict[str, set[str]]:
    """Member -> the host of a floating registration, and whoever holds the arrival or received
    the member."""
    if not members:
        return {}
    responsible: dict[str, set[str]] = {}
    states = [FLOATING_REGISTERED, *_HOLDS]
    for row in rows(tx, _RESPONSIBLE, {"members": sorted(members), "states": states}):
        if row.state == FLOATING_REGISTERED:
            codes = {row.host}
        elif row.state == ARRIVED or row.state == RETURNED and row.returned_for == "cure":
            codes = {row.receiver}
        elif row.state == RETURNED:
            codes = set()
        else:
            codes = {row.receiver, row.receiving_committee, row.branch}
        responsible.setdefault(row.member, set()).update(code for code in codes if code)
    return responsible
