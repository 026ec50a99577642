"""Whatever systems send to the calls under /v1: no answer of 500 or above, each as /openapi.json
describes it, and every refusal says why.
"""

from __future__ import annotations

import json
import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.cases.model.states import COMMANDS
from services.cluster.one_process import application
from services.kit.web.well_formed import PARAMETERS
from tests.portal.every_route import (
    CURSORS,
    DAYS,
    FORM_VALUES,
    JSON_VALUES,
    NUMBERS,
    RAW_BODIES,
    TEXTS,
    Answer,
    Line,
    Place,
    Sent,
    as_json,
    fitting,
    form_names,
    json_names,
    page_headers,
    places,
    token_of,
)
from tests.portal.town import CAST, ROAD

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
EXAMPLES_MAX = 15
INTAKE = "/v1/events"


def _operations(url: str) -> list:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    found = [one.ok() for one in schema.get_all_operations()]
    return [one for one in found if one.path.startswith("/v1/") and not one.path.startswith(INTAKE)]


def _is_done_once(operation, mode, case: str, key: str) -> bool:
    """Whether any of the calls was not refused; whatever comes of each, it is as described."""
    done = []

    @settings(
        max_examples=EXAMPLES_MAX,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        database=None,
        derandomize=True,
    )
    @given(operation.as_strategy(generation_mode=mode))
    def run(call) -> None:
        if "case_id" in (call.path_parameters or {}):
            call.path_parameters["case_id"] = case  # a call about nothing is refused unread
        headers = {"Authorization": f"Bearer {key}"}
        answer = call.call_and_validate(headers=headers, checks=CHECKS)
        if answer.status_code < 400:
            done.append(answer)
        else:
            assert re.search("[\u4e00-\u9fff]", answer.json()["detail"])

    run()
    return bool(done)


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_answers_are_as_described_whatever_is_sent(town, url, mode):
    case, key = town.leaves(1, upto="record_arrival"), town.key(CAST["admin"][0], "admin")
    operations = _operations(url)
    done = {one.label for one in operations if _is_done_once(one, mode, case, key)}
    assert "GET /v1/cases/{case_id}" in done and len(operations) > 50


def test_every_command_is_described_with_its_fields(town, url):
    """A system that reads /openapi.json alone can take a case along its whole road."""
    [operation] = [one for one in _operations(url) if one.path == "/v1/cases/{case_id}/commands"]
    raw = operation.definition.raw["requestBody"]["content"]["application/json"]["schema"]
    assert [one["title"] for one in raw["oneOf"]] == list(COMMANDS)
    described = Draft202012Validator(raw)
    for _, command, fields in ROAD:
        assert described.is_valid({"command": command, "seen_state": "triaged", **fields}), command
    assert not described.is_valid({"command": "accept"}) and not described.is_valid(
        {"command": "refuse", "seen_state": "arrived"}
    )


# Every route of the table, whatever it is: what no client would send is refused in a sentence,
# never with a 5xx.


class Asker:
    """Sends to calls with a key and to pages with a session, and notes what ended in a 5xx or said
    nothing.
    """

    def __init__(self, town, url, reader) -> None:
        self.town = town
        self.case = town.leaves(1, upto="record_arrival")
        key = town.key(CAST["admin"][0], "admin")
        person = reader("department")
        self.token = token_of(town, person)
        self.lines = {
            True: Line(url, {"Authorization": f"Bearer {key}"}),
            False: Line(url, page_headers(town, person)),
        }
        self.places = places(application(town.app))
        self.wrong: list[str] = []
        self.asked = 0

    def ask(self, place: Place, target: str, body: bytes = b"", kind: str = "") -> Answer:
        answer = self.lines[place.is_call].ask(Sent(place.method, target, body, kind))
        self.asked += 1
        if answer.status >= 500:
            self.wrong.append(
                f"{answer.status} {place.method} {target[:200]} {kind} {body[:120]!r}"
            )
        elif answer.status >= 400 and not re.search(
            "[\u4e00-\u9fff]", answer.body.decode("utf-8", "replace")
        ):
            self.wrong.append(f"{answer.status} without a sentence: {place.method} {target[:200]}")
        if "no-store" not in answer.cache and not place.path.startswith("/static/"):
            self.wrong.append(f"may be kept on the way: {place.method} {target[:200]}")
        return answer


@pytest.fixture
def asker(town, url, reader):
    made = Asker(town, url, reader)
    yield made
    for line in made.lines.values():
        line.close()
    assert not made.wrong, "\n".join(made.wrong[:60])


def test_every_route_passes_the_same_rule(asker):
    for place in asker.places:
        answer = asker.ask(place, place.target(asker.case) + "?whatever=%01")
        assert answer.status == 422, (place.method, place.path, answer.status)


def test_every_parameter_of_a_path_says_what_it_may_look_like(asker):
    assert {name for place in asker.places for name in place.parameters} == set(PARAMETERS)


def test_whatever_stands_in_a_path(asker):
    for place in asker.places:
        for name in place.parameters:
            for text in (*TEXTS, *NUMBERS):
                asker.ask(place, place.target(asker.case, **{name: text}))
    assert asker.asked > 1_000


UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_an_id_has_one_spelling(asker):
    for place in asker.places:
        for name in place.parameters:
            ident = fitting(name, asker.case)
            if len(ident) != 36:
                continue
            others = (
                ident.upper(),
                "urn:uuid:" + ident,
                "%7B" + ident + "%7D",
                ident.replace("-", ""),
                ident + "%20",
            )
            for other in others:
                if other == ident:
                    continue  # an id of digits has no capitals
                answer = asker.ask(place, place.target(asker.case, **{name: other}))
                nobodys = asker.ask(place, place.target(asker.case, **{name: UNKNOWN}))
                assert answer.status == nobodys.status, (
                    place.method,
                    place.path,
                    other,
                    answer.status,
                )
                assert 400 <= answer.status < 500, (place.method, place.path, other, answer.status)


