"""Rows and addresses as dirty as real lists hold the bars of clean ones; the generators are those
of `tests.score`.
"""

from __future__ import annotations

import pytest

from services.addresses.gazetteer import Gazetteer
from services.identity.file import Register, person_of
from services.identity.keys import member_keys, person_keys
from services.identity.model import Model
from services.identity.persons import MemberRecord, Person
from tests.score import dirty, dirty_addresses
from tests.score.address import CACHE
from tests.score.identity import MEMBERS

MEMBER_ROWS = [
    MemberRecord(
        "m1",
        "张三丰",
        "male",
        "1990-03-07",
        "110101199003070118",
        "13900000020",
        None,
        "110101001002",
    ),
    MemberRecord(
        "m2",
        "乐春",
        "female",
        "1985-05-06",
        "330602198505061246",
        "13800000001",
        None,
        "110101001002",
    ),
    MemberRecord(
        "m3", "尉迟恭", "male", "1975-03-02", "430203197503021615", None, None, "110101001003"
    ),
    MemberRecord(
        "m4",
        "马云飞",
        "male",
        "1975-03-03",
        "430203197503031610",
        None,
        None,
        "110101001003",
        None,
        None,
        "军01234567",
    ),
    MemberRecord(
        "m5", "王芳", "female", "1980-01-02", "110101198001022226", None, None, "110101001002"
    ),
    MemberRecord(
        "m6", "王芳", "female", "1981-01-02", "110101198101022225", None, None, "110101001003"
    ),
    MemberRecord(
        "m7",
        "王小明",
        "male",
        "1970-10-03",
        "330602197010031219",
        "13700000007",
        None,
        "110101001003",
    ),
]


@pytest.fixture(scope="module")
def answers() -> list[tuple[dict, str, bool]]:
    register, model = Register.read(MEMBERS), Model.load()
    out = []
    for row in dirty.made(1500):
        person = person_of(row)
        answer = model.judge(person, register.find(person), register.frequencies)
        right = bool(answer.candidates) and answer.candidates[0].member == row["gold"]["member"]
        out.append((row, answer.decision, right))
    return out


def test_dirty_rows_are_found_and_nobody_is_taken_for_another(answers):
    matched = [right for _, decision, right in answers if decision == "match"]
    assert len(matched) > 400 and sum(matched) / len(matched) >= 0.998
    numbered = [
        (decision, right)
        for row, decision, right in answers
        if "match" in row["gold"]["acceptable"]
        and "number_none" not in row["gold"]["labels"]["channel"]
    ]
    found = sum(decision == "match" and right for decision, right in numbered)
    assert found / len(numbered) >= 0.97
    assert not [
        row for row, decision, _ in answers if row["gold"]["member"] and decision == "not_a_member"
    ]


@pytest.mark.parametrize(
    ("row", "decision", "member"),
    [
        (
            {"name": "张三丰", "id_number": "110101********0118", "organisation": "110101001002"},
            "match",
            "m1",
        ),
        ({"name": "张三丰", "id_number": "110101********0118"}, "match", "m1"),
        ({"name": "张三丰", "id_number": "11010119900307****"}, "match", "m1"),
        (
            {"name": "张三丰", "id_number": "1101011990********", "organisation": "110101001002"},
            "match",
            "m1",
        ),
        (
            {"name": "张三丰", "id_number": "110101************", "organisation": "110101001002"},
            "match",
            "m1",
        ),
        ({"name": "张三丰", "id_number": "110101********0119"}, "not_a_member", None),
        ({"name": "李四", "id_number": "110101********0118"}, "not_a_member", None),
        ({"name": "王芳", "id_number": "110101************"}, "review", None),
        (
            {"name": "王芳", "id_number": "110101************", "organisation": "110101001002"},
            "match",
            "m5",
        ),
        ({"name": "张三丰", "phone": "139****0020"}, "match", "m1"),
        ({"name": "张三丰", "phone": "139****0021"}, "review", None),
        ({"id_number": "110101199003070"}, "review", "m1"),
        ({"name": "张三丰", "id_number": "110101199003070"}, "match", "m1"),
        ({"name": "YUE CHUN", "birth_date": "1985-05-06"}, "match", "m2"),
        ({"name": "CHUN YUE", "birth_date": "31173"}, "match", "m2"),
        ({"name": "YUCHI GONG", "birth_date": "1975/3/2 0:00"}, "match", "m3"),
        ({"name": "⻢云飞", "birth_date": "一九七五年三月三日"}, "match", "m4"),
        ({"name": "马云飞", "id_number": "军字第01234567号"}, "match", "m4"),
        ({"name": "乐春（女）", "id_number": "33O6O2l98505061246"}, "match", "m2"),
        ({"name": "王小*", "birth_date": "1970-10-03", "phone": "13700000007"}, "match", "m7"),
        ({"name": "李大明（曾用名：王小明）", "birth_date": "1970.10.03"}, "match", "m7"),
    ],
)
def test_what_a_dirty_row_leads_to(row, decision, member):
    person = Person(**row)
    near = [one for one in MEMBER_ROWS if person_keys(person) & member_keys(one)]
    answer = Model.load().judge(person, near)
    assert answer.decision == decision
    if member:
        assert answer.candidates[0].member == member


def test_dirty_addresses_are_routed_rightly_or_not_at_all():
    gazetteer = Gazetteer.open(CACHE)
    found = dirty_addresses.tally(gazetteer, dirty_addresses.made(gazetteer, 1000))
    for kind, (rows, right, _, wrong) in found.items():
        assert rows == 200 and wrong == 0 and right >= 199, (kind, found[kind])
