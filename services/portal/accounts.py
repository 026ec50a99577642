"""Persons who sign in: accounts with argon2 passwords, and the brake on guessing them."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Connection, Engine

from services.kit.crypto import hmac_token
from services.kit.db.engine import Record, rows
from services.kit.errors import Refused, Text
from services.portal.brake import Attempt, forget_devices, remember_device, take_back, take_turn
from services.registry import security_log
from services.registry.access import living_path
from services.registry.security_log import NOBODY, Actor

ROLES = ("secretary", "clerk", "department", "admin", "operator")
PASSWORD_MIN, PASSWORD_MAX = 8, 128
ONE_TIME = timedelta(hours=72)  # how long a password that somebody else has seen can be used
LOOKED_AT_ONCE_MAX = 4  # argon2 takes 64 MiB and a core for each

_looking = BoundedSemaphore(LOOKED_AT_ONCE_MAX)
_hasher = PasswordHasher()
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_COMMON = frozenset(
    [
        "password",
        "password1",
        "passw0rd",
        "qwertyui",
        "qwerty123",
        "1q2w3e4r",
        "1qaz2wsx",
        "abc12345",
        "abcd1234",
        "a1234567",
        "a12345678",
        "aa123456",
        "aa12345678",
        "asdfghjk",
        "asdf1234",
        "zxcvbnm1",
        "zxcvbnm123",
        "woaini1314",
        "woaini520",
        "5201314520",
        "iloveyou",
        "admin123",
        "admin888",
        "administrator",
        "letmein1",
        "welcome1",
        "dangyuan",
        "dangyuan123",
        "dangjian",
        "dangjian123",
        "guidui123",
        "gongchandang",
        "zuzhibu123",
        "12345678",
        "123456789",
        "1234567890",
        "87654321",
        "0987654321",
        "147258369",
        "123123123",
        "123321123",
        "11223344",
        "1234qwer",
    ]
)

NO_ACCOUNT = Text("没有这个账户。", "There is no such account.")
_WRONG = Text(
    "组织代码、姓名或密码不对。请核对；密码忘了，请组织的管理员重置密码。",
    "The organisation code, name or password is wrong. Check them; if the password is forgotten, "
    "ask your administrator.",
)
_RAN_OUT = Text(
    "一次性密码发出已超过 72 小时，不能再用；请向管理员要一个新的。",
    "This one-time password is older than 72 hours and no longer counts; ask your administrator "
    "for "
    "a new one.",
)
_OPERATOR = Text(
    "运维账户不属于任何组织，请不要写组织代码；其他角色必须写。",
    "An operator belongs to no organisation: name none. Every other role needs one.",
)


def create_account(
    tx: Connection,
    organisation: str | None,
    role: str,
    name: str,
    at: datetime,
    password: str | None = None,
) -> str:
    """Opens an account and returns its one-time password, which must be changed at the first
    sign-in within 72 hours.

    An account of that name in the organisation gets a fresh password and may sign in again; its
    sessions end. With ``password`` (a demonstration) that one is set and need not be changed. An
    operator has no organisation. Raises Refused 422 for an unknown or ended organisation, an
    unknown role, or an empty name; 409 where the name has another role.
    """
    name, organisation = name.strip(), organisation or None
    if role not in ROLES:
        raise Refused(
            422,
            "unknown-role",
            Text(
                f"没有“{role}”这种角色；可用：{'、'.join(ROLES)}。",
                f"There is no role {role!r}; choose one of {', '.join(ROLES)}.",
            ),
        )
    if not 1 <= len(name) <= 60:
        raise Refused(
            422,
            "name-missing",
            Text("请给出姓名，不超过 60 个字。", "Give a name of at most 60 characters."),
        )
    if (role == "operator") != (organisation is None):
        raise Refused(422, "operator-has-none", _OPERATOR)
    path = "" if organisation is None else living_path(tx, organisation, at)
    there = rows(
        tx,
        "SELECT id, role FROM account WHERE organisation IS NOT DISTINCT FROM CAST(:o AS text) "
        "AND name = :n",
        {"o": organisation, "n": name},
    )
    if there and there[0].role != role:
        raise Refused(
            409,
            "account-has-other-role",
            Text(
                f"本组织已有同名账户，角色是 {there[0].role}。",
                f"An account of this name exists, as {there[0].role}.",
            ),
        )
    given = password or one_time_password()
    if there:
        set_password(tx, there[0].id, given, at, must_change=password is None)
        return given
    tx.exec_driver_sql(
        """INSERT INTO account (id, organisation, path, name, role, password_hash, must_change,
            created_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (uuid4(), organisation, path, name, role, _hasher.hash(given), password is None, at),
    )
    return given


def list_accounts(tx: Connection, organisation: str | None = None) -> Sequence[Record]:
    """Accounts that this transaction sees, of one organisation if named: by organisation and name,
    no passwords.
    """
    return rows(
        tx,
        """SELECT id, organisation, path, role, name, must_change, created_at, changed_at,
            signed_in_at, ended_at,
            CASE WHEN must_change AND ended_at IS NULL
                THEN coalesce(changed_at, created_at) END AS given_at
        FROM account WHERE CAST(:o AS text) IS NULL OR organisation = :o
        ORDER BY organisation NULLS FIRST, ended_at IS NOT NULL, name, id""",
        {"o": organisation},
    )


