"""What parsing makes of an event, and what it says of a bad one."""

from __future__ import annotations

import copy
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.departures import EVENTS
from schemas.examples import EXAMPLES
from services.intake.faults import Invalid
from services.intake.parse import parse
from services.kit.clock import ZONE

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=ZONE)
EVENT = EXAMPLES["guidui.departure.effective.v1"][0]
BATCH = EXAMPLES["guidui.graduation.batch.v1"][0]
GONE = object()


def changed(path: str, value, event=EVENT) -> dict:
    event = copy.deepcopy(event)
    *way, last = path.split(".")
    place = event
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return event


def refused(event) -> Invalid:
    with pytest.raises(Invalid) as caught:
        parse(event, b"secret", NOW)
    return caught.value


@pytest.mark.parametrize(
    ("path", "value", "pointer", "zh", "en"),
    [
        (
            "data.person.id_number",
            "110105197503020016",
            "/data/person/id_number",
            "校验位不符",
            "check character",
        ),
        (
            "data.person.id_number",
            "11010519750302001",
            "/data/person/id_number",
            "少了一位",
            "missing",
        ),
        (
            "data.person.id_number",
            "110105197513020017",
            "/data/person/id_number",
            "对照证件",
            "card",
        ),
        (
            "data.person.birth_date",
            "1826-03-02",
            "/data/person/birth_date",
            "早于 1900 年",
            "before 1900",
        ),
        (
            "data.person.birth_date",
            "1975-02-30",
            "/data/person/birth_date",
            "年-月-日",
            "year-month-day",
        ),
        (
            "data.person.birth_date",
            "2027-01-01",
            "/data/person/birth_date",
            "还没有到",
            "still to come",
        ),
        ("data.effective_on", "1826-06-30", "/data/effective_on", "早于 1900 年", "before 1900"),
        ("data.effective_on", 20260630, "/data/effective_on", "20260630", "20260630"),
        ("time", "1826-06-30T10:00:00+08:00", "/time", "早于 1900 年", "before 1900"),
        ("time", "2026-11-24T10:00:01+08:00", "/time", "24 小时", "24 hours"),
        ("time", "9999-12-31T23:59:59-23:59", "/time", "24 小时", "24 hours"),
        ("time", "2026-06-30T10:00:00", "/time", "带时区", "zone"),
        ("time", "1751248800", "/time", "带时区", "zone"),
        ("time", 5, "/time", "带时区", "zone"),
        (
            "type",
            "guidui.departure.effective.v2",
            "/type",
            "请发 guidui.departure.effective.v1",
            "send guidui.departure.effective.v1",
        ),
        ("type", "guidui.lunch.eaten.v1", "/type", "没有这种事件", "no event type"),
        ("type", ["x"], "/type", "没有这种事件", "no event type"),
        ("type", GONE, "/type", "缺少 type", "type is missing"),
        ("specversion", "0.3", "/specversion", "1.0", "1.0"),
        ("id", "", "/id", "1 到 200 个字符", "1 to 200 characters"),
        ("id", "a\nb", "/id", "控制字符", "control characters"),
        ("source", "hr.example", "/source", "urn:guidui:organisation:", "urn:guidui:organisation:"),
        ("datacontenttype", "text/xml", "/datacontenttype", "application/json", "application/json"),
        ("data", GONE, "/data", "缺少 data", "data is missing"),
        ("data", [1], "/data", "应是一个对象", "must be an object"),
        ("data.category", "retired", "/data/category", "relocation", "relocation"),
        ("data.person", GONE, "/data", "必须有且只有一个", "exactly one"),
        ("data.person", {"nmae": "张三"}, "/data/person", '写成了 "nmae"', 'spelt "nmae"'),
        ("data.person", "张三", "/data/person", "应是一个对象", "must be an object"),
        ("data.person.name", 7, "/data/person/name", "文字", "text"),
        (
            "data.person.name",
            "长" * 201,
            "/data/person/name",
            "最多 200 个字符",
            "at most 200 characters",
        ),
        ("data.person.name", "空\x00", "", "空字符", "U+0000"),
        ("data.person.sex", "男", "/data/person/sex", "male, female", "male, female"),
        ("data.to.organisation", "12", "/data/to/organisation", "12 位", "12 digits"),
        ("data.to", {"address": {"省": {"市": 1}}}, "/data/to/address", "文字", "text"),
        (
            "data.circumstances.months",
            "3",
            "/data/circumstances/months",
            "不加引号",
            "without quotes",
        ),
        (
            "data.circumstances.months",
            1e300,
            "/data/circumstances/months",
            "不能大于 1200",
            "not be more than 1200",
        ),
        (
            "data.circumstances.months",
            -1,
            "/data/circumstances/months",
            "不能小于 0",
            "not be less than 0",
        ),
        (
            "data.circumstances.group_size",
            1e30,
            "/data/circumstances/group_size",
            "整数",
            "whole number",
        ),
        (
            "data.circumstances.place_fixed",
            "yes",
            "/data/circumstances/place_fixed",
            "true 或 false",
            "true or false",
        ),
        ("data.corrects", "", "/data/corrects", "1 到 200 个字符", "1 to 200 characters"),
        ("data_base64", "not base64", "/data_base64", "Base64", "Base64"),
    ],
)
def test_a_bad_field_is_named_with_what_stands_there_and_the_fix(path, value, pointer, zh, en):
    found = refused(changed(path, value))
    assert [fault.pointer for fault in found.faults] == [pointer]
    words = found.words()
    assert zh in words.zh and en in words.en
    assert words.zh.endswith("。") and words.en.endswith(".")


