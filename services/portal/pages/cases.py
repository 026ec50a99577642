"""The pages of those who act on cases, at either end: the list, the card, and a form for each
command.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from services.cases.commands.apply import GivenCommand, apply
from services.cases.deadlines.calendar import Calendar
from services.cases.model import states
from services.cases.views import pages, queries
from services.cases.views.card import Card, card_of
from services.kit.errors import Refused, Text
from services.kit.translations import N_
from services.portal.asking import CheckedForm, SignedIn, ThisPortal
from services.portal.context import Portal
from services.portal.organisation_search import branches, find
from services.portal.page import PageRoute, language, render, signed_in
from services.portal.pages import fields
from services.portal.pages.destinations import DestinationChoice, choices
from services.portal.pages.history_details import details_of
from services.portal.pages.sentences import FLAGS, NEXT, REASONS, SOURCES, Speaker
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
NO_CASE = Text(
    "没有这件转移，或本组织不是其中一方。请从列表重新进入。",
    "There is no such case, or your organisation has no part in it. Start from the list.",
)
_NO_COMMAND = Text("没有这个办理动作。", "There is no such act.")
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
    viewer, now = signed_in(portal, request), portal.clock.now()
    done = done if done in states.COMMANDS else ""
    speaker = Speaker(language(request), portal.today)
    with portal.web.begin() as tx:
        page = _card_page(portal, tx, viewer, case_id, speaker, "print" if printed else "open")
        member = page.case["member"]
        keeps_up = member is not None and member_followups.member_of(tx, member) is not None
        rest = pages.work_list(tx, now, viewer.own_organisation, limit=2) if done else []
        following = next((row for row in rest if row["id"] != page.card.id), None)
    with portal.worker.begin() as tx:
        portal.opened(tx, UUID(page.card.id), viewer.own_organisation, now)
    return render(
        portal,
        request,
        "card_print.html" if printed else "card.html",
        viewer,
        done=done,
        following=following,
        keeps_up=keeps_up,
        **vars(page),
    )


@routes.get("/cases/{case_id}/looks", summary=f"Who looked at a case; {_ROLES}")
def the_looks(request: Request, case_id: str, portal: ThisPortal, viewer: SignedIn) -> Response:
    """Who looked at a case, and when."""
    with portal.web.begin() as tx:
        card = _seen(portal, tx, viewer, case_id)
        names = Directory.of(tx)
        looks = [
            dict(look) | {"name": _name(names, look["organisation"])}
            for look in queries.looks(tx, card.id)
        ]
    return render(portal, request, "looks.html", viewer, card=card, looks=looks)


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
        organisations_found = find(Directory.of(tx), q, portal.today)
    return render(
        portal,
        request,
        "found.html",
        viewer,
        found=organisations_found,
        name=name,
        looked_for=q,
        chosen="",
    )


def _seen(portal: Portal, tx: Connection, viewer: Viewer, case_id: str) -> Card:
    queries.look_at_cases(tx, viewer.caller)
    card = card_of(tx, case_id, portal.clock.now(), viewer.own_organisation, portal.rule_source)
    if card is None:
        raise Refused(404, "no-such-case", NO_CASE)
    return masked(card, viewer.own_organisation)


def masked(card: Card, organisation: str) -> Card:
    """Before acceptance the receiving side sees name, origin, contact, category and due day; not
    where somebody lives.
    """
    origin_side = {
        card.view["origin"],
        card.parties.get("committee"),
        card.parties.get("issuer"),
    }
    if card.state not in _BEFORE_ACCEPTED or organisation in origin_side:
        return card
    return replace(
        card,
        person=replace(card.person, address=None),
        contacts=[replace(contact, address=None) for contact in card.contacts],
    )


@dataclass(frozen=True)
class HistoryLine:
    """One step of a case: when, who (a name; None is the system), what, and what was written.
    ``photo``: of the receipt that it recorded.
    """

    at: str
    by: str | None
    command: str
    before: str | None
    after: str
    reason: str | None
    details: Sequence[tuple[str, str]]
    photo: Any | None


@dataclass(frozen=True)
class StepBox:
    """What may be done now: the verb of the sentence (with its headline, what it is about, its
    fields, and the step that led to it), its quiet companions, everything else.
    """

    primary: str | None
    beside: Sequence[str]
    others: Sequence[str]
    due: str | None
    headline: str
    about: str
    fields: Sequence[fields.AskedField]
    led_here: HistoryLine | None


@dataclass(frozen=True, kw_only=True)
class CardPage:
    """What the card's template reads. ``flags``: words and the tone of a chip; ``source``: how the
    destination is known; ``looks``: who opened the case, how often.
    """

    case: Mapping[str, Any]
    card: Card
    step: StepBox
    form: fields.FormBox
    choosing: Sequence[DestinationChoice]
    flags: Sequence[tuple[str, str]]
    source: str
    history: Sequence[HistoryLine]
    looks: Mapping[str, int]
    calendar: Calendar


def _card_page(  # noqa: PLR0913
    portal: Portal,
    tx: Connection,
    viewer: Viewer,
    case_id: str,
    speaker: Speaker,
    purpose: str,
) -> CardPage:
    """What the card's template reads; notes that it was opened."""
    card = _seen(portal, tx, viewer, case_id)
    case = card.view
    queries.record_look(
        tx, card.id, viewer.own_organisation, viewer.name, purpose, portal.clock.now()
    )
    directory = Directory.of(tx)
    history = _history(tx, card, speaker, directory)
    destination = case["destination"]
    return CardPage(
        case=case,
        card=card,
        step=_step(portal, tx, viewer, card, history),
        form=fields.FormBox(
            asked=fields.questions(case["category"]),
            chosen=directory.get(destination["organisation"]),
        ),
        choosing=choices(card, directory, portal.today),
        flags=[FLAGS[flag] for flag in case["flags"]],
        source=SOURCES[destination["source"]] if destination["source"] else "",
        history=history,
        looks=Counter(_name(directory, look.organisation) for look in queries.looks(tx, card.id)),
        calendar=portal.calendar(tx),
    )


