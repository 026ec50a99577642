"""Under which names this service answers: a `Host` that is no name of a host, or not one of its
own, is refused.

Nothing is built from `Host` (printed links begin with GUIDUI_URL); this keeps it from reaching
whatever reads it.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from services.kit.errors import Refused, Text, language_of
from services.kit.web import problems

ALWAYS = frozenset({"/healthz", "/readyz"})  # probes ask by whatever address they have
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_BAD_HOST = Text("请求头 Host 不是合法的主机名。", "The header Host is no name of a host.")
_OTHER_HOST = Text(
    "本服务不用这个网址；请用管理员给的网址。",
    "This service does not answer under this name; use the address you were given.",
)


class Hosts:
    """ASGI middleware; `names` in lower case, none means any."""

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        self.app, self.names = app, frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refused(scope) if scope["type"] == "http" else None
        if refused is None:
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        language = language_of(headers.get(b"accept-language", b"").decode("latin-1"))
        await problems.response(refused, language, scope["trace_id"])(scope, receive, send)

    def _refused(self, scope: Scope) -> Refused | None:
        for name, value in scope["headers"]:
            if name != b"host":
                continue
            match = _HOST.fullmatch(value.decode("latin-1"))
            if match is None:
                return Refused(400, "bad-host", _BAD_HOST)
            if self.names and match[1].lower() not in self.names and scope["path"] not in ALWAYS:
                return Refused(421, "other-host", _OTHER_HOST)
        return None
