"""What people decided of pairs, kept without names: the model learns from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection

from services.cases.deadlines.calendar import day_of
from services.kit.db.engine import rows
from services.matcher.announcements import Place

Group = list[tuple[tuple[str, ...], float, bool]]
"""The candidates of one decision: levels, rareness of the name, whether this is the person."""

Evidence = Mapping[str, Any]
_KEEP = """
INSERT INTO reviewed_pair (review, candidate, same, levels, rareness, model, decided_on)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (review, candidate) DO UPDATE SET same = excluded.same"""
_ALL = "SELECT review, levels, rareness, same FROM reviewed_pair ORDER BY review, candidate"


def keep_pairs(
    tx: Connection, place: Place, evidence: Evidence | None, member: str | None, at: datetime
) -> None:
    """Keeps the levels of a decision's candidates, and which of them, if any, is the person."""
    pairs = _pairs(evidence)
    named = {pair.get("member") for pair in pairs}
    if member is not None and member not in named:
        return  # somebody whom the keys did not find teaches nothing about weights
    _keep(tx, place, evidence, pairs, member, at)


def keep_wrong_pair(
    tx: Connection,
    place: Place,
    evidence: Evidence | None,
    wrong: str,
    member: str | None,
    at: datetime,
) -> None:
    """Keeps the levels of one candidate alone, ``wrong``, of whom it is certain that it is not this
    person.
    """
    pairs = [pair for pair in _pairs(evidence) if pair.get("member") == wrong]
    _keep(tx, place, evidence, pairs, member, at)


def _pairs(evidence: Evidence | None) -> Sequence[Mapping[str, Any]]:
    return (evidence or {}).get("pairs") or ()


def _keep(
    tx: Connection,
    place: Place,
    evidence: Evidence | None,
    pairs: Sequence[Mapping[str, Any]],
    member: str | None,
    at: datetime,
) -> None:
    for number, pair in enumerate(pairs):
        is_person = member is not None and pair.get("member") == member
        tx.exec_driver_sql(
            _KEEP,
            (
                _review_of(place),
                number,
                is_person,
                list(pair["levels"]),
                pair["rareness"],
                (evidence or {})["model"],
                day_of(at),
            ),
        )


def take_back(tx: Connection, place: Place) -> None:
    """A decision that was undone teaches nothing."""
    tx.exec_driver_sql("DELETE FROM reviewed_pair WHERE review = %s", (_review_of(place),))


def groups(tx: Connection) -> list[Group]:
    """Everything that was decided, one group for each decision."""
    decided: dict[UUID, Group] = {}
    for row in rows(tx, _ALL):
        candidate = (tuple(row.levels), row.rareness, row.same)
        decided.setdefault(row.review, []).append(candidate)
    return list(decided.values())


def _review_of(place: Place) -> UUID:
    """Under what a decision's pairs are kept: it leads to nobody without the event."""
    event, position = place
    return uuid5(event, f"review:{position}")
