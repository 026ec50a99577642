"""Which damage the blocking keys outlive, and that they stay few."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.keys import member_keys, person_keys
from services.identity.persons import MemberRecord, Person

MEMBER = MemberRecord(
    "m1", "吕国栋", "male", "1975-03-02", "430203197503021615", "13800000001", "", "430203001002"
)
CELL = st.none() | st.text(st.characters(exclude_categories=()), max_size=60)


def test_the_keys_of_an_ordinary_member() -> None:
    assert member_keys(MEMBER) == {
        "id:430203197503021615",
        "ip:430203197503021",
        "n:luguodong",
        "ys:1975:luguodong",
        "bs:19750302lu",
        "bg:19750302dong",
        "p:13800000001",
        "nt:1615luguodong",
    }


@pytest.mark.parametrize(
    "person",
    [
        Person(id_number="43020319750302161５"),
        Person(id_number="430203750302161"),
        Person(id_number="430203197503021651"),
        Person(id_number="430203197503021000"),
        Person(id_number="4.30203197503022E+17"),
        Person(id_number="43020319750302615"),
        Person(name="呂國棟", birth_date="75.3.2"),
        Person(name="吕囯□", birth_date="19750302"),
        Person(name="侣国东", birth_date="1975.3"),
        Person(name="昌国栋", birth_date="1975-03-02"),
        Person(name="吕国栋", birth_date="1975-02-03"),
        Person(name="吕国栋", birth_date="1977-03-02"),
        Person(name="吕国栋", birth_date="1975"),
        Person(pinyin="Guo-dong LYU", birth_date="1975-03"),
        Person(name="Lv Guodong"),
        Person(name="吕国栋"),
        Person(name="王五", phone="+86 138 0000 0001"),
    ],
)
def test_damaged_rows_reach_the_member(person: Person) -> None:
    assert person_keys(person) & member_keys(MEMBER)


@pytest.mark.parametrize(
    ("held", "given"),
    [
        ("买买提·艾力江", "买买提"),
        ("侯䴖佳", "侯〇佳"),
        ("吐尔逊江·买买提", "吐尔逊江买买提"),
        ("尹永\ue860", "尹永"),
    ],
)
def test_names_that_lost_a_part_are_found_by_year(held: str, given: str) -> None:
    member = MemberRecord("m2", held, None, "1982-05-30", None, None, None, None)
    assert person_keys(Person(name=given, birth_date="1982年")) & member_keys(member)


def test_a_row_that_says_nothing_asks_for_nothing() -> None:
    assert person_keys(Person(name="同上", id_number="无", birth_date="", phone="-")) == frozenset()


@given(CELL, CELL, CELL, CELL)
def test_any_text_has_few_keys(
    name: str | None, number: str | None, born: str | None, phone: str | None
) -> None:
    assert len(member_keys(MemberRecord("m", name, None, born, number, phone, None, None))) <= 13
    assert len(person_keys(Person(name, number, born, None, phone))) <= 400