def _history(
    tx: Connection, card: Card, speaker: Speaker, directory: Directory
) -> list[HistoryLine]:
    """The steps of a case, the first on top."""
    proofs = {photo.seq: photo.id for photo in photos.photos(tx, card.id) if photo.seq}
    lines = []
    for seq, step in enumerate(card.view["history"], start=1):
        details = details_of(step["command"], step["detail"], speaker, directory)
        lines.append(
            HistoryLine(
                at=step["at"],
                by=card.organisations[step["by"]].name if step["by"] else None,
                command=step["command"],
                before=step["from"],
                after=step["to"],
                reason=step["reason"],
                details=list(details),
                photo=proofs.get(seq),
            )
        )
    return lines


def _step(
    portal: Portal,
    tx: Connection,
    viewer: Viewer,
    card: Card,
    history: Sequence[HistoryLine],
) -> StepBox:
    primary, beside, others = grouped(card, viewer.own_organisation)
    headline, about = NEXT.get(primary or "", ("", ""))
    led_here = _led_here(card, primary, viewer.own_organisation)
    return StepBox(
        primary=primary,
        beside=beside,
        others=others,
        due=_due(card, primary),
        headline=headline,
        about=about,
        fields=_fields_of(portal, tx, viewer, card, primary) if primary else [],
        led_here=history[led_here] if led_here is not None else None,
    )


def _due(card: Card, primary: str | None) -> str | None:
    """When the verb of the sentence is due: the case's own day, or that of the verb's task."""
    waiting_on = card.view["waiting_on"]
    if not primary or primary == waiting_on["act"]:
        return waiting_on["due_on"]
    kind = next((kind for kind, command in _BY_TASK.items() if command == primary), None)
    return next((task["due_on"] for task in card.view["tasks"] if task["kind"] == kind), None)


def _led_here(card: Card, primary: str | None, organisation: str) -> int | None:
    """The place in the history of the step whose words are needed to act: the question that is to
    be answered, why the member was sent back.
    """
    history = card.view["history"]
    for place in reversed(range(len(history))):
        step = history[place]
        asked = (step["detail"] or {}).get("organisation") if step["command"] == "ask" else None
        if primary == "answer" and asked == organisation:
            return place
        sent_back = step["command"] in ("return_for_cure", "refuse")
        if sent_back and card.state in (states.RETURNED, states.ESCALATED):
            return place
    return None


def grouped(card: Card, organisation: str) -> tuple[str | None, list[str], list[str]]:
    """(the verb of the sentence, its quiet companions, everything else) of what the organisation
    may do now.
    """
    allowed, waiting_on = list(card.allowed), card.view["waiting_on"]
    act, mine = waiting_on["act"], waiting_on["organisation"] == organisation
    primary = _primary(card, organisation)
    chooses = act == "approve_stay" and card.rule.lost and (mine or primary)
    if chooses and "confirm_destination" in allowed:
        primary = "confirm_destination"
    companions = fields.BESIDE.get(primary or (act if mine else ""), ())
    beside = [command for command in companions if command in allowed]
    if primary == "record_arrival" and not mine and "hand_over" in allowed:
        primary, beside = "hand_over", ["record_arrival"]
    rest = [command for command in allowed if command != primary and command not in beside]
    return primary, beside, rest


def _primary(card: Card, organisation: str) -> str | None:
    """What the organisation is waited for, else what a task asks of it, else what it may do
    alone.
    """
    allowed, waiting_on = card.allowed, card.view["waiting_on"]
    act = waiting_on["act"] if waiting_on["act"] in allowed else None
    if act and waiting_on["organisation"] == organisation:
        return act
    for task in card.view["tasks"]:
        command = _BY_TASK.get(task["kind"])
        if task["organisation"] == organisation and command in allowed:
            return command
    if act:
        return act
    if "acknowledge" in allowed:
        return "acknowledge"
    if card.state == states.LETTER_ISSUED and "hand_over" in allowed:
        return "hand_over"
    return None


