"""The statements that write notices and attempts. No statement here runs while a channel is being
called.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from services.kit.db.engine import Record, dumps, rows
from services.notifier.queries import DELIVERING
from services.notifier.recipients import Recipient

# One row per task and recipient of its organisation; its id follows from both, so a repetition
# finds it. A close can overtake its opening (two topics, two keys), so an opening looks whether its
# task still stands, and a close whether it is closed. A task that is opened again is told again.
_WRITE = """
WITH opened AS (
    SELECT r.*, t.closed_at FROM json_to_recordset(%(tasks)s::json) AS r(
        id uuid, "case" uuid, kind text, act text, due_on date, organisation text, at timestamptz)
    LEFT JOIN task t ON t.id = r.id),
whom AS (
    SELECT * FROM json_to_recordset(%(whom)s::json) AS r(
        organisation text, recipient text, path text, contact uuid, channel text, because text))
INSERT INTO notice (id, task, stage, case_id, kind, act, due_on, organisation, recipient, path,
    contact,
                    channel, because, urgent, due_at, state, why, waited, delivered_at, acted_at)
SELECT encode(substring(sha256(convert_to(
           concat_ws(':', %(stage)s::text, opened.id, coalesce(contact::text, recipient)), 'UTF8'))
       FOR 16), 'hex')::uuid,
       opened.id, %(stage)s, "case", kind, act, due_on, organisation, recipient, path, contact,
           channel,
       because, kind = ANY(%(urgent)s::text[]), at,
       CASE WHEN closed_at IS NOT NULL THEN 'not_sent' WHEN contact IS NULL THEN 'sent'
           ELSE 'waiting' END,
       CASE WHEN closed_at IS NOT NULL THEN 'done' END,
       CASE WHEN closed_at IS NULL AND contact IS NULL
            THEN greatest(0, extract(epoch FROM %(now)s::timestamptz - at)) END,
       CASE WHEN closed_at IS NULL AND contact IS NULL THEN %(now)s::timestamptz END,
       closed_at
FROM opened JOIN whom USING (organisation)
ORDER BY 1
ON CONFLICT (id) DO UPDATE SET act = excluded.act, due_on = excluded.due_on,
    because = excluded.because,
    state = excluded.state, why = NULL, due_at = excluded.due_at, mail = NULL, attempts = 0,
    waited = excluded.waited, delivered_at = excluded.delivered_at, seen_at = NULL, acted_at = NULL
WHERE notice.acted_at IS NOT NULL AND excluded.acted_at IS NULL"""

# The array keeps the planner on the index of tasks while the table is new to it.
_CLOSE = """
UPDATE notice SET acted_at = t.closed_at,
    state = CASE state WHEN 'waiting' THEN 'not_sent' ELSE state END,
    why = CASE state WHEN 'waiting' THEN 'done' ELSE why END
FROM task t
WHERE notice.task = ANY(ARRAY(SELECT id::uuid FROM json_array_elements_text(%s::json) AS c(id)))
  AND t.id = notice.task AND t.closed_at IS NOT NULL AND notice.acted_at IS NULL"""

_SETTLE = """
UPDATE notice SET acted_at = t.closed_at,
    state = CASE state WHEN 'waiting' THEN 'not_sent' ELSE state END,
    why = CASE state WHEN 'waiting' THEN 'done' ELSE why END
FROM task t
WHERE t.id = notice.task AND t.closed_at IS NOT NULL AND notice.acted_at IS NULL
    AND notice.id = ANY(:ids)"""

_SEEN = (
    "UPDATE notice SET seen_at = :now WHERE case_id = :case AND recipient = :organisation AND "
    "seen_at IS NULL"
)

_RECLAIM = """
WITH lost AS (
    UPDATE notice SET state = 'waiting', lease = NULL, lease_until = NULL, due_at = :now
    WHERE state = 'sending' AND lease_until <= :now RETURNING mail)
UPDATE notice_attempt SET ended_at = :now, outcome = 'unknown',
    reason = 'the process that called has died'
WHERE outcome IS NULL AND mail IN (SELECT mail FROM lost)"""

_HOLD = """
UPDATE notice SET due_at = :until
WHERE state = 'waiting' AND NOT urgent AND due_at <= :now AND channel = ANY(:channels)"""

_GATHER = """
UPDATE notice n SET due_at = last.at + :gap
FROM (SELECT contact, max(started_at) AS at FROM notice_attempt
      WHERE channel = ANY(:channels) AND started_at > :now - CAST(:gap AS interval)
          AND outcome = 'sent'
      GROUP BY contact) last
