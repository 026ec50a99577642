"""Intake on a real socket, and a sender who posts to it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
from sqlalchemy import Engine

from services.intake.modes import BATCH, STRUCTURED
from services.kit.db.engine import rows
from services.kit.web.http_limits import protocol


@contextmanager
def served(app) -> Iterator[str]:
    """The address at which uvicorn serves `app` as `guidui run` does: uvloop, httptools and its
    bounds.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, log_level="error", loop="uvloop", http=protocol(), lifespan="off"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class Sender(httpx.Client):
    """A client with a key."""

    def __init__(self, url: str, key: str, **more: Any) -> None:
        super().__init__(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30, **more
        )

    def one(self, event: Any, **headers: str) -> httpx.Response:
        """Structured mode; text and bytes go as they are."""
        return self._posted(event, STRUCTURED, headers)

    def batch(self, events: Any, **headers: str) -> httpx.Response:
        """Batch mode."""
        return self._posted(events, BATCH, headers)

    def binary(self, event: dict[str, Any], **headers: str) -> httpx.Response:
        """Binary mode: attributes as ce- headers."""
        attributes = {
            f"ce-{name}": value
            for name, value in event.items()
            if name not in ("data", "datacontenttype")
        }
        return self.post(
            "/v1/events",
            content=json.dumps(event["data"]),
            headers={"Content-Type": "application/json"} | attributes | headers,
        )

    def _posted(self, content: Any, kind: str, headers: dict[str, str]) -> httpx.Response:
        raw = content if isinstance(content, (str, bytes)) else json.dumps(content)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.post("/v1/events", content=raw, headers={"Content-Type": kind} | named)


def stored(engine: Engine) -> dict[str, int]:
    """How many rows each of the three tables has."""
    with engine.begin() as tx:
        return {
            table: rows(tx, f"SELECT count(*) AS n FROM {table}")[0].n
            for table in ("posted_event", "posted_person", "event_log")
        }


def statuses(answer: httpx.Response) -> list[str]:
    """The status of each event of a 202."""
    assert answer.status_code == 202, answer.text
    return [event["status"] for event in answer.json()["events"]]
