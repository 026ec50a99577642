"""What one connection may take: uvicorn's HTTP protocol with bounds on the head, the body's pace
and the connections.

uvicorn itself bounds none of them: a header of 100 MB is collected, a half-sent request waits for
ever. Refusals are problems (RFC 9457) in both languages, since nothing is known yet of whoever
asks. How each bound is set stands in docs/operating.md.
"""

from __future__ import annotations

import http
import secrets
import time
from asyncio import TimerHandle, Transport

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.kit.errors import Text
from services.kit.limits import Limits

REQUEST_LINE_BYTES_MAX = 8_192
HEADERS_MAX = 100
BODY_BYTES_PER_SECOND_MIN = 8_192
CHECK_SECONDS = 1.0
PIECE_BYTES = 16_384

_FAULTS = {
    400: Text("请求不成形，无法读取。", "The request is malformed and cannot be read."),
    408: Text(
        "请求没有在规定时间内传完，什么都没有办理。",
        "The request did not come in time; nothing was done.",
    ),
    414: Text("网址过长。", "The address is too long."),
    431: Text("请求头过大或过多。", "The request's headers are too large or too many."),
    503: Text("连接过多，请稍后再试。", "There are too many connections; try again in a moment."),
}


class _TooMuch(Exception):
    """Ends the parser from within one of its callbacks."""


def protocol(limits: Limits = Limits()) -> type[HttpToolsProtocol]:
    """The protocol class for `uvicorn.Config(http=…)`."""
    return type("Bounded", (_Bounded,), {"limits": limits})


class _Bounded(HttpToolsProtocol):
    limits: Limits

    def connection_made(self, transport: Transport) -> None:
        super().connection_made(transport)
        self._opened_at = time.monotonic()
        self._status = 400
        self._head_bytes = 0
        self._reading: str | None = None
        self._begun_at = self._opened_at
        self._body_bytes = 0
        self._timer: TimerHandle | None = None
        self._unsent: TimerHandle | None = None
        self._await("head")
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._await(None)
        self._sent_on()
        super().connection_lost(exc)

    def _make_room(self) -> None:
        """Where there are too many connections, the oldest that has no whole request yet gives
        way.
        """
        if len(self.connections) <= self.limits.connections:
            return
        others = [
            connection
            for connection in self.connections
            if isinstance(connection, _Bounded)
            and connection is not self
            and connection.gives_way()
        ]
        if others:
            min(others, key=lambda connection: connection._opened_at).transport.abort()
        else:
            self._refuse(503)

    def gives_way(self) -> bool:
        """Whether nothing is lost by ending this connection: no request of it is being worked
        on.
        """
        return self._reading is not None or self.cycle is None or self.cycle.response_complete

    # what comes in

    def data_received(self, data: bytes) -> None:
        while data and not self.transport.is_closing():
            piece, data = data[:PIECE_BYTES], data[PIECE_BYTES:]
            if self._reading is None and self.cycle is not None and self.cycle.response_complete:
                self._await("head")
            if self._reading != "body":
                self._head_bytes += len(piece)
            super().data_received(piece)
            if self._reading != "body" and self._head_bytes > self.limits.head_bytes:
                self._refuse(431)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await("head")

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > REQUEST_LINE_BYTES_MAX:
            self._status = 414
            raise _TooMuch

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > HEADERS_MAX:
            self._status = 431
            raise _TooMuch

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        self._await("body")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._await(None)
        super().on_message_complete()

    # what is waited for

    def _await(self, what: str | None) -> None:
        """Waits for the rest of a head or a body; None: for nothing, the request is whole."""
        if what == self._reading:
            return
        self._reading, self._begun_at, self._body_bytes = what, time.monotonic(), 0
        if what is not None and self._timer is None:
            self._timer = self.loop.call_later(CHECK_SECONDS, self._check)

    def _check(self) -> None:
        self._timer = None
        if self.transport.is_closing() or self._reading is None:
            return
        if (
            self._reading == "body" and self.flow.read_paused
        ):  # it is we who do not read: that time does not count
            self._begun_at += CHECK_SECONDS
        if self._late():
            self._refuse(408)
        else:
            self._timer = self.loop.call_later(CHECK_SECONDS, self._check)

    def _late(self) -> bool:
        since = time.monotonic() - self._begun_at
        if self._reading == "head":
            return since > self.limits.head_seconds
        return since > self.limits.body_seconds + self._body_bytes / BODY_BYTES_PER_SECOND_MIN

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unsent is None:
            self._unsent = self.loop.call_later(self.limits.body_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._sent_on()
        super().resume_writing()

    def _sent_on(self) -> None:
        if self._unsent is not None:
            self._unsent.cancel()
            self._unsent = None

    # what is answered

    def _refuse(self, status: int) -> None:
        self._status = status
        self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        """Refuses as a problem and closes; says nothing where an answer has begun."""
        if self.transport.is_closing():
            return
        if self._reading == "body" and self.cycle is not None and self.cycle.response_started:
            self.transport.abort()
            return
        words, phrase = _FAULTS[self._status], http.HTTPStatus(self._status).phrase
        body = orjson.dumps(
            {
                "type": "urn:guidui:problem:" + phrase.lower().replace(" ", "-"),
                "title": phrase,
                "status": self._status,
                "detail": f"{words.zh} {words.en}",
                "trace_id": secrets.token_hex(16),
            }
        )
        head = (
            f"HTTP/1.1 {self._status} {phrase}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(head.encode() + body)
        self.transport.close()
