"""Questions of the review desk to whoever posted, and their answers; their text goes with the
decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection

from services.cases.commands.arguments import bounded, refuse
from services.kit.clock import ZONE
from services.kit.db.engine import rows
from services.matcher.four_eyes import Who

TEXT_MAX = 500
_OF = """
SELECT event_id, position, by_organisation, by_person, text, asked_at, answer, answered_by,
    answered_at
FROM review_question WHERE event_id = ANY (CAST(:e AS uuid[])) AND text IS NOT NULL
    ORDER BY asked_at, id"""


def of_events(
    tx: Connection, events: Sequence[str]
) -> dict[tuple[UUID, int], list[dict[str, Any]]]:
    """(event, position) -> the questions about that person, oldest first."""
    found: dict[tuple[UUID, int], list[dict[str, Any]]] = {}
    for r in rows(tx, _OF, {"e": list(events)}) if events else ():
        found.setdefault((r.event_id, r.position), []).append(
            {
                "text": r.text,
                "by": r.by_organisation,
                "at": _said(r.asked_at),
                "answer": r.answer,
                "answered_at": _said(r.answered_at),
            }
        )
    return found


def ask(  # noqa: PLR0913
    tx: Connection,
    event: UUID,
    position: int,
    path: str,
    asked: str,
    who: Who,
    text: Any,
    at: datetime,
) -> None:
    """Asks the organisation that posted, at ``path``; another question may follow."""
    tx.exec_driver_sql(
        """INSERT INTO review_question (id, event_id, position, path, by_organisation, by_person,
            text, asked_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (uuid4(), event, position, path, who.organisation, who.person, _text(text, "ask"), at),
    )


def answer(  # noqa: PLR0913
    tx: Connection,
    event: UUID,
    position: int,
    path: str,
    asked: str,
    who: Who,
    text: Any,
    at: datetime,
) -> None:
    """Answers the open questions about a person; only for ``asked``, at whose desk what was posted
    stands.
    """
    if who.organisation != asked:
        raise refuse(
            403,
            "not-asked",
            "问题是问报送单位的，由报送单位答复。",
            "The question is for the organisation that posted; it answers.",
        )
    done = tx.exec_driver_sql(
        """UPDATE review_question SET answer = %s, answered_by = %s, answered_at = %s
        WHERE event_id = %s AND position = %s AND answer IS NULL AND text IS NOT NULL
        RETURNING 1""",
        (_text(text, "answer"), who.name, at, event, position),
    ).first()
    if done is None:
        raise refuse(
            409, "nothing-asked", "没有等着答复的问题。", "No question waits for an answer."
        )


def forget(tx: Connection, event: UUID, position: int) -> None:
    """Once decided, what was asked and answered about the person goes; that it was asked stays."""
    tx.exec_driver_sql(
        "UPDATE review_question SET text = NULL, answer = NULL WHERE event_id = %s AND position = "
        "%s",
        (event, position),
    )


def _text(text: Any, field: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise refuse(422, "field-missing", f"请填写 {field}。", f"Give {field}.", field=field)
    return bounded(text, TEXT_MAX, field)


def _said(at: datetime | None) -> str | None:
    return at.astimezone(ZONE).isoformat() if at else None
