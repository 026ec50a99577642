"""Who must look at the review desk: one open task per organisation while persons wait there, one
while questions do.

Asked is whoever holds a candidate: the sender where it is of the candidate's line, else the
candidate's organisation. A roster of 30,000 rows may leave 3,000 in doubt: whoever posted it is
asked once, with their number, by the day on which the one that waits the longest is due. What an
organisation left on its desk when it ended, its superior finds on its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, Engine

from schemas.envelope import NAMESPACE_GUIDUI
from services.cases.deadlines.calendar import day_of
from services.cases.deadlines.clock import apply_tasks, task_message
from services.cases.model.case import DecisionContext
from services.cases.routing.rule_source import RuleSource
from services.kit.bus.event_log import record
from services.kit.clock import Clock
from services.kit.db import locks
from services.kit.db.engine import rows
from services.kit.db.locks import Lock
from services.kit.loops import Part

IDENTIFY, QUESTION = "identify", "question"
ACTS = {IDENTIFY: "identify", QUESTION: "answer"}

# whoever asked, and has the answer, looks again
_WAITING = """
WITH asked AS (
    SELECT q.event_id, q.position, split_part(q.path, '.', -2) AS poster,
        q.by_organisation AS asker, q.asked_at,
           q.answered_at
    FROM review_question q JOIN identification i
        ON i.event_id = q.event_id AND i.position = q.position AND i.decision = 'review'
    WHERE q.text IS NOT NULL AND (split_part(q.path, '.', -2) = ANY (:codes)
        OR q.by_organisation = ANY (:codes))),
answered AS (
    SELECT asker, max(answered_at) AS since FROM asked a WHERE asker <> poster AND NOT EXISTS (
        SELECT FROM review_candidate k JOIN member m ON m.member = k.member
        WHERE (k.event_id, k.position) = (a.event_id, a.position) AND m.organisation = a.asker)
    GROUP BY event_id, position, asker HAVING bool_and(answered_at IS NOT NULL))
SELECT 'identify' AS kind, split_part(path, '.', -2) AS organisation, min(decided_at) AS since,
    count(*) AS persons
FROM identification WHERE decision = 'review' AND asks_sender
    AND split_part(path, '.', -2) = ANY (:codes) GROUP BY 2
UNION ALL SELECT 'identify', m.organisation, min(i.decided_at),
    count(DISTINCT (i.event_id, i.position))
FROM review_candidate k JOIN identification i ON (i.event_id, i.position) = (k.event_id, k.position)
JOIN member m ON m.member = k.member
WHERE i.decision = 'review' AND NOT i.asks_sender AND k.denied_at IS NULL
    AND m.organisation = ANY (:codes) GROUP BY 2
UNION ALL SELECT 'identify', asker, min(since), count(*) FROM answered GROUP BY 2
UNION ALL SELECT 'question', poster, min(asked_at), count(DISTINCT (event_id, position)) FROM asked
WHERE answered_at IS NULL GROUP BY 2"""
DESKS = Part("tree", "desks")
_DESKS = f"""SELECT DISTINCT organisation FROM task t
WHERE closed_at IS NULL AND kind IN ('identify', 'question')
    AND {DESKS.not_aside("t.organisation")}"""
_STANDING = """
SELECT organisation, kind, count(*) AS number, max(id::text) FILTER (WHERE closed_at IS NULL) AS id,
       max(due_on) FILTER (WHERE closed_at IS NULL) AS due_on,
           max(persons) FILTER (WHERE closed_at IS NULL) AS persons,
       max(opened_at) FILTER (WHERE closed_at IS NULL) AS opened_at
FROM task WHERE kind IN ('identify', 'question') AND organisation = ANY (:codes) GROUP BY 1, 2"""
_CONCERNED = """
SELECT split_part(path, '.', -2) FROM identification WHERE event_id = %(e)s AND position = %(p)s
UNION SELECT by_organisation FROM review_question WHERE event_id = %(e)s AND position = %(p)s
UNION SELECT m.organisation FROM review_candidate k JOIN member m ON m.member = k.member
WHERE k.event_id = %(e)s AND k.position = %(p)s"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits at an organisation: for whom the longest, and for how many."""

    since: datetime
    persons: int

    def due_on(self, kind: str, organisation: str, context: DecisionContext) -> date:
        """The day by which it is asked for, by the policy of the day on which it began to wait."""
        day = day_of(self.since)
        policy = context.policy_at(organisation, day)
        return context.calendar.add_workdays(
            day, policy.identify_wd if kind == IDENTIFY else policy.ask_wd
        )


