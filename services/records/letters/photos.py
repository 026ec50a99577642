"""Photos and scans of paper receipts: only what is seen on them, nothing else that the file held, beside their counterfoil."""
from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from PIL import Image, ImageOps
from sqlalchemy import Connection

from services.kit.db import rows
from services.kit.errors import Refused, Words
from services.records.letters import scans
from services.records.letters.scans import PIXELS_MAX

JPEG, PDF = "image/jpeg", "application/pdf"
SIDE_MAX = 2480  # pixels: A4 at 300 dots per inch is 2480 × 3508
_NOT_A_PICTURE = Words("这不是照片或扫描件。请上传 JPG、PNG 或 PDF。", "This is no photo or scan. Upload a JPG, PNG or PDF.")
_TOO_LARGE = Words("图片尺寸过大，请用普通照片质量重拍或缩小后再传。", "The picture has too many pixels; make it smaller.")
_NO_PHOTO = Words("没有这张回执照片。", "There is no such photo.")


def cleaned(content: bytes) -> tuple[str, bytes]:
    """(type, content) of a photo or scan, drawn anew; raises Refused 422 where it is none."""
    return (PDF, scans.bare(content)) if scans.is_pdf(content) else (JPEG, picture_of(content))


def picture_of(content: bytes) -> bytes:
    """The picture as a new JPEG, upright, at most A4 at 300 dpi, without metadata. Raises Refused 422 if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as picture:
                if picture.width * picture.height > PIXELS_MAX:
                    raise Refused(422, "picture-too-large", _TOO_LARGE, field="file")
                upright = ImageOps.exif_transpose(picture).convert("RGB")
    except Refused:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise Refused(422, "picture-too-large", _TOO_LARGE, field="file") from None
    except Exception as error:  # a broken picture may fail in any way within its decoder
        raise Refused(422, "not-a-picture", _NOT_A_PICTURE, field="file") from error
    upright.thumbnail((SIDE_MAX, SIDE_MAX * 297 // 210))
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=85, optimize=True)
    return out.getvalue()


def file_photo(tx: Connection, organisation: str, number: str, case_id: str, cleaned: tuple[str, bytes], by: str,
               person: str | None, now: datetime) -> UUID:
    """Keeps a cleaned photo or scan with its counterfoil. ``tx`` acts as the worker."""
    ident = uuid4()
    tx.exec_driver_sql(
        """INSERT INTO receipt_photo (id, organisation, number, case_id, type, content, by_organisation, by_person, at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (ident, organisation, number, case_id, *cleaned, by, person, now))
    return ident


def bind(tx: Connection, case_id: str, ident: str, seq: int) -> None:
    """Says which row of the case's history a photo is the evidence of, once and for good. ``tx`` acts as the worker.

    404 where the case has no such photo, or it is the evidence of another row.
    """
    bound = tx.exec_driver_sql("UPDATE receipt_photo SET seq = %s WHERE id = %s AND case_id = %s::uuid AND seq IS NULL",
                               (seq, _key(ident), case_id)).rowcount
    if not bound:
        raise Refused(404, "no-such-photo", _NO_PHOTO)


def photos(tx: Connection, case_id: str) -> Sequence[Mapping[str, Any]]:
    """The photos of a case that this transaction sees: id, number, type, by_organisation, by_person, at, and the
    ``seq`` of the row of history that each is the evidence of."""
    return rows(tx, """SELECT id, number, type, by_organisation, by_person, at, seq FROM receipt_photo
                       WHERE case_id = CAST(:id AS uuid) ORDER BY at, id""", {"id": case_id})


def photo(tx: Connection, case_id: str, ident: str) -> tuple[str, bytes]:
    """(type, content) of one photo; raises Refused 404 where this transaction does not see it."""
    found = rows(tx, """SELECT type, content FROM receipt_photo
                        WHERE id = CAST(:id AS uuid) AND case_id = CAST(:case AS uuid)""", {"id": _key(ident), "case": case_id})
    if not found:
        raise Refused(404, "no-such-photo", _NO_PHOTO)
    return found[0].type, bytes(found[0].content)


def shown(tx: Connection, case_id: str, ident: str) -> bytes | None:
    """What a page shows of a photo, or of the first page of a scan: a JPEG; None for a PDF that is no picture."""
    kind, content = photo(tx, case_id, ident)
    if kind != PDF:
        return content
    picture = scans.first_picture(content)
    return picture_of(picture) if picture else None


def _key(ident: str) -> str:
    try:
        return str(UUID(ident))
    except ValueError:
        raise Refused(404, "no-such-photo", _NO_PHOTO) from None
