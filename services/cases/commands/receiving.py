"""One act for all of a batch that are in an organisation's hands: the receiving side of
services.cases.commands.batches.

The receiver does not see the batch, which is the sender's; it sees the members who come to it. An
order is carried out in waves for those who stand where it can be done when their wave comes; what
each came to is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, text

from services.cases.commands import batches as sending
from services.cases.commands.apply import BatchOrder, apply_all
from services.cases.commands.arguments import Arguments, refuse
from services.cases.deadlines.calendar import day_of
from services.cases.model import states as s
from services.cases.routing.rule_source import RuleSource
from services.cases.store import tables
from services.cases.views.queries import as_worker, look_at_cases
from services.kit.db import locks
from services.kit.db.engine import dumps, rows
from services.kit.db.locks import Lock
from services.kit.loops import Part
from services.registry.access import Caller

# acts of the side that receives which say the same of everybody
ORDERS = ("record_arrival", "accept", "place", "record_talk", "send_receipt", "forward", "note")
_HANDS = ":own IN (c.destination, c.header, c.receiver, c.receiving_committee, c.branch)"
_LEGAL = {
    order: sorted(
        state for state, command in s.TRANSITIONS if state is not None and command == order
    )
    for order in ORDERS
}
_MINE = f"c.parent = CAST(:parent AS uuid) AND {_HANDS}"


def batches(
    tx: Connection, organisation: str, limit: int = 200, offset: int = 0
) -> Sequence[Mapping[str, Any]]:
    """The batches of which members are, or were, in the organisation's hands, newest first: parent,
    poster, members, opened_at, waiting (how many wait for an act of its own). ``tx`` looks as the
    organisation.
    """
    return rows(
        tx,
        f"""SELECT c.parent::text AS parent, min(c.poster) AS poster, min(c.opened_at) AS opened_at,
            count(*) AS members, count(*) FILTER (WHERE c.wait_organisation = :own) AS waiting
        FROM transfer_case c WHERE c.parent IS NOT NULL AND {_HANDS}
        GROUP BY c.parent ORDER BY min(c.opened_at) DESC, c.parent LIMIT :limit OFFSET :offset""",
        {"own": organisation, "limit": limit, "offset": offset},
    )


def give(  # noqa: PLR0913
    tx: Connection,
    caller: Caller,
    parent: str,
    order: Any,
    args: Any,
    start_on: Any,
    now: datetime,
    person: str | None = None,
) -> UUID:
    """Orders one act for all of a batch; returns the order's id. It begins with the next round of
    the clock.

    404 none of the batch is in the caller's hands, 422 the order is none of ORDERS or its day has
    passed. What does not fit one member is told of that member.
    """
    must_hold(tx, caller, parent)
    given = Arguments(
        {"order": order, "with": args, "start_on": start_on}, caller.own_organisation, "give_to_all"
    )
    command, fields = given.one_of("order", ORDERS), given.mapping("with")
    start = given.day("start_on", since=day_of(now), required=False)
    ident = uuid4()
    with as_worker(tx):
        tx.exec_driver_sql(
            "INSERT INTO batch_order (id, parent, organisation, path, by_person, command, args, "
            "start_on, at) "
            "VALUES (%s, %s::uuid, %s, %s, %s, %s, %s::jsonb, %s, %s)",
            (
                ident,
                parent,
                caller.organisation,
                caller.path,
                person,
                command,
                dumps(dict(fields)),
                start,
                now,
            ),
        )
    return ident


def pause(tx: Connection, caller: Caller, parent: str, order: str, paused: bool) -> None:
    """Stops an order of the caller's between two waves, or lets it go on; 404 it has none that is
    not done.
    """
    look_at_cases(tx, caller)
    with as_worker(tx):
        standing = tx.exec_driver_sql(
            "UPDATE batch_order SET paused = %s WHERE id = %s AND parent = %s AND organisation = "
            "%s "
            "AND done_at IS NULL",
            (paused, _uuid(order), _uuid(parent), caller.organisation),
        ).rowcount
    if not standing:
        raise refuse(
            404,
            "no-such-order",
            "没有这项全批办理，或已经办完。",
            "There is no such order, or it is done.",
        )


def must_hold(tx: Connection, caller: Caller, parent: str) -> None:
    """Raises Refused 404 unless a member of the batch is in the caller's hands; ``tx`` then looks
    as the caller.
    """
    look_at_cases(tx, caller)
    if not rows(
        tx,
        f"SELECT 1 FROM transfer_case c WHERE {_MINE} LIMIT 1",
        {"parent": _uuid(parent), "own": caller.organisation},
    ):
        raise refuse(
            404,
            "no-such-batch",
            "没有这一批，或其中没有人到本组织。",
            "There is no such batch, or nobody of it comes to your organisation.",
        )


def by_state(tx: Connection, organisation: str, parent: str) -> dict[str, int]:
    """How many of the batch in the organisation's hands stand in each state."""
    member_rows = rows(
        tx,
        f"SELECT c.state, count(*) AS n FROM transfer_case c WHERE {_MINE} GROUP BY c.state",
        {"parent": parent, "own": organisation},
    )
    counted = {row.state: row.n for row in member_rows}
    return {state: counted[state] for state in s.STATES if state in counted}


