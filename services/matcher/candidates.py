"""Whom open reviews may mean, and who may say so: whoever holds the candidate, not the mere
sender (interface.md §7.5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases.model.case import DecisionContext
from services.kit.db.engine import dumps, rows
from services.matcher import sender_hints
from services.matcher.announcements import Announcement, Place
from services.matcher.people import Decision
from services.registry.access import Caller
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


@dataclass(frozen=True, slots=True)
class Candidate:
    """One member whom a review may mean, with the organisation that holds them; ``token`` is
    what others call them."""

    member: str
    token: str
    organisation: str
    path: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """A person in review: whom it may be with the organisations that hold them, and whether the
    sender may say."""

    poster: str
    homes: Mapping[str, str]
    asks_sender: bool

    @property
    def desks(self) -> set[str]:
        """The organisations that are asked who it is."""
        return {self.poster} if self.asks_sender else set(self.homes.values())


def doubts(
    tx: Connection,
    told: Sequence[Announcement],
    found: Mapping[Any, Decision],
    context: DecisionContext,
) -> dict[Place, Doubt]:
    """The persons of these announcements who are in review."""
    doubtful = [one for one in told if found[one.event, one.position].decision == "review"]
    members = {c["member"] for one in doubtful for c in found[one.event, one.position].candidates}
    known = rows(tx, _HOMES, {"members": sorted(members)}) if members else ()
    home_of = {row.member: row.organisation for row in known}
    made: dict[Place, Doubt] = {}
    for one in doubtful:
        candidates = found[one.event, one.position].candidates
        homes = {c["member"]: home_of[c["member"]] for c in candidates if c["member"] in home_of}
        asks = _asks(one.organisation, homes.values(), context)
        made[one.event, one.position] = Doubt(one.organisation, homes, asks)
    return made


def too_many(
    tx: Connection,
    told: Sequence[Announcement],
    doubtful: Mapping[Place, Doubt],
    context: DecisionContext,
) -> dict[Place, Decision]:
    """Those in doubt beyond what policy lets one organisation keep others busy with: rejected,
    with what to do."""
    of_others = []
    for one in told:
        doubt = doubtful.get((one.event, one.position))
        if doubt is not None and not doubt.asks_sender:
            of_others.append(one)
    if not of_others:
        return {}
    standing = rows(tx, _OPEN_OF_OTHERS, {"paths": sorted({one.path for one in of_others})})
    number = Counter({row.path: row.number for row in standing})
    rejected: dict[Place, Decision] = {}
    for one in of_others:
        if number[one.path] >= context.policy_at(one.organisation).open_reviews_most:
            rejected[one.event, one.position] = Decision(
                "rejected", reason=sender_hints.TOO_MANY_OPEN
            )
        else:
            number[one.path] += 1
    return rejected


def keep(tx: Connection, doubtful: Mapping[Place, Doubt]) -> None:
    """Keeps whom each review may mean, and whether its sender is asked."""
    if not doubtful:
        return
    lines = [
        {"event_id": event, "position": position, "member": member}
        for (event, position), doubt in doubtful.items()
        for member in doubt.homes
    ]
    asks = [
        {"event_id": event, "position": position, "asks_sender": doubt.asks_sender}
        for (event, position), doubt in doubtful.items()
    ]
    tx.exec_driver_sql(_KEEP, (dumps(lines),))
    tx.exec_driver_sql(_ASKS, (dumps(asks),))


def of_reviews(tx: Connection, events: Iterable[str]) -> dict[Place, list[Candidate]]:
    """(event, position) -> the candidates whom nobody who holds them has denied; ``tx`` acts as
    the worker."""
    wanted, found = sorted(set(events)), dict[Place, list[Candidate]]()
    for row in rows(tx, _OF_REVIEWS, {"events": wanted}) if wanted else ():
        candidate = Candidate(row.member, row.token, row.organisation, row.path)
        found.setdefault((row.event_id, row.position), []).append(candidate)
    return found


def held(
    candidates: Iterable[Candidate],
    caller: Caller,
    posted_here: bool,
    context: DecisionContext,
) -> list[Candidate]:
    """Those of the candidates of whom the caller may say that it is they: the members of its own
    tree, and where its tree posted the person (``posted_here``) those in whose line it stands."""
    own = [c for c in candidates if c.path.startswith(caller.path)]
    if not posted_here:
        return own
    by_line = []
    for candidate in candidates:
        home = candidate.organisation
        if in_line(caller.organisation, home, context.directory, context.today):
            by_line.append(candidate)
    return list(dict.fromkeys([*own, *by_line]))


def deny(tx: Connection, slot: Place, denied: Sequence[Candidate], by: str, at: datetime) -> None:
    """Notes that whoever holds these candidates says it is none of them."""
    tx.exec_driver_sql(
        "UPDATE review_candidate SET denied_by = %s, denied_at = %s WHERE event_id = %s AND "
        "position = %s "
        "AND member = ANY (%s)",
        (by, at, *slot, [c.member for c in denied]),
    )


def ask_anew(
    tx: Connection,
    slot: Place,
    poster: str,
    left: Sequence[Candidate],
    context: DecisionContext,
) -> None:
    """Decides anew whether the sender is asked, by the candidates that are left."""
    asks = _asks(poster, [c.organisation for c in left], context)
    tx.exec_driver_sql(
        _ASKS, (dumps([{"event_id": slot[0], "position": slot[1], "asks_sender": asks}]),)
    )


def forget(tx: Connection, event: UUID, position: int) -> None:
    """A review that is over may mean nobody any more."""
    tx.exec_driver_sql(
        "DELETE FROM review_candidate WHERE event_id = %s AND position = %s", (event, position)
    )


def _asks(poster: str, homes: Iterable[str], context: DecisionContext) -> bool:
    holders = list(homes)
    return not holders or any(
        in_line(poster, home, context.directory, context.today) for home in holders
    )
