"""`guidui bench` says what it measured, and which names it knows."""

from __future__ import annotations

import json
from pathlib import Path

from services.kit.settings import Settings
from services.tools.bench import run_bench
from services.tools.bench.latency import quantiles
from services.tools.bench.machine import cpu_seconds


def test_an_unknown_name_is_bad_usage_and_lists_the_names(tmp_path: Path, capsys) -> None:
    assert run_bench("nonsense", False, Settings(data=tmp_path)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    for name in (
        "address",
        "identity",
        "pipeline",
        "embedded",
        "latency",
        "bulk",
        "calendar",
        "roster",
        "portal",
        "audit",
    ):
        assert name in said.err


def test_a_short_run_prints_each_figure_beside_what_it_is_compared_with(
    tmp_path: Path, capsys
) -> None:
    assert run_bench("embedded", True, Settings(data=tmp_path), scale=0.005) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["machine"]["cores"] >= 1
    for consumer in ("the real matcher", "the real notifier"):
        figures = report["consumers"][consumer]
        assert figures["measured"]["messages"] == 50
        assert figures["beside"]["what"] == "bare database step"
        assert figures["ratio"] > 0 and figures["wanted"] == 0.5


def test_a_batch_is_measured_to_the_last_of_its_cases(tmp_path: Path, capsys) -> None:
    assert run_bench("bulk", True, Settings(data=tmp_path), scale=0.002) == 0
    report = json.loads(capsys.readouterr().out)
    assert (
        report["people"] == report["children"] == report["confirmed"] == 52
        and report["batches"] == 1
    )
    assert report["beside"]["what"] == "bare matcher step" and set(report["seconds"]) >= {
        "intake",
        "matcher",
        "notifier",
    }


def test_a_new_calendar_is_measured_over_open_deadlines_and_moves_them_once(
    tmp_path: Path, capsys
) -> None:
    assert run_bench("calendar", True, Settings(data=tmp_path), scale=0.002) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["open_deadlines"] >= 200 and 0 < report["moved"] < report["open_deadlines"]
    assert report["moved_by_the_same_list_again"] == 0 and report["beside"]["seconds"] > 0


def test_a_quantile_is_a_value_that_was_seen() -> None:
    assert quantiles([n / 1000 for n in range(1, 101)]) == {
        "p50": 50.0,
        "p90": 90.0,
        "p99": 99.0,
        "max": 100.0,
    }


def test_cpu_time_of_a_process_that_is_gone_is_nothing() -> None:
    assert cpu_seconds(2**22 + 1) == 0


def test_a_look_up_and_a_roster_stand_beside_their_bare_statement(tmp_path: Path, capsys) -> None:
    assert run_bench("lookup", True, Settings(data=tmp_path), scale=0.004) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (
        figures["members"] == 2_000
        and figures["ms"]["p99"] > 0
        and figures["beside"]["ms"]["p50"] >= 0
    )
    assert sum(kind.get("wrong", 0) for kind in figures["kinds"].values()) == 0
    assert figures["kinds"]["number"]["match"] == figures["kinds"]["number"]["lookups"]
    assert figures["from_disk"]["lookups"] == figures["lookups"]
    assert run_bench("roster", True, Settings(data=tmp_path), scale=0.01) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["rows"] == 300 == sum(figures["decisions"].values())
    assert figures["wrong"] == 0 and figures["beside"]["seconds"] >= 0


def test_letters_are_measured_beside_the_bare_library(tmp_path: Path, capsys) -> None:
    assert run_bench("letters", True, Settings(data=tmp_path), scale=0.005) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["pages"] == 50
    for kind in ("letters", "over_print", "beside"):
        assert figures[kind]["pages_per_second"] > 0 and figures[kind]["peak_mb"] > 10
    assert figures["letters"]["file_mb"] > figures["beside"]["file_mb"]


def test_pages_of_a_province_are_measured_for_each_level_and_beside_a_page_that_reads_nothing(
    tmp_path: Path, capsys
) -> None:
    assert run_bench("portal", True, Settings(data=tmp_path), scale=0.001) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["members"] == 500 and figures["cases"] == 200 and figures["beside"]["p95"] > 0
    assert {name.partition(":")[0] for name in figures["pages"]} == {"community", "street"}
    assert run_bench("audit", True, Settings(data=tmp_path), scale=0.001) == 0
    figures = json.loads(capsys.readouterr().out)
    assert {name.partition(":")[0] for name in figures["pages"]} == {"county", "city", "province"}
    for page in figures["pages"].values():
        assert 0 < page["p50"] <= page["p95"] <= page["max"] and page["bytes"] > 100
