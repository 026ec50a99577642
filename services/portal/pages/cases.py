"""The pages of those who act on cases, at either end: the list, the card, and a form for each
command.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from services.cases.commands.apply import GivenCommand, apply
from services.cases.model import states
from services.cases.policy.values import Policy
from services.cases.views import pages, queries
from services.kit.errors import Refused, Words
from services.kit.translations import N_
from services.portal.asking import CheckedForm, SignedIn, ThisPortal
from services.portal.context import Portal
from services.portal.organisation_search import branches, find
from services.portal.page import PageRoute, render, signed_in
from services.portal.pages import fields
from services.portal.pages.destinations import choices
from services.portal.pages.history_details import told
from services.portal.pages.sentences import FLAGS, NEXT, REASONS, SOURCES
from services.portal.sessions import Viewer
from services.records import member_followups
from services.records.letters import photos
from services.registry.directory import Directory, Organisation

ROWS = 50
TABS = (
    ("waiting", N_("待我处理")),
    ("below", N_("下级待办")),
    ("on_the_way", N_("在办")),
    ("expected", N_("将到")),
    ("moved", N_("已归队")),
)
_BEFORE_ACCEPTED = frozenset(states.OPEN) - {states.ACCEPTED, states.PLACED, states.RECEIPT_SENT}
NO_CASE = Words(
    "没有这件转移，或本组织不是其中一方。请从列表重新进入。",
    "There is no such case, or your organisation has no part in it. Start from the list.",
)
_NO_COMMAND = Words("没有这个办理动作。", "There is no such act.")
_BY_TASK = {
    "talk": "record_talk",
    "receipt": "send_receipt",
    "placement": "place",
    "contact": "answer",
}
_ROLES = "role: secretary, clerk, department, admin"


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/", summary=f"Where one's work is; {_ROLES}")
def start(viewer: SignedIn) -> Response:
    """Leads to where the viewer's work is."""
    if viewer.role == "operator":
        return RedirectResponse("/desk", 303)
    return RedirectResponse("/department" if viewer.oversees else "/cases", 303)


@routes.get("/cases", summary=f"The list; {_ROLES}")
def the_list(
    request: Request,
    portal: ThisPortal,
    tab: str = "waiting",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    done: str = "",
    printed: Annotated[bool, Query(alias="print")] = False,
) -> Response:
    """A page of the cases of one tab, with how many each tab has."""
    viewer, now = signed_in(portal, request), portal.clock.now()
    tab = tab if tab in pages.TABS else "waiting"
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, viewer.caller)
        counts = pages.counts(tx, now, viewer.own_organisation)
        rows = pages.work_list(
            tx, now, viewer.own_organisation, tab=tab, limit=ROWS, offset=(page - 1) * ROWS
        )
        waiting = (
            rows
            if tab == "waiting" and page == 1
            else pages.work_list(tx, now, viewer.own_organisation, tab="waiting", limit=ROWS)
        )
        calendar, desk = portal.calendar(tx), pages.desk(tx, viewer.own_organisation)
    context = dict(
        desk=desk,
        tabs=TABS,
        tab=tab,
        counts=counts,
        rows=rows,
        page=page,
        more=counts[tab] > page * ROWS,
        calendar=calendar,
        done=done if done in states.COMMANDS else "",
        due_today=sum(1 for r in waiting if r["due"] == portal.today),
        overdue=sum(1 for r in waiting if r["overdue"]),
    )
    template = "list_print.html" if printed else "list.html"
    return render(portal, request, template, viewer, listed=("cases", len(rows)), **context)


@routes.get("/cases/{case_id}", summary=f"One case; {_ROLES}")
def the_card(
    request: Request,
    case_id: str,
    portal: ThisPortal,
    done: str = "",
    printed: Annotated[bool, Query(alias="print")] = False,
) -> Response:
    """One case; the notifier is told that its card was opened."""
    viewer = signed_in(portal, request)
    with portal.web.begin() as tx:
        context = _card(portal, tx, viewer, case_id, "print" if printed else "open")
        context["done"] = done if done in states.COMMANDS else ""
        rest = (
            pages.work_list(tx, portal.clock.now(), viewer.own_organisation, limit=2)
            if context["done"]
            else []
        )
        member = context["case"]["member"]
        context["keeps_up"] = (
            member is not None and member_followups.member_of(tx, member) is not None
        )
        context["following"] = next((r for r in rest if r["id"] != context["case"]["id"]), None)
    with portal.worker.begin() as tx:
        portal.opened(tx, context["case"]["id"], viewer.own_organisation, portal.clock.now())
    return render(portal, request, "card_print.html" if printed else "card.html", viewer, **context)


