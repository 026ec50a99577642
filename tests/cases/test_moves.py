"""What a refusal says, and what a legal command leaves behind (who may do what:
test_table_of_moves.py).
"""

from __future__ import annotations

import pytest

from services.cases.commands import rights
from services.cases.commands.decide import decide
from services.cases.commands.table import COMMANDS
from services.cases.model import states
from services.kit.errors import Refused
from tests.cases.cast import ACTORS, CITY, GIVEN, NAMED, NEIGHBOUR, UNIT, WORLD, case_in


def test_the_tables_here_name_every_command():
    assert set(GIVEN) == set(states.COMMANDS) == set(rights.RIGHTS) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_which_rule_it_follows(name: str):
    assert COMMANDS[name].rule.endswith(").") and "rules.md" in COMMANDS[name].rule


@pytest.mark.parametrize("state", states.STATES)
def test_an_illegal_command_is_refused_with_a_sentence_that_says_what_may_be_done(state: str):
    for command in states.COMMANDS:
        if (state, command) in states.TRANSITIONS:
            continue
        for actor in (UNIT, CITY, NEIGHBOUR):
            with pytest.raises(Refused) as refused:
                decide(case_in(state, command), command, actor, GIVEN[command], WORLD, NAMED)
            assert refused.value.status == 409, (state, command)
            assert states.STATES[state][0] in refused.value.words.zh
            assert states.STATES[state][1] in refused.value.words.en


@pytest.mark.parametrize("state", states.STATES)
def test_a_legal_command_leads_where_the_table_says(state: str):
    for command in states.COMMANDS:
        targets = states.TRANSITIONS.get((state, command))
        if targets is None:
            continue
        case = case_in(state, command)
        actor = next(a for a in ACTORS if rights.may(case, command, a, WORLD))
        move = decide(case, command, actor, GIVEN[command], WORLD, NAMED)
        assert move.case.state in targets and move.steps[-1].to_state == move.case.state, (
            state,
            command,
        )
        assert (move.case.owner is None) == (move.case.state in states.TERMINAL), (state, command)


def test_a_neighbour_may_do_nothing_in_any_state():
    for state in states.STATES:
        assert list(rights.allowed(case_in(state), NEIGHBOUR, WORLD)) == []
