"""API keys: who calls, for which organisation, in which role. Used by every edge alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, get_args
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine

from services.kit.crypto import key_hash, new_key
from services.kit.db.engine import Record, rows, view_as, view_by
from services.kit.errors import Refused, Text
from services.registry.tree import just_after

Role = Literal["sender", "receiver", "department", "admin", "operator"]
ROLES: tuple[str, ...] = get_args(Role)
CACHE_SECONDS = (
    0.5  # a revoked key stops within a second; what it posts is refused by the database at once
)
CACHE_KEYS_MAX = 10_000

_NO_KEY = Text(
    "请求没有带上密钥。请在请求头写 Authorization: Bearer 密钥；密钥由本组织的管理员用 guidui key "
    "create 发放。",
    "The request carries no key. Send the header Authorization: Bearer KEY; your administrator "
    "issues keys with guidui key create.",
)
_BAD_KEY = Text(
    "密钥不认识，或已作废。请核对是否抄全；仍不行就向管理员领一把新的。",
    "The key is unknown or revoked. Check that it was copied whole; else ask your "
    "administrator for a new one.",
)


_ENDED = Text(
    "该组织已经停止使用，不能再开户或发密钥。",
    "This organisation has ended; it gets no accounts and no keys.",
)
_OPERATOR_HAS_NONE = Text(
    "运维角色不属于任何组织，请不要写组织代码；其他角色必须写。",
    "An operator belongs to no organisation: name none. Every other role needs one.",
)
_OPERATOR = Text(
    "运维角色不属于任何组织，看不到党员和转移的资料。",
    "An operator belongs to no organisation and sees no members and no transfers.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who acts: an organisation, its path in the tree, a role; `key_id` where it came with an API
    key.

    `proof` is the SHA-256 of that key, or of the cookie of a session: by it the database knows who
    looks. An operator has no organisation (None, path '') and sees no persons.
    """

    organisation: str | None
    path: str
    role: str
    key_id: UUID | None = None
    proof: str | None = field(default=None, repr=False, compare=False)

    @property
    def own_organisation(self) -> str:
        """The code of the caller's organisation; raises Refused 403 for an operator, who has
        none.
        """
        if self.organisation is None:
            raise Refused(403, "sees-no-persons", _OPERATOR)
        return self.organisation


def create_key(tx: Connection, organisation: str | None, role: str, at: datetime) -> str:
    """Issues one API key and returns it; only its SHA-256 is kept. An operator's has no
    organisation.

    Raises Refused for an unknown or ended organisation, or an unknown role.
    """
    if role not in ROLES:
        raise Refused(
            422,
            "unknown-role",
            Text(
                f"没有“{role}”这种角色；可用：{'、'.join(ROLES)}。",
                f"There is no role {role!r}; choose one of {', '.join(ROLES)}.",
            ),
        )
    if (role == "operator") != (not organisation):
        raise Refused(422, "operator-has-none", _OPERATOR_HAS_NONE)
    path = living_path(tx, organisation, at) if organisation else ""
    key = new_key()
    tx.exec_driver_sql(
        """INSERT INTO api_key (id, hash, organisation, path, role, created_at)
           VALUES (%s, %s, %s, %s, %s, %s)""",
        (uuid4(), key_hash(key), organisation or None, path, role, at),
    )
    return key


def living_path(tx: Connection, organisation: str, at: datetime) -> str:
    """The path of an organisation; Refused 422 where there is none of this code, or where it has
    ended.
    """
    callers = rows(
        tx, "SELECT path, effective_to FROM organisation WHERE code = :code", {"code": organisation}
    )
    if not callers:
        raise Refused(
            422,
            "unknown-organisation",
            Text(
                f"没有代码为 {organisation} 的组织；请先导入组织表。",
                f"No organisation has the code {organisation}; load it first.",
            ),
        )
    if callers[0].effective_to is not None and callers[0].effective_to < at.date():
        raise Refused(422, "organisation-ended", _ENDED)
    return callers[0].path


def ended_with_access(tx: Connection, today: date, not_aside: str) -> Sequence[str]:
    """Codes of organisations whose last day is over and that still have a living key or account.

    ``not_aside`` is a condition on ``o.code`` (services.kit.loops.Part.not_aside).
    """
    return (
        tx.exec_driver_sql(
            f"""SELECT o.code FROM organisation o WHERE o.effective_to < %s AND {not_aside}
            AND (EXISTS (SELECT FROM api_key k WHERE k.organisation = o.code
                AND k.revoked_at IS NULL)
                 OR EXISTS (SELECT FROM account a WHERE a.organisation = o.code
                     AND a.ended_at IS NULL))
            ORDER BY o.code""",
            (today,),
        )
        .scalars()
        .all()
    )