@routes.get("/cases/{case_id}/looks", summary=f"Who looked at a case; {_ROLES}")
def the_looks(request: Request, case_id: str, portal: ThisPortal, viewer: SignedIn) -> Response:
    """Who looked at a case, and when."""
    with portal.web.begin() as tx:
        card = _seen(portal, tx, viewer, case_id)
        names = Directory.of(tx)
        looks = [
            dict(one) | {"name": _name(names, one["organisation"])}
            for one in queries.looks(tx, card["id"])
        ]
    return render(portal, request, "looks.html", viewer, case=card, looks=looks)


@routes.get("/cases/{case_id}/{command}", summary=f"The form of one act; {_ROLES}")
def the_form(
    request: Request, case_id: str, command: str, portal: ThisPortal, viewer: SignedIn
) -> Response:
    """The form of one act, filled in as far as it is known."""
    with portal.web.begin() as tx:
        return _form(portal, request, tx, viewer, case_id, command, None)


@routes.post("/cases/{case_id}/{command}", summary=f"One act; {_ROLES}")
def give(
    request: Request,
    case_id: str,
    command: str,
    form: CheckedForm,
    portal: ThisPortal,
    viewer: SignedIn,
) -> Response:
    """Gives the command that a form says, or shows the form again with what is wrong or was
    found.
    """
    if command not in fields.FIELDS:
        raise Refused(404, "unknown-command", _NO_COMMAND)
    refused = None
    if not form.get("find"):
        try:
            given = GivenCommand(
                case_id, command, fields.arguments(command, form), form.get("seen_state")
            )
            with portal.acts.begin() as tx:
                apply(tx, portal.acting(viewer.caller, viewer.name), given)
            return RedirectResponse(f"/cases/{case_id}?done={command}", 303)
        except Refused as error:
            refused = error
            if error.status == 404:
                raise
    with portal.web.begin() as tx:
        return _form(portal, request, tx, viewer, case_id, command, form, refused)


@routes.get("/organisations", summary=f"Organisations by name, for a form; {_ROLES}")
def organisations(
    request: Request, portal: ThisPortal, viewer: SignedIn, name: str = "organisation"
) -> Response:
    """The organisations that a name finds, as a piece of a form."""
    q = request.query_params.get(f"{name}_text", "")
    with portal.web.begin() as tx:
        found = find(Directory.of(tx), q, portal.today)
    return render(
        portal, request, "found.html", viewer, found=found, name=name, looked_for=q, chosen=""
    )


def _seen(portal: Portal, tx: Connection, viewer: Viewer, case_id: str) -> dict[str, Any]:
    queries.look_at_cases(tx, viewer.caller)
    card = pages.card(tx, case_id, portal.clock.now(), viewer.own_organisation, portal.rule_source)
    if card is None:
        raise Refused(404, "no-such-case", NO_CASE)
    return masked(card, viewer.own_organisation)


def masked(card: dict[str, Any], organisation: str) -> dict[str, Any]:
    """Before acceptance the receiving side sees name, origin, contact, category and due day; not
    where somebody lives.
    """
    origin_side = {card["origin"], card["parties"].get("committee"), card["parties"].get("issuer")}
    if card["state"] in _BEFORE_ACCEPTED and organisation not in origin_side:
        contacts = [one | {"address": None} for one in card["contacts"]]
        return card | {"person": card["person"] | {"address": None}, "contacts": contacts}
    return card


