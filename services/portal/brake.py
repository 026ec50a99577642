"""The brake on guessing passwords: a delay that grows and never becomes a lock.

A try is counted before its password is looked at, in one statement, so that many at once are
counted one after the other. It counts for the name from this network, for the name from anywhere,
for the network, and for everybody; the last three slow down gently, because those who share a name
or a network with a stranger must still get in. A browser that has signed in with the account before
is counted by itself alone: strangers do not hold it up.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from uuid import UUID

from sqlalchemy import Connection

from services.kit.crypto import hmac_token, key_hash
from services.kit.db.engine import dumps, rows

WINDOW = timedelta(minutes=15)  # without a try a count begins anew
DEVICE_KNOWN = timedelta(days=180)
KEPT = timedelta(days=1)
_PREFIX_BITS = {4: 24, 6: 64}  # what one household or office usually has


@dataclass(frozen=True, slots=True)
class Pace:
    """After the `free`th try the next waits `first` seconds; later ones times `factor`, plus
    `step`; `most` at most.
    """

    free: int
    first: float
    factor: float
    step: float
    most: float


NAME_HERE = Pace(free=5, first=2, factor=2, step=0, most=300)
NAME_ANYWHERE = Pace(free=30, first=1, factor=1, step=1, most=30)
NETWORK = Pace(free=100, first=0.2, factor=1, step=0.2, most=10)
EVERYBODY = Pace(free=1000, first=0.05, factor=1, step=0.01, most=2)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who is tried, from where; `device` is the cookie of a browser that signed in before, if it
    sent one.
    """

    organisation: str
    name: str
    address: str
    device: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """A try that was counted: the seconds to wait (0: look at the password), and what a success
    takes back.
    """

    wait: float
    own: str
    shared: tuple[str, ...]


def network_of(address: str) -> str:
    """The network an address lies in: 24 bits of IPv4, 64 of IPv6; the text itself where it is no
    address.
    """
    try:
        bits = _PREFIX_BITS[ip_address(address).version]
        return str(ip_network(f"{address}/{bits}", strict=False))
    except ValueError:
        return address


def take_turn(tx: Connection, secret: bytes, attempt: Attempt, now: datetime) -> Turn:
    """Counts a try, or says how long to wait; the caller commits before it looks at the
    password.
    """

    def subject(*parts: str) -> str:
        return hmac_token(secret, "sign-in:" + "\n".join(parts))

    name = (attempt.organisation, attempt.name)
    network = network_of(attempt.address)
    known = _known_device(tx, attempt, now)
    own = subject("device", *name, known) if known else subject("name here", *name, network)
    paces = {own: NAME_HERE}
    if not known:
        paces[subject("name", *name)] = NAME_ANYWHERE
        paces[subject("network", network)] = NETWORK
        paces[subject("everybody")] = EVERYBODY
    wait = tx.exec_driver_sql(
        "SELECT sign_in_turn(%s::json, %s, %s)",
        (
            dumps([{"subject": subject, **asdict(pace)} for subject, pace in paces.items()]),
            now,
            WINDOW,
        ),
    ).scalar_one()
    return Turn(wait, own, tuple(subject for subject in paces if subject != own))


def take_back(tx: Connection, turn: Turn) -> None:
    """The password was right: the name's own count ends, the shared ones forget this try."""
    tx.exec_driver_sql("DELETE FROM sign_in_brake WHERE subject = %s", (turn.own,))
    for subject in sorted(turn.shared):
        tx.exec_driver_sql(
            "UPDATE sign_in_brake SET tries = greatest(tries - 1, 0) WHERE subject = %s", (subject,)
        )


def remember_device(tx: Connection, account: UUID, before: str, fresh: str, now: datetime) -> None:
    """The browser of `account` is known by the cookie `fresh` from now on; what it had before is
    worth nothing.
    """
    if before:
        tx.exec_driver_sql(
            "UPDATE known_device SET token_hash = %s WHERE token_hash = %s",
            (key_hash(fresh), key_hash(before)),
        )
    tx.exec_driver_sql(
        """INSERT INTO known_device (token_hash, account, seen_at) VALUES (%s, %s, %s)
        ON CONFLICT (token_hash, account) DO UPDATE SET seen_at = excluded.seen_at""",
        (key_hash(fresh), account, now),
    )


def forget_devices(tx: Connection, account: UUID) -> None:
    """No browser is known to the account any more."""
    tx.exec_driver_sql("DELETE FROM known_device WHERE account = %s", (account,))


def forget_old(tx: Connection, now: datetime) -> int:
    """Removes counts of yesterday and devices of long ago; returns how many rows."""
    counts = tx.exec_driver_sql(
        "DELETE FROM sign_in_brake WHERE last_at < %s", (now - KEPT,)
    ).rowcount
    devices = tx.exec_driver_sql(
        "DELETE FROM known_device WHERE seen_at < %s", (now - DEVICE_KNOWN,)
    ).rowcount
    return counts + devices


def _known_device(tx: Connection, attempt: Attempt, now: datetime) -> str:
    """The hash of the device's cookie where the account that is tried has signed in with it, else
    ''.
    """
    brakes = rows(
        tx,
        """SELECT d.token_hash FROM known_device d JOIN account a ON a.id = d.account
        WHERE d.token_hash = :device AND a.name = :name AND d.seen_at > :since
          AND a.organisation IS NOT DISTINCT FROM CAST(:organisation AS text)""",
        {
            "device": key_hash(attempt.device),
            "name": attempt.name,
            "since": now - DEVICE_KNOWN,
            "organisation": attempt.organisation or None,
        },
    )
    return brakes[0].token_hash if brakes else ""
