"""Whose word about the client is believed, over real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn

from services.cluster.one_process import server_config
from services.kit.errors import CannotStart
from services.kit.settings import Settings
from services.kit.web.proxies import refuse_unreadable


async def _who_asks(scope, receive, send) -> None:
    """Answers with the client's address and the scheme, as the application sees them."""
    body = f"{scope['client'][0]} {scope['scheme']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(trusted: str) -> Iterator[str]:
    """The address at which an application is served as `guidui run` and the roles serve theirs."""
    settings = Settings(GUIDUI_TRUSTED_PROXIES=trusted)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(server_config(_who_asks, 0, settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize(
    ("trusted", "forwarded_for", "client"),
    [
        ("", "10.0.0.1", "127.0.0.1"),
        ("10.0.0.0/8", "203.0.113.9", "127.0.0.1"),
        ("127.0.0.1,::1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "10.0.0.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.0/8, 172.16.0.0/12", "203.0.113.9, 172.18.0.1", "203.0.113.9"),
    ],
)
def test_only_a_proxy_that_was_named_says_who_the_client_is(trusted, forwarded_for, client):
    with serving(trusted) as url:
        answer = httpx.get(url, headers={"X-Forwarded-For": forwarded_for})
        assert answer.text.split()[0] == client


@pytest.mark.parametrize(("trusted", "scheme"), [("127.0.0.1", "https"), ("10.0.0.1", "http")])
def test_only_a_proxy_that_was_named_says_that_the_client_came_over_tls(trusted, scheme):
    with serving(trusted) as url:
        answer = httpx.get(url, headers={"X-Forwarded-Proto": "https"})
        assert answer.text.split()[1] == scheme


def test_without_a_word_of_a_proxy_the_client_is_who_connects():
    with serving("127.0.0.1") as url:
        assert httpx.get(url).text == "127.0.0.1 http"


@pytest.mark.parametrize("text", ["everybody", "10.0.0.0/99", "127.0.0.1;::1", "*"])
def test_a_setting_that_cannot_be_read_is_refused(text):
    with pytest.raises(CannotStart, match="GUIDUI_TRUSTED_PROXIES"):
        refuse_unreadable(text)
