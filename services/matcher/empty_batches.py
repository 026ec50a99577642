"""Batches of several events of whom nobody turned out to be a member: ended once no further event
has come for a while.

The batch of one event ends with that event. One that several events name waits for the next of
them, which nobody announces; so it ends by the clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from schemas.departures import SOURCE_PREFIX
from services.cases.commands.groups import close_groups
from services.cases.routing.rule_source import RuleSource
from services.cases.store import case_ids
from services.kit.clock import Clock
from services.kit.db.engine import rows
from services.kit.loops import Part
from services.matcher.announcements import batch_of

AT_ONCE = 500
BATCHES = Part("erase", "empty_batches")
_EMPTY = f"""
SELECT p.id::text AS id, p.poster FROM transfer_case p
WHERE p.state = 'bulk_open' AND p.opened_at <= :since
  AND NOT EXISTS (SELECT FROM transfer_case c WHERE c.parent = p.id)
  AND {BATCHES.not_aside("p.id::text")} ORDER BY p.opened_at, p.id LIMIT :limit"""
# a batch is over when all that came is decided, and came long ago
_BATCHES = """
SELECT e.source, e.batch, max(e.received_at) <= :since AND bool_and(e.persons <= (
           SELECT count(*) FROM identification i WHERE i.event_id = e.id AND i.position >= 0
               AND i.decision <> 'review')) AS over
FROM posted_event e WHERE e.batch IS NOT NULL AND e.source = ANY (:sources)
    GROUP BY e.source, e.batch"""


def close(engine: Engine, clock: Clock, rule_source: RuleSource) -> int:
    """Ends the batches without any case whose last event came `silent_days` ago and left nobody in
    review; returns how many.
    """
    with engine.begin() as tx:
        context = rule_source.context(tx, clock.now())
        since = context.now - timedelta(days=context.policy.silent_days)
        empty = rows(tx, _EMPTY, {"since": since, "limit": AT_ONCE})
        over = _over(tx, {row.poster for row in empty}, since) if empty else set()
        closing = [row for row in empty if row.id in over]
        done = BATCHES.each_by_itself(
            tx,
            closing,
            lambda some: close_groups(tx, [row.id for row in some], context),
            context.now,
            key=lambda row: row.id,
            organisation=lambda row: row.poster,
        )
    return len(closing) - done.left_out


def _over(tx: Connection, posters: set[str], since: datetime) -> set[str]:
    """The bulk cases of the batches that are over, of whatever these organisations posted."""
    sources = [SOURCE_PREFIX + code for code in posters]
    batches = rows(tx, _BATCHES, {"since": since, "sources": sorted(sources)})
    over = [batch_of(batch.source, batch.batch) for batch in batches if batch.over]
    ids = case_ids.read(tx, over)
    return {ids.of(plain_id) for plain_id in over}
