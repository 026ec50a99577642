"""Server-side sessions: a random cookie whose SHA-256 is a row; forms carry a token bound to the
cookie.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from services.kit.crypto import hmac_token, key_hash, same
from services.registry.access import Caller
from services.registry.security_log import Actor

IDLE_MAX = timedelta(minutes=60)
WHOLE_MAX = timedelta(hours=12)
SESSION, VISITOR, DEVICE = "guidui_session", "guidui_visitor", "guidui_device"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is signed in."""

    account: UUID
    name: str
    role: str
    must_change: bool
    organisation: str | None
    path: str
    organisation_name: str
    proof: str = field(default="", repr=False, compare=False)  # SHA-256 of the session's cookie

    @property
    def caller(self) -> Caller:
        """The same person as commands and row-level security know it: secretaries and clerks act
        for themselves.
        """
        role = self.role if self.role in ("department", "admin", "operator") else "receiver"
        return Caller(self.organisation, self.path, role, proof=self.proof or None)

    @property
    def own_organisation(self) -> str:
        """The code of the viewer's organisation; raises Refused 403 for an operator, who has
        none.
        """
        return self.caller.own_organisation

    @property
    def actor(self) -> Actor:
        """The same person as the security log knows it."""
        return Actor(self.organisation, self.path, self.role, self.account)

    @property
    def oversees(self) -> bool:
        """Whether this is somebody of a department, who sees the organisations below."""
        return self.role in ("department", "admin")


def new_token() -> str:
    """256 random bits for a cookie."""
    return secrets.token_urlsafe(32)


def open_session(tx: Connection, account: UUID, now: datetime) -> str:
    """A new session's cookie; sessions past their whole time are cleared away."""
    token = new_token()
    tx.exec_driver_sql("DELETE FROM session WHERE opened_at < %s", (now - WHOLE_MAX,))
    tx.exec_driver_sql(
        "INSERT INTO session (token_hash, account, opened_at, seen_at) VALUES (%s, %s, %s, %s)",
        (key_hash(token), account, now, now),
    )
    return token


def viewer_of(tx: Connection, token: str | None, now: datetime) -> Viewer | None:
    """Who is behind a cookie; None after an hour of rest, after twelve hours, or for a cookie
    unknown.
    """
    if not token:
        return None
    row = tx.exec_driver_sql(
        "SELECT * FROM session_account(%s, %s, %s, %s)", (key_hash(token), now, IDLE_MAX, WHOLE_MAX)
    ).first()
    return None if row is None else Viewer(*row, proof=key_hash(token))


def end_session(tx: Connection, token: str) -> None:
    """Signs out."""
    tx.exec_driver_sql("DELETE FROM session WHERE token_hash = %s", (key_hash(token),))


def form_token(secret: bytes, cookie: str) -> str:
    """What every form carries: only somebody who holds the cookie's page can know it."""
    return hmac_token(secret, "form:" + cookie)


def from_our_page(secret: bytes, cookie: str | None, given: str) -> bool:
    """Whether a form came from a page of ours that was made for this cookie."""
    return bool(cookie) and same(form_token(secret, cookie or ""), given)
