"""What the pages of one case show beyond its view (interface.md §6): names, phones, the rule in
words, what may be done now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from services.cases.commands import batches, reports, rights
from services.cases.deadlines import tasks as deadlines
from services.cases.deadlines.calendar import day_of
from services.cases.model import states
from services.cases.model.case import Case, DecisionContext
from services.cases.policy.values import Policy
from services.cases.routing.decision_table import table
from services.cases.routing.rule_source import RuleSource, default_rules
from services.cases.store import tables
from services.cases.views import queries
from services.cases.views.queries import as_worker
from services.kit.db.engine import rows
from services.registry.announcement_rights import in_line
from services.registry.directory import Directory
from services.registry.queries import reachable

CHILDREN_MAX = 500


@dataclass(frozen=True, kw_only=True)
class PersonBox:
    """The person; ``phone`` and ``standing`` only for who is close to the case."""

    name: str | None = None
    sex: str | None = None
    phone_masked: str | None = None
    phone: str | None = None
    address: str | None = None
    standing: str | None = None


@dataclass(frozen=True)
class RuleWords:
    """A row of the decision table and its source, in both languages."""

    zh: str
    en: str
    source: str
    source_en: str


@dataclass(frozen=True)
class RuleBox:
    """Why the member goes where the case says. ``override_source``: the document of the override
    that was used; ``lost``: the rule looks for a place, and none was found.
    """

    words: RuleWords | None
    override_source: str | None
    lost: bool


@dataclass(frozen=True)
class StayBox:
    """Why the member stays, until when that stands, and how often they are contacted (months)."""

    reason: str | None
    review_on: date | None
    interval: int | None
    contacted_on: date | None


@dataclass(frozen=True)
class FloatingBox:
    """The permit of a floating member, who the host is and whether it has acknowledged."""

    permit_no: str | None
    host: str | None
    acknowledged_on: date | None
    contacted_on: date | None


@dataclass(frozen=True)
class BatchBox:
    """How many of a batch stand where, what was given to all, and whom the last order did not
    fit.
    """

    by_state: Mapping[str, int]
    orders: Sequence[Mapping[str, Any]]
    paused: bool
    refused: Sequence[Mapping[str, Any]]
    members: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ContactLine:
    """A phone and an address with who said them; ``of_line``: whether of the member's line."""

    name: str
    of_line: bool
    at: datetime
    phone_masked: str | None
    address: str | None


@dataclass(frozen=True)
class ReportLine:
    """What an organisation outside the member's line reported; ``report`` names it."""

    report: str
    name: str
    at: str
    facts: Mapping[str, Any]
    phone_masked: str | None
    address: str | None
    taken_over: bool


@dataclass(frozen=True)
class OrganisationBox:
    """An organisation by name, with the contact that answers for it. ``contact_of``: the one above
    whose contact it is, where it has none.
    """

    code: str
    name: str
    outside: bool
    contact: str | None
    phone: str | None
    contact_of: str | None


@dataclass(frozen=True, kw_only=True)
class Card:
    """Everything the pages of a case show to one organisation.

    ``view`` is the case view; ``parties`` the organisations with a part by that part; ``allowed``
    the commands that the organisation may give now; ``claims`` the organisations that claim the
    member; ``asks`` the questions put to the origin; ``grid`` who knocks at the new address.
    """

    view: Mapping[str, Any]
    person: PersonBox
    evidence: Mapping[str, Any]
    rule: RuleBox
    policy_now: Policy
    organisations: Mapping[str, OrganisationBox]
    parties: Mapping[str, str]
    receiving_committee: str | None
    allowed: Sequence[str]
    claims: Sequence[str]
    asks: Sequence[Mapping[str, Any]]
    contacts: Sequence[ContactLine]
    reports: Sequence[ReportLine]
    grid: Mapping[str, Any] | None
    stay: StayBox | None
    floating: FloatingBox | None
    batch: BatchBox | None

    @property
    def id(self) -> str:
        """The id of the case."""
        return self.view["id"]

    @property
    def state(self) -> str:
        """The state of the case."""
        return self.view["state"]


