"""Who looked at members outside a case, and how often an organisation looks for persons in a
day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection, Engine

from services.cases.commands.arguments import refuse
from services.cases.model.case import DecisionContext
from services.kit.db.engine import dumps
from services.kit.errors import Refused

NAME_GUESSES, COMPARED_ROWS = "name_guesses", "compared_rows"
_LOOKED = """
INSERT INTO member_look (member, path, organisation, person, purpose, day, at)
SELECT member, path, %(organisation)s, %(person)s, %(purpose)s, %(day)s, %(at)s
FROM json_to_recordset(%(members)s::json) AS m(member text, path text)
    WHERE NOT starts_with(path, %(own)s)
ON CONFLICT DO NOTHING"""


def record(
    tx: Connection,
    members: Iterable[tuple[str, str]],
    organisation: str,
    person: str | None,
    purpose: str,
    context: DecisionContext,
) -> None:
    """Keeps once a day that an organisation looked at members (with their paths) outside its
    tree; ``tx`` acts as the worker."""
    lines = [{"member": member, "path": path} for member, path in dict(members).items()]
    if lines:
        tx.exec_driver_sql(
            _LOOKED,
            {
                "organisation": organisation,
                "person": person or "",
                "purpose": purpose,
                "day": context.today,
                "at": context.now,
                "members": dumps(lines),
                "own": context.directory.path(organisation),
            },
        )


def count(engine: Engine, organisation: str, day: date, kind: str, number: int, most: int) -> None:
    """Counts a look-up of ``number`` persons in a commit of its own; Refused 429 beyond what a
    day allows."""
    with engine.begin() as tx:
        counted = tx.exec_driver_sql(
            "SELECT lookup_counted(%s, %s, %s, %s, %s)", (organisation, day, kind, number, most)
        ).scalar_one()
    if not counted:
        raise _too_many(kind, most)


def _too_many(kind: str, most: int) -> Refused:
    if kind == COMPARED_ROWS:
        return refuse(
            429,
            "too-many-rows-today",
            f"本组织今天比对的名册超过 {most} 行；请明天再比，或只比有变动的行。",
            f"Your organisation may compare {most} rows a day; go on tomorrow, or compare "
            "what has changed only.",
        )
    return refuse(
        429,
        "too-many-names-today",
        f"本组织今天按姓名查找超过 {most} 次；请明天再查，或请上级组织部门协助。",
        f"Your organisation may look for {most} names a day; go on tomorrow, or ask the "
        "department above.",
    )
