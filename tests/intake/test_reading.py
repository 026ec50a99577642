"""How a request, its fields and its faults are read, piece by piece."""

from __future__ import annotations

import pytest

from services.intake.canonical import canonical, posted_fields
from services.intake.faults import Fault, Invalid
from services.intake.modes import BATCH, BATCH_EVENTS_MAX, STRUCTURED, read
from services.intake.sentences import shown
from services.kit.errors import Refused, Text


def request(kind: str, body: bytes = b"{}", **more: bytes):
    headers = [(b"Content-Type", kind.encode())]
    headers += [(name.replace("_", "-").encode(), value) for name, value in more.items()]
    return read(headers, body)


def test_one_event_stands_alone_and_a_batch_does_not():
    assert request(STRUCTURED, b'{"id": "1"}') == ([{"id": "1"}], True)
    assert request(BATCH, b"[1, 2]") == ([1, 2], False)


def test_in_binary_mode_the_attributes_are_headers():
    received = request("application/json", b'{"on": 1}', ce_id=b'"a%20b"', ce_type=b"t")
    assert received.alone
    assert received.events == [
        {"id": "a b", "type": "t", "datacontenttype": "application/json", "data": {"on": 1}}
    ]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("text/plain", {}),
        ("application/json", {}),
        (f"{STRUCTURED}; charset=gbk", {}),
        (STRUCTURED, {"content_encoding": b"gzip"}),
    ],
)
def test_another_form_is_refused(kind, more):
    with pytest.raises(Refused) as refused:
        request(kind, **more)
    assert refused.value.code == "unsupported-media-type"


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf8"'])
def test_utf_8_may_be_said(charset):
    assert request(f"{STRUCTURED}; charset={charset}").alone


def test_a_batch_has_an_end():
    with pytest.raises(Refused) as refused:
        request(BATCH, b"[" + b"1," * BATCH_EVENTS_MAX + b"1]")
    assert refused.value.code == "batch-too-long"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": 1'])
def test_what_is_no_json_is_told_where_it_breaks_off(body):
    with pytest.raises(Invalid):
        request(STRUCTURED, body)


@pytest.mark.parametrize(
    ("attributes", "fields"),
    [
        ({"subject": None}, {}),
        ({"priority": 3, "urgent": True}, {"priority": "3", "urgent": "true"}),
        ({"datacontenttype": "application/json; charset=utf-8"}, {}),
        ({"datacontenttype": "Application/CBOR"}, {"datacontenttype": "application/cbor"}),
        ({"data_base64": "eyJhIjogMX0="}, {"data": {"a": 1}}),
        ({"time": "2026-03-20T09:00:00+08:00"}, {"time": "2026-03-20T01:00:00+00:00"}),
        ({"time": "yesterday"}, {"time": "yesterday"}),
        ({"data": {"reached": True}}, {"data": {"reached": True}}),
    ],
)
def test_an_event_has_one_form(attributes, fields):
    assert posted_fields(attributes) == fields


def test_the_same_event_is_the_same_text():
    assert canonical({"b": 1, "a": "中"}) == canonical({"a": "中", "b": 1}) == '{"a":"中","b":1}'


@pytest.mark.parametrize("value", ["\x00", {"a\x00": 1}, [["\x00"]]])
def test_the_character_that_cannot_be_stored_is_named(value):
    with pytest.raises(Invalid) as invalid:
        canonical({"data": value})
    assert "U+0000" in invalid.value.words().en


def test_an_identity_number_is_shown_without_its_middle():
    assert shown("33060219800505003X", "id_number").zh == '"330602********003X"'
    assert shown("1234567890", "id_number").zh == '"1234567890"'
    assert shown("33060219800505003X", "phone").zh == '"33060219800505003X"'


def test_a_long_value_is_cut_and_a_structure_is_named():
    assert shown("x" * 99).en.endswith("…")
    assert (shown({}).en, shown([]).en) == ("an object", "a list")


def test_the_first_faults_are_said_and_the_others_counted():
    faults = [Fault(f"/{number}", Text(f"错{number}。", f"Wrong {number}.")) for number in "12345"]
    few, many = Invalid(faults[:3]).words(), Invalid(faults).words()
    assert few == Text("错1。错2。错3。", "Wrong 1. Wrong 2. Wrong 3.")
    assert many.zh == "错1。错2。错3。另有 2 处，见 errors。"
    assert many.en == "Wrong 1. Wrong 2. Wrong 3. 2 more, see errors."
