"""What others read of the register: members, contacts, grids, divisions. Organisations are in
directory.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from services.registry.directory import Directory

BOUNCES_MAX = 2
KEY_MEMBERS_MAX = 500
_POSTS = ("secretary", "deputy", "clerk")
_CHANNELS = ("portal", "email", "wecom", "dingtalk", "feishu", "sms", "visit")


class Member(NamedTuple):
    """One row of the register; `path` is that of the organisation the member belongs to."""

    member: str
    organisation: str
    path: str
    name: str
    sex: str | None
    ethnicity: str | None
    birth_date: date | None
    id_number: str | None
    phone: str | None
    address: str | None
    status: str
    standing: str
    joined_on: date | None
    last_life_on: date | None
    dues_paid_to: str | None


class Contact(NamedTuple):
    """Who is reached at an organisation, and how; `since` and `until` are the first and last day in
    the post.
    """

    id: UUID
    organisation: str
    name: str
    post: str
    phone: str | None
    email: str | None
    channel: str
    since: date | None
    until: date | None
    bounced_count: int

    @property
    def stale(self) -> bool:
        """Whether messages came back often enough to try somebody else."""
        return self.bounced_count >= BOUNCES_MAX


class Grid(NamedTuple):
    """Who knocks at which doors of a community."""

    grid: str
    community: str
    name: str
    contact: str | None
    phone: str | None
    addresses: list[str]


def members(tx: Connection, refs: Collection[str], lock: bool = False) -> dict[str, Member]:
    """Members by their reference; with `lock` FOR UPDATE in the order of the references, so that
    two batches cannot lock each other out.
    """
    rows = tx.exec_driver_sql(
        f"SELECT {', '.join(Member._fields)} FROM member WHERE member = ANY (%s) "
        f"ORDER BY member{' FOR UPDATE' if lock else ''}",
        (sorted(refs),),
    )
    return {row.member: Member._make(row) for row in rows}


def contacts(tx: Connection, organisations: Collection[str], on: date) -> dict[str, list[Contact]]:
    """The contacts of organisations on a day, best first: those not stale, by post, then by
    channel. Any role may ask.
    """
    rows = tx.exec_driver_sql(
        'SELECT id, organisation, name, post, phone, email, channel, "from", until, bounced_count '
        "FROM official_contacts(%s, %s)",
        (sorted(organisations), on),
    )
    contacts_of: dict[str, list[Contact]] = {}
    for contact in sorted(map(Contact._make, rows), key=_best_first):
        contacts_of.setdefault(contact.organisation, []).append(contact)
    return contacts_of


def contact_for(
    tx: Connection, directory: Directory, organisation: str, on: date
) -> Contact | None:
    """Whom to turn to about an organisation: its best contact, else that of the nearest superior
    that has one.

    A contact whose messages came back twice, or whose term is over, counts as none.
    """
    line = [superior.code for superior in directory.superiors(organisation)]
    contacts_of = contacts(tx, line, on)
    return next(
        (contact for code in line for contact in contacts_of.get(code, ()) if not contact.stale),
        None,
    )


def reachable(
    tx: Connection, directory: Directory, organisations: Collection[str], on: date
) -> dict[str, tuple[Contact, str]]:
    """Whom to turn to about each organisation, and whose contact that is: its own best one, else,
    where its contacts are stale (messages came back twice, the post has ended), that of the nearest
    superior that has one.

    An organisation for which no contact was ever loaded is left out.
    """
    ever = set(
        tx.exec_driver_sql(
            "SELECT DISTINCT organisation FROM contact WHERE organisation = ANY (%s)",
            (sorted(organisations),),
        ).scalars()
    )
    lines = {code: [superior.code for superior in directory.superiors(code)] for code in ever}
    contacts_of = contacts(tx, {code for line in lines.values() for code in line}, on)
    best = {
        code: next(
            (
                (contact, above)
                for above in line
                for contact in contacts_of.get(above, ())
                if not contact.stale
            ),
            None,
        )
        for code, line in lines.items()
    }
    return {code: contact for code, contact in best.items() if contact is not None}


def grid_for(tx: Connection, community: str, address: str | None) -> Grid | None:
    """The grid of a community in which an address lies: the one that names the longest part of it,
    or the only one.
    """
    return grids_for(tx, {"": (community, address)}).get("")


def grids_for(tx: Connection, places: Mapping[str, tuple[str, str | None]]) -> dict[str, Grid]:
    """The same of many places at once: key -> (community, address) in, key -> grid out."""
    rows = tx.exec_driver_sql(
        "SELECT grid, community, name, contact, phone, addresses FROM grid "
        "WHERE community = ANY (%s) ORDER BY grid",
        (sorted({community for community, _ in places.values()}),),
    )
    of: dict[str, list[Grid]] = {}
    for grid in map(Grid._make, rows):
        of.setdefault(grid.community, []).append(grid)
    grid_of = {
        key: _grid_of(of.get(community, []), address)
        for key, (community, address) in places.items()
    }
    return {key: grid for key, grid in grid_of.items() if grid is not None}


def _grid_of(grids: list[Grid], address: str | None) -> Grid | None:
    named = [
        (len(part), grid)
        for grid in grids
        for part in grid.addresses
        if address and part in address
    ]
    if named:
        return max(named, key=lambda pair: pair[0])[1]
    return grids[0] if len(grids) == 1 else None


def division_names(tx: Connection, codes: Iterable[str]) -> Mapping[str, str]:
    """The names of division codes; codes unknown are left out."""
    return dict(
        tx.exec_driver_sql(
            "SELECT code, name FROM division WHERE code = ANY (%s)", (list(codes),)
        ).all()
    )


_FILLING = frozenset({"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"})


def _best_first(contact: Contact) -> tuple[bool, int, int, str, str]:
    return (
        contact.stale,
        _POSTS.index(contact.post),
        _CHANNELS.index(contact.channel),
        contact.name,
        str(contact.id),
    )
