"""Every act and task has its sentence, and pages read in English show no Chinese of ours."""

from __future__ import annotations

import re

from services.cases.model import states
from services.portal.pages import sentences
from tests.portal.town import text


def test_every_act_and_task_has_its_sentence():
    from services.cases.deadlines.tasks import _STATE_TASKS

    assert set(_STATE_TASKS.values()) <= set(sentences.TASKS)
    assert {"triage", "accept", "rule", "reissue", "record_receipt", "answer"} <= set(
        sentences.NEXT
    ) & set(sentences.ROW_ASKS)
    assert set(states.OBSTACLES) == set(sentences.OBSTACLES)
    assert {*states.REFUSAL_REASONS, *states.CLOSE_REASONS} <= set(sentences.REASONS)


def test_a_page_in_english_speaks_english(town, reader):
    case = town.leaves(0, "record_arrival")
    one = reader("secretary", "en")
    for path in (
        "/cases",
        f"/cases/{case}",
        f"/cases/{case}/refuse",
        "/departures/new",
        "/reviews",
        "/password",
    ):
        page = one.get(path)
        assert '<html lang="en"' in page.text and page.headers["content-language"] == "en"
        names = re.compile(
            r"中共[^<\s]+|[^\s<]*(?:支部|党委|工委|书记|社区)[^\s<]*|[\u4e00-\u9fff·〔〕]*(?:发|条例)[^\s<]*|中文"
        )
        left = re.findall(r"[\u4e00-\u9fff]{2,}", names.sub("", text(page)))
        assert set(left) <= {"赵建建", "联系人"}, (path, left)


def test_names_as_people_say_them():
    short = sentences.Speaker.short
    assert (
        short("中共柯桥街道工作委员会") == "柯桥街道工委"
        and short("中共绍兴示例学院委员会") == "绍兴示例学院党委"
    )
    assert (
        short("中共管墅社区第一支部委员会") == "管墅社区第一支部"
        and short("中共管墅社区总支部委员会") == "管墅社区总支部"
    )
    assert short("中共绍兴市委组织部") == "绍兴市委组织部" and short(None) == ""
