"""What came of writing to a contact: how often in a row the address was refused for good."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, text


def note_bounce(tx: Connection, contact: UUID) -> None:
    """The contact's address was refused for good once more."""
    tx.execute(
        text("UPDATE contact SET bounced_count = bounced_count + 1 WHERE id = :id"), {"id": contact}
    )


def note_delivery(tx: Connection, contact: UUID) -> None:
    """The contact's address took a message: the count begins anew."""
    tx.execute(
        text("UPDATE contact SET bounced_count = 0 WHERE id = :id AND bounced_count > 0"),
        {"id": contact},
    )
