"""Stores events: one statement, one commit, with their rows in the log and the wake-up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import InvalidAuthorizationSpecification
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from services.intake.entitled import refusals
from services.intake.faults import Fault, Invalid, invalid
from services.intake.parse import Posted
from services.kit.db.engine import dumps
from services.kit.errors import Refused, Text
from services.registry.access import Caller

ACCEPTED, DUPLICATE = "accepted", "duplicate"
_ACCEPT = "SELECT position, status FROM accept_posted(%s, %s, %s, %s, %s::json, %s::json)"
_REVOKED = Text(
    "密钥已作废，什么都没有保存；请向管理员领一把新的。",
    "The key was revoked and nothing was stored; ask for a new one.",
)
Outcome = str | Invalid


class Store:
    """Accepts events over an engine; knows which organisation codes it has already seen to
    exist.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._codes: set[str] = set()

    def accept(self, caller: Caller, events: Sequence[Posted], at: datetime) -> list[Outcome]:
        """Stores what can be stored in one commit; says of each event `accepted`, `duplicate` or
        what is wrong.

        A connection that a restarted database has cut is replaced once: storing twice is storing
        once.
        """
        for tries_left in (1, 0):
            try:
                with self._engine.connect() as connection:
                    return accept(connection, caller, events, at, self._codes)
            except DBAPIError as error:
                if not tries_left or not error.connection_invalidated:
                    raise
        raise AssertionError("the last try returns or raises")


def accept(
    tx: Connection,
    caller: Caller,
    events: Sequence[Posted],
    at: datetime,
    codes: set[str] | None = None,
) -> list[Outcome]:
    """The same within somebody's transaction, for events in the caller's own name.

    `codes` are organisations known to exist; it grows.
    """
    if any(event.organisation != caller.organisation for event in events):
        raise ValueError("an event in another organisation's name")
    outcomes = _settled(tx, events, set() if codes is None else codes)
    to_store = [position for position in range(len(events)) if position not in outcomes]
    if to_store:
        given = [_event_row(position, events[position]) for position in to_store]
        people = _people_rows(events[position] for position in to_store)
        sender = (caller.proof, caller.organisation, caller.key_id, at)
        try:
            stored = tx.exec_driver_sql(_ACCEPT, (*sender, dumps(given), dumps(people))).all()
        except DBAPIError as error:
            if isinstance(error.orig, InvalidAuthorizationSpecification):
                raise Refused(401, "bad-key", _REVOKED) from None
            raise
        for position, status in stored:
            outcomes[position] = conflict(events[position]) if status == "conflict" else status
    return [outcomes[position] for position in range(len(events))]


def _settled(tx: Connection, events: Sequence[Posted], codes: set[str]) -> dict[int, Outcome]:
    """The outcomes that need no storing, by position: organisations that there are not, what the
    sender may not say, and an id that stands earlier in the same list.
    """
    outcomes: dict[int, Outcome] = {}
    unknown = _unknown(tx, events, codes)
    refused = refusals(tx, events)
    first: dict[UUID, Posted] = {}
    for position, event in enumerate(events):
        missing = event.organisations & unknown
        if missing:
            faults = [_no_such(code) for code in sorted(missing)]
            outcomes[position] = Invalid(faults, code="unknown-organisation")
        elif position in refused:
            outcomes[position] = refused[position]
        elif event.id in first:
            same = first[event.id].body_hmac == event.body_hmac
            outcomes[position] = DUPLICATE if same else conflict(event)
        else:
            first[event.id] = event
    return outcomes


def _people_rows(events: Iterable[Posted]) -> list[dict[str, Any]]:
    """The persons of events, each with its place in its event."""
    people = []
    for event in events:
        for place, body in enumerate(event.people):
            people.append({"event_id": event.id, "position": place, "body": body})
    return people


def _event_row(position: int, event: Posted) -> dict[str, Any]:
    return {
        "position": position,
        "id": event.id,
        "source": event.source,
        "ext_id": event.ext_id,
        "type": event.type,
        "time": event.time,
        "data": event.data,
        "body_hmac": event.body_hmac,
        "persons": len(event.people),
        "batch": event.batch,
        "corrects": event.corrects,
        "key": event.key,
    }


def _unknown(tx: Connection, events: Sequence[Posted], codes: set[str]) -> set[str]:
    """Codes that events name and no organisation has. None ever vanishes, so a known code stays
    known.
    """
    asked = {code for event in events for code in event.organisations} - codes
    if not asked:
        return set()
    unknown: set[str] = set(
        tx.exec_driver_sql("SELECT * FROM unknown_organisations(%s)", (sorted(asked),)).scalars()
    )
    codes |= asked - unknown
    return unknown


def _no_such(code: str) -> Fault:
    return Fault(
        "/data",
        Text(
            f"没有代码为 {code} 的组织；请核对 12 位代码，不知道就不写，由系统按地址去找。",
            f"No organisation has the code {code}; check its 12 digits, or leave it "
            "out and let the address decide.",
        ),
    )


def conflict(event: Posted) -> Invalid:
    """The same (source, id) was taken before with other content, which stands."""
    taken = event.ext_id
    return invalid(
        "/id",
        f"编号 {taken} 已收过，内容与这次不同；原来的不会被改写。更正请用新编号，并在 "
        f"data.corrects 写上 {taken}。",
        f"The id {taken} was taken before with other content, which stands. To correct it, post a "
        f"new id with data.corrects = {taken}.",
        status=409,
        code="id-taken",
    )
