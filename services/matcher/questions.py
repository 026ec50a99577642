"""Questions of the review desk to whoever posted, and their answers; their text goes with the
decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from services.cases.commands.arguments import bounded, refuse
from services.kit.clock import ZONE
from services.kit.db.engine import rows
from services.matcher.announcements import Place
from services.matcher.four_eyes import Actor

TEXT_MAX = 500
_OF = """
SELECT event_id, position, by_organisation, by_person, text, asked_at, answer, answered_by,
    answered_at
FROM review_question WHERE event_id = ANY (CAST(:events AS uuid[])) AND text IS NOT NULL
ORDER BY asked_at, id"""
_ASK = """
INSERT INTO review_question (id, event_id, position, path, by_organisation, by_person, text,
    asked_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""
_ANSWER = """
UPDATE review_question SET answer = %s, answered_by = %s, answered_at = %s
WHERE event_id = %s AND position = %s AND answer IS NULL AND text IS NOT NULL
RETURNING 1"""
_FORGET = """
UPDATE review_question SET text = NULL, answer = NULL WHERE event_id = %s AND position = %s"""


def of_events(tx: Connection, events: Sequence[str]) -> dict[Place, list[dict[str, Any]]]:
    """The questions about each person of these events, oldest first."""
    if not events:
        return {}
    questions: dict[Place, list[dict[str, Any]]] = {}
    for row in rows(tx, _OF, {"events": list(events)}):
        questions.setdefault((row.event_id, row.position), []).append(_shown(row))
    return questions


def _shown(question: Any) -> dict[str, Any]:
    return {
        "text": question.text,
        "by": question.by_organisation,
        "at": _written(question.asked_at),
        "answer": question.answer,
        "answered_at": _written(question.answered_at),
    }


def ask(tx: Connection, place: Place, path: str, actor: Actor, text: Any, at: datetime) -> None:
    """Asks the organisation that posted, at ``path``; another question may follow."""
    question = _text(text, "ask")
    tx.exec_driver_sql(
        _ASK, (uuid4(), *place, path, actor.organisation, actor.person, question, at)
    )


def answer(tx: Connection, place: Place, asked: str, actor: Actor, text: Any, at: datetime) -> None:
    """Answers the open questions about a person; only for ``asked``, at whose desk what was posted
    stands.
    """
    if actor.organisation != asked:
        raise refuse(
            403,
            "not-asked",
            "问题是问报送单位的，由报送单位答复。",
            "The question is for the organisation that posted; it answers.",
        )
    answered = tx.exec_driver_sql(_ANSWER, (_text(text, "answer"), actor.name, at, *place))
    if answered.first() is None:
        raise refuse(
            409, "nothing-asked", "没有等着答复的问题。", "No question waits for an answer."
        )


def forget(tx: Connection, place: Place) -> None:
    """Once decided, what was asked and answered about the person goes; that it was asked stays."""
    tx.exec_driver_sql(_FORGET, place)


def _text(text: Any, field: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise refuse(422, "field-missing", f"请填写 {field}。", f"Give {field}.", field=field)
    return bounded(text, TEXT_MAX, field)


def _written(at: datetime | None) -> str | None:
    return at.astimezone(ZONE).isoformat() if at else None
