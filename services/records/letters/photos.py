"""Photos and scans of paper receipts: only what is seen on them, nothing else that the file held,
beside their counterfoil.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Connection

from services.kit.db.engine import Record, rows
from services.kit.errors import Refused, Text
from services.records.letters.papers import Counterfoil

_NO_PHOTO = Text("没有这张回执照片。", "There is no such photo.")
_FILE = """
INSERT INTO receipt_photo (id, organisation, number, case_id, type, content, by_organisation,
    by_person, at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_PHOTOS = """
SELECT id, number, type, by_organisation, by_person, at, seq FROM receipt_photo
WHERE case_id = CAST(:case AS uuid) ORDER BY at, id"""
_PHOTO = """
SELECT type, content FROM receipt_photo
WHERE id = CAST(:id AS uuid) AND case_id = CAST(:case AS uuid)"""


def file_photo(
    tx: Connection,
    counterfoil: Counterfoil,
    cleaned: tuple[str, bytes],
    by: str,
    person: str | None,
    now: datetime,
) -> UUID:
    """Keeps a cleaned photo or scan (its type and content) with its counterfoil. ``tx`` acts as the
    worker.
    """
    photo_id = uuid4()
    tx.exec_driver_sql(_FILE, (photo_id, *counterfoil, *cleaned, by, person, now))
    return photo_id


def bind(tx: Connection, case_id: str, ident: str, seq: int) -> None:
    """Says which row of the case's history a photo is the evidence of, once and for good. ``tx``
    acts as the worker.

    404 where the case has no such photo, or it is the evidence of another row.
    """
    bound = tx.exec_driver_sql(
        "UPDATE receipt_photo SET seq = %s WHERE id = %s AND case_id = %s::uuid AND seq IS NULL",
        (seq, _key(ident), case_id),
    ).rowcount
    if not bound:
        raise Refused(404, "no-such-photo", _NO_PHOTO)


def photos(tx: Connection, case_id: str) -> Sequence[Record]:
    """The photos of a case that this transaction sees: id, number, type, by_organisation,
    by_person, at, and the ``seq`` of the row of history that each is the evidence of.
    """
    return rows(tx, _PHOTOS, {"case": case_id})


def photo(tx: Connection, case_id: str, ident: str) -> tuple[str, bytes]:
    """(type, content) of one photo; raises Refused 404 where this transaction does not see it."""
    kept = rows(tx, _PHOTO, {"id": _key(ident), "case": case_id})
    if not kept:
        raise Refused(404, "no-such-photo", _NO_PHOTO)
    return kept[0].type, bytes(kept[0].content)


def _key(ident: str) -> str:
    try:
        return str(UUID(ident))
    except ValueError:
        raise Refused(404, "no-such-photo", _NO_PHOTO) from None
