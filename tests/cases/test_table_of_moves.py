"""Every state with every command and every actor, beside the table of interface.md §6 written out
by hand.

``tests/data/moves.csv``: who (``by``) may give ``command`` in state ``from`` and where it leads
(``to``); ``given`` and ``case`` say what is different from the usual fields of the command and of
the case where one command leads to several states. What the table does not name must be refused.
"""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.cases.commands.decide import decide
from services.cases.model import states
from services.kit.errors import Refused
from tests.cases.cast import (
    ACTORS,
    ASKED,
    BRANCH,
    CITY,
    COMMUNITY,
    COMMUNITY_BRANCH,
    COUNTY,
    GIVEN,
    HOST,
    NAMED,
    ORIGIN_COUNTY,
    OUTSIDE,
    STREET,
    UNIT,
    WORLD,
    case_in,
)

TABLE = list(
    csv.DictReader(
        (Path(__file__).parent.parent / "data/moves.csv").read_text("utf-8").splitlines()
    )
)
NOT_PEOPLE = {"matcher", "clock", "loading"}
PEOPLE = [line for line in TABLE if line["by"] not in NOT_PEOPLE]
# who that is in the cast; the county recorded the arrival, the unit posted; a committee's superiors
# may act for it
WHO: dict[str, set[str]] = {
    "origin": {BRANCH, UNIT, ORIGIN_COUNTY, CITY},
    "origin_branch": {BRANCH},
    "origin_committee": {UNIT, ORIGIN_COUNTY, CITY},
    "destination_or_header": {COMMUNITY, COUNTY},
    "receiver": {COUNTY},
    "receiving_committee": {STREET, COUNTY, CITY},
    "ruling_department": {CITY},
    "destination_or_receiving_committee": {COMMUNITY, STREET, COUNTY, CITY},
    "branch_placed_in": {COMMUNITY_BRANCH},
    "asked": {ASKED},
    "host": {HOST},
    "poster": {UNIT, ORIGIN_COUNTY, CITY},
    "a_part": {
        BRANCH,
        UNIT,
        ORIGIN_COUNTY,
        CITY,
        COMMUNITY,
        COMMUNITY_BRANCH,
        STREET,
        COUNTY,
        HOST,
        ASKED,
    },
}
FIRST = {(line["from"], line["command"]): line for line in reversed(PEOPLE)}


def case_of(line: dict[str, str]):
    changes: dict[str, Any] = {
        name: date.fromisoformat(value) if name.endswith("_on") else value
        for name, value in json.loads(line["case"] or "{}").items()
    }
    return case_in(line["from"], line["command"]).replace(**changes)


def given_by(line: dict[str, str]) -> dict[str, Any]:
    return GIVEN[line["command"]] | json.loads(line["given"] or "{}")


def who(line: dict[str, str], case) -> set[str]:
    """Those of the cast that the table means; a case on its way to an organisation outside has no
    receiver here.
    """
    return WHO[line["by"]] - ({STREET, COUNTY, COMMUNITY} if case.destination == OUTSIDE else set())


def test_the_table_names_every_command_and_every_state():
    assert {line["command"] for line in PEOPLE} == set(states.COMMANDS)
    assert {line["from"] for line in PEOPLE} | states.TERMINAL == set(states.STATES)


@pytest.mark.parametrize("state", states.STATES)
def test_every_command_by_every_actor_does_what_the_table_says(state: str):
    for command in states.COMMANDS:
        line = FIRST.get((state, command))
        case = case_of(line) if line else case_in(state, command)
        for actor in ACTORS:
            wanted = 409 if line is None else line["to"] if actor in who(line, case) else 403
            assert outcome(case, command, actor, GIVEN[command]) == wanted, (state, command, actor)


def outcome(case, command: str, actor: str, given: dict[str, Any]) -> str | int:
    """The state it leads to, or the status of a refusal in whole sentences."""
    try:
        return decide(case, command, actor, given, WORLD, NAMED).case.state
    except Refused as refused:
        assert refused.words.zh.endswith("。") and refused.words.en.endswith("."), (
            case.state,
            command,
        )
        return refused.status


@pytest.mark.parametrize(
    "line", PEOPLE, ids=lambda line: f"{line['from']} {line['command']} {line['to']}"
)
def test_every_line_leads_where_it_says_for_everybody_it_names(line: dict[str, str]):
    case = case_of(line)
    for actor in sorted(who(line, case)):
        assert (
            decide(case, line["command"], actor, given_by(line), WORLD, NAMED).case.state
            == line["to"]
        ), actor


def test_the_database_holds_the_same_table(worker):
    with worker.connect() as tx:
        stored = {
            tuple(row)
            for row in tx.exec_driver_sql("SELECT from_state, command, to_state FROM transition")
        }
    assert stored == {(line["from"], line["command"], line["to"]) for line in TABLE}
