"""Photos and scans of paper receipts, cleaned: drawn anew in a process of its own, so that only
what is seen is kept.
"""

from __future__ import annotations

from services.kit import confined
from services.kit.errors import Refused, Text

JPEG, PDF = "image/jpeg", "application/pdf"
BYTES_MAX = 8 << 20
_DRAWN = "services.records.letters.drawn"
_TOO_HEAVY = Text(
    "这份文件展开后过大或过于复杂，没有读，什么都没有保存。请用普通质量重新拍照或扫描后再传。",
    "This file unpacks to too much and was not read; nothing was kept. Take the photo or scan "
    "again at ordinary quality.",
)


def is_pdf(content: bytes) -> bool:
    """Whether the bytes claim to be a PDF."""
    return b"%PDF-" in content[:1024]


def cleaned(content: bytes) -> tuple[str, bytes]:
    """(type, content) of a photo or scan, drawn anew; raises Refused 422 where it is none, 503
    where too many are read.
    """
    if is_pdf(content):
        return PDF, _drawn("scan", content)
    return JPEG, _drawn("picture", content)


def first_page(content: bytes) -> bytes:
    """What is seen on the first page of a kept PDF: a JPEG."""
    return _drawn("first_page", content)


def _drawn(how: str, content: bytes) -> bytes:
    try:
        drawn = confined.read(f"{_DRAWN}:{how}", content)
    except confined.Exhausted as exhausted:
        raise Refused(422, "file-too-heavy", _TOO_HEAVY, field="file") from exhausted
    if len(drawn) > BYTES_MAX:
        raise Refused(422, "file-too-heavy", _TOO_HEAVY, field="file")
    return drawn