def settle_of(tx: Connection, event: UUID, position: int, context: DecisionContext) -> None:
    """``settle`` for whoever posted a person, and whoever asked about them."""
    settle(tx, tx.exec_driver_sql(_CONCERNED, {"e": event, "p": position}).scalars(), context)


def settle(tx: Connection, organisations: Iterable[str], context: DecisionContext) -> None:
    """Opens, alters and closes the desk tasks of organisations, so that they tell who waits now.

    A task stays the same while anybody waits; one that was late and is worked off makes room for a
    new one, so that those who are left are prompted for as well. ``tx`` acts as the worker. Call it
    last in a transaction: it waits for whoever else is counting the same organisation, and counts
    what they committed.
    """
    codes = sorted({one for code in organisations for one in (code, desk(code, context))})
    if not codes:
        return
    locks.hold(tx, Lock.DESK_COUNT, *codes)
    waiting = _waiting(tx, codes, context)
    standing = {(r.organisation, r.kind): r for r in rows(tx, _STANDING, {"codes": codes})}
    written, closed, messages = [], [], []
    for code in codes:
        opened, gone = [], []
        for kind in ACTS:
            before = standing.get((code, kind), {})
            line, ended = _one(code, kind, waiting.get((code, kind)), before, context)
            written += [line] if line else []
            gone += [ended] if ended else []
            opened += [line] if line and line["id"] != before.get("id") else []
        closed += gone
        if opened or gone:
            messages.append(task_message(code, None, None, opened, gone, context))
    apply_tasks(tx, written, closed, context.now)
    record(tx, messages)


def desk(code: str, context: DecisionContext) -> str:
    """The organisation at whose desk stands today what ``code`` posted, or asked."""
    standing = context.directory.desk_of(code, context.today)
    return standing.code if standing else code


def recompute_review_tasks(engine: Engine, clock: Clock, rule_source: RuleSource) -> int:
    """Counts all open desk tasks anew, by the calendar and the tree in force; returns how many
    organisations had one.
    """
    with engine.begin() as tx:
        codes: list[str] = [row.organisation for row in rows(tx, _DESKS)]
        context = rule_source.context(tx, clock.now())
        done = DESKS.each_by_itself(
            tx, codes, lambda some: settle(tx, some, context), context.now, organisation=str
        )
    return len(codes) - done.left_out


def recount_again(
    tx: Connection, codes: Sequence[str], now: datetime, rule_source: RuleSource
) -> None:
    """Counts desks that stood aside, once more."""
    context = rule_source.context(tx, now)
    DESKS.each_by_itself(tx, codes, lambda some: settle(tx, some, context), now, organisation=str)


def _waiting(
    tx: Connection, codes: list[str], context: DecisionContext
) -> dict[tuple[str, str], Waiting]:
    at = {code: code for code in codes if desk(code, context) == code} | context.directory.left_to(
        codes, context.today
    )
    found: dict[tuple[str, str], Waiting] = {}
    for r in rows(tx, _WAITING, {"codes": list(at)}):
        slot = at[r.organisation], r.kind
        before = found.get(slot)
        found[slot] = Waiting(
            min(before.since, r.since) if before else r.since,
            r.persons + (before.persons if before else 0),
        )
    return found


def _one(
    code: str,
    kind: str,
    waits: Waiting | None,
    stands: Mapping[str, Any],
    context: DecisionContext,
) -> tuple[dict[str, Any] | None, str | None]:
    """The row to write, if any, and the id of the task to close, if any."""
    ident = stands.get("id")
    if waits is None:
        return None, ident
    due = waits.due_on(kind, code, context)
    line = {
        "case_id": None,
        "member": None,
        "kind": kind,
        "act": ACTS[kind],
        "organisation": code,
        "path": context.directory.path(code),
        "due_on": due,
        "persons": waits.persons,
    }
    if ident and not stands["due_on"] < context.today <= due:
        same = (stands["due_on"], stands["persons"]) == (due, waits.persons)
        return (None if same else {**line, "id": ident, "opened_at": stands["opened_at"]}), None
    new = str(uuid5(NAMESPACE_GUIDUI, f"desk:{kind}:{code}:{stands.get('number', 0)}"))
    return {**line, "id": new, "opened_at": context.now}, ident
