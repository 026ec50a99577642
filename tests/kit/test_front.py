"""The front hands every request to the process its path belongs to, whole, and says so when that
process is away.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn

from services.kit.web.front import CONNECTIONS_MAX, Front

SERVED: list[Front] = []


def application(name: str):
    async def answer(scope, receive, send):
        if scope["type"] != "http":
            return
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        told = dict(scope["headers"]).get(b"x-forwarded-for", b"").decode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (name, f" {scope['path']} {size} {told}"):
            await send(
                {"type": "http.response.body", "body": piece.encode(), "more_body": piece == name}
            )

    return answer


@contextmanager
def serving(name: str) -> Iterator[int]:
    server = uvicorn.Server(
        uvicorn.Config(
            application(name), port=0, log_level="error", lifespan="off", proxy_headers=False
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def front() -> Iterator[int]:
    """A front with intake, a portal, and nobody behind /away."""
    with socket.socket() as nobody, serving("intake") as intake, serving("portal") as portal:
        nobody.bind(("127.0.0.1", 0))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        loop = asyncio.new_event_loop()
        SERVED.append(
            Front(
                [
                    ("/", ("127.0.0.1", portal)),
                    ("/v1/events", ("127.0.0.1", intake)),
                    ("/away", nobody.getsockname()),
                ]
            )
        )
        served = SERVED[-1].serve(("127.0.0.1", port))
        task = loop.create_task(served)
        thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])))
        thread.start()
        yield port
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@pytest.fixture
def serves(front) -> Front:
    """The front that is served."""
    return SERVED[-1]


@pytest.fixture
def client(front) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{front}", timeout=10) as client:
        yield client


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        said = b""
        while piece := connection.recv(65_536):
            said += piece
        return said


def test_one_connection_reaches_both_processes(client):
    paths = ["/v1/events", "/", "/v1/events/x?source=y", "/v1/eventsx", "/v1/cases"]
    assert [client.get(path).text.split()[0] for path in paths] == [
        "intake",
        "portal",
        "intake",
        "portal",
        "portal",
    ]


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 3_000_000], ids=["empty", "small", "3 MB"])
def test_a_body_arrives_whole_whether_its_length_is_told_or_not(client, body):
    told = client.post("/v1/events", content=body)
    chunked = client.post("/v1/events", content=iter([body[:10], body[10:]] if body else []))
    assert [answer.text.split()[2] for answer in (told, chunked)] == [str(len(body))] * 2


def test_the_client_cannot_pretend_to_be_another(client):
    assert client.get("/", headers={"X-Forwarded-For": "10.0.0.1"}).text.split()[3] == "127.0.0.1"


def test_a_process_that_is_away_is_answered_for(client):
    answer = client.get("/away")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert client.get("/").text.startswith("portal")


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Content-Length: -1",
        b"Content-Length: " + b"9" * 5_000,
        b"Transfer-Encoding: gzip, chunked",
        b"Host : a",
        b"nonsense",
    ],
)
def test_a_body_of_unclear_length_is_refused(front, headers):
    said = raw(front, b"POST /v1/events HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n\r\nabc")
    assert said.startswith(b"HTTP/1.1 400 ") and said.count(b"HTTP/1.1") == 1


def test_a_head_beyond_the_bounds_is_refused(front):
    many = b"".join(b"X-%d: y\r\n" % number for number in range(150))
    assert raw(front, b"GET / HTTP/1.1\r\n" + many + b"\r\n").startswith(b"HTTP/1.1 431 ")
    with socket.create_connection(("127.0.0.1", front), timeout=10) as connection:
        sent = 0
        try:
            while sent < 10_000_000:
                sent += connection.send(b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000)
        except ConnectionError:
            pass
        assert sent < 10_000_000


def test_half_a_request_gives_way_to_a_whole_one(front, client, serves):
    serves.connections_max = 20
    half = [socket.create_connection(("127.0.0.1", front), timeout=10) for _ in range(60)]
    try:
        for connection in half:
            connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert client.get("/").text.startswith("portal")
    finally:
        serves.connections_max = CONNECTIONS_MAX
        for connection in half:
            connection.close()


def test_a_client_that_waits_for_leave_to_send_gets_it(front):
    headers = b"Host: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close"
    said = raw(front, b"POST /v1/events HTTP/1.1\r\n" + headers + b"\r\n\r\nabc")
    assert said.startswith(b"HTTP/1.1 100 ") and b" /v1/events 3 " in said
