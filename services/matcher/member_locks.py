"""Two transactions that meet at a member wait for each other."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from services.kit.db.engine import rows

_LOCK = "SELECT member FROM member WHERE member = ANY (:members) ORDER BY member FOR UPDATE"


def lock_members(tx: Connection, members: Sequence[str]) -> None:
    """Holds the members' rows until the transaction ends, always taken in the same order."""
    if members:
        rows(tx, _LOCK, {"members": list(members)})
