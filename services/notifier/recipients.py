"""Who is told of a task: pure functions over an organisation's contacts and those of its
superiors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

PORTAL = "portal"


@dataclass(frozen=True, slots=True)
class Contact:
    """One row of the register's contacts, without name and phone; `since` and `until` are inclusive
    days.
    """

    id: str
    channel: str
    email: str | None
    since: date | None
    until: date | None
    bounced: int


@dataclass(frozen=True, slots=True)
class Addressee:
    """An organisation with its contacts; `path` is its superiors' codes and its own, each followed
    by a dot.
    """

    code: str
    path: str
    contacts: tuple[Contact, ...]

    @property
    def superiors(self) -> list[str]:
        """Codes of the organisations above, the nearest first."""
        return self.path.split(".")[-3::-1]


@dataclass(frozen=True, slots=True)
class Recipient:
    """One addressee of a notice: a contact, or (`contact` None) the organisation's inbox in the
    portal.

    `because` says why it is not the organisation's own contact: `post_ended`, `bounced`,
    `undelivered`, `overdue`.
    """

    organisation: str
    path: str
    contact: str | None
    channel: str
    because: str | None = None


def channel_of(contact: Contact, channels: Collection[str]) -> str | None:
    """The channel that reaches a contact: the one asked for, else e-mail; None where neither is at
    hand.
    """
    if contact.channel == PORTAL:
        return PORTAL
    if contact.channel != "email" and contact.channel in channels:
        return contact.channel
    return "email" if "email" in channels and contact.email else None


def obstacle(
    contact: Contact, today: date, bounces_max: int, without: Collection[str] = ()
) -> str | None:
    """Why a contact cannot be written to today, or None."""
    if contact.until is not None and contact.until < today:
        return "post_ended"
    if contact.since is not None and contact.since > today:
        return "not_begun"
    if contact.bounced >= bounces_max:
        return "bounced"
    return "undelivered" if contact.id in without else None


def climbing(
    addressee: Addressee, today: date, bounces_max: int, without: Collection[str] = ()
) -> str | None:
    """Why the prompts of an organisation go one level up: it has contacts and none can be written
    to. Else None.

    An organisation for which no contact is loaded does not climb: its inbox in the portal stands.
    """
    obstacles = [obstacle(contact, today, bounces_max, without) for contact in addressee.contacts]
    if None in obstacles:
        return None
    for why in ("undelivered", "bounced", "post_ended"):
        if why in obstacles:
            return why
    return None


def recipients(
    addressee: Addressee,
    book: Mapping[str, Addressee],
    today: date,
    channels: Collection[str],
    bounces_max: int,
    without: Collection[str] = (),
) -> Sequence[Recipient]:
    """The inbox of the organisation and its current contacts; where none can be written to, those
    of the nearest superior that has one, with its inbox. `book` holds the superiors, `without`
    names contacts already tried in vain.
    """
    recipients = direct(addressee, today, channels, bounces_max, without)
    because = climbing(addressee, today, bounces_max, without)
    if because is None:
        return recipients
    for code in addressee.superiors:
        superior = book.get(code)
        if superior and climbing(superior, today, bounces_max, without) is None:
            return [
                *recipients,
                *direct(superior, today, channels, bounces_max, without, because),
            ]
    return recipients


def direct(
    addressee: Addressee,
    today: date,
    channels: Collection[str],
    bounces_max: int,
    without: Collection[str] = (),
    because: str | None = None,
) -> list[Recipient]:
    """The inbox of the organisation and those of its own contacts that can be written to."""
    recipients = [Recipient(addressee.code, addressee.path, None, PORTAL, because)]
    for contact in addressee.contacts:
        channel = channel_of(contact, channels)
        if channel not in (None, PORTAL) and obstacle(contact, today, bounces_max, without) is None:
            recipients.append(
                Recipient(addressee.code, addressee.path, contact.id, channel, because)
            )
    return recipients
