"""Taking an event back out of a case that it never belonged to: it was about somebody else."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases import commands, deadlines, tables
from services.cases import decide as rules
from services.cases import states as s
from services.cases.arguments import refuse
from services.cases.model import Case, Step, World
from services.cases.routing import OPENING
from services.cases.tables import Change
from services.kit.db import rows

REASON = "identification_undone"


def take_out(tx: Connection, event: UUID, position: int, world: World, by: str, person: str | None) -> str | None:
    """Takes what an event stated of a person out of the case it opened or joined; returns that case.

    Nothing of the event stays in the case, its history or what is shown of the person. A case that nothing else
    opened is closed, its letter void, and is no longer the member's; else it goes on by what is left. 409 once the
    destination has accepted: the member must come back by a transfer of its own. ``tx`` acts as the worker.
    """
    ids = tx.exec_driver_sql("SELECT DISTINCT case_id::text FROM statement WHERE event = %s AND position = %s",
                             (event, position)).scalars().all()
    for case in tables.load(tx, ids).values():
        if case.state in s.CUSTODY or case.state == s.MOVED:
            raise refuse(409, "accepted-already",
                         "对方已接收，组织关系已随之转走；请先由接收方办理转回，再纠正认错的人。",
                         "The destination has accepted and the member has moved with it; transfer the member back first.",
                         state=case.state)
        tx.exec_driver_sql("SELECT case_unsays(%s::uuid, %s, %s)", (case.id, event, position))
        _without(tx, case, world, by, person)
    return ids[0] if ids else None


def _without(tx: Connection, case: Case, world: World, by: str, person: str | None) -> None:
    rest = tables.statements(tx, [case.id]).get(case.id, [])
    whole = not any(x.kind in OPENING and not x.withdrawn for x in rest)
    tx.exec_driver_sql("DELETE FROM case_person WHERE case_id = %s::uuid", (case.id,))
    moved: list[Case] = []
    if not whole and case.state not in s.TERMINAL:
        moved = tables.write(tx, [commands.restate(case, rest, world, "undo_match", REASON, by)], world, person)
    elif case.state not in s.TERMINAL:
        after = case.but(state=s.CLOSED, touched_at=world.now, facts={}, reports=[], asks=[], receiver=None,
                         letter_status="void" if case.letter_number else None)
        after = deadlines.settle(rules.entered(case, after, world), world)
        moved = tables.write(tx, [Change(case, after, [Step("undo_match", case.state, s.CLOSED, by, REASON)])], world,
                             person)
    tx.exec_driver_sql("SELECT case_forgets(%s::uuid, %s)", (case.id, whole))
    commands.close_finished_groups(tx, moved, world)
    if not whole:
        _show_again(tx, case)


def _show_again(tx: Connection, case: Case) -> None:
    """What is shown of the person comes from the latest event that is left."""
    left = rows(tx, """SELECT p.body FROM statement x JOIN posted_person p ON p.event_id = x.event AND p.position = x.position
                       WHERE x.case_id = CAST(:id AS uuid) AND NOT x.withdrawn AND p.body IS NOT NULL
                       ORDER BY x.time DESC, x.source DESC, x.ext_id DESC LIMIT 1""", {"id": case.id})
    if left:
        said: Mapping[str, Any] = left[0].body.get("person") or {}
        tables.show_person(tx, [{"case_id": case.id, **{k: said.get(k) for k in ("name", "sex", "birth_date", "phone")},
                                 "address": (left[0].body.get("to") or {}).get("address"), "evidence": None}])
