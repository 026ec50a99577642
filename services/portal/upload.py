"""A form with a file, or a file alone: the fields and the content in memory, each within its
limit.
"""

from __future__ import annotations

from typing import NamedTuple

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect

from services.kit.errors import Refused, Text
from services.portal.page import Form, form_of

FILE_BYTES_MAX = 8 << 20
SIZE_DIGITS_MAX = 18
_TOO_LARGE = Text(
    "文件超过 8 MB，什么都没有保存；请按支部分开上传。",
    "The file is larger than 8 MB and nothing was kept; upload it in parts.",
)
_BROKEN = Text(
    "文件没有传完整，什么都没有保存，请再传一次。",
    "The upload was not whole; nothing was kept. Send it again.",
)
_CUT_OFF = Text(
    "内容没有传完连接就断了，什么都没有保存。",
    "The connection broke before the body was whole; nothing was kept.",
)
_NO_LENGTH = Text(
    "请求没有说明大小（Content-Length）。", "The request does not state its size (Content-Length)."
)


class Upload(NamedTuple):
    """What a form with a file brought; ``content`` is empty where no file was chosen."""

    form: Form
    name: str
    content: bytes


def check_size(request: Request) -> None:
    """Raises Refused where the body is larger than a file may be, or does not say how large it
    is.
    """
    size = request.headers.get("content-length", "")
    if not (size.isascii() and size.isdigit()):
        raise Refused(411, "length-required", _NO_LENGTH)
    if len(size) > SIZE_DIGITS_MAX or int(size) > FILE_BYTES_MAX + 64 * 1024:
        raise Refused(413, "content-too-large", _TOO_LARGE)


async def read_upload(request: Request) -> Upload:
    """The fields and the file ``file`` of a multipart form."""
    check_size(request)
    fields, name, content = [], "", b""
    try:
        async with request.form(max_files=1, max_fields=20) as form:
            for key, value in form.multi_items():
                if isinstance(value, UploadFile):
                    name, content = value.filename or "", await value.read()
                else:
                    fields.append((key, value))
    except (MultiPartException, HTTPException, ClientDisconnect, KeyError, ValueError):
        raise Refused(
            400, "bad-form", _BROKEN
        ) from None  # no boundary, a part without a name, cut off, no text
    return Upload(form_of(fields), "".join(c for c in name if c >= " ")[:200], content)


async def read_body(request: Request, too_large: Text) -> bytes:
    """The body as it is, a file sent by a system; Refused 413 with ``too_large`` where it is larger
    than a file may be.
    """
    check_size(request)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > FILE_BYTES_MAX:
                raise Refused(413, "content-too-large", too_large)
    except ClientDisconnect:
        raise Refused(400, "cut-off", _CUT_OFF) from None
    return bytes(body)
