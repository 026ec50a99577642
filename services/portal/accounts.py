"""Persons who sign in: accounts with argon2 passwords, and the brake on guessing them."""
from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Connection

from services.kit.crypto import hmac_token
from services.kit.db import rows
from services.kit.errors import Refused, Words

ROLES = ("secretary", "clerk", "department", "admin")
PASSWORD_MIN, PASSWORD_MAX = 8, 128
FAILURES_WINDOW = timedelta(minutes=15)
# failed sign-ins within the window: of one person from one address, of one person, from one address
FAILURES_MAX = (5, 30, 60)

_hasher = PasswordHasher()
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_COMMON = frozenset(
    "password password1 passw0rd qwertyui qwerty123 1q2w3e4r 1qaz2wsx abc12345 abcd1234 a1234567 a12345678 aa123456 "
    "aa12345678 asdfghjk asdf1234 zxcvbnm1 zxcvbnm123 woaini1314 woaini520 5201314520 iloveyou admin123 admin888 "
    "administrator letmein1 welcome1 dangyuan dangyuan123 dangjian dangjian123 guidui123 gongchandang zuzhibu123 "
    "12345678 123456789 1234567890 87654321 0987654321 147258369 123123123 123321123 11223344 1234qwer".split())

_WRONG = Words("组织代码、姓名或密码不对。请核对；密码忘了，请组织的管理员重新开户。",
               "The organisation code, name or password is wrong. Check them; if the password is forgotten, "
               "ask your administrator.")
_TOO_OFTEN = Words("连续输错次数过多，请 15 分钟后再试。", "Too many failed attempts; try again in 15 minutes.")


def create_account(tx: Connection, organisation: str, role: str, name: str, at: datetime,
                   password: str | None = None) -> str:
    """Opens an account and returns its one-time password, which must be changed at the first sign-in.

    An account of that name in the organisation gets a fresh password and may sign in again; its sessions end.
    With ``password`` (a demonstration) that one is set and need not be changed. Raises Refused 422 for an unknown
    organisation or role, or an empty name; 409 where the name has another role.
    """
    name = name.strip()
    if role not in ROLES:
        raise Refused(422, "unknown-role", Words(f"没有“{role}”这种角色；可用：{'、'.join(ROLES)}。",
                                                 f"There is no role {role!r}; choose one of {', '.join(ROLES)}."))
    if not 1 <= len(name) <= 60:
        raise Refused(422, "name-missing", Words("请给出姓名，不超过 60 个字。", "Give a name of at most 60 characters."))
    there = rows(tx, "SELECT id, role FROM account WHERE organisation = :o AND name = :n",
                 {"o": organisation, "n": name})
    if there and there[0].role != role:
        raise Refused(409, "account-has-other-role", Words(
            f"本组织已有同名账户，角色是 {there[0].role}。", f"An account of this name exists, as {there[0].role}."))
    given = password or one_time_password()
    if there:
        set_password(tx, there[0].id, given, at, must_change=password is None)
        return given
    made = tx.exec_driver_sql(
        """INSERT INTO account (id, organisation, path, name, role, password_hash, must_change, created_at)
           SELECT %s, code, path, %s, %s, %s, %s, %s FROM organisation WHERE code = %s RETURNING id""",
        (uuid4(), name, role, _hasher.hash(given), password is None, at, organisation)).first()
    if made is None:
        raise Refused(422, "unknown-organisation", Words(
            f"没有代码为 {organisation} 的组织；请先导入组织表。",
            f"No organisation has the code {organisation}; load it first."))
    return given


def one_time_password() -> str:
    """Fifteen letters and digits that cannot be mistaken for one another, in three groups: 74 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(3))


def set_password(tx: Connection, account: UUID, password: str, at: datetime, *, must_change: bool = False) -> None:
    """Sets a password and ends every session of the account."""
    tx.exec_driver_sql("UPDATE account SET password_hash = %s, must_change = %s, changed_at = %s, ended_at = NULL "
                       "WHERE id = %s", (_hasher.hash(password), must_change, at, account))
    tx.exec_driver_sql("DELETE FROM session WHERE account = %s", (account,))


def end_account(tx: Connection, account: UUID, at: datetime) -> None:
    """Nobody signs in with the account any more."""
    tx.exec_driver_sql("UPDATE account SET ended_at = coalesce(ended_at, %s) WHERE id = %s", (at, account))
    tx.exec_driver_sql("DELETE FROM session WHERE account = %s", (account,))


def password_fault(password: str, *known: str) -> Words | None:
    """Why a password may not be chosen; ``known`` are words that it may not contain."""
    folded = password.casefold()
    if len(password) < PASSWORD_MIN:
        return Words(f"密码至少 {PASSWORD_MIN} 位，建议 15 位以上。", f"At least {PASSWORD_MIN} characters; 15 are better.")
    if len(password) > PASSWORD_MAX:
        return Words(f"密码不超过 {PASSWORD_MAX} 位。", f"At most {PASSWORD_MAX} characters.")
    if folded in _COMMON or len(set(folded)) < 4:
        return Words("这个密码太常见，容易被猜到，请换一个。", "This password is too common; choose another.")
    if any(word and word.casefold() in folded for word in known):
        return Words("密码里不要有姓名或组织代码。", "Leave your name and the organisation code out of it.")
    return None


def verified(tx: Connection, secret: bytes, organisation: str, name: str, password: str, address: str,
             now: datetime) -> Any:
    """The account row behind a name and a password, else None; counts failures. Raises Refused 429 after too many.

    The caller commits either way, so that a failure is remembered. An unknown name takes as long as a known one.
    """
    subjects = [hmac_token(secret, "sign-in:" + "\n".join(parts)) for parts in (
        (organisation, name, address), (organisation, name), (address,))]
    since = now - FAILURES_WINDOW
    counted = {r.subject: r.n for r in rows(
        tx, "SELECT subject, count(*) AS n FROM sign_in_failure WHERE subject = ANY (:s) AND at > :since GROUP BY 1",
        {"s": subjects, "since": since})}
    if any(counted.get(subject, 0) >= most for subject, most in zip(subjects, FAILURES_MAX, strict=True)):
        raise Refused(429, "too-many-failures", _TOO_OFTEN)
    found = rows(tx, "SELECT id, name, role, organisation, password_hash, must_change FROM account "
                     "WHERE organisation = :o AND name = :n AND ended_at IS NULL", {"o": organisation, "n": name})
    try:
        _hasher.verify(found[0].password_hash if found else _NOBODY, password[:PASSWORD_MAX + 1])
        if found:
            return found[0]
    except VerificationError:
        pass
    tx.exec_driver_sql("DELETE FROM sign_in_failure WHERE at < %s", (since,))
    for subject in subjects:
        tx.exec_driver_sql("INSERT INTO sign_in_failure (subject, at) VALUES (%s, %s)", (subject, now))
    return None


def wrong() -> Refused:
    """What a failed sign-in is told: never which of the three was wrong."""
    return Refused(422, "sign-in-failed", _WRONG)
