"""Whom open reviews may mean, and who is asked: whoever holds the candidate, not the mere sender
(interface.md §7.5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from services.cases.model.case import DecisionContext
from services.kit.db.engine import dumps, rows
from services.matcher import sender_hints
from services.matcher.announcements import Announcement, Place
from services.matcher.decision import Decision
from services.registry.announcement_rights import in_line

_HOMES = "SELECT member, organisation FROM member WHERE member = ANY (:members)"
_KEEP = """
INSERT INTO review_candidate (event_id, position, member)
SELECT event_id, position, member FROM json_to_recordset(%s::json) AS c(event_id uuid, position int,
    member text)
ON CONFLICT (event_id, position, member) DO UPDATE SET denied_by = NULL, denied_at = NULL"""
_ASKS = """
UPDATE identification i SET asks_sender = a.asks_sender
FROM json_to_recordset(%s::json) AS a(event_id uuid, position int, asks_sender boolean)
WHERE (i.event_id, i.position) = (a.event_id, a.position)"""
_OPEN_OF_OTHERS = """
SELECT path, count(*) AS number FROM identification
WHERE decision = 'review' AND NOT asks_sender AND path = ANY (:paths) GROUP BY path"""
_OF_REVIEWS = """
SELECT k.event_id, k.position, k.member, k.token::text AS token, m.organisation, m.path
FROM review_candidate k JOIN member m ON m.member = k.member
WHERE k.event_id = ANY (CAST(:events AS uuid[])) AND k.denied_at IS NULL"""

_DENY = """
UPDATE review_candidate SET denied_by = %s, denied_at = %s
WHERE event_id = %s AND position = %s AND member = ANY (%s)"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One member whom a review may mean, with the organisation that holds them; ``token`` is what
    others call them.
    """

    member: str
    token: str
    organisation: str
    path: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """A person in review: whom it may be with the organisations that hold them (``homes``, by
    member), and whether the sender may say.
    """

    poster: str
    homes: Mapping[str, str]
    asks_sender: bool

    @property
    def desks(self) -> set[str]:
        """The organisations that are asked who it is."""
        return {self.poster} if self.asks_sender else set(self.homes.values())


def doubts(
    tx: Connection,
    announcements: Sequence[Announcement],
    decisions: Mapping[Place, Decision],
    context: DecisionContext,
) -> dict[Place, Doubt]:
    """The persons of these announcements who are in review."""
    in_review = [a for a in announcements if decisions[a.place].in_review]
    members_of: dict[Place, list[str]] = {}
    for announcement in in_review:
        candidates = decisions[announcement.place].candidates
        members_of[announcement.place] = [candidate["member"] for candidate in candidates]
    home_of = _homes(tx, members_of.values())
    doubts_of: dict[Place, Doubt] = {}
    for announcement in in_review:
        members = members_of[announcement.place]
        homes = {member: home_of[member] for member in members if member in home_of}
        poster = announcement.organisation
        asks_sender = _asks_sender(poster, homes.values(), context)
        doubts_of[announcement.place] = Doubt(poster, homes, asks_sender)
    return doubts_of


def _homes(tx: Connection, groups: Iterable[Iterable[str]]) -> dict[str, str]:
    """Member -> the organisation that holds them, of all groups of members."""
    members: set[str] = set()
    for group in groups:
        members.update(group)
    if not members:
        return {}
    registered = rows(tx, _HOMES, {"members": sorted(members)})
    return {row.member: row.organisation for row in registered}


def too_many(
    tx: Connection,
    announcements: Sequence[Announcement],
    doubtful: Mapping[Place, Doubt],
    context: DecisionContext,
) -> dict[Place, Decision]:
    """Those in doubt beyond what policy lets one organisation keep others busy with: rejected,
    with what to do.
    """
    for_others = [a for a in announcements if _is_for_others(doubtful.get(a.place))]
    if not for_others:
        return {}
    paths = {announcement.path for announcement in for_others}
    counted = rows(tx, _OPEN_OF_OTHERS, {"paths": sorted(paths)})
    open_reviews = Counter({row.path: row.number for row in counted})
    rejected: dict[Place, Decision] = {}
    for announcement in for_others:
        policy = context.policy_at(announcement.organisation)
        if open_reviews[announcement.path] < policy.open_reviews_most:
            open_reviews[announcement.path] += 1
        else:
            rejected[announcement.place] = Decision("rejected", reason=sender_hints.TOO_MANY_OPEN)
    return rejected


def _is_for_others(doubt: Doubt | None) -> bool:
    """Whether organisations other than the sender are asked."""
    return doubt is not None and not doubt.asks_sender


def keep(tx: Connection, doubtful: Mapping[Place, Doubt]) -> None:
    """Keeps whom each review may mean, and whether its sender is asked."""
    if not doubtful:
        return
    candidate_rows: list[dict[str, Any]] = []
    review_rows: list[dict[str, Any]] = []
    for (event, position), doubt in doubtful.items():
        review = {"event_id": event, "position": position}
        review_rows.append({**review, "asks_sender": doubt.asks_sender})
        for member in doubt.homes:
            candidate_rows.append({**review, "member": member})
    tx.exec_driver_sql(_KEEP, (dumps(candidate_rows),))
    tx.exec_driver_sql(_ASKS, (dumps(review_rows),))


def of_reviews(tx: Connection, events: Iterable[str]) -> dict[Place, list[Candidate]]:
    """The candidates of each person whom nobody who holds them has denied; ``tx`` acts as the
    worker.
    """
    wanted = sorted(set(events))
    if not wanted:
        return {}
    candidates: dict[Place, list[Candidate]] = {}
    for row in rows(tx, _OF_REVIEWS, {"events": wanted}):
        candidate = Candidate(row.member, row.token, row.organisation, row.path)
        candidates.setdefault((row.event_id, row.position), []).append(candidate)
    return candidates


def of_review(tx: Connection, place: Place) -> list[Candidate]:
    """The candidates of one person whom nobody who holds them has denied."""
    event, _ = place
    return of_reviews(tx, [str(event)]).get(place, [])


def deny(tx: Connection, place: Place, denied: Sequence[Candidate], by: str, at: datetime) -> None:
    """Notes that whoever holds these candidates says it is none of them."""
    members = [candidate.member for candidate in denied]
    tx.exec_driver_sql(_DENY, (by, at, *place, members))


def ask_anew(
    tx: Connection,
    place: Place,
    poster: str,
    left: Sequence[Candidate],
    context: DecisionContext,
) -> None:
    """Decides anew whether the sender is asked, by the candidates that are left."""
    event, position = place
    homes = [candidate.organisation for candidate in left]
    review = {
        "event_id": event,
        "position": position,
        "asks_sender": _asks_sender(poster, homes, context),
    }
    tx.exec_driver_sql(_ASKS, (dumps([review]),))


def forget(tx: Connection, place: Place) -> None:
    """A review that is over may mean nobody any more."""
    tx.exec_driver_sql("DELETE FROM review_candidate WHERE event_id = %s AND position = %s", place)


def _asks_sender(poster: str, homes: Iterable[str], context: DecisionContext) -> bool:
    """Whether the sender says who it is: where no candidate stands, or one of its own line does."""
    holders = list(homes)
    if not holders:
        return True
    return any(in_line(poster, home, context.directory, context.today) for home in holders)