def card_of(
    tx: Connection,
    case_id: str,
    now: datetime,
    actor: str,
    rule_source: RuleSource | None = None,
) -> Card | None:
    """The card of a case as ``actor`` sees it; None where this transaction does not see the
    case.
    """
    view = queries.case_view(tx, case_id, now, viewer=actor)
    if view is None:
        return None
    rule_source = rule_source or default_rules()
    history = view["history"]
    with as_worker(tx):
        case = tables.load(tx, [view["id"]])[view["id"]]
        acted = frozenset(line["by"] for line in history if line["by"])
        context = replace(rule_source.context(tx, now), acted=acted)
        person = _person_row(tx, case)
        standing = _standing_of(tx, case)
        codes = _organisations_of(case, history)
        reachable_contacts = reachable(tx, context.directory, codes, day_of(now))
        grid = queries.grids(tx, [case.id], actor).get(case.id)
        contacts = _contacts(tx, case, context.directory)
        reported = _reports(tx, case, actor, context)
        if _at_origin(case, actor, context):
            _tell_all(tx, case.id, history)
    claims = dict.fromkeys(report["organisation"] for report in case.reports)
    return Card(
        view=view,
        person=_person_box(person, standing, close=_close(case, actor)),
        evidence=_evidence_of(person),
        rule=_rule_box(case, context),
        policy_now=context.policy_now(case),
        organisations={
            code: _organisation(code, context.directory, reachable_contacts) for code in codes
        },
        parties=rights.parties(case, context),
        receiving_committee=case.receiving_committee,
        allowed=list(rights.allowed(case, actor, context)),
        claims=list(claims),
        asks=list(case.asks),
        contacts=contacts,
        reports=reported,
        grid=grid,
        stay=_stay(case, history, context),
        floating=_floating(case),
        batch=_batch(tx, case),
    )


def masked_phone(phone: str | None) -> str | None:
    """139 **** 0421: enough to recognise, not to pass on."""
    digits = "".join(c for c in phone or "" if c.isdigit())
    return f"{digits[:3]} **** {digits[-4:]}" if len(digits) >= 8 else None


def _person_row(tx: Connection, case: Case) -> Any | None:
    """What the case keeps of its person: name, sex, phone, address, evidence."""
    persons = rows(
        tx,
        "SELECT name, sex, phone, address, evidence FROM case_person WHERE case_id = CAST(:id "
        "AS uuid)",
        {"id": case.id},
    )
    return persons[0] if persons else None


def _standing_of(tx: Connection, case: Case) -> str | None:
    """The member's standing in the register; None where the register has no such member."""
    members = rows(tx, "SELECT standing FROM member WHERE member = :m", {"m": case.member})
    return members[0].standing if members else None


def _organisations_of(case: Case, history: Sequence[Mapping[str, Any]]) -> set[str]:
    """The codes of all organisations that the card names."""
    codes = {
        case.origin,
        case.origin_committee,
        case.destination,
        case.header,
        case.receiver,
        case.receiving_committee,
        case.branch,
        case.ruling,
        case.owner,
        case.poster,
        case.wait_organisation,
        case.host,
    }
    codes.update(line["by"] for line in history)
    return {code for code in codes if code}


def _at_origin(case: Case, actor: str, context: DecisionContext) -> bool:
    """Whether the actor stands at the origin's side: above it, its committee, or who posted."""
    if case.origin and context.directory.within(case.origin, actor):
        return True
    return actor in (case.poster, case.origin_committee, context.acting(case.origin))


def _close(case: Case, actor: str) -> bool:
    """Whether the actor is at one of the two ends, who must be able to call the member."""
    ends = {
        case.origin,
        case.origin_committee,
        case.destination,
        case.header,
        case.receiver,
        case.receiving_committee,
        case.branch,
        case.wait_organisation,
    }
    return actor in ends


def _person_box(person: Any | None, standing: str | None, close: bool) -> PersonBox:
    shown_standing = standing if close else None
    if person is None:
        return PersonBox(standing=shown_standing)
    return PersonBox(
        name=person.name,
        sex=person.sex,
        phone_masked=masked_phone(person.phone),
        phone=person.phone if close else None,
        address=person.address,
        standing=shown_standing,
    )


def _evidence_of(person: Any | None) -> Mapping[str, Any]:
    """What was read from the new address: candidates, and words on them."""
    evidence = person.evidence if person else None
    return evidence if isinstance(evidence, dict) else {}


