"""/healthz, /readyz and /metrics on a port of their own: of a process that serves no pages, or
beside its pages.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
from prometheus_client import REGISTRY, generate_latest

from services.kit.errors import Text, language_of

REQUEST_SECONDS_MAX = 10
Unready = Callable[[], Mapping[str, Text]]
SetAside = Callable[[], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Readiness:
    """What `/readyz` tells.

    `unready` says why parts do not work, in whatever process; `own` the same of this process alone;
    `set_aside` counts what waits on the dead-letter desk.
    """

    unready: Unready
    own: Unready | None = None
    set_aside: SetAside = dict

    def answer(self, language: str, own: bool = False) -> dict[str, Any]:
        """``{"ready", "unready": {part: sentence}, "set_aside"?}``; `own`: of this process
        alone.
        """
        asked = self.own if own and self.own else self.unready
        reasons = {part: words.in_language(language) for part, words in asked().items()}
        waiting = {} if "database" in reasons else self.set_aside()
        return {"ready": not reasons, "unready": reasons} | (
            {"set_aside": waiting} if waiting else {}
        )


def serve(
    port: int, unready: Unready | Readiness, host: str = "127.0.0.1"
) -> ThreadingHTTPServer | None:
    """Answers in a thread of its own; 0 means no port. `unready` says for each part why it does not
    work now.
    """
    if not port:
        return None
    readiness = unready if isinstance(unready, Readiness) else Readiness(unready)
    server = ThreadingHTTPServer((host, port), type("Health", (_Health,), {"readiness": readiness}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


class _Health(BaseHTTPRequestHandler):
    readiness: Readiness
    timeout = REQUEST_SECONDS_MAX

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/healthz":
            self._answer(200, "application/json", b'{"alive":true}')
        elif path == "/readyz":
            answer = self.readiness.answer(
                language_of(self.headers.get("Accept-Language")), "own=" in query
            )
            self._answer(200 if answer["ready"] else 503, "application/json", orjson.dumps(answer))
        elif path == "/metrics":
            self._answer(200, "text/plain; version=0.0.4; charset=utf-8", generate_latest(REGISTRY))
        else:
            self._answer(404, "application/json", b"{}")

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base names it so
        """Probes come every few seconds and are not worth a line."""
