"""What operators ask on a port of its own, and under which names a service answers."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest

from services.app import printed_url
from services.cluster.one_process import application
from services.intake.app import Serving, build
from services.kit import health
from services.kit.clock import SystemClock
from services.kit.db.engine import connect
from services.kit.errors import Text
from services.kit.settings import Settings
from tests.intake.served import served

BROKEN = {"database": Text("数据库停了", "the database is away")}


@pytest.fixture
def web(database):
    engine = connect(database.app_url, "guidui_web")
    yield engine
    engine.dispose()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_apart_the_public_address_tells_only_whether_it_is_ready(web):
    serving = Serving(unready=lambda: BROKEN, operations_apart=True)
    app = build(web, SystemClock(), b"secret", serving=serving)
    port = _free_port()
    server = health.serve(port, app.state.readiness)
    try:
        with served(app) as url:
            ready = httpx.get(f"{url}/readyz")
            assert (ready.status_code, ready.json()) == (503, {"ready": False})
            assert httpx.get(f"{url}/metrics").status_code == 404
            assert httpx.get(f"{url}/healthz").status_code == 200
            apart = f"http://127.0.0.1:{port}"
            assert httpx.get(f"{apart}/readyz").json()["unready"] == {"database": "数据库停了"}
            assert "guidui_intake_events_total" in httpx.get(f"{apart}/metrics").text
    finally:
        server.shutdown()
        server.server_close()


def test_together_all_is_told_at_one_address(web):
    serving = Serving(unready=lambda: BROKEN)
    with served(build(web, SystemClock(), b"secret", serving=serving)) as url:
        assert httpx.get(f"{url}/readyz", headers={"Accept-Language": "en"}).json()["unready"] == {
            "database": "the database is away"
        }
        assert httpx.get(f"{url}/metrics").status_code == 200


@pytest.mark.parametrize("host", ["[", "a b", "a/b", "http://x", "x:y", "\x7f", "a" * 300])
@pytest.mark.parametrize("path", ["/openapi.json", "/readyz"])
def test_a_host_that_is_no_name_is_refused(web, host, path):
    with served(build(web, SystemClock(), b"secret")) as url:
        answer = httpx.get(url + path, headers={"Host": host})
        assert (
            answer.status_code == 400
            and "application/problem+json" in answer.headers["content-type"]
        )


def test_only_the_names_that_were_set_are_answered(web):
    serving = Serving(hosts={"guidui.example"})
    with served(build(web, SystemClock(), b"secret", serving=serving)) as url:
        said = {
            host: httpx.get(f"{url}/openapi.json", headers={"Host": host}).status_code
            for host in ("guidui.example", "GUIDUI.example:443", "evil.example", "127.0.0.1:8000")
        }
        assert said == {
            "guidui.example": 200,
            "GUIDUI.example:443": 200,
            "evil.example": 421,
            "127.0.0.1:8000": 421,
        }
        assert httpx.get(f"{url}/healthz", headers={"Host": "10.0.0.7"}).status_code == 200


def test_printed_links_never_begin_with_what_a_request_says():
    unset = Settings(data=Path("x"))
    assert printed_url(unset, "http://127.0.0.1:8123") == "http://127.0.0.1:8123"
    assert printed_url(
        Settings(data=Path("x"), url="https://guidui.example"), "http://127.0.0.1:8123"
    ) == ("https://guidui.example")
    assert application.__kwdefaults__["address"] == "http://127.0.0.1:8000"