def _card(
    portal: Portal, tx: Connection, viewer: Viewer, case_id: str, purpose: str
) -> dict[str, Any]:
    """What the card's template needs; notes that it was opened."""
    card = _seen(portal, tx, viewer, case_id)
    queries.record_look(
        tx, card["id"], viewer.own_organisation, viewer.name, purpose, portal.clock.now()
    )
    primary, beside, others = grouped(card, viewer.own_organisation)
    directory = Directory.of(tx)
    due = card["waiting_on"]["due_on"]
    if primary and primary != card["waiting_on"]["act"]:
        kind = next((k for k, c in _BY_TASK.items() if c == primary), None)
        due = next((t["due_on"] for t in card["tasks"] if t["kind"] == kind), None)
    evidence = card["evidence"].get("words", ()) if isinstance(card["evidence"], dict) else ()
    return {
        "case": card,
        "due": due,
        "evidence": evidence,
        "choosing": choices(card, directory, portal.today),
        "primary": primary,
        "beside": beside,
        "others": others,
        "calendar": portal.calendar(tx),
        "fields": _filled(portal, tx, viewer, card, primary) if primary else [],
        "chosen": directory.get(card["destination"]["organisation"]),
        "values": {},
        "found": {},
        "refused": None,
        "facts": fields.FACTS,
        "asked": fields.questions(card["category"]),
        "told": lambda speaker, line: list(
            told(line["command"], line["detail"], speaker, directory)
        ),
        "led_here": _led_here(card, primary, viewer.own_organisation),
        "proofs": {one.seq: one.id for one in photos.photos(tx, card["id"]) if one.seq},
        "NEXT": NEXT,
        "FLAGS": FLAGS,
        "SOURCES": SOURCES,
        "looks": Counter(_name(directory, r.organisation) for r in queries.looks(tx, card["id"])),
    }


def _led_here(
    card: Mapping[str, Any], primary: str | None, organisation: str
) -> Mapping[str, Any] | None:
    """The step whose words one needs to act: the question that is to be answered, why the member
    was sent back.
    """
    for line in reversed(card["history"]):
        if (
            primary == "answer"
            and line["command"] == "ask"
            and (line["detail"] or {}).get("organisation") == organisation
        ):
            return line
        if card["state"] in (states.RETURNED, states.ESCALATED) and line["command"] in (
            "return_for_cure",
            "refuse",
        ):
            return line
    return None


def grouped(card: Mapping[str, Any], organisation: str) -> tuple[str | None, list[str], list[str]]:
    """(the verb of the sentence, its quiet companions, everything else) of what the organisation
    may do now.
    """
    allowed = list(card["allowed"])
    act = card["waiting_on"]["act"]
    mine = card["waiting_on"]["organisation"] == organisation
    primary = act if act in allowed else None
    if primary is None or not mine:
        asked = [t["kind"] for t in card["tasks"] if t["organisation"] == organisation]
        primary = next((_BY_TASK[kind] for kind in asked if _BY_TASK.get(kind) in allowed), primary)
    if primary is None and "acknowledge" in allowed:
        primary = "acknowledge"
    if primary is None and card["state"] == states.LETTER_ISSUED and "hand_over" in allowed:
        primary = "hand_over"
    if (
        act == "approve_stay"
        and card["lost"]
        and (mine or primary)
        and "confirm_destination" in allowed
    ):
        primary = "confirm_destination"
    beside = [c for c in fields.BESIDE.get(primary or (act if mine else ""), ()) if c in allowed]
    if primary == "record_arrival" and not mine and "hand_over" in allowed:
        primary, beside = "hand_over", ["record_arrival"]
    rest = [c for c in allowed if c != primary and c not in beside]
    return primary, beside, rest


