"""Two persons for one decision, where an organisation or one above it asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.cases.commands.arguments import refuse
from services.kit.db.engine import dumps, rows


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts: an organisation with the person who signed in, or the key of its system."""

    organisation: str
    person: str | None = None
    key: str | None = None

    @property
    def mark(self) -> str:
        """What tells two who decide apart."""
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
        """INSERT INTO review_rule (path, four_eyes, since) VALUES (%s, %s, %s)
                          ON CONFLICT (path) DO UPDATE SET four_eyes = excluded.four_eyes,
                              since = excluded.since""",
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
    found = (
        rows(
            tx,
            """SELECT DISTINCT ON (p.path) p.path, r.four_eyes
            FROM unnest(CAST(:paths AS text[])) AS p (path)
            JOIN review_rule r ON starts_with(p.path, r.path)
            ORDER BY p.path, length(r.path) DESC""",
            {"paths": wanted},
        )
        if wanted
        else ()
    )
    return {row.path for row in found if row.four_eyes}


def seconded(proposal: Mapping[str, Any] | None, chosen: Mapping[str, Any], who: Who) -> bool:
    """Whether ``who`` says what another person proposed; 409 where it is the same person."""
    if proposal is None:
        return False
    same = proposal.get("member") == chosen.get("member") and bool(
        proposal.get("not_a_member")
    ) == ("not_a_member" in chosen)
    if same and proposal["mark"] == who.mark:
        raise refuse(
            409,
            "second-person-needed",
            "这条核对要两个人分别认定；请另一人再看一遍。",
            "This review needs two persons: somebody else must look at it too.",
        )
    return same


def propose(  # noqa: PLR0913
    tx: Connection,
    event: UUID,
    position: int,
    chosen: Mapping[str, Any],
    who: Who,
    at: datetime,
    before: Mapping[str, Any] | None = None,
) -> None:
    """Keeps a decision until another person says the same; one that differs takes its place."""
    proposal = {
        **chosen,
        "by": who.name,
        "by_organisation": who.organisation,
        "mark": who.mark,
        "at": at,
        "instead_of": before["by"] if before else None,
    }
    tx.exec_driver_sql(
        "UPDATE identification SET proposal = %s::jsonb WHERE event_id = %s AND position = %s",
        (dumps(proposal), event, position),
    )
