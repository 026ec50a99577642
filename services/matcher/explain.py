"""Why a case's person is who it is said to be: every posting's evidence, judged again by the
version that decided.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases.views.queries import as_worker
from services.identity.compare import FIELDS
from services.identity.reasons import reasons
from services.kit.clock import ZONE
from services.kit.db.engine import rows
from services.matcher.model_store import again, in_force, model
from services.matcher.sender_hints import spoken
from services.matcher.surroundings import Surroundings
from services.registry.access import Caller
from services.registry.announcement_rights import in_line

_OF_CASE = """
SELECT i.event_id, i.position, i.decision, i.member, i.model, i.decided_at, i.decided_by,
    i.evidence, i.notes, i.path, e.organisation,
       e.time
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
        ident = UUID(case_id)
    except ValueError:
        return None
    seen = rows(tx, "SELECT origin FROM transfer_case WHERE id = :case", {"case": ident})
    if not seen:
        return None
    with as_worker(tx):
        context = app.rule_source.context(tx, app.clock.now())
        whole = in_line(caller.organisation, seen[0].origin, context.directory, context.today)
        return [
            _one(tx, row)
            for row in rows(tx, _OF_CASE, {"case": ident})
            if whole or row.path.startswith(caller.path)
        ]


def _one(tx: Connection, row: Any) -> dict[str, Any]:
    said = {
        "id": f"{row.event_id}:{row.position}",
        "decision": row.decision,
        "member": row.member,
        "model": row.model,
        "by": row.decided_by,
        "at": row.decided_at.astimezone(ZONE).isoformat(),
        "organisation": row.organisation,
        "posted": row.time.astimezone(ZONE).isoformat(),
        "probability": None,
        "again": None,
        "today": None,
        "weights": [],
        "notes": [{"code": c, "zh": w.zh, "en": w.en} for c, w in spoken(row.notes)],
    }
    pairs = (row.evidence or {}).get("pairs") or ()
    at = next((n for n, pair in enumerate(pairs) if pair.get("member") == row.member), None)
    if at is None:
        return said
    levels, rareness = tuple(pairs[at]["levels"]), pairs[at]["rareness"]
    bits = model(tx, row.model).bits(levels, rareness)
    names = {"id_number": "number", "birth_date": "birth"}
    weights = [
        {
            "field": r.field,
            "level": r.level,
            "zh": r.words.zh,
            "en": r.words.en,
            "bits": bits[names.get(r.field, r.field)],
        }
        for r in reasons(levels)
    ]
    stated = {w["field"] for w in weights}
    rest = sum(
        bits[field]
        for field in FIELDS
        if {"number": "id_number", "birth": "birth_date"}.get(field, field) not in stated
    )
    return said | {
        "probability": pairs[at]["probability"],
        "again": again(tx, row.model, row.evidence)[at],
        "today": again(tx, in_force(tx).version, row.evidence)[at],
        "weights": weights,
        "rest": round(rest, 1),
    }
