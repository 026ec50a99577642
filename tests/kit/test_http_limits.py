"""What a connection may take of a served process, over real sockets: heads, bodies, half requests,
readers that stop.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import uvicorn

from services.kit.limits import Limits
from services.kit.web.http_limits import protocol

TIGHT = Limits(
    head_bytes=16_384, head_seconds=1.0, body_seconds=1.0, idle_seconds=1, connections=50
)
GOOD = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def _application(scope, receive, send) -> None:
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = b"%d" % size if scope["path"] != "/large" else b"x" * 60_000_000
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def _serving(limits: Limits) -> Iterator[tuple[str, int]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            _application,
            log_level="error",
            loop="uvloop",
            http=protocol(limits),
            lifespan="off",
            timeout_keep_alive=limits.idle_seconds,
            backlog=limits.connections,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def tight() -> Iterator[tuple[str, int]]:
    with _serving(TIGHT) as address:
        yield address


def _answer(open_one: socket.socket) -> bytes:
    """All that comes until the other end closes."""
    open_one.settimeout(20)
    answer = bytearray()
    try:
        while piece := open_one.recv(65_536):
            answer += piece
    except ConnectionError:
        pass
    return bytes(answer)


def _asked(address: tuple[str, int], sent: bytes) -> bytes:
    with socket.create_connection(address) as one:
        with suppress(ConnectionError):
            one.sendall(sent)
        return _answer(one)


def _refused(answer: bytes, status: int) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    problem = b"application/problem+json" in head and "。".encode() in body
    return head.startswith(b"HTTP/1.1 %d " % status) and problem


def test_a_good_request_is_answered(tight):
    assert _asked(tight, GOOD).endswith(b"\r\n\r\n0")
    body = (
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 300000\r\n\r\n"
        + b"x" * 300_000
    )
    assert _asked(tight, body).endswith(b"\r\n\r\n300000")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(150)) + b"\r\n", 431),
        (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nnonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nX\x00: y\r\n\r\n", 400),
    ],
    ids=[
        "header",
        "headers",
        "line",
        "length",
        "negative",
        "length and chunks",
        "two lengths",
        "space in a name",
        "no name",
        "tls",
        "nul",
    ],
)
def test_a_head_beyond_the_bounds_is_refused_in_a_sentence(tight, sent, status):
    answer = _asked(tight, sent)
    assert not answer or _refused(answer, status), answer[:200]
    assert answer or len(sent) > 1_000_000  # what is still being sent may find the door closed
    assert _asked(tight, GOOD).endswith(b"\r\n\r\n0")


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 3_000_000], ids=["empty", "small", "3 MB"])
def test_a_body_arrives_whole_whether_its_length_is_told_or_not(tight, body):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    told = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:]) if part
    )
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    for sent in (told, chunked):
        assert _asked(tight, sent).endswith(b"\r\n\r\n%d" % len(body))


def test_a_client_that_waits_for_leave_to_send_gets_it(tight):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
    with socket.create_connection(tight) as one:
        one.sendall(head + b"Connection: close\r\n\r\n")
        one.settimeout(5)
        assert one.recv(65_536).startswith(b"HTTP/1.1 100 ")
        one.sendall(b"abc")
        assert _answer(one).endswith(b"\r\n\r\n3")


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-More: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    ],
    ids=["nothing", "line", "head", "body", "chunks"],
)
def test_what_does_not_come_in_time_is_given_up(tight, begun):
    assert _refused(_asked(tight, begun), 408)


def test_a_body_that_trickles_is_given_up(tight):
    with socket.create_connection(tight) as one:
        one.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        sent = 0
        try:
            while sent < 1_000:
                one.sendall(b"x")
                sent += 1
                time.sleep(0.1)
        except ConnectionError:
            pass
    assert sent < 100


def test_a_connection_rests_only_for_a_while(tight):
    with socket.create_connection(tight) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert _answer(one).endswith(b"\r\n\r\n0")  # the server ends it


def test_an_answer_that_nobody_takes_is_given_up(tight):
    with socket.create_connection(tight) as one:
        one.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(4)
        assert len(_answer(one)) < 60_000_000


def test_half_requests_hold_nobody_up():
    """Many more connections than there may be, none of which sends a whole request: whoever does is
    answered.
    """
    with _serving(Limits(head_seconds=600, connections=50)) as address:
        half: list[socket.socket] = []
        try:
            for _ in range(400):
                half.append(socket.create_connection(address))
                half[-1].sendall(b"GET / HTTP/1.1\r\nX: ")
            for _ in range(5):
                assert _asked(address, GOOD).endswith(b"\r\n\r\n0")
            assert sum(map(_is_open, half)) <= 50
        finally:
            for one in half:
                one.close()


def _is_open(one: socket.socket) -> bool:
    one.settimeout(0.001)
    try:
        return one.recv(1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


@pytest.mark.parametrize("requests", [1, 3])
def test_requests_in_one_piece_are_each_answered(tight, requests: int):
    more = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * (requests - 1)
    answer = _asked(tight, more + GOOD)
    assert answer.count(b"HTTP/1.1 200") == requests
