"""Posted events as the matcher reads them: one announcement per person, and the events that name
nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection

from services.cases import case_ids
from services.cases.case_ids import OPENS_NOTHING, CaseIds
from services.cases.model import Statement
from services.cases.routing import OPENING, facts_stated
from services.identity.persons import Person
from services.kit.db import locks
from services.kit.db.engine import rows
from services.kit.db.locks import Lock
from services.registry.tokens import token_key

HOST_REPORT = "guidui.host.report.v1"
WITHDRAWN = "guidui.departure.withdrawn.v1"
LIFE, DUES, CONTACT = "guidui.life.attended.v1", "guidui.dues.paid.v1", "guidui.contact.attempt.v1"
ORGANISATION = "guidui.organisation.changed.v1"


@dataclass(frozen=True)
class Announcement:
    """What one event says of one person. ``position`` counts from 0; ``superseded``: corrected or
    withdrawn already.
    """

    event: UUID
    position: int
    source: str
    ext_id: str
    organisation: str
    path: str
    kind: str
    time: datetime
    data: Mapping[str, Any]
    slot: Mapping[str, Any]
    corrects: str | None
    superseded: bool = False
    undone: int = 0
    ids: CaseIds = OPENS_NOTHING
    received: datetime | None = None

    @property
    def opens(self) -> bool:
        """Whether an event of this type opens a case."""
        return self.kind in OPENING

    @property
    def group(self) -> bool:
        """Whether it is one of several named together."""
        return bool(self.data.get("group"))

    @cached_property
    def parent_id(self) -> str:
        """The bulk case of its group: one per event, or per batch where events name one."""
        return self.ids.of(self.plain_parent_id)

    @cached_property
    def case_id(self) -> str:
        """The case it opens, if it opens one: the same on every repetition, another one once a
        match was undone.
        """
        return self.ids.of(self.plain_case_id)

    @property
    def plain_parent_id(self) -> UUID:
        """What a sender could compute of ``parent_id``."""
        return group_of(self.event, self.source, self.data.get("batch"))

    @property
    def plain_case_id(self) -> UUID:
        """What a sender could compute of ``case_id``."""
        again = f":{self.undone}" if self.undone else ""
        return uuid5(self.event, f"case:{self.position}{again}")

    @cached_property
    def person(self) -> Person:
        """The person as posted."""
        said = self.slot.get("person") or {}
        token = said.get("id_token") if not said.get("id_number") else None
        return Person(
            name=said.get("name"),
            id_number=said.get("id_number"),
            birth_date=said.get("birth_date"),
            sex=said.get("sex"),
            phone=said.get("phone"),
            address=(self.slot.get("to") or {}).get("address"),
            military_card=said.get("military_card"),
            moving=True,
            token=token_key(self.organisation, token) if token else None,
        )

    @property
    def member(self) -> str | None:
        """The reference the sender gave, if any."""
        return (self.slot.get("person") or {}).get("member")

    def statement(self, area: str | None, *, of_line: bool = True) -> Statement:
        """What it states of the case.

        The latest statement of a fact counts. A sender's clock may go ahead; what is not said by
        the member's line (``of_line``) counts from the moment it came at the latest, lest it
        outdo what the line says after it.
        """
        time = self.time if of_line or self.received is None else min(self.time, self.received)
        return Statement(
            str(self.event),
            self.source,
            self.ext_id,
            time,
            self.kind,
            facts_stated(self.kind, self.data, self.slot, area),
            self.superseded,
        )


@lru_cache(maxsize=1024)
def group_of(event: UUID, source: str, batch: str | None) -> UUID:
    """The plain id of the bulk case of an event's persons: of the batch that it names, else its
    own.
    """
    return batch_of(source, batch) if batch else uuid5(event, "group")


def batch_of(source: str, batch: str) -> UUID:
    """The plain id of the bulk case of a batch that several events of one source name."""
    return uuid5(BATCHES, f"{source}\n{batch}")


BATCHES = UUID("6f0c7f2e-5e0b-5b43-9d3d-6d6a7d0f8b11")

_READ = """
SELECT e.id, e.source, e.ext_id, e.organisation, e.path, e.type, e.time, e.received_at, e.data,
    e.corrects, p.position,
       p.body,
       EXISTS (SELECT FROM posted_event l WHERE l.source = e.source
           AND l.corrects = e.ext_id) AS superseded,
       coalesce(i.undone, 0) AS undone
FROM posted_event e LEFT JOIN posted_person p ON p.event_id = e.id
LEFT JOIN identification i ON i.event_id = p.event_id AND i.position = p.position
WHERE e.id = ANY (CAST(:ids AS uuid[])) ORDER BY e.time, e.source, e.ext_id, p.position"""
_NAMES = "SELECT source || ext_id FROM posted_event WHERE id = ANY (CAST(:ids AS uuid[]))"


def read(tx: Connection, events: Sequence[UUID]) -> list[Announcement]:
    """The announcements of posted events, in the order of their time.

    An event and its correction, handled at once by two workers, wait for each other here: one of
    them sees the other.
    """
    hold(tx, events)
    told = [
        Announcement(
            r.id,
            r.position if r.position is not None else 0,
            r.source,
            r.ext_id,
            r.organisation,
            r.path,
            r.type,
            r.time,
            r.data,
            r.body or {},
            r.corrects,
            r.superseded,
            r.undone,
            received=r.received_at,
        )
        for r in rows(tx, _READ, {"ids": [str(e) for e in events]})
    ]
    plain = {one.plain_case_id for one in told} | {one.plain_parent_id for one in told if one.group}
    ids = case_ids.read(tx, plain)
    return [replace(one, ids=ids) for one in told]


def hold(tx: Connection, events: Sequence[UUID]) -> None:
    """Until the transaction ends nobody corrects or withdraws these events. Before any row of
    theirs is locked.
    """
    locks.hold_parts_shared(tx, Lock.CORRECTION, _NAMES, {"ids": [str(e) for e in events]})


def lock_for_correction(tx: Connection, source: str, ext_id: str) -> None:
    """Waits for whoever handles the event that is being corrected."""
    locks.hold_part(tx, Lock.CORRECTION, source + ext_id)
