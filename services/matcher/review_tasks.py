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
from uuid import uuid5

from sqlalchemy import Connection, Engine

from schemas.envelope import NAMESPACE_GUIDUI, Message
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
from services.matcher.announcements import Place

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
        workdays = policy.identify_wd if kind == IDENTIFY else policy.ask_wd
        return context.calendar.add_workdays(day, workdays)

    def beside(self, other: Waiting) -> Waiting:
        """What waits at both of two desks that are one now."""
        return Waiting(min(self.since, other.since), self.persons + other.persons)


@dataclass(frozen=True, slots=True)
class _Alteration:
    """What becomes of one desk task: the row to write, if any, and the id of the task to close, if
    any.
    """

    row: dict[str, Any] | None
    closed: str | None = None
    is_new: bool = False


def settle_of(tx: Connection, place: Place, context: DecisionContext) -> None:
    """``settle`` for whoever posted a person, whoever asked about them, and whoever holds a
    candidate.
    """
    event, position = place
    concerned = tx.exec_driver_sql(_CONCERNED, {"e": event, "p": position})
    settle(tx, concerned.scalars(), context)


def settle(tx: Connection, organisations: Iterable[str], context: DecisionContext) -> None:
    """Opens, alters and closes the desk tasks of organisations, so that they tell who waits now.

    A task stays the same while anybody waits; one that was late and is worked off makes room for a
    new one, so that those who are left are prompted for as well. ``tx`` acts as the worker. Call it
    last in a transaction: it waits for whoever else is counting the same organisation, and counts
    what they committed.
    """
    codes = _with_desks(organisations, context)
    if not codes:
        return
    locks.hold(tx, Lock.DESK_COUNT, *codes)
    waiting = _waiting(tx, codes, context)
    before = {(row.organisation, row.kind): row for row in rows(tx, _STANDING, {"codes": codes})}
    written: list[dict[str, Any]] = []
    closed: list[str] = []
    messages: list[Message] = []
    for code in codes:
        alterations = [
            altered(code, kind, waiting.get((code, kind)), before.get((code, kind), {}), context)
            for kind in ACTS
        ]
        written += [alteration.row for alteration in alterations if alteration.row]
        closed += [alteration.closed for alteration in alterations if alteration.closed]
        messages += _messages(code, alterations, context)
    apply_tasks(tx, written, closed, context.now)
    record(tx, messages)


def _with_desks(organisations: Iterable[str], context: DecisionContext) -> list[str]:
    """Organisations, and those at whose desks stands today what they posted; sorted, as locks are
    taken.
    """
    codes: set[str] = set()
    for organisation in organisations:
        codes |= {organisation, desk(organisation, context)}
    return sorted(codes)


def _messages(
    code: str, alterations: Iterable[_Alteration], context: DecisionContext
) -> list[Message]:
    """The message that tells of tasks opened and closed at a desk; none where none was."""
    opened: list[dict[str, Any]] = []
    closed: list[str] = []
    for alteration in alterations:
        if alteration.row and alteration.is_new:
            opened.append(alteration.row)
        if alteration.closed:
            closed.append(alteration.closed)
    if not opened and not closed:
        return []
    return [task_message(code, None, None, opened, closed, context)]


def desk(code: str, context: DecisionContext) -> str:
    """The organisation at whose desk stands today what ``code`` posted, or asked."""
    acting = context.directory.desk_of(code, context.today)
    return acting.code if acting else code


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
    """What waits at each desk, by organisation and kind, with what organisations that ended left to
    it.
    """
    desk_of = {code: code for code in codes if desk(code, context) == code}
    desk_of |= context.directory.left_to(codes, context.today)
    waiting: dict[tuple[str, str], Waiting] = {}
    for row in rows(tx, _WAITING, {"codes": list(desk_of)}):
        of_desk = desk_of[row.organisation], row.kind
        waits = Waiting(row.since, row.persons)
        if of_desk in waiting:
            waits = waits.beside(waiting[of_desk])
        waiting[of_desk] = waits
    return waiting


def altered(
    code: str,
    kind: str,
    waiting: Waiting | None,
    before: Mapping[str, Any],
    context: DecisionContext,
) -> _Alteration:
    """What becomes of the task of one kind at an organisation's desk; ``before``: the task that is
    open (id, due_on, persons, opened_at), and the number of tasks that were ever opened.
    """
    open_task = before.get("id")
    if waiting is None:
        return _Alteration(None, closed=open_task)
    due_on = waiting.due_on(kind, code, context)
    row = {
        "case_id": None,
        "member": None,
        "kind": kind,
        "act": ACTS[kind],
        "organisation": code,
        "path": context.directory.path(code),
        "due_on": due_on,
        "persons": waiting.persons,
    }
    if not open_task or _is_worked_off(before["due_on"], due_on, context.today):
        new = str(uuid5(NAMESPACE_GUIDUI, f"desk:{kind}:{code}:{before.get('number', 0)}"))
        opened = {**row, "id": new, "opened_at": context.now}
        return _Alteration(opened, closed=open_task, is_new=True)
    if (before["due_on"], before["persons"]) == (due_on, waiting.persons):
        return _Alteration(None)
    return _Alteration({**row, "id": open_task, "opened_at": before["opened_at"]})


def _is_worked_off(due_before: date, due_on: date, today: date) -> bool:
    """Whether a task was late, and whoever is left is not."""
    return due_before < today <= due_on
