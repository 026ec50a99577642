"""What is written to people: right words, and nothing personal whatever the register holds."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.translations import translator
from services.notifier.policy import default_policy
from services.notifier.rendering import (
    INFORMS,
    LANGUAGES,
    Item,
    act_words,
    day_words,
    public_name,
    render,
)
from services.notifier.sentences import ACTS, BECAUSE

TODAY = date(2026, 11, 23)
KINDS = sorted(default_policy().climbs | INFORMS)
ACT_NAMES = [
    "triage",
    "ask",
    "close",
    "confirm_destination",
    "approve_stay",
    "register_floating",
    "rule",
    "issue_letter",
    "record_arrival",
    "accept",
    "place",
    "record_talk",
    "send_receipt",
    "reissue",
    "reopen",
    "answer",
    "contact",
    "note",
    "new",
]
PERSONAL = st.sampled_from(
    [
        "11010519491231002X",
        "１１０１０５１９４９１２３１００２Ｘ",
        "110105 19491231 002x",
        "13912340421",
        "139-1234-0421",
        "+86 139 1234 0421",
        "010-81234567",
    ]
)
LONG_DIGITS = re.compile(r"\d(?:[^\S\n]*[.·-]*\d){5,}")
HOSTILE = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        [
            "{{ 7 * 7 }}",
            "{members}",
            "<script>alert(1)</script>",
            "a\r\nBcc: x@example.org",
            "𠮷野、䶮",
            "%s%n",
            "\u202e\u0000\ue78d",
        ]
    ),
)
NAMES = st.builds(lambda a, p, b: a + p + b, HOSTILE, PERSONAL, HOSTILE) | HOSTILE
ITEMS = st.lists(
    st.builds(
        Item,
        kind=st.sampled_from([*KINDS, "unheard_of"]),
        act=st.sampled_from(ACT_NAMES),
        due_on=st.none() | st.dates(TODAY - timedelta(days=400), TODAY + timedelta(days=400)),
        organisation=NAMES,
        recipient=NAMES,
        because=st.sampled_from([None, "post_ended", "bounced", "undelivered", "overdue"]),
        case=st.none() | st.uuids().map(str),
        climbs=st.booleans(),
    ),
    min_size=1,
    max_size=40,
)


@pytest.mark.parametrize("language", LANGUAGES)
@given(items=ITEMS)
def test_no_number_of_a_person_gets_out_and_no_name_breaks_the_message(language, items):
    subject, text = render(items, TODAY, "https://portal.example.org", language)
    *_, link = [line for line in text.splitlines() if line.startswith("https://")]
    assert re.fullmatch(r"https://portal\.example\.org/(cases/[0-9a-f-]{36}|reviews)?", link)
    assert not LONG_DIGITS.search((subject + text).replace(link, ""))
    assert "\n" not in subject and "\r" not in subject + text and "\0" not in subject + text
    assert len(text) < 12_000
    assert "!" not in act_words(items[0].kind, items[0].act, len(items), language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_words_of_its_own_that_count(language):
    other = act_words("unheard_of", "", 3, language)
    phrases = {kind: act_words(kind, "", 3, language) for kind in KINDS}
    assert len(set(phrases.values()) | {other}) == len(KINDS) + 1
    assert all("3 " in words for kind, words in phrases.items() if kind != "reconciliation")


def test_every_sentence_is_there_in_both_languages_and_calm():
    english = translator("services.notifier", "en")
    for sentence in (*ACTS.values(), *BECAUSE.values()):
        translation = english.gettext(sentence)
        assert translation != sentence
        assert not re.search("[!！]|event|topic|payload", sentence + translation)


def test_a_task_about_several_persons_counts_them_and_leads_to_the_desk():
    item = Item("identify", "identify", date(2026, 11, 30), "甲委员会", "甲委员会", persons=3000)
    subject, text = render([item], TODAY, "https://portal.example.org")
    assert (
        subject == "请核对 3000 人的身份（应于 11月30日 前办理）"
        and "https://portal.example.org/reviews\n" in text
    )
    subject, _ = render([item], TODAY, "https://portal.example.org", "en")
    assert subject == "Please say who 3000 persons on the review desk are by 30 November"
    assert (
        "/reviews"
        not in render(
            [item, Item("triage", "triage", None, "甲委员会", "甲委员会")], TODAY, "https://x"
        )[1]
    )


def test_dates_carry_the_year_only_where_it_is_another():
    assert day_words(date(2026, 11, 27), TODAY, "zh-CN") == "11月27日"
    assert day_words(date(2027, 1, 3), TODAY, "zh-CN") == "2027年1月3日"
    assert day_words(date(2027, 1, 3), TODAY, "en") == "3 January 2027"


def test_one_act_says_what_by_when_and_where():
    item = Item(
        "acceptance", "accept", date(2026, 11, 27), "甲委员会", "甲委员会", case="c1", climbs=True
    )
    subject, text = render([item], TODAY, "https://h/")
    assert subject == "请决定是否接收 1 名党员（应于 11月27日 前办理）"
    assert (
        "请决定是否接收 1 名党员，应于 11月27日 前办理。" in text and "https://h/cases/c1" in text
    )
    assert "逾期将同时提醒上一级党组织。" in text
    assert (
        render([item], TODAY, "https://h/", "en")[0]
        == "Please decide whether to accept 1 member by 27 November"
    )


def test_the_late_come_first_and_a_long_list_says_how_many_more():
    items = [
        Item("triage", "triage", TODAY + timedelta(days=n), f"第{n}委员会", "街道")
        for n in range(-2, 28)
    ]
    subject, text = render(items, TODAY, "https://h", lines_max=12)
    assert subject == "有 30 项事情待办，其中 2 项已逾期"
    assert "1. 「第-2委员会」：研判 1 名党员的去向，应于 11月21日 前办理，已逾期 2 天" in text
    assert "另有 18 项未列出" in text and "13." not in text


@pytest.mark.parametrize(
    "name,shown",
    [
        ("中共第八十一中学支部", "中共第八十一中学支部"),
        ("中共 81 中学支部", "中共 81 中学支部"),
        ("张三13912340421工作室", "张三…工作室"),
        ("甲\r\n乙", "甲 乙"),
        ("长" * 100, "长" * 59 + "…"),
    ],
)
def test_names_of_organisations_fit_for_a_message(name, shown):
    assert public_name(name) == shown
