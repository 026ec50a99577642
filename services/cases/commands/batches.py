"""A command to a whole batch: given once to the parent, carried out child by child, in waves that
may wait and pause.

The parent's history row `give_to_all` is the order itself; who it was carried out for, and how, is
told per child. The children are found when their wave comes, so people who join the batch meanwhile
are taken along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from schemas.days import stored_day
from services.cases.commands.apply import BatchOrder, apply_all
from services.cases.deadlines.calendar import day_of
from services.cases.model import states as s
from services.cases.routing.rule_source import RuleSource
from services.cases.store import tables
from services.kit.db import locks
from services.kit.db.engine import dumps, rows
from services.kit.db.locks import Lock
from services.kit.errors import Refused
from services.kit.loops import Part
from services.registry.directory import Directory
from services.registry.tree import just_after

WAVE_CASES_MAX = 500

ORDERS, CHILDREN = Part("clock", "orders"), Part("clock", "orders_children")

_ORDER = f"""
SELECT e.case_id::text AS parent, e.seq, e.by_organisation, e.by_person, e.detail
FROM transfer_case p JOIN case_event e ON e.case_id = p.id AND e.command = 'give_to_all'
WHERE p.state = 'bulk_open' AND p.paused IS NOT TRUE
  AND NOT EXISTS (SELECT FROM batch_done d WHERE d.parent = e.case_id AND d.seq = e.seq)
  AND {ORDERS.not_aside("e.case_id || ':' || e.seq")}
ORDER BY e.at, e.case_id, e.seq"""
_NOT_ASIDE = CHILDREN.not_aside("(CAST(:parent AS text) || ':' || :seq || ':' || c.id)")
_NEXT = f"""
SELECT c.id::text AS id FROM transfer_case c
WHERE c.parent = CAST(:parent AS uuid) AND c.id > coalesce(
    (SELECT o.case_id FROM batch_outcome o WHERE o.parent = CAST(:parent AS uuid) AND o.seq = :seq
     ORDER BY o.case_id DESC LIMIT 1), '00000000-0000-0000-0000-000000000000') AND {_NOT_ASIDE}
ORDER BY c.id LIMIT :limit"""
_LEFT_OUT = f"""
SELECT c.id::text AS id FROM transfer_case c
WHERE c.parent = CAST(:parent AS uuid) AND c.id <> ALL (CAST(:ids AS uuid[])) AND NOT EXISTS (
    SELECT FROM batch_outcome o WHERE o.parent = c.parent AND o.seq = :seq AND o.case_id = c.id)
        AND {_NOT_ASIDE}
ORDER BY c.id LIMIT :limit"""
_ALL_TOLD = """
INSERT INTO batch_done (parent, seq, at) SELECT CAST(:parent AS uuid), :seq, :now
WHERE NOT EXISTS (SELECT FROM transfer_case c WHERE c.parent = CAST(:parent AS uuid)
    AND NOT EXISTS (
    SELECT FROM batch_outcome o WHERE o.parent = c.parent AND o.seq = :seq AND o.case_id = c.id))
ON CONFLICT DO NOTHING"""
_KEEP = """
INSERT INTO batch_outcome (parent, seq, case_id, status, zh, en, at)
SELECT %s::uuid, %s, case_id, status, zh, en, %s
FROM json_to_recordset(%s::json) AS o(case_id uuid, status int, zh text, en text)"""


def wave(tx: Connection, now: datetime, rule_source: RuleSource) -> int:
    """Carries out the oldest order that may run for its next children; returns how many it was
    given to.

    An order that cannot be carried out at all steps aside, and so does a child that raises: the
    order is not done then.
    """
    for order in rows(tx, _ORDER):
        done = ORDERS.each_by_itself(
            tx,
            [order],
            lambda _, order=order: _carry_out(tx, order, now, rule_source),
            now,
            key=lambda row: f"{row.parent}:{row.seq}",
            organisation=lambda row: row.by_organisation,
        )
        if done.results and done.results[0]:
            return done.results[0]
    return 0


def _carry_out(tx: Connection, order: Any, now: datetime, rule_source: RuleSource) -> int:
    start = order.detail.get("start_on")
    if (
        start
        and stored_day(start) > day_of(now)
        or not locks.try_hold(tx, Lock.BATCH, order.parent)
    ):
        return 0
    ids = _children_next(tx, order)
    CHILDREN.each_by_itself(
        tx,
        ids,
        lambda some: _obey(tx, order, some, now, rule_source),
        now,
        key=lambda child: f"{order.parent}:{order.seq}:{child}",
        organisation=lambda _: order.by_organisation,
    )
    if len(ids) < WAVE_CASES_MAX:
        rows_of = {"parent": order.parent, "seq": order.seq, "now": now}
        tx.execute(text(_ALL_TOLD), rows_of)
    return len(ids)


def _obey(
    tx: Connection, order: Any, ids: Sequence[str], now: datetime, rule_source: RuleSource
) -> None:
    """Gives the order to some children, and keeps what came of it."""
    command, args = order.detail["order"], order.detail.get("with") or {}
    cases = tables.load(tx, ids)
    answers = apply_all(
        tx,
        [BatchOrder(cases[i], command, order.by_organisation, args) for i in ids],
        now,
        order.by_person,
        rule_source,
    )
    tx.exec_driver_sql(
        _KEEP,
        (
            order.parent,
            order.seq,
            now,
            dumps(
                [
                    {"case_id": ident, **status_of(answer)}
                    for ident, answer in zip(ids, answers, strict=True)
                ]
            ),
        ),
    )


def _children_next(tx: Connection, order: Any) -> list[str]:
    """The next children in the order of their ids; last of all those who joined meanwhile."""
    asked = {"parent": order.parent, "seq": order.seq}
    ids = [row.id for row in rows(tx, _NEXT, asked | {"limit": WAVE_CASES_MAX})]
    if len(ids) < WAVE_CASES_MAX:
        ids += [
            row.id
            for row in rows(tx, _LEFT_OUT, asked | {"ids": ids, "limit": WAVE_CASES_MAX - len(ids)})
        ]
    return ids


def status_of(answer: Any) -> dict[str, Any]:
    """What is kept of an answer of ``apply_all``: a status, and the sentence of a refusal."""
    if isinstance(answer, Refused):
        return {"status": answer.status, "zh": answer.words.zh, "en": answer.words.en}
    return {"status": 200, "zh": None, "en": None}


_PROGRESS = """
SELECT e.seq, e.at, e.by_organisation, e.detail, d.at AS done_at,
       count(o.case_id) FILTER (WHERE o.status = 200) AS done,
           count(o.case_id) FILTER (WHERE o.status <> 200) AS refused
