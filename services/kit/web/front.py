"""One public HTTP address in front of several processes: hands each request to the one its path
belongs to.

    python -m services.kit.web.front 127.0.0.1:8000 /v1/events=127.0.0.1:8001 /=127.0.0.1:8002

HTTP/1.1 with keep-alive on both sides; bodies are passed on as they come. It holds no state: killed
and started again it goes on. A process that is away is answered for with 503 and `Retry-After`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus

import uvloop

from services.kit.settings import Settings
from services.kit.web.proxies import Trusted

HEAD_BYTES_MAX = 32_768
HEADERS_MAX = 100
LENGTH_DIGITS_MAX = 15
PIECE_BYTES = 65_536
HEAD_SECONDS_MAX = 15
IDLE_SECONDS_MAX = 75
CONNECTIONS_MAX = 1_000
# Headers of one hop, and what only the front may say of the client.
DROPPED = (b"expect", b"connection", b"keep-alive", b"x-forwarded-for", b"x-forwarded-proto")
Address = tuple[str, int]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class BadRequest(Exception):
    """The request cannot be passed on safely."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


class Head:
    """First line and headers of a request or an answer."""

    def __init__(self, raw: bytes) -> None:
        lines = raw[:-4].split(b"\r\n")
        self.first = lines[0]
        if len(lines) > HEADERS_MAX + 1:
            raise BadRequest("too many headers", 431)
        self.headers = [self._split(line) for line in lines[1:]]

    @staticmethod
    def _split(line: bytes) -> tuple[bytes, bytes]:
        name, colon, value = line.partition(b":")
        if not colon or name != name.strip() or not name:
            raise BadRequest("a malformed header line")
        return name, value.strip()

    def values(self, name: bytes) -> list[bytes]:
        return [value for field, value in self.headers if field.lower() == name]

    def length(self) -> int | None:
        """Bytes of the body, None if it is chunked; two ways to tell at once are an attack and
        refused.
        """
        lengths, coding = set(self.values(b"content-length")), self.values(b"transfer-encoding")
        if (
            (lengths and coding)
            or len(lengths) > 1
            or any(coding_name.lower() != b"chunked" for coding_name in coding)
            or len(coding) > 1
        ):
            raise BadRequest("a body of unclear length")
        if coding:
            return None
        length = lengths.pop() if lengths else b"0"
        if not length.isdigit() or len(length) > LENGTH_DIGITS_MAX:
            raise BadRequest("a body of unclear length")
        return int(length)

    def closes(self) -> bool:
        connection = b",".join(self.values(b"connection")).lower()
        return b"close" in connection or (
            b"HTTP/1.0" in self.first and b"keep-alive" not in connection
        )

    def passed_on(self, extra: Sequence[tuple[bytes, bytes]]) -> bytes:
        kept = [(name, value) for name, value in self.headers if name.lower() not in DROPPED]
        return (
            b"\r\n".join([self.first, *(name + b": " + value for name, value in [*kept, *extra])])
            + b"\r\n\r\n"
        )


