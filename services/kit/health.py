"""/healthz, /readyz and /metrics on a port of their own: of a process that serves no pages, or beside its pages."""
from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
from prometheus_client import REGISTRY, generate_latest

from services.kit.errors import Words, language_of

REQUEST_SECONDS_MAX = 10
Unready = Callable[[], Mapping[str, Words]]


def serve(port: int, unready: Unready, host: str = "127.0.0.1") -> ThreadingHTTPServer | None:
    """Answers in a thread of its own; 0 means no port. `unready` says for each part why it does not work now."""
    if not port:
        return None
    server = ThreadingHTTPServer((host, port), type("Health", (_Health,), {"unready": staticmethod(unready)}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


class _Health(BaseHTTPRequestHandler):
    unready: Unready
    timeout = REQUEST_SECONDS_MAX

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(200, "application/json", b'{"alive":true}')
        elif self.path == "/readyz":
            language = language_of(self.headers.get("Accept-Language"))
            reasons = {part: words.in_language(language) for part, words in self.unready().items()}
            body = orjson.dumps({"ready": not reasons, "unready": reasons})
            self._answer(503 if reasons else 200, "application/json", body)
        elif self.path == "/metrics":
            self._answer(200, "text/plain; version=0.0.4; charset=utf-8", generate_latest(REGISTRY))
        else:
            self._answer(404, "application/json", b"{}")

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Probes come every few seconds and are not worth a line."""