def end_access_of(
    tx: Connection, codes: Sequence[str], now: datetime
) -> tuple[list[UUID], list[UUID]]:
    """Ends the living keys and accounts of organisations: (keys, accounts). A successor gets its
    own.
    """
    keys = (
        tx.exec_driver_sql(
            "UPDATE api_key SET revoked_at = %s WHERE organisation = ANY (%s) AND revoked_at IS "
            "NULL RETURNING id",
            (now, list(codes)),
        )
        .scalars()
        .all()
    )
    accounts = (
        tx.exec_driver_sql(
            "UPDATE account SET ended_at = %s WHERE organisation = ANY (%s) AND ended_at IS NULL "
            "RETURNING id",
            (now, list(codes)),
        )
        .scalars()
        .all()
    )
    if accounts:
        tx.exec_driver_sql("DELETE FROM session WHERE account = ANY (%s)", (list(accounts),))
    return list(keys), list(accounts)


def list_keys(tx: Connection, organisation: str | None = None) -> Sequence[Record]:
    """All keys that this transaction sees, of one organisation if named, oldest first: id,
    organisation, path, role, created_at, revoked_at. Never the keys themselves.
    """
    return rows(
        tx,
        """SELECT id, organisation, path, role, created_at, revoked_at FROM api_key
        WHERE CAST(:o AS text) IS NULL OR organisation = :o ORDER BY created_at, id""",
        {"o": organisation},
    )


def revoke_key(tx: Connection, key_id: UUID, at: datetime) -> bool:
    """Ends a key; False where there is no such key. One already ended keeps its day."""
    ended = tx.exec_driver_sql(
        "UPDATE api_key SET revoked_at = coalesce(revoked_at, %s) WHERE id = %s RETURNING id",
        (at, key_id),
    )
    return ended.first() is not None


def look_as(tx: Connection, caller: Caller) -> None:
    """Lets this transaction see what `caller` may: a department its tree, the others themselves
    alone.
    """
    if caller.role in ("department", "admin"):
        look_at_tree(tx, caller)
    else:
        _look(tx, caller, caller.path + "\x01", whole_tree=False)


def look_at_tree(tx: Connection, caller: Caller) -> None:
    """Lets this transaction see the caller's organisation and all below it, whatever the role."""
    _look(tx, caller, just_after(caller.path), whole_tree=True)


def _look(tx: Connection, caller: Caller, end: str, whole_tree: bool) -> None:
    """By the caller's proof; without one (handlers, the clock, tests) only a worker's login may
    narrow itself.
    """
    if not caller.path:
        raise Refused(403, "sees-no-persons", _OPERATOR)
    if caller.proof is None:
        view_as(tx, caller.path, end, caller.own_organisation)
    elif not view_by(tx, caller.proof, whole_tree):
        raise Refused(401, "bad-key", _BAD_KEY)


class Keys:
    """Finds the caller behind an Authorization header; remembers each for half a second."""

    def __init__(self, engine: Engine, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._monotonic = engine, monotonic
        self._known: dict[str, tuple[float, Caller]] = {}

    def caller(self, authorization: str | None) -> Caller:
        """The caller behind a header `Bearer KEY`; raises Refused(401) where it names no living
        key.
        """
        return self.remembered(authorization) or self._look_up(_bearer(authorization))

    def remembered(self, authorization: str | None) -> Caller | None:
        """The caller if it was looked up in the last half second; needs no database."""
        since, caller = self._known.get(key_hash(_bearer(authorization)), (0.0, None))
        return caller if caller and self._monotonic() - since < CACHE_SECONDS else None

    def _look_up(self, key: str) -> Caller:
        asked_at = self._monotonic()
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            caller = caller_within(connection, key)
        if caller is None:
            self._known.pop(key_hash(key), None)
            raise Refused(401, "bad-key", _BAD_KEY)
        if len(self._known) >= CACHE_KEYS_MAX:
            self._known.clear()
        self._known[key_hash(key)] = (asked_at, caller)
        return caller


def caller_within(tx: Connection, key: str) -> Caller | None:
    """The caller behind a key, asked within a transaction; None where no living key is like
    this.
    """
    row = tx.exec_driver_sql(
        "SELECT organisation, path, role, key_id FROM caller_of_key(%s)", (key_hash(key),)
    ).first()
    if row is None:
        return None
    return Caller(row.organisation, row.path, row.role, row.key_id, key_hash(key))


def _bearer(authorization: str | None) -> str:
    scheme, _, key = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Refused(401, "no-key", _NO_KEY)
    return key.strip()
