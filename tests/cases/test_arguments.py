"""The table of arguments: every command has its line, and no command reads past it."""

from __future__ import annotations

import pytest

from services.cases.commands import receiving
from services.cases.commands.argument_kinds import ARGUMENTS, Kind, named_in
from services.cases.commands.arguments import Arguments, Undeclared
from services.cases.model import states
from services.portal.pages.fields import FIELDS


def test_every_command_declares_what_its_arguments_are():
    assert set(ARGUMENTS) == set(states.COMMANDS)


@pytest.mark.parametrize("command", [command for command in FIELDS if command != "give_to_all"])
def test_the_form_asks_for_declared_arguments_only(command: str):
    asked = {field.name for field in FIELDS[command]} - {"other_reason"}
    assert asked <= set(ARGUMENTS[command])


def test_what_is_given_to_a_whole_batch_names_no_case():
    # nobody looks as the caller when a wave is carried out, so there must be nothing to look up
    assert [
        order for order in (*states.TO_ALL, *receiving.ORDERS) if named_in(order, Kind.CASE)
    ] == []


def test_an_argument_that_the_table_does_not_have_cannot_be_read():
    given = Arguments({"into": "1", "reason": "x"}, "330602010028", "merge")
    with pytest.raises(Undeclared):
        given.get("into")
    with pytest.raises(Undeclared):
        given.get("reason")


def test_an_order_of_a_batch_cannot_name_a_foreign_case_either():
    given = Arguments({"into": "22222222-2222-4222-8222-222222222222"}, "330602010028", "merge")
    with pytest.raises(Exception, match="into"):
        given.case("into")
