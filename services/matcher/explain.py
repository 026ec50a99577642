"""Why a case's person is who it is said to be: every posting's evidence, judged again by the
version that decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases.views.queries import as_worker
from services.identity.reasons import reasons
from services.kit.clock import ZONE
from services.kit.db.engine import rows
from services.matcher import sender_hints
from services.matcher.judging import bits_by_field
from services.matcher.model_store import again, in_force, model
from services.matcher.review_list import review_id
from services.matcher.surroundings import Surroundings
from services.registry.access import Caller
from services.registry.announcement_rights import in_line

_OF_CASE = """
SELECT i.event_id, i.position, i.decision, i.member, i.model, i.decided_at, i.decided_by,
    i.evidence, i.notes, i.path, e.organisation, e.time
FROM statement s JOIN identification i ON i.event_id = s.event AND i.position = s.position
JOIN posted_event e ON e.id = i.event_id
WHERE s.case_id = :case ORDER BY e.time, i.event_id, i.position"""


def explained(
    tx: Connection, app: Surroundings, caller: Caller, case_id: str
) -> list[dict[str, Any]] | None:
    """The postings of a case that this transaction sees, oldest first; None where it sees no such
    case.

    How a posting agreed with the register is for the member's line; whoever posted sees its own,
    the others see theirs.

    ``probability`` is what was said, ``again`` what the same version says of the kept levels now,
    ``today`` what the version in force would say; ``weights`` are bits field by field, with words.
    """
    try:
        case = UUID(case_id)
    except ValueError:
        return None
    seen = rows(tx, "SELECT origin FROM transfer_case WHERE id = :case", {"case": case})
    if not seen:
        return None
    with as_worker(tx):
        context = app.rule_source.context(tx, app.clock.now())
        poster, home = caller.organisation, seen[0].origin
        sees_all = in_line(poster, home, context.directory, context.today)
        postings = rows(tx, _OF_CASE, {"case": case})
        return [
            _explained(tx, posting)
            for posting in postings
            if sees_all or posting.path.startswith(caller.path)
        ]


def _explained(tx: Connection, posting: Any) -> dict[str, Any]:
    """One posting: who decided what, and where the register agreed, how far."""
    explanation = {
        "id": review_id((posting.event_id, posting.position)),
        "decision": posting.decision,
        "member": posting.member,
        "model": posting.model,
        "by": posting.decided_by,
        "at": posting.decided_at.astimezone(ZONE).isoformat(),
        "organisation": posting.organisation,
        "posted": posting.time.astimezone(ZONE).isoformat(),
        "probability": None,
        "again": None,
        "today": None,
        "weights": [],
        "notes": sender_hints.shown(posting.notes),
    }
    number = _number_of_pair(posting)
    if number is None:
        return explanation
    return explanation | _agreement(tx, posting, number)


def _number_of_pair(posting: Any) -> int | None:
    """Which of the pairs in the evidence is the member's."""
    evidence = posting.evidence or {}
    for number, pair in enumerate(evidence.get("pairs") or ()):
        if pair.get("member") == posting.member:
            return number
    return None


def _agreement(tx: Connection, posting: Any, number: int) -> dict[str, Any]:
    """How far the register agreed by one pair of the evidence: then, again now, and today."""
    pair: Mapping[str, Any] = posting.evidence["pairs"][number]
    levels = tuple(pair["levels"])
    bits = bits_by_field(model(tx, posting.model), levels, pair["rareness"])
    weights: list[dict[str, Any]] = []
    for reason in reasons(levels):
        weight = {
            "field": reason.field,
            "level": reason.level,
            "zh": reason.words.zh,
            "en": reason.words.en,
            "bits": bits.pop(reason.field),
        }
        weights.append(weight)
    # what no reason mentions still weighs a little
    rest = sum(bits.values())
    return {
        "probability": pair["probability"],
        "again": again(tx, posting.model, posting.evidence)[number],
        "today": again(tx, in_force(tx).version, posting.evidence)[number],
        "weights": weights,
        "rest": round(rest, 1),
    }