def _rule_box(case: Case, context: DecisionContext) -> RuleBox:
    undecided = case.state == states.TRIAGED and case.destination is None
    row = table().rows.get(case.rule or "")
    sources = [override.source for override in context.overrides if override.id == case.override]
    return RuleBox(
        words=RuleWords(row.zh, row.en, row.source, row.source_en) if row else None,
        override_source=sources[0] if sources else None,
        lost=undecided and table().looks_for(case.rule, case.facts),
    )


def _contacts(tx: Connection, case: Case, directory: Directory) -> list[ContactLine]:
    """Every phone and address that was said, where there is more than one to choose from."""
    lines = [
        ContactLine(
            name=_name(contact["organisation"], directory),
            of_line=contact["of_line"],
            at=contact["time"],
            phone_masked=masked_phone(contact["phone"]),
            address=contact["address"],
        )
        for contact in tables.contacts(tx, case.id)
    ]
    return lines if len(lines) > 1 else []


def _reports(tx: Connection, case: Case, actor: str, context: DecisionContext) -> list[ReportLine]:
    """What other organisations reported, for the member's line."""
    if not in_line(actor, case.origin, context.directory, context.today):
        return []
    reported = reports.of_cases(tx, [case.id]).get(case.id, [])
    return [_report_line(report, context.directory) for report in reported]


def _report_line(report: reports.Report, directory: Directory) -> ReportLine:
    shown = reports.shown(report)
    return ReportLine(
        report=shown["report"],
        name=_name(report.organisation, directory),
        at=shown["at"],
        facts=shown["facts"],
        phone_masked=masked_phone(report.phone),
        address=shown["address"],
        taken_over=shown["taken_over"],
    )


def _name(code: str, directory: Directory) -> str:
    organisation = directory.get(code)
    return organisation.name if organisation else code


def _tell_all(tx: Connection, case_id: str, history: Sequence[dict[str, Any]]) -> None:
    """At the origin side the card tells what was written in every command of people."""
    written = tx.exec_driver_sql(
        "SELECT command, detail FROM case_event WHERE case_id = %s::uuid ORDER BY seq", (case_id,)
    )
    for line, row in zip(history, written, strict=True):
        if row.command != reports.REPORT:  # the view has told of that one already
            line["detail"] = row.detail if row.command in states.COMMANDS else None


def _stay(
    case: Case, history: Sequence[Mapping[str, Any]], context: DecisionContext
) -> StayBox | None:
    if case.state != states.STAY_APPROVED:
        return None
    reasons = [line["reason"] for line in history if line["command"] in ("approve_stay", "rule")]
    return StayBox(
        reason=reasons[-1] if reasons else None,
        review_on=case.review_on,
        interval=deadlines.contact_interval(case, context),
        contacted_on=case.contacted_on,
    )


def _floating(case: Case) -> FloatingBox | None:
    if case.state != states.FLOATING_REGISTERED:
        return None
    return FloatingBox(case.permit_no, case.host, case.acknowledged_on, case.contacted_on)


def _organisation(code: str, directory: Directory, contacts: Mapping[str, Any]) -> OrganisationBox:
    organisation = directory.get(code)
    contact, contact_code = contacts.get(code) or (None, code)
    above = directory.get(contact_code) if contact_code != code else None
    return OrganisationBox(
        code=code,
        name=organisation.name if organisation else code,
        outside=bool(organisation and organisation.outside),
        contact=contact.name if contact else None,
        phone=contact.phone if contact else None,
        contact_of=above.name if above else None,
    )


def _batch(tx: Connection, case: Case) -> BatchBox | None:
    if case.state not in (states.BULK_OPEN, states.BULK_CLOSED):
        return None
    orders = batches.orders(tx, case.id)
    latest = orders[0]["seq"] if orders else None
    refused: Sequence[Mapping[str, Any]] = []
    if latest:
        refused = batches.children(tx, case.id, seq=latest, refused=True, limit=CHILDREN_MAX)
    return BatchBox(
        by_state=batches.by_state(tx, case.id),
        orders=orders,
        paused=bool(case.paused),
        refused=refused,
        members=batches.children(tx, case.id, seq=latest, limit=CHILDREN_MAX),
    )
