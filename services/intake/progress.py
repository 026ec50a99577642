"""How far a posted event came, as its sender may know it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from schemas.answers import STEPS
from services.kit.clock import ZONE
from services.kit.db.engine import rows
from services.kit.errors import Words

# what the sender is told of a case's states; the others do not change how far it came
OF_A_CASE = {
    "triaged": "routed",
    "letter_issued": "letter_issued",
    "arrived": "arrived",
    "accepted": "accepted",
    "moved": "moved",
    "closed_without_move": "closed",
    "merged": "closed",
    "struck_off": "closed",
}
OF_A_DECISION = {
    "match": "identified",
    "review": "review",
    "unknown": "review",
    "not_a_member": "not_a_member",
    "rejected": "rejected",
    "waiting": "identified",
    "done": "closed",
    "withdrawn": "closed",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one person of an event: the matcher's `decision` (`match`, `review`,
    `unknown`, `not_a_member`, or `rejected` with `words`), and when its case first entered each
    state. Of the change of an organisation: `waiting` for its day, `done`, `withdrawn` or
    `rejected`, and `change`.
    """

    decision: str
    decided_at: datetime
    case: str | None = None
    states: Mapping[str, datetime] = field(default_factory=dict)
    words: Words | None = None
    position: int = 0
    notes: Sequence[tuple[str, Words]] = ()
    questions: Sequence[Mapping[str, Any]] = ()
    change: Mapping[str, Any] | None = None


_EVENT = "SELECT source, ext_id, persons, received_at FROM posted_event WHERE id = :id"
Outcomes = Callable[[Connection, UUID], Sequence[Outcome]]


Decisions = Callable[[Connection, UUID], Sequence[Any]]
Progress = Callable[[Connection, Sequence[Any]], Mapping[Any, Mapping[str, datetime]]]
ChangeOf = Callable[[Connection, UUID], Mapping[str, Any] | None]


def outcomes_of(
    decisions: Decisions, progress_of_cases: Progress, change_of: ChangeOf = lambda *_: None
) -> Outcomes:
    """Outcomes put together from the matcher's rows of an event (`decision`, `decided_at`,
    `case_id`, `position`, `notes`, `questions`, `words` of why it was rejected), the states of
    their cases (case -> state -> when first entered), and what became of a posted change of an
    organisation (`state`, `decided_at`, `zh`, `en`, and what is told of it).
    """

    def outcomes(tx: Connection, event_id: UUID) -> list[Outcome]:
        if change := change_of(tx, event_id):
            words = Words(change["zh"], change["en"]) if change["zh"] else None
            answer = {
                "state": change["state"],
                "organisation": change["organisation"],
                "effective_on": change["effective_on"].isoformat(),
                "columns": sorted(change["columns"]),
                "left_out": list(change["left_out"]),
            }
            return [Outcome(change["state"], change["decided_at"], words=words, change=answer)]
        decided = decisions(tx, event_id)
        progress = progress_of_cases(tx, [row.case_id for row in decided if row.case_id])
        return [
            Outcome(
                row.decision,
                row.decided_at,
                str(row.case_id) if row.case_id else None,
                progress.get(row.case_id, {}),
                words=row.words,
                position=row.position,
                notes=row.notes,
                questions=row.questions,
            )
            for row in decided
        ]

    return outcomes


def how_far(
    tx: Connection, event_id: UUID, outcomes: Outcomes, language: str
) -> dict[str, Any] | None:
    """The answer of GET /v1/events/{id}; None where this transaction sees no such event."""
    events = rows(tx, _EVENT, {"id": event_id})
    if not events:
        return None
    event, ends = events[0], outcomes(tx, event_id)
    received = {"received": event.received_at}
    ways = [received | _way(end) for end in ends]
    ways += [received] * max(1 - len(ways), event.persons - len(ways))
    reached = [max(way, key=STEPS.index) for way in ways]
    answer = {
        "source": event.source,
        "id": event.ext_id,
        "state": min(reached, key=STEPS.index),
        "cases": sorted({end.case for end in ends if end.case}),
        "times": _first(ways),
    }
    if event.persons > 1:
        answer["persons"] = dict(Counter(reached))
    notes = [
        {"position": end.position, "code": code, "words": words.in_language(language)}
        for end in ends
        for code, words in end.notes
    ]
    asked = [
        {"review": f"{event_id}:{end.position}", **question}
        for end in ends
        for question in end.questions
    ]
    answer |= ({"notes": notes} if notes else {}) | ({"questions": asked} if asked else {})
    change = next((end.change for end in ends if end.change), None)
    answer |= {"change": change} if change else {}
    words = next((end.words for end in ends if end.words), None)
    return answer | ({"problem": words.in_language(language)} if words else {})


def _way(end: Outcome) -> dict[str, datetime]:
    """The steps of one person, each with its first time."""
    way = {OF_A_DECISION[end.decision]: end.decided_at}
    for state, at in sorted(end.states.items(), key=lambda pair: pair[1]):
        if step := OF_A_CASE.get(state):
            way.setdefault(step, at)
    return way


def _first(ways: Sequence[Mapping[str, datetime]]) -> dict[str, str]:
    steps = [step for step in STEPS if any(step in way for way in ways)]
    return {
        step: min(way[step] for way in ways if step in way).astimezone(ZONE).isoformat()
        for step in steps
    }
