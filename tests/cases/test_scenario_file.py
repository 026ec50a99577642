"""A file that is no scenario is told from one: exit 2 with a sentence that names the place, and no
traceback.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import cli
from services.tools import scenario_file

GOOD = {
    "start": "2026-03-02T09:00:00+08:00",
    "world": {"organisations": [], "members": []},
    "steps": [],
}
STEP = {"at": "2026-03-02T10:00:00+08:00", "show": {"case": "A"}}
BAD = [
    ("start", {"start": "2026-W10-1T09:00:00+08:00"}),
    ("start", {"start": "soon"}),
    ("start", {"start": None}),
    ("zone", {"start": "2026-03-02T09:00:00"}),
    ("world", {"world": []}),
    ("steps", {"steps": {}}),
    ("world.members", {"world": {"members": [{"name": "甲"}]}}),
    ("world.members", {"world": {"members": "x"}}),
    ("policy.triage_wd", {"policy": {"triage_wd": "soon"}}),
    ("policy.validity_days", {"policy": {"validity_days": 3}}),
    ("policy.lost_months", {"policy": {"lost_months": 100_000}}),
    ("policy.no_such", {"policy": {"no_such": 1}}),
    ("policy", {"policy": {"validity_days": {"in_city": 90}, "validity_days_max": 60}}),
    ("world.calendar", {"world": {"calendar": {"holidays": ["2026-W50-1"]}}}),
    ("world.calendar", {"world": {"calendar": {"holidays": 7}}}),
    ("steps[0].at", {"steps": [STEP | {"at": "tomorrow"}]}),
    ("steps[0].at", {"steps": [STEP | {"at": "9999-12-31T00:00:00Z"}]}),
    ("steps[0].at", {"steps": [{"show": {"case": "A"}}]}),
    ("steps[1]", {"steps": [STEP, {"at": STEP["at"]}]}),
    ("steps[0].do", {"steps": [{"at": STEP["at"], "do": 7, "case": "A"}]}),
    ("steps[0].do", {"steps": [{"at": STEP["at"], "do": None, "case": "A"}]}),
    ("steps[0].case", {"steps": [{"at": STEP["at"], "do": "triage"}]}),
    ("steps[0].with", {"steps": [{"at": STEP["at"], "do": "triage", "case": "A", "with": [1]}]}),
    ("steps[0].show", {"steps": [{"at": STEP["at"], "show": {"moon": "1"}}]}),
    ("steps[0].event", {"steps": [{"at": STEP["at"], "event": []}]}),
]


@pytest.mark.parametrize(
    ("place", "wrong"), BAD, ids=[f"{place}-{n}" for n, (place, _) in enumerate(BAD)]
)
def test_the_place_that_is_wrong_is_named_and_nothing_is_played(tmp_path, place, wrong):
    file = tmp_path / "s.json"
    file.write_text(json.dumps(GOOD | wrong))
    said = CliRunner().invoke(cli, ["simulate", "--scenario", str(file)])
    assert said.exit_code == 2 and isinstance(said.exception, SystemExit)
    assert place in said.stderr and "Traceback" not in said.output


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00", "[" * 100_000])
def test_what_is_no_json_object_is_none(tmp_path, text):
    file = tmp_path / "s.json"
    file.write_text(text)
    with pytest.raises(scenario_file.NotAScenario):
        scenario_file.read(file)


SCENARIOS = sorted((Path(__file__).parent.parent / "data" / "scenarios").glob("*.json"))


@pytest.mark.parametrize("file", SCENARIOS, ids=[f.stem for f in SCENARIOS])
def test_every_history_of_the_tests_is_a_scenario(file):
    assert scenario_file.read(file).steps