WHERE n.contact = last.contact AND n.state = 'waiting' AND n.mail IS NULL AND NOT n.urgent
  AND n.due_at <= :now"""

_CLAIM = f"""
WITH due AS (
    SELECT coalesce(mail, contact) AS letter, min(due_at) AS first FROM notice
    WHERE state = 'waiting' AND due_at <= :now AND channel = ANY(:channels)
        AND {DELIVERING.not_aside("notice.id::text")}
    GROUP BY 1 ORDER BY 2, 1 LIMIT :limit),
mine AS (
    SELECT n.id, due.letter, due.first FROM notice n JOIN due
        ON due.letter = coalesce(n.mail, n.contact)
    WHERE n.state = 'waiting' AND n.due_at <= :now AND n.channel = ANY(:channels)
        AND {DELIVERING.not_aside("n.id::text")}
    FOR UPDATE OF n SKIP LOCKED)
UPDATE notice SET state = 'sending', lease = :lease, lease_until = :until FROM mine
    WHERE notice.id = mine.id
RETURNING notice.id, mine.letter, mine.first, notice.mail, notice.contact, notice.channel,
    notice.attempts"""

_ATTEMPT = """
INSERT INTO notice_attempt (id, mail, contact, path, channel, notices, started_at)
VALUES (:id, :mail, :contact, :path, :channel, :notices, :now)"""

_UNDER_WAY = """
UPDATE notice SET mail = :mail, attempts = :attempts,
    waited = CASE WHEN attempts = 0 THEN coalesce(waited, 0) + greatest(0,
        extract(epoch FROM :now - due_at))
             ELSE waited END
WHERE id = ANY(:ids)"""

_NOT_SENT = """
UPDATE notice SET state = 'not_sent', why = :why, lease = NULL, lease_until = NULL
    WHERE id = ANY(:ids)"""

_BACK = """
UPDATE notice SET state = 'waiting', lease = NULL, lease_until = NULL,
    waited = CASE WHEN attempts = 0 THEN coalesce(waited, 0) + extract(epoch FROM :due_at - due_at)
             ELSE waited END,
    due_at = :due_at
WHERE id = ANY(:ids)"""

_END = (
    "UPDATE notice_attempt SET ended_at = :now, outcome = :outcome, reason = :reason WHERE id = :id"
)

# A notice whose lease ran out meanwhile belongs to another process: what that one learns counts.
_SENT = """
UPDATE notice SET state = 'sent', delivered_at = :now, lease = NULL, lease_until = NULL
WHERE id = ANY(:ids) AND lease = :lease"""

_RETRY = """
UPDATE notice SET state = CASE WHEN acted_at IS NULL THEN 'waiting' ELSE 'not_sent' END,
    why = CASE WHEN acted_at IS NULL THEN :why ELSE 'done' END,
    due_at = :due_at, lease = NULL, lease_until = NULL
