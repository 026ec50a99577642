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
from services.kit.errors import Text

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
    words: Text | None = None
    position: int = 0
    notes: Sequence[tuple[str, Text]] = ()
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
        change = change_of(tx, event_id)
        if change:
            return [_of_change(change)]
        decided = decisions(tx, event_id)
        states_of = progress_of_cases(tx, [row.case_id for row in decided if row.case_id])
        return [_of_person(row, states_of.get(row.case_id, {})) for row in decided]

    return outcomes


def _of_change(change: Mapping[str, Any]) -> Outcome:
    """What became of a posted change of an organisation."""
    words = Text(change["zh"], change["en"]) if change["zh"] else None
    answer = {
        "state": change["state"],
        "organisation": change["organisation"],
        "effective_on": change["effective_on"].isoformat(),
        "columns": sorted(change["columns"]),
        "left_out": list(change["left_out"]),
    }
    return Outcome(change["state"], change["decided_at"], words=words, change=answer)


def _of_person(row: Any, states: Mapping[str, datetime]) -> Outcome:
    """What became of one posted person, from the matcher's row and the states of their case."""
    return Outcome(
        decision=row.decision,
        decided_at=row.decided_at,
        case=str(row.case_id) if row.case_id else None,
        states=states,
        words=row.words,
        position=row.position,
        notes=row.notes,
        questions=row.questions,
    )


def how_far(
    tx: Connection, event_id: UUID, outcomes: Outcomes, language: str
) -> dict[str, Any] | None:
    """The answer of GET /v1/events/{id}; None where this transaction sees no such event."""
    events = rows(tx, _EVENT, {"id": event_id})
    if not events:
        return None
    return answer_of(events[0], event_id, outcomes(tx, event_id), language)


def answer_of(
    event: Any, event_id: UUID, outcomes: Sequence[Outcome], language: str
) -> dict[str, Any]:
    """How far a stored event (source, ext_id, persons, received_at) came, by what became of its
    persons. Pure.
    """
    steps_of = _steps_of(event, outcomes)
    furthest = [max(steps, key=STEPS.index) for steps in steps_of]
    answer = {
        "source": event.source,
        "id": event.ext_id,
        "state": min(furthest, key=STEPS.index),
        "cases": sorted({outcome.case for outcome in outcomes if outcome.case}),
        "times": _first(steps_of),
    }
    if event.persons > 1:
        answer["persons"] = dict(Counter(furthest))
    return answer | _beside(event_id, outcomes, language)


def _steps_of(event: Any, outcomes: Sequence[Outcome]) -> list[dict[str, datetime]]:
    """The steps of each person, of whom nothing became yet too; of an event without persons its
    own.
    """
    received = {"received": event.received_at}
    steps_of = [received | _steps(outcome) for outcome in outcomes]
    missing = max(1, event.persons) - len(steps_of)
    return steps_of + [received] * max(0, missing)


def _beside(event_id: UUID, outcomes: Sequence[Outcome], language: str) -> dict[str, Any]:
    """What is told beside the steps, as far as there is any: hints, questions, the change of an
    organisation, why it was rejected.
    """
    changes = [outcome.change for outcome in outcomes if outcome.change]
    problems = [outcome.words.in_language(language) for outcome in outcomes if outcome.words]
    beside = {
        "notes": _notes(outcomes, language),
        "questions": _questions(event_id, outcomes),
        "change": changes[0] if changes else None,
        "problem": problems[0] if problems else None,
    }
    return {name: value for name, value in beside.items() if value}


def _notes(outcomes: Sequence[Outcome], language: str) -> list[dict[str, Any]]:
    """The hints to the sender, with the position of whom each is about."""
    notes: list[dict[str, Any]] = []
    for outcome in outcomes:
        for code, words in outcome.notes:
            text = words.in_language(language)
            notes.append({"position": outcome.position, "code": code, "words": text})
    return notes


def _questions(event_id: UUID, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """What the review desk asks the sender, with the review that each is about."""
    questions: list[dict[str, Any]] = []
    for outcome in outcomes:
        review = f"{event_id}:{outcome.position}"
        questions += [{"review": review, **question} for question in outcome.questions]
    return questions


def _steps(outcome: Outcome) -> dict[str, datetime]:
    """The steps of one person, each with its first time."""
    steps = {OF_A_DECISION[outcome.decision]: outcome.decided_at}
    for state, at in sorted(outcome.states.items(), key=lambda entry: entry[1]):
        step = OF_A_CASE.get(state)
        if step:
            steps.setdefault(step, at)
    return steps


def _first(steps_of: Sequence[Mapping[str, datetime]]) -> dict[str, str]:
    """When the first person reached each step that anybody reached."""
    first: dict[str, str] = {}
    for step in STEPS:
        times = [steps[step] for steps in steps_of if step in steps]
        if times:
            first[step] = min(times).astimezone(ZONE).isoformat()
    return first
