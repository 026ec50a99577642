"""What people decided of pairs, kept without names: the model learns from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection

from services.cases.deadlines.calendar import day_of
from services.kit.db.engine import rows

Group = list[tuple[tuple[str, ...], float, bool]]
"""The candidates of one decision: levels, rareness of the name, whether this is the person."""


def keep_pairs(  # noqa: PLR0913
    tx: Connection,
    event: UUID,
    position: int,
    evidence: Mapping[str, Any] | None,
    member: str | None,
    at: datetime,
    wrong: str | None = None,
) -> None:
    """Keeps the levels of a decision's candidates, and which of them, if any, is the person.

    ``wrong``: a member of whom it is certain that it is not this one; then only that pair is kept.
    """
    evidence = evidence or {}
    pairs = evidence.get("pairs") or ()
    if wrong is not None:
        pairs = [p for p in pairs if p.get("member") == wrong]
    elif member is not None and not any(p.get("member") == member for p in pairs):
        return  # somebody whom the keys did not find teaches nothing about weights
    for number, pair in enumerate(pairs):
        tx.exec_driver_sql(
            """INSERT INTO reviewed_pair (review, candidate, same, levels, rareness, model,
                decided_on)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (review, candidate) DO UPDATE SET same = excluded.same""",
            (
                _group(event, position),
                number,
                member is not None and pair.get("member") == member,
                list(pair["levels"]),
                pair["rareness"],
                evidence["model"],
                day_of(at),
            ),
        )


def take_back(tx: Connection, event: UUID, position: int) -> None:
    """A decision that was undone teaches nothing."""
    tx.exec_driver_sql("DELETE FROM reviewed_pair WHERE review = %s", (_group(event, position),))


def groups(tx: Connection) -> list[Group]:
    """Everything that was decided, one group for each decision."""
    found: dict[UUID, Group] = {}
    for r in rows(
        tx, "SELECT review, levels, rareness, same FROM reviewed_pair ORDER BY review, candidate"
    ):
        found.setdefault(r.review, []).append((tuple(r.levels), r.rareness, r.same))
    return list(found.values())


def _group(event: UUID, position: int) -> UUID:
    return uuid5(event, f"review:{position}")