WHERE id = ANY(:ids) AND lease = :lease"""

_FAILED = """
UPDATE notice SET state = 'failed', why = :why, lease = NULL, lease_until = NULL
WHERE id = ANY(:ids) AND lease = :lease"""


def write_notices(
    tx: Connection,
    tasks: Sequence[Mapping[str, Any]],
    whom: Mapping[str, Sequence[Recipient]],
    now: datetime,
    urgent: Collection[str],
    stage: str = "opened",
) -> None:
    """One notice for each recipient, in `whom`, of each task's organisation; one that is there
    stays as it is, unless it was acted upon and the task stands again.

    Tasks are {"id","case","kind","act","due_on","organisation","at"}, `at` when the notice falls
    due. What goes to an inbox is delivered by the commit. `stage`: `opened` or `overdue`.
    """
    recipient_rows: list[dict[str, Any]] = []
    for organisation, recipients in whom.items():
        recipient_rows += [_recipient_row(organisation, recipient) for recipient in recipients]
    tx.exec_driver_sql(
        _WRITE,
        {
            "tasks": dumps(tasks),
            "whom": dumps(recipient_rows),
            "now": now,
            "urgent": sorted(urgent),
            "stage": stage,
        },
    )


def _recipient_row(organisation: str, recipient: Recipient) -> dict[str, Any]:
    """A recipient of the tasks of an organisation."""
    return {
        "organisation": organisation,
        "recipient": recipient.organisation,
        "path": recipient.path,
        "contact": recipient.contact,
        "channel": recipient.channel,
        "because": recipient.because,
    }


def close_notices(tx: Connection, tasks: Sequence[str]) -> None:
    """Tasks (their ids) are done: their notices are acted upon, and what was not sent yet is not
    sent.
    """
    tx.exec_driver_sql(_CLOSE, (dumps(tasks),))


def settle(tx: Connection, notices: Sequence[UUID]) -> None:
    """The same for some notices: those written in the moment in which their task was closed."""
    tx.execute(text(_SETTLE), {"ids": list(notices)})


def mark_seen(tx: Connection, case: UUID, organisation: str, now: datetime) -> None:
    """Somebody of the organisation opened the case that its notices are about; the first time
    counts.
    """
    tx.execute(text(_SEEN), {"case": case, "organisation": organisation, "now": now})


def release_expired_leases(tx: Connection, now: datetime) -> None:
    """Notices of a process that died while sending wait again; what came of its attempts is
    unknown.
    """
    tx.execute(text(_RECLAIM), {"now": now})


def defer(tx: Connection, channels: Sequence[str], now: datetime, until: datetime) -> None:
    """Quiet hours: what is due and not urgent waits until they end."""
    tx.execute(text(_HOLD), {"channels": list(channels), "now": now, "until": until})


def digest(tx: Connection, channels: Sequence[str], now: datetime, gap: timedelta) -> None:
    """Who had a message less than `gap` ago gets the next one, with all of the meantime in it,
    after that gap.
    """
    tx.execute(text(_GATHER), {"channels": list(channels), "now": now, "gap": gap})


def claim(
    tx: Connection, channels: Sequence[str], now: datetime, until: datetime, lease: UUID, limit: int
) -> Sequence[Record]:
    """Takes the notices of the `limit` messages that are due the longest; nobody else gets them
    before `until`.
    """
    return rows(
        tx,
        _CLAIM,
        {"channels": list(channels), "now": now, "until": until, "lease": lease, "limit": limit},
    )


def begin_attempt(
    tx: Connection, attempt: Mapping[str, Any], ids: Sequence[UUID], attempts: int
) -> None:
    """Writes the attempt row of a message before its channel is called."""
    tx.execute(text(_ATTEMPT), {**attempt, "notices": len(ids)})
    tx.execute(
        text(_UNDER_WAY),
        {"mail": attempt["mail"], "attempts": attempts, "now": attempt["now"], "ids": list(ids)},
    )


def not_sent(tx: Connection, ids: Sequence[UUID], why: str) -> None:
    """Ends claimed notices unsent: `done`, `post_ended`, `bounced`."""
    tx.execute(text(_NOT_SENT), {"ids": list(ids), "why": why})


def put_back(tx: Connection, ids: Sequence[UUID], due_at: datetime) -> None:
    """Gives claimed notices back, to be claimed again from `due_at` on; they count as kept
    waiting.
    """
    tx.execute(text(_BACK), {"ids": list(ids), "due_at": due_at})


def end_attempt(
    tx: Connection, attempt: UUID, outcome: str, now: datetime, reason: str | None = None
) -> None:
    """How the call ended: `sent`, `failed` or `unknown`."""
    tx.execute(text(_END), {"id": attempt, "outcome": outcome, "now": now, "reason": reason})


def sent(tx: Connection, ids: Sequence[UUID], lease: UUID, now: datetime) -> None:
    """The channel took the message."""
    tx.execute(text(_SENT), {"ids": list(ids), "lease": lease, "now": now})


def retry(tx: Connection, ids: Sequence[UUID], lease: UUID, due_at: datetime, why: str) -> None:
    """Another attempt at `due_at`, unless the task is done by now."""
    tx.execute(text(_RETRY), {"ids": list(ids), "lease": lease, "due_at": due_at, "why": why})


def failed(tx: Connection, ids: Sequence[UUID], lease: UUID, why: str) -> None:
    """No attempt is left, or none would help."""
    tx.execute(text(_FAILED), {"ids": list(ids), "lease": lease, "why": why})
