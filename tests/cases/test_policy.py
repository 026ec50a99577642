"""Policy is data: checked before use, of a place and a day, and never counted back upon what runs
already.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.app import App
from services.cases.commands.decide import decide
from services.cases.deadlines import tasks as deadlines
from services.cases.model import states
from services.cases.model.case import Step
from services.cases.policy import file as policy_file
from services.cases.policy import store as policy_store
from services.cases.policy import values as policy
from services.cases.policy.book import Book, Version
from services.cases.policy.what_if import what_if
from services.cases.routing.decision_table import table
from services.cases.routing.rule_source import default_rules
from services.cases.store import tables
from services.cases.store.tables import Change
from services.cli.policies import load_policy, try_policy
from services.kit.errors import Refused
from tests.cases.cast import (
    BRANCH,
    CASE,
    CITY,
    COUNTY,
    GIVEN,
    NOW,
    ORIGIN_COUNTY,
    STREET,
    UNIT,
    WORLD,
    case_in,
)

TODAY = NOW.date()
CITY_RULE = {
    "version": "SX-1",
    "effective_from": "2026-04-01",
    "document": "绍组〔2026〕7号",
    "source": "第三条",
    "scope": {"city": "3306"},
    "values": {"acceptance_wd": 3, "destination_wd": 4},
}


def version(
    name: str, values: dict[str, Any], start: date = date(2026, 1, 1), **scope: str
) -> Version:
    return Version(name, start, "文件", "条款", values, **scope)


def world_with(*versions: Version):
    book = Book.of(policy.default(), versions)
    return replace(WORLD, book=book, policy=book.at(TODAY))


def file_of(folder: Path, *rows: Any) -> Path:
    (file := folder / "policy.jsonl").write_text(
        "\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8"
    )
    return file


def faults(folder: Path, *rows: Any, stored=()) -> list[tuple[int, str]]:
    with pytest.raises(policy_file.BadPolicy) as bad:
        policy_file.read(file_of(folder, *rows), policy.default(), stored, TODAY)
    assert all(f.reason.zh and f.reason.en and f.fix.zh and f.fix.en for f in bad.value.faults)
    return [(f.row, f.field) for f in bad.value.faults]


@pytest.mark.parametrize("scope", [{"city": "3306"}, {"route": "in_city"}, {"category": "layoff"}])
def test_what_all_are_counted_by_is_the_same_everywhere(tmp_path, scope):
    row = CITY_RULE | {
        "scope": scope,
        "values": {"pocket_early_days": 20, "silent_days": 25, "ruling_wd": 4},
    }
    assert faults(tmp_path, row) == [(1, "values.pocket_early_days"), (1, "values.silent_days")]
    assert policy_file.read(file_of(tmp_path, row | {"scope": {}}), policy.default(), (), TODAY)


def test_every_value_of_the_shipped_policy_has_its_source_and_a_check():
    for name, entry in policy.shipped()["values"].items():
        assert (
            entry["source"]["zh"] and entry["source"]["en"] and ".md" not in str(entry["source"])
        ), name
        assert policy_file.Values.model_validate_json(json.dumps({name: entry["value"]})), name


def test_every_row_of_the_decision_table_says_what_it_rests_on():
    for code, row in table().rows.items():
        for said in (row.source, row.source_en):
            assert said and ".md" not in said and not re.search(r"\bS[0-9]+\b", said), code


@pytest.mark.parametrize(
    "changed, field",
    [
        ({"values": {"validity_days": {"in_city": 91}}}, "values.validity_days.in_city"),
        ({"values": {"acceptance_wd": 0}}, "values.acceptance_wd"),
        ({"values": {"acceptance_wd": True}}, "values.acceptance_wd"),
        ({"values": {"acceptance_days": 5}}, "values.acceptance_days"),
        ({"values": {}}, "values"),
        ({"scope": {"city": "绍兴"}}, "scope.city"),
        ({"scope": {"category": "holiday"}}, "scope.category"),
        ({"scope": {"route": "abroad"}}, "scope.route"),
        ({"effective_from": "2026-03-19"}, "effective_from"),
        ({"effective_from": "soon"}, "effective_from"),
        ({"source": ""}, "source"),
        ({"document": None}, "document"),
        ({"values": {"validity_days_max": 20}}, "values"),
        ({"values": {"who_rules": "me"}}, "values.who_rules"),
        ({"values": {"lost_months": 3}}, "values.lost_months"),
        ({"version": "第一版 草案"}, "version"),
    ],
)
def test_a_bad_row_is_named_with_its_field_and_nothing_of_the_file_is_taken(
    tmp_path, changed, field
):
    assert (2, field) in faults(tmp_path, CITY_RULE, CITY_RULE | {"version": "x"} | changed)


def test_a_file_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "p").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(policy_file.BadPolicy):
        policy_file.read(tmp_path / "p", policy.default(), (), TODAY)
    assert faults(tmp_path, [1, 2], "x")


def test_a_stored_version_stays_as_it_is(tmp_path):
    stored = policy_file.read(file_of(tmp_path, CITY_RULE), policy.default(), (), TODAY)
    assert policy_file.read(file_of(tmp_path, CITY_RULE), policy.default(), stored, TODAY) == []
    assert faults(tmp_path, CITY_RULE | {"values": {"acceptance_wd": 9}}, stored=stored) == [
        (1, "version")
    ]


def test_what_is_said_of_fewer_cases_counts_over_what_is_said_of_more():
    book = Book.of(
        policy.default(),
        [
            version("later", {"acceptance_wd": 9}, date(2026, 3, 1)),
            version("city", {"acceptance_wd": 3}, city="3306"),
            version("both", {"acceptance_wd": 2}, city="3306", category="retirement"),
            version("to-come", {"acceptance_wd": 1}, date(2026, 5, 1), city="3306"),
        ],
    )
    assert book.at(TODAY).acceptance_wd == 9 and book.at(TODAY, "1101").acceptance_wd == 9
    assert book.at(TODAY, "3306", None, "layoff").acceptance_wd == 3
    assert book.at(TODAY, "3306", "in_city", "retirement").acceptance_wd == 2
    assert book.at(TODAY, "3306").version == "2026-1+later+city"
    assert (
        book.at(date(2026, 5, 1), "3306").acceptance_wd == 1
        and book.at(date(2025, 12, 31)) is policy.default()
    )


def test_the_route_and_the_city_of_a_case_choose_its_policy():
    case = case_in("out_approval")
    within = version("near", {"validity_days": {"in_city": 10}}, route="in_city", city="3306")
    across = version("far", {"validity_days": {"cross_province": 45}}, route="cross_province")
    letter = decide(
        case, "issue_letter", UNIT, GIVEN["issue_letter"], world_with(within, across)
    ).case
    assert (
        letter.letter_expires_on - letter.letter_issued_on
    ).days == 10 and letter.policy == "2026-1+near"
    with pytest.raises(Refused) as refused:
        decide(
            case,
            "issue_letter",
            UNIT,
            {"channel": "both", "validity_days": 31},
            world_with(
                version(
                    "cap",
                    {
                        "validity_days_max": 30,
                        "validity_days": {"in_province": 30, "cross_province": 30},
                    },
                )
            ),
        )
    assert "1 到 30" in refused.value.words.zh


def test_refusal_reasons_are_those_of_the_policy():
    def to(reason: str, **values: Any) -> str:
        return decide(
            case_in("arrived"),
            "refuse",
            COUNTY,
            {"reason": reason},
            world_with(version("v", values)),
        ).case.state

    assert to("no_power") == "returned" and to("no_beds") == "escalated"
    assert to("no_power", refusal_reasons=["duplicate", "no_beds"]) == "escalated"
    assert to("no_beds", refusal_reasons=["duplicate", "no_beds"]) == "returned"
    assert (
        to("archive_defect") == "returned"
        and to("archive_defect", archive_check="none") == "escalated"
    )


def test_the_archive_is_checked_where_the_policy_wants_it():
    strict = world_with(version("v", {"archive_check": "required"}))
    with pytest.raises(Refused) as refused:
        decide(case_in("arrived"), "accept", STREET, {}, strict)
    assert refused.value.extra["field"] == "archive_checked"
    assert (
        decide(case_in("arrived"), "accept", STREET, {"archive_checked": True}, strict).case.state
        == "accepted"
    )


def test_a_stay_has_one_of_the_prescribed_reasons():
    listed = world_with(version("v", {"stay_reasons": ["在校深造", "住院治疗"]}))
    with pytest.raises(Refused) as refused:
        decide(case_in("triaged"), "approve_stay", UNIT, GIVEN["approve_stay"], listed)
    assert "在校深造、住院治疗" in refused.value.words.zh
    assert decide(
        case_in("triaged"),
        "approve_stay",
        UNIT,
        GIVEN["approve_stay"] | {"reason": "住院治疗"},
        listed,
    )


@pytest.mark.parametrize(
    "who, department",
    [("common_superior", CITY), ("above_destination", COUNTY), ("above_origin", ORIGIN_COUNTY)],
)
def test_who_rules_is_named_by_the_policy(who: str, department: str):
    move = decide(
        case_in("arrived"),
        "refuse",
        COUNTY,
        {"reason": "no_beds"},
        world_with(version("v", {"who_rules": who})),
    )
    assert move.case.wait_organisation == department


def test_a_dated_change_counts_for_new_moves_only(worker, clock, tmp_path):
    app = App(worker, worker, worker, b"s", tmp_path, clock, default_rules())
    assert load_policy(app, file_of(tmp_path, CITY_RULE)) == 0
    before = case_in(states.TRIAGED).replace(id=CASE, seq=0, asks=[])
    with worker.begin() as tx:
        context = app.rule_source.context(tx, NOW)
        old = tables.write(
            tx,
            [
                Change(
                    None,
                    deadlines.settle(before, context),
                    [
                        Step("open", None, "announced", UNIT),
                        Step("match", "announced", "triaged", None),
                    ],
                )
            ],
            context,
        )[0]
    clock.advance_to(datetime(2026, 4, 1, 9, 0, tzinfo=NOW.tzinfo))
    with worker.begin() as tx:
        context = app.rule_source.context(tx, clock.now())
        noted = decide(old, "note", BRANCH, {"text": "已致电"}, context).case
        assert noted.wait_due == old.wait_due == context.calendar.add_workdays(TODAY, 10), (
            "what ran already runs on"
        )
        moved = decide(old, "confirm_destination", BRANCH, {"member_informed": True}, context).case
        assert (old.policy, moved.policy) == (None, "2026-1+SX-1")
        fresh = deadlines.settle(before.replace(counted_from=context.today), context)
        assert fresh.wait_due == context.calendar.add_workdays(context.today, 4)


def test_what_if_tells_whose_deadlines_would_move_and_changes_nothing(
    worker, clock, tmp_path, capsys
):
    app = App(worker, worker, worker, b"s", tmp_path, clock, default_rules())
    with worker.begin() as tx:
        context = app.rule_source.context(tx, NOW)
        case = case_in(states.TRIAGED).replace(id=CASE, seq=0, asks=[])
        tables.write(
            tx,
            [
                Change(
                    None,
                    deadlines.settle(case, context),
                    [
                        Step("open", None, "announced", UNIT),
                        Step("match", "announced", "triaged", None),
                    ],
                )
            ],
            context,
        )
    assert try_policy(app, file_of(tmp_path, CITY_RULE)) == 0
    said = capsys.readouterr().out
    assert said.splitlines() == [f"{CASE} {BRANCH} confirm_destination 2026-04-03 -> 2026-03-26"]
    assert (
        load_policy(app, file_of(tmp_path, CITY_RULE))
        == 0
        == try_policy(app, file_of(tmp_path, CITY_RULE))
    )
    assert said.strip() in capsys.readouterr().out, (
        "also of a version that is stored and still to come"
    )
    other = replace(
        policy_file.read(file_of(tmp_path, CITY_RULE), policy.default(), (), TODAY)[0], city="1101"
    )
    assert list(what_if(worker, clock, default_rules(), [other])) == []
    with worker.connect() as tx:
        assert len(policy_store.stored_versions(tx)) == 1 and tables.load(tx, [CASE])[
            CASE
        ].wait_due == date(2026, 4, 3)


def test_a_bad_file_is_answered_with_row_field_and_remedy(worker, clock, tmp_path, capsys):
    app = App(worker, worker, worker, b"s", tmp_path, clock, default_rules())
    bad = CITY_RULE | {"version": "b", "values": {"acceptance_wd": 0}}
    assert (
        load_policy(app, file_of(tmp_path, CITY_RULE, bad))
        == 2
        == try_policy(app, file_of(tmp_path, bad))
    )
    assert "第 2 行 values.acceptance_wd" in capsys.readouterr().err
    with worker.connect() as tx:
        assert policy_store.stored_versions(tx) == ()


def test_two_databases_do_not_share_a_book(worker, clock, tmp_path):
    with worker.begin() as tx:
        policy_store.keep(tx, [version("one", {"acceptance_wd": 2})], NOW)
        assert default_rules().context(tx, NOW + timedelta(days=1)).policy.acceptance_wd == 2
        tx.rollback()
    with worker.begin() as tx:
        policy_store.keep(tx, [version("one", {"acceptance_wd": 7})], NOW)
        assert default_rules().context(tx, NOW + timedelta(days=1)).policy.acceptance_wd == 7