def reset_account(tx: Connection, account: UUID, at: datetime) -> str:
    """A fresh one-time password for an account, whose sessions end; Refused 404 where there is none
    like this, 422 where its organisation has ended.
    """
    registered = rows(tx, "SELECT organisation FROM account WHERE id = :id", {"id": account})
    if not registered:
        raise Refused(404, "no-such-account", NO_ACCOUNT)
    if registered[0].organisation is not None:
        living_path(tx, registered[0].organisation, at)
    given = one_time_password()
    set_password(tx, account, given, at, must_change=True)
    forget_devices(tx, account)
    return given


def one_time_password() -> str:
    """Fifteen letters and digits that cannot be mistaken for one another, in three groups: 74
    bits.
    """
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(3))


def set_password(
    tx: Connection, account: UUID, password: str, at: datetime, *, must_change: bool = False
) -> None:
    """Sets a password and ends every session of the account."""
    tx.exec_driver_sql(
        "UPDATE account SET password_hash = %s, must_change = %s, changed_at = %s, ended_at = NULL "
        "WHERE id = %s",
        (_hasher.hash(password), must_change, at, account),
    )
    tx.exec_driver_sql("DELETE FROM session WHERE account = %s", (account,))


def end_account(tx: Connection, account: UUID, at: datetime) -> bool:
    """Nobody signs in with the account any more; False where there is none like this."""
    ended = tx.exec_driver_sql(
        "UPDATE account SET ended_at = coalesce(ended_at, %s) WHERE id = %s RETURNING id",
        (at, account),
    ).first()
    tx.exec_driver_sql("DELETE FROM session WHERE account = %s", (account,))
    forget_devices(tx, account)
    return ended is not None


def password_fault(password: str, *known: str | None) -> Text | None:
    """Why a password may not be chosen; ``known`` are words that it may not contain."""
    folded = password.casefold()
    if len(password) < PASSWORD_MIN:
        return Text(
            f"密码至少 {PASSWORD_MIN} 位，建议 15 位以上。",
            f"At least {PASSWORD_MIN} characters; 15 are better.",
        )
    if len(password) > PASSWORD_MAX:
        return Text(f"密码不超过 {PASSWORD_MAX} 位。", f"At most {PASSWORD_MAX} characters.")
    if folded in _COMMON or len(set(folded)) < 4:
        return Text(
            "这个密码太常见，容易被猜到，请换一个。", "This password is too common; choose another."
        )
    if any(word and word.casefold() in folded for word in known):
        return Text(
            "密码里不要有姓名或组织代码。", "Leave your name and the organisation code out of it."
        )
    return None


def verified(worker: Engine, secret: bytes, attempt: Attempt, password: str, now: datetime) -> Any:
    """The account row behind a name and a password, else None. Raises Refused: 429 while the brake
    says to wait, 422 for a one-time password that has run out.

    The try is counted and committed before the password is looked at, which holds no lock and no
    connection. An unknown name takes as long as a known one and is answered alike.
    """
    with worker.begin() as tx:
        turn = take_turn(tx, secret, attempt, now)
        proven = rows(
            tx, _ACCOUNT, {"organisation": attempt.organisation or None, "name": attempt.name}
        )
    if turn.wait > 0:
        raise _too_soon(turn.wait)
    account = proven[0] if proven else None
    if not _is_password(account.password_hash if account else _NOBODY, password) or account is None:
        return None
    if account.must_change and account.given_at < now - ONE_TIME:
        raise Refused(422, "one-time-password-ran-out", _RAN_OUT)
    with worker.begin() as tx:
        take_back(tx, turn)
    return account


_ACCOUNT = """
SELECT id, name, role, organisation, path, password_hash, must_change,
    coalesce(changed_at, created_at) AS given_at
FROM account WHERE organisation IS NOT DISTINCT FROM CAST(:organisation AS text) AND name = :name
    AND ended_at IS NULL"""


def _is_password(kept: str, given: str) -> bool:
    with _looking:
        try:
            return _hasher.verify(kept, given[: PASSWORD_MAX + 1])
        except VerificationError:
            return False


def _too_soon(seconds: float) -> Refused:
    wait = math.ceil(seconds)
    return Refused(
        429,
        "too-many-failures",
        Text(
            f"输错次数较多，请 {wait} 秒后再试。",
            f"There were many failed attempts; try again in {wait} seconds.",
        ),
        retry_after=wait,
    )


def note_sign_in(
    tx: Connection, account: Any, attempt: Attempt, device: str, now: datetime, trace: str
) -> None:
    """Somebody signed in: the account says when, the browser is known by the cookie ``device``, the
    log has a row.
    """
    tx.exec_driver_sql("UPDATE account SET signed_in_at = %s WHERE id = %s", (now, account.id))
    remember_device(tx, account.id, attempt.device, device, now)
    actor = Actor(account.organisation, account.path, account.role, account.id)
    security_log.record(tx, now, "sign_in", actor, trace=trace)


def note_failure(
    worker: Engine, secret: bytes, attempt: Attempt, now: datetime, code: str, trace: str
) -> None:
    """Somebody did not get in: whoever was tried stands in the log as an HMAC, in the tree of the
    organisation named.
    """
    tried = hmac_token(secret, f"sign-in log:{attempt.organisation}\n{attempt.name}")[:16]
    with worker.begin() as tx:
        closed = rows(
            tx, "SELECT path FROM organisation WHERE code = :code", {"code": attempt.organisation}
        )
        security_log.record(
            tx,
            now,
            "sign_in",
            NOBODY,
            result="failed",
            about="account",
            reference=tried,
            detail=code,
            path=closed[0].path if closed else "",
            trace=trace,
        )


def wrong() -> Refused:
    """What a failed sign-in is told: never which of the three was wrong."""
    return Refused(422, "sign-in-failed", _WRONG)
