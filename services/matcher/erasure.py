"""What is left of persons who are no members: the sweep that erases it, whatever road led to the
decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Engine

from services.kit.clock import Clock
from services.kit.db.engine import dumps, rows
from services.kit.loops import Part

log = structlog.get_logger()
BATCH = 5_000

GIVEN_UP, PERSONS = Part("erase", "given_up"), Part("erase", "persons")

_GIVEN_UP = f"""
SELECT p.event_id, p.position, split_part(p.path, '.', -2) AS organisation
FROM dead_letter d JOIN posted_person p ON p.event_id = d.event_id
WHERE d.consumer = 'matcher' AND d.state = 'skipped' AND p.body IS NOT NULL
  AND NOT EXISTS (SELECT FROM identification i WHERE i.event_id = p.event_id
      AND i.position = p.position)
  AND {GIVEN_UP.not_aside("(p.event_id || ':' || p.position)")} LIMIT :limit"""
_REJECT = """
INSERT INTO identification (event_id, position, path, decision, model, decided_at, reason)
SELECT p.event_id, p.position, p.path, 'rejected', 'none', d.decided_at, 'dead_letter_skipped'
FROM json_to_recordset(%s::json) AS o(event_id uuid, position int)
JOIN posted_person p ON p.event_id = o.event_id AND p.position = o.position
JOIN dead_letter d ON d.event_id = p.event_id AND d.consumer = 'matcher'
ON CONFLICT DO NOTHING"""
_DUE = f"""
SELECT event_id, position, split_part(path, '.', -2) AS organisation FROM identification i
WHERE decision IN ('not_a_member', 'rejected', 'withdrawn') AND erased_at IS NULL
  AND {PERSONS.not_aside("(i.event_id || ':' || i.position)")}
ORDER BY decided_at LIMIT :limit FOR UPDATE SKIP LOCKED"""
_SWEEP = """
WITH due AS (
    SELECT event_id, position FROM json_to_recordset(%(due)s::json) AS o(event_id uuid,
        position int)),
bodies AS (
    UPDATE posted_person p SET body = NULL FROM due d
    WHERE p.event_id = d.event_id AND p.position = d.position AND p.body IS NOT NULL),
questions AS (
    UPDATE review_question q SET text = NULL, answer = NULL FROM due d
    WHERE q.event_id = d.event_id AND q.position = d.position)
UPDATE identification i SET erased_at = %(now)s, candidates = NULL, evidence = NULL, proposal = NULL
FROM due d WHERE i.event_id = d.event_id AND i.position = d.position"""


def erase_decided(engine: Engine, clock: Clock) -> int:
    """Erases every posted person who was decided to be no member, was withdrawn while in review, or
    was given up on the desk of failed messages.

    A decision erases in its own transaction; this finds what a fault, a restore or another road
    left behind. Returns how many were erased; run it as often as you like.
    """
    total = 0
    with engine.begin() as tx:
        given_up = rows(tx, _GIVEN_UP, {"limit": BATCH})
        GIVEN_UP.each_by_itself(
            tx,
            given_up,
            lambda some: _reject(tx, some),
            clock.now(),
            key=_key,
            organisation=_poster,
        )
    while True:
        with engine.begin() as tx:
            seen, erased = sweep(tx, clock.now())
        total += erased
        if seen < BATCH:
            break
    if total:
        log.info("persons_erased", count=total)
    return total


def sweep(tx: Connection, now: datetime, limit: int = BATCH) -> tuple[int, int]:
    """Erases at most ``limit`` persons within the caller's transaction, the longest held first;
    (looked at, erased).
    """
    due = rows(tx, _DUE, {"limit": limit})
    done = PERSONS.each_by_itself(
        tx, due, lambda some: _erase(tx, some, now), now, key=_key, organisation=_poster
    )
    return len(due), len(due) - done.left_out


def _erase(tx: Connection, due: Sequence[Any], now: datetime) -> None:
    tx.exec_driver_sql(_SWEEP, {"due": _listed(due), "now": now})


def _reject(tx: Connection, persons: Sequence[Any]) -> None:
    tx.exec_driver_sql(_REJECT, (_listed(persons),))


def _listed(persons: Sequence[Any]) -> str:
    return dumps([{"event_id": row.event_id, "position": row.position} for row in persons])


def _key(row: Any) -> str:
    return f"{row.event_id}:{row.position}"


def _poster(row: Any) -> str:
    return row.organisation