def test_whatever_stands_in_a_query(asker):
    for place in asker.places:
        for name in place.query:
            cursors = CURSORS if name == "cursor" else ()
            for text in (*TEXTS, *NUMBERS, *DAYS, *cursors):
                answer = asker.ask(place, f"{place.target(asker.case)}?{name}={text}")
                if text in cursors and place.is_call:
                    assert answer.status in (403, 404, 422), (place.path, text, answer.status)
            asker.ask(place, f"{place.target(asker.case)}?{name}=1&{name}=2&{name}=%00&=&&%")
    assert asker.asked > 1_500


def _spellings(case: str) -> list:
    """A case that there is, as itself and in other spellings, alone and in a list."""
    spelled = [case, case.upper(), "urn:uuid:" + case, "{" + case + "}"]
    return [*spelled, spelled, [case, case]]


def test_whatever_stands_in_the_json_of_a_call(asker):
    for place in asker.places:
        for name, rest in json_names(place) if place.is_call else ():
            for value in (*JSON_VALUES, *_spellings(asker.case)):
                asker.ask(
                    place,
                    place.target(asker.case),
                    as_json(rest | {name: value}),
                    "application/json",
                )
    assert asker.asked > 1_500


def test_whatever_stands_in_a_form(asker):
    names = form_names()
    for place in asker.places:
        if place.method != "POST" or place.is_call:
            continue
        for value in (*FORM_VALUES, asker.case, asker.case.upper(), "urn:uuid:" + asker.case):
            fields = "&".join(f"{name}={value}" for name in names)
            body = f"token={asker.token}&{fields}".encode()
            asker.ask(place, place.target(asker.case), body, "application/x-www-form-urlencoded")
    assert asker.asked > 200


def test_whatever_is_sent_as_a_body(asker):
    for place in asker.places:
        if place.method == "GET":
            continue
        for kind, body in RAW_BODIES:
            asker.ask(place, place.target(asker.case), body, kind)
    assert asker.asked > 1_000


HEADERS = {
    "Authorization": (
        "Bearer \xff\xfe",
        "Bearer " + "x" * 8_000,
        "Basic eDp4",
        "Bearer",
        "\t",
        "Bearer a b",
    ),
    "Cookie": (
        "guidui_session=\xff",
        'guidui_session="\\000"',
        "=;=;;",
        "guidui_language=\xff; guidui_size=\x80",
        "guidui_organisation=%00; guidui_visitor=\xfe",
        "a" * 9_000,
    ),
    "Accept-Language": (
        "zh;q=1e999,en;q=nan",
        ";q=,;;",
        "x" * 9_000,
        "\xff",
        "en;q=" + "9" * 5_000,
    ),
    "traceparent": ("00-" + "g" * 32 + "-0-0", "\xff", "0" * 9_000),
    "Content-Type": (
        "\xff",
        ";;;",
        "application/json;" * 500,
        "multipart/form-data; boundary=" + "x" * 5_000,
    ),
    "X-Forwarded-For": ("\xff", "1.2.3.4, " * 500, "::::", "unknown"),
    "Sec-Fetch-Site": ("\xff", "cross-site"),
    "Content-Encoding": ("gzip", "\xff"),
    "ce-id": ("%00", "\xff", "%ff", '"'),
}


def test_whatever_stands_in_a_header(asker, url):
    targets = [
        place
        for place in asker.places
        if place.path in ("/", "/sign-in", "/v1/alerts", "/v1/events", "/rolls", "/readyz")
    ]
    for name, values in HEADERS.items():
        for value in values:
            line = Line(url, {name: value})
            for place in targets:
                answer = line.ask(
                    Sent(place.method, place.path, b"{}" if place.method == "POST" else b"")
                )
                assert answer.status < 500, (
                    name,
                    value[:40],
                    place.method,
                    place.path,
                    answer.status,
                )
            line.close()
    assert len(targets) > 6


def test_every_list_has_one_form(asker):
    """What answers with items says whether there are more, takes `limit` and `cursor`, and no page
    is cut in silence.
    """
    lists = 0
    for place in asker.places:
        if place.method != "GET" or not place.is_call:
            continue
        query = "?list=announced" if place.path == "/v1/reconciliation" else ""
        answer = asker.ask(place, place.target(asker.case) + query)
        if answer.status != 200 or "json" not in answer.kind:
            continue
        given = json.loads(answer.body)
        if "items" in given:
            lists += 1
            assert isinstance(given["next"], str | None) and {"limit", "cursor"} <= set(
                place.query
            ), place.path
    assert lists > 18


@pytest.mark.parametrize(
    "way",
    [
        "//[",
        "http://[x",
        "//",
        "/\\x",
        "\\\\x",
        "//x/y",
        "javascript:1",
        "/x\x00",
        "/%0d%0aX:y",
        "[",
        "/a\nb",
    ],
)
def test_where_to_go_on_is_a_path_of_ours_or_the_start(reader, way):
    page = reader("clerk").get("/sign-in", params={"next": way}, follow_redirects=False)
    assert page.status_code in (303, 422) and page.headers.get("location", "/").startswith("/")
    stranger = reader()
    assert stranger.get("/sign-in", params={"next": way}).status_code in (200, 422)
    answer = stranger.post("/view", data={"back": way, "size": "large"}, follow_redirects=False)
    assert answer.status_code in (303, 422)
    assert not answer.headers.get("location", "/").startswith(("//", "/\\"))
