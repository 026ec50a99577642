"""Postings withdrawn or corrected while their persons were in review: nobody need say who they are,
and nothing stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from services.matcher.announcements import Announcement, Place
from services.matcher.decision import Decision

WITHDRAWN, REASON = "withdrawn", "event_withdrawn"

_OFF_THE_DESK = """
WITH gone AS (
    UPDATE identification SET decision = 'withdrawn', reason = %(reason)s, decided_at = %(now)s,
        erased_at = %(now)s,
        candidates = NULL, evidence = NULL, proposal = NULL, notes = NULL
    WHERE event_id = %(event)s AND decision = 'review' RETURNING event_id, position, path),
asked AS (
    UPDATE review_question q SET text = NULL, answer = NULL FROM gone g
    WHERE q.event_id = g.event_id AND q.position = g.position RETURNING q.by_organisation),
bodies AS (
    UPDATE posted_person p SET body = NULL FROM gone g WHERE p.event_id = g.event_id
        AND p.position = g.position),
held AS (
    DELETE FROM review_candidate k USING gone g, member m
    WHERE k.event_id = g.event_id AND k.position = g.position AND m.member = k.member
        RETURNING m.organisation)
SELECT split_part(path, '.', -2) FROM gone UNION SELECT by_organisation FROM asked
UNION SELECT organisation FROM held"""


def off_the_desk(tx: Connection, event: UUID, now: datetime) -> set[str]:
    """Ends the reviews of an event that its sender took back; returns the organisations whose desks
    it leaves.
    """
    review = {"event": event, "now": now, "reason": REASON}
    return set(tx.exec_driver_sql(_OFF_THE_DESK, review).scalars())


def before_it_came(
    announcements: Sequence[Announcement], decisions: Mapping[Place, Decision]
) -> dict[Place, Decision]:
    """Of persons in doubt those whose event was withdrawn or corrected before it was read: nobody
    is asked about them.
    """
    withdrawn = Decision(WITHDRAWN, reason=REASON)
    return {
        announcement.place: withdrawn
        for announcement in announcements
        if announcement.superseded and decisions[announcement.place].in_review
    }