FROM case_event e LEFT JOIN batch_outcome o ON o.parent = e.case_id AND o.seq = e.seq
LEFT JOIN batch_done d ON d.parent = e.case_id AND d.seq = e.seq
WHERE e.case_id = CAST(:parent AS uuid) AND e.command = 'give_to_all'
GROUP BY e.seq, e.at, e.by_organisation, e.detail, d.at ORDER BY e.seq DESC"""
_CHILDREN = """
SELECT c.id::text AS id, c.position, c.state, c.destination, c.wait_act, c.wait_due, p.name,
    o.status, o.zh, o.en
FROM transfer_case c LEFT JOIN case_person p ON p.case_id = c.id
LEFT JOIN batch_outcome o ON o.parent = c.parent AND o.case_id = c.id AND o.seq = :seq
WHERE c.parent = CAST(:parent AS uuid) AND (CAST(:state AS text) IS NULL OR c.state = :state)
  AND (NOT :refused OR o.status <> 200)
ORDER BY c.position, c.id LIMIT :limit OFFSET :offset"""


_POSTED = f"""
SELECT p.id::text AS parent, p.poster, p.category, p.opened_at, p.state, p.paused IS TRUE AS paused,
       (SELECT e.reason FROM case_event e WHERE e.case_id = p.id AND e.seq = 1) AS name,
       count(c.id) AS members, count(*) FILTER (WHERE c.state = 'moved') AS moved,
       count(*) FILTER (WHERE c.state IN {s.in_sql(sorted(s.UNSETTLED))}) AS unsettled,
       count(*) FILTER (WHERE c.state = 'letter_expired') AS pocket
FROM transfer_case p LEFT JOIN transfer_case c ON c.parent = p.id
WHERE p.state IN ('bulk_open', 'bulk_closed') AND p.origin_path ~>=~ :lo AND p.origin_path ~<~ :hi
GROUP BY p.id
ORDER BY p.state = 'bulk_closed', p.opened_at DESC, p.id LIMIT :limit OFFSET :offset"""


def posted(
    tx: Connection, organisation: str, limit: int = 100, offset: int = 0
) -> list[dict[str, Any]]:
    """The batches that an organisation, or one below it, has posted, open ones first, then the
    newest.

    `name` is what the sender calls the batch; of its `members` so many have `moved`, are
    `unsettled` (before the acceptance, stays aside), are pocket members. ``tx`` sees the cases of
    the organisation's tree.
    """
    path = Directory.of(tx).path(organisation)
    return [
        dict(row)
        for row in rows(
            tx, _POSTED, {"lo": path, "hi": just_after(path), "limit": limit, "offset": offset}
        )
    ]


def by_state(tx: Connection, parent: str) -> dict[str, int]:
    """How many of a batch stand in each state, of those that this transaction sees."""
    child_rows = rows(
        tx,
        "SELECT state, count(*) AS n FROM transfer_case WHERE parent = CAST(:p AS uuid) GROUP BY "
        "state",
        {"p": parent},
    )
    counted = {row.state: row.n for row in child_rows}
    return {state: counted[state] for state in s.STATES if state in counted}


def orders(tx: Connection, parent: str) -> list[dict[str, Any]]:
    """The commands given to a batch, the latest first: how many were carried out, refused, and
    whether more are to come.
    """
    return [
        {
            "seq": r.seq,
            "at": r.at,
            "by": r.by_organisation,
            "command": r.detail["order"],
            "start_on": r.detail.get("start_on"),
            "done": r.done,
            "refused": r.refused,
            "done_at": r.done_at,
        }
        for r in rows(tx, _PROGRESS, {"parent": parent})
    ]


def children(  # noqa: PLR0913
    tx: Connection,
    parent: str,
    *,
    seq: int | None = None,
    state: str | None = None,
    refused: bool = False,
    limit: int = 100,
    offset: int = 0,
) -> Sequence[Mapping[str, Any]]:
    """The members of a batch, each with what order ``seq`` did to it."""
    return rows(
        tx,
        _CHILDREN,
        {
            "parent": parent,
            "seq": seq,
            "state": state,
            "refused": refused,
            "limit": limit,
            "offset": offset,
        },
    )
