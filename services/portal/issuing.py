"""Keys and accounts given out and ended, each with its row in the security log; for the command
line and the pages.

``tx`` writes as the worker. ``actor`` is who does it: on a page somebody of a department, `NOBODY`
on the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases.deadlines.calendar import day_of
from services.kit.crypto import key_hash
from services.kit.db.engine import rows
from services.kit.errors import Refused, Text
from services.kit.loops import Part
from services.portal import accounts
from services.registry import security_log
from services.registry.access import create_key, end_access_of, ended_with_access, revoke_key
from services.registry.security_log import NOBODY, Actor

ACCESS = Part("tree", "access")
NO_KEY = Text("没有这把密钥。", "There is no such key.")


def issue_key(
    tx: Connection,
    actor: Actor,
    organisation: str | None,
    role: str,
    now: datetime,
    trace: str | None = None,
) -> str:
    """A new API key, shown this once; Refused 422 for an unknown or ended organisation or an
    unknown role.
    """
    key = create_key(tx, organisation, role, now)
    made = rows(tx, "SELECT id, path FROM api_key WHERE hash = :hash", {"hash": key_hash(key)})[0]
    security_log.record(
        tx,
        now,
        "key_created",
        actor,
        about="key",
        reference=made.id,
        detail=role,
        path=made.path,
        trace=trace,
    )
    return key


def end_key(
    tx: Connection, actor: Actor, key_id: UUID, now: datetime, trace: str | None = None
) -> None:
    """Revokes a key; Refused 404 where there is none like this."""
    kept = rows(tx, "SELECT path, role FROM api_key WHERE id = :id", {"id": key_id})
    if not kept or not revoke_key(tx, key_id, now):
        raise Refused(404, "no-such-key", NO_KEY)
    security_log.record(
        tx,
        now,
        "key_revoked",
        actor,
        about="key",
        reference=key_id,
        detail=kept[0].role,
        path=kept[0].path,
        trace=trace,
    )


def open_account(  # noqa: PLR0913
    tx: Connection,
    actor: Actor,
    organisation: str | None,
    role: str,
    name: str,
    now: datetime,
    trace: str | None = None,
) -> str:
    """A new account, or a fresh password for the one of that name; returns the one-time password.

    Refused 422 and 409 as `accounts.create_account`.
    """
    password = accounts.create_account(tx, organisation, role, name, now)
    made = rows(
        tx,
        "SELECT id, path, role FROM account WHERE name = :name "
        "AND organisation IS NOT DISTINCT FROM CAST(:organisation AS text)",
        {"name": name.strip(), "organisation": organisation or None},
    )[0]
    _note_account(tx, actor, "account_created", made, now, trace)
    return password


def end_account(
    tx: Connection, actor: Actor, account: UUID, now: datetime, trace: str | None = None
) -> None:
    """Nobody signs in with the account any more; Refused 404 where there is none like this."""
    ended = _account(tx, account)
    accounts.end_account(tx, account, now)
    _note_account(tx, actor, "account_ended", ended, now, trace)


def reset_account(
    tx: Connection, actor: Actor, account: UUID, now: datetime, trace: str | None = None
) -> str:
    """A fresh one-time password; Refused 404 where there is no such account, 422 where its
    organisation has ended.
    """
    password = accounts.reset_account(tx, account, now)
    _note_account(tx, actor, "account_reset", _account(tx, account), now, trace)
    return password


def end_what_ended(tx: Connection, now: datetime) -> int:
    """Ends keys and accounts of organisations whose last day is over; returns how many
    organisations that were.
    """
    codes = ended_with_access(tx, day_of(now), ACCESS.not_aside("o.code"))
    done = ACCESS.each_by_itself(
        tx, codes, lambda some: _end_access(tx, some, now), now, organisation=str
    )
    return len(codes) - done.left_out


def _end_access(tx: Connection, codes: Sequence[str], now: datetime) -> None:
    keys, persons = end_access_of(tx, codes, now)
    for kind, event, ids in (
        ("api_key", "key_revoked", keys),
        ("account", "account_ended", persons),
    ):
        ended = (
            rows(tx, f"SELECT id, path, role FROM {kind} WHERE id = ANY (:ids)", {"ids": ids})
            if ids
            else ()
        )
        for row in ended:
            security_log.record(
                tx,
                now,
                event,
                NOBODY,
                about="key" if kind == "api_key" else "account",
                reference=row.id,
                detail="organisation-ended",
                path=row.path,
            )


def _account(tx: Connection, account: UUID) -> Any:
    registered = rows(tx, "SELECT id, path, role FROM account WHERE id = :id", {"id": account})
    if not registered:
        raise Refused(404, "no-such-account", accounts.NO_ACCOUNT)
    return registered[0]


def _note_account(
    tx: Connection, actor: Actor, event: str, account: Any, now: datetime, trace: str | None
) -> None:
    security_log.record(
        tx,
        now,
        event,
        actor,
        about="account",
        reference=account.id,
        detail=account.role,
        path=account.path,
        trace=trace,
    )
