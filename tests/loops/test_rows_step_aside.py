"""A row that raises steps aside: the others go on in the same round, and whoever looks is told."""

from __future__ import annotations

import re

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from services import app as composition
from services.app import HANDLERS, LOOPS, loops_unready, set_aside
from services.kit.bus import dead_letters
from services.kit.metrics import LoopGauges, Seam
from services.kit.rounds import Loop, Rounds
from tests.loops.scenes import SCENES
from tests.stories import county_service
from tests.stories.county_service import UNIT
from tests.structure.test_walls import ROOT

# one statement that deletes what is old enough: it reads nothing of a row that could be bad
BY_AGE = {("erase", "old_tries"), ("erase", "security_log")}
PARTS = [
    (name, part)
    for name, loop in LOOPS.items()
    for part in loop.parts
    if (name, part) not in BY_AGE
]


def test_every_part_of_every_loop_has_a_scene():
    assert set(PARTS) == set(SCENES)


def desk(town, loop: str) -> list:
    with town.app.worker.connect() as tx:
        return [row for row in dead_letters.listed(tx, state="open", consumer=loop)]


def figures(town) -> str:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LoopGauges(town.app.worker, LOOPS))
    return generate_latest(registry).decode()


@pytest.mark.parametrize(("loop", "part"), PARTS, ids=[f"{loop}-{part}" for loop, part in PARTS])
def test_the_others_go_on_and_the_row_waits_on_the_desk(town, url, poison, owner, loop, part):
    scene = SCENES[loop, part](town, poison, owner)
    assert scene.is_done(town) == set()
    rounds = Rounds(loop, LOOPS[loop], town.app)

    rounds.once()
    assert scene.is_done(town) == set(scene.keys) - {scene.bad}
    [letter] = desk(town, loop)
    assert (
        letter.reason_zh
        and letter.reason_en
        and letter.attempts == 1
        and letter.body["row"] == letter.key
    )
    assert set_aside(town.app) == {loop: 1} and loops_unready(town.app) == {}
    answer = httpx.get(f"{url}/readyz").json()
    assert answer["ready"] and answer["set_aside"] == {loop: 1}
    assert f'guidui_loop_set_aside{{loop="{loop}"}} 1.0' in figures(town)

    rounds.once()
    assert [(row.id, row.attempts) for row in desk(town, loop)] == [(letter.id, 1)], (
        "the second round leaves it alone"
    )

    assert dead_letters.retry(town.app.worker, letter.id, (), town.clock) is None
    rounds.once()
    assert [row.attempts for row in desk(town, loop)] == [2], (
        "tried once more, and back on the desk"
    )

    scene.heal()
    dead_letters.retry(town.app.worker, letter.id, (), town.clock)
    rounds.once()
    assert desk(town, loop) == [] and scene.is_done(town) == set(scene.keys)


def test_a_row_that_is_skipped_is_left_alone_until_it_is_tried_again(town, poison, owner):
    scene = SCENES["records", "comparisons"](town, poison, owner)
    rounds = Rounds("records", LOOPS["records"], town.app)
    rounds.once()
    [letter] = desk(town, "records")
    dead_letters.skip(town.app.worker, letter.id, (), town.clock)
    scene.heal()
    rounds.once()
    assert scene.is_done(town) == set(scene.keys) - {scene.bad} and set_aside(town.app) == {}
    dead_letters.retry(town.app.worker, letter.id, (), town.clock)
    rounds.once()
    assert scene.is_done(town) == set(scene.keys)


def test_the_parts_of_a_loop_do_not_starve_each_other(town):
    """The first part fails as a whole: the second is done all the same, and readiness and figures
    name the first.
    """
    done = []

    def broken(app):
        raise ZeroDivisionError

    loop = Loop({"first": broken, "second": lambda app: done.append(1) or 1}, 2.0, ("matcher",))
    rounds = Rounds("records", loop, town.app)
    with pytest.raises(ZeroDivisionError):
        rounds.once()
    assert done == [1]
    words = loops_unready(town.app)["loop records"]
    assert words.en.startswith("first: ") and "ZeroDivisionError" in words.en
    assert 'guidui_loop_failing{loop="records"} 1.0' in figures(town)
    Rounds("records", LOOPS["records"], town.app).once()
    assert loops_unready(town.app) == {}
    assert 'guidui_loop_failing{loop="records"} 0.0' in figures(town)


