"""A JSON body is read within its bounds and held to its model; what is wrong is named."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import orjson
import pytest
from fastapi import Request

from services.kit.errors import Refused, Text
from services.portal.api.bodies import JsonBody
from services.portal.api.models import batches, destinations, double_reports, floating, papers
from services.portal.api.models.base import Day, FilledText, GivenId
from services.portal.api.models.commands import Command, Receipt

CASE = "1b0ba0a4-43ac-4b3c-9ba4-2c0ea1c8a4d1"


class Visit(JsonBody):
    """A body as a call may have it."""

    bytes_max: ClassVar[int] = 200
    needed: ClassVar[tuple[str, ...]] = ("remark",)
    sentence: ClassVar[Text] = Text("请填全。", "Fill in everything.")

    case: GivenId
    on: Day
    minutes: int
    remark: FilledText = ""


GOOD = {"case": CASE, "on": "2026-11-23", "minutes": 30}


def request_of(*pieces: bytes, whole: bool = True) -> Request:
    """A request whose body comes in these pieces, and breaks off after them where not whole."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if whole:
        messages.append({"type": "http.request", "body": b"", "more_body": False})
    else:
        messages.append({"type": "http.disconnect"})
    coming = iter(messages)

    async def receive() -> dict:
        return next(coming)

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def sent(*pieces: bytes, whole: bool = True) -> Visit:
    return asyncio.run(Visit.sent(request_of(*pieces, whole=whole)))


def refusal(read, *given) -> tuple[int, str, dict]:
    with pytest.raises(Refused) as refused:
        read(*given)
    assert refused.value.words.zh and refused.value.words.en
    return refused.value.status, refused.value.code, refused.value.extra


def test_a_body_is_read_in_its_types():
    body = orjson.dumps(GOOD | {"unknown": [1]})
    visit = sent(body[:10], body[10:])
    assert (str(visit.case), visit.on.isoformat(), visit.minutes) == (CASE, "2026-11-23", 30)
    assert visit.remark == ""


@pytest.mark.parametrize(
    ("pieces", "whole", "status", "code"),
    [
        ((b'{"case":',), False, 400, "cut-off"),
        ((b'{"case":',), True, 400, "bad-json"),
        ((), True, 400, "bad-json"),
        ((b"[1]",), True, 422, "bad-json"),
        ((b"null",), True, 422, "bad-json"),
        ((b" " * 150, b" " * 150), True, 413, "content-too-large"),
        ((b'{"case":"\\u0000"}',), True, 422, "control-characters"),
    ],
)
def test_what_is_no_object_within_the_bounds_is_refused(pieces, whole, status, code):
    with pytest.raises(Refused) as refused:
        sent(*pieces, whole=whole)
    assert (refused.value.status, refused.value.code) == (status, code)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("case", "x"),
        ("case", None),
        ("on", "2026-W48-1"),
        ("on", 5),
        ("minutes", True),
        ("minutes", "30"),
        ("minutes", 1.5),
        ("remark", None),
    ],
)
def test_the_wrong_field_is_named(field, value):
    given = GOOD | {field: value}
    assert refusal(Visit.read, given) == (422, "field-wrong", {"field": field})


@pytest.mark.parametrize("field", GOOD)
def test_a_missing_field_is_named(field):
    given = {name: value for name, value in GOOD.items() if name != field}
    assert refusal(Visit.read, given) == (422, "field-wrong", {"field": field})


def test_of_several_wrong_fields_the_first_is_named():
    assert refusal(Visit.read, {"minutes": "x"})[2] == {"field": "case"}


def test_a_body_is_described_with_what_a_caller_must_give():
    schema = Visit.described()
    assert schema["required"] == ["case", "on", "minutes", "remark"]
    assert schema["properties"]["case"]["format"] == "uuid"


@pytest.mark.parametrize(
    ("model", "given", "problem", "named"),
    [
        (batches.Pause, {}, "field-missing", {"field": "paused"}),
        (batches.Pause, {"paused": 1}, "field-missing", {"field": "paused"}),
        (destinations.Claim, {"name": 1}, "field-missing", {"field": "name"}),
        (floating.HostNote, {"kind": 1}, "field-wrong", {"field": "kind"}),
        (floating.HostNote, {"kind": "dues"}, "field-wrong", {"field": "on"}),
        (double_reports.NewPost, {"title": 1}, "field-wrong", {"field": "places"}),
        (double_reports.NewPost, {"places": 2}, "field-wrong", {"field": "title"}),
        (double_reports.Hours, {"minutes": 10**7}, "field-wrong", {"field": "minutes"}),
        (papers.Void, {"number": 5}, "bad-field", {"fields": ["number", "reason"]}),
        (
            papers.LettersWanted,
            {"cases": [1]},
            "bad-field",
            {"fields": ["cases", "over", "format"]},
        ),
        (
            papers.Range,
            {"first": "1", "last": 2},
            "bad-field",
            {"fields": ["organisation", "prefix", "first", "last", "digits"]},
        ),
        (Command, {"seen_state": "triaged"}, "field-missing", {"field": "command"}),
        (Command, {"command": "accept"}, "field-missing", {"field": "seen_state"}),
        (Receipt, {"command": "accept"}, "bad-field", {"field": "command"}),
        (Receipt, {}, "field-missing", {"field": "seen_state"}),
    ],
)
def test_each_call_says_in_its_own_words_what_is_wrong(model, given, problem, named):
    assert refusal(model.read, given) == (422, problem, named)


def test_a_commands_own_fields_are_left_to_the_command():
    body = Command.read({"command": "refuse", "seen_state": "arrived", "reason": 5})
    assert body.arguments == {"reason": 5}


def test_a_receipt_is_recorded_by_the_usual_command_where_none_is_named():
    assert Receipt.read({"seen_state": "receipt_sent"}).command == "record_receipt"


def test_a_rule_keeps_the_names_of_its_form():
    given = destinations.Rule.read({"from": "2026-12-01", "row": None}).given
    assert given["from"] == "2026-12-01" and given["destination"] is None
