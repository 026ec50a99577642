"""Life, dues and contacts, as posted: signs that an organisation reaches its member."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from services.cases.deadlines.calendar import day_of
from services.cases.model.case import DecisionContext
from services.cases.store import signs
from services.cases.store.signs import Sign
from services.matcher.announcements import CONTACT, DUES, LIFE, Announcement, Place
from services.matcher.decision import Decision


def keep_signs(
    tx: Connection,
    announcements: Sequence[Announcement],
    decisions: Mapping[Place, Decision],
    context: DecisionContext,
) -> None:
    """Keeps what these announcements say of members' lives, and stops the clocks that it stops."""
    kept: list[Sign] = []
    for announcement in announcements:
        member = decisions[announcement.place].member
        if announcement.superseded or member is None:
            continue
        sign = _sign(announcement, member)
        if sign:
            kept.append(sign)
    signs.keep(tx, kept, context)


def _sign(announcement: Announcement, member: str) -> Sign | None:
    """What an event says of a member's life; None where it says nothing of it."""
    sign = Sign(announcement.event, announcement.position, member, announcement.organisation)
    payload = announcement.data
    if announcement.kind == LIFE:
        return replace(sign, life=payload.get("on"), reached=payload.get("on"))
    if announcement.kind == DUES:
        return replace(sign, dues=payload.get("paid_to"), sign=day_of(announcement.time))
    if announcement.kind == CONTACT:
        return replace(sign, reached=_reached_on(announcement))
    return None


def _reached_on(contact: Announcement) -> str | None:
    """The day of a contact. One that reached nobody stops no clock: it shows that somebody
    tried.
    """
    if not contact.data.get("reached"):
        return None
    return contact.data.get("on") or day_of(contact.time).isoformat()