def test_a_loop_that_stands_is_told(town):
    Rounds("tree", LOOPS["tree"], town.app).once()
    assert loops_unready(town.app) == {}
    town.clock.advance_to(town.clock.now().replace(hour=12))
    assert set(loops_unready(town.app)) == {"loop tree"}


def test_a_broken_database_ends_the_round_and_lays_nothing_on_the_desk(town, poison, owner):
    """What is not the row's fault is no reason to put it aside: SQLSTATE 40001 is for the next
    round.
    """
    scene = SCENES["records", "comparisons"](town, poison, owner)
    owner(
        "CREATE OR REPLACE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '40001'; END $$"
    )
    with pytest.raises(Exception, match="busy|40001|Serialization"):
        composition.round_of(town.app, "records")
    assert desk(town, "records") == [] and scene.is_done(town) == set()


def test_a_child_of_a_batch_that_raises_does_not_hold_up_its_batch(town, poison, owner):
    """The order is not called done while the child waits; once it is healed the order ends."""
    town.post({**_event(), "type": "guidui.graduation.batch.v1"})
    with town.app.worker.connect() as tx:
        parent = tx.exec_driver_sql(
            "SELECT id::text FROM transfer_case WHERE state = 'bulk_open'"
        ).scalar_one()
        children = [
            str(i)
            for i in tx.exec_driver_sql(
                "SELECT id FROM transfer_case WHERE parent IS NOT NULL ORDER BY id"
            ).scalars()
        ]
    assert len(children) == 3
    heal = poison("case_event", f"NEW.command = 'note' AND NEW.case_id = '{children[1]}'")
    town.give(UNIT, parent, "give_to_all", order="note", **{"with": {"text": "已通知"}})

    def outcomes():
        with town.app.worker.connect() as tx:
            return (
                {str(i) for i in tx.exec_driver_sql("SELECT case_id FROM batch_outcome").scalars()},
                tx.exec_driver_sql("SELECT count(*) FROM batch_done").scalar_one(),
            )

    composition.round_of(town.app, "clock")
    composition.round_of(town.app, "clock")
    assert outcomes() == (set(children) - {children[1]}, 0)
    [letter] = desk(town, "clock")
    assert letter.body["organisation"] == UNIT
    heal()
    dead_letters.retry(town.app.worker, letter.id, (), town.clock)
    composition.round_of(town.app, "clock")
    assert outcomes() == (set(children), 1)


def _event():
    return {
        **county_service.event(0, "batch"),
        "data": {
            "category": "graduation",
            "persons": [
                {
                    "person": {
                        "name": county_service.name(n),
                        "id_number": county_service.id_number(n),
                    }
                }
                for n in range(3)
            ],
        },
    }


def test_the_alerts_ask_for_figures_that_there_are(town):
    """Every figure in deploy/alerts.yaml is one of /metrics, and every loop is in those by name."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LoopGauges(town.app.worker, LOOPS))
    registry.register(
        Seam(
            town.app.worker,
            [make(town.app) for make in HANDLERS.values()],
            town.clock,
            relay=True,
        )
    )
    told = generate_latest(registry).decode()
    asked = set(
        re.findall(
            r"guidui_\w+",
            "\n".join(
                line
                for line in (ROOT / "deploy" / "alerts.yaml").read_text("utf-8").splitlines()
                if "expr:" in line
            ),
        )
    )
    assert len(asked) >= 8 and not [name for name in asked if f"\n{name}" not in told]
    for name in LOOPS:
        assert f'guidui_loop_succeeded_timestamp_seconds{{loop="{name}"}}' in told
