"""What the identity model decides, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.model import Model, frequencies_of
from services.identity.persons import MemberRecord, Person

MODEL = Model.load()
LI = MemberRecord(
    "m1",
    "李国栋",
    "male",
    "1975-03-02",
    "430203197503021615",
    "13800000001",
    "湖南省株洲市芦淞区白关镇残梅村7组82号",
    "430203001002",
)
TWIN = MemberRecord(
    "m2",
    "李国梁",
    "male",
    "1975-03-02",
    "430203197503021631",
    "13800000001",
    "湖南省株洲市芦淞区白关镇残梅村7组82号",
    "430203001002",
)
WIFE = MemberRecord(
    "m3",
    "王芳",
    "female",
    "1977-08-09",
    "430203197708091625",
    "13800000001",
    "湖南省株洲市芦淞区白关镇残梅村7组82号",
    "430203001002",
)
CELL = st.none() | st.text(st.characters(exclude_categories=()), max_size=60)


def _decided(person: Person, *members: MemberRecord) -> str:
    return MODEL.judge(person, members).decision


@pytest.mark.parametrize(
    "person",
    [
        Person(name="李国栋", id_number=LI.id_number),
        Person(id_number=LI.id_number),
        Person("李國棟", "430203750302161"),
        Person("李国栋", "430203197503021651"),
        Person(name="李国栋", birth_date="75.3.2"),
        Person(pinyin="Guodong LI", birth_date="1975-03-02", phone="13800000001"),
        Person(name="李国栋", birth_date="1975年3月", organisation="430203001002"),
    ],
)
def test_matches(person: Person) -> None:
    answer = MODEL.judge(person, [LI])
    assert (answer.decision, answer.candidates[0].member) == ("match", "m1")
    assert answer.candidates[0].probability > 0.75
    assert answer.model == MODEL.version


@pytest.mark.parametrize(
    "person",
    [
        Person(id_number="430203197503021651"),  # a damaged number alone
        Person(name="王芳", id_number=LI.id_number),  # her husband's number
        Person(
            name="李国栋", birth_date="1975-03-02", id_number=WIFE.id_number, phone=LI.phone
        ),  # his wife's number
    ],
)
def test_leaves_to_a_person(person: Person) -> None:
    assert _decided(person, LI, WIFE) == "review"


def test_a_number_whose_check_digit_fails_never_matches_alone() -> None:
    held = MemberRecord(
        "m4", "李国栋", "male", "1975-03-02", "430203197503021614", None, None, None
    )
    assert _decided(Person(id_number="430203197503021614"), held) == "review"


def test_a_different_valid_number_counts_against_the_same_name_and_birth_date() -> None:
    stranger = Person(name="李国栋", birth_date="1975-03-02", id_number="430203197503021594")
    assert _decided(stranger, LI) != "match"


def test_a_twin_is_nobody_s_match() -> None:
    person = Person(
        name="李国柱",
        birth_date="1975-03-02",
        sex="男",
        phone="13911112222",
        organisation="430203001002",
    )
    assert _decided(person, LI, TWIN) != "match"


@pytest.mark.parametrize(
    "person",
    [
        Person(name="李国梁", id_number=LI.id_number),  # his brother's number, and he is known too
        Person(
            name="李国兰", sex="女", id_number=LI.id_number
        ),  # one character and the sex: a sister
    ],
)
def test_the_number_of_a_brother_does_not_carry_another_name(person: Person) -> None:
    assert _decided(person, LI, TWIN) == "review"


def test_the_number_of_the_row_below_does_not_carry_a_name_of_two_characters() -> None:
    member = MemberRecord(
        "m6", "李俊", "male", "1993-05-12", "620104199305122998", None, None, None
    )
    assert _decided(Person(name="李娜", id_number=member.id_number), member) == "review"
    assert _decided(Person(name="李峻", id_number=member.id_number), member) == "match"


def test_a_slip_in_the_name_beside_the_right_number_still_matches() -> None:
    assert _decided(Person(name="李国粱", id_number=LI.id_number), LI) == "match"


@pytest.mark.parametrize(
    ("written", "held", "decision"),
    [
        ("周丽吉", "周丽𠮷", "match"),  # a character that input methods did not know
        ("再娜普·尼加提", "再娜甫·尼加提", "match"),
        ("再娜甫·尼加提", "再娜提·尼加提", "not_a_member"),
        ("周丽萍", "周丽华", "not_a_member"),
    ],
)
def test_names_that_are_spelled_in_several_ways(written: str, held: str, decision: str) -> None:
    member = MemberRecord("m5", held, "female", "1986-10-25", None, None, None, None)
    assert _decided(Person(name=written, birth_date="1986-10-25"), member) == decision


def test_the_address_one_moves_to_counts_against_nobody() -> None:
    def sure(**told: object) -> float:
        return (
            MODEL.judge(Person(name="李国栋", birth_date="1975", phone=LI.phone, **told), [LI])
            .candidates[0]
            .probability
        )

    elsewhere = "甘肃省兰州市西固区陈坪街道西固中路社区8号楼"
    assert sure(address=elsewhere, moving=True) == sure() > sure(address=elsewhere)
    assert sure(address=LI.address, moving=True) >= sure()


def test_a_damaged_number_and_half_a_name_are_looked_at() -> None:
    assert _decided(Person(name="李国", id_number="430203197503021651"), LI) == "review"


def test_one_person_recorded_twice_is_left_to_a_person() -> None:
    again = MemberRecord(
        "m9", "李国栋", "male", "1975-03-02", LI.id_number, None, None, "430203009001"
    )
    assert _decided(Person(name="李国栋", id_number=LI.id_number), LI, again) == "review"


def test_of_two_namesakes_neither_is_sure() -> None:
    other = MemberRecord(
        "m8", "李国栋", "male", "1975-03-02", "430224197503022415", None, None, "430224001001"
    )
    answer = MODEL.judge(Person(name="李国栋", birth_date="1975-03-02"), [LI, other])
    assert answer.decision == "review"
    assert sum(one.probability for one in answer.candidates) <= 1


def test_nobody_near_is_no_member_where_enough_was_given_and_unknown_where_not() -> None:
    assert _decided(Person(name="赵六", birth_date="1980-01-01")) == "not_a_member"
    assert _decided(Person(id_number=WIFE.id_number)) == "not_a_member"
    assert (
        _decided(Person(name="赵六")) == _decided(Person(name="同上", id_number="无")) == "unknown"
    )


def test_the_prior_moves_the_probability() -> None:
    person = Person(name="李国栋", birth_date="1975-03-05", organisation="430203001002")
    few, many = (
        Model.load(prior=prior).judge(person, [LI]).candidates[0].probability
        for prior in (0.05, 0.6)
    )
    assert few < many


def test_a_rare_name_says_more_than_a_common_one() -> None:
    counts = frequencies_of(["李国栋"] * 900 + ["王芳"] * 99_100)
    person = Person(name="李国栋", birth_date="1975-03-05", phone="13911112222")
    common = MODEL.judge(person, [LI], counts).candidates[0].probability
    rare = MODEL.judge(person, [LI], counts | {"李国栋": 1}).candidates[0].probability
    assert rare > common


def test_near_misses_are_told_in_words() -> None:
    answer = MODEL.judge(Person("李国栋", "430203197503021651", birth_date="1975-03"), [LI])
    told = {reason.field: reason for reason in answer.candidates[0].reasons}
    assert told["id_number"].level == "repaired" and "slip" in told["id_number"].words.en
    assert told["birth_date"].words.zh == "出生年月相符"


@pytest.mark.parametrize(
    "cell",
    ["", "一" * 10_000, "😀" * 50, "\ud800", "'; DROP TABLE member; --", "<b>x</b>", "0", "\x00"],
)
def test_nasty_cells_get_a_calm_answer(cell: str) -> None:
    assert _decided(Person(*[cell] * 8), LI) in ("unknown", "not_a_member")


@given(st.lists(CELL, min_size=8, max_size=8), st.lists(CELL, min_size=7, max_size=7))
def test_any_text_on_either_side_gets_an_answer(
    person: list[str | None], member: list[str | None]
) -> None:
    answer = MODEL.judge(Person(*person), [MemberRecord("x", *member), LI])
    assert answer.decision in ("match", "review", "not_a_member", "unknown")
    assert all(0 <= one.probability <= 1 for one in answer.candidates)
