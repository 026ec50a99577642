"""``guidui simulate --city`` tells what it played, and its exit whether all was well."""

from __future__ import annotations

from typer.testing import CliRunner

from services.cli import cli
from services.tools.city import run
from services.tools.city.invariants import Broken
from services.tools.city.report import Report


def test_it_prints_seed_commit_counts_and_the_digest_of_the_history():
    done = CliRunner().invoke(cli, ["simulate", "--city", "30", "--years", "0.1", "--seed", "3"])
    said = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert done.exit_code == 0, done.output
    assert said["seed"] == "3" and said["members"] == "30" and said["broken invariants"] == "0"
    assert {"commit", "acts", "cases", "seconds"} <= set(said) and len(said["history"]) == 64


def test_a_broken_invariant_is_named_and_the_exit_is_1(monkeypatch):
    broken = Report(9, 30, 365, broken=[Broken("one owner", "case 7", "nobody owns it")])
    monkeypatch.setattr(run, "simulate", lambda *_: broken)
    done = CliRunner().invoke(cli, ["simulate", "--city", "30", "--seed", "9"])
    assert done.exit_code == 1
    assert (
        "broken: one owner: case 7: nobody owns it" in done.stderr
        and "broken invariants 1" in done.stdout
    )


def test_either_a_scenario_or_a_city():
    assert CliRunner().invoke(cli, ["simulate"]).exit_code == 2
    assert (
        CliRunner().invoke(cli, ["simulate", "--city", "30", "--scenario", "x.json"]).exit_code == 2
    )
    assert CliRunner().invoke(cli, ["simulate", "--city", "0"]).exit_code == 2
