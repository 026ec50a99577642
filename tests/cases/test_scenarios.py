"""Histories played through the real handlers and commands: every step ends as the interface page
says it must.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from services.kit.db.engine import connect
from services.tools.simulate import play
from tests.cases.history import homes_told, rebuilt, stored

FOLDER = Path(__file__).parent.parent / "data" / "scenarios"
SCENARIOS = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("file", SCENARIOS, ids=[f.stem for f in SCENARIOS])
def test_every_step_of_a_history_ends_as_it_must(database, gazetteer, monkeypatch, file: Path):
    monkeypatch.setattr("services.app.Gazetteer.open", lambda cache: gazetteer)
    scenario = json.loads(file.read_text("utf-8"))
    answer, _ = play(database.app_url, scenario, datetime.fromisoformat(scenario["start"]))
    wrong = [
        (scenario["steps"][a["index"]], {k: v for k, v in a.items() if k != "ok"})
        for a in answer["steps"]
        if not a["ok"]
    ]
    assert not wrong, "\n".join(
        f"step {told['index']}: {json.dumps(step, ensure_ascii=False)}\n  but: "
        f"{json.dumps(told, ensure_ascii=False)}"
        for step, told in wrong
    )
    what_the_histories_tell_is_what_stands(database.app_url, scenario)


def what_the_histories_tell_is_what_stands(url: str, scenario: dict) -> None:
    """Every row follows from its history; nobody belongs elsewhere but by an acceptance; one open
    case per member.
    """
    engine = connect(url, "guidui_worker", connections_max=1)
    with engine.connect() as tx:
        for case in tx.exec_driver_sql("SELECT id::text FROM transfer_case").scalars().all():
            assert rebuilt(tx, case) == stored(tx, case)
        began = {m["member"]: m["organisation"] for m in scenario["world"]["members"]}
        assert dict(
            tx.exec_driver_sql("SELECT member, organisation FROM member").all()
        ) == began | homes_told(tx)
        assert not tx.exec_driver_sql(
            "SELECT case_id FROM task WHERE closed_at IS NULL AND case_id IN (SELECT id FROM "
            "transfer_case WHERE owner IS NULL)"
        ).all()
    engine.dispose()