def _filled(
    portal: Portal, tx: Connection, viewer: Viewer, card: Mapping[str, Any], command: str
) -> list[dict[str, Any]]:
    """The fields of a command with what a new form holds."""
    me = card["organisations"].get(viewer.organisation) or {}
    known = {
        "today": portal.today.isoformat(),
        "month": f"{portal.today:%Y-%m}",
        "me": viewer.name,
        "my_phone": me.get("phone") or "",
    }
    late = card["letter"]["expires_on"] and card["letter"]["expires_on"] < portal.today.isoformat()
    made = []
    for field in fields.FIELDS[command]:
        if field.name == "late_decision" and not late:
            continue
        choices: Sequence[Any] = field.choices
        if command == "rule" and field.name == "decision" and card["state"] == states.TRIAGED:
            choices = [choice for choice in field.choices if choice[0] != "accept"]
        field, choices = _by_policy(command, field, choices, card["policy_now"])
        if field.kind == "branch":
            choices = [
                (o.code, o.name)
                for o in branches(Directory.of(tx), card["receiving_committee"], portal.today)
            ]
        required = field.required or field.name == "late_decision"
        if field.name == "archive_checked":
            required = card["policy_now"].archive_check == "required"
        if command == "confirm_destination" and field.name == "organisation":
            required = not card["destination"]["organisation"]
        made.append(
            {
                "field": field,
                "choices": choices,
                "required": required and field.only_with is None,
                "value": known.get(field.value, field.value),
            }
        )
    return made


def _by_policy(
    command: str, field: fields.Field, choices: Sequence[Any], policy: Policy
) -> tuple[fields.Field, Sequence[Any]]:
    """Closed lists as the policy in force has them: reasons for a refusal, and for a stay where
    they are prescribed.
    """
    if (command, field.name) == ("refuse", "reason"):
        listed = [(code, REASONS.get(code, code)) for code in policy.refusal_reasons]
        return field, [*listed, field.choices[-1]]
    if (command, field.name) == ("approve_stay", "reason") and policy.stay_reasons:
        return replace(field, kind="choice"), [(reason, reason) for reason in policy.stay_reasons]
    return field, choices


def _form(  # noqa: PLR0913
    portal: Portal,
    request: Request,
    tx: Connection,
    viewer: Viewer,
    case_id: str,
    command: str,
    given: Mapping[str, str] | None,
    refused: Refused | None = None,
) -> Response:
    """The form of one act, with what was typed and what is wrong with it."""
    if command not in fields.FIELDS:
        raise Refused(404, "unknown-command", _NO_COMMAND)
    card = _seen(portal, tx, viewer, case_id)
    if command not in card["allowed"] and refused is None:
        raise Refused(
            409,
            "not-now",
            Words(
                f"这件转移现在是「{states.STATES[card['state']][0]}」，"
                f"本组织不能「{states.COMMANDS[command][0]}」。",
                f"The transfer is '{states.STATES[card['state']][1]}' now; your organisation "
                f"cannot "
                f"{states.COMMANDS[command][1]}.",
            ),
        )
    directory, given = Directory.of(tx), given or {}
    found = {}
    for field in fields.FIELDS[command]:
        if field.kind == "organisation":
            looked_for, chosen = (
                given.get(f"{field.name}_text", ""),
                directory.get(given.get(field.name)),
            )
            hits = (
                list(find(directory, looked_for, portal.today))
                if looked_for
                else _near(card, directory, portal.today)
            )
            found[field.name] = [chosen, *(h for h in hits if h != chosen)] if chosen else hits
    category = given.get("category") or card["category"]
    context = dict(
        case=card,
        command=command,
        fields=_filled(portal, tx, viewer, card, command),
        values=given,
        found=found,
        refused=refused,
        wrong=fields.labelled(command, refused.extra.get("field")) if refused else None,
        facts=fields.FACTS,
        asked=fields.questions(category),
        grave=fields.GRAVE,
        calendar=portal.calendar(tx),
        chosen=directory.get(card["destination"]["organisation"]),
        looking=given.get("find", ""),
    )
    return render(
        portal, request, "form.html", viewer, status=refused.status if refused else 200, **context
    )


def _near(card: Mapping[str, Any], directory: Directory, today: date) -> list[Organisation]:
    """Who serves the places that the new address may lie in: what to choose from before anything is
    typed.
    """
    near = card["evidence"].get("candidates", ()) if isinstance(card["evidence"], dict) else ()
    served = (directory.serving(one["code"], today) for one in near)
    return list(dict.fromkeys(one for one in served if one is not None))


def _name(directory: Directory, code: str | None) -> str:
    one = directory.get(code)
    return one.name if one else code or ""
