"""JSON bodies: read within their bounds, then held to the model of the call.

A body is a dependency, not FastAPI's own: the caller is known before the first byte is read, no
more is read than the call may take, and what is wrong is refused in the call's own sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import orjson
from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import ClientDisconnect

from services.kit.errors import Refused, Text
from services.kit.web.well_formed import refuse_malformed

BODY_BYTES_MAX = 256 * 1024

_BAD_JSON = Text("请求内容不是合法的 JSON 对象。", "The body is not a valid JSON object.")
_TOO_LARGE = Text("请求内容过大。", "The body is too large.")
_CUT_OFF = Text(
    "内容没有传完连接就断了，什么都没有办理。",
    "The connection broke before the body was whole; nothing was done.",
)


class JsonBody(BaseModel):
    """What a call takes as JSON, each field in its type; a field that it does not know is passed
    over.

    ``needed`` are fields that a caller must give although the model lets them be left out: whoever
    acts on the body says what is missing, once it is known that the caller may act at all.
    """

    model_config = ConfigDict(strict=True)

    bytes_max: ClassVar[int] = BODY_BYTES_MAX
    needed: ClassVar[tuple[str, ...]] = ()
    problem: ClassVar[str] = "field-wrong"
    sentence: ClassVar[Text]

    @classmethod
    async def sent(cls, request: Request) -> Self:
        """The body of a request; raises Refused for one that is none."""
        return cls.read(await json_object(request, cls.bytes_max))

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """The body that a JSON object is; raises ``refusal`` of the first field that is wrong."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            field = str(error.errors()[0]["loc"][0])
            raise cls.refusal(field) from None

    @classmethod
    def refusal(cls, field: str) -> Refused:
        """What a wrong field is answered with."""
        return Refused(422, cls.problem, cls.sentence, field=field)

    @classmethod
    def described(cls) -> dict[str, Any]:
        """The JSON schema of the body, without references."""
        schema = cls.model_json_schema()
        required = {*schema.get("required", ()), *cls.needed}
        schema["required"] = [name for name in schema["properties"] if name in required]
        return schema


def takes(schema: Mapping[str, Any]) -> dict[str, Any]:
    """``openapi_extra`` of a route that reads JSON of this schema."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def json_object(request: Request, bytes_max: int = BODY_BYTES_MAX) -> dict[str, Any]:
    """The JSON object that a request brings; raises Refused for anything else."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > bytes_max:
                raise Refused(413, "content-too-large", _TOO_LARGE)
    except ClientDisconnect:
        raise Refused(400, "cut-off", _CUT_OFF) from None
    try:
        given = orjson.loads(bytes(body))
    except orjson.JSONDecodeError:
        raise Refused(400, "bad-json", _BAD_JSON) from None
    if not isinstance(given, dict):
        raise Refused(422, "bad-json", _BAD_JSON)
    refuse_malformed(given)
    return given
