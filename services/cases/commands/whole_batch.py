"""What is said to all members of a batch at once."""

from __future__ import annotations

from services.cases.commands.arguments import Arguments
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext


def give_to_all(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Whoever answers for a batch gives one command to all its members, from a day on."""
    arguments.reason = arguments.one_of("order", states.TO_ALL)
    arguments.mapping("with")
    start = arguments.day("start_on", since=context.today, required=False)
    return case.replace(start_on=start)


def pause(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Whoever answers for a batch stops what runs for all its members."""
    return case.replace(paused=True)


def resume(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Whoever answers for a batch lets it run on."""
    return case.replace(paused=False)
