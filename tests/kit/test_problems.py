"""Whatever goes wrong at an edge is an RFC 9457 problem in the caller's language, and gives nothing
away.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import httpx
import psycopg
import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from services.kit.errors import Refused, Text, language_of
from services.kit.web.problems import install

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Client:
    """Calls the application in-process."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def get(self, path: str, **how) -> httpx.Response:
        return asyncio.run(self._send("GET", path, how))

    def post(self, path: str, **how) -> httpx.Response:
        return asyncio.run(self._send("POST", path, how))

    async def _send(self, method: str, path: str, how: dict) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://guidui") as client:
            return await client.request(method, path, **how)


class Form(BaseModel):
    name: str
    born: int


@pytest.fixture
def client():
    app = FastAPI()
    install(app)

    @app.get("/accepted")
    def accepted():
        raise Refused(
            409,
            "already-accepted",
            Text("此人已由甲社区接收。", "Already accepted by A."),
            by="330602001001",
        )

    @app.get("/broken")
    def broken():
        raise RuntimeError("王小明 110101199003070134")

    @app.get("/away")
    def away():
        raise OperationalError("SELECT 1", {}, psycopg.OperationalError("connection refused"))

    @app.post("/forms")
    def forms(form: Form, limit: Annotated[int, Query(le=5)] = 1):
        return {}

    return Client(app)


def test_a_refusal_says_why_in_the_callers_language(client):
    found = client.get("/accepted", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    assert found.status_code == 409 and found.headers["content-type"] == "application/problem+json"
    assert found.headers["content-language"] == "zh-CN"
    assert found.json() == {
        "type": "urn:guidui:problem:already-accepted",
        "title": "与现状冲突",
        "status": 409,
        "detail": "此人已由甲社区接收。",
        "by": "330602001001",
        "trace_id": TRACE,
    }
    english = client.get("/accepted", headers={"Accept-Language": "en-GB,en;q=0.9,zh;q=0.5"}).json()
    assert english["detail"] == "Already accepted by A."


def test_the_unexpected_gives_nothing_away_but_can_be_found_in_the_log(client):
    with capture_logs() as lines:
        found = client.get("/broken")
    assert found.status_code == 500 and "王小明" not in found.text + str(lines)
    [line] = [line for line in lines if line["event"] == "unexpected_error"]
    assert line["trace_id"] == found.json()["trace_id"] and line["error"] == "RuntimeError"
    assert line["route"] == "/broken" and "test_problems.py" in line["at"][-1]


def test_a_database_that_is_away_is_temporary(client):
    found = client.get("/away")
    assert found.status_code == 503 and found.headers["retry-after"] == "5"
    assert found.json()["type"] == "urn:guidui:problem:store-unavailable"


def test_each_invalid_part_is_named_and_what_was_sent_is_not_repeated(client):
    found = client.post("/forms?limit=9", json={"born": "王小明"})
    assert found.status_code == 422 and "王小明" not in found.text
    assert {(e["pointer"], e["detail"]) for e in found.json()["errors"]} == {
        ("/query/limit", "太大"),
        ("/body/name", "缺少此项"),
        ("/body/born", "应为整数"),
    }
    broken = client.post(
        "/forms", content="{", headers={"Content-Type": "application/json", "Accept-Language": "en"}
    ).json()
    assert broken["errors"][0]["detail"] == "is not valid JSON"


def test_an_unknown_path_and_a_wrong_method_are_problems_too(client):
    assert client.get("/nowhere").json()["title"] == "没有找到"
    found = client.post("/accepted")
    assert found.status_code == 405 and found.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        (None, "zh"),
        ("", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en", "en"),
        ("en-US,en;q=0.9", "en"),
        ("fr,en;q=0.4,zh;q=0.3", "en"),
        ("fr", "zh"),
        ("en;q=x", "zh"),
        ("zh;q=0.1,en;q=0.9", "en"),
    ],
)
def test_the_language_is_the_one_liked_better(accept, language):
    assert language_of(accept) == language