def orders(tx: Connection, organisation: str, parent: str) -> list[dict[str, Any]]:
    """The organisation's orders, the latest first: how many were carried out, refused, whether more
    are to come.
    """
    return [
        dict(row)
        for row in rows(
            tx,
            """SELECT o.id::text AS id, o.at, o.command, o.start_on, o.paused, o.done_at,
            count(u.case_id) FILTER (WHERE u.status = 200) AS done,
                count(u.case_id) FILTER (WHERE u.status <> 200) AS refused
        FROM batch_order o LEFT JOIN batch_order_outcome u ON u.batch_order = o.id
        WHERE o.parent = CAST(:parent AS uuid) AND o.organisation = :own GROUP BY o.id
            ORDER BY o.number DESC""",
            {"parent": parent, "own": organisation},
        )
    ]


def members(  # noqa: PLR0913
    tx: Connection,
    organisation: str,
    parent: str,
    *,
    order: str | None = None,
    state: str | None = None,
    refused: bool = False,
    limit: int = 100,
    offset: int = 0,
) -> Sequence[Mapping[str, Any]]:
    """The members of the batch in the organisation's hands, each with what one order did to it."""
    return rows(
        tx,
        f"""SELECT c.id::text AS id, c.position, c.state, c.wait_act, c.wait_due,
            c.letter_expires_on, p.name, u.status, u.zh, u.en
        FROM transfer_case c LEFT JOIN case_person p ON p.case_id = c.id
        LEFT JOIN batch_order_outcome u ON u.batch_order = CAST(:ident AS uuid) AND u.case_id = c.id
        WHERE {_MINE} AND (CAST(:state AS text) IS NULL OR c.state = :state)
            AND (NOT :refused OR u.status <> 200)
        ORDER BY c.position, c.id LIMIT :limit OFFSET :offset""",
        {
            "parent": parent,
            "own": organisation,
            "ident": order,
            "state": state,
            "refused": refused,
            "limit": limit,
            "offset": offset,
        },
    )


RECEIVED, MEMBERS = Part("clock", "orders_received"), Part("clock", "orders_received_members")
_OPEN = f"""
SELECT id, parent::text AS parent, organisation, by_person, command, args FROM batch_order b
WHERE done_at IS NULL AND NOT paused AND (start_on IS NULL OR start_on <= :today)
    AND {RECEIVED.not_aside("b.id::text")}
ORDER BY number"""
_NOT_ASIDE = MEMBERS.not_aside("(CAST(:ident AS text) || ':' || c.id)")
_NEXT = f"""
SELECT c.id::text AS id FROM transfer_case c
WHERE {_MINE} AND c.state = ANY (:legal)
  AND NOT EXISTS (SELECT FROM batch_order_outcome u WHERE u.batch_order = CAST(:ident AS uuid)
      AND u.case_id = c.id)
  AND {_NOT_ASIDE}
ORDER BY c.id LIMIT :limit"""
_DONE = f"""UPDATE batch_order SET done_at = :now WHERE id = :ident AND done_at IS NULL
  AND NOT {MEMBERS.some_aside("(id || ':')")}"""
_KEEP = """
INSERT INTO batch_order_outcome (batch_order, case_id, status, zh, en, at)
SELECT %s, case_id, status, zh, en, %s FROM json_to_recordset(%s::json) AS o(case_id uuid,
    status int, zh text, en text)"""


def wave(tx: Connection, now: datetime, rule_source: RuleSource) -> int:
    """Carries out the oldest order that may run for its next members; returns how many it was given
    to.
    """
    for order in rows(tx, _OPEN, {"today": day_of(now)}):
        done = RECEIVED.each_by_itself(
            tx,
            [order],
            lambda _, order=order: _carry_out(tx, order, now, rule_source),
            now,
            key=lambda row: str(row.id),
            organisation=lambda row: row.organisation,
        )
        if done.results and done.results[0]:
            return done.results[0]
    return 0


def _carry_out(tx: Connection, order: Any, now: datetime, rule_source: RuleSource) -> int:
    if not locks.try_hold(tx, Lock.BATCH_RECEIVED, order.parent + order.organisation):
        return 0
    ids = [
        row.id
        for row in rows(
            tx,
            _NEXT,
            {
                "parent": order.parent,
                "own": order.organisation,
                "legal": _LEGAL[order.command],
                "ident": order.id,
                "limit": sending.WAVE_CASES_MAX,
            },
        )
    ]
    MEMBERS.each_by_itself(
        tx,
        ids,
        lambda some: _obey(tx, order, some, now, rule_source),
        now,
        key=lambda member: f"{order.id}:{member}",
        organisation=lambda _: order.organisation,
    )
    if len(ids) < sending.WAVE_CASES_MAX:
        tx.execute(text(_DONE), {"now": now, "ident": order.id})
    return len(ids)


def _obey(
    tx: Connection, order: Any, ids: Sequence[str], now: datetime, rule_source: RuleSource
) -> None:
    """Gives the order to some members, and keeps what came of it."""
    cases = tables.load(tx, ids)
    answers = apply_all(
        tx,
        [BatchOrder(cases[i], order.command, order.organisation, order.args) for i in ids],
        now,
        order.by_person,
        rule_source,
    )
    tx.exec_driver_sql(
        _KEEP,
        (
            order.id,
            now,
            dumps(
                [
                    {"case_id": ident, **sending.status_of(answer)}
                    for ident, answer in zip(ids, answers, strict=True)
                ]
            ),
        ),
    )


def _uuid(text: str | UUID) -> str | None:
    try:
        return str(UUID(str(text)))
    except ValueError:
        return None
