"""Identity numbers that a sender may not send: HMACs with a key agreed with that sender, stored for
every member.

``token = HMAC-SHA-256(key, number)`` in 64 small hexadecimal digits, where ``key`` is the 32 bytes
agreed and ``number`` the 18 characters in ASCII, capital X (an old number of 15 digits converted
first). A token leads to a member as a valid number does, and tells nothing to whoever lacks the
key.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from services.identity.id_numbers import parse_id_number
from services.kit.errors import Refused, Text
from services.registry.upsert import copy

PREFIX = "tk:"
BATCH = 20_000
_NO_ORGANISATION = Text(
    "没有这个代码的组织；请先导入组织表。", "No organisation has this code; load it first."
)


def token_of(key: bytes, number: object) -> str | None:
    """The token of an identity number; None where it is not valid: a damaged number must not be
    hidden.
    """
    parsed = parse_id_number(number)
    if not parsed.valid or parsed.text is None:
        return None
    return hmac.new(key, parsed.text.encode("ascii"), hashlib.sha256).hexdigest()


def token_key(organisation: str, token: str) -> str:
    """The blocking key under which a sender's token is looked up."""
    return f"{PREFIX}{organisation}:{token}"


def agreed(tx: Connection) -> dict[str, bytes]:
    """Organisation -> the key agreed with it."""
    return {
        row[0]: bytes(row[1])
        for row in tx.exec_driver_sql("SELECT organisation, key FROM token_key")
    }


def tokens_of(record: Any, keys: Mapping[str, bytes]) -> Iterator[str]:
    """The blocking keys of a member's number, one for each sender with a key."""
    for organisation, key in keys.items():
        if token := token_of(key, record):
            yield token_key(organisation, token)


def agree(tx: Connection, organisation: str, at: datetime) -> str:
    """Agrees a new key with an organisation (an earlier one ends) and computes every member's token
    with it.

    Returns the key in hexadecimal; it is for the sender alone.
    """
    key = secrets.token_bytes(32)
    end(tx, organisation)
    made = tx.exec_driver_sql(
        """INSERT INTO token_key (organisation, path, key, agreed_at)
           SELECT code, path, %s, %s FROM organisation WHERE code = %s RETURNING organisation""",
        (key, at, organisation),
    ).first()
    if made is None:
        raise Refused(422, "unknown-organisation", _NO_ORGANISATION)
    last = ""
    while True:
        members = tx.exec_driver_sql(
            "SELECT member, id_number FROM member WHERE member > %s AND id_number IS NOT NULL "
            "ORDER BY member LIMIT %s",
            (last, BATCH),
        ).all()
        if not members:
            return key.hex()
        store(
            tx,
            (
                (token, row.member)
                for row in members
                for token in tokens_of(row.id_number, {organisation: key})
            ),
        )
        last = members[-1].member


def end(tx: Connection, organisation: str) -> bool:
    """Ends the key of an organisation and forgets the tokens made with it; False where there was
    none.
    """
    tx.exec_driver_sql(
        "DELETE FROM member_key WHERE key ~>=~ %s AND key ~<~ %s",
        (token_key(organisation, ""), token_key(organisation, "g")),
    )
    return (
        tx.exec_driver_sql(
            "DELETE FROM token_key WHERE organisation = %s RETURNING 1", (organisation,)
        ).first()
        is not None
    )


def store(tx: Connection, pairs: Iterable[Sequence[str]]) -> None:
    """Adds (key, member) pairs to the blocking keys."""
    tx.exec_driver_sql(
        "CREATE TEMP TABLE IF NOT EXISTS load_member_key (key text, member text) ON COMMIT DELETE "
        "ROWS"
    )
    copy(tx, "load_member_key", ("key", "member"), pairs)
    tx.exec_driver_sql(
        "INSERT INTO member_key SELECT key, member FROM load_member_key ORDER BY key "
        "ON CONFLICT (key, member) DO NOTHING"
    )
    tx.exec_driver_sql("DELETE FROM load_member_key")
