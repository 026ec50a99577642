"""`guidui bench portal` and `bench audit`: pages and calls of a province, over HTTP from the role
`portal`.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

from services.cluster.broker import free_ports
from services.cluster.postgres import EmbeddedServer
from services.kit.clock import SystemClock
from services.kit.db.engine import connect
from services.portal.accounts import create_account
from services.portal.sessions import SESSION, open_session
from services.registry.access import create_key
from services.tools.bench.pipeline import own_server
from services.tools.bench.province import Province, fill
from services.tools.bench.sockets import IDLE_SECONDS_MAX

GUIDUI = Path(sys.executable).with_name("guidui")
START_SECONDS_MAX = 60
ASKED = 40  # times each page; the first is not counted
LEVELS = ("province", "city", "county", "street", "community")
WANTED_MS = {"list": 300, "overview": 1_000}


class Visitor:
    """One who signed in, on one keep-alive connection."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._connection, self._headers = (
            http.client.HTTPConnection("127.0.0.1", port, timeout=60),
            dict(headers),
        )
        self._used = 0.0

    def get(self, path: str) -> tuple[float, bytes]:
        """Seconds until the last byte, and the body; RuntimeError for anything but 200."""
        if time.monotonic() - self._used > IDLE_SECONDS_MAX:
            self._connection.close()  # opened again by the request
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        spent = time.perf_counter() - began
        self._used = time.monotonic()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:300].decode(errors='replace')}")
        return spent, body

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


def of_branches(branches: int, cases: int) -> dict[str, Any]:
    """`bench portal`: what branches, communities and streets open; beside it a page that reads
    nothing.
    """
    with _served(branches, cases) as (province, visitors, keys):
        asked = {}
        for level in ("community", "street"):
            visitor, key = visitors[level], keys[level]
            case = _first_case(key.get("/v1/cases?limit=1")[1])
            asked |= {
                f"{level}: list": (visitor, "/cases", "list"),
                f"{level}: card": (visitor, f"/cases/{case}", "list"),
                f"{level}: expected": (visitor, "/cases?tab=expected", "list"),
                f"{level}: GET /v1/alerts": (key, "/v1/alerts", "list"),
                f"{level}: GET /v1/cases?limit=100": (key, "/v1/cases?limit=100", "list"),
            }
        return _figures(province, asked, keys["street"])


def of_departments(branches: int, cases: int) -> dict[str, Any]:
    """`bench audit`: overview, audit and lists of county, city and province; beside it a page that
    reads nothing.
    """
    with _served(branches, cases) as (province, visitors, keys):
        asked = {}
        for level in ("county", "city", "province"):
            visitor, key = visitors[level], keys[level]
            asked |= {
                f"{level}: overview": (visitor, "/department", "overview"),
                f"{level}: one level down": (
                    visitor,
                    f"/department?organisation={province.line[LEVELS.index(level) + 1]}",
                    "overview",
                ),
                f"{level}: list of pockets": (visitor, "/department/list?only=pocket", "list"),
                f"{level}: GET /v1/audit": (key, "/v1/audit", "overview"),
            }
        return _figures(province, asked, keys["county"])


def _figures(
    province: Province, asked: Mapping[str, tuple[Visitor, str, str]], anybody: Visitor
) -> dict[str, Any]:
    beside = _times(anybody, "/healthz")
    pages = {}
    for name, (visitor, path, kind) in asked.items():
        size = len(visitor.get(path)[1])
        pages[name] = _quantiles(_times(visitor, path)) | {
            "bytes": size,
            "wanted_p95": WANTED_MS[kind],
        }
    return {
        "organisations": province.organisations,
        "members": province.members,
        "cases": province.cases,
        "pages": pages,
        "beside": {"what": "GET /healthz", **_quantiles(beside)},
    }


def _times(visitor: Visitor, path: str) -> list[float]:
    return [visitor.get(path)[0] for _ in range(ASKED)][1:]


def _quantiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        name: round(1e3 * ordered[ceil(len(ordered) * share) - 1], 1)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("max", 1.0))
    }


def _first_case(body: bytes) -> str:
    return json.loads(body)["items"][0]["id"]


@contextmanager
def _served(
    branches: int, cases: int
) -> Generator[tuple[Province, dict[str, Visitor], dict[str, Visitor]]]:
    """The province with a portal on it, and at each level one who signed in and one with a key."""
    with (
        tempfile.TemporaryDirectory(prefix="guidui-bench-") as folder,
        own_server(Path(folder)) as server,
    ):
        province = fill(server, branches, cases, SystemClock().now())
        port = free_ports(1)[0].client
        cookies, keys = _accounts(server, province)
        with _portal(server, Path(folder), port):
            visitors = {
                level: Visitor(port, {"Cookie": f"{SESSION}={cookie}"})
                for level, cookie in cookies.items()
            }
            systems = {
                level: Visitor(port, {"Authorization": f"Bearer {key}"})
                for level, key in keys.items()
            }
            try:
                yield province, visitors, systems
            finally:
                for client in (*visitors.values(), *systems.values()):
                    client.close()


def _accounts(server: EmbeddedServer, province: Province) -> tuple[dict[str, str], dict[str, str]]:
    worker, now = connect(server.app_url(), "guidui_worker"), SystemClock().now()
    cookies, keys = {}, {}
    try:
        with worker.begin() as tx:
            for level, code in zip(LEVELS, province.line, strict=False):
                overseeing = level in ("province", "city", "county")
                create_account(
                    tx,
                    code,
                    "department" if overseeing else "secretary",
                    "甲",
                    now,
                    password="a long password",
                )
                account = tx.exec_driver_sql(
                    "SELECT id FROM account WHERE organisation = %s", (code,)
                ).scalar_one()
                cookies[level] = open_session(tx, account, now)
                keys[level] = create_key(tx, code, "department" if overseeing else "receiver", now)
    finally:
        worker.dispose()
    return cookies, keys


@contextmanager
def _portal(server: EmbeddedServer, folder: Path, port: int) -> Generator[None]:
    environment = {
        **os.environ,
        "DATABASE_URL": server.app_url(),
        "DATABASE_WEB_URL": server.web_url(),
        "GUIDUI_DATA": str(folder),
        "GUIDUI_SECRET": "b" * 64,
        "GUIDUI_LOG": "error",
    }
    with (folder / "portal.log").open("wb") as log:
        process = subprocess.Popen(
            [str(GUIDUI), "portal", "--port", str(port)], env=environment, stdout=log, stderr=log
        )
    try:
        _wait(port, process, folder / "portal.log")
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait(port: int, process: subprocess.Popen, log: Path) -> None:
    limit, first = time.monotonic() + START_SECONDS_MAX, Visitor(port, {})
    while True:
        try:
            first.get("/healthz")
            first.close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"the portal did not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.1)
