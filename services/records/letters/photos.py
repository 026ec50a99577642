"""Photos of paper receipts: only pictures, without what a camera adds about place and person, beside their counterfoil."""
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

SIDE_MAX = 2480  # pixels: A4 at 300 dots per inch is 2480 × 3508
PIXELS_MAX = 60_000_000
_NOT_A_PICTURE = Words("这不是照片或扫描图片。请上传 JPG 或 PNG；扫描成 PDF 的请另存为 JPG。",
                       "This is no photo or scan. Upload a JPG or PNG; save a PDF scan as JPG first.")
_TOO_LARGE = Words("图片尺寸过大，请用普通照片质量重拍或缩小后再传。", "The picture has too many pixels; make it smaller.")
_NO_PHOTO = Words("没有这张回执照片。", "There is no such photo.")


def cleaned(content: bytes) -> bytes:
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


def file_photo(tx: Connection, organisation: str, number: str, case_id: str, picture: bytes, by: str,
               person: str | None, now: datetime) -> UUID:
    """Keeps a cleaned picture with its counterfoil. ``tx`` acts as the worker."""
    ident = uuid4()
    tx.exec_driver_sql(
        """INSERT INTO receipt_photo (id, organisation, number, case_id, type, content, by_organisation, by_person, at)
           VALUES (%s, %s, %s, %s, 'image/jpeg', %s, %s, %s, %s)""",
        (ident, organisation, number, case_id, picture, by, person, now))
    return ident


def photos(tx: Connection, case_id: str) -> Sequence[Mapping[str, Any]]:
    """The photos of a case that this transaction sees: id, number, by_organisation, by_person, at."""
    return rows(tx, """SELECT id, number, by_organisation, by_person, at FROM receipt_photo
                       WHERE case_id = CAST(:id AS uuid) ORDER BY at, id""", {"id": case_id})


def photo(tx: Connection, case_id: str, ident: str) -> tuple[str, bytes]:
    """(type, content) of one photo; raises Refused 404 where this transaction does not see it."""
    try:
        key = str(UUID(ident))
    except ValueError:
        raise Refused(404, "no-such-photo", _NO_PHOTO) from None
    found = rows(tx, """SELECT type, content FROM receipt_photo
                        WHERE id = CAST(:id AS uuid) AND case_id = CAST(:case AS uuid)""", {"id": key, "case": case_id})
    if not found:
        raise Refused(404, "no-such-photo", _NO_PHOTO)
    return found[0].type, bytes(found[0].content)
