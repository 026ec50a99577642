"""HTTP from raw keep-alive sockets: a client library would be the slower side of the
measurement.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

EVENT, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
ANSWER_SECONDS_MAX = 60
IDLE_SECONDS_MAX = 3  # a server closes what is idle for five


def request(key: str, body: bytes, kind: str) -> bytes:
    """POST /v1/events, ready to be written to a socket."""
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Socket:
    """One keep-alive connection, for one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.used = time.monotonic()

    @classmethod
    async def open(cls, port: int) -> Socket:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, request: bytes) -> None:
        """Returns once the event is accepted; raises RuntimeError with what was said instead."""
        self._writer.write(request)
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                head = await self._reader.readuntil(b"\r\n\r\n")
                lines = head.lower().split(b"\r\n")
                length = next(
                    int(line[15:]) for line in lines if line.startswith(b"content-length:")
                )
                body = await self._reader.readexactly(length)
        except asyncio.IncompleteReadError:
            raise RuntimeError("the service closed a connection instead of answering") from None
        self.used = time.monotonic()
        if not head.startswith(b"HTTP/1.1 202"):
            raise RuntimeError(
                f"not accepted: {lines[0].decode()} {body[:500].decode(errors='replace')}"
            )

    def close(self) -> None:
        self._writer.close()


async def open_loop(
    port: int, requests: Sequence[bytes], per_second: float
) -> list[tuple[float, float]]:
    """Sends on a fixed schedule, however slow the answers are: (time it was to be sent, time of the
    answer) of each.

    Times are seconds since 1970, as the database notes them. A request that finds every connection
    busy gets a new one.
    """
    idle: list[Socket] = []
    begin = time.time() + 0.1

    async def send(body: bytes, due: float) -> tuple[float, float]:
        socket = idle.pop() if idle else await Socket.open(port)
        if time.monotonic() - socket.used > IDLE_SECONDS_MAX:
            socket.close()
            socket = await Socket.open(port)
        await socket.send(body)
        answered = time.time()
        idle.append(socket)
        return due, answered

    sent = []
    for number, body in enumerate(requests):
        due = begin + number / per_second
        if (wait := due - time.time()) > 0:
            await asyncio.sleep(wait)
        sent.append(asyncio.create_task(send(body, due)))
    times = await asyncio.gather(*sent)
    for socket in idle:
        socket.close()
    return list(times)


async def one_after_another(port: int, requests: Sequence[bytes]) -> None:
    """Sends each request when the one before is answered."""
    socket = await Socket.open(port)
    for body in requests:
        await socket.send(body)
    socket.close()
