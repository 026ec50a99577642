"""What is left of persons who are no members: the sweep that erases it, whatever road led to the decision."""
from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine

from services.kit.clock import Clock

log = structlog.get_logger()
BATCH = 5_000

_GIVEN_UP = """
INSERT INTO identification (event_id, position, path, decision, model, decided_at, reason)
SELECT p.event_id, p.position, p.path, 'rejected', 'none', d.decided_at, 'dead_letter_skipped'
FROM dead_letter d JOIN posted_person p ON p.event_id = d.event_id
WHERE d.consumer = 'matcher' AND d.state = 'skipped' AND p.body IS NOT NULL
  AND NOT EXISTS (SELECT FROM identification i WHERE i.event_id = p.event_id AND i.position = p.position)
ON CONFLICT DO NOTHING"""
_SWEEP = """
WITH due AS (
    SELECT event_id, position FROM identification
    WHERE decision IN ('not_a_member', 'rejected', 'withdrawn') AND erased_at IS NULL
    ORDER BY decided_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED),
bodies AS (
    UPDATE posted_person p SET body = NULL FROM due d
    WHERE p.event_id = d.event_id AND p.position = d.position AND p.body IS NOT NULL),
questions AS (
    UPDATE review_question q SET text = NULL, answer = NULL FROM due d
    WHERE q.event_id = d.event_id AND q.position = d.position)
UPDATE identification i SET erased_at = %(now)s, candidates = NULL, evidence = NULL, proposal = NULL
FROM due d WHERE i.event_id = d.event_id AND i.position = d.position RETURNING 1"""


def erase_decided(engine: Engine, clock: Clock) -> int:
    """Erases every posted person who was decided to be no member, was withdrawn while in review, or was given up on the
    desk of failed messages.

    A decision erases in its own transaction; this finds what a fault, a restore or another road left behind.
    Returns how many were erased; run it as often as you like.
    """
    total = 0
    with engine.begin() as tx:
        tx.exec_driver_sql(_GIVEN_UP)
    while True:
        with engine.begin() as tx:
            erased = sweep(tx, clock.now())
        total += erased
        if erased < BATCH:
            break
    if total:
        log.info("persons_erased", count=total)
    return total


def sweep(tx: Connection, now: datetime, limit: int = BATCH) -> int:
    """Erases at most ``limit`` persons within the caller's transaction, the longest held first."""
    return tx.exec_driver_sql(_SWEEP, {"limit": limit, "now": now}).rowcount
