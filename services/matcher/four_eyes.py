"""Two persons for one decision, where an organisation or one above it asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from services.kit.db.engine import dumps, rows
from services.matcher import desk_refusals
from services.matcher.announcements import Place
from services.registry.access import Caller

_NEAREST_RULE = """
SELECT DISTINCT ON (p.path) p.path, r.four_eyes
FROM unnest(CAST(:paths AS text[])) AS p (path)
JOIN review_rule r ON starts_with(p.path, r.path)
ORDER BY p.path, length(r.path) DESC"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an organisation with the person who signed in, or the key of its system."""

    organisation: str
    person: str | None = None
    key: str | None = None

    @classmethod
    def of(cls, caller: Caller, person: str | None) -> Actor:
        """Whoever acts as this caller, be it a person or a system."""
        key = None
        if caller.key_id and not person:
            key = str(caller.key_id)
        return cls(caller.own_organisation, person, key)

    @property
    def mark(self) -> str:
        """What tells two actors apart."""
        return f"{self.organisation}/{self.person or self.key or ''}"

    @property
    def name(self) -> str:
        """How a decision names them."""
        return self.person or self.organisation

    def shown(self) -> dict[str, str]:
        """Who proposed, as others see it."""
        return {"by": self.name, "by_organisation": self.organisation}


def rule(tx: Connection, path: str, four_eyes: bool, at: datetime) -> None:
    """From now on reviews of what the organisation at ``path`` and all below it post need two
    persons, or one.
    """
    tx.exec_driver_sql(
        """INSERT INTO review_rule (path, four_eyes, since)
        VALUES (%s, %s, %s)
        ON CONFLICT (path) DO UPDATE SET four_eyes = excluded.four_eyes, since = excluded.since""",
        (path, four_eyes, at),
    )


def rules(tx: Connection) -> list[Any]:
    """What was ruled: path, four_eyes, since."""
    return list(rows(tx, "SELECT path, four_eyes, since FROM review_rule ORDER BY path"))


def asked_for(tx: Connection, paths: Iterable[str]) -> set[str]:
    """Of the paths of senders those whose reviews need two persons: the rule of the nearest
    organisation holds.
    """
    wanted = sorted(set(paths))
    if not wanted:
        return set()
    ruled = rows(tx, _NEAREST_RULE, {"paths": wanted})
    return {row.path for row in ruled if row.four_eyes}


def seconded(proposal: Mapping[str, Any] | None, chosen: Mapping[str, Any], actor: Actor) -> bool:
    """Whether ``actor`` says what another person proposed; 409 where it is the same person."""
    if proposal is None or not _is_same(proposal, chosen):
        return False
    if proposal["mark"] == actor.mark:
        raise desk_refusals.second_person_needed()
    return True


def _is_same(proposal: Mapping[str, Any], chosen: Mapping[str, Any]) -> bool:
    if proposal.get("member") != chosen.get("member"):
        return False
    return bool(proposal.get("not_a_member")) == ("not_a_member" in chosen)


def propose(
    tx: Connection,
    place: Place,
    chosen: Mapping[str, Any],
    actor: Actor,
    at: datetime,
    *,
    before: Mapping[str, Any] | None = None,
) -> None:
    """Keeps a decision until another person says the same; one that differs takes its place."""
    proposal = {
        **chosen,
        **actor.shown(),
        "mark": actor.mark,
        "at": at,
        "instead_of": before["by"] if before else None,
    }
    tx.exec_driver_sql(
        "UPDATE identification SET proposal = %s::jsonb WHERE event_id = %s AND position = %s",
        (dumps(proposal), *place),
    )


def forget_proposal(tx: Connection, place: Place) -> None:
    """What was proposed is no choice any more."""
    tx.exec_driver_sql(
        "UPDATE identification SET proposal = NULL WHERE event_id = %s AND position = %s", place
    )