def _fields_of(
    portal: Portal, tx: Connection, viewer: Viewer, card: Card, command: str
) -> list[fields.AskedField]:
    """The fields of a command with what a new form holds."""
    me = card.organisations.get(viewer.organisation or "")
    today = portal.today.isoformat()
    known = {
        "today": today,
        "month": f"{portal.today:%Y-%m}",
        "me": viewer.name,
        "my_phone": (me.phone if me else None) or "",
    }
    expires_on = card.view["letter"]["expires_on"]
    late = bool(expires_on) and expires_on < today
    asked = []
    for listed in fields.FIELDS[command]:
        if listed.name == "late_decision" and not late:
            continue
        field, choices_now = _by_policy(
            command, listed, _choices_of(tx, card, listed, portal.today), card
        )
        required = _required(card, command, field) and field.only_with is None
        value = known.get(field.value, field.value)
        asked.append(fields.AskedField(field, choices_now, required, value))
    return asked


def _choices_of(tx: Connection, card: Card, field: fields.Field, today: date) -> Sequence[Any]:
    if field.kind != "branch":
        return field.choices
    return [
        (organisation.code, organisation.name)
        for organisation in branches(Directory.of(tx), card.receiving_committee, today)
    ]


def _required(card: Card, command: str, field: fields.Field) -> bool:
    if field.name == "archive_checked":
        return card.policy_now.archive_check == "required"
    if command == "confirm_destination" and field.name == "organisation":
        return not card.view["destination"]["organisation"]
    return field.required or field.name == "late_decision"


def _by_policy(
    command: str, field: fields.Field, choices_now: Sequence[Any], card: Card
) -> tuple[fields.Field, Sequence[Any]]:
    """Closed lists as the state and the policy in force have them: a ruling on a member whom nobody
    was to take yet, reasons for a refusal, and for a stay where they are prescribed.
    """
    policy = card.policy_now
    if (command, field.name) == ("rule", "decision") and card.state == states.TRIAGED:
        return field, [choice for choice in choices_now if choice[0] != "accept"]
    if (command, field.name) == ("refuse", "reason"):
        listed = [(code, REASONS.get(code, code)) for code in policy.refusal_reasons]
        return field, [*listed, field.choices[-1]]
    if (command, field.name) == ("approve_stay", "reason") and policy.stay_reasons:
        return replace(field, kind="choice"), [(reason, reason) for reason in policy.stay_reasons]
    return field, choices_now


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
    card, given = _seen(portal, tx, viewer, case_id), given or {}
    if command not in card.allowed and refused is None:
        raise Refused(409, "not-now", _not_now(card.state, command))
    directory = Directory.of(tx)
    return render(
        portal,
        request,
        "form.html",
        viewer,
        status=refused.status if refused else 200,
        case=card.view,
        card=card,
        command=command,
        grave=command in fields.GRAVE,
        fields=_fields_of(portal, tx, viewer, card, command),
        form=fields.FormBox(
            values=given,
            hits=_found_for(command, given, card, directory, portal.today),
            asked=fields.questions(given.get("category") or card.view["category"]),
            chosen=directory.get(card.view["destination"]["organisation"]),
            looking=given.get("find", ""),
        ),
        refused=refused,
    )


def _not_now(state: str, command: str) -> Text:
    state_zh, state_en = states.STATES[state]
    command_zh, command_en = states.COMMANDS[command]
    return Text(
        f"这件转移现在是「{state_zh}」，本组织不能「{command_zh}」。",
        f"The transfer is '{state_en}' now; your organisation cannot {command_en}.",
    )


def _found_for(
    command: str, given: Mapping[str, str], card: Card, directory: Directory, today: date
) -> dict[str, list[Organisation]]:
    """For each field that asks for an organisation: the one chosen, and those with the name that
    was typed, or near the new address where nothing was.
    """
    organisations = {}
    for field in fields.FIELDS[command]:
        if field.kind != "organisation":
            continue
        looked_for = given.get(f"{field.name}_text", "")
        chosen = directory.get(given.get(field.name))
        if looked_for:
            hits = list(find(directory, looked_for, today))
        else:
            hits = _near(card, directory, today)
        others = [organisation for organisation in hits if organisation != chosen]
        organisations[field.name] = [chosen, *others] if chosen else hits
    return organisations


def _near(card: Card, directory: Directory, today: date) -> list[Organisation]:
    """Who serves the places that the new address may lie in: what to choose from before anything is
    typed.
    """
    near = card.evidence.get("candidates", ())
    served = (directory.serving(candidate["code"], today) for candidate in near)
    return list(dict.fromkeys(code for code in served if code is not None))


def _name(directory: Directory, code: str | None) -> str:
    organisation = directory.get(code)
    return organisation.name if organisation else code or ""
