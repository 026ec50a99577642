"""What the notifier reads: contacts, tasks that stand, and what pages and operators ask about
notices.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.kit.db.engine import Record, dumps, rows
from services.kit.loops import Part
from services.notifier.recipients import Addressee, Contact, climbing

CLIMBING = Part("climb", "overdue")
DELIVERING = Part("delivery", "mails")
SETTLING = Part("settle", "notices")

_ADDRESSEES = """
SELECT o.code, o.path, c.id::text AS id, c.channel, c.email, c."from" AS since, c.until,
    c.bounced_count
FROM json_array_elements_text(%s::json) AS q(code) JOIN organisation o ON o.code = q.code
LEFT JOIN contact c ON c.organisation = o.code
ORDER BY o.code, c.id"""

_INBOX = """
SELECT n.id, n.task, n.stage, n.case_id, n.kind, coalesce(t.act, n.act) AS act,
       CASE WHEN t.id IS NULL THEN n.due_on ELSE t.due_on END AS due_on,
       n.organisation, n.recipient, n.because, n.due_at, n.delivered_at, n.seen_at, n.acted_at
FROM notice n LEFT JOIN task t ON t.id = n.task
WHERE n.recipient = :organisation AND n.contact IS NULL AND n.delivered_at IS NOT NULL
  AND (CAST(:before AS timestamptz) IS NULL OR (n.due_at, n.id) < (:before,
      CAST(:before_id AS uuid)))
  AND (n.acted_at IS NULL OR NOT :open)
ORDER BY n.due_at DESC, n.id DESC LIMIT :limit"""

_CLAIMED = """
SELECT n.id, n.task, n.stage, n.case_id, n.kind, t.act, t.due_on, t.persons, n.organisation,
    n.because, n.due_at, n.path,
       t.id IS NULL OR t.closed_at IS NOT NULL AS done, whose.name AS organisation_name,
       own.name AS recipient_name,
       c.id::text AS contact, c.channel, c.email, c."from" AS since, c.until, c.bounced_count
FROM notice n
LEFT JOIN task t ON t.id = n.task
LEFT JOIN organisation whose ON whose.code = n.organisation
LEFT JOIN organisation own ON own.code = n.recipient
LEFT JOIN contact c ON c.id = n.contact
WHERE n.id = ANY(:ids) AND n.state = 'sending' AND n.lease = :lease
ORDER BY t.due_on, n.organisation, n.kind, n.id FOR UPDATE OF n"""

_OVERDUE = f"""
SELECT t.id, t.case_id, t.kind, t.act, t.organisation, t.due_on
FROM task t JOIN organisation o ON o.code = t.organisation
WHERE t.closed_at IS NULL AND t.due_on < :today AND t.kind = ANY(:kinds)
  AND NOT EXISTS (SELECT FROM notice n WHERE n.task = t.id AND n.stage = 'overdue'
      AND n.acted_at IS NULL)
  AND {CLIMBING.not_aside("t.id::text")}
ORDER BY t.due_on, t.id LIMIT :limit"""

_WITHIN = """
SELECT channel, count(*) AS notices, count(*) FILTER (WHERE waited <= :seconds) AS within,
       round(100.0 * count(*) FILTER (WHERE waited <= :seconds) / count(*), 2)::float AS percent,
       max(waited) AS slowest_seconds
FROM notice WHERE waited IS NOT NULL AND due_at >= :since GROUP BY channel ORDER BY channel"""


def directory(
    tx: Connection,
    codes: Collection[str],
    today: date,
    bounces_max: int,
    without: Collection[str] = (),
) -> dict[str, Addressee]:
    """Organisations by code with their contacts, and the superiors of those whose prompts climb.
    Unknown codes are missing.
    """
    book = addressees(tx, codes)
    above: set[str] = set()
    for addressee in book.values():
        if climbing(addressee, today, bounces_max, without):
            above.update(addressee.superiors)
    missing = above - book.keys()
    return book | addressees(tx, missing) if missing else book


def addressees(tx: Connection, codes: Collection[str]) -> dict[str, Addressee]:
    """Organisations by code with all contacts ever loaded for them, in one statement."""
    paths: dict[str, str] = {}
    contacts_of: dict[str, list[Contact]] = {}
    listed = tx.exec_driver_sql(_ADDRESSEES, (dumps(list(codes)),)).all()
    for code, path, contact_id, *columns in listed:
        paths[code] = path
        contacts = contacts_of.setdefault(code, [])
        if contact_id is not None:
            contacts.append(Contact(contact_id, *columns))
    return {code: Addressee(code, path, tuple(contacts_of[code])) for code, path in paths.items()}


def inbox(
    tx: Connection,
    organisation: str,
    limit: int = 100,
    *,
    before: tuple[datetime, UUID] | None = None,
    open_only: bool = True,
) -> Sequence[Record]:
    """The inbox of an organisation, newest first; `before` is (due_at, id) of the last row of the
    page before.

    Run under `view_as`, it shows only what the viewer may see.
    """
    before_at, before_id = before or (None, None)
    params = {
        "organisation": organisation,
        "before": before_at,
        "before_id": before_id,
        "open": open_only,
        "limit": limit,
    }
    return rows(tx, _INBOX, params)


def claimed(tx: Connection, ids: Sequence[UUID], lease: UUID) -> Sequence[Record]:
    """Claimed notices as they are now, locked, with their task's and their contact's present state;
    the most pressing first.
    """
    return rows(tx, _CLAIMED, {"ids": list(ids), "lease": lease})


def overdue_unannounced(
    tx: Connection, today: date, kinds: Collection[str], limit: int
) -> Sequence[Record]:
    """Open tasks whose due day has passed and of whose lateness nobody was told."""
    return rows(tx, _OVERDUE, {"today": today, "kinds": sorted(kinds), "limit": limit})


_UNSETTLED = f"""
SELECT n.id FROM notice n JOIN task t ON t.id = n.task
WHERE t.closed_at IS NOT NULL AND n.acted_at IS NULL AND {SETTLING.not_aside("n.id::text")}
    ORDER BY n.id LIMIT :limit"""


def unsettled(tx: Connection, limit: int) -> list[UUID]:
    """Notices that nobody acted upon, though their task is closed."""
    return [row["id"] for row in rows(tx, _UNSETTLED, {"limit": limit})]


def attempts_since(tx: Connection, channel: str, since: datetime) -> tuple[int, datetime | None]:
    """How many messages a channel was handed since then, and when the first of them."""
    row = rows(
        tx,
        "SELECT count(*) AS n, min(started_at) AS first FROM notice_attempt "
        "WHERE channel = :channel AND started_at > :since",
        {"channel": channel, "since": since},
    )[0]
    return row["n"], row["first"]


def handed_over_within(
    tx: Connection, since: datetime, seconds: float = 10
) -> list[dict[str, Any]]:
    """Per channel the share of notices handed over within `seconds` of falling due; R21 asks 99 %
    in 10 s.

    Items {"channel", "notices", "within", "percent", "slowest_seconds"} over notices due since then
    that were handed over. Quiet hours, gathering and retries move the instant at which a notice
    falls due; a channel's cap does not.
    """
    return [dict(row) for row in rows(tx, _WITHIN, {"since": since, "seconds": seconds})]
