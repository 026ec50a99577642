"""Questions between organisations, remarks, and two cases that are one."""

from __future__ import annotations

from datetime import timedelta

from services.cases.commands import rights
from services.cases.commands.arguments import Arguments, refuse
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext


def ask(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Either end asks another organisation; it has until a day to answer."""
    to = arguments.organisation("organisation", context)
    arguments.text("text")
    yesterday = context.today - timedelta(days=1)
    due = arguments.day("due_on", after=yesterday, required=False)
    if due is None:
        workdays = context.policy_now(case).ask_wd
        due = context.calendar.add_workdays(context.today, workdays)
    asked = {
        "to": to,
        "by": arguments.actor,
        "at": context.now.isoformat(),
        "due_on": due.isoformat(),
        "answered_on": None,
    }
    return case.replace(asks=[*case.asks, asked])


def answer(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Who was asked answers the first question that is open to it."""
    arguments.text("text")
    asks = list(case.asks)
    for place, question in enumerate(asks):
        if rights.may_answer(question, arguments.actor, context):
            asks[place] = {**question, "answered_on": context.today.isoformat()}
            break
    return case.replace(asks=asks)


def note(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Whoever has a part writes a remark, or why the member has not moved."""
    text = arguments.get("text")
    obstacle = arguments.one_of("obstacle", states.OBSTACLES, required=False)
    if not text and not obstacle:
        raise refuse(
            422,
            "nothing-noted",
            "请填备注 text 或未转原因 obstacle。",
            "Give a text or an obstacle.",
        )
    arguments.reason = obstacle or None
    return case.replace(obstacle=obstacle or case.obstacle)


def merge(case: Case, arguments: Arguments, context: DecisionContext) -> Case:
    """Whoever answers for the member in both cases makes them one."""
    into = arguments.case("into")
    if into.id == case.id:
        raise refuse(
            422,
            "merge-into-itself",
            "不能并入本件自身。",
            "A case cannot be merged into itself.",
            field="into",
        )
    _may_be_joined(case, into, arguments.actor, context)
    arguments.affects.append(("merge", into.id))
    return case.replace(state=states.MERGED, merged_into=into.id)


def _may_be_joined(case: Case, into: Case, actor: str, context: DecisionContext) -> None:
    """Two cases are made one by whoever answers for the member in both, and only once it is sure
    that it is one member.
    """
    if (into.state, "merge") not in states.TRANSITIONS:
        raise refuse(
            422,
            "merge-into-what",
            "要并入的那一件已经办结或是整批，请核对 into。",
            "The case to merge into has ended or is a batch; check into.",
            field="into",
        )
    if not rights.may_join(into, actor, context):
        raise refuse(
            422,
            "merge-not-yours",
            "要并入的那一件不由本组织转出，也没有接收到本组织，不能由本组织并案。",
            "The case to merge into neither leaves nor has been accepted by this organisation, "
            "which may not "
            "merge into it.",
            field="into",
        )
    if (case.member is None) != (into.member is None):
        raise refuse(
            409,
            "identify-first",
            "其中一件还没有核定是哪名党员。请先核定本人：名册里有了此人，或在审核台认定，"
            "系统会自动并入，不必另行并案。",
            "One of the two is not known to be any member's yet. Identify the person first: once "
            "the register has "
            "them, or the review desk says who it is, the cases are joined by themselves.",
            field="into",
        )
    if case.member != into.member:
        raise refuse(
            422,
            "merge-other-member",
            "两件不是同一名党员，不能并案。",
            "The two cases are not of the same member.",
            field="into",
        )
