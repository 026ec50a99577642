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

from services.cases.model.case import Statement
from services.cases.routing.decision_table import OPENING, facts_stated
from services.cases.store import case_ids
from services.cases.store.case_ids import OPENS_NOTHING, CaseIds
from services.identity.persons import Person
from services.kit.db import locks
from services.kit.db.engine import rows
from services.kit.db.locks import Lock
from services.registry.tokens import token_key

HOST_REPORT = "guidui.host.report.v1"
WITHDRAWN = "guidui.departure.withdrawn.v1"
LIFE, DUES, CONTACT = "guidui.life.attended.v1", "guidui.dues.paid.v1", "guidui.contact.attempt.v1"
ORGANISATION = "guidui.organisation.changed.v1"

Place = tuple[UUID, int]  # of a posted person: the event, and the position in it


@dataclass(frozen=True)
class Announcement:
    """What one event says of one person.

    ``position`` counts from 0. ``data`` is the event's payload, ``posted_person`` the person's part
    of it. ``superseded``: corrected or withdrawn already. ``undone``: how often a match of this
    person was undone.
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
    posted_person: Mapping[str, Any]
    corrects: str | None
    superseded: bool = False
    undone: int = 0
    ids: CaseIds = OPENS_NOTHING
    received: datetime | None = None

    @property
    def place(self) -> Place:
        """The event and the position in it: what tells the posted persons apart."""
        return self.event, self.position

    @property
    def names_person(self) -> bool:
        """Whether it is about a person; withdrawals and changes of organisations are not."""
        return self.kind not in (WITHDRAWN, ORGANISATION)

    @property
    def corrected(self) -> str | None:
        """The sender's id of the earlier event that it corrects or withdraws, if any."""
        return self.corrects or self.data.get("corrects")

    @property
    def stated_person(self) -> Mapping[str, Any]:
        """What the sender says of the person themselves, field by field."""
        return self.posted_person.get("person") or {}

    @property
    def address(self) -> str | None:
        """Where the person goes, as posted."""
        destination = self.posted_person.get("to") or {}
        return destination.get("address")

    @property
    def stated_values(self) -> dict[str, Any]:
        """What the sender says of the person and of where they go, field by field."""
        return {**self.stated_person, "address": self.address}

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
        stated = self.stated_person
        return Person(
            name=stated.get("name"),
            id_number=stated.get("id_number"),
            birth_date=stated.get("birth_date"),
            sex=stated.get("sex"),
            phone=stated.get("phone"),
            address=self.address,
            military_card=stated.get("military_card"),
            moving=True,
            token=self._token,
        )

    @property
    def _token(self) -> str | None:
        """The key that the person's token stands for; None beside a number, which tells more."""
        token = self.stated_person.get("id_token")
        if not token or self.stated_person.get("id_number"):
            return None
        return token_key(self.organisation, token)

    @property
    def member(self) -> str | None:
        """The reference the sender gave, if any."""
        return self.stated_person.get("member")

    def statement(self, area: str | None, *, of_line: bool = True) -> Statement:
        """What it states of the case.

        The latest statement of a fact counts. A sender's clock may go ahead; what is not said by
        the member's line (``of_line``) counts from the moment it came at the latest, lest it
        outdo what the line says after it.
        """
        time = self.time
        if not of_line and self.received is not None:
            time = min(self.time, self.received)
        return Statement(
            str(self.event),
            self.source,
            self.ext_id,
            time,
            self.kind,
            facts_stated(self.kind, self.data, self.posted_person, area),
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
    event_ids = [str(event) for event in events]
    announcements = [_announcement(row) for row in rows(tx, _READ, {"ids": event_ids})]
    plain_ids = set()
    for announcement in announcements:
        plain_ids.add(announcement.plain_case_id)
        if announcement.group:
            plain_ids.add(announcement.plain_parent_id)
    ids = case_ids.read(tx, plain_ids)
    return [replace(announcement, ids=ids) for announcement in announcements]


def read_at(tx: Connection, place: Place) -> Announcement:
    """The announcement of one posted person."""
    event, _ = place
    of_event = read(tx, [event])
    return next(announcement for announcement in of_event if announcement.place == place)


def _announcement(row: Any) -> Announcement:
    """A row of `_READ`; of an event that names nobody the position is 0."""
    return Announcement(
        event=row.id,
        position=row.position or 0,
        source=row.source,
        ext_id=row.ext_id,
        organisation=row.organisation,
        path=row.path,
        kind=row.type,
        time=row.time,
        data=row.data,
        posted_person=row.body or {},
        corrects=row.corrects,
        superseded=row.superseded,
        undone=row.undone,
        received=row.received_at,
    )


def hold(tx: Connection, events: Sequence[UUID]) -> None:
    """Until the transaction ends nobody corrects or withdraws these events. Before any row of
    theirs is locked.
    """
    event_ids = [str(event) for event in events]
    locks.hold_parts_shared(tx, Lock.CORRECTION, _NAMES, {"ids": event_ids})


def lock_for_correction(tx: Connection, source: str, ext_id: str) -> None:
    """Waits for whoever handles the event that is being corrected."""
    locks.hold_part(tx, Lock.CORRECTION, source + ext_id)
