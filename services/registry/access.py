"""API keys: who calls, for which organisation, in which role. Used by every edge alike."""
from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, RowMapping

from services.kit.crypto import key_hash, new_key
from services.kit.db import rows, view_as
from services.kit.errors import Refused, Words

Role = Literal["sender", "receiver", "department", "admin"]
ROLES: tuple[str, ...] = get_args(Role)
CACHE_SECONDS = 0.5  # a revoked key stops within a second; what it posts is refused by the database at once
CACHE_KEYS_MAX = 10_000

_NO_KEY = Words("请求没有带上密钥。请在请求头写 Authorization: Bearer 密钥；密钥由本组织的管理员用 guidui key create 发放。",
                "The request carries no key. Send the header Authorization: Bearer KEY; your administrator "
                "issues keys with guidui key create.")
_BAD_KEY = Words("密钥不认识，或已作废。请核对是否抄全；仍不行就向管理员领一把新的。",
                 "The key is unknown or revoked. Check that it was copied whole; else ask your "
                 "administrator for a new one.")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who acts: an organisation, its path in the tree, a role; `key_id` where it came with an API key."""

    organisation: str
    path: str
    role: str
    key_id: UUID | None = None


def create_key(tx: Connection, organisation: str, role: str, at: datetime) -> str:
    """Issues one API key and returns it; only its SHA-256 is kept.

    Raises Refused for an unknown organisation or role.
    """
    if role not in ROLES:
        raise Refused(422, "unknown-role", Words(
            f"没有“{role}”这种角色；可用：{'、'.join(ROLES)}。",
            f"There is no role {role!r}; choose one of {', '.join(ROLES)}."))
    key = new_key()
    made = tx.exec_driver_sql(
        """INSERT INTO api_key (id, hash, organisation, path, role, created_at)
           SELECT %s, %s, code, path, %s, %s FROM organisation WHERE code = %s RETURNING id""",
        (uuid4(), key_hash(key), role, at, organisation)).first()
    if made is None:
        raise Refused(422, "unknown-organisation", Words(
            f"没有代码为 {organisation} 的组织；请先导入组织表。",
            f"No organisation has the code {organisation}; load it first."))
    return key


def list_keys(tx: Connection) -> Sequence[RowMapping]:
    """All keys, oldest first: id, organisation, role, created_at, revoked_at. Never the keys themselves."""
    return rows(
        tx, "SELECT id, organisation, role, created_at, revoked_at FROM api_key ORDER BY created_at, id")


def revoke_key(tx: Connection, key_id: UUID, at: datetime) -> bool:
    """Ends a key; False where there is no such key. One already ended keeps its day."""
    ended = tx.exec_driver_sql(
        "UPDATE api_key SET revoked_at = coalesce(revoked_at, %s) WHERE id = %s RETURNING id", (at, key_id))
    return ended.first() is not None


def look_as(tx: Connection, caller: Caller) -> None:
    """Lets this transaction see what `caller` may: a department its tree, the others themselves alone."""
    if caller.role in ("department", "admin"):
        view_as(tx, caller.path, caller.path[:-1] + "/", "")
    else:
        view_as(tx, caller.path, caller.path + "\x01", caller.organisation)


class Keys:
    """Finds the caller behind an Authorization header; remembers each for half a second."""

    def __init__(self, engine: Engine, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._monotonic = engine, monotonic
        self._known: dict[str, tuple[float, Caller]] = {}

    def caller(self, authorization: str | None) -> Caller:
        """The caller behind a header `Bearer KEY`; raises Refused(401) where it names no living key."""
        return self.remembered(authorization) or self._look_up(_bearer(authorization))

    def remembered(self, authorization: str | None) -> Caller | None:
        """The caller if it was looked up in the last half second; needs no database."""
        since, found = self._known.get(key_hash(_bearer(authorization)), (0.0, None))
        return found if found and self._monotonic() - since < CACHE_SECONDS else None

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
    """The caller behind a key, asked within a transaction; None where no living key is like this."""
    row = tx.exec_driver_sql(
        "SELECT organisation, path, role, key_id FROM caller_of_key(%s)", (key_hash(key),)).first()
    return None if row is None else Caller(row.organisation, row.path, row.role, row.key_id)


def _bearer(authorization: str | None) -> str:
    scheme, _, key = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Refused(401, "no-key", _NO_KEY)
    return key.strip()