def test_all_faults_are_told_at_once_and_the_identity_number_is_not_repeated_whole():
    event = changed("data.person.sex", "男", changed("data.category", "x"))
    assert [fault.pointer for fault in refused(event).faults] == [
        "/data/category",
        "/data/person/sex",
    ]
    number = "110105197503020016"
    assert number not in str(refused(changed("data.person.id_number", number)).faults)


def test_one_bad_person_among_many_is_named_by_place():
    found = refused(changed("data.persons.1.person", {"id_number": "110105197503020016"}, BATCH))
    assert found.faults[0].pointer == "/data/persons/1/person/id_number"
    many = changed("data.persons", [{"person": {"name": "某"}}] * 5001, BATCH)
    assert "5000" in refused(many).words().zh


@pytest.mark.parametrize("deep", [230, 400])
def test_nesting_without_end_is_refused(deep):
    value: dict = {}
    for _ in range(deep):
        value = {"a": value}
    assert "套得太深" in refused(changed("data.more", value)).words().zh


@pytest.mark.parametrize("value", [10**30, "\ud800"])
def test_what_json_text_cannot_hold_is_refused(value):
    assert "无法保存" in refused(changed("data.more", value)).words().zh


def test_the_person_leaves_data_and_the_key_is_a_pseudonym():
    posted = parse(EVENT, b"secret", NOW)
    assert posted.data == {"category": "layoff", "effective_on": "2026-06-30"}
    assert posted.people[0]["person"]["name"] == "示例甲" and posted.people[0]["to"][
        "address"
    ].startswith("北京市")
    assert "110105" not in posted.key
    assert posted.key == parse(EVENT, b"secret", NOW).key != parse(EVENT, b"other", NOW).key


def test_one_person_has_one_key_however_the_number_is_written():
    fifteen = changed("data.person.id_number", "110105750302001")
    spaced = changed("data.person.id_number", "１１０１０５ 19750302 001７")
    assert len({parse(event, b"secret", NOW).key for event in (EVENT, fifteen, spaced)}) == 1


def test_what_is_said_of_all_persons_stands_for_each_who_does_not_say_it_otherwise():
    event = changed("data.to", {"employer": "公用", "since": "2026-07-01"}, BATCH)
    first, second = parse(event, b"secret", NOW).people
    assert first["to"] == {"employer": "示例科技有限公司", "since": "2026-07-01"}
    assert second == {
        "person": {"member": "m-000123"},
        "to": {"employer": "公用", "since": "2026-07-01"},
        "circumstances": {"has_job": False, "archive_with": "school"},
    }


@pytest.mark.parametrize(
    ("said", "reached"),
    [
        ({"reached": True}, True),
        ({"result": "reached"}, True),
        ({"result": "no_answer"}, False),
        ({"reached": False, "result": "reached"}, False),
    ],
)
def test_an_attempt_says_in_either_way_whether_the_member_was_reached(said, reached):
    attempt = EXAMPLES["guidui.contact.attempt.v1"][0]
    person = attempt["data"]["person"]
    assert parse(attempt | {"data": {"person": person, **said}}, b"secret", NOW).data == {
        "reached": reached
    }
    assert "reached" in refused(attempt | {"data": {"person": person}}).words().zh


def test_the_same_event_is_the_same_in_every_writing():
    same = [
        EVENT,
        dict(reversed(EVENT.items())),
        changed("time", "2026-06-30T02:00:00Z"),
        changed("datacontenttype", GONE),
        changed("subject", None),
        changed("datacontenttype", "application/json; charset=utf-8"),
    ]
    assert len({parse(event, b"secret", NOW).body_hmac for event in same}) == 1
    other = [
        changed("time", "2026-06-30T10:00:01+08:00"),
        changed("time", GONE),
        changed("subject", "x"),
        changed("data.more", 1),
    ]
    assert len({parse(event, b"secret", NOW).body_hmac for event in [EVENT, *other]}) == 5


def test_blank_and_null_state_nothing_and_whole_numbers_stay_whole():
    numbers = changed("data.circumstances", {"months": 3, "years_abroad": 1.5})
    event = changed("data.to", {"address": " ", "employer": None}, numbers)
    (person,) = parse(event, b"secret", NOW).people
    assert "to" not in person and person["circumstances"] == {"months": 3, "years_abroad": 1.5}
    assert isinstance(person["circumstances"]["months"], int)


def test_an_event_without_time_happened_when_it_arrived():
    assert parse(changed("time", GONE), b"secret", NOW).time == NOW


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)
places = st.sampled_from(
    [
        "specversion",
        "type",
        "source",
        "id",
        "time",
        "datacontenttype",
        "data",
        "data_base64",
        "data.person",
        "data.persons",
        "data.to",
        "data.circumstances",
        "data.batch",
        "data.person.id_number",
        "data.person.birth_date",
        "data.person.name",
        "data.circumstances.months",
        "data.effective_on",
    ]
)
events = st.sampled_from([example for kind in EVENTS for example in EXAMPLES[kind]])


@settings(max_examples=300, deadline=None)
@given(events, places, json_values)
def test_whatever_stands_in_a_field_is_taken_or_refused_in_words(event, place, value):
    try:
        event = changed(place, value, event)
    except KeyError:
        event = event | {place.split(".")[0]: value}
    try:
        parse(event, b"secret", NOW)
    except Invalid as invalid:
        assert all(fault.words.zh and fault.words.en for fault in invalid.faults)


@settings(max_examples=200, deadline=None)
@given(json_values)
def test_whatever_is_sent_as_an_event_is_refused_in_words(value):
    with pytest.raises(Invalid):
        parse(value, b"secret", NOW)
