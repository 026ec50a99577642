"""Every route of the application, from its own table, and what may be put into each of its
places.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from fastapi import FastAPI
from fastapi.routing import APIRoute

from services.kit.db.paging import encode
from services.portal.sessions import SESSION, form_token
from tests.structure.test_walls import ROOT, walked

UNKNOWN = "00000000-0000-4000-8000-000000000000"
SKIPPED = {"/sign-out"}  # it would end the session of all that come after it
NAME = re.compile(r"""form\.(?:get|lines)\(\s*["']([a-z_.]+)["']""")

# percent-encoded, as they stand in an address
TEXTS = (
    "%00",
    "x%00y",
    "%01",
    "%0d%0aX:%20y",
    "%ff%fe",
    "%ED%A0%80",
    "%F0%9F%98%80",
    "%E2%80%AE",
    "..%2f..",
    "%7F",
    "'%22%3E%3Cb%3E",
    "9" * 400,
    "A" * 3_000,
)
NUMBERS = (
    "-1",
    "0",
    "1e999",
    "NaN",
    "9" * 30,
    "%EF%BC%91",
    "1_0",
    "0x1",
    "2147483648",
    "9223372036854775808",
)
DAYS = (
    "9999-12-31",
    "0001-01-01",
    "2026-W50-1",
    "2026-02-30",
    "20261130",
    "10000-01-01",
    "2026-11-30T25:00:00Z",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00%2B14:00",
    "2026-13",
    "9999-12",
    "0000-00",
)
CURSORS = tuple(
    quote(one)
    for one in (
        "x",
        "AAAA",
        "bnVsbA",
        "W10",
        encode("9999-12-31T23:59:59+00:00", UNKNOWN),
        encode("x", "y", "z"),
        encode(-1),
        encode(2**63),
        encode(10**30 % 2**60, "\x00"),
        encode({"a": 1}),
        encode([[[[]]]]),
        encode(UNKNOWN.upper()),
    )
)
JSON_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**53,
    2**63,
    2**64 - 1,
    1e308,
    "",
    "x" * 5_000,
    "9999-12-31",
    "0001-01-01",
    "2026-W50-1",
    "\x00",
    "a\x01b",
    UNKNOWN,
    UNKNOWN.upper(),
    "urn:uuid:" + UNKNOWN,
    "{" + UNKNOWN + "}",
    [],
    [None],
    ["\x00"],
    {},
    {"a": []},
    [[[]]],
)
FORM_VALUES = (
    "%00",
    "x",
    "x" * 5_000,
    "9999-12-31",
    "2026-W50-1",
    "-1",
    "9" * 30,
    "%ff%fe",
    "%ED%A0%80",
    UNKNOWN.upper(),
    "1e999",
)
RAW_BODIES: tuple[tuple[str, bytes], ...] = (
    ("multipart/form-data", b"--x\r\n\r\n--x--"),
    ("multipart/form-data; boundary=", b"--\r\n\r\n----"),
    (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data\r\n\r\ny\r\n--x--\r\n",
    ),
    (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\ny',
    ),
    (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="\x00"\r\n\r\n\x00\r\n--x--\r\n',
    ),
    (
        "multipart/form-data; boundary=x; charset=nonsense",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--x--\r\n',
    ),
    ("multipart/form-data; boundary=\xff", b"--\xff\r\n\r\n--\xff--"),
    ("application/x-www-form-urlencoded", b"%00=%00&a=%ff&&&=&%"),
    ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(2_000))),
    ("application/json", b""),
    ("application/json", b"null"),
    ("application/json", b"[" * 100_000),
    ("application/json", b'{"a":' * 500 + b"1" + b"}" * 500),
    ("application/json", b'{"a":' + b"9" * 5_000 + b"}"),
    ("application/json", b'{"a":"\\ud800"}'),
    ("application/json", b'{"a":"\\u0000"}'),
    ("application/json", b'{"a":"\xff"}'),
    ("application/json; charset=utf-7", b'{"a":1}'),
    (
        "application/json",
        b'{"persons":[{"name":"\\u0000","id_number":'
        + b"9" * 400
        + b',"phone":[[[]]]},{"name":{}}]}',
    ),
    ("application/json", b'{"persons":' + b"[" * 900 + b"]" * 900 + b"}"),
    ("application/cloudevents+json", b'{"data":' + b"[" * 900 + b"]" * 900 + b"}"),
    (
        "application/cloudevents+json",
        b'{"specversion":"1.0","id":"\\u0000","source":"\\ud800","type":' + b"9" * 400 + b"}",
    ),
    ("application/cloudevents-batch+json", b"[" * 100_000),
    ("application/cloudevents-batch+json", b'[null,1,[],{},"\\u0000"]'),
    ("text/xml", b"<a/>"),
    ("", b"\x00\xff"),
)


