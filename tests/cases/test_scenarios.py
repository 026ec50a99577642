"""Histories played through the real handlers and commands: every step ends as the interface page says it must."""
from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from services.simulate import play

FOLDER = Path(__file__).parent.parent / "data" / "scenarios"
SCENARIOS = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("file", SCENARIOS, ids=[f.stem for f in SCENARIOS])
def test_every_step_of_a_history_ends_as_it_must(database, file: Path):
    scenario = json.loads(file.read_text("utf-8"))
    answer, _ = play(database.app_url, scenario, datetime.fromisoformat(scenario["start"]))
    wrong = [(scenario["steps"][a["index"]], {k: v for k, v in a.items() if k != "ok"})
             for a in answer["steps"] if not a["ok"]]
    assert not wrong, "\n".join(f"step {told['index']}: {json.dumps(step, ensure_ascii=False)}\n  but: "
                                f"{json.dumps(told, ensure_ascii=False)}" for step, told in wrong)
