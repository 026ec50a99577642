"""``decide(case, command, actor, args, context)``: the move that a command makes, or a refusal
with a sentence. Pure.

Field names, legal states and rights are interface.md §6; what each command changes stands in the
modules that ``table.COMMANDS`` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.cases.commands import rights
from services.cases.commands.arguments import NOTHING, Arguments, Named, refuse
from services.cases.commands.table import COMMANDS
from services.cases.deadlines import tasks as deadlines
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext, Move, Step
from services.kit.errors import Refused


def decide(
    case: Case,
    command: str,
    actor: str,
    args: Mapping[str, Any],
    context: DecisionContext,
    named: Named = NOTHING,
) -> Move:
    """The move that ``command`` makes, given by organisation ``actor``; raises Refused where it may
    not.

    ``named``: what its arguments name, as the caller sees it. 409 the state does not allow it, 403
    the actor may not, 422 a field is missing or impossible.
    """
    if command not in states.COMMANDS:
        raise refuse(
            422,
            "unknown-command",
            f"没有「{command}」这个办理动作。",
            f"There is no command {command!r}.",
            commands=sorted(states.COMMANDS),
        )
    if (case.state, command) not in states.TRANSITIONS:
        raise _illegal(case, command, actor, context)
    if not rights.may(case, command, actor, context):
        raise _not_yours(case, command, actor, context)
    arguments = Arguments(args, actor, command, named)
    after = COMMANDS[command].effect(case, arguments, context)
    return finish(case, after, command, actor, arguments, context)


def finish(
    case: Case,
    after: Case,
    command: str,
    actor: str | None,
    arguments: Arguments,
    context: DecisionContext,
) -> Move:
    """The move from ``case`` to ``after``: entry dates, waiting and owner settled, one history
    row.
    """
    after = entered(case, after, context)
    after = deadlines.settle(
        after.replace(touched_at=context.now, policy=context.policy_now(after).version), context
    )
    on_paper = tuple(
        Step(act, case.state, case.state, actor, "on_paper", detail)
        for act, detail in arguments.extra_steps
    )
    step = Step(command, case.state, after.state, actor, arguments.reason, arguments.detail())
    return Move(
        after,
        (*on_paper, step),
        arguments.statement,
        tuple(arguments.affects),
        arguments.taken_over,
    )


def entered(case: Case, after: Case, context: DecisionContext) -> Case:
    """``after`` with its entry time, if it is in another state than ``case`` (or counts anew)."""
    if after.state != case.state or after.counted_from is None:
        return after.replace(entered_at=context.now, counted_from=context.today)
    return after


def _illegal(case: Case, command: str, actor: str, context: DecisionContext) -> Refused:
    state = states.STATES[case.state]
    now, zh, en = _what_now(case, actor, context)
    return refuse(
        409,
        "illegal-move",
        f"这件转移现在是「{state[0]}」，不能「{states.COMMANDS[command][0]}」。{zh}",
        f"This transfer is '{state[1]}' now; one cannot {states.COMMANDS[command][1]}. {en}",
        state=case.state,
        allowed=now,
    )


def _not_yours(case: Case, command: str, actor: str, context: DecisionContext) -> Refused:
    state = states.STATES[case.state]
    now, zh, en = _what_now(case, actor, context)
    return refuse(
        403,
        "not-yours",
        f"这件转移现在是「{state[0]}」，「{states.COMMANDS[command][0]}」不由本组织办理。{zh}",
        f"This transfer is '{state[1]}' now; it is not for this organisation to "
        f"{states.COMMANDS[command][1]}. {en}",
        allowed=now,
    )


def _what_now(case: Case, actor: str, context: DecisionContext) -> tuple[list[str], str, str]:
    """What ``actor`` may do now: the commands, and a sentence in each language."""
    now = sorted(rights.allowed(case, actor, context))
    verbs_zh = "、".join(states.COMMANDS[c][0] for c in now) or "无"
    verbs_en = ", ".join(states.COMMANDS[c][1] for c in now) or "nothing"
    return (
        now,
        f"本组织现在可以办理：{verbs_zh}。",
        f"What this organisation may do now: {verbs_en}.",
    )


def fall_back(case: Case, context: DecisionContext) -> Move:
    """The clock's, where policy says so: a letter that stalls on its one channel goes by the other
    too.
    """
    after = deadlines.settle(case.replace(letter_channel="both"), context)
    return Move(after, (Step("fall_back", case.state, after.state, None),))


def expire(case: Case, context: DecisionContext) -> Move:
    """The clock's: a letter that is still out has run out."""
    after = case.replace(state=states.LETTER_EXPIRED, letter_status="expired")
    after = deadlines.settle(entered(case, after, context), context)
    return Move(after, (Step("expire", case.state, after.state, None),))