class Front:
    """Routes are (path prefix, host and port of the process), the longest prefix wins."""

    def __init__(
        self, routes: Sequence[tuple[str, Address]], trusted: Trusted | None = None
    ) -> None:
        self.trusted = trusted or Trusted("")
        self.routes = sorted(
            ((prefix.encode(), to) for prefix, to in routes), key=lambda route: -len(route[0])
        )

        self.connections_max = CONNECTIONS_MAX
        self.open = 0
        self._waiting: dict[
            asyncio.StreamWriter, None
        ] = {}  # those without a whole head, the oldest first

    def address_of(self, path: bytes) -> Address:
        path = path.split(b"?")[0]
        for prefix, to in self.routes:
            if prefix == b"/" or path == prefix or path.startswith(prefix + b"/"):
                return to
        raise BadRequest("a path of nobody")

    def _of_the_client(self, head: Head, peer: str) -> list[tuple[bytes, bytes]]:
        """What the front says of the client: it believes only the proxies that it was told of."""
        forwarded_for = [value.decode("latin-1") for value in head.values(b"x-forwarded-for")]
        headers = [
            (b"X-Forwarded-For", self.trusted.forwarded(peer, forwarded_for).encode("latin-1"))
        ]
        if peer in self.trusted:
            headers += [
                (b"X-Forwarded-Proto", value) for value in head.values(b"x-forwarded-proto")[-1:]
            ]
        return headers

    async def serve(self, at: Address) -> None:
        server = await asyncio.start_server(self.client, *at, limit=HEAD_BYTES_MAX, backlog=1024)
        async with server:
            await server.serve_forever()

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection: request after request, each with its process's own
        connection.
        """
        behind: dict[Address, Streams] = {}
        self.open += 1
        try:
            self._make_room()
            while await self._one(reader, writer, behind):
                pass
        except (
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            TimeoutError,
            ConnectionError,
            OSError,
        ):
            pass
        except BadRequest as fault:
            await _say(writer, fault.status, str(fault))
        finally:
            self.open -= 1
            for _, other in behind.values():
                other.close()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _one(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        behind: dict[Address, Streams],
    ) -> bool:
        head = Head(await self._head(reader, writer))
        method, _, rest = head.first.partition(b" ")
        length = head.length()
        to = self.address_of(rest.partition(b" ")[0])
        try:
            upstream, to_upstream = await _connected(behind, to)
        except OSError:
            await _say(writer, 503, "this part of guidui is being started; try again in a moment")
            return False
        to_upstream.write(
            head.passed_on(self._of_the_client(head, writer.get_extra_info("peername")[0]))
        )
        if b"100-continue" in b"".join(head.values(b"expect")).lower():
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        sending = asyncio.create_task(_pass_body(reader, to_upstream, length))
        try:
            try:
                answer = await _answer_head(upstream)
            except (asyncio.IncompleteReadError, ConnectionError, BadRequest):
                await _say(
                    writer, 502, "this part of guidui ended while it answered; it may have acted"
                )
                return False
            again = await _pass_answer(answer, upstream, writer, method)
        finally:
            whole = sending.done() and not sending.cancelled() and sending.exception() is None
            sending.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await sending
        return again and whole and not head.closes()

    def _make_room(self) -> None:
        """Where there are too many connections, the oldest that has no whole head yet gives way."""
        if self.open <= self.connections_max:
            return
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            raise BadRequest("there are too many connections; try again in a moment", 503)
        del self._waiting[oldest]
        oldest.transport.abort()

    async def _head(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """The next head; it may begin late, but must then come soon."""
        self._waiting[writer] = None
        try:
            first = await asyncio.wait_for(reader.readexactly(1), IDLE_SECONDS_MAX)
            try:
                rest = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS_MAX)
            except TimeoutError:
                raise BadRequest("the request did not come in time", 408) from None
            except asyncio.LimitOverrunError:
                raise BadRequest("the headers are too large", 431) from None
        finally:
            self._waiting.pop(writer, None)
        return first + rest


async def _connected(behind: dict[Address, Streams], to: Address) -> Streams:
    known = behind.get(to)
    if known and not known[0].at_eof() and not known[1].is_closing():
        return known
    behind[to] = await asyncio.open_connection(*to, limit=HEAD_BYTES_MAX)
    return behind[to]


async def _pass_body(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, length: int | None
) -> None:
    if length is None:
        await _pass_chunks(source, target)
        return
    while length:
        piece = await source.read(min(length, PIECE_BYTES))
        if not piece:
            raise asyncio.IncompleteReadError(b"", length)
        target.write(piece)
        length -= len(piece)
        await target.drain()
    await target.drain()


async def _pass_chunks(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    line, size = b"", 1
    while size:
        line = await source.readuntil(b"\r\n")
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError:
            raise BadRequest("a malformed chunk") from None
        target.write(line)
        await _pass_body(
            source, target, size + 2 if size else 0
        )  # a chunk's own line end follows it
    while line != b"\r\n":
        line = await source.readuntil(b"\r\n")
        target.write(line)
    await target.drain()


async def _answer_head(upstream: asyncio.StreamReader) -> Head:
    while True:
        head = Head(await upstream.readuntil(b"\r\n\r\n"))
        if not head.first.split(b" ")[1].startswith(b"1"):
            return head


async def _pass_answer(
    head: Head, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter, method: bytes
) -> bool:
    """Pass one answer on; whether the connection may be used again. An answer cut short ends the
    connection: too late to say anything else.
    """
    bodiless = method == b"HEAD" or head.first.split(b" ")[1] in (b"204", b"304")
    framed = bodiless or head.values(b"content-length") or head.values(b"transfer-encoding")
    again = bool(framed) and not head.closes()
    writer.write(head.passed_on([(b"Connection", b"keep-alive" if again else b"close")]))
    if framed and not bodiless:
        try:
            await _pass_body(upstream, writer, head.length())
        except BadRequest:
            return False
    elif not framed:
        while piece := await upstream.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
    await writer.drain()
    return again


async def _say(writer: asyncio.StreamWriter, status: int, detail: str) -> None:
    title = HTTPStatus(status).phrase
    body = (
        f'{{"type":"about:blank","title":"{title}","status":{status},"detail":"{detail}"}}'.encode()
    )
    head = [
        f"HTTP/1.1 {status} {title}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Retry-After: 1",
        "Connection: close",
    ]
    writer.write("\r\n".join([*head, "", ""]).encode() + body)
    with suppress(ConnectionError):
        await writer.drain()


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host, int(port)


def main() -> None:
    at, *routes = sys.argv[1:]
    pairs = [(prefix, _address(to)) for prefix, _, to in (route.partition("=") for route in routes)]
    with suppress(KeyboardInterrupt):
        uvloop.run(Front(pairs, Trusted(Settings().trusted_proxies)).serve(_address(at)))


if __name__ == "__main__":
    main()