class Answer(NamedTuple):
    status: int
    kind: str
    body: bytes
    cache: str


class Sent(NamedTuple):
    """One request as it was sent: to be named where it fails."""

    method: str
    target: str
    body: bytes = b""
    kind: str = ""


class Line:
    """A connection that sends what no client would."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._address = urlsplit(url)
        self._headers = dict(headers)
        self._open()

    def _open(self) -> None:
        self._one = http.client.HTTPConnection(
            self._address.hostname, self._address.port, timeout=60
        )

    def ask(self, sent: Sent) -> Answer:
        headers = self._headers | ({"Content-Type": sent.kind} if sent.kind else {})
        try:
            return self._asked(sent, headers)
        except (
            http.client.RemoteDisconnected,
            ConnectionError,
        ):  # the one before was refused and closed
            self.close()
            self._open()
            return self._asked(sent, headers)

    def close(self) -> None:
        self._one.close()

    def _asked(self, sent: Sent, headers: Mapping[str, str]) -> Answer:
        self._one.request(sent.method, sent.target, body=sent.body or None, headers=dict(headers))
        answer = self._one.getresponse()
        body = answer.read()
        return Answer(
            answer.status,
            answer.headers.get("content-type", ""),
            body,
            answer.headers.get("cache-control", ""),
        )


class Place(NamedTuple):
    """One method of one route."""

    method: str
    path: str
    parameters: tuple[str, ...]
    query: tuple[str, ...]
    route: APIRoute

    @property
    def is_call(self) -> bool:
        return self.path.startswith("/v1/")

    def target(self, case: str, **chosen: str) -> str:
        """The address, each parameter filled with what fits or what was chosen."""
        filled = self.path
        for name in self.parameters:
            filled = re.sub(
                rf"\{{{name}(:\w+)?\}}",
                lambda _, name=name: chosen.get(name, fitting(name, case)),
                filled,
            )
        return filled


def fitting(parameter: str, case: str) -> str:
    """What a parameter of this name usually holds."""
    known = {
        "case_id": case,
        "position": "1",
        "place": "1",
        "letter": "1",
        "review_id": f"{UNKNOWN}:0",
        "member": "m00000",
        "command": "triage",
        "act": "range",
        "decision": "skip",
        "name": "app.css",
        "version": "0",
        "quarter": "2026Q4",
        "token": "ABCD",
        "id": "e1",
    }
    return known.get(parameter, UNKNOWN)


def places(app: FastAPI) -> list[Place]:
    """Every method of every route."""
    found = []
    for route in walked(app.routes):
        if isinstance(route, APIRoute) and route.path not in SKIPPED:
            parameters = tuple(re.findall(r"\{(\w+)(?::\w+)?\}", route.path))
            found += [
                Place(method, route.path, parameters, tuple(_query(route.dependant)), route)
                for method in sorted(route.methods - {"HEAD"})
            ]
    return found


def _query(dependant: Any) -> Iterator[str]:
    for one in dependant.query_params:
        yield one.alias
    for inner in dependant.dependencies:
        yield from _query(inner)


def form_names() -> list[str]:
    """Every name of a field that a page reads."""
    sources = (ROOT / "services" / "portal").rglob("*.py")
    return sorted(
        {name for file in sources for name in NAME.findall(file.read_text("utf-8"))} - {"token"}
    )


def json_names(place: Place) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, the rest of the body) of every property that the description of a call has."""
    content = (place.route.openapi_extra or {}).get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    for one in schema.get("oneOf", schema.get("anyOf", [schema])):
        properties = one.get("properties", {})
        fixed = {name: inner["const"] for name, inner in properties.items() if "const" in inner}
        if "seen_state" in properties:
            fixed["seen_state"] = "triaged"
        for name in properties:
            yield name, {other: value for other, value in fixed.items() if other != name}


def as_json(value: Any) -> bytes:
    """JSON, whatever stands in it."""
    return json.dumps(value).encode()


def page_headers(town: Any, reader: Any) -> dict[str, str]:
    """What the browser of a signed-in reader sends, and the token of its forms."""
    return {"Cookie": f"{SESSION}={reader.cookies[SESSION]}", "Sec-Fetch-Site": "same-origin"}


def token_of(town: Any, reader: Any) -> str:
    return form_token(town.app.secret, reader.cookies[SESSION])
